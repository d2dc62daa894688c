"""The receipt of a file as JSON for machines (design §4), and back.

Layout `receipt-1`: the fields of `depository.answers.Receipt` by name; moments ISO 8601 with offset; every reject with
its place beside it; `signed_by` only when the file came signed. Equal receipts give equal bytes.
"""

from datetime import date, datetime
from typing import Any

from depository.answers import LineOutcome, Receipt, Verdict
from depository.rejects import Reject, RejectionReason
from parsers import canonical_json
from parsers.canonical_json import Written, compact, quoted

LAYOUT = "receipt-1"
_VERDICTS = {verdict.value: verdict for verdict in Verdict}


def render(receipt: Receipt) -> bytes:
    """The bytes of a receipt; raises ValueError when a moment has no zone or there are more places than rejects."""
    return canonical_json.write(
        {
            "layout": LAYOUT,
            "number": receipt.number,
            "sender": receipt.sender,
            "file_name": receipt.file_name,
            "sha256": receipt.sha256,
            "size": receipt.size,
            "arrived_at": receipt.arrived_at,
            "business_date": receipt.business_date,
            "channel": receipt.channel,
            "form": receipt.form,
            "reference": receipt.reference,
            "verdict": receipt.verdict.value,
            "batch": receipt.batch,
            "cut_off": receipt.cut_off,
            "rejects": _rejects(receipt.rejects, receipt.places),
            "lines": Written(map(_line, receipt.lines)),
            "message": receipt.message,
            **({"signed_by": list(receipt.signed_by)} if receipt.signed_by else {}),
        }
    )


def _line(line: LineOutcome) -> str:
    if line.rejects:
        return compact(
            {
                "line": line.line,
                "verdict": line.verdict.value,
                "reference": line.reference,
                "record": line.record,
                "status": line.status,
                "rejects": _rejects(line.rejects, line.places),
                "note": line.note,
            }
        )
    # Of up to 100,000 lines most are like this; written out they take a fifth of the time.
    number, verdict, reference, record, status, _, _, note = line
    return (
        f'{{"line": {number}, "note": {quoted(note)}, "record": {quoted(record)}, "reference": {quoted(reference)}, '
        f'"rejects": [], "status": {quoted(status)}, "verdict": {quoted(verdict)}}}'
    )


def _rejects(rejects: tuple[Reject, ...], places: tuple[str, ...]) -> list[dict[str, str]]:
    unplaced = ("",) * (len(rejects) - len(places))
    return [
        {
            "code": reject.code.value,
            "rule": reject.rule,
            "field": reject.field,
            "found": reject.found,
            "message": reject.message,
            "place": place,
        }
        for reject, place in zip(rejects, places + unplaced, strict=True)
    ]


def parse(data: bytes) -> Receipt:
    """The receipt of the bytes; raises ValueError or KeyError when they are no receipt of this layout."""
    try:
        document = canonical_json.read(data)
        if document.get("layout") != LAYOUT:
            raise ValueError(f"no receipt of layout {LAYOUT}")
        return _parsed(document)
    except (TypeError, AttributeError) as fault:
        # A value of another kind than the layout's: a number for a list, null for a moment.
        raise ValueError(f"no receipt of layout {LAYOUT}: {fault}") from fault


def _parsed(document: dict[str, Any]) -> Receipt:
    rejects, places = _parse_rejects(document["rejects"])
    return Receipt(
        number=document["number"],
        sender=document["sender"],
        file_name=document["file_name"],
        sha256=document["sha256"],
        size=document["size"],
        arrived_at=datetime.fromisoformat(document["arrived_at"]),
        business_date=date.fromisoformat(document["business_date"]),
        channel=document["channel"],
        form=document["form"],
        reference=document["reference"],
        verdict=Verdict(document["verdict"]),
        batch=document["batch"],
        cut_off=datetime.fromisoformat(document["cut_off"]) if document["cut_off"] else None,
        rejects=rejects,
        places=places,
        lines=tuple(_parse_line(line) for line in document["lines"]),
        message=document["message"],
        signed_by=tuple(document.get("signed_by", ())),
    )


def _parse_line(line: dict[str, Any]) -> LineOutcome:
    rejects, places = _parse_rejects(line["rejects"]) if line["rejects"] else ((), ())
    verdict = _VERDICTS[line["verdict"]]
    return LineOutcome(
        line["line"], verdict, line["reference"], line["record"], line["status"], rejects, places, line["note"]
    )


def _parse_rejects(found: list[dict[str, str]]) -> tuple[tuple[Reject, ...], tuple[str, ...]]:
    rejects = tuple(Reject(RejectionReason(r["code"]), r["rule"], r["field"], r["found"], r["message"]) for r in found)
    return rejects, tuple(r["place"] for r in found)
