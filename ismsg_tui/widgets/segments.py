"""The one place where text becomes segments of the screen: sanitised again, whatever door it came through."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.content import Content

from ismsg_tui.domain.text import clean, one_line

ELLIPSIS = "…"
MUTED = "auto 60%"
"""The style that `$text-muted` stands for; as a style of Content the variable would lose its percentage."""

_BREAKS = str.maketrans("\n\t", "  ")


def segment(text: str, style: Style | None = None) -> Segment:
    """A piece of one line; a line break in it becomes a space."""
    return Segment(clean(text).translate(_BREAKS), style)


def fitted(text: str, width: int, style: Style | None = None) -> Segment:
    """A piece of exactly `width` cells, an ellipsis where it had to be cut."""
    return Segment(fit(text, width), style)


def fit(text: str, width: int) -> str:
    """The text as one line of exactly `width` cells."""
    if width <= 0:
        return ""
    # More characters than cells can't be shown unless they combine, and no cluster needs more than a few.
    line = one_line(text, width * 8)
    if cell_len(line) > width:
        line = set_cell_size(line, width - 1).rstrip() + ELLIPSIS
    return set_cell_size(line, width)


def wrapped(text: str, width: int) -> list[str]:
    """The text folded to lines of at most `width` cells; its own line breaks are kept, tabs become spaces."""
    lines: list[str] = []
    for paragraph in clean(text).expandtabs(4).split("\n"):
        if cell_len(paragraph) <= width:
            lines.append(paragraph)
        else:
            lines += [line.plain for line in Content(paragraph).wrap(width)]
    return lines
