"""The file of the store: its connections, its transactions, and whoever listens to what changes.

One connection writes, under a lock, each change in one immediate transaction; every thread that reads has a connection
of its own that cannot write.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from pathlib import Path

from ismsg_tui.domain.state import Settings
from ismsg_tui.store.connection import Connection, open_reader, open_writer
from ismsg_tui.store.loading import load_settings
from ismsg_tui.store.migrations import migrate
from ismsg_tui.store.replica import Replica, read_replica
from ismsg_tui.store.writing import SETTINGS

log = logging.getLogger(__name__)

FILE_NAME = "ismsg.db"

_USUAL = ("cache_size = -2000", "wal_autocheckpoint = 1000", "journal_size_limit = 4000000", "shrink_memory")
_FILLING = ("cache_size = -32000", "wal_autocheckpoint = 8000")
"""How the writing connection works as a rule, and while many rows come: with 32 MB of the file in memory, and as much
in the log before that is taken over into the file. An index that is filled in no order is so written far less often."""

Listener = Callable[[frozenset[str]], None]
"""Told after each commit which scopes changed: contact ids, `snippets`, `settings`, `blob:` and a SHA-256.

Called on the writing thread, or on that of a transfer.
"""


class StoreFile:
    """The file in a folder; created and migrated as needed."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE_NAME
        self._lock = threading.RLock()
        self._writer = open_writer(self.path)
        try:
            migrate(self._writer)
        except BaseException:
            self._writer.close()
            raise
        self._readers = threading.local()
        self._open_readers: list[Connection] = []
        self._foreign_version = 0
        self._filling = False
        self._settings: Settings | None = None
        self._settings_version = -1
        self._listeners: list[Listener] = []

    def close(self) -> None:
        """Close every connection; the store can't be used afterwards."""
        with self._lock:
            for connection in (*self._open_readers, self._writer):
                connection.close()
            self._open_readers.clear()

    @property
    def reader(self) -> Connection:
        """This thread's reading connection."""
        connection: Connection | None = getattr(self._readers, "connection", None)
        if connection is None:
            connection = open_reader(self.path)
            self._readers.connection = connection
            self._open_readers.append(connection)
        return connection

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Hear of every change made through this object; returns what ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def tell(self, scopes: AbstractSet[str]) -> None:
        """Tell listeners of changes."""
        for listener in tuple(self._listeners) if scopes else ():
            try:
                listener(frozenset(scopes))
            except Exception:  # it is committed: whoever gave the command must not take it for failed
                log.exception("a listener failed")

    def change(self, write: Callable[[Connection], Iterable[str]]) -> None:
        """Write what is no row of the workspace, in a transaction; `write` returns the scopes that changed."""
        with self._transaction() as changed:
            changed.update(write(self._writer))

    @property
    def data_version(self) -> int:
        """A number that changes with every commit, of this process or another; ask on one thread only."""
        version: int = self.reader.execute("PRAGMA data_version").fetchone()[0]
        return version

    @property
    def foreign_version(self) -> int:
        """A number that changes when another process has written; while this one writes, the last one known."""
        # The writer's own commits do not count for it, as they would for a reader.
        if self._lock.acquire(blocking=False):
            try:
                self._foreign_version = self._writer.execute("PRAGMA data_version").fetchone()[0]
            finally:
                self._lock.release()
        return self._foreign_version

    @property
    def settings(self) -> Settings:
        """Workspace, users and channels as they are now; never waits for a writer."""
        version = self.data_version
        known: tuple[int, Settings] | None = getattr(self._readers, "settings", None)
        if known is None or known[0] != version:
            known = self._readers.settings = version, load_settings(self.reader)
        return known[1]

    @property
    def replica(self) -> Replica:
        """Where this store stands with its authority."""
        return read_replica(self.reader)

    @property
    def cursor(self) -> int:
        """The revision up to which this store holds the authority's rows; 0 before the first page."""
        return self.replica.cursor

    # For those who write

    def _expect(self, *, many: bool) -> None:
        """Make ready for many rows to be written, or for few again; a crash in between changes nothing."""
        with self._lock:
            if many is not self._filling:
                for pragma in _FILLING if many else _USUAL:
                    self._writer.execute(f"PRAGMA {pragma}").fetchall()
                self._filling = many

    def _current_settings(self) -> Settings:
        version: int = self._writer.execute("PRAGMA data_version").fetchone()[0]
        if self._settings is None or version != self._settings_version:
            self._settings, self._settings_version = load_settings(self._writer), version
        return self._settings

    @contextmanager
    def _transaction(self) -> Iterator[set[str]]:
        """One immediate transaction; yields the set of changed scopes, which listeners hear of after the commit."""
        changed: set[str] = set()
        with self._lock:
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield changed
                self._writer.execute("COMMIT")
            except BaseException:
                self._settings = None
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise
            if SETTINGS in changed:
                self._settings = None
        self.tell(changed)
