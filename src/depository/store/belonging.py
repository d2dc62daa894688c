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


def _identity(connection: Connection) -> str:
    return str(connection.execute(select(T.c.identity)).scalar() or "")
