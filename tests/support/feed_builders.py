"""Feeds for tests: one right line of each kind, and Hypothesis strategies for many."""

from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from depository.feeds import BankEntry, BankStatement, RegistryPosition, Trade
from parsers.camt import render_statements

ZONE = ZoneInfo("Asia/Almaty")
DAY = date(2026, 11, 23)
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=ZONE)
IBAN = "KZ418560000000001001"
OTHER_IBAN = "KZ308560000000001005"
ISINS = ("KZX000009014", "US0378331005", "DE0007164600", "GB0002634946")


def render_statement(one: BankStatement, advice: bool, created: datetime) -> bytes:
    """A message of one statement."""
    return render_statements((one,), advice, created)


def trade(**changes: object) -> Trade:
    """A right exchange trade."""
    values: dict[str, object] = {
        "line": 2,
        "trade_id": "T0001",
        "traded_at": NOON,
        "kind": "TRADE",
        "isin": ISINS[0],
        "quantity": Decimal(10),
        "price": Decimal("8000.50"),
        "amount": Decimal("80005.00"),
        "currency": "KZT",
        "alternative_currency": "",
        "buyer": "B01",
        "buyer_account": "B01-HO",
        "seller": "B02",
        "seller_account": "B02-HO",
        "settlement_date": date(2026, 11, 25),
        "repo_rate": None,
        "repo_end": None,
        "cancelled": False,
    }
    return Trade(**{**values, **changes})  # type: ignore[arg-type]


def entry(**changes: object) -> BankEntry:
    """A right credit that names its participant."""
    values: dict[str, object] = {
        "line": 1,
        "reference": "BANK-1",
        "amount": Decimal("1000.00"),
        "credit": True,
        "reversal": False,
        "value_date": DAY,
        "participant": "B01",
        "end_to_end": "",
        "counterparty_name": "Test Brokerage",
        "remittance": "B01 FUNDING",
    }
    return BankEntry(**{**values, **changes})  # type: ignore[arg-type]


def statement(*entries: BankEntry, opening: Decimal | None = Decimal("0.00"), **changes: object) -> BankStatement:
    """A statement that adds up; an advice when `opening` is None."""
    closing = None
    if opening is not None:
        closing = opening + sum((e.amount if e.credit else -e.amount for e in entries), Decimal(0))
    values: dict[str, object] = {
        "message_id": "MSG-1",
        "statement_id": "STMT-1",
        "iban": IBAN,
        "currency": "KZT",
        "business_date": DAY,
        "opening": opening,
        "closing": closing,
        "entries": entries,
    }
    return BankStatement(**{**values, **changes})  # type: ignore[arg-type]


DAYS = st.dates(date(2020, 1, 1), date(2040, 12, 31))
MOMENTS = st.builds(
    lambda day, seconds: datetime.combine(day, time.min, ZONE) + timedelta(seconds=seconds),
    st.dates(date(2024, 4, 1), date(2040, 1, 1)),
    st.integers(0, 86_399),
)
REFERENCES = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9/._:-]{0,20}[A-Za-z0-9])?", fullmatch=True)
PARTICIPANTS = st.from_regex(r"[A-Z][0-9]{2}", fullmatch=True)
WORDS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1, max_size=12)
SENTENCES = st.lists(WORDS, max_size=8).map(" ".join)


def numbers(places: int, whole: int = 12) -> st.SearchStrategy[Decimal]:
    """Exact numbers above nought with at most so many decimals."""
    return st.integers(1, 10 ** (whole + places)).map(lambda units: Decimal(units).scaleb(-places))


@st.composite
def trades(draw: st.DrawFn) -> list[Trade]:
    """Right trades of one file, numbered as the file's lines."""
    found = []
    ids = draw(st.lists(REFERENCES.filter(lambda text: text != "TRAILER"), unique=True, max_size=6))
    for number, trade_id in enumerate(ids, start=2):
        kind = draw(st.sampled_from(("TRADE", "REPO_OPEN", "REPO_CLOSE")))
        quantity, price = draw(numbers(4, 6)), draw(numbers(6, 6))
        product = (quantity * price).quantize(Decimal("0.01"))
        amount = product if kind == "TRADE" and product > 0 else draw(numbers(2))
        if kind == "TRADE" and product == 0:
            quantity, price = Decimal(1), amount
        sides = draw(st.lists(PARTICIPANTS, min_size=2, max_size=2, unique=True))
        traded_at = draw(MOMENTS)
        settles = traded_at.date() + timedelta(days=draw(st.integers(0, 5)))
        found.append(
            trade(
                line=number,
                trade_id=trade_id,
                traded_at=traded_at,
                kind=kind,
                isin=draw(st.sampled_from(ISINS)),
                quantity=quantity,
                price=price,
                amount=amount,
                currency=draw(st.sampled_from(("KZT", "USD"))),
                alternative_currency=draw(st.sampled_from(("", "USD", "CNY"))),
                buyer=sides[0],
                buyer_account=f"{sides[0]}-HO",
                seller=sides[1],
                seller_account=f"{sides[1]}-N000001",
                settlement_date=settles,
                repo_rate=None if kind == "TRADE" else draw(numbers(4, 2)),
                repo_end=None if kind == "TRADE" else settles + timedelta(days=draw(st.integers(0, 90))),
                cancelled=draw(st.booleans()),
            )
        )
    return found


@st.composite
def statements(draw: st.DrawFn, *, advice: bool) -> BankStatement:
    """A right statement or advice of up to six entries; the remittance names nobody but the participant."""
    references = draw(st.lists(REFERENCES, unique=True, max_size=6))
    entries = []
    for number, reference in enumerate(references, start=1):
        credit, reversal = draw(st.booleans()), draw(st.booleans())
        named = {
            "counterparty_iban": draw(st.sampled_from(("", OTHER_IBAN))),
            "counterparty_bic": draw(st.sampled_from(("", "TESTKZKA"))),
            "counterparty_bin": draw(st.sampled_from(("", "900101100014"))),
        }
        entries.append(
            entry(
                line=number,
                reference=reference,
                amount=draw(numbers(2)),
                credit=credit,
                reversal=reversal,
                value_date=draw(DAYS),
                participant=draw(st.just("") | PARTICIPANTS),
                end_to_end=draw(st.just("") | REFERENCES.filter(lambda text: text != "NOTPROVIDED")),
                counterparty_name=draw(SENTENCES),
                remittance=draw(st.lists(st.from_regex(r"[a-zа-я]{1,12}", fullmatch=True), max_size=20).map(" ".join)),
                **(named if credit else {}),
            )
        )
    opening = None if advice else draw(st.integers(-(10**14), 10**14)).__int__()
    return statement(
        *entries,
        opening=None if opening is None else Decimal(opening).scaleb(-2),
        message_id=draw(REFERENCES),
        statement_id=draw(REFERENCES),
        business_date=draw(DAYS),
    )


@st.composite
def positions(draw: st.DrawFn) -> list[RegistryPosition]:
    """Right registry positions, one per ISIN."""
    isins = draw(st.lists(st.sampled_from(ISINS), unique=True))
    quantity = st.just(Decimal(0)) | numbers(6)
    return [RegistryPosition(line, isin, draw(quantity), draw(DAYS)) for line, isin in enumerate(isins, start=2)]


AWARE = st.datetimes(
    datetime.combine(date(1990, 1, 1), time.min),
    datetime.combine(date(2080, 1, 1), time.min),
    timezones=st.integers(-12 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)
