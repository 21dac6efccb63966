"""Making a file to send out of a take, in a format that the channel takes."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from io import FileIO
from pathlib import Path

from ismsg_tui.audio.ports import RATE, AudioError
from ismsg_tui.audio.sounds import BLOCK, blocks, open_sound, peaks, resampled, sound_file
from ismsg_tui.audio.take import Take


@dataclass(frozen=True)
class _Codec:
    container: str
    codec: str
    mime: str
    suffix: str
    rates: tuple[int, ...]
    compression: float
    """0 to 1; chosen so that speech stays clear and five minutes stay between one and three megabytes."""


class SoundFormat(Enum):
    """What a take can be sent as."""

    VOICE = _Codec("OGG", "OPUS", "audio/ogg; codecs=opus", ".ogg", (8000, 12000, 16000, 24000, 48000), 0.9)
    """Ogg/Opus, for channels that know voice notes."""
    MP3 = _Codec("MP3", "MPEG_LAYER_III", "audio/mpeg", ".mp3", (16000, 22050, 24000, 32000, 44100, 48000), 0.7)
    """A file that everybody can play, for all others."""

    @property
    def mime(self) -> str:
        """The media type that a channel is told."""
        return self.value.mime

    @property
    def suffix(self) -> str:
        """The end of the file's name."""
        return self.value.suffix


@dataclass(frozen=True)
class Encoded:
    """A file that can be sent."""

    path: Path
    mime: str
    seconds: float
    size: int
    """Bytes."""
    peaks: list[int]
    """The waveform, 64 values 0 to 100."""


def encode(
    take: Take,
    form: SoundFormat,
    path: Path,
    *,
    progress: Callable[[float], None] = lambda _share: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Encoded | None:
    """Write a take to `path`, which appears once it is whole; for a thread of its own. None if it was cancelled.

    `progress` is told the share done, 0 to 1. Raises AudioError; the take stays in any case.
    """
    waveform = peaks(take)
    unfinished = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with unfinished.open("wb", buffering=0) as file:
            if not _write(take, form.value, _Disk(file), progress, cancelled):
                return None
            os.fsync(file.fileno())
        unfinished.replace(path)
    except (OSError, RuntimeError) as error:
        raise AudioError(_why(error, path)) from error
    finally:
        unfinished.unlink(missing_ok=True)
    return Encoded(path, form.mime, take.seconds, path.stat().st_size, waveform)


class _Disk:
    """A file for libsndfile to write to, which by itself says nothing of the last blocks that don't fit on a disk."""

    def __init__(self, file: FileIO) -> None:
        self._file = file
        self.seek, self.tell, self.read = file.seek, file.tell, file.read
        self.error: OSError | None = None

    def write(self, data: bytes) -> int:
        """Write everything, or remember why not: no exception gets through libsndfile."""
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            self.error = self.error or error
        return len(data) - len(rest)


def _write(
    take: Take, codec: _Codec, disk: _Disk, progress: Callable[[float], None], cancelled: Callable[[], bool]
) -> bool:
    """Encode all of a take; returns whether it was allowed to finish. Raises OSError or libsndfile's RuntimeError."""
    try:
        return _convert(take, codec, disk, progress, cancelled)
    finally:
        if disk.error is not None:
            raise disk.error


def _convert(
    take: Take, codec: _Codec, disk: _Disk, progress: Callable[[float], None], cancelled: Callable[[], bool]
) -> bool:
    rate = take.rate if take.rate in codec.rates else RATE
    whole = max(1, take.frames)
    with (
        open_sound(take) as source,
        sound_file().SoundFile(
            disk, "w", rate, 1, codec.codec, format=codec.container, compression_level=codec.compression
        ) as target,
    ):
        for block in resampled(blocks(source), take.rate, rate):
            if cancelled():
                return False
            # A resampler may hand out more than it was given.
            for start in range(0, len(block), BLOCK):
                target.write(block[start : start + BLOCK])
            progress(source.tell() / whole)
    return True


def _why(error: OSError | RuntimeError, path: Path) -> str:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"The disk of {path.parent} is full: make room and send again. The recording is kept."
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return f"The recording can't be written to {path} ({reason}). It is kept: check the folder, then send again."
