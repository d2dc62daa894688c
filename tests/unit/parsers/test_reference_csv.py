"""Reference data: each file right, and each fault with its line and column."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from depository.business_days import DayKind
from depository.feeds import CalendarDay, OpeningPosition
from depository.register import Account, AccountState, AccountType, BankAccount, Party, PartyKind, Power, Product
from depository.rejects import FileRefused
from parsers.reference_csv import (
    Reference,
    read_accounts,
    read_bank_accounts,
    read_calendar,
    read_opening_positions,
    read_parties,
    read_powers,
    read_products,
)

PARTIES = """code,name,kind,bic,bin,active
B01,"Model Test Brokerage, LLP",participant,MBNKKZKA,180140000018,yes
exchange,Model Exchange,exchange,,,
"""
POWERS = """participant,name,position,forms,valid_from,valid_to
B01,Test Signatory,Head of operations,IST; WRN,2026-01-01,2026-12-31
B01,Second Signatory,Director,*,2026-01-01,2026-12-31
"""
BANK_ACCOUNTS = """participant,currency,iban,bank_bic,beneficiary_name,beneficiary_bin
B01,KZT,KZ418560000000001001,MBNKKZKA,Model Test Brokerage,180140000018
"""
ACCOUNTS = """number,opened_on,state,nin
B01-HO,2026-01-05,open,
B01-N000001,2026-01-05,on hold,NIN-0001
"""
PRODUCTS = """isin,name,currency,quantity_type,scale,cfi,fisn,registry,market,admitted
KZX000009014,"Құрылыс, жай акция",KZT,UNIT,0,ESVUFR,,Model Registry,AIX,yes
US0378331005,Test share,USD,UNIT,2,,,,,no
"""
CALENDAR = """date,kind,reason,source
2026-12-16,holiday,Independence Day,Law on holidays
2026-12-19,settlement,Moved working day,Government order
"""
POSITIONS = """account,isin,quantity,registry_reference
B01-HO,KZX000009014,1000,REG-1
"""


def test_every_file_gives_its_records() -> None:
    start, end = date(2026, 1, 1), date(2026, 12, 31)
    assert read_parties(PARTIES.encode()).records == (
        Party("B01", "Model Test Brokerage, LLP", PartyKind.PARTICIPANT, "MBNKKZKA", "180140000018", True),
        Party("exchange", "Model Exchange", PartyKind.EXCHANGE),
    )
    assert read_powers(POWERS.encode()).records == (
        Power("B01", "Test Signatory", "Head of operations", ("IST", "WRN"), start, end),
        Power("B01", "Second Signatory", "Director", ("*",), start, end),
    )
    assert read_bank_accounts(BANK_ACCOUNTS.encode()).records == (
        BankAccount("B01", "KZT", "KZ418560000000001001", "MBNKKZKA", "Model Test Brokerage", "180140000018"),
    )
    opened = date(2026, 1, 5)
    assert read_accounts(ACCOUNTS.encode()).records == (
        Account("B01-HO", "B01", AccountType.HOUSE, AccountState.OPEN, opened),
        Account("B01-N000001", "B01", AccountType.NOMINEE, AccountState.ON_HOLD, opened, "NIN-0001"),
    )
    assert read_products(PRODUCTS.encode()).records == (
        Product("KZX000009014", "Құрылыс, жай акция", "KZT", "UNIT", 0, "ESVUFR", "", "Model Registry", "AIX", True),
        Product("US0378331005", "Test share", "USD", "UNIT", 2, admitted=False),
    )
    assert read_calendar(CALENDAR.encode()).records == (
        CalendarDay(date(2026, 12, 16), DayKind.HOLIDAY, "Independence Day", "Law on holidays"),
        CalendarDay(date(2026, 12, 19), DayKind.SETTLEMENT, "Moved working day", "Government order"),
    )
    assert read_opening_positions(POSITIONS.encode()).records == (
        OpeningPosition(2, "B01-HO", "KZX000009014", Decimal(1000), "REG-1"),
    )


FAULTS: list[tuple[Callable[[bytes], Reference[Any]], str, str, str, str]] = [
    (read_parties, PARTIES, "B01", "B1", "code"),
    (read_parties, PARTIES, "exchange,", "../bank,", "code"),
    (read_parties, PARTIES, "participant", "member", "kind"),
    (read_parties, PARTIES, "180140000018", "180140000019", "bin"),
    (read_parties, PARTIES, "MBNKKZKA", "MBNK", "bic"),
    (read_parties, PARTIES, "Model Exchange", "", "name"),
    (read_parties, PARTIES, ",yes", ",maybe", "active"),
    (read_powers, POWERS, "IST; WRN", "IST,WRN".replace(",", "+"), "forms"),
    (read_powers, POWERS, "2026-12-31\nB01", "2025-12-31\nB01", "valid_to"),
    (read_powers, POWERS, "Test Signatory", "", "name"),
    (read_bank_accounts, BANK_ACCOUNTS, "KZ418560", "KZ428560", "iban"),
    (read_bank_accounts, BANK_ACCOUNTS, "KZT", "TENGE", "currency"),
    (read_accounts, ACCOUNTS, "B01-HO", "B01-XX", "number"),
    (read_accounts, ACCOUNTS, "NIN-0001", "", "nin"),
    (read_accounts, ACCOUNTS, "open,", "open,NIN-0002", "nin"),
    (read_accounts, ACCOUNTS, "on hold", "frozen", "state"),
    (read_accounts, ACCOUNTS, "2026-01-05,open", "05.01.2026,open", "opened_on"),
    (read_products, PRODUCTS, "KZX000009014", "KZX000009013", "isin"),
    (read_products, PRODUCTS, "UNIT,0", "UNIT,9", "scale"),
    (read_products, PRODUCTS, "UNIT,0", "PIECES,0", "quantity_type"),
    (read_products, PRODUCTS, "ESVUFR", "ZZZZZZ", "cfi"),
    (read_calendar, CALENDAR, "2026-12-16", "16.12.2026", "date"),
    (read_calendar, CALENDAR, "holiday", "feast", "kind"),
    (read_calendar, CALENDAR, "Law on holidays", "", "source"),
    (read_opening_positions, POSITIONS, "1000", "1,000".replace(",", " "), "quantity"),
    (read_opening_positions, POSITIONS, "REG-1", "", "registry_reference"),
]


@pytest.mark.rule("KCSD-96")
@pytest.mark.parametrize("digit", [d for d in "0123456789" if d != "4"])
def test_a_security_with_a_wrong_check_digit_is_not_taken(digit: str) -> None:
    found = read_products(PRODUCTS.replace("KZX000009014", f"KZX00000901{digit}", 1).encode())
    (line,) = found.refused
    assert [reject.field for reject in line.rejects] == ["isin"]
    assert f"KZX00000901{digit}" not in [product.isin for product in found.records]


@pytest.mark.rule("KCSD-96")
@pytest.mark.parametrize("cfi", ["ESVUF", "ESVUFRX", "XSVUFR", "ESVUF1"])
def test_a_security_with_a_code_that_no_cfi_has_is_not_taken(cfi: str) -> None:
    found = read_products(PRODUCTS.replace("ESVUFR", cfi, 1).encode())
    (line,) = found.refused
    assert [reject.field for reject in line.rejects] == ["cfi"]


@pytest.mark.parametrize(("read", "text", "old", "new", "column"), FAULTS)
def test_each_fault_is_reported_with_line_and_column(
    read: Callable[[bytes], Reference[Any]], text: str, old: str, new: str, column: str
) -> None:
    assert old in text
    right, wrong = read(text.encode()), read(text.replace(old, new, 1).encode())
    (line,) = wrong.refused
    assert [reject.field for reject in line.rejects] == [column]
    header = text.split("\n", 1)[0].split(",")
    assert line.places == (f"line {line.line}, column {header.index(column) + 1} ({column})",)
    assert len(wrong.records) == len(right.records) - 1


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (read_parties, PARTIES),
        (read_bank_accounts, BANK_ACCOUNTS),
        (read_accounts, ACCOUNTS),
        (read_products, PRODUCTS),
        (read_calendar, CALENDAR),
        (read_opening_positions, POSITIONS),
    ],
)
def test_a_record_that_stands_twice_is_refused_the_second_time(
    read: Callable[[bytes], Reference[Any]], text: str
) -> None:
    first = text.split("\n")[1]
    found = read(f"{text}{first.lower() if read is read_opening_positions else first}\n".encode())
    assert len(found.records) == text.count("\n") - 1
    assert "already" in found.refused[0].rejects[-1].message


@pytest.mark.rule("CSD-3.1.2-c")
def test_a_client_has_one_nominee_account_with_a_participant() -> None:
    found = read_accounts(
        (ACCOUNTS + "B01-N000002,2026-01-05,open,NIN-0001\nB02-N000001,2026-01-05,,NIN-0001\n").encode()
    )
    assert [account.number for account in found.records] == ["B01-HO", "B01-N000001", "B02-N000001"]
    assert [(line.line, line.rejects[0].field) for line in found.refused] == [(4, "nin")]


@pytest.mark.rule("CSD-3.1.2-a")
def test_participant_and_type_of_an_account_must_agree_with_its_number() -> None:
    found = read_accounts(b"number,participant,type,opened_on\nB01-HO,B02,DO,2026-01-05\n")
    assert [reject.field for reject in found.refused[0].rejects] == ["participant", "type"]


@pytest.mark.rule("CSD-3.1.2-a")
def test_there_are_accounts_of_the_published_types_alone_and_only_one_of_a_nominee_has_a_client() -> None:
    types = ("HO", "DO", "FO", "ST", "MM", "N000001", "XX", "N1")
    lines = [f"B01-{type_},2026-01-05,{'NIN-0001' if type_ == 'N000001' else ''}" for type_ in types]
    found = read_accounts("\n".join(["number,opened_on,nin", *lines, "B02-ST,2026-01-05,NIN-0002", ""]).encode())
    assert [account.number for account in found.records] == [f"B01-{type_}" for type_ in types[:6]]
    assert [(line.line, line.rejects[0].field) for line in found.refused] == [(8, "number"), (9, "number"), (10, "nin")]


def test_a_file_without_a_needed_column_is_refused_whole() -> None:
    with pytest.raises(FileRefused, match="source"):
        read_calendar(b"date,kind,reason\n")
