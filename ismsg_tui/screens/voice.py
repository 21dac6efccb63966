"""Voice notes at the desk: one recording at a time, takes that wait for their contact, one sound that is played.

Nothing here knows of the screen. The methods return at once and belong on the interface's loop, but for those that say
that they may take long. What other threads bring about is noticed by `look`.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from ismsg_tui.audio.player import Player, PlayerState
from ismsg_tui.audio.ports import AudioError, Microphone, Speaker
from ismsg_tui.audio.recorder import LIMIT, WARN_AT, Progress, Recorder, RecorderState
from ismsg_tui.audio.sounds import peaks
from ismsg_tui.audio.take import Claim, Take, claim, kept_takes
from ismsg_tui.audio.tempo import speeds
from ismsg_tui.domain.entities import Attachment, Channel
from ismsg_tui.inbox import Inbox
from ismsg_tui.voice_notes import Way, make_attachment, was_sent, way_of

STEP = 5.0
"""Seconds that a key goes back or on."""
LAST_WORD = 2.0
"""Seconds that the end of the console waits for the end of a recording."""
METER = 200
"""How many of the last levels are kept for the meter."""


class Confirm(StrEnum):
    """What the next press of the same key does."""

    DELETE = "delete"
    AGAIN = "again"


@dataclass
class Sending:
    """How far a take is on its way into the store."""

    way: Way
    share: float = 0.0
    cancelled: threading.Event = field(default_factory=threading.Event)


@dataclass(eq=False)
class Waiting:
    """A take that waits to be sent or deleted, and is no other console's meanwhile."""

    take: Take
    claim: Claim
    seconds: float
    gaps: int = 0
    """How often the microphone's samples were lost while it was recorded; of one that was left nobody knows."""
    was_left: bool = False
    """Whether it is from an earlier console."""
    peaks: tuple[int, ...] | None = None
    """The waveform; None if nobody has looked for it yet."""
    sending: Sending | None = None

    def find_peaks(self) -> None:
        """Find the waveform; may take long."""
        try:
            self.peaks = tuple(peaks(self.take))
        except AudioError:
            self.peaks = ()


@dataclass
class Recording:
    """A recording under way."""

    contact_id: str
    name: str
    """The contact's."""
    recorder: Recorder
    levels: deque[int]
    instead_of: Waiting | None = None
    """The take that goes once this one is there."""
    dropped: bool = False
    """The agent does not want it."""


@dataclass(frozen=True)
class Note:
    """A sound of the conversation that is played."""

    contact_id: str
    title: str
    path: Path
    peaks: tuple[int, ...]


class News(NamedTuple):
    """What `look` has noticed."""

    ended_for: str | None = None
    """The contact whose recording has ended."""
    note_ended: bool = False
    """A sound of the conversation has come to its end."""
    errors: tuple[AudioError, ...] = ()


class Voice:
    """Recording and playing for the console."""

    def __init__(
        self, inbox: Inbox, microphone: Microphone, speaker: Speaker, *, limit: float = LIMIT, warn_at: float = WARN_AT
    ) -> None:
        self._inbox = inbox
        self._microphone = microphone
        self.limit, self._warn_at = limit, warn_at
        self.folder = inbox.store.path.parent / "takes"
        self.player = Player(speaker)
        self.recording: Recording | None = None
        self.note: Note | None = None
        self.confirm: Confirm | None = None
        self._waiting: list[Waiting] = []
        self._told: AudioError | None = None

    @cached_property
    def speeds(self) -> tuple[float, ...]:
        """The speeds on offer."""
        return speeds()

    @property
    def is_active(self) -> bool:
        """Whether something goes on that the bar shows as it goes."""
        sending = any(waiting.sending for waiting in self._waiting)
        return bool(self.recording or sending or self.note or self.player.is_busy)

    def find_kept(self) -> list[Waiting]:
        """The takes that an earlier console left and no other has claimed; may take long."""
        kept: list[Waiting] = []
        for take in kept_takes(self.folder):
            claimed = claim(take)
            if claimed is not None and was_sent(self._inbox, take):
                claimed.discard()
            elif claimed is not None:
                kept.append(Waiting(take, claimed, take.seconds, was_left=True))
        return kept

    def offer(self, kept: Sequence[Waiting]) -> None:
        """Offer takes that were left, each when its contact is looked at."""
        known = {waiting.take for waiting in self._waiting}
        self._waiting = [waiting for waiting in kept if waiting.take not in known] + self._waiting

    # Recording

    def start(self, contact_id: str, name: str, *, instead_of: Waiting | None = None) -> None:
        """Begin to record for a contact, perhaps instead of an earlier take; nothing is played meanwhile."""
        self.close_note()
        self.player.pause()
        levels: deque[int] = deque(maxlen=METER)

        def note(progress: Progress) -> None:
            if progress.state is RecorderState.RECORDING:
                # Even steps of decibels leave speech little room to move; their squares show it.
                levels.append(round(100 * progress.level**2))

        recorder = Recorder(self.folder, self._microphone, limit=self.limit, warn_at=self._warn_at, on_change=note)
        self.recording = Recording(contact_id, name, recorder, levels, instead_of)
        recorder.start(contact_id)

    def stop(self) -> None:
        """End the recording; `look` finds the take."""
        if self.recording is not None:
            self.recording.recorder.stop()

    def drop_recording(self) -> None:
        """End the recording and delete what was recorded."""
        if self.recording is not None:
            self.recording.dropped = True
            self.recording.recorder.stop()

    def look(self) -> News:
        """Notice what has ended or gone wrong since the last look."""
        errors: list[AudioError] = []
        ended_for = self._look_at_recording(errors)
        playback, note_ended = self.player.playback, False
        if playback.state is PlayerState.STOPPED:
            if playback.error is not None and playback.error is not self._told:
                errors.append(playback.error)
            self._told = playback.error
            if self.note is not None and playback.sound == self.note.path:
                self.note, note_ended = None, True
        return News(ended_for, note_ended, tuple(errors))

    def _look_at_recording(self, errors: list[AudioError]) -> str | None:
        recording = self.recording
        if recording is None or recording.recorder.progress.state is not RecorderState.STOPPED:
            return None
        self.recording = None
        take, error = recording.recorder.take, recording.recorder.progress.error
        if error is not None and not recording.dropped:
            errors.append(error)
        if take is not None and recording.instead_of is not None:
            self.forget(recording.instead_of)
            recording.instead_of.claim.discard()
        if take is not None and recording.dropped:
            take.discard()
        elif take is not None and (claimed := claim(take)) is not None:
            progress = recording.recorder.progress
            self._waiting.append(Waiting(take, claimed, progress.seconds, progress.overflows))
        return recording.contact_id

    # Takes

    def waiting_for(self, contact_id: str | None) -> Waiting | None:
        """The oldest take that waits for a contact; one whose contact is not known any more is anybody's."""
        if contact_id is None:
            return None
        return next((waiting for waiting in self._waiting if waiting.take.tag in (contact_id, "")), None)

    def forget(self, waiting: Waiting) -> None:
        """A take is decided on: it is shown no longer."""
        if self.player.playback.sound == waiting.take:
            self.player.stop()
        self._waiting = [other for other in self._waiting if other is not waiting]

    def begin_sending(self, waiting: Waiting, channel: Channel | None) -> Sending:
        """A take is to be sent."""
        self.player.pause()
        waiting.sending = Sending(way_of(channel))
        return waiting.sending

    def prepare(self, take: Take, sending: Sending) -> Attachment | None:
        """Make the file to send; may take long. None if it was cancelled. Raises AudioError, FileError."""

        def progress(share: float) -> None:
            sending.share = share

        return make_attachment(self._inbox, take, sending.way, progress=progress, cancelled=sending.cancelled.is_set)

    # Playing

    def play_note(self, note: Note) -> None:
        """Play a sound of the conversation from its beginning."""
        self.note = note
        self.player.play(note.path)

    def close_note(self) -> None:
        """Play the sound of the conversation no longer."""
        if self.note is not None:
            self.note = None
            self.player.stop()

    def hush(self, shown: Waiting | None) -> None:
        """Pause a take that is played while the bar shows another one or none."""
        sound = self.player.playback.sound
        if isinstance(sound, Take) and (shown is None or sound != shown.take) and self.player.is_busy:
            self.player.pause()

    def toggle(self, waiting: Waiting | None) -> None:
        """Play or pause what the bar shows: the note, else the take."""
        sound: Path | Take | None = self.note.path if self.note else waiting.take if waiting else None
        if sound is None:
            return
        if self.player.playback.sound != sound or self.player.playback.state is PlayerState.STOPPED:
            self.player.play(sound)
        elif self.player.is_busy:
            self.player.pause()
        else:
            self.player.resume()

    def seek(self, waiting: Waiting | None, *, by: float | None = None, share: float = 0.0) -> None:
        """Go some seconds on or back, or to a share of what the bar shows."""
        playback = self.player.playback
        if self.note is None and waiting is not None and playback.sound != waiting.take:
            # Nothing of it has been heard yet: it begins there.
            self.player.play(waiting.take, at=by if by is not None else share * waiting.seconds)
        elif self.note is not None or waiting is not None:
            self.player.seek(playback.seconds + by if by is not None else share * playback.duration)

    def next_speed(self) -> None:
        """Play at the next of the speeds."""
        known = self.speeds
        self.player.set_speed(known[(known.index(self.player.playback.speed) + 1) % len(known)])

    def close(self) -> None:
        """Fall silent; what is being recorded is kept. Waits a moment for its last word."""
        self.player.stop()
        if self.recording is not None:
            self.recording.recorder.stop()
            self.recording.recorder.wait(LAST_WORD)
        for waiting in self._waiting:
            waiting.claim.release()
