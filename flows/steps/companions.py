"""What lies beside a file and belongs to it, its marker and its signature, on the way to our side (design §4)."""

from collections.abc import Iterable

from depository.points import reached
from depository.sftp.folders import Folders
from depository.sftp.intake import DIGEST, SIGNATURE, Ready, safe_name

MARKER = ".sha256~"
"""What a claimed file's `.sha256` marker is called on our side, after the file's own name there."""
SIGNED = ".p7s~"
"""The same for its `.p7s` signature."""
KEPT = {DIGEST: MARKER, SIGNATURE: SIGNED}


def is_companion(name: str) -> bool:
    """Is it the marker or signature of a claimed file, on our side?"""
    return name.endswith(tuple(KEPT.values()))


def claim_companions(folders: Folders, box: str, place: str, name: str, ready: Ready) -> list[str]:
    """Claims marker and signature of a file that is claimed next; returns the endings that another worker was faster to take.

    They go first: who finds the file on our side finds what belongs to it. Other markers have said all they had to say.
    """
    elsewhere = []
    for companion in ready.companions:
        ending = KEPT.get(companion[len(ready.name) :].lower())
        if ending is None:
            folders.remove(f"{box}/{companion}")
        elif not folders.claim(f"{box}/{companion}", f"{place}/{name}{ending}"):
            elsewhere.append(ending)
        reached("claim.companion")
    return elsewhere


def adopt(folders: Folders, place: str, folder: str, safe: str, name: str, endings: list[str]) -> None:
    """Another worker got the companions, this one the file: those without a file of their own come to the file."""
    there = {entry.name for entry in folders.look(place)}
    for ending in endings:
        if f"{name}{ending}" in there:
            continue
        for other in sorted(there):
            single = other.removesuffix(ending) not in there
            if single and other.startswith(f"{folder}~") and other.endswith(f"~{safe}{ending}"):
                folders.claim(f"{place}/{other}", f"{place}/{name}{ending}")
                break


def sweep(folders: Folders, box: str, place: str, there: Iterable[str]) -> None:
    """Removes companions that a kill left on our side when their file had been taken and removed; `there` is what lies in `place`.

    One that another worker has claimed a moment ago, and whose file still lies in the party's `box` or has just come, stays.
    """
    known = set(there)
    single = {name: _owner(name) for name in there if is_companion(name) and _owner(name) not in known}
    if not single:
        return
    waiting = {safe_name(entry.name)[0] for entry in folders.look(box)}
    for name, owner in single.items():
        if owner.split("~", 2)[2] not in waiting and not folders.exists(f"{place}/{owner}"):
            folders.remove(f"{place}/{name}")


def _owner(name: str) -> str:
    """The claimed file that a companion on our side belongs to."""
    return next(name.removesuffix(ending) for ending in KEPT.values() if name.endswith(ending))
