"""How the processes of one server tell each other what is new: NOTIFY of PostgreSQL, as a hint that may get lost."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

if TYPE_CHECKING:
    import psycopg

log = logging.getLogger(__name__)

CHANNEL = "ismsg"
GATHER = 0.03
"""Seconds for which hints are gathered, so that a hundred commands are one notification."""
_PATIENCE = 1.0
"""Seconds between two attempts to reach the database, and between two looks at whether to end."""


class Bus:
    """Sends hints to every process on the same database and hears theirs, its own among them.

    It writes on a connection of its own and never within a transaction: NOTIFY takes a lock of the whole cluster that
    is held until the commit. A hint is at most some hundred bytes; what is lost while the database is away stays lost.
    """

    def __init__(self, engine: Engine, heard: Callable[[str], None]) -> None:
        """`heard` is called on a thread with every hint."""
        self._engine = engine
        self._heard = heard
        self._hints: dict[str, str] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._ending = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin to send and to listen."""
        self._threads = [
            threading.Thread(target=work, name=f"ismsg-bus-{name}", daemon=True)
            for name, work in (("send", self._send), ("listen", self._listen))
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End; returns once both threads have."""
        self._ending.set()
        self._wake.set()
        for thread in self._threads:
            thread.join()

    def tell(self, key: str, hint: str) -> None:
        """Send a hint soon; one that waits under the same key is replaced by it."""
        with self._lock:
            self._hints[key] = hint
        self._wake.set()

    def _send(self) -> None:
        while not self._ending.is_set():
            self._wake.wait()
            self._ending.wait(GATHER)
            self._wake.clear()
            with self._lock:
                hints, self._hints = self._hints, {}
            if not hints:
                continue
            try:
                with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                    connection.execute(
                        text("SELECT pg_notify(:channel, :hint)"),
                        [{"channel": CHANNEL, "hint": hint} for hint in hints.values()],
                    )
            except SQLAlchemyError:
                log.warning("hints to other processes were lost", exc_info=True)
                self._ending.wait(_PATIENCE)

    def _listen(self) -> None:
        import psycopg  # noqa: PLC0415 - it is an extra, and is there where the database is PostgreSQL

        while not self._ending.is_set():
            try:
                pooled = self._engine.raw_connection()
                driver = cast("psycopg.Connection", pooled.driver_connection)
                pooled.detach()
                with driver as connection:
                    self._hear(connection)
            except (SQLAlchemyError, psycopg.Error):
                log.warning("the connection that hears of other processes broke", exc_info=True)
                self._ending.wait(_PATIENCE)

    def _hear(self, connection: psycopg.Connection) -> None:
        connection.rollback()
        connection.autocommit = True
        connection.execute(f"LISTEN {CHANNEL}")
        while not self._ending.is_set():
            for note in connection.notifies(timeout=_PATIENCE):
                self._heard(note.payload)
                if self._ending.is_set():
                    return
