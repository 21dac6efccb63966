"""The short way to a store that lacks many rows: all of them as one file, instead of page by page.

It is tried beside the pages and may fail in any way: then the pages go on, and nothing is lost.
"""

from __future__ import annotations

import logging
import os
import time
import zlib
from collections.abc import Callable
from contextlib import suppress

from ismsg_tui.domain.changes import Page
from ismsg_tui.domain.commands import Issued
from ismsg_tui.files.handling import CHUNK, FileCancelledError, FileError
from ismsg_tui.store.connection import Error
from ismsg_tui.store.migrations import SCHEMA_VERSION
from ismsg_tui.store.snapshot import SnapshotError, check
from ismsg_tui.store.store import CursorError, Store
from ismsg_tui.sync.authority import (
    Authority,
    BusyError,
    ClientError,
    HasSnapshots,
    SnapshotLaterError,
    Standing,
    UnreachableError,
)
from ismsg_tui.sync.status import Progress

log = logging.getLogger(__name__)

MANY_ROWS = 50_000
"""So many rows have to be missing for a snapshot to be asked for."""
LARGEST_RATIO = 100
"""How much larger than the packed file the unpacked one may be; a store full of text is three times as large."""
TOLD_EVERY = 0.1
"""Seconds between two tellings of how far it is."""
AFTER_CUT = 30.0
"""Seconds for which pages are taken where the line broke while the snapshot came."""

_PART, _PLAIN = "snapshot.part", "snapshot.db"


class Shortcut:
    """Takes a snapshot where that is worth it; one thread at a time."""

    def __init__(
        self,
        store: Store,
        authority: Authority,
        *,
        on_progress: Callable[[Progress], None],
        stopping: Callable[[], bool],
        many: int = MANY_ROWS,
    ) -> None:
        self._store = store
        self._authority = authority
        self._on_progress = on_progress
        self._stopping = stopping
        self._many = many
        self._not_before = 0.0
        folder = store.path.parent
        self._part, self._plain = folder / _PART, folder / _PLAIN

    def allow(self) -> None:
        """Try again, whatever went wrong: the store is to be filled anew."""
        self._not_before = 0.0

    def take(
        self, standing: Standing, missing: int, read_on: Callable[[int, int], Page]
    ) -> tuple[Page, list[Issued]] | None:
        """Replace all rows by those of a snapshot, where so many are missing that it is worth it and one is to be had.

        `read_on` gives what has come after a revision, told how many rows there are up to it. Returns that, which is
        taken in as well, and the commands that were refused by it; None where pages are to be taken. Raises
        SignedOutError, AnewError.
        """
        if missing <= self._many or not isinstance(self._authority, HasSnapshots):
            self._forget()  # what was begun of one is of no more use
            return None
        if time.monotonic() < self._not_before:
            return None
        try:
            return self._take(self._authority, standing, read_on)
        except SnapshotLaterError as later:
            self._not_before = time.monotonic() + later.retry_after
        except FileCancelledError:
            pass  # it is gone on with the next time
        except UnreachableError as error:
            self._not_before = time.monotonic() + (error.retry_after if isinstance(error, BusyError) else AFTER_CUT)
            log.warning("the snapshot did not come whole, pages go on: %s", error)
        except (FileError, ClientError, SnapshotError, CursorError, OSError, Error) as error:
            if self._stopping():
                return None
            self._not_before = float("inf")
            self._forget()
            log.warning("there is no snapshot to begin with, pages go on: %s", error)
        finally:
            with suppress(OSError):
                self._plain.unlink(missing_ok=True)
        return None

    def _take(
        self, authority: HasSnapshots, standing: Standing, read_on: Callable[[int, int], Page]
    ) -> tuple[Page, list[Issued]]:
        started = time.monotonic()
        meter = _ByBytes(standing.rows, self._on_progress)
        snapshot = authority.get_snapshot(self._part, SCHEMA_VERSION, meter.moved, self._stopping)
        if snapshot.epoch != standing.epoch:
            raise SnapshotError("It is of another history.")
        self._unpack()
        rows = check(self._plain, self._store.reader, snapshot.revision, self._stopping)
        tail = read_on(snapshot.revision, rows)
        self._look_up()
        refused = self._store.take_snapshot(self._plain, standing.epoch, snapshot.revision, tail)
        self._forget()
        log.info("began with a snapshot of revision %d in %.1f s", snapshot.revision, time.monotonic() - started)
        return tail, refused

    def _unpack(self) -> None:
        """Unpack what was fetched. Raises SnapshotError for what is not packed, or so that it would fill the disk."""
        room = self._part.stat().st_size * LARGEST_RATIO
        unpacker = zlib.decompressobj(wbits=31)
        self._plain.unlink(missing_ok=True)
        try:
            with self._part.open("rb") as source, open(self._plain, "xb", opener=_private) as target:
                while not unpacker.eof and (piece := source.read(CHUNK)):
                    while piece:
                        self._look_up()
                        plain = unpacker.decompress(piece, CHUNK)
                        piece = unpacker.unconsumed_tail
                        room -= len(plain)
                        if room < 0:
                            raise SnapshotError("It becomes far too large.")
                        target.write(plain)
                target.write(unpacker.flush())
        except zlib.error as error:
            raise SnapshotError("It can't be unpacked.") from error
        if not unpacker.eof:
            raise SnapshotError("Its end is missing.")

    def _look_up(self) -> None:
        """Raises FileCancelledError where there is no time for more."""
        if self._stopping():
            raise FileCancelledError("Stopped.")

    def _forget(self) -> None:
        for path in self._part.parent.glob(f"{_PART}*"):
            with suppress(OSError):
                path.unlink()


class _ByBytes:
    """How far a file has come, told as the rows that are in so much of it."""

    def __init__(self, rows: int, tell: Callable[[Progress], None]) -> None:
        self._rows = rows
        self._tell = tell
        self._began: tuple[float, int] | None = None
        self._told = 0.0

    def moved(self, done: int, total: int) -> None:
        """So many bytes have come."""
        now = time.monotonic()
        began, there = self._began = self._began or (now, done)
        if now - self._told >= TOLD_EVERY:
            self._told = now
            rate = self._rows * (done - there) / max(total, 1) / max(now - began, 0.001)
            self._tell(Progress(self._rows * done // max(total, 1), self._rows, rate))


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
