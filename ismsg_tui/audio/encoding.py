"""Making a file to send out of a take, in a format that the channel takes."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
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
    progress: Callable[[float], None] = lambda share: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Encoded | None:
    """Write a take to `path`, which appears once it is whole; for a thread of its own. None if it was cancelled.

    `progress` is told the share done, 0 to 1. Raises AudioError; the take stays in any case.
    """
    unfinished = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not _write(take, form.value, unfinished, progress, cancelled):
            return None
        waveform = peaks(take)
        with unfinished.open("rb+") as file:
            os.fsync(file.fileno())
        unfinished.replace(path)
    except (OSError, RuntimeError) as error:
        raise AudioError(_why(error, path)) from error
    finally:
        unfinished.unlink(missing_ok=True)
    return Encoded(path, form.mime, take.seconds, path.stat().st_size, waveform)


def _write(
    take: Take, codec: _Codec, path: Path, progress: Callable[[float], None], cancelled: Callable[[], bool]
) -> bool:
    rate = take.rate if take.rate in codec.rates else RATE
    whole = max(1, take.frames)
    with (
        open_sound(take) as source,
        sound_file().SoundFile(
            path, "w", rate, 1, codec.codec, format=codec.container, compression_level=codec.compression
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
    return (
        f"The recording can't be written as {path.suffix} ({error}). It is kept: try again, or send it as another file."
    )
