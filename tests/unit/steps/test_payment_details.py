"""Participants are told where to pay: at the first opening that finds them, and again when it changes."""

from dataclasses import replace

import pytest

from depository.payment_details import SUBJECT
from depository.store import schema
from flows.steps.batches import run_batch
from tests.support.books import DAY, IBAN, NOMINEE, TUESDAY, Desk, advice, at, entry


@pytest.fixture
def desk(lite: Desk) -> Desk:
    """The sample market's books with the business day planned."""
    lite.plan()
    return lite


EVERYBODY = [f"B0{n}" for n in range(1, 7)]


def told(desk: Desk) -> list[str]:
    """Whom the register has as told, in order."""
    return [row.addressee for row in desk.rows(schema.notice) if row.subject == SUBJECT]


@pytest.mark.rule("CSD-3.3.1-f")
def test_each_participant_gets_bank_account_and_details_of_every_currency_at_the_opening(desk: Desk) -> None:
    desk.run("opening")
    rows = [row for row in desk.rows(schema.notice) if row.subject == SUBJECT]
    assert [row.addressee for row in rows] == EVERYBODY
    for row in rows:
        for currency, account in NOMINEE.items():
            assert f"{currency}: account {account} with the settlement bank, BIC MBNKKZKA" in row.body
        assert desk.site.market.depository_bin in row.body
        assert f"your code {row.addressee} " in row.body
        assert f"{DAY:%Y%m%d}_notice_{row.number}.pdf" in desk.outbox(row.addressee)


@pytest.mark.rule("CSD-3.3.1-f", "CSD-3.3.1-a")
def test_money_paid_as_the_notice_says_is_the_participants(desk: Desk) -> None:
    desk.run("opening")
    body = next(row.body for row in desk.rows(schema.notice) if (row.subject, row.addressee) == (SUBJECT, "B02"))
    code = body.partition("your code ")[2].split()[0]
    paid = entry("K1", "100.00", "", remittance=f"{code} for settlement")
    account = body.partition("KZT: account ")[2].split()[0]
    desk.drop_money(advice(paid, iban=account), local="09:30")
    assert desk.amount("B02", "KZT") == 10_000


@pytest.mark.rule("CSD-3.3.1-f")
def test_nobody_is_told_again_until_an_account_changes(desk: Desk) -> None:
    desk.run("opening")
    desk.plan(TUESDAY)
    desk.run("opening", day=TUESDAY)
    assert told(desk) == EVERYBODY
    market = desk.site.market
    moved = [replace(c, nominee_iban=IBAN["B01", "USD"]) if c.code == "USD" else c for c in market.currencies]
    changed = replace(desk.site, market=replace(market, currencies=tuple(moved)))
    later = replace(desk, site=changed)
    day = TUESDAY.replace(day=25)
    later.plan(day)
    run_batch(changed, day, "opening", at("09:00", day))
    assert told(desk) == EVERYBODY * 2
    assert IBAN["B01", "USD"] in [row.body for row in desk.rows(schema.notice) if row.subject == SUBJECT][-1]
