"""Reading sound files and takes: samples in blocks, length, the peaks that a waveform is drawn from."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, TypeAlias

from ismsg_tui.audio.ports import AudioError, UnknownSoundError
from ismsg_tui.audio.take import Take
from ismsg_tui.domain.text import one_line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from soundfile import SoundFile

    Samples: TypeAlias = NDArray[np.float32]

BLOCK = 4096
"""Frames read or written at a time; libsndfile can crash on minutes of Ogg at once."""
PEAKS = 64
"""Values of a waveform."""
LONGEST_NAME = 80
"""Characters of a file's name in a sentence."""
LONGEST = 24 * 3600
"""Seconds beyond which a file's own word about its length is not believed."""


def sound_file() -> ModuleType:
    """Libsndfile's Python side, loaded when first asked for. Raises AudioError if it can't be."""
    try:
        soundfile = import_module("soundfile")
    except (ImportError, OSError) as error:
        raise AudioError("Sound files need the Python package soundfile: install ismsg anew.") from error
    return soundfile


def open_sound(sound: Path | Take) -> SoundFile:
    """A take, or a file in any format that libsndfile reads (Ogg/Opus, MP3, WAV, FLAC). Raises AudioError."""
    library = sound_file()
    path = sound.path if isinstance(sound, Take) else sound
    name = _named(path)
    try:
        if isinstance(sound, Take):
            return library.SoundFile(
                path, samplerate=sound.rate, channels=1, format="RAW", subtype="PCM_16", endian="LITTLE"
            )
        return library.SoundFile(path)
    except (OSError, RuntimeError, TypeError) as error:
        if not path.is_file():
            raise AudioError(f"{name} is not there: was it moved or renamed?") from error
        raise UnknownSoundError(
            f"{name} is in a format that ismsg can't play: open it with another program."
        ) from error


def _named(path: Path) -> str:
    """What a sentence calls a sound; a file of the store is named by its SHA-256, which tells people nothing."""
    return one_line(path.name, LONGEST_NAME) if path.suffix else "This sound"


def length(file: SoundFile) -> float:
    """Seconds of a sound, 0 if it doesn't say."""
    seconds: float = file.frames / file.samplerate
    return seconds if 0 <= seconds <= LONGEST else 0.0


def blocks(file: SoundFile, frames: int = BLOCK) -> Iterator[Samples]:
    """The samples from where the file stands, -1 to 1, channels mixed into one. Raises AudioError if it is damaged."""
    while True:
        try:
            block: Samples = file.read(frames, dtype="float32", always_2d=True)
        except (OSError, RuntimeError) as error:
            raise AudioError(f"{_named(Path(file.name))} is damaged: it can't be played any further.") from error
        if not len(block):
            return
        yield block[:, 0] if block.shape[1] == 1 else block.mean(axis=1, dtype="float32")


def peaks(sound: Path | Take, count: int = PEAKS) -> list[int]:
    """`count` values 0 to 100, evenly spread over the sound; the loudest is 100, silence is 0. Raises AudioError."""
    import numpy as np

    with open_sound(sound) as file:
        loudest = [float(np.abs(block).max()) for block in blocks(file, max(1, min(BLOCK, file.frames // count)))]
    if not loudest:
        return [0] * count
    edges = [len(loudest) * n // count for n in range(count + 1)]
    heights = [max(loudest[a : max(b, a + 1)]) for a, b in pairwise(edges)]
    top = max(heights)
    return [round(100 * height / top) if top > 0 else 0 for height in heights]


def resampled(sound: Iterator[Samples], rate: int, wanted: int) -> Iterator[Samples]:
    """The same sound with another number of samples a second."""
    if rate == wanted:
        yield from sound
        return
    import numpy as np
    import soxr

    stream = soxr.ResampleStream(rate, wanted, 1, dtype="float32")
    for block in sound:
        yield stream.resample_chunk(block)
    yield stream.resample_chunk(np.zeros(0, np.float32), last=True)


def as_bytes(block: Samples) -> bytes:
    """Samples as a device takes them: 16 bits, little-endian."""
    import numpy as np

    whole: bytes = np.rint(np.clip(block, -1.0, 1.0) * 32767.0).astype("<i2").tobytes()
    return whole
