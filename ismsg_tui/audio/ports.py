"""What recording and playback ask of a sound device, and the one error that they raise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

RATE = 48_000
"""Samples a second that a voice note is recorded with, if the device can."""
FRAME = 2
"""Bytes of a sample: 16 bits, little-endian, one channel."""

Deliver = Callable[[bytes, bool], None]
"""Takes samples, and whether samples were lost before them."""


class AudioError(Exception):
    """Sound can't be recorded, kept or played. Its text is a sentence for the agent: what is wrong, what to do."""


class UnknownSoundError(AudioError):
    """A file is no sound, or in a format that can't be read."""


class Stream(Protocol):
    """A device that is ours from its opening until it is closed."""

    @property
    def rate(self) -> int:
        """Samples a second; may differ from what was asked for."""

    @property
    def latency(self) -> float:
        """Seconds between the air and the program."""

    def start(self) -> None:
        """Begin; nothing is called back before. Raises AudioError."""

    def close(self) -> None:
        """Stop at once; nothing is called back afterwards. Closing twice does no harm."""


class Microphone(Protocol):
    """Something that hears."""

    def open(self, deliver: Deliver, ended: Callable[[], None]) -> Stream:
        """Prepare to hear; samples will arrive on a thread of the device, which must not be kept waiting.

        `ended` is called once if the device stops by itself. Raises AudioError.
        """


class Speaker(Protocol):
    """Something that is heard."""

    def open(self, rate: int, fill: Callable[[int], bytes], ended: Callable[[], None]) -> Stream:
        """Prepare to play what `fill` returns for a number of frames; what it returns too little is silence.

        `fill` is called on a thread of the device, which must not be kept waiting; `ended` is called once if the device
        stops by itself. Raises AudioError.
        """
