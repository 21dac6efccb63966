"""How things stand with the synchronising, as it is told to the screens."""

from __future__ import annotations

import time
from enum import StrEnum

from msgspec import Struct

from ismsg_tui.store.outbox import Counts


class SyncState(StrEnum):
    """How things stand with the authority."""

    SYNCING = "syncing"
    SYNCED = "synced"
    OFFLINE = "offline"
    """It can't be reached; that is tried again and again."""
    SIGNED_OUT = "signed-out"
    """It wants a sign-in first; what is given meanwhile waits."""
    FAILED = "failed"
    """Something is wrong that is no outage; the reason says what. That is tried again as well."""
    ELSEWHERE = "elsewhere"
    """Another ismsg on this machine keeps this store in sync; this one takes over when that is gone."""


class Progress(Struct, frozen=True):
    """How far a catching up has come."""

    done: int
    """Rows that have come."""
    total: int = 0
    """Rows that there are to come in all, about; 0 where that is not known."""
    rate: float = 0.0
    """Rows a second."""


class Meter:
    """How far a pull has come, and how fast."""

    def __init__(self, total: int, done: int = 0) -> None:
        """So many rows are to come in all; `done` of them came in another way."""
        self._total = total
        self._started = time.monotonic()
        self._there = self._done = done
        self.pages = 0

    def count(self, rows: int) -> None:
        """A page of so many rows has come."""
        self.pages += 1
        self._done += rows

    @property
    def left(self) -> int:
        """How many rows are still to come, about; 0 where that is not known."""
        return max(0, self._total - self._done)

    @property
    def progress(self) -> Progress:
        """How far it is."""
        total = max(self._total, self._done) if self._total else 0
        return Progress(self._done, total, (self._done - self._there) / max(time.monotonic() - self._started, 0.001))


class SyncStatus(Struct, frozen=True):
    """How things stand."""

    state: SyncState
    since: int
    """When that began; milliseconds."""
    reason: str = ""
    """Why, as a sentence; empty where the state says all."""
    progress: Progress | None = None
    """While rows come in page by page."""
    counts: Counts = Counts()
    skew: int = 0
    """How much the authority's clock was ahead of this one at the last meeting, in milliseconds."""
