"""Loads reference data: calendar, parties, powers, signatories, bank accounts, products, rates, accounts, opening positions."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from depository.feeds import OpeningPosition
from depository.ledger import ISSUER, Entry, move
from depository.lending import register_agreements
from depository.points import reached
from depository.products import admit
from depository.register import AccountType
from depository.rejects import FileRefused
from depository.signatories import Signatory
from depository.store import journal, register, signatories
from depository.store.database import writing
from depository.store.events import EventKind
from depository.store.work import Work
from depository.units import to_units
from flows.steps.business_date import business_date_at
from flows.steps.inputs import note, noted_last
from flows.steps.outgoing import queue_notices
from flows.steps.sites import Site
from parsers import reference_csv, reference_pem
from parsers.reference_csv import Reference

READERS: dict[str, Callable[[bytes], Reference[Any]]] = {
    "calendar.csv": reference_csv.read_calendar,
    "parties.csv": reference_csv.read_parties,
    "powers.csv": reference_csv.read_powers,
    "signatories.csv": reference_csv.read_signatories,
    "trust_anchors.pem": reference_pem.read_trust_anchors,
    "revocation_lists.pem": reference_pem.read_revocation_lists,
    "bank_accounts.csv": reference_csv.read_bank_accounts,
    "products.csv": reference_csv.read_products,
    "accounts.csv": reference_csv.read_accounts,
    "rates.csv": reference_csv.read_rates,
    "lending_agreements.csv": reference_csv.read_lending_agreements,
    "positions.csv": reference_csv.read_opening_positions,
}
"""In the order in which they depend on each other; a missing file means none."""


def load_reference(site: Site, folder: Path, at: datetime) -> dict[str, int]:
    """Loads every reference file of a folder in one transaction; returns how many records each gave.

    Raises FileRefused naming file, line, column and fault when any line is wrong: nothing is loaded then.
    """
    return load_contents(site, {name: (folder / name).read_bytes() for name in READERS if (folder / name).exists()}, at)


def load_contents(site: Site, contents: Mapping[str, bytes], at: datetime) -> dict[str, int]:
    """The same for the files' bytes by name."""
    records: dict[str, Sequence[Any]] = {}
    faults: list[str] = []
    for name, reader in READERS.items():
        if name not in contents:
            continue
        read = reader(contents[name])
        records[name] = read.records
        for line in read.refused:
            for reject, place in zip(line.rejects, line.places, strict=True):
                faults.append(f"{name} {place}: {reject.message} (found {reject.found!r})")
    if faults:
        raise FileRefused("reference", "Nothing was loaded. " + " ".join(faults[:50]))
    with writing(site.engine) as connection:
        market = site.market
        work = Work(connection, market.local(at).date(), at, market)
        said = {"files": {name: site.archive.put(contents[name]) for name in records}}
        if noted_last(work, site.archive, EventKind.REFERENCE, said):
            # The same again, by hand or after a crash: nothing would change.
            return {name: len(found) for name, found in records.items()}
        register.add_currencies(work, market.currencies)
        register.add_calendar(work, [(d.day, d.kind, d.reason, d.source) for d in records.get("calendar.csv", ())])
        work = Work(connection, business_date_at(connection, market, at), at, market)
        register.add_parties(work, records.get("parties.csv", ()))
        register.add_powers(work, records.get("powers.csv", ()))
        load_signatories(work, records.get("signatories.csv", ()))
        if "trust_anchors.pem" in records:
            signatories.keep_anchors(work, records["trust_anchors.pem"])
        if "revocation_lists.pem" in records:
            signatories.keep_revocation_lists(work, records["revocation_lists.pem"])
        register.add_bank_accounts(work, records.get("bank_accounts.csv", ()))
        admitted = admit(work, records.get("products.csv", ()))
        register.add_rates(work, records.get("rates.csv", ()))
        register_agreements(work, records.get("lending_agreements.csv", ()))
        accounts = [a for a in records.get("accounts.csv", ()) if register.account(work, a.number) is None]
        register.open_accounts(work, accounts)
        for nominee in (a for a in accounts if a.type is AccountType.NOMINEE):
            work.skip_numbers(f"nominee/{nominee.participant}", int(nominee.number.partition("-N")[2]))
        reached("reference.register written")
        lodge(work, records.get("positions.csv", ()))
        queue_notices(work, site.archive, admitted, f"reference/{said['files'].get('products.csv', '')}")
        note(work, site.archive, EventKind.REFERENCE, said)
        reached("reference.before commit")
    reached("reference.committed")
    return {name: len(found) for name, found in records.items()}


def load_signatories(work: Work, found: Sequence[Signatory]) -> None:
    """Registers signatories; raises FileRefused for an unknown party, and when a revocation would be taken back or put off."""
    known = {(one.party, one.certificate): one for one in signatories.all_signatories(work)}
    for one in found:
        if register.party(work, one.party) is None:
            raise FileRefused("reference", f"Nothing was loaded. signatories.csv: there is no party {one.party}.")
        before = known.get((one.party, one.certificate))
        if before is None or before.revoked_at is None:
            continue
        if one.revoked_at is None or one.revoked_at > before.revoked_at:
            raise FileRefused(
                "reference",
                f"Nothing was loaded. signatories.csv: certificate {one.certificate} of {one.name} was revoked at "
                f"{before.revoked_at.isoformat()} and stays so: register a new certificate.",
            )
    signatories.add_signatories(work, found)


def lodge(work: Work, positions: Sequence[OpeningPosition]) -> None:
    """Credits holdings that the registry holds in the depository's name, each once by its registry reference (CSD-3.5.1-a)."""
    done = journal.causes(work, "lodgment")
    entries = [
        Entry(
            "lodgment",
            p.registry_reference,
            move(p.isin, to_units(p.quantity, register.scale(work, p.isin)), ISSUER, p.account),
        )
        for p in positions
        if p.registry_reference not in done
    ]
    journal.post(work, entries)
