"""What the user does and what teammates do: told now and then, never kept."""

from __future__ import annotations

import logging
import threading

from ismsg_tui.domain.wire import Presence, PresenceNote
from ismsg_tui.sync.authority import Authority, ClientError, OnPresence, SignedOutError, UnreachableError
from ismsg_tui.sync.exchange import tell

log = logging.getLogger(__name__)

AGAIN = 30.0
"""Seconds after which the same is told once more: who falls silent counts as gone."""
BETWEEN = 1.0
"""Seconds between two tellings, at least: of what changes in between only the last is told."""


class Announcer:
    """Tells the authority what the user does, on a thread of its own, while it can be reached."""

    def __init__(self, authority: Authority, on_presence: OnPresence) -> None:
        self._authority = authority
        self._on_presence = on_presence
        self._note: PresenceNote | None = None
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._online = False
        self.presence: tuple[Presence, ...] = ()
        """What is known of the teammates; nothing while the authority can't be reached."""
        self._thread = threading.Thread(target=self._run, name="presence", daemon=True)

    def start(self) -> None:
        """Begin, on a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """End; a telling under way may take its time."""
        self._stopped.set()
        self._wake.set()

    def announce(self, note: PresenceNote) -> None:
        """Tell this soon, and again and again; never waits."""
        if note != self._note:
            self._note = note
            self._wake.set()

    def set_online(self, online: bool) -> None:
        """Whether the authority can be reached."""
        if online == self._online:
            return
        self._online = online
        if online:
            self._wake.set()
        else:
            self.heard(())

    def heard(self, presence: tuple[Presence, ...]) -> None:
        """The authority has told what the teammates do."""
        if presence != self.presence:
            self.presence = presence
            tell(self._on_presence, presence)

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._wake.wait(AGAIN)
            self._wake.clear()
            if self._online and self._note is not None and not self._stopped.is_set():
                self._tell(self._note)
                self._stopped.wait(BETWEEN)

    def _tell(self, note: PresenceNote) -> None:
        try:
            self._authority.announce(note)
        except (UnreachableError, SignedOutError, ClientError):
            pass  # the synchronising meets the same and says so
        except Exception:
            log.exception("telling what the user does failed")
