"""Loads reference data: calendar, parties, powers, signatories, bank accounts, products, rates, accounts, opening positions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from depository.feeds import OpeningPosition
from depository.ledger import ISSUER, Entry, move
from depository.lending import register_agreements
from depository.points import reached
from depository.products import admit
from depository.register import AccountState, AccountType
from depository.rejects import FileRefused
from depository.signatories import Signatory
from depository.store import journal, register, signatories
from depository.store.database import writing
from depository.store.events import EventKind
from depository.store.work import Work
from depository.units import TooFine, to_units
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
OF_PARTICIPANTS = ("powers.csv", "bank_accounts.csv", "accounts.csv")
"""Files whose records each belong to a participant."""


def load_reference(site: Site, folder: Path, at: datetime) -> dict[str, int]:
    """Loads every reference file of a folder in one transaction; returns how many records each gave.

    Raises FileRefused naming file, line, column and fault when any line is wrong, or when there is no such file: nothing is loaded then.
    """
    contents = {name: (folder / name).read_bytes() for name in READERS if (folder / name).exists()}
    if not contents:
        raise FileRefused("reference", f"Nothing was loaded. {folder} has none of the files {', '.join(READERS)}.")
    return load_contents(site, contents, at)


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
        work = Work(connection, market.local(at).date(), at, market, program=site.program)
        said = {"files": {name: site.archive.put(contents[name]) for name in records}}
        if noted_last(work, site.archive, EventKind.REFERENCE, said):
            # The same again, by hand or after a crash: nothing would change.
            return {name: len(found) for name, found in records.items()}
        register.add_currencies(work, market.currencies)
        register.add_calendar(work, [(d.day, d.kind, d.reason, d.source) for d in records.get("calendar.csv", ())])
        work = replace(work, business_date=business_date_at(connection, market, at))
        register.add_parties(work, records.get("parties.csv", ()))
        for name in OF_PARTICIPANTS:
            _refuse_strangers(work, name, [one.participant for one in records.get(name, ())])
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


def _refuse_strangers(work: Work, name: str, participants: Sequence[str]) -> None:
    """Raises FileRefused when a file names somebody who is no participant of the register."""
    strangers = sorted(set(participants) - {one.code for one in register.participants(work)})
    if strangers:
        said = f"no participant has the code {', '.join(strangers)}; correct it, or register it in parties.csv first"
        raise FileRefused("reference", f"Nothing was loaded. {name}: {said}.")


def lodge(work: Work, positions: Sequence[OpeningPosition]) -> None:
    """Credits holdings that the registry holds in the depository's name, each once by its registry reference (CSD-3.5.1-a).

    Raises FileRefused for an account or a security that is not registered, and for a quantity finer than the security knows.
    """
    done = journal.causes(work, "lodgment")
    new = [one for one in positions if one.registry_reference not in done]
    register.know_accounts(work, {one.account for one in new})
    journal.post(work, [_lodgment(work, one) for one in new])


def _lodgment(work: Work, position: OpeningPosition) -> Entry:
    account = register.account(work, position.account)
    product = register.product(work, position.isin)
    if account is None or account.state is AccountState.CLOSED:
        raise _not_lodged(position, f"{position.account} is no account of the register, or a closed one")
    if product is None:
        raise _not_lodged(position, f"{position.isin} is no product of the register")
    try:
        quantity = to_units(position.quantity, product.scale)
    except TooFine as fault:
        raise _not_lodged(position, f"the quantity {position.quantity} of {position.isin} is wrong: {fault}") from None
    return Entry("lodgment", position.registry_reference, move(position.isin, quantity, ISSUER, position.account))


def _not_lodged(position: OpeningPosition, why: str) -> FileRefused:
    where = f"positions.csv line {position.line} ({position.registry_reference})"
    return FileRefused("reference", f"Nothing was loaded. {where}: {why}.")
