"""Telling an agent who looks elsewhere that somebody wrote: bell, the terminal's own notification, and its title."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ismsg_tui.desktop.clipboard import wrapped
from ismsg_tui.domain.entities import MessageKind
from ismsg_tui.domain.text import one_line
from ismsg_tui.inbox import Inbox
from ismsg_tui.store.arrivals import arrivals, last_arrival

BURST = 10_000
"""After a notification, what comes within this many milliseconds is told in one more."""
NAME_LIMIT = 40

_BELL = "\a"
_BY_OSC_777 = ("wezterm", "ghostty", "foot", "rxvt")
"""Terminals that know `OSC 777 ; notify`; the others get `OSC 9`, so that none tells a thing twice."""


class Notifier:
    """Decides what is worth a notification; `write` sends a sequence to the terminal."""

    def __init__(self, inbox: Inbox, write: Callable[[str], None], env: Mapping[str, str], now: int) -> None:
        self._inbox = inbox
        self._write = write
        self._env = env
        self.enabled = True
        self.focused = True
        self._told: dict[str, int] = {}
        self._since = now
        self._waiting: list[str] = []
        self._last_told = 0
        self._titled: int | None = None
        self._heard = last_arrival(inbox.store.reader)
        """The place of the newest message that was looked at."""

    def changed(self, contact_ids: frozenset[str] | None, now: int) -> None:
        """Look at contacts that changed; what is new to an agent who looks elsewhere is told, one for a burst.

        None where another process has written: then those are looked at who have written since.
        """
        if self.enabled and not self.focused:
            reader = self._inbox.store.reader
            if contact_ids is None:
                contact_ids = frozenset(arrival.contact_id for arrival in arrivals(reader, self._heard))
            self._heard = last_arrival(reader)
            for row in self._inbox.contacts.rows(sorted(contact_ids)).values():
                mine = row.assignee_id in (None, self._inbox.user_id)
                new = row.last_kind is MessageKind.INCOMING and row.last_at > self._told.get(
                    row.contact_id, self._since
                )
                if mine and new and row.unread:
                    self._told[row.contact_id] = row.last_at
                    if row.name not in self._waiting:
                        self._waiting.append(row.name)
        self.tell(now)

    def tell(self, now: int) -> None:
        """Tell what waits, unless something was told a moment ago."""
        if not self._waiting or now - self._last_told < BURST:
            return
        names, self._waiting, self._last_told = self._waiting, [], now
        first = one_line(names[0], NAME_LIMIT)
        words = f"{first} wrote" if len(names) == 1 else f"{first} and {len(names) - 1} more wrote"
        self._write(_BELL + notification(words, self._env))

    def looked(self, now: int) -> None:
        """The agent looks at the terminal again: what came meanwhile is seen."""
        self.focused = True
        self._since = now
        self._heard = last_arrival(self._inbox.store.reader)
        self._waiting.clear()
        self._told.clear()

    def start(self) -> None:
        """Have the terminal remember its title."""
        self._write("\x1b[22;2t")

    def stop(self) -> None:
        """Give the terminal its own title back."""
        self._write("\x1b[23;2t")

    def title(self, waiting: int) -> None:
        """Put the number of waiting customers into the terminal's title."""
        if waiting != self._titled:
            self._titled = waiting
            self._write(f"\x1b]2;{f'({waiting}) ' if waiting else ''}ismsg\x1b\\")


def notification(words: str, env: Mapping[str, str]) -> str:
    """The sequence by which the terminal that `env` speaks of shows a notification."""
    terminal = f"{env.get('TERM_PROGRAM', '')} {env.get('TERM', '')}".casefold()
    text = one_line(words, 200).replace(";", ",")
    known = any(name in terminal for name in _BY_OSC_777)
    sequence = f"\x1b]777;notify;ismsg;{text}\x1b\\" if known else f"\x1b]9;{text}\x1b\\"
    return wrapped(sequence, env)
