"""Reference data: holdings that the registry keeps in the depository's name are credited once, and nothing belongs to a stranger."""

import pytest

from depository.rejects import FileRefused
from flows.steps.reference import load_contents
from tests.support.books import SHARE_B, Desk, at

HEADER = "account,isin,quantity,registry_reference\n"
BANK_ACCOUNT_OF_NOBODY = """participant,currency,iban,bank_bic,beneficiary_name,beneficiary_bin
B09,KZT,KZ86125KZT5004100100,HSBKKZKX,Nobody,940140000385
"""


def load(desk: Desk, *lines: str, local: str = "09:00") -> None:
    load_contents(desk.site, {"positions.csv": (HEADER + "".join(f"{line}\n" for line in lines)).encode()}, at(local))


@pytest.mark.rule("CSD-3.5.1-a")
def test_a_holding_is_credited_once_under_its_registry_reference_however_often_it_is_loaded(lite: Desk) -> None:
    before = lite.amount("B01-HO", SHARE_B)
    load(lite, f"B01-HO,{SHARE_B},7,REG-NEW-1")
    load(lite, f"B01-HO,{SHARE_B},7,REG-NEW-1", f"B02-HO,{SHARE_B},5,REG-NEW-2", local="09:01")
    assert lite.amount("B01-HO", SHARE_B) == before + 7
    assert lite.proof().faults == ()


@pytest.mark.rule("CSD-3.5.1-a")
@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (f"B02-HO,{SHARE_B},0.5,REG-NEW-2", f"the quantity 0.5 of {SHARE_B} is wrong"),
        ("B02-HO,KZX000009998,5,REG-NEW-2", "KZX000009998 is no product of the register"),
        (f"B09-HO,{SHARE_B},5,REG-NEW-2", "B09-HO is no account of the register"),
    ],
)
def test_a_wrong_holding_is_refused_and_nothing_of_its_file_is_credited(lite: Desk, wrong: str, why: str) -> None:
    before = lite.balances()
    with pytest.raises(FileRefused, match=rf"positions\.csv line 3 \(REG-NEW-2\): {why}"):
        load(lite, f"B01-HO,{SHARE_B},7,REG-NEW-1", wrong)
    assert lite.balances() == before


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("accounts.csv", "number,opened_on\nB09-HO,2026-01-05\n"),
        ("powers.csv", "participant,name,position,forms,valid_from,valid_to\nB09,A B,Head,*,2026-01-01,2027-01-01\n"),
        ("bank_accounts.csv", BANK_ACCOUNT_OF_NOBODY),
    ],
)
def test_what_belongs_to_nobody_of_the_register_is_refused_by_the_name_of_its_file(
    lite: Desk, name: str, line: str
) -> None:
    with pytest.raises(FileRefused, match=rf"Nothing was loaded\. {name}: no participant has the code B09"):
        load_contents(lite.site, {name: line.encode()}, at("09:00"))
