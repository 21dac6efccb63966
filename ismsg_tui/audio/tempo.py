"""Playing faster with voices as high as they are: python-stretch stretches segments, which are blended here."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ismsg_tui.audio.sounds import Samples

SEGMENT = 5.0
"""Seconds stretched at a time."""
MARGIN = 0.2
"""Seconds of context that a segment is given on either side."""
SEAM = 0.02
"""Seconds over which segments are blended."""


def speeds() -> tuple[float, ...]:
    """The speeds that sound can be played at with voices as they are; more than one needs python-stretch."""
    return (1.0, 1.5, 2.0) if importlib.util.find_spec("python_stretch") else (1.0,)


def stretched(sound: Iterator[Samples], rate: int, speed: float) -> Iterator[Samples]:
    """The same sound at another of the `speeds`, voices as high as before."""
    if speed == 1.0:
        yield from sound
        return
    margin, fade, reach = (round(rate * seconds) for seconds in (MARGIN, SEAM, SEAM / 2))
    end: Samples | None = None
    for piece, before, nominal in _segments(sound, round(rate * SEGMENT), margin):
        stretch = _stretch(piece, rate, speed)
        start, stop = round(before / speed), round((before + nominal) / speed)
        if end is not None:
            start = max(0, start - reach)
            start += _best_fit(stretch[start : start + 2 * reach + len(end)], end)
            ramp = _ramp(len(end))
            yield end * (1 - ramp) + stretch[start : start + len(end)] * ramp
            start += len(end)
        yield stretch[start:stop]
        end = stretch[stop : stop + fade] if stop + fade <= len(stretch) else None


def _segments(sound: Iterator[Samples], size: int, margin: int) -> Iterator[tuple[Samples, int, int]]:
    """Pieces of `size` frames with up to `margin` frames around; with each, the frames before it and its own."""
    import numpy as np

    held = np.zeros(0, np.float32)
    before = 0
    for block in sound:
        held = np.concatenate((held, block))
        while len(held) >= before + size + margin:
            yield held[: before + size + margin], before, size
            held = held[before + size - margin :]
            before = margin
    if len(held) > before:
        yield held, before, len(held) - before


def _stretch(piece: Samples, rate: int, speed: float) -> Samples:
    import numpy as np
    from python_stretch import Signalsmith

    stretch = Signalsmith.Stretch(1)
    stretch.preset(1, rate)
    stretch.timeFactor = speed
    result: Samples = np.asarray(stretch.process(np.ascontiguousarray(piece)[np.newaxis]), np.float32)[0]
    return result


def _best_fit(window: Samples, wanted: Samples) -> int:
    """Where in `window` the wave looks most like `wanted`, so that a blend neither doubles nor cancels it."""
    import numpy as np

    if len(window) < len(wanted):
        return 0
    likeness = np.correlate(window, wanted, "valid")
    energy = np.sqrt(np.convolve(window**2, np.ones(len(wanted), np.float32), "valid")) + 1e-6
    return int(np.argmax(likeness / energy))


def _ramp(frames: int) -> Samples:
    import numpy as np

    return np.linspace(0, 1, frames, dtype=np.float32)
