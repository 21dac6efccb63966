"""The thread that moves changes between the store and an authority."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import TypeVar

import msgspec

from ismsg_tui.clock import now_ms
from ismsg_tui.domain.changes import Answer, Page
from ismsg_tui.domain.commands import Issued, SendMessage
from ismsg_tui.domain.state import Refusal
from ismsg_tui.store import outbox
from ismsg_tui.store.store import Store
from ismsg_tui.sync.authority import FILE_MISSING, Authority, UnreachableError
from ismsg_tui.sync.transfers import Transfers, want_new

log = logging.getLogger(__name__)

PAGE_ROWS = 500
MOST_PAGES = 40
"""Pages that are taken in at once, at most."""
BATCH = 100
FIRST_RETRY, LONGEST_RETRY = 0.5, 30.0
"""Seconds between attempts after one that failed."""
LOOK = 1.0
"""Seconds between looks into the outbox: another process may have put something there."""
LONGEST_QUIET = 60.0
"""Seconds after which rows are asked for without a hint: one may have been lost."""

T = TypeVar("T")


class SyncState(StrEnum):
    """How things stand with the authority."""

    SYNCING = "syncing"
    SYNCED = "synced"
    OFFLINE = "offline"
    """It can't be reached; that is tried again and again."""
    FAILED = "failed"
    """Something is wrong that is no outage; the log says what. That is tried again as well."""


class Refused(msgspec.Struct, frozen=True):
    """A command that the authority refused, for the agent to be told."""

    issued: Issued
    refusal: Refusal


class Sync:
    """Pushes the outbox and pulls rows until stopped; no failure but `stop` ends it.

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
        self.transfers = Transfers(store, authority)
        """What moves the bytes of files, beside the commands and rows."""
        self._on_state = on_state
        self._on_refused = on_refused
        self._stopping = False
        self._retry = FIRST_RETRY
        self._wake = threading.Event()
        """Set when there may be something to do; ends a quiet wait."""
        self._hinted = threading.Event()
        """Set when the authority spoke or the end has come; these alone cut the wait after a failure short."""
        self._unwatch: Callable[[], None] | None = None
        self._thread = threading.Thread(target=self._run, name="sync", daemon=True)

    def start(self) -> None:
        """Begin, on threads of its own."""
        self._thread.start()
        self.transfers.start()

    def stop(self) -> None:
        """End after the request under way; what has not left stays in the outbox."""
        self._stopping = True
        self.transfers.stop()
        self._hint()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def exchange(self) -> None:
        """Push everything that may leave and pull everything there is. Raises whatever the authority raises."""
        failure: Exception | None = None
        try:
            self._push()
        except UnreachableError:
            raise
        except Exception as error:  # a command that can't be pushed must not keep the customers' messages away
            failure = error
        self._pull()
        if failure is not None:
            raise failure

    def _push(self) -> None:
        store = self._store
        while not self._stopping and (entries := outbox.ready(store.reader, now_ms(), BATCH)):
            leaving = [entry.issued for entry in store.mark_sending(entries)]
            if not leaving:
                continue
            answers = self._authority.push(leaving)
            self._take(answers)
            if not {answer.command_id for answer in answers} & {issued.id for issued in leaving}:
                raise UnreachableError("no command was answered")

    def _take(self, answers: Sequence[Answer]) -> None:
        for answer in answers:
            if answer.refusal is None:
                self._store.acknowledge(answer.command_id, answer.seq)
        for answer in answers:
            if answer.refusal is not None:
                issued = self._store.refuse(answer.command_id, answer.refusal)
                if issued is not None:
                    self._note_missing(issued, answer.refusal)
                    _tell(self._on_refused, Refused(issued, answer.refusal))

    def _note_missing(self, issued: Issued, refusal: Refusal) -> None:
        """Where the authority has lost files that it was given, they are to be sent once more."""
        if refusal.code == FILE_MISSING and isinstance(issued.command, SendMessage):
            for attachment in issued.command.attachments:
                self._store.blobs.set_there(attachment.sha256, there=False)

    def _pull(self) -> None:
        """Take in rows up to the newest.

        A page that is not the last leaves out rows that changed again later. Where own commands wait for their truth
        to arrive, part of it must not replace them: a message just sent would be gone until the next page.
        """
        store = self._store
        gathered: list[Page] = []
        more = True
        while more and not self._stopping:
            since = gathered[-1].to if gathered else store.cursor
            page = self._authority.changes(since, PAGE_ROWS)
            gathered.append(page)
            more = page.more and page.to > since
            if not more or len(gathered) >= MOST_PAGES or not outbox.any_in_play(store.reader):
                rows = tuple(row for part in gathered for row in part.rows)
                store.apply(Page(gathered[0].since, page.to, rows, page.more))
                want_new(store, (row for _, row in rows), now_ms())
                gathered = []

    def _run(self) -> None:
        unlisten = self._store.listen(lambda _: self._wake.set())
        try:
            while not self._stopping:
                self._hinted.clear()
                try:
                    self._round()
                except UnreachableError as error:
                    log.warning("authority unreachable: %s", error)
                    self._back_off(SyncState.OFFLINE)
                except Exception:
                    log.exception("synchronising failed")
                    self._back_off(SyncState.FAILED)
        finally:
            unlisten()
            if self._unwatch is not None:
                self._unwatch()

    def _round(self) -> None:
        """One exchange, and the quiet after it."""
        if self._unwatch is None:
            self._unwatch = self._authority.watch(self._hint)
        _tell(self._on_state, SyncState.SYNCING)
        self.exchange()
        self._retry = FIRST_RETRY
        self.transfers.hint()
        _tell(self._on_state, SyncState.SYNCED)
        self._wait_for_work()

    def _back_off(self, state: SyncState) -> None:
        _tell(self._on_state, state)
        if not self._stopping:
            self._hinted.wait(self._retry * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret
            self._retry = min(self._retry * 2, LONGEST_RETRY)

    def _hint(self) -> None:
        self._hinted.set()
        self._wake.set()

    def _wait_for_work(self) -> None:
        """Wait until the authority speaks, a command may leave, or it has been quiet for long."""
        until = time.monotonic() + LONGEST_QUIET
        while True:
            self._wake.clear()
            now = now_ms()
            left = until - time.monotonic()
            if self._stopping or self._hinted.is_set() or left <= 0 or outbox.ready(self._store.reader, now, 1):
                return
            release = outbox.next_release(self._store.reader, now)
            soon = LOOK if release is None else min(LOOK, (release - now) / 1000)
            self._wake.wait(min(soon, left))


def _tell(listener: Callable[[T], None], what: T) -> None:
    try:
        listener(what)
    except Exception:  # whoever listens must not be able to end the synchronising
        log.exception("a listener failed")
