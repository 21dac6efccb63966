"""The one place where text becomes part of the screen: sanitised again, whatever door it came through.

Where the agent wants emoji as words, this is where they become words.
"""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.content import Content
from textual.style import Style as VisualStyle
from textual.widget import Widget

from ismsg_tui.domain.text import clean, one_line
from ismsg_tui.widgets.emojis import in_words

ELLIPSIS = "…"
MUTED = "$foreground-muted"
"""The style of what matters less, in Content, where `$text-muted` would lose its percentage."""

_BREAKS = str.maketrans("\n\t", "  ")
_settings = {"emoji in words": False}


def show_emoji_in_words(wanted: bool) -> None:
    """Show emoji as `:thumbs_up:`, or as the pictures they are; set before the first text is shown."""
    _settings["emoji in words"] = wanted


def emoji_in_words() -> bool:
    """Whether emoji are shown as words."""
    return _settings["emoji in words"]


def shown(text: str) -> str:
    """A text as it may be shown, its line breaks and tabs kept."""
    text = clean(text)
    return in_words(text) if emoji_in_words() else text


def shown_line(text: str, limit: int = 200) -> str:
    """The beginning of a text as it may be shown on one line, at most `limit` characters of it."""
    line = one_line(text, limit)
    return in_words(line) if emoji_in_words() else line


def style_of(widget: Widget, *names: str) -> VisualStyle:
    """A widget's style under those of its component classes, with `reverse`, which Textual's own method leaves out."""
    style = widget.get_visual_style(*names)
    if any(widget.get_component_styles(name).text_style.reverse for name in names):
        style += VisualStyle(reverse=True)
    return style


def segment(text: str, style: Style | None = None) -> Segment:
    """A piece of one line; a line break in it becomes a space."""
    return Segment(shown(text).translate(_BREAKS), style)


def fitted(text: str, width: int, style: Style | None = None) -> Segment:
    """A piece of exactly `width` cells, an ellipsis where it had to be cut."""
    return Segment(fit(text, width), style)


def fit(text: str, width: int) -> str:
    """The text as one line of exactly `width` cells."""
    if width <= 0:
        return ""
    # More characters than cells can't be shown unless they combine, and no cluster needs more than a few.
    line = shown_line(text, width * 8)
    if cell_len(line) > width:
        line = set_cell_size(line, width - 1).rstrip() + ELLIPSIS
    return set_cell_size(line, width)


def unfolded(text: str) -> str:
    """The text that `wrapped` folds: as it may be shown, tabs as spaces."""
    return shown(text).expandtabs(4)


def wrapped(text: str, width: int) -> list[str]:
    """The text folded to lines of at most `width` cells; its own line breaks are kept, tabs become spaces."""
    lines: list[str] = []
    for paragraph in unfolded(text).split("\n"):
        if cell_len(paragraph) <= width:
            lines.append(paragraph)
        else:
            lines += [line.plain for line in Content(paragraph).wrap(width)]
    return lines
