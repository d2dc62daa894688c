"""A cycle as plain files in the archive, and handed over to whoever wants to settle or prove it again (design §5)."""

from datetime import date, datetime
from pathlib import Path

from depository.cycles import Solved
from depository.store import cycles, register
from depository.store.archive import Archive
from depository.store.whole import put_together
from depository.store.work import Work
from flows.steps.sites import Site
from parsers.cycle_files import pack, unpack
from parsers.solve_files import CERTIFICATE


def keep_proof(work: Work, archive: Archive, number: int, solved: Solved) -> str:
    """Archives a cycle's input, outcome and multipliers; returns the content's SHA-256."""
    posed = solved.posed
    assets = {at.asset for at in posed.problem.positions} | {row[1] for row in (*posed.securities, *posed.cash)}
    rates = {c: str(r.rate) for c, r in posed.weighing.rates.items()} | dict.fromkeys(posed.weighing.missing, "0")
    data = pack(
        posed.securities,
        posed.cash,
        posed.dues,
        dict(sorted(rates.items())),
        posed.problem,
        solved.outcome,
        {asset: register.scale(work, asset) for asset in sorted(assets)},
    )
    digest = archive.put(data)
    cycles.keep_proof(work, number, digest)
    return digest


def hand_over_cycle(site: Site, business_date: date, number: int, folder: Path, at: datetime) -> list[str]:
    """Writes a cycle's files into an empty or new folder; returns their names.

    Raises LookupError when there was no such cycle, FileExistsError for a folder in use, Broken when the archive was changed.
    """
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty: name a new folder for the cycle")
    with site.reading(at, business_date) as work:
        digest = cycles.proof_of(work, number)
    files = unpack(site.archive.get(digest))
    put_together(folder, files, CERTIFICATE)
    return sorted(files)
