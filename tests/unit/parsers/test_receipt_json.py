"""The receipt for machines: every field there and back, one spelling per content."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from depository.answers import LineOutcome, Receipt, Verdict
from depository.rejects import Reject, RejectionReason
from parsers.receipt_json import parse, render
from tests.support.feed_builders import DAY, NOON

REJECT = Reject(RejectionReason.SECURITY, "CSD-7.1.1-a", "isin", "КZX000009014", "Type Latin K.")
RECEIPT = Receipt(
    number="R00000001",
    sender="B01",
    file_name="IST_\u202e2026.xlsx",
    sha256="ab" * 32,
    size=12345,
    arrived_at=NOON,
    business_date=DAY,
    channel="SFTP",
    form="IST",
    reference="IST-1",
    verdict=Verdict.PARTLY,
    batch="fop-1200",
    cut_off=NOON + timedelta(hours=5, minutes=45),
    rejects=(),
    places=(),
    lines=(
        LineOutcome(1, Verdict.ACCEPTED, "L1", "I00000001", "matched"),
        LineOutcome(2, Verdict.REFUSED, "L2", "", "", (REJECT,), ("IST!H12",), "Ә"),
    ),
    message="1 of 2 lines was taken.",
)


def test_a_receipt_comes_back_as_it_was() -> None:
    assert parse(render(RECEIPT)) == RECEIPT


def test_a_refused_file_comes_back_as_it_was() -> None:
    refused = replace(
        RECEIPT, verdict=Verdict.REFUSED, cut_off=None, rejects=(REJECT,), places=("IST!B3",), lines=(), form=""
    )
    assert parse(render(refused)) == refused


def test_a_machine_reads_it_without_knowing_us() -> None:
    document = json.loads(render(RECEIPT))
    assert document["arrived_at"] == "2026-11-23T12:00:00+05:00"
    assert document["verdict"] == "partly accepted"
    assert document["lines"][1]["rejects"] == [
        {
            "code": "DSEC",
            "field": "isin",
            "found": "КZX000009014",
            "message": "Type Latin K.",
            "place": "IST!H12",
            "rule": "CSD-7.1.1-a",
        }
    ]


def test_keys_are_sorted_each_line_stands_on_its_own_and_the_file_ends_with_a_line_end() -> None:
    data = render(RECEIPT)
    document = json.loads(data)
    assert list(document) == sorted(document)
    assert data.endswith(b"}\n")
    assert sum(b'"reference": "L' in line for line in data.splitlines()) == 2
    assert data == render(RECEIPT)


def test_a_reject_without_a_place_has_an_empty_one() -> None:
    line = LineOutcome(1, Verdict.REFUSED, "L1", "", "", (REJECT,))
    found = json.loads(render(replace(RECEIPT, lines=(line,))))
    assert found["lines"][0]["rejects"][0]["place"] == ""


def test_a_moment_without_zone_is_never_written() -> None:
    with pytest.raises(ValueError, match="no zone"):
        render(replace(RECEIPT, arrived_at=NOON.replace(tzinfo=None)))


@pytest.mark.parametrize("data", [b"{}", b"[]", b'{"layout": "receipt-2"}', b'{"layout": "a", "layout": "b"}', b"\xff"])
def test_what_is_no_receipt_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"layout|object|twice|decode"):
        parse(data)
