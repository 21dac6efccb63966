"""What the recorder bar shows, as plain data, and its waveforms as blocks. Pure functions of their arguments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ismsg_tui.widgets.file_lines import LEVELS


@dataclass(frozen=True)
class BarView:
    """The recorder bar at a moment."""

    title: str
    note: str = ""
    """What stands at the right of the title."""
    alarm: bool = False
    """Whether the note is a warning."""
    live: bool = False
    """Whether it records; the levels then come in from the right."""
    sign: str = " "
    """One cell: what is being done."""
    clock: str = ""
    levels: tuple[int, ...] = ()
    """Loudness from 0 to 100: the last moments while it records, else the whole sound in equal steps."""
    share: float = 0.0
    """How much of the sound has been heard, or of the work has been done, 0 to 1."""
    words: str = ""
    """What has to be said before anything else, in as many lines as it takes."""
    keys: tuple[tuple[str, str], ...] = ()
    """The actions that make sense now, each with a word for what it does."""
    keys_elsewhere: tuple[tuple[str, str], ...] = ()
    """The same while the bar has not the focus: those whose keys work anyway."""


def block(level: int) -> str:
    """A loudness from 0 to 100 as one of eight heights."""
    return LEVELS[max(0, min(level, 100)) * (len(LEVELS) - 1) // 100]


def running(levels: Sequence[int], width: int) -> str:
    """The newest of the levels in exactly `width` cells, the newest at the right."""
    shown = levels[-width:] if width > 0 else ()
    return "".join(map(block, shown)).rjust(max(width, 0))


def whole(levels: Sequence[int], width: int) -> str:
    """All levels spread over exactly `width` cells, each cell as high as the loudest that falls on it."""
    if not levels:
        return LEVELS[0] * max(width, 0)
    edges = [index * len(levels) // width for index in range(width + 1)]
    return "".join(block(max(levels[start : max(end, start + 1)])) for start, end in pairwise(edges))
