"""A microphone and a speaker without a device, and sounds to give them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from ismsg_tui.audio.ports import FRAME, RATE, AudioError, Deliver
from ismsg_tui.audio.take import Take
from tests.waiting import until

Samples = NDArray[np.int16]


class FakeStream:
    """An open device; remembers whether it was closed."""

    def __init__(self, rate: int, latency: float = 0.0) -> None:
        self.rate = rate
        self.latency = latency
        self.is_closed = False
        self.begin: Callable[[], None] = lambda: None

    def start(self) -> None:
        self.begin()

    def close(self) -> None:
        self.is_closed = True


class FakeMicrophone:
    """Delivers the given blocks at once, as `hear` does later ones; fails if told to."""

    def __init__(
        self, *blocks: bytes, rate: int = RATE, lost: int = 0, ends: bool = False, error: AudioError | None = None
    ) -> None:
        self.blocks = blocks
        self.lost = lost
        self.ends = ends
        self.error = error
        self.stream = FakeStream(rate)
        self.is_open = threading.Event()
        self.hear: Deliver = lambda samples, lost: None
        self.end: Callable[[], None] = lambda: None

    def open(self, deliver: Deliver, ended: Callable[[], None]) -> FakeStream:
        if self.error is not None:
            raise self.error
        self.hear, self.end = deliver, ended
        self.stream.begin = self._begin
        return self.stream

    def _begin(self) -> None:
        for n, block in enumerate(self.blocks):
            self.hear(block, n < self.lost)
        if self.ends:
            self.end()
        self.is_open.set()


class FakeSpeaker:
    """Takes samples when the test drinks them; `streams` are those that began."""

    def __init__(self, rate: int | None = None, error: AudioError | None = None) -> None:
        self.rate = rate
        self.error = error
        self.fill: Callable[[int], bytes] = lambda frames: b""
        self.end: Callable[[], None] = lambda: None
        self.streams: list[FakeStream] = []

    def open(self, rate: int, fill: Callable[[int], bytes], ended: Callable[[], None]) -> FakeStream:
        if self.error is not None:
            raise self.error
        stream = FakeStream(self.rate or rate)

        def begin() -> None:
            self.fill, self.end = fill, ended
            self.streams.append(stream)

        stream.begin = begin
        return stream

    def drink(self, frames: int) -> Samples:
        """The next `frames` samples, as soon as they are ready."""
        heard = b""

        def enough() -> bool:
            nonlocal heard
            heard += self.fill(frames - len(heard) // FRAME)
            return len(heard) == frames * FRAME

        until(enough)
        return np.frombuffer(heard, "<i2")

    def drink_while(self, goes_on: Callable[[], bool]) -> Samples:
        """All samples until nobody brings more."""
        heard: list[bytes] = []

        def over() -> bool:
            heard.append(self.fill(RATE // 20))
            return not goes_on()

        until(over)
        return np.frombuffer(b"".join(heard), "<i2")


def tone(hertz: float, seconds: float, rate: int = RATE, height: int = 10_000) -> Samples:
    """A pure tone."""
    moments = np.arange(round(seconds * rate)) / rate
    return np.asarray(np.rint(height * np.sin(2 * np.pi * hertz * moments)), np.int16)


def speech(seconds: float, rate: int = RATE) -> Samples:
    """Something like a voice: a pitch that moves, its harmonics, breath, and syllables that never fall silent."""
    noise = np.random.default_rng(5)
    moments = np.arange(round(seconds * rate)) / rate
    phase = 2 * np.pi * 130 * moments + 4 * np.sin(2 * np.pi * 0.7 * moments)
    voice = sum(np.sin(n * phase) / n for n in range(1, 12)) + 0.05 * noise.normal(size=len(moments))
    syllables = 0.6 + 0.4 * np.sin(2 * np.pi * 3.1 * moments)
    return np.asarray(np.rint(5_000 * voice * syllables), np.int16)


def silence(seconds: float, rate: int = RATE) -> Samples:
    """Nothing at all."""
    return np.zeros(round(seconds * rate), np.int16)


def pitch(samples: NDArray[np.int16] | NDArray[np.float32], rate: int) -> float:
    """The loudest frequency in Hertz."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum)) * rate / len(samples)


def loudness_per(milliseconds: int, samples: NDArray[np.int16], rate: int) -> NDArray[np.float64]:
    """The root mean square of each stretch of so many milliseconds."""
    size = rate * milliseconds // 1000
    whole = samples[: len(samples) // size * size].astype(np.float64).reshape(-1, size)
    return np.asarray(np.sqrt((whole**2).mean(axis=1)), np.float64)


def a_take(folder: Path, samples: Samples, rate: int = RATE) -> Take:
    """A take that has just been recorded."""
    path = folder / "take.pcm"
    path.write_bytes(samples.tobytes())
    return Take(path, rate)


def a_file(path: Path, samples: Samples, rate: int = RATE, codec: str | None = None) -> Path:
    """A sound file in the format that its name says."""
    with soundfile.SoundFile(path, "w", rate, 1, codec) as file:
        for start in range(0, len(samples), 4096):
            file.write(samples[start : start + 4096])
    return path
