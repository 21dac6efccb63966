"""Playback of takes and of notes that came in: play, pause, seek, speed, position."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from ismsg_tui.audio.ports import FRAME, AudioError, Speaker, Stream
from ismsg_tui.audio.sounds import as_bytes, blocks, length, open_sound, resampled
from ismsg_tui.audio.take import Take
from ismsg_tui.audio.tempo import speeds, stretched

if TYPE_CHECKING:
    from ismsg_tui.audio.sounds import Samples

log = logging.getLogger(__name__)

AHEAD = 0.4
"""Seconds of sound made ready in advance."""
TICK = 0.05
"""Seconds between two looks at the position."""
PATIENCE = 5.0
"""Seconds without progress after which the speaker counts as gone; sound servers may take two to begin."""


_FAULT = "Playing stopped because of a fault of ismsg."


class PlayerState(StrEnum):
    """What the player does."""

    STOPPED = "stopped"
    STARTING = "starting"
    """Nothing is heard yet."""
    PLAYING = "playing"
    PAUSED = "paused"


@dataclass(frozen=True)
class Playback:
    """The player at a moment."""

    state: PlayerState = PlayerState.STOPPED
    sound: Path | Take | None = None
    seconds: float = 0.0
    """The position in the sound; after its end its whole length."""
    duration: float = 0.0
    """Seconds of the whole sound, 0 while it is not known."""
    speed: float = 1.0
    error: AudioError | None = None
    """Why it stopped, if something went wrong."""


class Player:
    """Plays one sound at a time; every method returns at once.

    `on_change` is told about twenty times a second while something is played, on a thread of the player or of whoever
    called, and must only pass the news on: it may wait for no other thread.
    """

    def __init__(self, speaker: Speaker, *, on_change: Callable[[Playback], None] | None = None) -> None:
        self._speaker = speaker
        self._on_change = on_change
        self._lock = threading.RLock()
        self._playback = Playback()
        self._run: _Run | None = None

    @property
    def playback(self) -> Playback:
        """What is played and where it stands; safe to ask from any thread."""
        return self._playback

    @property
    def is_busy(self) -> bool:
        """Whether something is heard or about to be."""
        return self._playback.state in (PlayerState.STARTING, PlayerState.PLAYING)

    def play(self, sound: Path | Take, *, at: float = 0.0) -> None:
        """Play a sound from a position in seconds, instead of what is played now."""
        with self._lock:
            if sound != self._playback.sound:
                self._playback = Playback(sound=sound, speed=self._playback.speed)
            self._begin(sound, max(0.0, at))

    def pause(self) -> None:
        """Hold where it is."""
        with self._lock:
            if self._end_run():
                self._tell(state=PlayerState.PAUSED)

    def resume(self) -> None:
        """Go on after a pause."""
        with self._lock:
            if self._playback.state is PlayerState.PAUSED and self._playback.sound is not None:
                self._begin(self._playback.sound, self._playback.seconds)

    def seek(self, seconds: float) -> None:
        """Go to a position; what was playing plays on from there."""
        with self._lock:
            if self._playback.sound is None:
                return
            seconds = max(0.0, min(seconds, self._playback.duration or seconds))
            if self.is_busy:
                self._begin(self._playback.sound, seconds)
            else:
                self._tell(state=PlayerState.PAUSED, seconds=seconds)

    def set_speed(self, speed: float) -> None:
        """Play faster from here on, and what is played later too. Raises ValueError for a speed not on offer."""
        if speed not in speeds():
            raise ValueError(f"sound can be played at {', '.join(f'{known:g}' for known in speeds())} times its speed")
        with self._lock:
            if self.is_busy and self._playback.sound is not None:
                self._begin(self._playback.sound, self._playback.seconds, speed)
            else:
                self._tell(speed=speed)

    def stop(self) -> None:
        """Fall silent and go back to the beginning."""
        with self._lock:
            self._end_run()
            self._tell(state=PlayerState.STOPPED, seconds=0.0)

    def wait(self, timeout: float | None = None) -> Playback:
        """Wait until the sound that plays now has ended, was paused or stopped."""
        run = self._run
        if run is not None:
            run.has_ended.wait(timeout)
        return self._playback

    def _begin(self, sound: Path | Take, at: float, speed: float | None = None) -> None:
        before = self._run
        self._end_run()
        self._tell(state=PlayerState.STARTING, seconds=at, error=None, speed=speed or self._playback.speed)
        self._run = _Run(self._speaker, sound, at, self._playback.speed, self._on_news, before)
        self._run.start()

    def _end_run(self) -> bool:
        """Tell the run to end; says whether there was one."""
        if self._run is None or self._run.is_over.is_set():
            return False
        self._run.is_over.set()
        return True

    def _on_news(self, run: _Run, **changes: object) -> None:
        """News of a run, unless another has taken its place or it was told to end."""
        with self._lock:
            if run is self._run and not run.is_over.is_set():
                if changes.get("state") is PlayerState.STOPPED:
                    run.is_over.set()
                self._tell(**changes)

    def _tell(self, **changes: object) -> None:
        self._playback = replace(self._playback, **changes)  # type: ignore[arg-type]
        if self._on_change is not None:
            try:
                self._on_change(self._playback)
            except Exception:
                log.exception("a listener of the player failed")


class _Run(threading.Thread):
    """One stretch of playing, from a position to the end or to `is_over`."""

    def __init__(
        self,
        speaker: Speaker,
        sound: Path | Take,
        at: float,
        speed: float,
        tell: Callable[..., None],
        before: _Run | None,
    ) -> None:
        super().__init__(name="ismsg-player", daemon=True)
        self.is_over = threading.Event()
        """Somebody wants it to end, or it has come to its end."""
        self.has_ended = threading.Event()
        """The device is free again."""
        self._speaker = speaker
        self._sound = sound
        self._at = at
        self._speed = speed
        self._tell = tell
        self._before = before
        self._ready: deque[bytes] = deque()
        self._queued = 0
        self._heard = 0
        self._ended = False

    def run(self) -> None:
        """Play; what goes wrong is told."""
        if self._before is not None:
            # The device can be had once only.
            self._before.has_ended.wait()
            self._before = None
        try:
            if not self.is_over.is_set():
                self._play()
        except AudioError as error:
            self._tell(self, state=PlayerState.STOPPED, error=error)
        except Exception:
            log.exception("playing stopped")
            self._tell(self, state=PlayerState.STOPPED, error=AudioError(_FAULT))
        finally:
            self.has_ended.set()

    def _play(self) -> None:
        with open_sound(self._sound) as file:
            duration = length(file)
            rate: int = file.samplerate
            file.seek(min(round(self._at * rate), file.frames))
            self._tell(self, duration=duration)
            stream = self._speaker.open(rate, self._fill, self._end)
            try:
                self._feed(resampled(stretched(blocks(file), rate, self._speed), rate, stream.rate), stream)
                self._finish(stream)
            finally:
                stream.close()
        if not self.is_over.is_set():
            self._tell(self, state=PlayerState.STOPPED, seconds=max(duration, self._position(stream)))

    def _feed(self, sound: Iterator[Samples], stream: Stream) -> None:
        """Keep the device supplied until everything is handed over; it begins when there is enough for its start."""
        is_started = False
        for block in sound:
            data = as_bytes(block)
            self._ready.append(data)
            self._queued += len(data) // FRAME
            while self._queued - self._heard > AHEAD * stream.rate:
                if not is_started:
                    stream.start()
                    is_started = True
                if self._rest(stream):
                    return
        if not is_started:
            stream.start()

    def _finish(self, stream: Stream) -> None:
        """Wait until everything was taken by the device and has left it."""
        while self._heard < self._queued:
            if self._rest(stream):
                return
        self.is_over.wait(stream.latency)

    def _rest(self, stream: Stream) -> bool:
        """Wait a little and say where it stands; returns whether it is over. Raises AudioError without a device."""
        heard = self._heard
        for _ in range(round(PATIENCE / TICK)):
            if self.is_over.wait(TICK):
                return True
            if self._ended:
                raise AudioError("The speaker has stopped: it was unplugged or its sound server ended. Play again.")
            if self._heard > heard:
                self._tell(self, state=PlayerState.PLAYING, seconds=self._position(stream))
                return False
        raise AudioError("The speaker takes no sound: check the system's sound settings, then play again.")

    def _position(self, stream: Stream) -> float:
        left_the_device = max(0.0, self._heard / stream.rate - stream.latency)
        return self._at + left_the_device * self._speed

    # The device's thread

    def _fill(self, frames: int) -> bytes:
        """The next samples; fewer than asked for if they are not ready."""
        wanted = frames * FRAME
        pieces: list[bytes] = []
        while wanted and self._ready:
            piece = self._ready.popleft()
            if len(piece) > wanted:
                self._ready.appendleft(piece[wanted:])
                piece = piece[:wanted]
            pieces.append(piece)
            wanted -= len(piece)
        sound = b"".join(pieces)
        self._heard += len(sound) // FRAME
        return sound

    def _end(self) -> None:
        self._ended = True
