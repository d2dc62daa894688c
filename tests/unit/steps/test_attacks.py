"""Files and batches that try to break the day: repeated, hostile, late, early, out of order, at once."""

import threading
from collections import Counter
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from depository.answers import Verdict
from depository.instructions import Status
from depository.rejects import Broken, RejectionReason
from depository.requests import InterestAction
from depository.sftp.intake import LONGEST_NAME
from depository.store import schema
from depository.store.database import open_database
from flows.steps.batches import run_batch
from flows.steps.planning import due, plan
from forms import samples
from parsers import report_json
from tests.support.books import (
    DAY,
    SECRET,
    SHARE_B,
    TUESDAY,
    Desk,
    advice,
    at,
    entry,
    form,
    interest,
    ist_line,
    trade,
    wrn_body,
)

SATURDAY = date(2026, 11, 21)
WEDNESDAY = date(2026, 11, 25)
YEAR_WITHOUT_CALENDAR = date(2031, 3, 3)


# One file, one effect -------------------------------------------------------------------------------------------------------


@pytest.mark.rule("KCSD-84", "KCSD-87")
def test_the_same_file_again_has_no_second_effect_and_gets_the_first_answer_again(desk: Desk):
    data = form("IST", "B01", "F-1", lines=[ist_line("T-1", "B01-HO", "B01-DO", 100)])
    first = desk.drop("B01", "one.xlsx", data)
    outbox = desk.outbox("B01")
    assert desk.drop("B01", "one.xlsx", data, "10:01", claimed="inbox~1~one.xlsx") == first
    assert desk.amount("B01-DO", SHARE_B) == 100
    assert desk.outbox("B01") == outbox
    assert len(desk.rows(schema.file)) == 1


@pytest.mark.rule("KCSD-84")
def test_other_content_under_a_number_used_before_is_refused(desk: Desk):
    desk.drop_form("IST", "B01", "F-1", lines=[ist_line("T-1", "B01-HO", "B01-DO", 100)])
    other = desk.drop_form("IST", "B01", "F-1", lines=[ist_line("T-9", "B01-HO", "B01-DO", 7)], local="10:10")
    assert (other.verdict, other.rejects[0].code) == (Verdict.REFUSED, RejectionReason.REFERENCE)
    assert desk.amount("B01-DO", SHARE_B) == 100


@pytest.mark.rule("KCSD-84")
def test_a_resaved_workbook_of_other_bytes_is_the_same_form(desk: Desk):
    import io

    from openpyxl import load_workbook

    data = form("IST", "B01", "F-1", lines=[ist_line("T-1", "B01-HO", "B01-DO", 100)])
    target = io.BytesIO()
    load_workbook(io.BytesIO(data)).save(target)
    first = desk.drop("B01", "one.xlsx", data)
    again = desk.drop("B01", "one.xlsx", target.getvalue(), "10:05")
    assert again.sha256 != first.sha256
    assert "came before" in again.message
    assert again.lines == first.lines
    assert desk.amount("B01-DO", SHARE_B) == 100


@pytest.mark.rule("KCSD-84")
def test_a_form_refused_as_a_whole_may_come_again_under_its_number_when_it_is_mended(desk: Desk):
    wrong = desk.drop_form("WRN", "B01", "W-1", wrn_body("B01", "10.00"))
    assert wrong.verdict is Verdict.REFUSED
    desk.drop_money(advice(entry("A", "10.00", "B01")))
    right = desk.drop_form("WRN", "B01", "W-1", wrn_body("B01", "9.00"), local="10:10")
    assert right.verdict is Verdict.ACCEPTED


SIGNED_BY_NOBODY_AS_WELL = {"second_signatory": "Nobody", "second_position": "Director", "second_signature": "Nobody"}


@pytest.mark.rule("KCSD-85", "CSD-2.3.1-c")
@pytest.mark.parametrize(
    ("folder_of", "changes", "code", "field"),
    [
        ("B02", {}, RejectionReason.SENDER, "participant"),
        ("B01", {"participant_name": "Somebody Else JSC"}, RejectionReason.SENDER, "participant_name"),
        ("B01", {"signatory": "Nobody", "signature": "Nobody"}, RejectionReason.SIGNATURE, "signatory"),
        ("B01", {"signatory": "Authorised Person B02", "signature": "Authorised Person B02"}, RejectionReason.SIGNATURE, "signatory"),
        ("B01", SIGNED_BY_NOBODY_AS_WELL, RejectionReason.SIGNATURE, "second_signatory"),
    ],
)  # fmt: skip
def test_a_form_of_another_participant_or_signed_by_nobody_with_a_power_is_refused_whole(
    desk: Desk, folder_of, changes, code, field
):
    data = form("IST", "B01", "F-1", lines=[ist_line("T-1", "B01-HO", "B01-DO")], **changes)
    receipt = desk.drop(folder_of, "IST.xlsx", data)
    assert (receipt.verdict, receipt.rejects[0].code, receipt.rejects[0].field) == (Verdict.REFUSED, code, field)
    assert desk.amount("B01-DO", SHARE_B) == 0


@pytest.mark.rule("CSD-2.3.1-c")
def test_a_power_that_has_run_out_or_is_for_another_form_signs_nothing(desk: Desk):
    person: dict[str, Any] = {
        "signatory": "Authorised Person B06-2",
        "signatory_position": "Cashier",
        "signature": "Authorised Person B06-2",
    }
    desk.drop_money(advice(entry("A", "10.00", "B06")))
    late = desk.drop_form("WRN", "B06", "W-1", wrn_body("B06", "1.00"), **person)
    assert "not valid on 2026-11-23" in late.rejects[0].message
    with desk.work() as work:
        work.connection.execute(schema.power.update().values(valid_to=TUESDAY))
    other = desk.drop_form("IST", "B06", "F-1", lines=[ist_line("T-1", "B06-HO", "B06-DO")], **person)
    assert "does not cover form IST" in other.rejects[0].message
    assert desk.drop_form("WRN", "B06", "W-2", wrn_body("B06", "1.00"), **person).verdict is Verdict.ACCEPTED


def test_files_from_a_folder_of_nobody_or_of_the_operators_are_put_aside(desk: Desk):
    for party in ("csd", "B99"):
        receipt = desk.drop(party, "x.xlsx", b"anything")
        assert receipt.verdict is Verdict.QUARANTINED


@pytest.mark.parametrize("party", ["exchange", "bank", "registry", "B01"])
@pytest.mark.parametrize("data", [b"", b"\x00" * 100, b"PK\x03\x04", "таблица".encode(), b"<xml", b"a,b\n" * 1000])
def test_rubbish_is_answered_and_put_aside(desk: Desk, party, data):
    receipt = desk.drop(party, "file.bin", data)
    assert receipt.verdict is Verdict.QUARANTINED
    assert receipt.rejects[0].message


# Dates that the calendar does not know --------------------------------------------------------------------------------------


@pytest.mark.rule("CSD-7.6.5-a")
def test_dates_beyond_the_calendar_cost_their_own_line_alone(desk: Desk):
    desk.drop_money(advice(entry("A", "10.00", "B01")))
    ist = desk.drop_form(
        "IST",
        "B01",
        "F-1",
        lines=[ist_line("T-1", "B01-HO", "B01-DO", due=YEAR_WITHOUT_CALENDAR), ist_line("T-2", "B01-HO", "B01-DO", 5)],
    )
    assert [o.verdict for o in ist.lines] == [Verdict.REFUSED, Verdict.ACCEPTED]
    wrn = desk.drop_form("WRN", "B01", "W-1", wrn_body("B01", "1.00", value_date=YEAR_WITHOUT_CALENDAR))
    assert wrn.verdict is Verdict.REFUSED
    bad = trade("X-1", "B01-HO", "B02-HO", 1, traded=date(2030, 3, 4), settles=date(2030, 3, 6))
    trades = desk.drop_trades(bad, trade("X-2", "B01-HO", "B02-HO", 1, line=3))
    assert [o.verdict for o in trades.lines] == [Verdict.REFUSED, Verdict.ACCEPTED]


def test_a_registrys_line_that_cannot_be_kept_costs_itself_alone(desk: Desk):
    from depository.feeds import RegistryPosition
    from parsers.registry_csv import render_positions

    lines = [
        RegistryPosition(1, SHARE_B, Decimal(148_000), DAY),
        RegistryPosition(2, "KZX000009998", Decimal(5), DAY),
        RegistryPosition(3, "KZX000009014", Decimal("1.5"), DAY),
        RegistryPosition(4, "KZX000009048", Decimal(20_000), DAY),
    ]
    receipt = desk.drop("registry", "positions.csv", render_positions(lines), "18:30")
    assert receipt.verdict is Verdict.PARTLY
    assert Counter(o.verdict for o in receipt.lines) == {Verdict.ACCEPTED: 2, Verdict.REFUSED: 2}
    assert receipt.message.startswith("2 positions")


@pytest.mark.parametrize("amount", ["100000000000000000.00", "999999999999999999.99"])
def test_an_amount_beyond_the_books_costs_its_own_line_alone(desk: Desk, amount):
    receipt = desk.drop_money(advice(entry("A", amount, "B01"), entry("B", "1.00", "B01", line=2)))
    assert receipt.verdict is Verdict.PARTLY
    assert desk.amount("B01", "KZT") == 100


# Days off, and files that come after the books were closed -------------------------------------------------------------------


@pytest.mark.rule("CSD-4.1.2-c", "CSD-7.6.5-a")
def test_a_form_of_saturday_belongs_to_monday_also_when_it_is_taken_up_late(desk: Desk):
    plan(desk.site, TUESDAY, at("08:00", TUESDAY), lambda: SECRET)
    lines = [ist_line("T-1", "B01-HO", "B01-DO", 5, due=DAY)]
    assert desk.drop_form("IST", "B01", "F-1", lines=lines, local="12:00", day=SATURDAY).business_date == DAY
    desk.run_until("23:00")
    late = form("IST", "B01", "F-2", lines=[ist_line("T-2", "B01-HO", "B01-DO", 7, due=TUESDAY)])
    receipt = desk.drop("B01", "late.xlsx", late, "12:30", day=SATURDAY)
    assert receipt.business_date == TUESDAY
    assert desk.amount("B01-DO", SHARE_B) == 5
    desk.run_until("23:00", TUESDAY)
    assert desk.amount("B01-DO", SHARE_B) == 12
    later = form("IST", "B01", "F-3", lines=[ist_line("T-3", "B01-HO", "B01-DO", 1, due=WEDNESDAY)])
    assert desk.drop("B01", "later.xlsx", later, "12:45", day=SATURDAY).business_date == WEDNESDAY


def test_files_after_the_end_of_day_roll_on_and_never_change_a_statement_that_is_out(desk: Desk):
    plan(desk.site, TUESDAY, at("08:00", TUESDAY), lambda: SECRET)
    desk.drop_money(advice(entry("A", "100.00", "B01")))
    desk.run_until("19:00")
    before = {party: desk.outbox(party) for party in ("B01", "csd")}
    late = [
        desk.drop_money(advice(entry("B", "50.00", "B01")), local="19:00:01"),
        desk.drop_form("WRN", "B01", "W-1", wrn_body("B01", "10.00"), local="20:00"),
        desk.drop_form(
            "IST", "B01", "F-1", lines=[ist_line("T-1", "B01-HO", "B01-DO", 5, due=TUESDAY)], local="23:59:59"
        ),
    ]
    assert [r.business_date for r in late] == [TUESDAY] * 3
    assert desk.amount("B01-DO", SHARE_B) == 0
    assert all(desk.outbox(party)[name] == data for party, files in before.items() for name, data in files.items())
    desk.run_until("19:00", TUESDAY)
    assert desk.amount("B01-DO", SHARE_B) == 5
    monday = desk.report("B01", "20261123_end-of-day_statement.json")
    tuesday = desk.report("B01", "20261124_end-of-day_statement.json")
    cash = [
        dict(zip((c.key for c in t.columns), t.rows[0], strict=True))
        for r in (monday, tuesday)
        for t in r.tables
        if t.name == "Cash"
    ]
    assert (cash[0]["closing"], cash[1]["opening"], cash[1]["credits"]) == (
        Decimal("100.00"),
        Decimal("100.00"),
        Decimal("50.00"),
    )


def test_an_end_of_day_that_runs_late_closes_its_own_day_and_not_what_came_since(desk: Desk):
    desk.drop_money(advice(entry("A", "100.00", "B01"), closing="100.00", opening=Decimal(0)))
    desk.run_until("18:00")
    plan(desk.site, TUESDAY, at("00:30", TUESDAY), lambda: SECRET)
    early = desk.drop_money(advice(entry("B", "50.00", "B01")), local="08:00", day=TUESDAY)
    assert early.business_date == TUESDAY
    desk.drop_form(
        "IST", "B01", "F-1", lines=[ist_line("T-1", "B01-HO", "B01-ST", 5, due=TUESDAY)], local="08:05", day=TUESDAY
    )
    result = desk.run("end-of-day", "08:30", on=TUESDAY)
    assert result.facts["overnight breaches"] == 0
    statement = desk.report("B01", "20261123_end-of-day_statement.json")
    tables = {t.name: t for t in statement.tables}
    assert tables["Cash"].rows[0][1:5] == (Decimal("0.00"), Decimal("100.00"), Decimal("0.00"), Decimal("100.00"))
    holdings = {row[0]: row[3] for row in tables["Holdings"].rows}
    assert holdings == {"B01-HO": Decimal(100_000)}
    rows = next(t for t in desk.report("csd", "_end-of-day_day.json").tables if t.name == "Reconciliation").rows
    assert next(row for row in rows if row[1] == "KZT")[4] == "yes"


@pytest.mark.rule("KCSD-88")
def test_the_books_are_held_against_what_bank_and_registry_stated_of_the_last_day_that_is_over(desk: Desk):
    from depository.feeds import RegistryPosition
    from parsers.registry_csv import render_positions

    desk.drop_money(advice(entry("A", "100.00", "B01"), opening=Decimal(0), closing="100.00"), local="18:30")
    stated = [RegistryPosition(1, SHARE_B, Decimal(99), DAY)]
    desk.drop("registry", "positions.csv", render_positions(stated), "18:31")
    assert desk.proof().outside == (), "the day is not over: more may come"
    desk.day = TUESDAY
    (registry,) = desk.proof().outside
    assert registry.startswith(f"registry, {SHARE_B} at the close of {DAY}: the books have ")
    assert registry.endswith(", it stated 99")
    desk.drop_money(advice(entry("B", "7.00", "B01")), day=TUESDAY)
    assert desk.proof().outside == (registry,), "money of the next day is no difference of the day before"
    with desk.site.engine.begin() as connection:
        connection.execute(schema.bank_closing.update().values(amount=9_999))
    bank, _ = desk.proof().outside
    assert bank == f"settlement bank, KZT at the close of {DAY}: the books have 100.00, it stated 99.99"


@pytest.mark.rule("CSD-3.1.3-a", "CSD-3.5.8-a")
def test_an_overnight_balance_on_a_transitory_account_is_reported_as_a_breach(desk: Desk):
    desk.drop_form(
        "IST", "B01", "F-1", lines=[ist_line("T-1", "B01-HO", "B01-ST", 5), ist_line("T-2", "B01-HO", "B01-DO", 5)]
    )
    assert desk.run("end-of-day").facts["overnight breaches"] == 1
    table = next(t for t in desk.report("csd", "_end-of-day_day.json").tables if t.name == "Breaches")
    assert table.rows == (("B01-ST", SHARE_B, "5"),)


# Batches early, late, twice, out of order, at once ---------------------------------------------------------------------------


@pytest.mark.rule("CSD-5.2.10-a", "CSD-A1")
@pytest.mark.parametrize("slot", ["opening", "main-cycle", "late-01", "settlement-fail", "lapse", "end-of-day"])
def test_no_batch_runs_before_its_moment(desk: Desk, slot):
    from datetime import timedelta

    moment = desk.batch(slot).due_at
    with pytest.raises(Broken, match="does not run before"):
        run_batch(desk.site, DAY, slot, moment - timedelta(seconds=1))
    assert all(r.state == "planned" for r in desk.rows(schema.batch))
    assert desk.run(slot).state == "done"


def test_a_batch_that_no_plan_has_is_an_error(desk: Desk):
    with pytest.raises(LookupError, match=r"no batch late-99: its batches are opening, .*, end-of-day"):
        run_batch(desk.site, DAY, "late-99", at("15:00"))
    with pytest.raises(LookupError, match="no batch opening: the day is not planned"):
        run_batch(desk.site, TUESDAY, "opening", at("15:00", TUESDAY))


@pytest.mark.rule("CSD-5.2.10-a")
def test_a_batch_runs_once_however_often_it_is_started(desk: Desk):
    desk.drop_trades(trade("X-1", "B01-HO", "B02-HO", 10))
    desk.drop_money(advice(entry("A", "10000.00", "B02")))
    first = desk.run("main-cycle", "11:30")
    outbox = {party: desk.outbox(party) for party in ("B01", "B02", "csd")}
    again = desk.run("main-cycle", "11:45")
    assert (first.state, again.state) == ("done", "done before")
    assert again.facts["settled"] == 1
    assert {party: desk.outbox(party) for party in outbox} == outbox
    assert len(desk.rows(schema.cycle)) == 1


@pytest.mark.rule("CSD-5.2.10-b", "CSD-A2-3.1")
def test_batches_started_out_of_order_have_the_effect_of_their_order(desk: Desk):
    """At 17:30 the fails are started before anything else of the day ran: what can settle settles first."""
    desk.drop_trades(trade("X-1", "B01-HO", "B02-HO", 10), trade("X-2", "B01-HO", "B04-HO", 10, line=3))
    desk.drop_money(advice(entry("A", "10000.00", "B02")))
    result = desk.run("settlement-fail", "17:30:05")
    assert result.facts == {"fails": 1, "failing participants": "B04"}
    assert desk.status("exchange", "X-1") is Status.SETTLED
    assert desk.run("main-cycle", "17:30:06").state == "done before"
    states = {r.slot: r.state for r in desk.rows(schema.batch)}
    last_late = max(slot for slot in states if slot.startswith("late-"))
    assert (states["main-cycle"], states["late-01"], states[last_late]) == ("done", "skipped", "done")


def test_an_end_of_day_first_runs_what_the_day_left_undone(desk: Desk):
    desk.drop_form("IST", "B01", "F-1", lines=[ist_line("T-1", "B01-HO", "B03-DO", 5)])
    desk.run("end-of-day")
    assert desk.status("B01", "T-1") is Status.LAPSED
    statement = desk.report("B01", "_end-of-day_statement.json")
    assert next(t for t in statement.tables if t.name == "Instructions").rows == ()


def test_the_next_day_opens_after_the_end_of_the_day_before(desk: Desk):
    plan(desk.site, TUESDAY, at("08:00", TUESDAY), lambda: SECRET)
    desk.run("opening", day=TUESDAY)
    assert desk.run("end-of-day", "10:00", on=TUESDAY).state == "done before"


def test_after_hours_of_standstill_only_the_latest_of_the_repeated_batches_runs(desk: Desk):
    for batch in due(desk.site, at("16:10")):
        run_batch(desk.site, batch.business_date, batch.slot, at("16:10"))
    states = Counter((r.kind, r.state) for r in desk.rows(schema.batch) if r.due_at <= at("16:10"))
    assert states["late cycle", "done"] == states["fop window", "done"] == states["funding report", "done"] == 1
    assert states["payout", "done"] == 1
    assert states["main cycle", "done"] == states["opening", "done"] == 1


@pytest.mark.rule("CSD-7.6.5-a")
def test_a_business_day_without_settlement_has_windows_and_an_end_but_no_cycle_and_a_holiday_has_nothing(desk: Desk):
    from depository.business_days import DayKind
    from depository.store import register

    with desk.work() as work:
        register.add_calendar(work, [(TUESDAY, DayKind.BUSINESS, "Bank closed", "Notice 1")])
    slots = desk.plan(TUESDAY)
    assert {"opening", "fop-0930", "fop-1745", "lapse", "end-of-day"} <= set(slots)
    assert not [s for s in slots if s.startswith(("main", "late", "payout", "funding", "settlement"))]
    assert desk.plan(SATURDAY) == []
    assert desk.plan(date(2026, 12, 16)) == []


@pytest.mark.rule("CSD-5.2.10-a")
def test_the_moment_is_drawn_once_and_planning_again_changes_nothing(desk: Desk):
    drawn = desk.rows(schema.draw)
    first = [tuple(r) for r in desk.rows(schema.batch)]
    plan(desk.site, DAY, at("10:00"), lambda: "another secret")
    assert desk.rows(schema.draw) == drawn
    assert [tuple(r) for r in desk.rows(schema.batch)] == first


def together(*jobs):
    """Runs the jobs in threads that start at once; returns their results and raises what any of them raised."""
    start = threading.Barrier(len(jobs))
    results: list = [None] * len(jobs)
    errors: list[BaseException] = []

    def work(n, job):
        start.wait()
        try:
            results[n] = job()
        except BaseException as error:  # noqa: BLE001 - handed to the test below
            errors.append(error)

    threads = [threading.Thread(target=work, args=(n, job)) for n, job in enumerate(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return results


def twin(desk: Desk) -> Desk:
    """A second process's view of the same depository: an engine of its own."""
    return Desk(replace(desk.site, engine=open_database(desk.site.engine.url.render_as_string(hide_password=False))))


def test_two_processes_that_start_the_same_batch_have_the_effect_of_one(desk: Desk):
    desk.drop_trades(trade("X-1", "B01-HO", "B02-HO", 10))
    desk.drop_money(advice(entry("A", "10000.00", "B02")))
    desk.run_until("10:59")
    other = twin(desk)
    results = together(*(lambda d=d: d.run("main-cycle", "11:30") for d in (desk, other, desk, other)))
    assert Counter(r.state for r in results) == {"done": 1, "done before": 3}
    assert len(desk.rows(schema.cycle)) == 1
    assert desk.amount("B02-HO", SHARE_B) == 5_010
    assert desk.proof().faults == ()
    other.site.engine.dispose()


def test_two_processes_that_take_the_same_file_have_the_effect_of_one(desk: Desk):
    data = form("IST", "B01", "F-1", lines=[ist_line("T-1", "B01-HO", "B01-DO", 100)])
    other = twin(desk)
    receipts = together(*(lambda d=d: d.drop("B01", "one.xlsx", data) for d in (desk, other, desk, other)))
    assert receipts == [receipts[0]] * 4
    assert desk.amount("B01-DO", SHARE_B) == 100
    other.site.engine.dispose()


def test_files_and_batches_of_two_processes_at_once_leave_whole_books(desk: Desk):
    desk.drop_money(advice(entry("A", "10000.00", "B01")))
    desk.drop_trades(trade("X-1", "B02-HO", "B01-HO", 10, "500.00"))
    desk.run_until("10:59")
    other = twin(desk)
    jobs = [
        lambda n=n: (desk if n % 2 else other).drop_form(
            "WRN", "B01", f"W-{n}", wrn_body("B01", "3000.00"), local="11:30"
        )
        for n in range(4)
    ]
    receipts = together(*jobs, lambda: other.run("main-cycle", "11:30"))[:4]
    paid = sum(r.verdict is Verdict.ACCEPTED for r in receipts)
    assert paid == 1
    assert desk.status("exchange", "X-1") is Status.SETTLED
    assert desk.amount("B01", "KZT") == 200_000
    assert desk.proof().faults == ()
    other.site.engine.dispose()


@pytest.mark.parametrize("place", ["record", "queue"])
def test_a_crash_between_archive_and_commit_leaves_nothing_and_the_file_is_taken_afterwards(
    desk: Desk, monkeypatch, place
):
    from flows.steps import taking

    data = form("IST", "B01", "F-1", lines=[ist_line("T-1", "B01-HO", "B01-DO", 100)])
    name = {"record": "record", "queue": "_queue_answers"}[place]
    right = getattr(taking, name)

    def crash(*arguments, **named):
        if place == "queue":
            right(*arguments, **named)
        raise OSError("no space left on device")

    monkeypatch.setattr(taking, name, crash)
    with pytest.raises(OSError, match="no space"):
        desk.drop("B01", "one.xlsx", data)
    assert desk.amount("B01-DO", SHARE_B) == 0
    assert desk.outbox("B01") == {}
    monkeypatch.setattr(taking, name, right)
    assert desk.drop("B01", "one.xlsx", data).lines[0].status == "settled"
    assert desk.amount("B01-DO", SHARE_B) == 100


# Money and locks racing ------------------------------------------------------------------------------------------------------


@pytest.mark.rule("CSD-3.3.2-b")
def test_a_withdrawal_before_the_cycle_cannot_take_what_the_cycle_needs(desk: Desk):
    desk.drop_trades(trade("X-1", "B01-HO", "B02-HO", 10))
    desk.drop_money(advice(entry("A", "10000.01", "B02")))
    body = wrn_body("B02", "99999.00", mode="all available, at most")
    assert desk.drop_form("WRN", "B02", "W-1", body, local="10:58").verdict is Verdict.ACCEPTED
    assert desk.amount("B02", "KZT", "WRN/W000000001") == 1
    assert desk.run("main-cycle").facts["settled"] == 1
    assert desk.drop_form("WRN", "B02", "W-2", body, local="11:35").verdict is Verdict.REFUSED


@pytest.mark.rule("CSD-4.3-1-a")
def test_a_lock_between_funding_and_cycle_keeps_its_quantity_out_of_the_cycle(desk: Desk):
    desk.drop_trades(trade("X-1", "B01-HO", "B02-HO", 100_000, "1.00"))
    desk.drop_money(advice(entry("A", "100000.00", "B02")))
    desk.secure("B01", interest(quantity=1))
    facts = desk.run("main-cycle").facts
    assert (facts["settled"], facts["unsettled"]) == (0, 1)
    desk.secure("B03", interest(InterestAction.DISCHARGE, None, interest="S000001"), local="11:40")
    assert desk.run("late-02").facts["settled"] == 1


@pytest.mark.rule("CSD-4.3-1-c", "CSD-4.3-1-f")
def test_two_enforcements_of_one_morning_give_each_party_two_reports(desk: Desk):
    from tests.unit.depository.test_interests import ELEVENTH

    for quantity in (100, 200):
        desk.secure("B01", interest(quantity=quantity))
    for number in ("S000001", "S000002"):
        desk.secure("B03", interest(InterestAction.ENFORCE, None, interest=number))
    desk.plan(ELEVENTH)
    assert desk.run("opening", day=ELEVENTH).facts["enforcements"] == 2
    for party in ("B01", "B03"):
        reports = [
            report_json.parse(d) for n, d in desk.outbox(party).items() if "_interest_" in n and n.endswith(".json")
        ]
        assert sorted(str(dict(r.facts)["Interest"]) for r in reports) == ["S000001", "S000002"]


@pytest.mark.parametrize(
    "name", ["a" * (LONGEST_NAME - 5) + ".xlsx", "ä ö.xlsx", "..xlsx", "=cmd.xlsx", "x.receipt.xlsx"]
)
def test_the_answers_names_are_names_that_every_file_system_takes(desk: Desk, name):
    data = form("IST", "B01", "F-1", lines=[ist_line("T-1", "B01-HO", "B01-DO", 100)])
    desk.drop("B01", name, data)
    assert desk.amount("B01-DO", SHARE_B) == 100
    assert len(desk.waiting()) == 2
    assert all(len(one.name.encode()) <= 255 for one in desk.waiting())


def test_the_last_day_of_the_year_closes_although_next_years_calendar_is_not_published(desk: Desk):
    last = date(2027, 12, 31)
    desk.plan(last)
    assert desk.run("end-of-day", day=last).state == "done"
    report = desk.report("csd", "20271231_end-of-day_day.json")
    assert "2028" in str(dict(report.facts)["Next business day"])


@pytest.mark.rule("CSD-3.1.2-e")
def test_a_change_that_is_wrong_in_form_is_not_counted_as_an_account_to_open(desk: Desk) -> None:
    """The cover states one account: one right row opens it, a faulty change is refused by itself."""
    rows = [samples.buna_client(11), samples.buna_client(12, action="change", country="XX")]

    receipt = desk.drop_form("BUNA", "B03", "B03-BUNA-1", samples.buna_cover(1), rows)

    assert receipt.verdict is Verdict.PARTLY
    assert [line.verdict for line in receipt.lines] == [Verdict.ACCEPTED, Verdict.REFUSED]
