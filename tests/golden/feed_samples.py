"""The sample feeds, right and wrong, and what their readers say of each; `python -m tests.golden.feed_samples` writes both.

Read the expected answers again whenever they change: they are what the bank, the exchange and the registry would get.
"""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from depository.feeds import BankStatement, RefusedLine, RegistryFile, RegistryPosition, TradeFile
from depository.rejects import FileRefused
from parsers import reference_csv
from parsers.camt import read_statement, render_statements
from parsers.reference_csv import Reference
from parsers.registry_csv import read_positions, render_positions
from parsers.trades_csv import read_trades, render_trades
from tests.support.feed_builders import DAY, NOON, OTHER_IBAN, ZONE, entry, statement, trade

FOLDER = Path(__file__).parents[2] / "sample_files"
REFERENCE_READERS: dict[str, Callable[[bytes], Reference[Any]]] = {
    "parties": reference_csv.read_parties,
    "powers": reference_csv.read_powers,
    "bank_accounts": reference_csv.read_bank_accounts,
    "accounts": reference_csv.read_accounts,
    "products": reference_csv.read_products,
    "calendar": reference_csv.read_calendar,
    "rates": reference_csv.read_rates,
    "lending_agreements": reference_csv.read_lending_agreements,
    "positions": reference_csv.read_opening_positions,
}


def answer(folder: str, name: str, data: bytes) -> dict[str, Any]:
    """What the reader of the folder says of a file: what it takes, what it refuses and why, what it remarks on."""
    try:
        if folder == "trades":
            trades = read_trades(data, ZONE)
            return _answer(_trade_lines(trades), trades.refused)
        if folder == "registry":
            positions = read_positions(data)
            return _answer(_position_lines(positions), positions.refused)
        if folder == "reference":
            reader = name.removesuffix(".csv").split("-")[1]
            found = REFERENCE_READERS[reader](data)
            return _answer([str(next(iter(_values(record)))) for record in found.records], found.refused)
        statements = read_statement(data, ZONE)
    except FileRefused as refused:
        return {"file_refused": {"code": refused.code, "message": refused.message}}
    lines = [line for one in statements for line in _statement_lines(one)]
    refused_lines = [line for one in statements for line in one.refused]
    return _answer(lines, refused_lines, [remark for one in statements for remark in one.remarks])


def _values(record: Any) -> Iterable[Any]:
    return (getattr(record, name) for name in record.__dataclass_fields__ if name != "line")


def _trade_lines(found: TradeFile) -> list[str]:
    return [
        f"{one.trade_id} {one.kind} {'cancelled' if one.cancelled else 'new'}: {one.quantity:f} {one.isin} "
        f"for {one.amount:f} {one.currency}, {one.seller_account} to {one.buyer_account} on {one.settlement_date}"
        for one in found.trades
    ]


def _position_lines(found: RegistryFile) -> list[str]:
    return [f"{one.isin} {one.quantity:f} as of {one.as_of}" for one in found.positions]


def _statement_lines(found: BankStatement) -> list[str]:
    head = f"{found.statement_id} of {found.iban} on {found.business_date}"
    if found.opening is not None and found.closing is not None:
        head += f": {found.opening:f} to {found.closing:f} {found.currency}"
    return [
        head,
        *(
            f"{one.reference} {'credit' if one.credit else 'debit'}{' reversal' if one.reversal else ''} "
            f"{one.amount:f} {found.currency} participant {one.participant or 'unknown'} "
            f"end-to-end {one.end_to_end or 'none'}"
            for one in found.entries
        ),
    ]


def _answer(taken: list[str], refused: Iterable[RefusedLine], remarks: Iterable[str] = ()) -> dict[str, Any]:
    return {
        "taken": taken,
        "refused": [
            {
                "line": line.line,
                "reference": line.reference,
                "place": place,
                "code": reject.code.value,
                "rule": reject.rule,
                "found": reject.found,
                "message": reject.message,
            }
            for line in refused
            for reject, place in zip(line.rejects, line.places, strict=True)
        ],
        "remarks": list(remarks),
    }


def samples() -> dict[str, bytes]:
    """Every sample by its path under `sample_files`."""
    return {**_trades(), **_registry(), **_bank(), **_reference()}


def _edit(data: bytes, *changes: tuple[str, str]) -> bytes:
    """The file with texts replaced where they stand first; fails when one is not there."""
    text = data.decode()
    for old, new in changes:
        if old not in text:
            raise ValueError(f"{old!r} is not in the sample")
        text = text.replace(old, new, 1)
    return text.encode()


def _trades() -> dict[str, bytes]:
    repo_end = DAY + timedelta(days=7)
    repo = {"repo_rate": Decimal("14.25"), "quantity": Decimal(500), "price": Decimal(7900)}
    day = [
        trade(trade_id="AX-20261123-0001"),
        trade(
            trade_id="AX-20261123-0002",
            isin="US0378331005",
            quantity=Decimal("12.5"),
            price=Decimal("189.44"),
            amount=Decimal("2368.00"),
            currency="USD",
            alternative_currency="KZT",
            buyer="B02",
            buyer_account="B02-N000001",
            seller="B03",
            seller_account="B03-ST",
        ),
        trade(
            trade_id="AX-20261123-0003",
            kind="REPO_OPEN",
            amount=Decimal("3950000.00"),
            settlement_date=DAY,
            repo_end=repo_end,
            **repo,
        ),
        trade(
            trade_id="AX-20261123-0004",
            kind="REPO_CLOSE",
            amount=Decimal("3960791.10"),
            buyer="B02",
            buyer_account="B02-HO",
            seller="B01",
            seller_account="B01-HO",
            settlement_date=repo_end,
            repo_end=repo_end,
            **repo,
        ),
    ]
    right = render_trades(day)
    one = "AX-20261123-0002,"
    files = {
        "right-day.csv": right,
        "right-trade-and-cancellation.csv": render_trades([day[0], replace(day[0], cancelled=True)]),
        "right-no-trades.csv": render_trades([]),
        "right-saved-by-a-spreadsheet.csv": b"\xef\xbb\xbf" + right.rstrip() + b"," * 14 + b"\r\n",
        "wrong-no-trailer.csv": right[: right.index(b"TRAILER")],
        "wrong-cut-off.csv": right[: len(right) // 2],
        "wrong-line-missing.csv": re.sub(rb"AX-20261123-0002[^\n]*\n", b"", right),
        "wrong-total.csv": _edit(right, ("80005.00,KZT", "80050.00,KZT")),
        "wrong-semicolons.csv": right.replace(b",", b";"),
        "wrong-utf16.csv": right.decode().encode("utf-16"),
        "wrong-column-unknown.csv": _edit(right, ("buyer_account", "buyer_acc")),
        "wrong-two-files-in-one.csv": right + right,
        "wrong-control-character.csv": right.replace(b"B03-ST", b"B03\x00ST"),
        "wrong-quote-left-open.csv": _edit(right, (one, f'"{one}')),
        "wrong-cell-too-many.csv": _edit(right, (one, f"{one},")),
        "wrong-isin-check-digit.csv": _edit(right, ("US0378331005", "US0378331006")),
        "wrong-cyrillic-letter.csv": _edit(right, (",B03,", ",В03,")),
        "wrong-thousands-separator.csv": _edit(right, (",2368.00,", ',"2,368.00",')),
        "wrong-amount.csv": render_trades([day[0], replace(day[1], amount=Decimal("2368.01"))]),
        "wrong-trade-twice.csv": render_trades([day[0], day[1], day[1]]),
        "wrong-account-of-another.csv": _edit(right, ("B02-N000001", "B01-N000001")),
        "wrong-date.csv": _edit(right, ("AX-20261123-0002,2026-11-23", "AX-20261123-0002,23/11/2026")),
        "wrong-repo-without-rate.csv": _edit(right, (",14.25,", ",,")),
        "wrong-everything-in-a-line.csv": _edit(
            right, ("US0378331005,12.5,189.44,2368.00,USD,KZT,B02", "APPLE,12.5,0,2368.00,$,,B2")
        ),
    }
    return {f"trades/{name}": data for name, data in files.items()}


def _registry() -> dict[str, bytes]:
    rows = [
        RegistryPosition(2, "KZX000009014", Decimal(1250000), DAY),
        RegistryPosition(3, "US0378331005", Decimal("4312.25"), DAY),
        RegistryPosition(4, "DE0007164600", Decimal(0), DAY),
    ]
    right = render_positions(rows)
    files = {
        "right-positions.csv": right,
        "right-nothing-held.csv": render_positions([]),
        "wrong-no-trailer.csv": right[: right.index(b"TRAILER")],
        "wrong-line-missing.csv": render_positions(rows).replace(b"DE0007164600,0,2026-11-23\r\n", b""),
        "wrong-total.csv": _edit(right, ("1250000,", "1520000,")),
        "wrong-isin-twice.csv": render_positions([*rows, rows[0]]),
        "wrong-negative.csv": render_positions([replace(rows[0], quantity=Decimal(-5)), rows[1]]),
        "wrong-number.csv": _edit(right, (",4312.25,", ',"4312,25",')),
        "wrong-date.csv": _edit(right, ("2026-11-23", "23.11.2026")),
        "wrong-columns.csv": right.replace(b"isin,quantity,as_of", b"isin,quantity"),
    }
    return {f"registry/{name}": data for name, data in files.items()}


def _bank() -> dict[str, bytes]:
    entries = (
        entry(reference="KB2611230001", amount=Decimal("150000000.00"), counterparty_name="Test Brokerage B01"),
        entry(
            line=2,
            reference="KB2611230002",
            amount=Decimal("2500000.50"),
            participant="B02",
            counterparty_name="Test Brokerage B02",
            remittance="Funding of obligations, B02, 23.11.2026",
        ),
        entry(
            line=3,
            reference="KB2611230003",
            amount=Decimal("1000000.00"),
            credit=False,
            participant="",
            end_to_end="W00000001",
            counterparty_name="Test Brokerage B03",
            remittance="Proceeds of settlement",
        ),
        entry(
            line=4,
            reference="KB2611230004",
            amount=Decimal("77000.00"),
            participant="",
            counterparty_name="Unknown payer",
            remittance="for shares",
        ),
    )
    tenge = statement(*entries, opening=Decimal("9000000.00"), statement_id="KZT-2026-327", message_id="KB-20261123-01")
    dollars = statement(
        entry(line=5, reference="KB2611230005", amount=Decimal("42000.00")),
        currency="USD",
        iban=OTHER_IBAN,
        statement_id="USD-2026-327",
        message_id="KB-20261123-01",
    )
    right = render_statements((tenge,), False, NOON)
    advice = replace(tenge, entries=entries[:2], opening=None, closing=None, statement_id="ADV-1")
    noticed = render_statements((advice,), True, NOON)
    old = re.sub(rb"<Sts>\s*<Cd>BOOK</Cd>\s*</Sts>", b"<Sts>BOOK</Sts>", right)
    old = re.sub(
        rb"(</Refs>\s*)(<Amt [^>]*>[^<]*</Amt>)\s*<CdtDbtInd>[A-Z]*</CdtDbtInd>",
        rb"\1<AmtDtls><TxAmt>\2</TxAmt></AmtDtls>",
        old,
    )
    old = re.sub(rb"<Pty>\s*(<Nm>[^<]*</Nm>)\s*</Pty>", rb"\1", old).replace(b"camt.053.001.08", b"camt.053.001.02")
    pending = (
        '<Ntry><Amt Ccy="KZT">5000.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>PDNG</Cd></Sts>'
        "<AcctSvcrRef>KB2611230009</AcctSvcrRef>"
        "<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd><SubFmlyCd>DMCT</SubFmlyCd></Fmly></Domn></BkTxCd></Ntry><Ntry>"
    )
    collective = (
        "<NtryDtls><TxDtls><Refs><AcctSvcrRef>KB2611230001-1</AcctSvcrRef></Refs>"
        '<Amt Ccy="KZT">100000000.00</Amt><RmtInf><Ustrd>B01 FUNDING</Ustrd></RmtInf></TxDtls>'
        "<TxDtls><Refs><AcctSvcrRef>KB2611230001-2</AcctSvcrRef></Refs>"
        '<Amt Ccy="KZT">50000000.00</Amt><RmtInf><Ustrd>B04 FUNDING</Ustrd></RmtInf></TxDtls></NtryDtls>'
    )
    reversal = replace(entries[2], line=1, credit=True, reversal=True, reference="KB2611230010")
    returned = replace(entries[2], line=2, credit=True, reference="KB2611230011", end_to_end="W00000002")
    statements = {
        "right-one-currency.xml": right,
        "right-two-currencies.xml": render_statements((tenge, dollars), False, NOON),
        "right-version-02.xml": old,
        "right-pending-entry-left-out.xml": _edit(right, ("<Ntry>", pending)),
        "right-collective-booking.xml": re.sub(
            rb"<NtryDtls>.*?</NtryDtls>", collective.encode(), right, count=1, flags=re.DOTALL
        ),
        "right-no-movement.xml": render_statements((replace(tenge, entries=(), closing=tenge.opening),), False, NOON),
        "right-participant-unclear.xml": _edit(
            re.sub(rb"<Strd>.*?</Strd>", b"", right, flags=re.DOTALL),
            ("B01 FUNDING", "В01 FUNDING"),
            ("obligations, B02", "obligations, B02 and B05"),
        ),
        "wrong-closing-balance.xml": _edit(right, (">160577000.50<", ">160577000.05<")),
        "wrong-entry-missing.xml": re.sub(rb"<Ntry>.*?</Ntry>", b"", right, count=1, flags=re.DOTALL),
        "wrong-no-closing-balance.xml": _edit(right, ("<Cd>CLBD</Cd>", "<Cd>CLAV</Cd>")),
        "wrong-currency-of-an-entry.xml": _edit(right, ('"KZT">150000000.00', '"USD">150000000.00')),
        "wrong-no-bank-reference.xml": right.replace(b"<AcctSvcrRef>KB2611230002</AcctSvcrRef>", b""),
        "wrong-bank-reference-twice.xml": right.replace(b"KB2611230002", b"KB2611230001"),
        "wrong-external-entity.xml": _edit(
            right, ("<Document", '<!DOCTYPE Document [<!ENTITY x SYSTEM "file:///etc/hostname">]>\n<Document')
        ),
        "wrong-cut-off.xml": right[: len(right) * 2 // 3],
        "wrong-message.xml": right.replace(b"camt.053.001.08", b"pacs.009.001.08"),
    }
    advices = {
        "right-credits.xml": noticed,
        "right-reversal-and-return.xml": render_statements(
            (replace(advice, entries=(reversal, returned), statement_id="ADV-2"),), True, NOON
        ),
        "right-pending-entry-left-out.xml": _edit(noticed, ("<Cd>BOOK</Cd>", "<Cd>PDNG</Cd>")),
        "wrong-amount-with-separators.xml": _edit(noticed, (">150000000.00<", ">150,000,000.00<")),
        "wrong-amount-too-fine.xml": _edit(noticed, (">2500000.50<", ">2500000.505<")),
        "wrong-no-bank-reference.xml": noticed.replace(b"<AcctSvcrRef>KB2611230002</AcctSvcrRef>", b""),
        "wrong-statement-inside.xml": right.replace(b"camt.053.001.08", b"camt.054.001.08"),
        "wrong-no-account.xml": re.sub(rb"<IBAN>.*?</IBAN>", b"", noticed),
    }
    return {f"camt053/{name}": data for name, data in statements.items()} | {
        f"camt054/{name}": data for name, data in advices.items()
    }


def _reference() -> dict[str, bytes]:
    right = {
        "parties": "code,name,kind,bic,bin,active\n"
        'B01,"Test Brokerage, LLP",participant,MBNKKZKA,180140000018,yes\n'
        "B02,Test Bank JSC,participant,,190240000023,\n"
        "exchange,Model Exchange,exchange,,,yes\nbank,Model Settlement Bank,bank,MBNKKZKA,,\n",
        "powers": "participant,name,position,forms,valid_from,valid_to\n"
        "B01,Test Signatory,Head of operations,IST;WRN,2026-01-01,2026-12-31\n"
        "B01,Second Signatory,Director,*,2026-01-01,2027-12-31\n",
        "bank_accounts": "participant,currency,iban,bank_bic,beneficiary_name,beneficiary_bin\n"
        'B01,KZT,KZ418560000000001001,MBNKKZKA,"Test Brokerage, LLP",180140000018\n'
        'B01,USD,KZ308560000000001005,MBNKKZKA,"Test Brokerage, LLP",180140000018\n',
        "accounts": "number,opened_on,state,nin\nB01-HO,2026-01-05,open,\nB01-ST,2026-01-05,,\n"
        "B01-N000001,2026-01-05,open,NIN-0001\nB02-N000001,2026-01-05,on hold,NIN-0001\n",
        "products": "isin,name,currency,quantity_type,scale,cfi,fisn,registry,market,admitted\n"
        'KZX000009014,"Құрылыс АҚ, жай акция",KZT,UNIT,0,ESVUFR,,Model Registry,MAIN,yes\n'
        "US0378331005,Foreign share,USD,UNIT,4,ESVUFR,,Model Registry,MAIN,yes\n",
        "calendar": "date,kind,reason,source\n2026-12-16,holiday,Independence Day,Law on holidays of Kazakhstan\n"
        "2026-12-19,business,Open without settlement,Notice 2026/14\n",
        "rates": "currency,valid_from,rate,source\nUSD,2026-11-20,518.2,Model rate of the day\n"
        "USD,2026-11-23,521.35,Model rate of the day\nEUR,2026-11-23,601.7,Model rate of the day\n",
        "lending_agreements": "reference,lender,borrower,kind,valid_from,valid_to\n"
        "GMSLA-2026-01,B01,B02,GMSLA 2010,2026-01-01,2026-12-31\n"
        "MSLA-2026-02,B02,B01,MSLA 2017,2026-01-01,2027-12-31\n",
        "positions": "account,isin,quantity,registry_reference\nB01-HO,KZX000009014,1250000,REG-2026-0001\n"
        "B02-N000001,US0378331005,4312.25,REG-2026-0002\n",
    }
    wrong = {
        "wrong-parties-bin.csv": ("parties", "180140000018", "180140000019"),
        "wrong-parties-code-twice.csv": ("parties", "B02,", "B01,"),
        "wrong-parties-folder-name.csv": ("parties", "exchange,Model", "../exchange,Model"),
        "wrong-powers-forms.csv": ("powers", "IST;WRN", "IST WRN/SIN"),
        "wrong-powers-validity.csv": ("powers", "2026-12-31", "2025-12-31"),
        "wrong-bank_accounts-iban.csv": ("bank_accounts", "KZ41", "KZ42"),
        "wrong-bank_accounts-second-of-a-currency.csv": ("bank_accounts", "B01,USD", "B01,KZT"),
        "wrong-accounts-client-twice.csv": ("accounts", "B02-N000001", "B01-N000002"),
        "wrong-accounts-nin-missing.csv": ("accounts", "open,NIN-0001", "open,"),
        "wrong-accounts-suffix.csv": ("accounts", "B01-ST", "B01-SX"),
        "wrong-products-isin.csv": ("products", "KZX000009014", "KZX000009015"),
        "wrong-products-scale.csv": ("products", "UNIT,4", "UNIT,four"),
        "wrong-calendar-date.csv": ("calendar", "2026-12-19", "19.12.2026"),
        "wrong-calendar-kind.csv": ("calendar", "holiday", "Holiday"),
        "wrong-calendar-column-missing.csv": ("calendar", "date,kind,reason,source", "date,kind,reason,origin"),
        "wrong-rates-comma.csv": ("rates", ",518.2,", ',"518,2",'),
        "wrong-rates-currency.csv": ("rates", "EUR", "ЕUR"),
        "wrong-rates-nought.csv": ("rates", ",601.7,", ",0,"),
        "wrong-rates-day-twice.csv": ("rates", "2026-11-20", "2026-11-23"),
        "wrong-lending_agreements-one-side.csv": ("lending_agreements", "B01,B02,GMSLA", "B01,B01,GMSLA"),
        "wrong-lending_agreements-validity.csv": ("lending_agreements", "2026-12-31", "2025-12-31"),
        "wrong-positions-quantity.csv": ("positions", ",1250000,", ',"1,250,000",'),
    }
    files = {f"right-{name}.csv": text.encode() for name, text in right.items()}
    files |= {name: _edit(right[table].encode(), (old, new)) for name, (table, old, new) in wrong.items()}
    return {f"reference/{name}": data for name, data in files.items()}


def expected_text(path: str, data: bytes) -> str:
    """The expected answer to a sample as it stands in the file beside it."""
    folder, name = path.split("/")
    return json.dumps(answer(folder, name, data), indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write every sample and the answer to it."""
    for path, data in samples().items():
        file = FOLDER / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        file.with_suffix(".expected.json").write_text(expected_text(path, data))


if __name__ == "__main__":
    main()
