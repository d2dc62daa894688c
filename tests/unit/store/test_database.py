"""The opening of a database."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

from sqlalchemy import text

from depository.store.database import open_database


def test_a_new_file_that_another_process_is_writing_to_is_waited_for(tmp_path: Path) -> None:
    """As when several processes open a new site's database at once."""
    path = tmp_path / "csd.db"
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        release = threading.Timer(0.3, other.execute, ["COMMIT"])
        release.start()
        engine = open_database(f"sqlite:///{path}")
        with engine.connect() as connection:
            assert connection.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"
        release.join()
    engine.dispose()
