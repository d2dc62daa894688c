"""The forms that the load benchmark drops: a mix of what participants send, some 20 kB each, made quickly from patterns.

Of twenty forms ten are transfers of 1 to 30 lines, both sides in turn, so that they match; three withdrawals; three client forms (IAO, and
BUNA of 10 and 20 rows); and four that are wrong, of which two are refused in part and two as a whole.
"""

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from io import BytesIO

from depository.feeds import BankEntry, BankStatement
from depository.market import Market
from flows.commands.common import SAMPLE_DAY
from forms import samples
from parsers.blank_workbook import fill
from parsers.camt import render_statements
from tools.sample_day import SHARE_B, with_iban_check

PARTIES = 200
SENDER, OTHER, NUMBER, CLIENT, IBAN, BIN = "Y98", "Z99", "00000000", "KZ777777", "KZ00125SENDERACCOUNT", "SENDERSOWBIN"
"""What stands in the patterns, for each form to be replaced by text of the same length."""
LOOSE = ("xl/theme/theme1.xml", "xl/styles.xml")
"""Parts that every workbook has alike; some programs do not compress them."""
BANK = "MBNKKZKA"
MONEY = Decimal("1000000.00")
"""Each participant's at the bank before the run."""
SIZES = (1, 5, 10, 20, 30)
"""Lines of the transfers."""
ROUND = 20
"""Forms after which the mix begins anew."""


def code(number: int) -> str:
    """A participant's code."""
    return f"{'PQ'[number % PARTIES // 100]}{number % 100:02d}"


def bank_account(party: str) -> str:
    """A participant's account for withdrawals."""
    return with_iban_check("125", f"0000{party}KZT001")


@dataclass(frozen=True, slots=True)
class Pattern:
    """The parts of a workbook that forms are made from, and what becomes of each form."""

    parts: Mapping[str, bytes]
    verdict: str = "accepted"
    instructions: int = 0
    """Transfers recorded."""
    accounts: int = 0
    """Accounts opened."""


@dataclass(frozen=True, slots=True)
class Made:
    """One form of the mix."""

    sender: str
    data: bytes
    pattern: Pattern


@dataclass(frozen=True, slots=True)
class Mix:
    """Twenty patterns in turn; the first ten are both sides of five transfers."""

    patterns: Sequence[Pattern]
    bins: Mapping[str, str]

    def pattern(self, number: int) -> Pattern:
        """The pattern of a form."""
        return self.patterns[number % ROUND]

    def form(self, number: int, parties: int = PARTIES) -> Made:
        """The form of a number, among so many participants."""
        pair, side = divmod(number, 2)
        giver, taker = code(pair % parties), code((pair + parties // 2) % parties)
        sender, other = (taker, giver) if side else (giver, taker)
        pattern = self.pattern(number)
        return Made(sender, made(pattern.parts, sender, other, number, self.bins[sender]), pattern)


def made(parts: Mapping[str, bytes], sender: str, other: str, number: int, bin_: str) -> bytes:
    """The workbook of one form."""
    words = {
        SENDER: sender,
        OTHER: other,
        NUMBER: f"{number:08d}",
        CLIENT: f"KZ{number % 1_000_000:06d}",
        IBAN: bank_account(sender),
        BIN: bin_,
    }
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as package:
        for name, part in parts.items():
            for old, new in () if name in LOOSE else words.items():
                part = part.replace(old.encode(), new.encode())
            kind = zipfile.ZIP_STORED if name in LOOSE else zipfile.ZIP_DEFLATED
            package.writestr(zipfile.ZipInfo(name), part, kind)
    return out.getvalue()


def mix(bins: Mapping[str, str]) -> Mix:
    """All patterns; `bins` are the participants' business identification numbers."""
    transfers = [
        Pattern(_parts("IST", lines=_lines(movement, size)), instructions=size)
        for size in SIZES
        for movement in ("deliver free", "receive free")
    ]
    withdrawal = Pattern(_parts("WRN", _withdrawal("1.00")))
    single = Pattern(_parts("IAO", samples.iao_body(1, nin=f"{CLIENT}00")), accounts=1)
    wrong_lines = [
        *_lines("deliver free", 8),
        *(line | {"isin": "KZX000009031"} for line in _lines("deliver free", 2, 8)),
    ]
    wrong_client = [*_clients(10), *(row | {"iin": "ABCDEFGHIJKL"} for row in _clients(2, 10))]
    others = [
        withdrawal,
        single,
        Pattern(_parts("IST", lines=wrong_lines), "partly accepted", instructions=8),
        withdrawal,
        Pattern(_parts("BUNA", samples.buna_cover(20), _clients(20)), accounts=20),
        Pattern(_parts("SIN", _interest()), "refused"),
        withdrawal,
        Pattern(_parts("BUNA", samples.buna_cover(12), wrong_client), "partly accepted", accounts=10),
        Pattern(_parts("WRN", _withdrawal("999999999.00")), "refused"),
        Pattern(_parts("BUNA", samples.buna_cover(10), _clients(10)), accounts=10),
    ]
    return Mix((*transfers, *others), bins)


def funding(market: Market, at: datetime) -> bytes:
    """The bank's advice of every participant's money."""
    nominee = next(one.nominee_iban for one in market.currencies if one.code == "KZT")
    entries = tuple(
        BankEntry(
            line=n + 1,
            reference=f"FUND-{n}",
            amount=MONEY,
            credit=True,
            reversal=False,
            value_date=SAMPLE_DAY,
            participant=code(n),
            end_to_end="",
            counterparty_name=f"Model Participant {code(n)}",
            remittance=f"{code(n)} FUNDING",
        )
        for n in range(PARTIES)
    )
    told = BankStatement("FUNDING", "FUNDING", nominee, "KZT", SAMPLE_DAY, None, None, entries)
    return render_statements([told], True, at)


def _parts(
    form: str, body: Mapping[str, object] | None = None, lines: Sequence[Mapping[str, object]] = ()
) -> dict[str, bytes]:
    header = {
        "reference": f"{SENDER}-{form}-{NUMBER}",
        "form_date": SAMPLE_DAY,
        "participant": SENDER,
        "participant_name": f"Model Participant {SENDER}",
        "signatory": f"Authorised Person {SENDER}",
        "signatory_position": "Head of operations",
        "signature": f"Authorised Person {SENDER}",
    }
    with zipfile.ZipFile(BytesIO(fill(form, header, body or {}, lines))) as package:
        return {name: package.read(name) for name in package.namelist()}


def _lines(movement: str, count: int, first: int = 0) -> list[dict[str, object]]:
    return [
        {
            "action": "new",
            "reference": f"{SENDER}-L-{NUMBER}-{n:02d}",
            "movement": movement,
            "own_account": f"{SENDER}-HO",
            "counterparty": OTHER,
            "counterparty_account": f"{OTHER}-HO",
            "isin": SHARE_B,
            "quantity": n + 1,
            "quantity_type": "unit",
            "due_date": SAMPLE_DAY + timedelta(days=1),
            "reason": "transfer",
        }
        for n in range(first, first + count)
    ]


def _clients(count: int, first: int = 0) -> list[dict[str, object]]:
    return [{**samples.buna_client(n + 1), "nin": f"{CLIENT}{n:02d}"} for n in range(first, first + count)]


def _withdrawal(amount: str) -> Mapping[str, object]:
    return samples.wrn_body(
        amount=Decimal(amount),
        iban=IBAN,
        bank_bic=BANK,
        beneficiary_name=f"Model Participant {SENDER}",
        beneficiary_bin=BIN,
        value_date=SAMPLE_DAY,
    )


def _interest() -> Mapping[str, object]:
    """A SIN without its signature."""
    return samples.sin_body(
        debtor=SENDER,
        debtor_account=f"{SENDER}-HO",
        secured_party=OTHER,
        secured_account=f"{OTHER}-HO",
        isin=SHARE_B,
    )
