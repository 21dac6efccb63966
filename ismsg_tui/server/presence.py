"""Who of the team is there, what they look at and whether they type: in memory, forgotten when nobody repeats it."""

from __future__ import annotations

import time
from collections.abc import Callable

from msgspec import Struct

from ismsg_tui.domain.wire import Availability, Presence, PresenceNote

LIFE = 60.0
"""Seconds for which a note is believed."""


class _Kept(Struct, frozen=True):
    user_id: str
    note: PresenceNote
    until: float


class PresenceBoard:
    """The notes of every device, by workspace. Used on the event loop alone."""

    def __init__(self, life: float = LIFE, clock: Callable[[], float] = time.monotonic) -> None:
        self._life = life
        self._clock = clock
        self._notes: dict[str, dict[str, _Kept]] = {}
        self._left: dict[str, float] = {}
        """Devices that have signed out, and until when a note of theirs may still come by another way."""

    def note(self, workspace_id: str, device_id: str, user_id: str, note: PresenceNote) -> bool:
        """Keep what a device says of its user; whether that is news to the others. One that has left says nothing."""
        if device_id in self._left:
            return False
        notes = self._notes.setdefault(workspace_id, {})
        before = self.of(workspace_id)
        notes.pop(device_id, None)  # the newest note stands last
        notes[device_id] = _Kept(user_id, note, self._clock() + self._life)
        return before != self.of(workspace_id)

    def leave(self, device_id: str) -> list[str]:
        """Forget a device for good; the workspaces in which that is news."""
        self._left[device_id] = self._clock() + self._life
        return [workspace_id for workspace_id, notes in self._notes.items() if notes.pop(device_id, None)]

    def of(self, workspace_id: str) -> list[Presence]:
        """What is known of everybody, by user id: of several devices the one in use that spoke last."""
        now = self._clock()
        newest: dict[str, PresenceNote] = {}
        for kept in self._notes.get(workspace_id, {}).values():
            if kept.until <= now:
                continue
            known = newest.get(kept.user_id)
            if known is None or kept.note.state is not Availability.AWAY or known.state is Availability.AWAY:
                newest[kept.user_id] = kept.note
        return [Presence(user_id, note.state, note.viewing, note.typing) for user_id, note in sorted(newest.items())]

    def forget_old(self) -> list[str]:
        """Drop the notes that nobody has repeated in time; the workspaces they were in."""
        now = self._clock()
        self._left = {device_id: until for device_id, until in self._left.items() if until > now}
        changed = []
        for workspace_id, notes in list(self._notes.items()):
            old = [device_id for device_id, kept in notes.items() if kept.until <= now]
            for device_id in old:
                del notes[device_id]
            if old:
                changed.append(workspace_id)
            if not notes:
                del self._notes[workspace_id]
        return changed
