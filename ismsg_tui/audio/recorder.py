"""Recording: samples go from the microphone through a queue to the disk, and the clock is the number of samples."""

from __future__ import annotations

import errno
import logging
import math
import threading
import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, StrEnum
from pathlib import Path
from queue import Empty, SimpleQueue

from ismsg_tui.audio.ports import FRAME, AudioError, Microphone, Stream
from ismsg_tui.audio.take import Spool, Take

log = logging.getLogger(__name__)

LIMIT = 300.0
"""Seconds of the longest take; at the end it is kept."""
WARN_AT = 270.0
"""Seconds after which the agent is told that the end is near."""
START_PATIENCE = 10.0
"""Seconds until the first sample; sound servers take up to two."""
PATIENCE = 3.0
"""Seconds between two samples, after which the microphone counts as gone."""
FLOOR_DB = -60.0
"""What the meter shows as nothing, in decibels below the loudest."""


class RecorderState(StrEnum):
    """How far a recording is."""

    STARTING = "starting"
    """The microphone is being opened; nothing is heard yet."""
    RECORDING = "recording"
    STOPPED = "stopped"
    """Over, by wish, by the limit or by an error."""


@dataclass(frozen=True)
class Progress:
    """A recording at a moment."""

    state: RecorderState = RecorderState.STARTING
    seconds: float = 0.0
    """Length of what is on disk."""
    level: float = 0.0
    """Loudness now, 0 to 1, even steps of decibels."""
    overflows: int = 0
    """How often the device lost samples because nobody fetched them in time."""
    warning: bool = False
    """The end is near."""
    silent: bool = True
    """Every sample so far was exactly zero: the microphone is muted or not permitted."""
    error: AudioError | None = None
    """Why it stopped, if something went wrong; what was recorded until then is kept."""


class _Signal(Enum):
    STOP = 1
    """The agent has had enough."""
    ENDED = 2
    """The device has stopped by itself."""


_Heard = tuple[bytes, bool]


class Recorder:
    """Records one take into a folder: start, perhaps stop, and the take is there; a recorder is used once.

    `on_change` is told about twenty times a second and once at the end, on the recorder's own thread.
    """

    def __init__(
        self,
        folder: Path,
        microphone: Microphone,
        *,
        limit: float = LIMIT,
        warn_at: float = WARN_AT,
        on_change: Callable[[Progress], None] | None = None,
    ) -> None:
        self._folder = folder
        self._microphone = microphone
        self._limit = limit
        self._warn_at = warn_at
        self._on_change = on_change
        self._queue: SimpleQueue[_Heard | _Signal] = SimpleQueue()
        self._progress = Progress()
        self._spool: Spool | None = None
        self._tag = ""
        # Ctrl-C within Thread.join lets Python 3.11 take the thread for ended; an event has no such fault.
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ismsg-recorder", daemon=True)

    @property
    def progress(self) -> Progress:
        """How it goes; safe to ask from any thread."""
        return self._progress

    @property
    def take(self) -> Take | None:
        """The take once the recording is over; None while it goes on, or if no sample ever came."""
        over = self._progress.state is RecorderState.STOPPED
        return self._spool.take if over and self._spool is not None else None

    def start(self, tag: str = "") -> None:
        """Begin; returns at once, what goes wrong is told by the progress. `tag` is kept with the take."""
        self._tag = tag
        self._thread.start()

    def stop(self) -> None:
        """End after what is already in the air; returns at once."""
        self._queue.put(_Signal.STOP)

    def wait(self, timeout: float | None = None) -> Take | None:
        """Wait until it is over; returns the take, if there is one."""
        self._is_over.wait(timeout)
        return self.take

    # The device's thread

    def _deliver(self, samples: bytes, overflowed: bool) -> None:
        self._queue.put((samples, overflowed))

    def _ended(self) -> None:
        self._queue.put(_Signal.ENDED)

    # The recorder's thread

    def _run(self) -> None:
        try:
            self._record()
        finally:
            self._is_over.set()

    def _record(self) -> None:
        error: AudioError | None = None
        stream: Stream | None = None
        try:
            stream = self._microphone.open(self._deliver, self._ended)
            stream.start()
            self._listen(stream)
        except AudioError as failure:
            error = failure
        except OSError as failure:
            error = self._not_kept(failure)
        except Exception:
            log.exception("recording stopped")
            error = AudioError("Recording stopped because of a fault of ismsg; what was recorded is kept.")
        finally:
            if stream is not None:
                stream.close()
        if error is None and stream is not None:
            error = self._drain(stream)
        error = self._close_spool() or error
        seconds = self._spool.frames / self._spool.take.rate if self._spool is not None else 0.0
        self._tell(state=RecorderState.STOPPED, seconds=seconds, level=0.0, error=error)

    def _listen(self, stream: Stream) -> None:
        """Take in samples until it is enough."""
        stop_at: float | None = None
        while True:
            patience = START_PATIENCE if self._spool is None else PATIENCE
            if stop_at is not None:
                patience = max(0.0, stop_at - time.monotonic())
            try:
                item = self._queue.get(timeout=patience)
            except Empty:
                if stop_at is not None:
                    return
                raise AudioError(_NOTHING_HEARD if self._spool is None else _GONE) from None
            if item is _Signal.STOP:
                if self._spool is None:
                    return
                # The last word is still on its way through the device.
                stop_at = stop_at or time.monotonic() + stream.latency
            elif item is _Signal.ENDED:
                raise AudioError(_GONE if self._spool is not None else _NOTHING_HEARD)
            elif self._take_in(item, stream.rate):
                return

    def _drain(self, stream: Stream) -> AudioError | None:
        """Take in what came until the device was closed."""
        try:
            while self._spool is not None:
                item = self._queue.get_nowait()
                if isinstance(item, tuple) and self._take_in(item, stream.rate):
                    break
        except Empty:
            pass
        except OSError as failure:
            return self._not_kept(failure)
        return None

    def _take_in(self, item: _Heard, rate: int) -> bool:
        """Keep samples; says whether the limit is reached."""
        samples, overflowed = item
        if self._spool is None:
            self._spool = Spool(self._folder, rate, self._tag)
        room = round(self._limit * rate) - self._spool.frames
        self._spool.write(samples[: room * FRAME])
        seconds = self._spool.frames / rate
        level = loudness(samples)
        self._tell(
            state=RecorderState.RECORDING,
            seconds=seconds,
            level=level,
            overflows=self._progress.overflows + overflowed,
            warning=seconds >= self._warn_at,
            silent=self._progress.silent and not any(samples),
        )
        return len(samples) >= room * FRAME

    def _close_spool(self) -> AudioError | None:
        if self._spool is None:
            return None
        try:
            self._spool.close()
        except OSError as failure:
            return self._not_kept(failure)
        return None

    def _not_kept(self, failure: OSError) -> AudioError:
        kept = "what was recorded until then is kept" if self._spool is not None else "nothing was recorded"
        if failure.errno in _FULL:
            return AudioError(f"The disk is full; {kept}. Make room on the disk of {self._folder}, then go on.")
        return AudioError(
            f"The recording can't be written ({failure.strerror}); {kept}. "
            f"Check that ismsg may write to {self._folder}."
        )

    def _tell(self, **changes: object) -> None:
        self._progress = replace(self._progress, **changes)  # type: ignore[arg-type]
        if self._on_change is not None:
            try:
                self._on_change(self._progress)
            except Exception:
                # A listener that fails must not cost the agent the take.
                log.exception("a listener of the recorder failed")


def loudness(samples: bytes) -> float:
    """The loudest of these samples, 0 to 1 in even steps of decibels."""
    values = array("h", samples)
    loudest = max(max(values, default=0), -min(values, default=0))
    if loudest == 0:
        return 0.0
    return max(0.0, 1.0 - 20.0 * math.log10(loudest / 32768.0) / FLOOR_DB)


_NOTHING_HEARD = (
    "The microphone delivers no sound: check that it is plugged in and chosen in the system's sound settings, "
    "then record again."
)
_GONE = "The microphone has stopped: it was unplugged or its sound server ended. What was recorded until then is kept."
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
