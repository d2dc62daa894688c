"""A database and an archive that belong together have the same identity: two sites on one database would spoil both.

Each would give out what the other's archive holds, and take files whose bytes the other never sees. A copy of a site has its identity
as well, and is known by its place (docs/decisions/0012-copies.md).
"""

import secrets

from sqlalchemy import Connection, Engine, insert, inspect, select, update

from depository.store import schema
from depository.store.archive import Archive
from depository.store.database import reading, writing

T = schema.site
O = schema.outgoing  # noqa: E741 - a table of this module
NEWEST = 2
"""So many contents that went out last are looked for: one may be lost, both are another archive's. A form's receipt and answer are two."""
LOOKED_THROUGH = 20
"""Files that went out last among which they are."""


class AnotherSite(LookupError):
    """The database belongs to another archive, or to the one of which this is a copy."""


def check(engine: Engine, archive: Archive) -> None:
    """Raises AnotherSite unless they belong together; a database of nobody yet belongs to the archive from now on.

    A database without tables of this version says nothing and is left as it is.
    """
    with reading(engine) as connection:
        if not inspect(connection).has_table(T.name):
            return
        kept = _identity(connection)
        newest = _newest(connection)
    own = archive.identity()
    if not kept:
        # The archive is first: what dies in between goes on with it.
        own = own or archive.claim_identity(secrets.token_hex(16))
        if archive.is_copy():
            # A database of nobody is not the original's.
            archive.change_identity(own)
        kept = _claimed(engine, own)
    if own != kept:
        raise AnotherSite(
            f"this database is the database of another site (identity {kept}), not of the archive in {archive.root} (identity "
            f"{own or 'none'}): two sites on one database spoil both. Give this site a database of its own in csd.toml. If the archive was "
            "restored or moved and no other site works on the database any more, say so with `csd adopt` (docs/operating/backup.md)"
        )
    if archive.is_copy():
        raise AnotherSite(
            f"the archive in {archive.root} is a copy of the one that belongs to this database, or it was restored or moved to another "
            "disk: two sites on one database spoil both. If it is a copy of a site that works, give it a database of its own in csd.toml "
            "and an empty folder. If it takes the place of the former site, stop that one for good and say so with `csd adopt` "
            "(docs/operating/backup.md)"
        )
    if newest and not any(archive.has(digest) for digest in newest):
        raise AnotherSite(
            f"the archive in {archive.root} has nothing of what went out last by this database (such as {newest[0]}): another site has "
            "worked on it since. If this is a clone of that site's disk or machine, give it a database of its own in csd.toml and an empty "
            "folder. If the archive was put back from a backup, put back the rest of it (docs/operating/backup.md)"
        )
    if not archive.has_place():
        archive.change_identity(own)


def adopt(engine: Engine, archive: Archive) -> str:
    """Makes them belong together under a new identity, which it returns; what the database belonged to before is refused from then on."""
    new = secrets.token_hex(16)
    with writing(engine) as connection:
        if not _identity(connection):
            connection.execute(insert(T).values(id=1, identity=new))
        connection.execute(update(T).values(identity=new))
        archive.change_identity(new)
    return new


def _claimed(engine: Engine, own: str) -> str:
    """The database's identity: this one, unless another came first."""
    with writing(engine) as connection:
        kept = _identity(connection)
        if not kept:
            connection.execute(insert(T).values(id=1, identity=own))
        return kept or own


def _newest(connection: Connection) -> list[str]:
    """The hashes of what was queued last; the same content may have gone to several."""
    query = select(O.c.sha256).where(O.c.sha256 != "").order_by(O.c.id.desc()).limit(LOOKED_THROUGH)
    return list(dict.fromkeys(connection.execute(query).scalars()))[:NEWEST]


def _identity(connection: Connection) -> str:
    return str(connection.execute(select(T.c.identity)).scalar() or "")
