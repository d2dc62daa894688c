"""The sample business day told in order: every file that parties drop, every batch, and what each of them finds in its outbox.

The files are in `sample_files/day`; the market settles on Monday 23 November 2026 what was traded on Thursday 19 November.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from defusedxml import ElementTree

from depository.answers import Receipt, Verdict
from depository.instructions import Status
from depository.rejects import RejectionReason
from depository.store import schema
from depository.store.journal import Key
from flows.steps.arrivals import Arrival
from flows.steps.batches import BatchResult, run_batch
from flows.steps.intake import take
from flows.steps.planning import due, plan
from parsers import receipt_json
from parsers.sandbox import Sandbox
from tests.support.beside import files_in
from tests.support.books import (
    BOND,
    DAY,
    FUND,
    SAMPLE_DAY,
    SHARE_A,
    SHARE_B,
    ZONE,
    Desk,
    load_sample_reference,
    open_site,
)
from tests.support.databases import PostgresServer, SqliteTemplate


@dataclass
class Story:
    """What happened: receipts by time and file, batches by slot, and the balances after each of them."""

    desk: Desk
    receipts: dict[str, Receipt] = field(default_factory=dict)
    batches: dict[str, BatchResult] = field(default_factory=dict)
    after: dict[str, dict[Key, int]] = field(default_factory=dict)

    def receipt(self, local: str, name: str) -> Receipt:
        return self.receipts[f"{DAY} {local} {name}"]

    def balance(self, after: str, holder: str, asset: str, part: str = "") -> int:
        return self.after[f"{DAY} {after}"].get((holder, asset, part), 0)

    def notices_to(self, party: str, subject: str) -> list[str]:
        from parsers import report_json

        found = []
        for name, data in sorted(self.desk.outbox(party).items()):
            if "_notice_" in name and name.endswith(".json"):
                report = report_json.parse(data)
                if subject in report.title:
                    found.append(str(dict(report.facts)["Text"]))
        return found


def play(url: str, folder: Path, sandbox: Sandbox) -> Story:
    """Plays all days of the sample, each batch at its own moment."""
    site = open_site(url, folder, sandbox)
    load_sample_reference(site)
    story = Story(Desk(site))

    def run_due(until: datetime) -> None:
        for batch in due(site, until):
            story.batches[f"{batch.business_date} {batch.slot}"] = run_batch(
                site, batch.business_date, batch.slot, batch.due_at
            )
            story.after[f"{batch.business_date} {batch.slot}"] = story.desk.balances()

    for days_folder in sorted(p for p in SAMPLE_DAY.iterdir() if p.name.startswith("2")):
        day = date.fromisoformat(days_folder.name)
        plan(site, day, datetime.combine(day, time(8, 55), ZONE), lambda day=day: f"secret of {day}")  # type: ignore[misc]
        for drop in sorted(days_folder.iterdir()):
            moment = datetime.combine(day, time(int(drop.name[:2]), int(drop.name[2:])), ZONE)
            run_due(moment)
            for file, signature in files_in(drop):
                key = f"{day} {drop.name} {file.name}"
                party, box = file.parts[-3:-1]
                story.receipts[key] = take(
                    site, Arrival(party, box, file.name, file.read_bytes(), moment, signature=signature)
                )
                story.after[key] = story.desk.balances()
        run_due(datetime.combine(day, time(23), ZONE))
    return story


@pytest.fixture(scope="module")
def own_sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def on_sqlite(sqlite_template: SqliteTemplate, own_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Story:
    folder = tmp_path_factory.mktemp("day")
    return play(sqlite_template.copy_to(folder / "csd.sqlite"), folder, own_sandbox)


@pytest.fixture(scope="module")
def on_postgres(
    postgres_server: PostgresServer, own_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Story:
    return play(postgres_server.url(postgres_server.create()), tmp_path_factory.mktemp("day"), own_sandbox)


@pytest.fixture(scope="module", params=["on_sqlite", "on_postgres"])
def story(request: pytest.FixtureRequest) -> Story:
    """The day as played on each database."""
    told: Story = request.getfixturevalue(request.param)
    return told


# Before the day -------------------------------------------------------------------------------------------------------------


@pytest.mark.rule("CSD-4.1.1-b", "CSD-5.1.10-a")
def test_the_exchanges_file_of_the_trade_day_gives_matched_instructions_but_for_the_unknown_security(story: Story):
    receipt = story.receipts["2026-11-19 1810 trades_20261119.csv"]
    assert receipt.verdict is Verdict.PARTLY
    assert [(o.reference, o.rejects[0].code) for o in receipt.lines if o.rejects] == [
        ("T-1015", RejectionReason.SECURITY)
    ]
    assert story.desk.status("exchange", "T-1014") is Status.CANCELLED


@pytest.mark.rule("CSD-4.3-1-f")
def test_the_enforcement_of_6_november_moves_at_the_opening_of_the_eleventh_business_day(story: Story):
    assert story.batches[f"{DAY} opening"].facts["enforcements"] == 1
    assert story.balance("opening", "B01-HO", BOND) == 120_000
    assert story.balance("opening", "B02-HO", BOND, "SIN/S000001") == 180_000
    for party in ("B01", "B02"):
        assert len(story.notices_to(party, "was enforced")) == 1
        assert any("opening_interest_S000001" in name for name in story.desk.outbox(party))


# The morning ----------------------------------------------------------------------------------------------------------------


@pytest.mark.rule("CSD-3.3.1-a")
def test_the_banks_statement_funds_the_participants_and_one_credit_is_nobodys(story: Story):
    assert story.receipt("0905", "camt053_20261123_0905.xml").verdict is Verdict.ACCEPTED
    after = "0905 camt053_20261123_0905.xml"
    assert [story.balance(after, f"B0{n}", "KZT") for n in range(1, 7)] == [
        500_000_000, 2_000_000_000, 200_000_000, 1_000_000_000, 1_800_000_000, 2_000_000_000,
    ]  # fmt: skip
    assert story.balance(after, "UNIDENTIFIED", "KZT") == 12_345_600
    assert story.balance(after, "B06", "USD") == 6_000_000


@pytest.mark.rule("CSD-3.3.1-b")
def test_the_funding_report_tells_each_participant_what_is_missing_before_1100(story: Story):
    report = story.desk.report("B04", "_funding-1030_funding.json")
    facts = dict(report.facts)
    assert facts["Fund by"] == datetime(2026, 11, 23, 11, 0, tzinfo=ZONE)
    cash = dict(zip((c.key for c in report.tables[0].columns), report.tables[0].rows[0], strict=True))
    assert cash["available"] == Decimal("10000000.00")
    assert cash["to_pay"] == Decimal("50400000.00")
    assert cash["to_receive"] == Decimal("12620000.00")
    assert cash["missing"] == Decimal("27780000.00")
    mine = next(t for t in report.tables if t.name == "Instructions")
    assert [row[1] for row in mine.rows] == ["T-1007", "T-1008"]
    short = story.desk.report("B06", "_funding-1030_funding.json")
    securities = next(t for t in short.tables if t.name == "Securities")
    naked = [row for row in securities.rows if row[1] == SHARE_A]
    assert naked[0][-1] == Decimal(5_000)


@pytest.mark.rule("CSD-3.3.1-a", "CSD-3.3.1-b")
def test_the_money_of_1015_gives_a_fresh_funding_report_to_the_two_whose_forecast_it_changes(story: Story):
    receipt = story.receipt("1015", "camt054_20261123_1015.xml")
    assert story.balance("1015 camt054_20261123_1015.xml", "B02", "KZT") == 4_500_000_000
    fresh = [
        f"B0{n}" for n in range(1, 7) if any(f"funding-{receipt.number}_" in f for f in story.desk.outbox(f"B0{n}"))
    ]
    assert fresh == ["B01", "B02"]
    for party, missing, settles in (("B02", (1, 0), (4, 5)), ("B01", (0, 0), (4, 5))):
        before = dict(story.desk.report(party, "_funding-0930_funding.json").facts)
        after = dict(story.desk.report(party, f"_funding-{receipt.number}_funding.json").facts)
        assert (before["Still to fund or deliver"], after["Still to fund or deliver"]) == missing
        names = "Would settle if the cycle ran now"
        assert (before[names], after[names]) == settles
        assert after["Made anew because of"] == f"camt054_20261123_1015.xml of bank, receipt {receipt.number}"


@pytest.mark.rule("CSD-3.3.2-b", "CSD-3.3.2-c", "CSD-2.3.1-c")
def test_a_withdrawal_of_free_money_is_paid_and_one_of_more_to_a_strange_account_or_unsigned_is_refused(story: Story):
    within = story.receipt("0940", "WRN_B05-WRN-0001.xlsx")
    assert (within.verdict, within.batch) == (Verdict.ACCEPTED, f"{DAY}/payout-1131")
    above = story.receipt("0950", "WRN_B02-WRN-0001.xlsx")
    assert above.lines[0].rejects[0].rule == "CSD-3.3.2-b"
    strange = story.receipt("1045", "WRN_B06-WRN-0001.xlsx")
    assert strange.lines[0].rejects[0].rule == "CSD-3.3.2-c"
    unsigned = story.receipt("1048", "WRN_B06-WRN-0002.xlsx")
    assert unsigned.rejects[0].rule == "CSD-2.3.1-c"
    assert story.balance("1048 WRN_B06-WRN-0002.xlsx", "B06", "KZT") == 2_000_000_000


def test_a_dry_run_answers_in_full_and_changes_nothing(story: Story):
    before, after = story.after[f"{DAY} 1032 SIN_B05-SIN-0001.xlsx"], story.after[f"{DAY} 1040 WRN_B06-WRN-0009.xlsx"]
    assert before == after
    answer = receipt_json.parse(story.desk.outbox("B06")["WRN_B06-WRN-0009.xlsx.check.json"])
    assert (answer.verdict, answer.number, answer.batch) == (Verdict.ACCEPTED, "", f"{DAY}/payout-1131")


@pytest.mark.rule("CSD-3.1.2-e", "CSD-3.1.2-c")
def test_the_buna_opens_188_of_200_accounts_and_the_same_file_again_opens_none(story: Story):
    first = story.receipt("1000", "BUNA_B03-BUNA-0001.xlsx")
    assert first.verdict is Verdict.PARTLY
    assert [o.line for o in first.lines if o.rejects] == [17, 31, 48, 63, 77, 90, 101, 119, 134, 150, 166, 188]
    assert all(o.rejects[0].rule for o in first.lines if o.rejects)
    assert all(place for o in first.lines for place in o.places)
    again = story.receipt("1145", "BUNA_B03-BUNA-0001.xlsx")
    assert again == first
    opened = [r.number for r in story.desk.rows(schema.account) if r.number.startswith("B03-N")]
    assert sorted(opened) == [f"B03-N{n:06d}" for n in range(1, 190)]
    wrong_count = story.receipt("1022", "BUNA_B05-BUNA-0001.xlsx")
    assert (wrong_count.verdict, wrong_count.rejects[0].rule) == (Verdict.REFUSED, "CSD-3.1.2-e")
    assert not [r for r in story.desk.rows(schema.account) if r.number.startswith("B05-N")]


@pytest.mark.rule("CSD-4.1.2-b", "CSD-4.1.4-b", "CSD-4.1.5-a", "KCSD-87")
def test_transfers_match_wait_are_withdrawn_and_lapse(story: Story):
    assert story.receipt("1005", "IST_B02-IST-0001.xlsx").lines[0].status == "unmatched"
    matched = story.receipt("1020", "IST_B03-IST-0001.xlsx")
    assert matched.lines[0].status == "settled"
    assert len(story.notices_to("B02", "Transfer B02-T-1 was executed")) == 1
    several = story.receipt("1030", "IST_B01-IST-0001.xlsx")
    assert [o.verdict is Verdict.ACCEPTED for o in several.lines] == [True, False, False, False, False]
    assert all(place.startswith("IST!") for o in several.lines for place in o.places)
    assert story.receipt("1510", "IST_B01-IST-0002.xlsx").lines[0].status == "cancelled"
    too_late = story.receipt("1600", "IST_B02-IST-0002.xlsx").lines[0]
    assert "limit passed" in too_late.rejects[0].message
    assert story.batches[f"{DAY} lapse"].facts == {"lapsed": 3}
    for party, reference in (("B05", "B05-T-1"), ("B03", "B03-T-2"), ("B04", "B04-T-1")):
        assert story.desk.status(party, reference) is Status.LAPSED
        assert len(story.notices_to(party, f"Instruction {reference} has lapsed")) == 1
    assert story.receipt("1810", "IST_B04-IST-0002.xlsx").lines[0].rejects[0].code is RejectionReason.DEADLINE


@pytest.mark.rule("CSD-1.5-d", "KCSD-85")
def test_a_cut_off_file_and_a_form_in_anothers_folder_are_answered_and_do_nothing(story: Story):
    damaged = story.receipt("1050", "IST_B04-IST-0009.xlsx")
    assert damaged.verdict is Verdict.QUARANTINED
    stranger = story.receipt("1055", "IST_B05-IST-0008.xlsx")
    assert (stranger.verdict, stranger.rejects[0].code) == (Verdict.REFUSED, RejectionReason.SENDER)
    assert story.desk.status("B05", "B05-T-1") is Status.LAPSED


# Settlement -----------------------------------------------------------------------------------------------------------------


@pytest.mark.rule("CSD-5.2.10-a")
def test_the_main_cycle_runs_at_the_drawn_moment_whose_hash_was_published_at_the_opening(story: Story):
    facts = story.batches[f"{DAY} main-cycle"].facts
    assert facts["secret"] == f"secret of {DAY}"
    moment = facts["moment"]
    assert isinstance(moment, datetime)
    assert time(11) <= moment.timetz().replace(tzinfo=None) <= time(11, 30)
    commitment = hashlib.sha256(str(facts["secret"]).encode()).hexdigest()
    for n in range(1, 7):
        opened = story.notices_to(f"B0{n}", f"Business day {DAY} is open")
        assert len(opened) == 1
        assert commitment in opened[0]
        assert str(facts["secret"]) not in opened[0]


@pytest.mark.rule("CSD-5.2-dvp", "CSD-3.3.1-c")
def test_the_main_cycle_settles_nine_of_thirteen_and_says_why_the_rest_waits(story: Story):
    facts = story.batches[f"{DAY} main-cycle"].facts
    assert (facts["due"], facts["settled"], facts["unsettled"], facts["late"]) == (13, 9, 4, 4)
    assert story.balance("main-cycle", "B02", "KZT") == 2_118_800_000
    assert story.balance("main-cycle", "B06-ST", BOND) == 200_000
    assert story.balance("main-cycle", "B02-HO", SHARE_B) == 24_000
    assert [story.balance("main-cycle", f"B0{n}-ST", SHARE_A) for n in (1, 2, 3)] == [0, 0, 0]
    report = story.desk.report("B06", "_main-cycle_cycle.json")
    unsettled = next(t for t in report.tables if t.name == "Unsettled")
    rows = [dict(zip((c.key for c in unsettled.columns), row, strict=True)) for row in unsettled.rows]
    naked = next(row for row in rows if row["trade"] == "T-1010" and row["role"] == "securities")
    assert (naked["short_by"], naked["caused_by"], naked["label"]) == (Decimal(5_000), "B06", "rooted")
    victim = next(row for row in rows if row["trade"] == "T-1009")
    assert victim["caused_by"] == "B04"


@pytest.mark.rule("CSD-5.2.10-b", "CSD-3.3.1-d")
def test_the_money_of_1310_settles_the_whole_chain_in_the_next_late_cycle(story: Story):
    assert all(story.batches[f"{DAY} late-{n:02d}"].facts["settled"] == 0 for n in range(1, 8))
    assert story.batches[f"{DAY} late-08"].facts["settled"] == 3
    assert story.balance("late-08", "B04", "KZT") == 222_000_000
    assert story.balance("late-08", "B06-DO", SHARE_B) == 10_000
    assert any(name.endswith("late-08_cycle.json") for name in story.desk.outbox("B05"))
    assert not any("late-07" in name for name in story.desk.outbox("B05"))


@pytest.mark.rule("CSD-A2-3.1", "CSD-A2-3.2")
def test_the_naked_sale_fails_at_1730_and_only_the_seller_is_failing(story: Story):
    assert story.batches[f"{DAY} settlement-fail"].facts == {"fails": 1, "failing participants": "B06"}
    assert story.desk.status("exchange", "T-1010") is Status.FAILING
    assert "You are a failing participant" in story.notices_to("B06", "Settlement fail of T-1010")[0]
    assert "not failing" in story.notices_to("B02", "Settlement fail of T-1010")[0]
    stages = sorted((r.instruction[-2:], r.stage) for r in story.desk.rows(schema.settlement_fail))
    assert stages == [("07", "late"), ("08", "late"), ("09", "late"), ("10", "failed"), ("10", "late")]


@pytest.mark.rule("CSD-3.3.2-a", "CSD-3.3.2-b")
def test_payment_orders_go_to_the_bank_and_what_came_after_the_cut_off_waits_for_tomorrow(story: Story):
    names = sorted(name for name in story.desk.outbox("bank") if name.startswith("PAY-"))
    assert names == ["PAY-20261123-payout-1131-KZT.xml", "PAY-20261123-payout-1231-KZT.xml"]
    found = []
    for name in names:
        root = ElementTree.fromstring(story.desk.outbox("bank")[name])
        found += [
            (tx.findtext(".//{*}EndToEndId"), tx.findtext(".//{*}InstdAmt"), tx.findall(".//{*}InstdAmt")[0].get("Ccy"))
            for tx in root.findall(".//{*}CdtTrfTxInf")
        ]
    assert found == [
        ("W000000001", "4000000.00", "KZT"),
        ("W000000002", "20000000.00", "KZT"),
        ("W000000004", "9000000.00", "KZT"),
    ]
    states = {r.number: (r.state, r.pay_on) for r in story.desk.rows(schema.withdrawal)}
    assert states["W000000003"] == ("queued", date(2026, 11, 24))
    assert "2026-11-24" in story.receipt("1220", "WRN_B01-WRN-0002.xlsx").lines[0].note


@pytest.mark.rule("CSD-4.3-1-a", "CSD-4.3-1-c", "CSD-4.3-1-e")
def test_an_interest_locks_its_quantity_until_its_secured_party_and_nobody_else_discharges_it(story: Story):
    assert story.balance("1032 SIN_B05-SIN-0001.xlsx", "B05-HO", SHARE_B, "SIN/S000003") == 1_000
    assert story.receipt("1140", "SIN_B03-SIN-0002.xlsx").lines[0].rejects[0].rule == "CSD-4.3-1-e"
    assert story.balance("1140 SIN_B03-SIN-0002.xlsx", "B03-DO", SHARE_B, "SIN/S000002") == 2_500
    assert story.balance("1200 SIN_B05-SIN-0002.xlsx", "B03-DO", SHARE_B, "SIN/S000002") == 0
    number = story.receipt("1032", "SIN_B05-SIN-0001.xlsx").number
    for party in ("B03", "B05"):
        assert {f"20261123_interest_{number}.json", f"20261123_interest_{number}.pdf"} <= story.desk.outbox(
            party
        ).keys()


# The evening ----------------------------------------------------------------------------------------------------------------


@pytest.mark.rule("CSD-3.5.8-a", "CSD-3.1.3-a")
def test_the_books_agree_with_the_registry_and_no_transitory_account_is_left_full(story: Story):
    facts = story.batches[f"{DAY} end-of-day"].facts
    assert (facts["statements"], facts["overnight breaches"]) == (6, 0)
    day = story.desk.report("csd", "20261123_end-of-day_day.json")
    rows = next(t for t in day.tables if t.name == "Reconciliation").rows
    agrees = {(row[0], row[1]): row[4] for row in rows}
    assert all(agrees["registry", isin] == "yes" for isin in (SHARE_B, BOND, FUND))
    assert agrees["settlement bank", "USD"] == "yes"
    kzt = next(row for row in rows if row[:2] == ("settlement bank", "KZT"))
    assert (kzt[4], kzt[2] - kzt[3]) == ("NO", Decimal("55000000.00"))
    assert "33000000.00 ordered and not confirmed" in kzt[5]


def test_statements_show_holdings_cash_movements_and_the_journals_head(story: Story):
    head = story.batches[f"{DAY} end-of-day"].facts["journal head"]
    report = story.desk.report("B05", "20261123_end-of-day_statement.json")
    assert dict(report.facts)["Journal head"] == head
    tables = {t.name: t for t in report.tables}
    cash = dict(zip((c.key for c in tables["Cash"].columns), tables["Cash"].rows[0], strict=True))
    assert cash == {
        "currency": "KZT",
        "opening": Decimal("0.00"),
        "credits": Decimal("30640000.00"),
        "debits": Decimal("15111000.00"),
        "closing": Decimal("15529000.00"),
        "available": Decimal("11529000.00"),
        "blocked": Decimal("4000000.00"),
    }
    holding = next(row for row in tables["Holdings"].rows if row[:2] == ("B05-HO", SHARE_B))
    assert holding[3:6] == (Decimal(4_200), Decimal(3_200), Decimal(1_000))
    assert "SIN/S000003" in str(holding[6])
    for account, isin, *_, change in (row[4:] for row in tables["Movements"].rows):
        assert account.startswith("B05")
        assert change
        assert isin
    histories = [
        (r.status, r.reason[:4]) for r in story.desk.rows(schema.instruction_status) if r.instruction == "I000000010"
    ]
    assert histories[0][0] == "matched"
    assert histories[-1] == ("failing", "LACK")


def test_every_file_of_the_day_has_exactly_one_receipt_in_its_senders_outbox(story: Story):
    for key, receipt in story.receipts.items():
        if "1145 BUNA" in key or "1040 WRN" in key:
            continue
        name = f"{receipt.file_name}.{receipt.number}.receipt.json"
        assert receipt_json.parse(story.desk.outbox(receipt.sender)[name]) == receipt


@pytest.mark.rule("CSD-1.5-a", "CSD-1.5-b")
def test_every_notice_is_in_the_register_and_in_its_addressees_outbox(story: Story):
    rows = story.desk.rows(schema.notice)
    assert rows
    for row in rows:
        assert row.sender
        assert row.subject
        assert row.body
        assert row.channel == "SFTP"
        assert row.sent_at == row.received_at
        assert f"{row.business_date:%Y%m%d}_notice_{row.number}.pdf" in story.desk.outbox(row.addressee)


@pytest.mark.rule("KCSD-83", "KCSD-88")
def test_the_books_prove_themselves_and_everything_queued_is_in_the_archive(story: Story):
    proof = story.desk.proof()
    assert proof.faults == proof.outside == ()
    assert proof.head == story.batches[f"{DAY} end-of-day"].facts["journal head"]
    for row in [*story.desk.rows(schema.outgoing), *story.desk.rows(schema.file)]:
        assert hashlib.sha256(story.desk.site.archive.get(row.sha256)).hexdigest() == row.sha256


# Determinism ----------------------------------------------------------------------------------------------------------------


def fingerprint(story: Story) -> dict[str, Any]:
    outgoing = sorted((r.party, r.name, r.sha256) for r in story.desk.rows(schema.outgoing))
    return {"head": story.desk.proof().head, "outgoing": outgoing, "last": sorted(story.desk.balances().items())}


def test_sqlite_and_postgresql_give_the_same_journal_and_the_same_bytes(on_sqlite: Story, on_postgres: Story):
    assert fingerprint(on_sqlite) == fingerprint(on_postgres)


def test_playing_the_day_again_gives_the_same_journal_and_the_same_bytes(
    on_sqlite: Story, sqlite_template: SqliteTemplate, own_sandbox: Sandbox, tmp_path: Path
):
    again = play(sqlite_template.copy_to(tmp_path / "again.sqlite"), tmp_path, own_sandbox)
    assert fingerprint(again) == fingerprint(on_sqlite)
