"""An entry that does not balance is never made, and balances that cannot be are named by the proof of the books."""

import pytest

from depository.ledger import BANK, ISSUER, Entry, Posting, move
from depository.rejects import Broken
from depository.verify import _impossible
from tests.support.books import SHARE_B


@pytest.mark.rule("CSD-5.2-dvp")
@pytest.mark.parametrize("wrong", [(), (1, "KZT"), (-1, SHARE_B)])
def test_an_entry_that_moves_one_unit_more_on_one_side_is_never_made(wrong: tuple[int, str] | tuple[()]) -> None:
    postings = [*move(SHARE_B, 10, "B01-HO", "B02-HO"), *move("KZT", 500, "B02", "B01")]
    if not wrong:
        assert Entry("settlement", "I000000001", tuple(postings)).postings == tuple(postings)
        return
    more, asset = wrong
    with pytest.raises(Broken, match=f"entry settlement of I000000001 does not balance: {{'{asset}': {more}}}"):
        Entry("settlement", "I000000001", (*postings, Posting("B02", asset, "", more)))


@pytest.mark.rule("KCSD-88")
def test_a_rebuilt_balance_below_nought_is_named_but_not_of_those_who_mirror_the_others() -> None:
    rebuilt = {
        ("B01", "KZT", ""): -5,
        ("B02", "KZT", ""): 12,
        (BANK, "KZT", ""): -7,
        ("B01-HO", SHARE_B, ""): 3,
        (ISSUER, SHARE_B, ""): -3,
    }
    assert _impossible(rebuilt) == ["balance of B01 in KZT is negative: -5"]
    rebuilt[BANK, "KZT", ""] = -8
    assert _impossible(rebuilt)[1:] == ["KZT does not sum to nought over all holders but to -1"]
