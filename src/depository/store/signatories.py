"""Reads and writes of signatories' certificates, trusted authorities and revocation lists."""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import delete, insert, select, update

from depository.pieces import pieces
from depository.signatories import RevocationList, Signatory, Trust, TrustAnchor
from depository.store import schema
from depository.store.work import Work

T = schema.signatory


@dataclass(frozen=True, slots=True)
class OwnSignature:
    """A signature of ours, given out with a file."""

    outgoing: int
    """The file's number among the outgoing."""
    sha256: str
    """Of the file's bytes."""
    certificate: str
    """SHA-256 of our certificate."""
    signed_at: datetime
    p7s: bytes


def signatories(work: Work, party: str) -> list[Signatory]:
    """The signatories of a party, in order of name and certificate."""
    rows = work.connection.execute(select(T).where(T.c.party == party).order_by(T.c.name, T.c.certificate))
    return [Signatory(**row._mapping) for row in rows]


def all_signatories(work: Work) -> list[Signatory]:
    """Every party's signatories."""
    rows = work.connection.execute(select(T).order_by(T.c.party, T.c.name, T.c.certificate))
    return [Signatory(**row._mapping) for row in rows]


def add_signatories(work: Work, found: Iterable[Signatory]) -> None:
    """Writes signatories, replacing what was known of the same party and certificate."""
    for one in found:
        values = asdict(one)
        same = (T.c.party == one.party, T.c.certificate == one.certificate)
        if work.connection.execute(update(T).where(*same).values(**values)).rowcount == 0:
            work.connection.execute(insert(T).values(**values))


def trust(work: Work) -> Trust:
    """What certificates are judged by now."""
    if "trust" not in work.known:
        a, c = schema.trust_anchor, schema.revocation_list
        anchors = work.connection.execute(select(a.c.der).order_by(a.c.sha256)).scalars()
        lists = work.connection.execute(select(c.c.der).order_by(c.c.sha256)).scalars()
        work.known["trust"] = Trust(tuple(map(base64.b64decode, anchors)), tuple(map(base64.b64decode, lists)))
    return work.known["trust"]  # type: ignore[no-any-return]


def keep_anchors(work: Work, anchors: Sequence[TrustAnchor]) -> None:
    """The authorities trusted from now on, in place of all before."""
    work.connection.execute(delete(schema.trust_anchor))
    for one in anchors:
        values = {"sha256": one.sha256, "subject": one.subject, "der": base64.b64encode(one.der).decode()}
        work.connection.execute(insert(schema.trust_anchor).values(**values))
    work.known.pop("trust", None)


def keep_revocation_lists(work: Work, lists: Sequence[RevocationList]) -> None:
    """The revocation lists in force from now on, in place of all before."""
    work.connection.execute(delete(schema.revocation_list))
    for one in lists:
        values = {"sha256": one.sha256, "issuer": one.issuer, "der": base64.b64encode(one.der).decode()}
        work.connection.execute(insert(schema.revocation_list).values(**values))
    work.known.pop("trust", None)


def keep_own(work: Work, made: Sequence[OwnSignature]) -> None:
    """Keeps signatures given out; putting the same file out again makes the same signature, which is kept once."""
    o = schema.own_signature
    numbers = [one.outgoing for one in made]
    rows = work.connection.execute(select(o.c.outgoing, o.c.sha256, o.c.certificate).where(o.c.outgoing.in_(numbers)))
    kept = {tuple(row) for row in rows}
    new = [
        {**asdict(one), "p7s": base64.b64encode(one.p7s).decode()}
        for one in made
        if (one.outgoing, one.sha256, one.certificate) not in kept
    ]
    if new:
        work.connection.execute(insert(o), new)


def own_of(work: Work, outgoing: Iterable[int]) -> dict[int, bytes]:
    """The newest signature over the present content of outgoing files, by number."""
    o, f = schema.own_signature, schema.outgoing
    found: dict[int, bytes] = {}
    for some in pieces(outgoing, 1000):
        rows = work.connection.execute(
            select(o.c.outgoing, o.c.p7s)
            .join(f, (f.c.id == o.c.outgoing) & (f.c.sha256 == o.c.sha256))
            .where(o.c.outgoing.in_(some))
            .order_by(o.c.signed_at)
        )
        found |= {row.outgoing: base64.b64decode(row.p7s) for row in rows}
    return found
