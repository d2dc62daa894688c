"""Participants are told of a product that is admitted and was not before."""

from pathlib import Path

import pytest

from depository.store import register, schema
from flows.steps.reference import load_contents
from tests.support.books import SHARE_A, Desk, at

NEW = (
    b"isin,name,currency,quantity_type,scale,cfi,fisn,registry,market,admitted\n"
    b"KZ1C00000009,New Share JSC,KZT,UNIT,0,ESVUFR,,Model Registry,MAIN,%s\n"
)


def load(desk: Desk, data: bytes, local: str) -> None:
    load_contents(desk.site, {"products.csv": data}, at(local))


def told(desk: Desk) -> list[str]:
    return sorted(row.addressee for row in desk.rows(schema.notice) if "admitted product" in row.subject)


@pytest.fixture
def desk(lite: Desk) -> Desk:
    with lite.work() as work:
        known = set(register.all_products(work))
    assert SHARE_A in known
    if "KZ1C00000009" in known:
        pytest.fail("the sample has the security that is to be new")
    return lite


@pytest.mark.rule("CSD-7.1.4-a")
def test_every_participant_is_told_once_when_a_product_is_admitted(desk: Desk, tmp_path: Path) -> None:
    # The first register was told to nobody.
    assert told(desk) == []
    load(desk, NEW % b"no", "09:00")
    assert told(desk) == []
    load(desk, NEW % b"yes", "09:10")
    assert told(desk) == ["B01", "B02", "B03", "B04", "B05", "B06"]
    load(desk, (NEW % b"yes").replace(b"New Share", b"Renamed Share"), "09:20")
    assert len(told(desk)) == 6
    assert desk.replay(tmp_path / "replay").differences == ()
