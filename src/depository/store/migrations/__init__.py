"""The revisions of the database, oldest first in `versions`; run by `depository.store.migrate`."""
