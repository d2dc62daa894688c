"""The sample forms under `sample_files/`: how each is made, and `regenerate` that writes them with what the reader says of them."""

import io
import json
import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from openpyxl import Workbook, load_workbook

from depository.rejects import FileRefused
from forms import samples
from forms.form import Form
from forms.paof import TYPES
from parsers.blank_workbook import fill, render_blank
from parsers.workbook_form import read_form

FOLDER = Path(__file__).parents[2] / "sample_files"
NBSP = "\u00a0"

Edit = Callable[[Workbook], None]
Parts = dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Case:
    """One sample; `name` tells in words what is wrong with it (or that it is right)."""

    form: str
    name: str
    make: Callable[[], bytes]

    @property
    def path(self) -> Path:
        return FOLDER / self.form / f"{self.name}.xlsx"

    @property
    def expected_path(self) -> Path:
        return FOLDER / self.form / f"{self.name}.expected.json"


def outcome(data: bytes, file_name: str) -> dict[str, Any]:
    """Say what the reader makes of a file, in the form of an `.expected.json`."""
    try:
        form = read_form(data, file_name)
    except FileRefused as refused:
        return {"file_refused": {"code": refused.code, "message": refused.message}}
    return {
        "form": form.code,
        "reference": form.reference,
        "content_sha256": form.content_sha256,
        "lines": len(form.lines),
        "right_lines": [line.number for line in form.lines if line.request],
        "rejects": [reject_record(form, 0, one) for one in form.rejects]
        + [reject_record(form, line.number, one) for line in form.lines for one in line.rejects],
        "notes": list(form.notes),
    }


def reject_record(form: Form, line: int, reject: Any) -> dict[str, Any]:
    """Write a reject with its place."""
    return {
        "line": line,
        "place": form.place(line, reject.field),
        "field": reject.field,
        "code": reject.code.value,
        "rule": reject.rule,
        "found": reject.found,
        "message": reject.message,
    }


def regenerate(only: str = "") -> None:
    """Write every sample (or those whose name holds `only`) and its expected outcome."""
    for case in CASES:
        if only in case.name:
            case.path.parent.mkdir(parents=True, exist_ok=True)
            data = case.make()
            case.path.write_bytes(data)
            text = json.dumps(outcome(data, case.path.name), indent=2, ensure_ascii=False) + "\n"
            case.expected_path.write_text(text, encoding="utf-8")


# --- how samples are made ------------------------------------------------------------------------------------------------------


def _ist(*lines: Mapping[str, object], **header: object) -> bytes:
    return fill("IST", samples.header(**header), {}, lines or [samples.ist_line()])


def _ist_lines(*changes: Mapping[str, object]) -> Callable[[], bytes]:
    """Make an IST whose first line is right and whose others have these changes."""
    return lambda: _ist(
        samples.ist_line("T-000001"),
        *(samples.ist_line(**{"reference": f"T-{n:06d}", **c}) for n, c in enumerate(changes, 2)),
    )


def _wrn(header: Mapping[str, object] | None = None, **changes: object) -> Callable[[], bytes]:
    return lambda: fill("WRN", samples.header(**(header or {})), samples.wrn_body(**changes), ())


def _bdn(header: Mapping[str, object] | None = None, **changes: object) -> Callable[[], bytes]:
    return lambda: fill("BDN", samples.header(**(header or {})), samples.bdn_body(**changes), ())


def _tcr(**changes: object) -> Callable[[], bytes]:
    return lambda: fill("TCR", samples.header(), samples.tcr_body(**changes), ())


def _acr(**changes: object) -> Callable[[], bytes]:
    return lambda: fill("ACR", samples.header(), samples.acr_body(**changes), ())


def _obc(**changes: object) -> Callable[[], bytes]:
    return lambda: fill("OBC", samples.header(), samples.obc_body(**changes), ())


def _paof(*changes: Mapping[str, object]) -> Callable[[], bytes]:
    return lambda: fill(
        "PAOF",
        samples.header(),
        {},
        [samples.paof_line(**{"reference": f"P-{n}", **one}) for n, one in enumerate(changes, 1)],
    )


def _iao(**changes: object) -> Callable[[], bytes]:
    return lambda: fill("IAO", samples.header(), samples.iao_body(1, **changes), ())


def _sin(header: Mapping[str, object] | None = None, **changes: object) -> Callable[[], bytes]:
    return lambda: fill("SIN", samples.header(**(header or {})), samples.sin_body(**changes), ())


def _ind(header: Mapping[str, object] | None = None, **changes: object) -> Callable[[], bytes]:
    given = {"reference": "A01-2026-0146", **(header or {})}
    return lambda: fill("IND", samples.header(**given), samples.ind_body(**changes), ())


def _buna(*changes: Mapping[str, object], accounts: object = None, **header: object) -> Callable[[], bytes]:
    """Make a BUNA whose first row is right and whose others have these changes."""
    rows = [samples.buna_client(1), *(samples.buna_client(n, **c) for n, c in enumerate(changes, 2))]
    stated = len(rows) if accounts is None else accounts
    return lambda: fill("BUNA", samples.header(**header), {"accounts": stated}, rows)


def edited(data: bytes, edit: Edit) -> bytes:
    """Change a workbook with openpyxl and save it with a fixed date."""
    book = load_workbook(io.BytesIO(data))
    edit(book)
    target = io.BytesIO()
    book.save(target)
    return repacked(target.getvalue(), lambda parts: None)


def repacked(data: bytes, change: Callable[[Parts], None], extra: Sequence[tuple[str, bytes]] = ()) -> bytes:
    """Change the parts of a package; `extra` parts are added even when the name is there already."""
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        parts = {name: package.read(name) for name in package.namelist()}
    change(parts)
    core = parts.get("docProps/core.xml", b"")
    if core:
        stamp = rb"\g<1>2026-01-01T00:00:00Z"
        parts["docProps/core.xml"] = re.sub(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*", stamp, core)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in [*parts.items(), *extra]:
            entry = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            package.writestr(entry, content)
    return target.getvalue()


def _put(**cells: object) -> Edit:
    """Set cells of the first sheet."""

    def edit(book: Workbook) -> None:
        for place, value in cells.items():
            book.worksheets[0][place].value = value

    return edit


def _general(**cells: object) -> Edit:
    """Set cells of the first sheet and take their number format away."""

    def edit(book: Workbook) -> None:
        for place, value in cells.items():
            cell = book.worksheets[0][place]
            cell.number_format = "General"
            cell.value = value

    return edit


def _dated(**cells: object) -> Edit:
    """Set cells of the first sheet to dates."""

    def edit(book: Workbook) -> None:
        for place, value in cells.items():
            cell = book.worksheets[0][place]
            cell.value = value
            cell.number_format = "yyyy-mm-dd"

    return edit


def _old_date(book: Workbook) -> None:
    book["Accounts"]["O2"] = date(1900, 1, 15)


def _iban(country: str, account: str) -> str:
    """Put the right check digits on an IBAN, whatever its country and structure."""
    digits = "".join(str(int(letter, 36)) for letter in account + country + "00")
    return f"{country}{98 - int(digits) % 97:02d}{account}"


def _changed(part: str, old: bytes, new: bytes) -> Callable[[Parts], None]:
    def change(parts: Parts) -> None:
        assert old in parts[part], (part, old)
        parts[part] = parts[part].replace(old, new, 1)

    return change


def _added(name: str, content: bytes = b"<x/>") -> Callable[[], bytes]:
    return lambda: repacked(_ist(), lambda parts: parts.update({name: content}))


def _insert_rows(book: Workbook) -> None:
    """Insert two rows above the participant's code and three in the table, as a participant would."""
    sheet = book["WRN"]
    sheet.insert_rows(8, 2)
    sheet.merged_cells.ranges.clear()


def _scattered(book: Workbook) -> None:
    sheet = book["IST"]
    last = [cell.value for cell in sheet[13]]
    for column, value in enumerate(last, 1):
        sheet.cell(13, column).value = None
        sheet.cell(20, column).value = value


def _hidden(book: Workbook) -> None:
    book.create_sheet("Lists").sheet_state = "hidden"
    book.create_sheet("My notes")["A1"] = "call the back office"


def _form_hidden(book: Workbook) -> None:
    book.create_sheet("Cover")
    book["WRN"].sheet_state = "hidden"
    book.active = 1


def _odd_cells(book: Workbook) -> None:
    sheet = book["IST"]
    sheet["K13"] = "=10*100"
    sheet["M14"] = "#N/A"
    sheet["M14"].data_type = "e"
    sheet["D4"].value = sheet["D4"].value


def _duplicate_column(book: Workbook) -> None:
    book["IST"]["R11"] = "ISIN"


def _remove(*places: str) -> Edit:
    return _put(**dict.fromkeys(places))


def _other_package(*names: str) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as package:
        for name in names:
            package.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), b"<x/>")
    return target.getvalue()


def _encrypted_entry(data: bytes) -> bytes:
    """Set the flag of an encrypted entry on every part."""
    changed = bytearray(data)
    for sign, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = changed.find(sign)
        while at >= 0:
            changed[at + offset] |= 1
            at = changed.find(sign, at + 4)
    return bytes(changed)


def _far_cell() -> bytes:
    return repacked(
        _ist(),
        _changed(
            "xl/worksheets/sheet1.xml",
            b"</sheetData>",
            b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>',
        ),
    )


def _expanding() -> bytes:
    filler = b"<!-- " + b" " * 4_000_000 + b"-->"
    return repacked(_ist(), _changed("xl/styles.xml", b"</styleSheet>", filler + b"</styleSheet>"))


def _overlapping(data: bytes) -> bytes:
    """List one packed part under many names."""
    target = io.BytesIO(data)
    with zipfile.ZipFile(target, "a") as package:
        packed = package.getinfo("xl/styles.xml")
        for number in range(100):
            other = copy(packed)
            other.filename = other.orig_filename = f"xl/styles{number:03d}.xml"
            package.filelist.append(other)
        # Something has to be written, so that the list is written anew.
        package.writestr(zipfile.ZipInfo("x.txt", (2026, 1, 1, 0, 0, 0)), b"")
    return target.getvalue()


_LONG = "x" * 141
_COMPANY: Mapping[str, object] = {
    "person_type": "legal entity",
    "surname": "Test Trading & Co. Ltd",
    "first_name": None,
    "iin": samples.iin_bin("90010110003"),
    "document_type": "registration certificate",
    "document_expires": None,
}
_CHANGE: Mapping[str, object] = {
    **dict.fromkeys(samples.buna_client(1)),
    "action": "change",
    "reference": "C-000001",
    "nin": "KZ00000077",
    "email": "new.address@example.com",
}

_NO_REFERENCE: Mapping[str, object] = {name: value for name, value in _CHANGE.items() if name != "reference"}

CASES: tuple[Case, ...] = (
    # IST, right
    Case("IST", "right-one-line", _ist),
    Case(
        "IST",
        "right-every-reason",
        lambda: _ist(
            *(
                samples.ist_line(
                    f"T-{n:06d}", reason=reason, agreement="GMSLA-2026-01" if "lending" in reason else None
                )
                for n, reason in enumerate(
                    ("transfer", "lending", "lending return", "collateral", "own accounts", "off-market", "other"), 1
                )
            )
        ),
    ),
    Case(
        "IST",
        "right-replace-and-revoke",
        lambda: _ist(
            samples.ist_line("T-000010", action="replace", previous="T-000001", quantity=Decimal(900)),
            samples.ist_revocation("T-000011", "T-000002"),
        ),
    ),
    Case(
        "IST",
        "right-text-dates-and-numbers",
        _ist_lines(
            {"due_date": "2026-11-25", "trade_date": "23.11.2026", "quantity": "1000.5"},
            {"due_date": "25.11.2026", "quantity": "123456789012345.123456", "quantity_type": "Face Amount"},
        ),
    ),
    Case(
        "IST",
        "right-spaces-around",
        _ist_lines(
            {
                "isin": f"  {samples.ISIN}{NBSP}",
                "own_account": f"{NBSP}A01-HO ",
                "quantity": " 1000 ",
                "movement": f"Deliver{NBSP} Free",
                "security_name": f"Test{NBSP}ordinary  share",
            }
        ),
    ),
    Case("IST", "right-empty-rows-between", lambda: edited(_ist_lines({})(), _scattered)),
    Case("IST", "right-hidden-and-other-sheets", lambda: edited(_ist(), _hidden)),
    Case(
        "IST",
        "right-two-signatories",
        lambda: _ist(
            second_signatory="Test Signatory Two", second_position="Director", second_signature="Test Signatory Two"
        ),
    ),
    # IST, wrong lines
    Case(
        "IST",
        "wrong-choices",
        _ist_lines({"action": "move"}, {"movement": "deliver"}, {"quantity_type": "pieces"}, {"reason": "trаnsfer"}),
    ),
    Case(
        "IST",
        "wrong-missing-values",
        lambda: _ist(
            samples.ist_line(),
            {"action": "new", "reference": "T-000002"},
            {"action": "new"},
            {"reference": "T-000004"},
            {"action": "replace", "reference": "T-000005"},
            {"action": "revoke", "reference": "T-000006"},
        ),
    ),
    Case(
        "IST",
        "wrong-references",
        _ist_lines(
            {"reference": "T-000001"},
            {"reference": "T 000003"},
            {"reference": "T-" + "0" * 40},
            {"reference": "Т-000005"},
            {"action": "replace", "reference": "T-000006", "previous": "T-000006"},
            {"previous": "T-000000"},
            {"reference": "Ссылка-8"},
        ),
    ),
    Case(
        "IST",
        "wrong-revocation-says-more",
        lambda: _ist(samples.ist_line("T-000009", action="revoke", previous="T-000001")),
    ),
    Case(
        "IST",
        "wrong-isin",
        _ist_lines(
            {"isin": "KZ1C00000008"},
            {"isin": "KZ1C0000000"},
            {"isin": "QQ1C00000009"},
            {"isin": "KZ1С00000009"},
            {"isin": "KZ1C0000-009"},
            {"isin": "KZ1C\u200b00000009"},
            {"isin": "KZ1C00000一09"},
        ),
    ),
    Case(
        "IST",
        "wrong-accounts-and-parties",
        _ist_lines(
            {"own_account": "A01"},
            {"own_account": "A01–HO"},
            {"counterparty": "B2"},
            {"counterparty_account": "C03-HO"},
            {"counterparty": "A01", "counterparty_account": "A01-HO", "reason": "own accounts"},
        ),
    ),
    Case(
        "IST",
        "wrong-quantities",
        _ist_lines(
            {"quantity": "1,234"},
            {"quantity": "1 234"},
            {"quantity": f"1{NBSP}234,50"},
            {"quantity": 0},
            {"quantity": -5},
            {"quantity": "0.0000001"},
            {"quantity": 1234567890123456789},
            {"quantity": "1234567890123456"},
            {"quantity": True},
            {"quantity": "١٢٣"},
        ),
    ),
    Case(
        "IST",
        "wrong-dates",
        _ist_lines(
            {"due_date": "11/25/2026"},
            {"due_date": "31.11.2026"},
            {"due_date": datetime(2026, 11, 25, 14, 30)},  # noqa: DTZ001 - a cell has no zone
            {"due_date": "1026-11-25"},
            {"trade_date": date(2026, 11, 26)},
        ),
    ),
    Case(
        "IST",
        "wrong-number-for-a-code",
        _ist_lines({"reference": 123}, {"isin": 123456789012}),
    ),
    Case("IST", "wrong-number-for-a-date", lambda: edited(_ist(), _general(M12=46351))),
    Case("IST", "wrong-date-for-a-code", lambda: edited(_ist(), _dated(Q12=date(2026, 11, 25)))),
    Case("BUNA", "wrong-date-before-1900", lambda: edited(_buna()(), _old_date)),
    Case("IST", "wrong-formula-and-error-cells", lambda: edited(_ist_lines({}, {})(), _odd_cells)),
    Case("IST", "wrong-loan-without-agreement", _ist_lines({"reason": "lending"}, {"reason": "lending return"})),
    Case("IST", "wrong-text-too-long", _ist_lines({"security_name": _LONG}, {"security_name": "Test\u0007share"})),
    # IST, whole form refused
    Case("IST", "wrong-no-line", lambda: fill("IST", samples.header(), {}, ())),
    Case("IST", "wrong-header-empty", lambda: render_blank("IST")),
    Case(
        "IST",
        "wrong-header-values",
        lambda: _ist(
            participant="А01",
            reference="№ 147",
            form_date="23/11/2026",
            layout="0",
            signatory=None,
            second_signatory="Test Signatory Two",
        ),
    ),
    Case("IST", "wrong-form-code-of-another-form", lambda: _ist(form="WRN")),
    Case("IST", "wrong-label-renamed", lambda: edited(_ist(), _put(A7="Participants code"))),
    Case("IST", "wrong-label-twice", lambda: edited(_ist(), _put(N9="Date", O9="2026-11-23"))),
    Case("IST", "wrong-column-renamed", lambda: edited(_ist(), _put(I11="ISIN code"))),
    Case("IST", "wrong-column-deleted", lambda: edited(_ist(), _remove("Q11"))),
    Case("IST", "wrong-column-twice", lambda: edited(_ist(), _duplicate_column)),
    Case("IST", "wrong-no-table", lambda: edited(_ist(), lambda book: book["IST"].delete_rows(11, 30))),
    # files refused as a whole
    Case("IST", "refused-empty", lambda: b""),
    Case("IST", "refused-csv-named-xlsx", lambda: b"action;reference;isin\nnew;T-000001;KZ1C00000009\n"),
    Case("IST", "refused-web-page-named-xlsx", lambda: b"<html><table><tr><td>IST</td></tr></table></html>"),
    Case("IST", "refused-xml-named-xlsx", lambda: b"<?xml version='1.0'?><Document/>"),
    Case("IST", "refused-pdf-named-xlsx", lambda: b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"),
    Case("IST", "refused-other-bytes", lambda: b"\x00\x01\x02\x03" * 20),
    Case("IST", "refused-old-xls", lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)),
    Case(
        "IST",
        "refused-password",
        lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504) + "EncryptedPackage".encode("utf-16-le"),
    ),
    Case("IST", "refused-password-on-the-zip", lambda: _encrypted_entry(_ist())),
    Case("IST", "refused-cut-off", lambda: _ist()[:-400]),
    Case("IST", "refused-damaged-inside", lambda: repacked(_ist(), _changed("xl/workbook.xml", b"</workbook>", b""))),
    Case(
        "IST",
        "refused-damaged-sheet",
        lambda: repacked(_ist(), _changed("xl/worksheets/sheet1.xml", b"</row>", b"</wor>")),
    ),
    Case(
        "IST",
        "refused-damaged-sheet-with-formula",
        lambda: repacked(_ist(), _changed("xl/worksheets/sheet1.xml", b"</row>", b'<c r="ZZ"><f>1</f></c></wor>')),
    ),
    Case("IST", "refused-word-document", lambda: _other_package("[Content_Types].xml", "word/document.xml")),
    Case("IST", "refused-opendocument", lambda: _other_package("mimetype", "content.xml")),
    Case("IST", "refused-binary-workbook", lambda: _other_package("[Content_Types].xml", "xl/workbook.bin")),
    Case("IST", "refused-other-package", lambda: _other_package("a.txt")),
    Case("IST", "refused-odd-part-name", lambda: _other_package("../../etc/x.xml")),
    Case("IST", "refused-macros", _added("xl/vbaProject.bin", b"x")),
    Case(
        "IST",
        "refused-macro-kind",
        lambda: repacked(
            _ist(), _changed("[Content_Types].xml", b"spreadsheetml.sheet.main+xml", b"macroEnabled.main+xml")
        ),
    ),
    Case("IST", "refused-external-link-part", _added("xl/externalLinks/externalLink1.xml")),
    Case(
        "IST",
        "refused-external-relation",
        _added(
            "xl/worksheets/_rels/sheet1.xml.rels",
            b'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" '
            b'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/image" '
            b'Target="https://example.com/a.png" TargetMode="External"/></Relationships>',
        ),
    ),
    Case("IST", "refused-embedded-object", _added("xl/embeddings/oleObject1.bin", b"x")),
    Case(
        "IST",
        "refused-entities",
        lambda: repacked(
            _ist(),
            _changed(
                "xl/styles.xml", b"<styleSheet", b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><styleSheet'
            ),
        ),
    ),
    Case(
        "IST",
        "refused-utf-16",
        lambda: repacked(
            _ist(), lambda parts: parts.update({"xl/styles.xml": parts["xl/styles.xml"].decode().encode("utf-16")})
        ),
    ),
    Case("IST", "refused-far-cell", _far_cell),
    Case("IST", "refused-part-twice", lambda: repacked(_ist(), lambda parts: None, [("XL/styles.xml", b"<x/>")])),
    Case(
        "IST",
        "refused-too-many-parts",
        lambda: repacked(_ist(), lambda parts: parts.update({f"x/{n}.xml": b"<x/>" for n in range(301)})),
    ),
    Case("IST", "refused-expands-too-far", _expanding),
    Case("IST", "refused-parts-on-top-of-each-other", lambda: _overlapping(_ist())),
    Case(
        "IST",
        "refused-strict-open-xml",
        lambda: repacked(
            _ist(),
            _changed(
                "xl/workbook.xml",
                b"http://schemas.openxmlformats.org/spreadsheetml/2006/main",
                b"http://purl.oclc.org/ooxml/spreadsheetml/main",
            ),
        ),
    ),
    Case("IST", "refused-unknown-form", lambda: edited(_ist(), lambda book: setattr(book["IST"], "title", "ETF"))),
    Case(
        "IST", "refused-lookalike-sheet-name", lambda: edited(_ist(), lambda book: setattr(book["IST"], "title", "ІST"))
    ),
    Case("IST", "refused-two-forms", lambda: edited(_ist(), lambda book: book.create_sheet("WRN") and None)),
    # WRN
    Case("WRN", "right-exact-amount", _wrn()),
    Case(
        "WRN",
        "right-all-available-dollars",
        _wrn(currency="usd", mode="all available at most", amount="250000.50", purpose=None),
    ),
    Case("WRN", "right-inserted-rows", lambda: edited(_wrn()(), _insert_rows)),
    Case("WRN", "right-yen-without-decimals", _wrn(currency="JPY", amount=1000000, purpose=None)),
    Case("WRN", "wrong-empty-body", lambda: fill("WRN", samples.header(), {}, ())),
    Case("WRN", "wrong-currency", _wrn(currency="KZX")),
    Case("WRN", "wrong-mode", _wrn(mode="everything")),
    Case("WRN", "wrong-amount-with-comma", _wrn(amount="1,500,000.00")),
    Case("WRN", "wrong-amount-too-fine", _wrn(amount="1500000.005")),
    Case("WRN", "wrong-amount-yen-with-decimals", _wrn(currency="JPY", amount="1000.5", purpose=None)),
    Case("WRN", "wrong-iban-check-digits", _wrn(iban="KZ86125KZT5004100101")),
    Case("WRN", "wrong-iban-length", _wrn(iban="KZ701234")),
    Case("WRN", "wrong-iban-structure", _wrn(iban=_iban("KZ", "125KZT50041001001"))),
    Case("WRN", "wrong-iban-country", _wrn(iban=_iban("XX", "125KZT5004100100"))),
    Case("WRN", "wrong-bic-length", _wrn(bank_bic="TESTKZK")),
    Case("WRN", "wrong-bic-country", _wrn(bank_bic="TESTXXKA")),
    Case("WRN", "wrong-name-in-cyrillic", _wrn(beneficiary_name="Альфа Брокер")),
    Case("WRN", "wrong-name-with-lookalikes", _wrn(beneficiary_name="Alphа Brоkers")),
    Case("WRN", "wrong-bin-length", _wrn(beneficiary_bin="90010110002")),
    Case("WRN", "wrong-bin-check-digit", _wrn(beneficiary_bin="900101100025")),
    Case("WRN", "wrong-bin-that-cannot-be", _wrn(beneficiary_bin="900101100550")),
    Case("WRN", "wrong-bin-as-number", _wrn(beneficiary_bin=10140000123)),
    Case("WRN", "wrong-purpose-form", _wrn(purpose="119")),
    Case("WRN", "wrong-value-date", _wrn(value_date="tomorrow")),
    Case("WRN", "wrong-details-too-long", _wrn(details=_LONG)),
    Case("WRN", "refused-form-sheet-hidden", lambda: edited(_wrn()(), _form_hidden)),
    # BDN
    Case("BDN", "right-add", _bdn()),
    Case(
        "BDN", "right-add-without-bin-in-dollars", _bdn(currency="USD", beneficiary_bin=None, valid_from="01.12.2026")
    ),
    Case("BDN", "right-remove", _bdn(action="remove", bank_bic=None, beneficiary_name=None, beneficiary_bin=None)),
    Case("BDN", "wrong-empty-body", lambda: fill("BDN", samples.header(), {}, ())),
    Case("BDN", "wrong-action", _bdn(action="change")),
    Case("BDN", "wrong-add-without-bank-and-name", _bdn(bank_bic=None, beneficiary_name=None)),
    Case("BDN", "wrong-currency", _bdn(currency="KZX")),
    Case("BDN", "wrong-iban-check-digits", _bdn(iban="KZ86125KZT5004100101")),
    Case("BDN", "wrong-bic-and-bin", _bdn(bank_bic="TESTXXKA", beneficiary_bin="900101100025")),
    Case("BDN", "wrong-name-in-cyrillic", _bdn(beneficiary_name="Альфа Брокер")),
    Case("BDN", "wrong-valid-from", _bdn(valid_from="tomorrow")),
    # TCR
    Case("TCR", "right-request", _tcr()),
    Case("TCR", "right-without-a-reason", _tcr(reason=None)),
    Case("TCR", "wrong-empty-body", lambda: fill("TCR", samples.header(), {}, ())),
    Case("TCR", "wrong-instruction", _tcr(instruction="T-2026-004711")),
    Case("TCR", "wrong-reason-too-long", _tcr(reason=_LONG)),
    # ACR
    Case("ACR", "right-request", _acr()),
    Case("ACR", "right-without-a-reason", _acr(reason=None)),
    Case("ACR", "wrong-empty-body", lambda: fill("ACR", samples.header(), {}, ())),
    Case("ACR", "wrong-account", _acr(account="A01-X1")),
    # PAOF
    Case("PAOF", "right-one-account", _paof({})),
    Case("PAOF", "right-all", _paof(*({"type": type_, "remark": None} for type_ in TYPES))),
    Case("PAOF", "wrong-no-line", _paof()),
    Case("PAOF", "wrong-nominee", _paof({"type": "nominee"}, {})),
    # OBC
    Case("OBC", "right-challenge", _obc()),
    Case("OBC", "wrong-empty-body", lambda: fill("OBC", samples.header(), {}, ())),
    Case("OBC", "wrong-day", _obc(trading_day="yesterday")),
    # IAO
    Case("IAO", "right-open", _iao()),
    Case("IAO", "right-open-for-a-company", _iao(**_COMPANY)),
    Case("IAO", "right-open-for-a-client-named-like-a-label", _iao(surname="Street", first_name="Town")),
    Case("IAO", "right-change", _iao(**_NO_REFERENCE)),
    Case("IAO", "wrong-empty-body", lambda: fill("IAO", samples.header(), {}, ())),
    Case(
        "IAO",
        "wrong-open-without-data",
        lambda: fill("IAO", samples.header(), {"action": "open", "nin": "KZ00000001"}, ()),
    ),
    Case("IAO", "wrong-action", _iao(action="close")),
    Case("IAO", "wrong-nin", _iao(nin="N*")),
    Case("IAO", "wrong-name-in-cyrillic", _iao(surname="Тестов")),
    Case("IAO", "wrong-resident-without-iin", _iao(iin=None)),
    Case("IAO", "wrong-iin-as-number", _iao(iin=900101100014)),
    Case("IAO", "wrong-document-expired", _iao(document_expires=date(2026, 11, 22))),
    Case("IAO", "wrong-kyc-after-the-form", _iao(kyc_completed=date(2026, 11, 24))),
    Case("IAO", "wrong-iban-without-bank", _iao(iban="KZ86125KZT5004100100")),
    Case("IAO", "wrong-change-of-nothing", _iao(**{**_NO_REFERENCE, "email": None})),
    # SIN
    Case("SIN", "right-create", _sin({"additional_information": "Voting rights stay with the debtor."})),
    Case("SIN", "right-create-all", _sin(quantity="ALL")),
    Case(
        "SIN",
        "right-discharge",
        _sin(action="discharge", interest="SI-2026-00001", agreement_number=None, agreement_date=None),
    ),
    Case("SIN", "right-enforce", _sin(action="enforce", enforcement="yes", interest="SI-2026-00001", quantity="200")),
    Case("SIN", "wrong-empty-body", lambda: fill("SIN", samples.header(), {}, ())),
    Case("SIN", "wrong-enforcement-not-ticked", _sin(action="enforce", interest="SI-2026-00001")),
    Case(
        "SIN",
        "wrong-enforcement-without-indemnity",
        _sin(action="enforce", enforcement="yes", interest="SI-2026-00001", indemnity_attached="no"),
    ),
    Case(
        "SIN",
        "wrong-enforcement-without-agreement",
        _sin(action="enforce", enforcement="yes", interest="SI-2026-00001", agreement_number=None, agreement_date=None),
    ),
    Case("SIN", "wrong-ticked-but-create", _sin(enforcement="yes")),
    Case("SIN", "wrong-create-with-interest", _sin(interest="SI-2026-00001")),
    Case("SIN", "wrong-create-without-attachments", _sin(agreement_attached="no", indemnity_attached=None)),
    Case("SIN", "wrong-discharge-without-interest", _sin(action="discharge")),
    Case("SIN", "wrong-enforce-without-interest", _sin(action="enforce", enforcement="yes")),
    Case("SIN", "wrong-parties", _sin(debtor_account="B02-HO", secured_account="B02-HO")),
    Case("SIN", "wrong-quantity-word", _sin(quantity="everything")),
    # IND
    Case("IND", "right-debtor", _ind()),
    Case("IND", "right-all", _ind(quantity="All")),
    Case("IND", "right-secured-party", _ind(given_by="secured party", interest="SI-2026-00001", quantity="200")),
    Case("IND", "wrong-empty-body", lambda: fill("IND", samples.header(), {}, ())),
    Case("IND", "wrong-giver", _ind(given_by="guarantor")),
    Case("IND", "wrong-debtor-with-interest", _ind(interest="SI-2026-00001")),
    Case("IND", "wrong-enforcement-without-interest", _ind(given_by="secured party")),
    Case("IND", "wrong-one-party", _ind(secured_party="A01")),
    Case("IND", "wrong-version-of-the-text", _ind(text_version="2")),
    Case("IND", "wrong-codes", _ind(debtor="A1", secured_party="В02", isin="KZ1C00000008", sin_number="SIN 147")),
    Case("IND", "wrong-quantity", _ind(quantity="0")),
    Case("IND", "wrong-agreement-date", _ind(agreement_date="20 November 2026")),
    # BUNA
    Case("BUNA", "right-two-clients", _buna({})),
    Case(
        "BUNA",
        "right-company-and-foreigner",
        _buna(
            _COMPANY,
            {
                "iin": None,
                "resident": "non-resident",
                "citizenship": "DE",
                "tax_residence": "DE",
                "surname": "Müller",
                "iban": "KZ86125KZT5004100100",
                "bank_bic": "TESTKZKA",
            },
        ),
    ),
    Case("BUNA", "right-change", _buna(_CHANGE)),
    Case("BUNA", "wrong-one-row-of-three", _buna({"iin": "900101100015"}, {})),
    Case("BUNA", "wrong-cover-number", _buna(accounts="two")),
    Case("BUNA", "wrong-cover-number-too-large", _buna(accounts=100001)),
    Case("BUNA", "wrong-cover-empty", lambda: fill("BUNA", samples.header(), {}, [samples.buna_client(1)])),
    Case(
        "BUNA",
        "wrong-table-sheet-missing",
        lambda: edited(_buna()(), lambda book: setattr(book["Accounts"], "title", "Clients")),
    ),
    Case("BUNA", "wrong-no-row", lambda: fill("BUNA", samples.header(), samples.buna_cover(1), ())),
    Case(
        "BUNA",
        "wrong-empty-client",
        _buna(
            {
                **dict.fromkeys(samples.buna_client(1)),
                "action": "open",
                "reference": "N-000002",
                "person_type": "individual",
                "resident": "resident",
            }
        ),
    ),
    Case(
        "BUNA",
        "wrong-names",
        _buna(
            {"surname": "Тестов"},
            {"surname": "Testоv"},
            {"first_name": "Client7*"},
            {**_COMPANY, "first_name": "Ivan", "middle_name": "Ivanovich"},
            {"first_name": None},
        ),
    ),
    Case(
        "BUNA",
        "wrong-iin",
        _buna({"iin": "900101100015"}, {"iin": "90010110001"}, {"iin": None}, {"iin": 900101100014}),
    ),
    Case(
        "BUNA",
        "wrong-documents",
        _buna(
            {"document_expires": date(2026, 11, 22)},
            {"document_issued": date(2032, 1, 1)},
            {"document_issued": date(1989, 1, 1)},
            {"document_number": "№7"},
            {"document_number": "N/7*"},
            {"document_type": "driving licence"},
            {"document_expires": None},
        ),
    ),
    Case(
        "BUNA",
        "wrong-birth-dates",
        _buna({"born": date(2026, 12, 1), "document_issued": None}, {"born": date(1890, 1, 1)}),
    ),
    Case("BUNA", "wrong-countries", _buna({"citizenship": "KAZ"}, {"tax_residence": "XX"}, {"country": "К2"})),
    Case(
        "BUNA",
        "wrong-contacts",
        _buna(
            {"email": "client at example.com"},
            {"email": "сlient@example.com"},
            {"phone": "87000000000"},
            {"phone": 87000000000},
            {"postcode": 50000},
            {"postcode": "#"},
        ),
    ),
    Case(
        "BUNA",
        "wrong-bank",
        _buna({"iban": "KZ86125KZT5004100101", "bank_bic": "TESTKZKA"}, {"iban": "KZ86125KZT5004100100"}),
    ),
    Case("BUNA", "wrong-kyc-after-the-form", _buna({"kyc_completed": date(2026, 11, 24)})),
    Case("BUNA", "wrong-reference-twice", _buna({"reference": "N-000001"})),
    Case("BUNA", "wrong-nin", _buna({"nin": None}, {"nin": "N*"})),
    Case("BUNA", "wrong-change-of-nothing", _buna({**_CHANGE, "email": None})),
)
