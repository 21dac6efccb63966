"""Opening the local database: with which settings, and whether its SQLite is sound."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from ismsg_tui.sqlite import sqlite3

Connection = sqlite3.Connection
Row = sqlite3.Row
Error = sqlite3.Error
OperationalError = sqlite3.OperationalError
DatabaseError = sqlite3.DatabaseError
IntegrityError = sqlite3.IntegrityError

FIXED_VERSIONS = ((3, 51, 3), (3, 50, 7), (3, 44, 6))
"""The releases that mend the WAL-reset corruption of SQLite 3.7.0 to 3.51.2, the back-ports among them."""

SQLITE_VERSION: tuple[int, ...] = sqlite3.sqlite_version_info


def wal_is_safe(version: tuple[int, ...] = SQLITE_VERSION) -> bool:
    """Whether this SQLite is free of the WAL-reset corruption (two connections that write and checkpoint at once)."""
    newest = FIXED_VERSIONS[0]
    return version >= newest or any(version[:2] == fixed[:2] and version >= fixed for fixed in FIXED_VERSIONS)


def open_writer(path: Path) -> Connection:
    """The one connection that writes; creates the file, readable by its owner alone."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    connection = _open(path)
    connection.execute("PRAGMA journal_mode = WAL")
    # A command that the agent saw accepted must survive a power cut, so each commit is synced.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = OFF")
    return connection


def open_reader(path: Path) -> Connection:
    """A connection that can only read."""
    connection = _open(path)
    connection.execute("PRAGMA query_only = ON")
    return connection


@contextmanager
def lock_file(path: Path) -> Iterator[bool]:
    """Hold the lock `path`, a file made if missing; yields whether that succeeded. The end of a process releases it."""
    with closing(sqlite3.connect(str(path), timeout=0, isolation_level=None)) as lock:
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except OperationalError:
            yield False
            return
        yield True


def _open(path: Path) -> Connection:
    connection = sqlite3.connect(str(path), timeout=10, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA temp_store = MEMORY")
    return connection
