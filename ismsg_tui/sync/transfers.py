"""The thread that moves the bytes of files between the store and an authority, beside everything else."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Iterable
from functools import partial

from ismsg_tui.clock import now_ms
from ismsg_tui.domain.entities import Entity, Message, Snippet
from ismsg_tui.files.handling import FileCancelledError, FileError
from ismsg_tui.store import departures, outbox
from ismsg_tui.store.connection import Connection
from ismsg_tui.store.rows import MESSAGE, SNIPPET
from ismsg_tui.store.store import Store
from ismsg_tui.sync.authority import Authority, ClientError, SignedOutError, UnreachableError

log = logging.getLogger(__name__)

FIRST_RETRY, LONGEST_RETRY = 0.5, 30.0
"""Seconds between attempts after one that failed."""
LOOK = 1.0
"""Seconds between looks for something to move: another process may have asked for it."""
FETCHED_UNASKED = 5_000_000
"""Bytes up to which a file that arrives is fetched at once; a larger one waits until somebody wants it."""
RECENT = 7 * 24 * 3_600_000
"""Milliseconds for which a message counts as one that arrives."""


class Transfers:
    """Sends the files of messages that may leave and fetches those that are wanted, one at a time, until stopped."""

    def __init__(self, store: Store, authority: Authority) -> None:
        self._store = store
        self._blobs = store.blobs
        self._authority = authority
        self._stopping = False
        self._retry = FIRST_RETRY
        self._wake = threading.Event()
        """Set when there may be something to do; ends a quiet wait."""
        self._again = threading.Event()
        """Set when the authority can be reached or the end has come; ends the wait after a failure."""
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="transfers", daemon=True)

    def start(self) -> None:
        """Begin, on a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """End within one piece of a file; the transfer is gone on with the next time."""
        self._stopping = True
        self._ended.set()
        self.hint()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def hint(self) -> None:
        """The authority was reached: what has failed because it could not be is tried again."""
        self._again.set()
        self._wake.set()

    def exchange(self) -> None:
        """Move everything there is to move. Raises whatever the authority raises but FileError."""
        while not self._stopping and (step := self._next()) is not None:
            step()

    def _next(self) -> Callable[[], None] | None:
        """What is to be done first: messages wait for what is sent, so that goes before what is fetched."""
        if (sha256 := next(iter(to_send(self._store.reader, now_ms())), None)) is not None:
            return partial(self._send, sha256)
        if (wanted := next(iter(to_fetch(self._store.reader)), None)) is not None:
            return partial(self._fetch, *wanted)
        return None

    def _send(self, sha256: str) -> None:
        path = self._blobs.path(sha256)
        if path is None:
            self._blobs.set_error(sha256, "The file is not here any more: take the message back and attach it again.")
            return

        def put() -> None:
            if not self._authority.has_blob(sha256):
                self._authority.put_blob(
                    sha256, path, partial(self._blobs.moved, sha256), partial(self._is_over, sha256)
                )
            self._blobs.set_there(sha256, there=True)

        self._move(sha256, path.stat().st_size, put)

    def _fetch(self, sha256: str, size: int) -> None:
        part = self._blobs.part(sha256)

        def get() -> None:
            self._authority.get_blob(sha256, part, partial(self._blobs.moved, sha256), partial(self._is_over, sha256))
            self._blobs.take(sha256, part)

        self._move(sha256, size, get)

    def _move(self, sha256: str, size: int, transfer: Callable[[], None]) -> None:
        self._blobs.begin(sha256, size)
        try:
            transfer()
        except FileCancelledError:
            log.info("a transfer was stopped")
        except FileError as error:
            self._blobs.set_error(sha256, str(error))
        except OSError as error:
            self._blobs.set_error(sha256, f"{error.strerror or error}.")
        finally:
            self._blobs.end(sha256)

    def _is_over(self, sha256: str) -> bool:
        return self._stopping or self._blobs.is_cancelled(sha256)

    def _run(self) -> None:
        unlisten = self._store.listen(lambda _: self._wake.set())
        try:
            while not self._stopping:
                self._wake.clear()
                self._again.clear()
                try:
                    self.exchange()
                    self._retry = FIRST_RETRY
                    self._wait_for_work()
                except UnreachableError as error:
                    log.warning("authority unreachable for files: %s", error)
                    self._back_off(error.retry_after)
                except (SignedOutError, ClientError) as error:
                    log.warning("moving files failed: %s", error)
                    self._back_off()
                except Exception:
                    log.exception("moving files failed")
                    self._back_off()
        finally:
            unlisten()

    def _back_off(self, patience: float = 0.0) -> None:
        if not self._stopping:
            self._ended.wait(min(patience, LONGEST_RETRY))
            self._again.wait(self._retry * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret
            self._retry = min(self._retry * 2, LONGEST_RETRY)

    def _wait_for_work(self) -> None:
        now = now_ms()
        release = departures.next_release(self._store.reader, now)
        self._wake.wait(LOOK if release is None else min(LOOK, (release - now) / 1000))


def want_new(store: Store, rows: Iterable[Entity], now: int) -> None:
    """Ask for the small files of messages that have just arrived, and of snippets."""
    for row in rows:
        if isinstance(row, Snippet) or (isinstance(row, Message) and row.at >= now - RECENT):
            for attachment in row.attachments:
                if attachment.size <= FETCHED_UNASKED and store.blobs.path(attachment.sha256) is None:
                    store.blobs.want(attachment.sha256, attachment.size)


def want_recent(store: Store, now: int) -> None:
    """The same for all that is here: many have arrived at once."""
    messages = store.reader.execute(f"{MESSAGE.select} WHERE attachments <> '[]' AND at >= ?", (now - RECENT,))
    snippets = store.reader.execute(f"{SNIPPET.select} WHERE attachments <> '[]'")
    found: list[Entity] = [MESSAGE.decode(row) for row in messages.fetchall()]
    want_new(store, found + [SNIPPET.decode(row) for row in snippets.fetchall()], now)


def to_send(connection: Connection, now: int) -> list[str]:
    """The files of messages and snippets that may leave, oldest first, which the authority lacks."""
    rows = connection.execute(
        "SELECT blob.sha256 AS sha256, min(outbox.n) AS n FROM outbox "  # noqa: S608 - a constant
        f"JOIN json_each({outbox.FILES}) AS file "
        "JOIN blob ON blob.sha256 = json_extract(file.value, '$.sha256') "
        "WHERE outbox.state IN ('pending', 'sending') AND hold_until <= ? "
        "AND blob.here = 1 AND blob.there = 0 AND blob.error = '' GROUP BY blob.sha256 ORDER BY n",
        (now,),
    )
    return [row["sha256"] for row in rows]


def to_fetch(connection: Connection) -> list[tuple[str, int]]:
    """The files that are wanted here with their sizes, the smallest first."""
    rows = connection.execute("SELECT sha256, size FROM blob WHERE here = 0 AND error = '' ORDER BY size, sha256")
    return [(row["sha256"], row["size"]) for row in rows]
