"""Writes `sample_files/day`: the reference data and every file that parties drop in the sample business day.

`python tools/sample_day.py` makes the folder anew; equal code gives equal bytes. Layout: `<date>/<HHMM>/<party>/<folder>/<file>`.
"""

import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from depository.feeds import BankEntry, BankStatement, RegistryPosition, Trade
from forms import samples
from parsers.blank_workbook import fill
from parsers.camt import render_statements
from parsers.registry_csv import render_positions
from parsers.trades_csv import render_trades
from tools import sample_keys

ROOT = Path(__file__).parent.parent / "sample_files" / "day"
ZONE = ZoneInfo("Asia/Almaty")
DAY = date(2026, 11, 23)
TRADE_DAY = date(2026, 11, 19)
LOCKING_DAY = date(2026, 11, 6)

NAMES = {
    "B01": "Altai Model Brokers JSC",
    "B02": "Baiterek Model Securities JSC",
    "B03": "Caspian Model Custody JSC",
    "B04": "Dostyk Model Invest JSC",
    "B05": "Esil Model Markets JSC",
    "B06": "Farab Model Capital JSC",
}
OTHERS = {
    "exchange": ("Model Exchange", "exchange"),
    "bank": ("Model Settlement Bank", "bank"),
    "registry": ("Model Registry", "registry"),
    "csd": ("Depository operators", "operator"),
}
SIGNATORY = "Authorised Person {}"
IBAN_KZT = "KZ418560000000001001"
IBAN_USD = "KZ308560000000001005"


def with_check_digit(ten: str) -> str:
    """An ISIN from its first eleven characters (ISO 6166)."""
    digits = "".join(str(int(c, 36)) for c in ten)
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (2 if place % 2 == 0 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return f"{ten}{-total % 10}"


def with_iban_check(bank: str, account: str) -> str:
    """A Kazakh IBAN from bank code and account (ISO 13616)."""
    number = int("".join(str(int(c, 36)) for c in f"{bank}{account}KZ00"))
    return f"KZ{98 - number % 97:02d}{bank}{account}"


SHARE_A = with_check_digit("KZX00000901")
SHARE_B = with_check_digit("KZX00000902")
BOND_C = with_check_digit("KZX00000903")
FUND_D = with_check_digit("KZX00000904")
BANK_IBAN = {
    (code, currency): with_iban_check("125", f"{number:04d}{code}{currency}001")
    for number, code in enumerate(NAMES, 7001)
    for currency in ("KZT", "USD")
}


def put(day: date, at: str, party: str, name: str, data: bytes, folder: str = "inbox") -> None:
    """One file that a party drops at a time of the day."""
    path = ROOT / day.isoformat() / at / party / folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    if name.startswith(("SIN_", "IND_")):
        # A security interest and its indemnity are taken only with a signature; the party's authorised person signs with a made-up key.
        moment = datetime.combine(day, time(int(at[:2]), int(at[2:])), ZONE).astimezone(UTC)
        path.with_name(f"{name}.p7s").write_bytes(sample_keys.signer(SIGNATORY.format(party)).sign(data, moment))


def form(
    code: str,
    party: str,
    reference: str,
    day: date,
    body: Mapping[str, object] | None = None,
    lines: Sequence[Mapping[str, object]] = (),
    **header: object,
) -> bytes:
    """A filled form, signed by the party's authorised person."""
    person = SIGNATORY.format(party)
    values = {
        "reference": reference,
        "form_date": day,
        "participant": party,
        "participant_name": NAMES[party],
        "signatory": person,
        "signatory_position": "Head of operations",
        "signature": person,
        **header,
    }
    return fill(code, values, body or {}, lines)


def reference() -> None:
    """The reference data that the depository starts with."""
    folder = ROOT / "reference"
    folder.mkdir(parents=True)

    def write(name: str, header: str, rows: list[str]) -> None:
        (folder / name).write_text("\n".join([header, *rows]) + "\n")

    bins = {code: samples.iin_bin(f"2601400000{number}") for number, code in enumerate(NAMES, 2)}
    parties = [f"{code},{name},participant,,{bins[code]},yes" for code, name in NAMES.items()]
    parties += [f"{code},{name},{kind},,,yes" for code, (name, kind) in OTHERS.items()]
    write("parties.csv", "code,name,kind,bic,bin,active", parties)
    powers = [f"{code},{SIGNATORY.format(code)},Head of operations,*,2026-01-01,2027-12-31" for code in NAMES]
    powers.append("B06,Authorised Person B06-2,Cashier,WRN,2026-01-01,2026-10-31")
    write("powers.csv", "participant,name,position,forms,valid_from,valid_to", powers)
    signatories = [
        f"{code},{SIGNATORY.format(code)},{sample_keys.fingerprint(SIGNATORY.format(code))},2026-01-01,2027-12-31,,"
        for code in NAMES
    ]
    left, since = sample_keys.LEFT, sample_keys.LEFT_ON.isoformat()
    signatories.append(f"B06,{left},{sample_keys.fingerprint(left)},2026-01-01,2027-12-31,{since},left the company")
    write(
        "signatories.csv",
        "party,name,certificate_sha256,valid_from,valid_to,revoked_at,revoked_because",
        signatories,
    )
    (folder / "trust_anchors.pem").write_bytes(sample_keys.certificate_pem(sample_keys.AUTHORITY))
    (folder / "revocation_lists.pem").write_bytes(sample_keys.revocation_list())
    write(
        "bank_accounts.csv",
        "participant,currency,iban,bank_bic,beneficiary_name,beneficiary_bin",
        [
            f"{code},{currency},{iban},MBNKKZKA,{NAMES[code]},{bins[code]}"
            for (code, currency), iban in BANK_IBAN.items()
        ],
    )
    accounts = [f"{code}-{suffix},2026-01-05,open," for code in NAMES for suffix in ("HO", "DO", "ST")]
    accounts += ["B03-FO,2026-01-05,open,", "B01-MM,2026-01-05,open,", "B03-N000001,2026-02-02,open,KZ00000001"]
    write("accounts.csv", "number,opened_on,state,nin", accounts)
    write(
        "products.csv",
        "isin,name,currency,quantity_type,scale,cfi,fisn,registry,market,admitted",
        [
            f"{SHARE_A},Model Energy ordinary share,KZT,UNIT,0,ESVUFR,MODELENERGY/SH,registry,AIXK,yes",
            f"{SHARE_B},Model Rail ordinary share,KZT,UNIT,0,ESVUFR,MODELRAIL/SH,registry,AIXK,yes",
            f"{BOND_C},Model Finance 12.5% 2029,KZT,FAMT,0,DBFTFR,MODELFIN/12.5 BD 2029,registry,AIXK,yes",
            f"{FUND_D},Model Index Fund,USD,UNIT,0,CEOGES,MODELFUND/UT,registry,AIXK,yes",
        ],
    )
    write(
        "rates.csv",
        "currency,valid_from,rate,source",
        [f"USD,{day},{rate},Model rate of the day" for day, rate in (("2026-11-05", "518.2"), (str(DAY), "521.35"))],
    )
    positions = [
        ("B01-HO", SHARE_B, 100_000),
        ("B02-HO", SHARE_B, 5_000),
        ("B02-HO", BOND_C, 2_000_000),
        ("B03-DO", SHARE_B, 40_000),
        ("B03-DO", FUND_D, 20_000),
        ("B05-HO", BOND_C, 500_000),
        ("B05-HO", SHARE_B, 3_000),
    ]
    write(
        "positions.csv",
        "account,isin,quantity,registry_reference",
        [f"{account},{isin},{quantity},REG-2026-{n:04d}" for n, (account, isin, quantity) in enumerate(positions, 1)],
    )
    kz = "Labour Code and Law on holidays of Kazakhstan; weekday days off of 2026 and 2027 (holidays 0.109)"
    off_2026 = "01-01 01-02 01-07 03-09 03-23 03-24 03-25 05-01 05-07 05-11 05-27 07-06 10-26 12-16"
    off_2027 = "01-01 01-04 01-07 03-08 03-15 03-22 03-23 03-24 05-03 05-07 05-10 07-06 10-25 12-16"
    days = [f"2026-{d},holiday,Public holiday,{kz}" for d in off_2026.split()]
    days += [f"2027-{d},holiday,Public holiday,{kz}" for d in off_2027.split()]
    write("calendar.csv", "date,kind,reason,source", days)
    total: dict[str, int] = {}
    for _, isin, quantity in positions:
        total[isin] = total.get(isin, 0) + quantity
    for day in (LOCKING_DAY, TRADE_DAY, DAY):
        registry = [RegistryPosition(n, isin, Decimal(q), day) for n, (isin, q) in enumerate(sorted(total.items()), 1)]
        put(day, "1830", "registry", f"positions_{day:%Y%m%d}.csv", render_positions(registry))


def indemnity(day: date, at: str, party: str, sin: Mapping[str, object], number: str, **changes: object) -> None:
    """The IND that a party sends before its SIN."""
    same = ("debtor", "secured_party", "isin", "quantity", "agreement_number", "agreement_date")
    body = {name: sin[name] for name in same}
    body |= {"given_by": "debtor", "sin_number": f"{party}-SIN-{number}", "text_version": "1", **changes}
    put(day, at, party, f"IND_{party}-IND-{number}.xlsx", form("IND", party, f"{party}-IND-{number}", day, body))


def interests_before() -> None:
    """Security interests of earlier days: one whose enforcement falls due on the day, one to be discharged on it."""
    lock = {
        "agreement_number": "SA-11/2026",
        "agreement_date": date(2026, 11, 2),
        "agreement_attached": "yes",
        "indemnity_attached": "yes",
    }
    one = {
        "action": "create",
        "debtor": "B02",
        "debtor_account": "B02-HO",
        "secured_party": "B01",
        "secured_account": "B01-HO",
        "isin": BOND_C,
        "quantity": Decimal(300_000),
        **lock,
    }
    indemnity(LOCKING_DAY, "0958", "B02", one, "0001")
    put(
        LOCKING_DAY,
        "1000",
        "B02",
        "SIN_B02-SIN-0001.xlsx",
        form("SIN", "B02", "B02-SIN-0001", LOCKING_DAY, one, additional_information="Loan 4471 of 2 November 2026"),
    )
    two = {
        **one,
        "debtor": "B03",
        "debtor_account": "B03-DO",
        "secured_party": "B05",
        "secured_account": "B05-HO",
        "isin": SHARE_B,
        "quantity": Decimal(2_500),
        "agreement_number": "SA-12/2026",
    }
    indemnity(LOCKING_DAY, "1008", "B03", two, "0001")
    put(LOCKING_DAY, "1010", "B03", "SIN_B03-SIN-0001.xlsx", form("SIN", "B03", "B03-SIN-0001", LOCKING_DAY, two))
    enforce = {
        "action": "enforce",
        "interest": "S000001",
        "enforcement": "yes",
        "quantity": Decimal(120_000),
        "indemnity_attached": "yes",
    }
    asked = {"given_by": "secured party", "interest": "S000001", "quantity": enforce["quantity"]}
    indemnity(LOCKING_DAY, "1458", "B01", one, "0001", **asked)
    put(
        LOCKING_DAY,
        "1500",
        "B01",
        "SIN_B01-SIN-0001.xlsx",
        form(
            "SIN",
            "B01",
            "B01-SIN-0001",
            LOCKING_DAY,
            {**one, **enforce},
            additional_information="Financial collateral agreement FCA-3 of 2 November 2026, clause 7",
        ),
    )


def trades() -> None:
    """The exchange's trades of T, settling on the day: a circle, a chain behind a participant short of money, one naked sale."""
    rows: list[tuple[str, str, str, int, str, str, str, str, bool]] = [
        ("B01-ST", "B02-ST", SHARE_A, 500, "1000.00", "KZT", "T-1001", "TRADE", False),
        ("B02-ST", "B03-ST", SHARE_A, 500, "1010.00", "KZT", "T-1002", "TRADE", False),
        ("B03-ST", "B01-ST", SHARE_A, 500, "990.00", "KZT", "T-1003", "TRADE", False),
        ("B01-HO", "B02-HO", SHARE_B, 20_000, "1250.00", "KZT", "T-1004", "TRADE", False),
        ("B02-HO", "B05-HO", BOND_C, 1_000_000, "0.985", "KZT", "T-1005", "TRADE", False),
        ("B03-DO", "B01-DO", FUND_D, 2_000, "101.25", "USD", "T-1006", "TRADE", False),
        ("B01-HO", "B04-HO", SHARE_B, 40_000, "1260.00", "KZT", "T-1007", "TRADE", False),
        ("B04-HO", "B05-DO", SHARE_B, 10_000, "1262.00", "KZT", "T-1008", "TRADE", False),
        ("B05-DO", "B06-DO", SHARE_B, 10_000, "1264.00", "KZT", "T-1009", "TRADE", False),
        ("B06-HO", "B02-HO", SHARE_A, 5_000, "1005.00", "KZT", "T-1010", "TRADE", False),
        ("B02-HO", "B06-ST", BOND_C, 200_000, "0.99", "KZT", "T-1011", "TRADE", False),
        ("B01-DO", "B06-ST", FUND_D, 500, "101.40", "USD", "T-1012", "TRADE", False),
        ("B03-DO", "B05-HO", SHARE_B, 1_200, "1255.00", "KZT", "T-1013", "TRADE", False),
        ("B03-DO", "B05-HO", SHARE_B, 700, "1256.00", "KZT", "T-1014", "TRADE", False),
        ("B03-DO", "B05-HO", SHARE_B, 700, "1256.00", "KZT", "T-1014", "TRADE", True),
        ("B03-DO", "B05-HO", with_check_digit("KZX00000999"), 10, "10.00", "KZT", "T-1015", "TRADE", False),
    ]
    made = []
    for line, (gives, takes, isin, quantity, price, currency, trade, kind, cancelled) in enumerate(rows, 2):
        made.append(
            Trade(
                line=line,
                trade_id=trade,
                traded_at=datetime.combine(TRADE_DAY, time(12, 30, line), ZONE),
                kind=kind,
                isin=isin,
                quantity=Decimal(quantity),
                price=Decimal(price),
                amount=(Decimal(quantity) * Decimal(price)).quantize(Decimal("0.01")),
                currency=currency,
                alternative_currency="",
                buyer=takes[:3],
                buyer_account=takes,
                seller=gives[:3],
                seller_account=gives,
                settlement_date=DAY,
                repo_rate=None,
                repo_end=None,
                cancelled=cancelled,
            )
        )
    put(TRADE_DAY, "1810", "exchange", f"trades_{TRADE_DAY:%Y%m%d}.csv", render_trades(made))


def entry(line: int, reference: str, amount: str, participant: str) -> BankEntry:
    """A credit of the day."""
    return BankEntry(
        line=line,
        reference=reference,
        amount=Decimal(amount),
        credit=True,
        reversal=False,
        value_date=DAY,
        participant=participant,
        end_to_end="",
        counterparty_name=NAMES.get(participant, "Somebody"),
        remittance=f"{participant} FUNDING" if participant else "TRANSFER",
    )


def money() -> None:
    """The morning statement of the settlement bank and the credit advices of the day."""
    kzt = [
        ("B01", "5000000.00"),
        ("B02", "20000000.00"),
        ("B03", "2000000.00"),
        ("B04", "10000000.00"),
        ("B05", "18000000.00"),
        ("B06", "20000000.00"),
        ("", "123456.00"),
    ]
    usd = [("B01", "250000.00"), ("B06", "60000.00")]
    entries = [entry(n, f"KZT-{DAY:%y%m%d}-{n:03d}", amount, who) for n, (who, amount) in enumerate(kzt, 1)]
    more = [entry(n, f"USD-{DAY:%y%m%d}-{n:03d}", amount, who) for n, (who, amount) in enumerate(usd, len(entries) + 1)]
    zero = Decimal("0.00")
    statements = (
        BankStatement(
            f"STM-{DAY:%Y%m%d}-AM",
            f"KZT-{DAY:%Y%m%d}-AM",
            IBAN_KZT,
            "KZT",
            DAY,
            zero,
            sum((e.amount for e in entries), zero),
            tuple(entries),
        ),
        BankStatement(
            f"STM-{DAY:%Y%m%d}-AM",
            f"USD-{DAY:%Y%m%d}-AM",
            IBAN_USD,
            "USD",
            DAY,
            zero,
            sum((e.amount for e in more), zero),
            tuple(more),
        ),
    )
    created = datetime.combine(DAY, time(9, 5), ZONE)
    put(DAY, "0905", "bank", f"camt053_{DAY:%Y%m%d}_0905.xml", render_statements(statements, False, created))
    # The first comes between the two funding reports: those whose forecast it changes get a fresh one at once.
    for number, (at, participant, amount) in enumerate(
        (("1015", "B02", "25000000.00"), ("1310", "B04", "30000000.00")), 1
    ):
        credit = entry(1, f"KZT-{DAY:%y%m%d}-{100 + number}", amount, participant)
        id_ = f"ADV-{DAY:%Y%m%d}-{number}"
        advice = BankStatement(id_, id_, IBAN_KZT, "KZT", DAY, None, None, (credit,))
        told = datetime.combine(DAY, time(int(at[:2]), int(at[2:])), ZONE)
        put(DAY, at, "bank", f"camt054_{DAY:%Y%m%d}_{at}.xml", render_statements((advice,), True, told))


def transfers() -> None:
    """IST forms: two sides that match, two that do not, one revoked, two too late, one own transfer, one with faults."""

    def line(
        reference: str,
        movement: str,
        own: str,
        other: str,
        isin: str,
        quantity: object,
        due: date = DAY,
        **more: object,
    ) -> Mapping[str, object]:
        return {
            "action": "new",
            "reference": reference,
            "movement": movement,
            "own_account": own,
            "counterparty": other[:3],
            "counterparty_account": other,
            "isin": isin,
            "quantity": Decimal(quantity) if isinstance(quantity, int) else quantity,
            "quantity_type": "face amount" if isin == BOND_C else "unit",
            "due_date": due,
            "reason": "own accounts" if own[:3] == other[:3] else "transfer",
            **more,
        }

    def drop(at: str, party: str, number: int, *lines: Mapping[str, object]) -> None:
        reference = f"{party}-IST-{number:04d}"
        put(DAY, at, party, f"IST_{reference}.xlsx", form("IST", party, reference, DAY, lines=lines))

    tomorrow = date(2026, 11, 24)
    drop("1005", "B02", 1, line("B02-T-1", "deliver free", "B02-HO", "B03-DO", SHARE_B, 1_000))
    drop("1020", "B03", 1, line("B03-T-1", "receive free", "B03-DO", "B02-HO", SHARE_B, 1_000))
    drop("1025", "B05", 1, line("B05-T-1", "deliver free", "B05-HO", "B03-DO", SHARE_B, 500))
    drop("1027", "B03", 2, line("B03-T-2", "receive free", "B03-DO", "B05-HO", SHARE_B, 400))
    drop(
        "1030",
        "B01",
        1,
        line("B01-T-1", "deliver free", "B01-HO", "B06-HO", SHARE_B, 250, tomorrow),
        line("B01-T-2", "deliver free", "B01-HO", "B06-HO", f"{SHARE_B[:11]}{(int(SHARE_B[11]) + 1) % 10}", 250),
        line("B01-T-3", "deliver free", "B01-HO", "B06-HO", SHARE_B, "1,000"),
        line("B01-T-4", "deliver free", "B01-FO", "B06-HO", SHARE_B, 10),
        line("B01-T-5", "deliver free", "B01-HO", "B06-HO", SHARE_B, 10, date(2026, 11, 20)),
    )
    drop(
        "1500",
        "B06",
        1,
        line("B06-T-1", "deliver free", "B06-ST", "B06-DO", BOND_C, 200_000),
        line("B06-T-2", "deliver free", "B06-ST", "B06-DO", FUND_D, 500),
    )
    drop("1510", "B01", 2, samples.ist_revocation("B01-T-6", "B01-T-1"))
    drop("1600", "B02", 2, samples.ist_revocation("B02-T-2", "B02-T-1"))
    drop("1750", "B04", 1, line("B04-T-1", "deliver free", "B04-HO", "B06-HO", SHARE_B, 5))
    drop("1810", "B04", 2, line("B04-T-2", "deliver free", "B04-HO", "B06-HO", SHARE_B, 5))


def interests() -> None:
    """SIN forms of the day: a new interest with its indemnity, a discharge, and a debtor who tries to discharge."""
    lock = {
        "agreement_number": "SA-17/2026",
        "agreement_date": date(2026, 11, 20),
        "agreement_attached": "yes",
        "indemnity_attached": "yes",
    }
    new = {
        "action": "create",
        "debtor": "B05",
        "debtor_account": "B05-HO",
        "secured_party": "B03",
        "secured_account": "B03-DO",
        "isin": SHARE_B,
        "quantity": Decimal(1_000),
        **lock,
    }
    indemnity(DAY, "1030", "B05", new, "0001")
    put(
        DAY,
        "1032",
        "B05",
        "SIN_B05-SIN-0001.xlsx",
        form("SIN", "B05", "B05-SIN-0001", DAY, new, additional_information="Margin of 20 November 2026"),
    )
    old = {
        "debtor": "B03",
        "debtor_account": "B03-DO",
        "secured_party": "B05",
        "secured_account": "B05-HO",
        "isin": SHARE_B,
        "quantity": Decimal(2_500),
        "interest": "S000002",
        "action": "discharge",
        "agreement_number": "SA-12/2026",
        "agreement_date": date(2026, 11, 2),
    }
    put(DAY, "1140", "B03", "SIN_B03-SIN-0002.xlsx", form("SIN", "B03", "B03-SIN-0002", DAY, old))
    put(DAY, "1200", "B05", "SIN_B05-SIN-0002.xlsx", form("SIN", "B05", "B05-SIN-0002", DAY, old))


def withdrawals() -> None:
    """WRN forms: within and above the free money, to a stranger's account, after the cut-off, and a dry run."""

    def body(party: str, currency: str, amount: str, **more: object) -> Mapping[str, object]:
        return {
            "currency": currency,
            "mode": "exact amount",
            "amount": Decimal(amount),
            "iban": BANK_IBAN[party, currency],
            "bank_bic": "MBNKKZKA",
            "beneficiary_name": NAMES[party],
            "beneficiary_bin": samples.iin_bin(f"2601400000{2 + list(NAMES).index(party)}"),
            **({"purpose": "1515KZT119"} if currency == "KZT" else {}),
            "value_date": DAY,
            "details": "Own funds",
            **more,
        }

    def drop(
        at: str, party: str, number: int, values: Mapping[str, object], folder: str = "inbox", **header: object
    ) -> None:
        reference = f"{party}-WRN-{number:04d}"
        put(DAY, at, party, f"WRN_{reference}.xlsx", form("WRN", party, reference, DAY, values, (), **header), folder)

    drop("0940", "B05", 1, body("B05", "KZT", "4000000.00"))
    drop("0950", "B02", 1, body("B02", "KZT", "40000000.00"))
    drop("1040", "B06", 9, body("B06", "KZT", "100000.00"), folder="check")
    drop("1045", "B06", 1, body("B06", "KZT", "100000.00", iban=BANK_IBAN["B05", "KZT"]))
    person = {
        "signatory": "Authorised Person B06-2",
        "signatory_position": "Cashier",
        "signature": "Authorised Person B06-2",
    }
    drop("1048", "B06", 2, body("B06", "KZT", "100000.00"), **person)
    drop("1205", "B01", 1, body("B01", "KZT", "20000000.00"))
    drop("1220", "B01", 2, body("B01", "USD", "10000.00"))
    drop("1230", "B02", 2, body("B02", "KZT", "9000000.00", mode="all available, at most"))


def openings() -> None:
    """A BUNA of 200 rows of which 12 are wrong, the same file again, and one whose cover does not count its rows."""
    wrong: dict[int, Mapping[str, object]] = {
        17: {"iin": "900101100015"},
        31: {"surname": "Тестов"},
        48: {"document_expires": date(2025, 12, 31)},
        63: {"country": "XX"},
        77: {"nin": "KZ00000001"},
        90: {"nin": ""},
        101: {"email": "client101.example.com"},
        119: {"kyc_completed": date(2026, 12, 1)},
        134: {"born": date(2031, 1, 1)},
        150: {"person_type": "company"},
        166: {"nin": "KZ00000265"},
        188: {"citizenship": "", "tax_residence": ""},
    }
    rows = [samples.buna_client(100 + n, **wrong.get(n, {})) for n in range(1, 201)]
    data = form("BUNA", "B03", "B03-BUNA-0001", DAY, samples.buna_cover(200), rows)
    put(DAY, "1000", "B03", "BUNA_B03-BUNA-0001.xlsx", data)
    put(DAY, "1145", "B03", "BUNA_B03-BUNA-0001.xlsx", data)
    few = [samples.buna_client(900 + n) for n in range(1, 6)]
    put(
        DAY,
        "1022",
        "B05",
        "BUNA_B05-BUNA-0001.xlsx",
        form("BUNA", "B05", "B05-BUNA-0001", DAY, samples.buna_cover(6), few),
    )


def hostile() -> None:
    """A workbook cut off in the middle, and a form put into another's folder."""
    whole = form("IST", "B04", "B04-IST-0009", DAY, lines=[samples.ist_revocation("B04-T-9", "B04-T-8")])
    put(DAY, "1050", "B04", "IST_B04-IST-0009.xlsx", whole[: len(whole) // 2])
    stranger = form("IST", "B05", "B05-IST-0008", DAY, lines=[samples.ist_revocation("B05-T-9", "B05-T-1")])
    put(DAY, "1055", "B06", "IST_B05-IST-0008.xlsx", stranger)


def main() -> None:
    """Makes the folder anew."""
    shutil.rmtree(ROOT, ignore_errors=True)
    for part in (reference, interests_before, trades, money, transfers, interests, withdrawals, openings, hostile):
        part()


if __name__ == "__main__":
    main()
