"""The thread that keeps the store in sync with an authority."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable

from ismsg_tui.clock import now_ms
from ismsg_tui.domain.wire import Presence, PresenceNote
from ismsg_tui.store import departures, outbox
from ismsg_tui.store.connection import lock_file
from ismsg_tui.store.store import Store
from ismsg_tui.sync.authority import (
    Authority,
    BusyError,
    ClientError,
    OnPresence,
    SignedOutError,
    UnreachableError,
)
from ismsg_tui.sync.exchange import ASK_AFTER, Exchange, Refused, tell
from ismsg_tui.sync.presence import Announcer
from ismsg_tui.sync.status import Progress, SyncState, SyncStatus
from ismsg_tui.sync.transfers import Transfers

log = logging.getLogger(__name__)

LOCK_FILE = "sync.lock"
"""Beside the store; whoever holds it keeps the store in sync."""
FIRST_RETRY, LONGEST_RETRY = 0.5, 30.0
"""Seconds between attempts after one that failed."""
LONGEST_PATIENCE = 300.0
"""Seconds that an authority can ask for before the next attempt, at most."""
LOOK = 1.0
"""Seconds between looks into the outbox: another process may have put something there."""
LONGEST_QUIET = 60.0
"""Seconds after which rows are asked for without a hint: one may have been lost."""


class Sync:
    """Pushes the outbox and pulls rows until stopped; no failure but `stop` ends it.

    Of several on one store, in whatever processes, one works and the others wait for its end. The listeners are called
    on threads of its own.
    """

    def __init__(
        self,
        store: Store,
        authority: Authority,
        *,
        on_state: Callable[[SyncStatus], None] = lambda _: None,
        on_refused: Callable[[Refused], None] = lambda _: None,
        on_presence: OnPresence = lambda _: None,
        ask_after: int = ASK_AFTER,
    ) -> None:
        """A message that has waited for `ask_after` milliseconds does not leave before the agent says so."""
        self._store = store
        self._authority = authority
        self._on_state = on_state
        self._stopped = threading.Event()
        self._retry = FIRST_RETRY
        self._wake = threading.Event()
        """Set when there may be something to do; ends a quiet wait."""
        self._hinted = threading.Event()
        """Set when the authority spoke or the end has come; these alone cut the wait after a failure short."""
        self._unwatch: Callable[[], None] | None = None
        self.status = SyncStatus(SyncState.SYNCING, now_ms())
        """How things stand."""
        self._exchange = Exchange(
            store,
            authority,
            on_refused=on_refused,
            on_progress=lambda progress: self._stand(SyncState.SYNCING, progress=progress),
            stopping=self._stopped.is_set,
            ask_after=ask_after,
        )
        self.transfers = Transfers(store, authority)
        """What moves the bytes of files, beside the commands and rows."""
        self._announcer = Announcer(authority, on_presence)
        self._thread = threading.Thread(target=self._run, name="sync", daemon=True)

    @property
    def presence(self) -> tuple[Presence, ...]:
        """What is known of the teammates."""
        return self._announcer.presence

    def start(self) -> None:
        """Begin, on threads of its own."""
        self._thread.start()

    def stop(self) -> None:
        """End after the request under way; what has not left stays in the outbox."""
        self._stopped.set()
        self.transfers.stop()
        self._announcer.stop()
        self.try_now()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def try_now(self) -> None:
        """Do not wait for the next attempt, nor for the authority to speak."""
        self._hinted.set()
        self._wake.set()

    def announce(self, note: PresenceNote) -> None:
        """Tell the teammates what the user does, again and again until it is something else; never waits."""
        self._announcer.announce(note)

    def begin_anew(self) -> None:
        """Take all rows from the authority once more, as the agent wishes."""
        self._store.want_anew()
        self.try_now()

    def exchange(self) -> None:
        """Push everything that may leave and pull everything there is, on this thread.

        Raises UnreachableError, SignedOutError and ClientError.
        """
        self._exchange.run()

    def _run(self) -> None:
        while not self._stopped.is_set():
            with lock_file(self._store.path.parent / LOCK_FILE) as alone:
                if alone:
                    self._keep_in_sync()
                    return
            self._stand(SyncState.ELSEWHERE)
            self._stopped.wait(LOOK)

    def _keep_in_sync(self) -> None:
        self.transfers.start()
        self._announcer.start()
        unlisten = self._store.listen(lambda _: self._wake.set())
        try:
            while not self._stopped.is_set():
                self._hinted.clear()
                self._attempt()
        finally:
            unlisten()
            if self._unwatch is not None:
                self._unwatch()

    def _attempt(self) -> None:
        try:
            self._round()
        except BusyError as error:
            self._back_off(SyncState.SYNCING, str(error), error.retry_after)
        except UnreachableError as error:
            log.warning("authority unreachable: %s", error)
            self._lose_touch()
            self._back_off(SyncState.OFFLINE, str(error), error.retry_after)
        except SignedOutError as error:
            self._lose_touch()
            self._back_off(SyncState.SIGNED_OUT, str(error))
        except ClientError as error:
            log.warning("synchronising failed: %s", error)
            self._lose_touch()
            self._back_off(SyncState.FAILED, str(error))
        except Exception:
            log.exception("synchronising failed")
            self._lose_touch()
            self._back_off(SyncState.FAILED, "Something went wrong that nobody foresaw: the log says where.")

    def _round(self) -> None:
        """One exchange, and the quiet after it."""
        if self._unwatch is None:
            self._unwatch = self._authority.watch(self.try_now, self._announcer.heard)
        self._exchange.meet()
        # What is quickly done is no news: those who are in sync stay so, whatever comes and goes.
        self._stand(SyncState.SYNCED if self.status.state is SyncState.SYNCED else SyncState.SYNCING)
        self.exchange()
        self._retry = FIRST_RETRY
        self.transfers.hint()
        self._announcer.set_online(True)
        self._stand(SyncState.SYNCED)
        self._wait_for_work()

    def _lose_touch(self) -> None:
        self._exchange.standing = None
        self._announcer.set_online(False)

    def _back_off(self, state: SyncState, reason: str, patience: float = 0.0) -> None:
        self._stand(state, reason)
        if self._stopped.is_set():
            return
        if patience:
            self._stopped.wait(min(patience, LONGEST_PATIENCE))
        self._hinted.wait(self._retry * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret
        self._retry = min(self._retry * 2, LONGEST_RETRY)

    def _stand(self, state: SyncState, reason: str = "", *, progress: Progress | None = None) -> None:
        """Tell how things stand, where that is news."""
        since = self.status.since if state is self.status.state else now_ms()
        counts = outbox.counts(self._store.reader)
        status = SyncStatus(state, since, reason, progress, counts, self._exchange.skew)
        if status != self.status:
            self.status = status
            tell(self._on_state, status)

    def _wait_for_work(self) -> None:
        """Wait until the authority speaks, a command may leave, or it has been quiet for long."""
        until = time.monotonic() + LONGEST_QUIET
        while True:
            self._wake.clear()
            now = now_ms()
            left = until - time.monotonic()
            reader = self._store.reader
            if self._stopped.is_set() or self._hinted.is_set() or left <= 0 or departures.ready(reader, now, 1):
                return
            if self._store.replica.anew_wanted:
                return
            self._stand(self.status.state, self.status.reason)
            release = departures.next_release(reader, now)
            soon = LOOK if release is None else min(LOOK, (release - now) / 1000)
            self._wake.wait(min(soon, left))


__all__ = ["Refused", "Sync", "SyncState", "SyncStatus"]
