"""The migrations give the tables that the code expects, on both databases, however often they run."""

import threading
from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect, select

from depository.ledger import GENESIS
from depository.store import migrate, schema
from depository.store.database import create_tables, open_database
from depository.store.schema import metadata


def differences(engine: Engine) -> list[object]:
    """What Alembic finds different between a database and the tables of the code, types included."""
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, metadata))


def shape(engine: Engine) -> object:
    """Every table with its columns, keys, checks and indexes as the database itself tells them."""
    found = inspect(engine)

    def columns(table: str) -> list[object]:
        return [(c["name"], str(c["type"]), c["nullable"], c["default"]) for c in found.get_columns(table)]

    def named(items: object) -> list[str]:
        return sorted(repr(sorted((k, told(v)) for k, v in dict(item).items())) for item in items)  # type: ignore[attr-defined]

    def told(value: object) -> str:
        # The condition of an index is an object of its own each time.
        return repr({name: str(of) for name, of in value.items()} if isinstance(value, dict) else value)

    return {
        table: (
            columns(table),
            found.get_pk_constraint(table)["constrained_columns"],
            named(found.get_foreign_keys(table)),
            named(found.get_unique_constraints(table)),
            named(found.get_check_constraints(table)),
            named(found.get_indexes(table)),
        )
        for table in sorted(found.get_table_names())
        if table != "alembic_version"
    }


def test_an_upgraded_database_is_what_the_code_expects(empty_database_url: str) -> None:
    engine = open_database(empty_database_url)
    migrate.upgrade(engine)
    assert differences(engine) == []
    assert migrate.revision_of(engine) == migrate.newest() != ""
    engine.dispose()


def test_the_migrations_and_the_code_make_the_same_tables(
    empty_database_url: str, tmp_path: Path, postgres_server: object
) -> None:
    upgraded = open_database(empty_database_url)
    migrate.upgrade(upgraded)
    if upgraded.dialect.name == "sqlite":
        made = open_database(f"sqlite:///{tmp_path / 'made.sqlite'}")
        create_tables(made)
    else:
        made = open_database(postgres_server.url(postgres_server.create()))  # type: ignore[attr-defined]
    assert shape(upgraded) == shape(made)
    for engine in (upgraded, made):
        engine.dispose()


def test_sqlite_keeps_the_types_of_upgraded_tables(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'strict.sqlite'}")
    migrate.upgrade(engine)
    with engine.connect() as connection:
        loose = connection.exec_driver_sql(
            "SELECT name FROM pragma_table_list WHERE type = 'table' AND schema = 'main' AND strict = 0 "
            "AND name NOT LIKE 'sqlite_%' AND name <> 'alembic_version'"
        ).all()
    assert loose == []
    engine.dispose()


def test_upgrading_twice_changes_nothing(empty_database_url: str) -> None:
    engine = open_database(empty_database_url)
    migrate.upgrade(engine)
    with engine.begin() as connection:
        connection.execute(schema.journal_head.update().values(number=7, hash="seven"))
    migrate.upgrade(engine)
    with engine.connect() as connection:
        assert tuple(connection.execute(select(schema.journal_head)).one()) == (1, 7, "seven")
    assert differences(engine) == []
    engine.dispose()


def test_an_upgraded_database_has_the_journals_first_head(empty_database_url: str) -> None:
    engine = open_database(empty_database_url)
    migrate.upgrade(engine)
    with engine.connect() as connection:
        assert tuple(connection.execute(select(schema.journal_head)).one()) == (1, 0, GENESIS)
    engine.dispose()


def test_two_processes_that_upgrade_at_once_have_the_effect_of_one(empty_database_url: str) -> None:
    """Each thread has an engine of its own, as two processes would."""
    faults: list[BaseException] = []

    def run() -> None:
        engine = open_database(empty_database_url)
        try:
            migrate.upgrade(engine)
        except Exception as fault:  # noqa: BLE001 - told by the assertion below
            faults.append(fault)
        finally:
            engine.dispose()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    engine = open_database(empty_database_url)
    assert differences(engine) == []
    engine.dispose()


def test_a_database_of_the_first_release_keeps_its_records_through_the_upgrade(empty_database_url: str) -> None:
    engine = open_database(empty_database_url)
    with engine.connect().execution_options(writer=True) as connection, connection.begin():
        command.upgrade(migrate.configuration(connection), "0001")
        connection.execute(schema.party.insert().values(code="B01", name="Model Brokers", kind="participant"))
        account = {"participant": "B01", "currency": "KZT", "iban": "KZ86125KZT5004100100", "bank_bic": "TESTKZKA"}
        connection.execute(schema.bank_account.insert().values(**account))
    migrate.upgrade(engine)
    assert migrate.revision_of(engine) == migrate.newest()
    with engine.connect() as connection:
        assert connection.execute(select(schema.bank_account.c.iban)).scalars().all() == [account["iban"]]
        assert connection.execute(select(schema.bank_account_change)).all() == []
    engine.dispose()


def test_files_and_forms_taken_before_signatures_were_checked_keep_their_identity(empty_database_url: str) -> None:
    engine = open_database(empty_database_url)
    day = "2026-11-23"
    with engine.connect().execution_options(writer=True) as connection, connection.begin():
        command.upgrade(migrate.configuration(connection), "0002")
        connection.exec_driver_sql(
            "INSERT INTO file (id, party, folder, name, sha256, size, arrived_at, business_date) "
            f"VALUES (1, 'B01', 'inbox', 'a.xlsx', 'aa', 7, '{day}T05:00:00.000000Z', '{day}')"
        )
        connection.exec_driver_sql(
            "INSERT INTO form (party, reference, form, content_sha256, file) VALUES ('B01', 'R1', 'IST', 'cc', 1)"
        )
    migrate.upgrade(engine)
    with engine.connect() as connection:
        file, form = schema.file.c, schema.form.c
        assert tuple(connection.execute(select(file.sha256, file.signature, file.signed_by)).one()) == ("aa", "", "")
        assert tuple(connection.execute(select(form.reference, form.content_sha256, form.file)).one()) == (
            "R1",
            "cc",
            1,
        )
    engine.dispose()


def test_clients_kept_in_a_table_of_their_own_move_into_their_accounts(empty_database_url: str) -> None:
    engine = open_database(empty_database_url)
    day = "2026-11-23"
    with engine.connect().execution_options(writer=True) as connection, connection.begin():
        command.upgrade(migrate.configuration(connection), "0014")
        connection.execute(schema.party.insert().values(code="B01", name="Model Brokers", kind="participant"))
        for number, nin in (("B01-HO", "NULL"), ("B01-N000001", "'KZ00000001'"), ("B01-N000002", "'KZ00000002'")):
            connection.exec_driver_sql(
                f"INSERT INTO account (number, participant, opened_on, nin) VALUES ('{number}', 'B01', '{day}', {nin})"
            )
        for number in ("1", "2"):
            connection.exec_driver_sql(
                "INSERT INTO client (account, reference, data, changed_at) "
                f"VALUES ('B01-N00000{number}', 'N-{number}', 'data {number}', '{day}T0{number}:00:00.000000Z')"
            )
    migrate.upgrade(engine)
    assert differences(engine) == []
    with engine.connect() as connection:
        a = schema.account.c
        kept = select(a.number, a.nin, a.client_reference, a.client_data, a.client_changed_at).order_by(a.number)
        assert [tuple(map(str, row)) for row in connection.execute(kept)] == [
            ("B01-HO", "None", "", "", "None"),
            ("B01-N000001", "KZ00000001", "N-1", "data 1", "2026-11-23 01:00:00+00:00"),
            ("B01-N000002", "KZ00000002", "N-2", "data 2", "2026-11-23 02:00:00+00:00"),
        ]
    engine.dispose()
