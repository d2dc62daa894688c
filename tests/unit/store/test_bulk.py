"""Many rows at once: the same books as one by one, on both databases, and nothing by half."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, func, select, text

from depository.instructions import Instruction, InstructionKind, Side, Status
from depository.ledger import ISSUER, Entry, move
from depository.rejects import Broken
from depository.store import bulk, files, instructions, journal, schema
from depository.store.database import DatabaseUnavailable, open_database, writing
from depository.store.files import Queued
from depository.store.work import Work
from flows.steps.sites import load_market
from tests.support.books import MARKET

DAY = date(2026, 11, 23)
AT = datetime(2026, 11, 23, 6, 10, tzinfo=UTC)
MANY = bulk.FEW + 50


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """A database with all tables."""
    opened = open_database(database_url)
    yield opened
    opened.dispose()


def at_work(connection: Any) -> Work:
    return Work(connection, DAY, AT, load_market(MARKET))


def lodgments() -> list[Entry]:
    return [Entry("lodgment", f"L{n}", move("KZX000009014", 10 + n, ISSUER, f"B{n:04d}-HO")) for n in range(MANY)]


def deliveries() -> list[Entry]:
    """Each account gives to the next, and every third to an account that has no balance yet."""
    return [
        Entry(
            "settlement", f"I{n}", move("KZX000009014", 10 + n, f"B{n:04d}-HO", f"B{n + (1 if n % 3 else 5000):04d}-HO")
        )
        for n in range(MANY)
    ]


def books(work: Work) -> tuple[Any, ...]:
    j, p = schema.journal, schema.posting
    return (
        journal.balances(work),
        journal.head(work),
        work.connection.execute(select(j).order_by(j.c.number)).all(),
        work.connection.execute(select(p).order_by(p.c.entry, p.c.line)).all(),
    )


def posted(engine: Engine, parts: Sequence[Sequence[Entry]]) -> tuple[Any, ...]:
    """The books after posting these parts one after the other; taken back afterwards."""
    with writing(engine) as connection:
        undo = connection.begin_nested()
        work = at_work(connection)
        for part in parts:
            journal.post(work, part)
        found = books(work)
        undo.rollback()
    return found


def test_many_entries_in_one_piece_give_the_same_books_as_one_by_one(engine: Engine) -> None:
    entries = [*lodgments(), *deliveries()]
    assert posted(engine, [lodgments(), deliveries()]) == posted(engine, [[entry] for entry in entries])


def test_several_large_pieces_of_work_in_one_transaction_do_not_mix(engine: Engine) -> None:
    entries = lodgments()
    half = [Entry(e.kind, e.cause + "/2", e.postings) for e in entries]
    assert posted(engine, [entries, half, deliveries()]) == posted(
        engine, [[e] for e in [*entries, *half, *deliveries()]]
    )


def test_a_column_is_compared_with_any_texts_whatever_is_in_them(engine: Engine) -> None:
    odd = [
        "plain",
        "",
        " ",
        "NULL",
        "null",
        'a "quoted" one',
        "back\\slash",
        "\\",
        "{a,b}",
        "comma, and 'quote'",
        "line\nend\ttab",
        "Ж",
    ]
    name = schema.counter.c.name
    with writing(engine) as connection:
        undo = connection.begin_nested()
        bulk.add(connection, schema.counter, [(text, number) for number, text in enumerate(odd)])
        for texts in (odd, odd[3:], [], [""], ["NULL", "not there"]):
            asked = select(name).where(bulk.among(connection, name, texts))
            assert sorted(connection.execute(asked).scalars()) == sorted({*texts} & {*odd})
        undo.rollback()


def test_rows_come_as_they_were_given_however_many_go_into_one_statement(engine: Engine) -> None:
    together = bulk.VALUES // len(schema.counter.columns)
    for many in (1, together - 1, together, together + 1, 2 * together, 2 * together + 3):
        rows = [(f"x{number:04d}", number) for number in range(many)]
        with writing(engine) as connection:
            undo = connection.begin_nested()
            bulk.add(connection, schema.counter, rows)
            mine = select(schema.counter).where(schema.counter.c.name.like("x%")).order_by(schema.counter.c.name)
            assert [tuple(row) for row in connection.execute(mine)] == rows
            undo.rollback()


@pytest.mark.rule("CSD-5.2-dvp")
def test_a_balance_that_would_go_negative_among_many_is_named_and_nothing_is_written(engine: Engine) -> None:
    with writing(engine) as connection:
        journal.post(at_work(connection), lodgments())
    taking = [Entry("transfer", f"I{n}", move("KZX000009014", 60, f"B{n:04d}-HO", "B9999-HO")) for n in range(MANY)]
    with pytest.raises(Broken, match="balance of B0000-HO in KZX000009014 part '' would be -50"), writing(engine) as c:
        journal.post(at_work(c), taking)
    with writing(engine) as connection:
        work = at_work(connection)
        assert journal.head(work)[0] == MANY
        assert journal.amount(work, "B0000-HO", "KZX000009014") == 10
        assert journal.amount(work, "B9999-HO", "KZX000009014") == 0


def instruction(number: int) -> Instruction:
    return Instruction(
        f"I{number:09d}", InstructionKind.EXCHANGE, Side.BOTH, "exchange", f"T{number}", "B01", "B01-HO", "B02", "B02-HO",
        "KZX000009014", 5, DAY, AT, "KZT", 100, DAY, netting="net", status=Status.MATCHED,
    )  # fmt: skip


def test_statuses_of_many_instructions_change_as_those_of_each_with_its_own_reason_and_history(engine: Engine) -> None:
    ones = [instruction(n) for n in range(MANY)]
    changes = [
        (one, Status.SETTLED, "") if n % 2 else (one, Status.MATCHED, f"LACK short\tof {n}")
        for n, one in enumerate(ones)
    ]

    def after(parts: list[list[tuple[Instruction, Status, str]]]) -> list[Any]:
        with writing(engine) as connection:
            undo = connection.begin_nested()
            work = at_work(connection)
            instructions.add(work, ones, "test")
            for part in parts:
                instructions.change_each(work, part, "cycle")
            t, h = schema.instruction, schema.instruction_status
            found = [
                connection.execute(select(t).order_by(t.c.id)).all(),
                connection.execute(select(h).order_by(h.c.instruction, h.c.step)).all(),
            ]
            undo.rollback()
        return found

    together = after([changes])
    assert together == after([[change] for change in changes])
    assert [row.settled_at for row in together[0][:2]] == [None, AT]
    assert len(together[1]) == 2 * MANY


def test_of_many_instructions_none_changes_when_one_is_final(engine: Engine) -> None:
    ones = [instruction(n) for n in range(MANY)]
    with writing(engine) as connection:
        instructions.add(at_work(connection), ones, "test")
    settled = replace(ones[7], status=Status.SETTLED)
    changes = [(one, Status.LAPSED, "") for one in [*ones[:7], settled, *ones[8:]]]
    with pytest.raises(Broken, match="I000000007 cannot become lapsed"), writing(engine) as connection:
        instructions.change_each(at_work(connection), changes, "test")
    with writing(engine) as connection:
        assert {
            i.status for i in instructions.due(at_work(connection), [InstructionKind.EXCHANGE], list(Status), DAY)
        } == {Status.MATCHED}


def test_answers_queued_together_have_consecutive_numbers_and_a_name_that_waits_gets_the_new_content(
    engine: Engine,
) -> None:
    with writing(engine) as connection:
        work = at_work(connection)
        files.queue(work, "B01", "old.json", "a" * 64, "first")
        second = [("B02", "x.json", "b" * 64), ("B01", "old.json", "c" * 64), ("B02", "x.json", "d" * 64)]
        files.queue_all(work, [Queued(*one) for one in second], "second")
        files.queue(work, "B03", "last.json", "e" * 64, "third")
        assert [(o.id, o.party, o.name, o.sha256[0]) for o in files.waiting(work)] == [
            (1, "B01", "old.json", "c"), (2, "B02", "x.json", "d"), (3, "B03", "last.json", "e"),
        ]  # fmt: skip


@pytest.mark.parametrize(
    "value", ["tab\there", "line\nbreak", "back\\slash", r"\N", r"\.", "", "“Қазақ”", "a\rb", "'; --"]
)
def test_every_text_comes_back_as_it_went(engine: Engine, value: str) -> None:
    with writing(engine) as connection:
        bulk.add(connection, schema.party, [("X01", value, "participant", "", "", 1)])
        assert connection.execute(select(schema.party.c.name)).scalar_one() == value


def test_a_row_that_breaks_a_rule_of_the_database_takes_the_whole_piece_of_work_back(engine: Engine) -> None:
    rows = [(f"X{n:02d}", "", "participant", "", "", 1) for n in range(5)]
    with pytest.raises(Exception, match=r"(?i)unique"), writing(engine) as connection:
        bulk.add(connection, schema.party, [*rows, rows[0]])
    with writing(engine) as connection:
        assert connection.execute(select(func.count()).select_from(schema.party)).scalar_one() == 0


def test_a_server_that_goes_away_in_the_middle_is_told_plainly(postgres_server: Any) -> None:
    name = postgres_server.create()
    engine = open_database(postgres_server.url(name))

    def cut_off_in_the_middle() -> None:
        with writing(engine) as connection:
            own = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
            with engine.connect() as other:
                other.execute(text("SELECT pg_terminate_backend(:own)"), {"own": own})
            bulk.add(connection, schema.party, [("X01", "", "participant", "", "", 1)])

    with pytest.raises(DatabaseUnavailable, match="nothing of this was committed"):
        cut_off_in_the_middle()
    with writing(engine) as connection:
        assert connection.execute(select(func.count()).select_from(schema.party)).scalar_one() == 0
    engine.dispose()
    postgres_server.drop(name)


def test_balances_of_more_holders_than_a_query_can_name_are_read_whole(engine: Engine) -> None:
    with writing(engine) as connection:
        work = at_work(connection)
        journal.post(work, lodgments())
        wanted = {f"B{n:04d}-HO" for n in range(journal.MOST_NAMED + 100) if n != 3}
        found = journal.balances(work, wanted)
    assert len(found) == MANY - 1
    assert ("B0003-HO", "KZX000009014", "") not in found
