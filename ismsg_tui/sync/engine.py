"""The thread that moves changes between the store and an authority."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable
from enum import StrEnum

import msgspec

from ismsg_tui.clock import now_ms
from ismsg_tui.domain.commands import Issued
from ismsg_tui.domain.state import Refusal
from ismsg_tui.store import outbox
from ismsg_tui.store.store import Store
from ismsg_tui.sync.authority import Authority, UnreachableError

log = logging.getLogger(__name__)

PAGE_ROWS = 500
BATCH = 100
FIRST_RETRY, LONGEST_RETRY = 0.5, 30.0
"""Seconds between attempts while the authority can't be reached."""


class SyncState(StrEnum):
    """How things stand with the authority."""

    SYNCING = "syncing"
    SYNCED = "synced"
    OFFLINE = "offline"


class Refused(msgspec.Struct, frozen=True):
    """A command that the authority refused, for the agent to be told."""

    issued: Issued
    refusal: Refusal


class Sync:
    """Pushes the outbox and pulls rows until stopped.

    `on_state` and `on_refused` are called on the sync thread.
    """

    def __init__(
        self,
        store: Store,
        authority: Authority,
        *,
        on_state: Callable[[SyncState], None] = lambda _: None,
        on_refused: Callable[[Refused], None] = lambda _: None,
    ) -> None:
        self._store = store
        self._authority = authority
        self._on_state = on_state
        self._on_refused = on_refused
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="sync", daemon=True)

    def start(self) -> None:
        """Begin, on a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """End after the exchange under way; what has not left stays in the outbox."""
        self._stopping = True
        self._wake.set()
        self._thread.join(timeout=5)

    def exchange(self) -> None:
        """Push everything that may leave and pull everything there is. Raises UnreachableError."""
        store = self._store
        while entries := outbox.ready(store.reader, now_ms(), BATCH):
            store.mark_sending(entries)
            for answer in self._authority.push([entry.issued for entry in entries]):
                if answer.refusal is None:
                    store.acknowledge(answer.command_id, answer.seq)
                elif (issued := store.refuse(answer.command_id, answer.refusal, now_ms())) is not None:
                    self._on_refused(Refused(issued, answer.refusal))
        more = True
        while more and not self._stopping:
            page = self._authority.changes(store.cursor, PAGE_ROWS)
            store.apply(page)
            more = page.more

    def _run(self) -> None:
        unlisten = self._store.listen(lambda _: self._wake.set())
        unwatch = self._authority.watch(self._wake.set)
        retry = FIRST_RETRY
        try:
            while not self._stopping:
                self._wake.clear()
                self._on_state(SyncState.SYNCING)
                try:
                    self.exchange()
                except UnreachableError as error:
                    log.warning("authority unreachable: %s", error)
                    self._on_state(SyncState.OFFLINE)
                    self._wake.wait(retry * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret
                    retry = min(retry * 2, LONGEST_RETRY)
                    continue
                retry = FIRST_RETRY
                self._on_state(SyncState.SYNCED)
                self._wake.wait(self._seconds_to_next_release())
        finally:
            unwatch()
            unlisten()

    def _seconds_to_next_release(self) -> float | None:
        release = outbox.next_release(self._store.reader, now_ms())
        return None if release is None else max(0.0, (release - now_ms()) / 1000)
