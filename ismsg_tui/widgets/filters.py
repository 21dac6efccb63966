"""What every painted line goes through last where a terminal shows no colours, or no characters beyond ASCII."""

from __future__ import annotations

import locale
import sys
import unicodedata
from typing import ClassVar, TextIO

from rich.cells import cell_len, set_cell_size
from rich.color import Color as RichColor
from rich.segment import Segment, Segments
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter
from textual.scrollbar import ScrollBar, ScrollBarRender

_SIGNS = {
    "…": ".",
    "·": "-",
    "•": "*",
    "–": "-",
    "—": "-",
    "−": "-",
    "×": "x",
    "“": '"',
    "”": '"',
    "„": '"',
    "‘": "'",
    "’": "'",
    "«": '"',
    "»": '"',
    "‹": "<",
    "›": ">",
    "←": "<",
    "→": ">",
    "↑": "^",
    "↓": "v",
    "↩": "<",
    "↪": ">",
    "↳": ">",
    "⏎": "<",
    "✓": "+",
    "✔": "+",
    "✗": "x",
    "✘": "x",
    "✎": "#",
    "●": "*",
    "○": "o",
    "◉": "*",
    "■": "#",
    "□": "-",
    "▶": ">",
    "◀": "<",
    "▲": "^",
    "▼": "v",
    "‖": "=",
    "⏸": "=",
    "▌": ">",
    "║": "#",
    "▀": " ",
    "▁": "_",
    "▂": ".",
    "▃": ":",
    "▄": "-",
    "▅": "=",
    "▆": "+",
    "▇": "*",
    "█": "#",
    "🔎": "? ",
}


def _line_sign(name: str) -> str:
    """A letter for a character of boxes or blocks, by its Unicode name."""
    words = name.split()
    if "HORIZONTAL" in words and "VERTICAL" not in words:
        return "=" if words[-2] in ("HEAVY", "DOUBLE") else "-"
    if ("VERTICAL" in words and "HORIZONTAL" not in words) or ("BLOCK" in words and {"LEFT", "RIGHT"} & {*words}):
        return "|"
    return "-" if "BLOCK" in words else "#" if "SHADE" in words else "+"


_TABLE = str.maketrans({chr(code): _line_sign(unicodedata.name(chr(code))) for code in range(0x2500, 0x25A0)} | _SIGNS)


def in_ascii(text: str) -> str:
    """The text with the console's own lines and signs as ASCII of the same width; letters stay as they are."""
    return text if text.isascii() else text.translate(_TABLE)


def wants_ascii(borders: str) -> bool:
    """Whether lines and signs are to be drawn in ASCII, as the setting or, for `auto`, the locale says."""
    if borders != "auto":
        return borders == "ascii"
    # Windows names a code page here that its terminals have long left behind.
    return sys.platform != "win32" and not _is_utf8(locale.getencoding())


def _is_utf8(encoding: str) -> bool:
    return encoding.casefold().replace("-", "") in ("utf8", "utf_8")


def last_filters(*, ascii_only: bool, no_colours: bool, file: TextIO | None) -> tuple[LineFilter, ...]:
    """The filters for a terminal that is written to through `file`."""
    encoding = (file and file.encoding) or "utf-8"
    return (
        *((AsciiSigns(),) if ascii_only else ()),
        *(() if _is_utf8(encoding) else (Encodable(encoding),)),
        *((NoColours(),) if no_colours else ()),
    )


def set_scrollbars(*, ascii_only: bool, no_colours: bool) -> None:
    """Have all scrollbars drawn with what there is."""
    ScrollBar.renderer = DrawnBar if no_colours else WholeCells if ascii_only else ScrollBarRender


class AsciiSigns(LineFilter):
    """Draws lines and signs in ASCII."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002
        """Each piece with its signs replaced."""
        return [Segment(in_ascii(text), style, control) for text, style, control in segments]


class Encodable(LineFilter):
    """Puts question marks, as wide as what they stand for, where the terminal's encoding has no such character."""

    def __init__(self, encoding: str) -> None:
        super().__init__()
        self._encoding = encoding

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002
        """Each piece as it can be written."""
        return [Segment(self._encodable(text), style, control) for text, style, control in segments]

    def _encodable(self, text: str) -> str:
        known = text if text.isascii() else "".join(map(self._known, text))
        return known if known == text else set_cell_size(known, cell_len(text))

    def _known(self, character: str) -> str:
        try:
            character.encode(self._encoding)
        except UnicodeEncodeError:
            return "?" * cell_len(character)
        return character


class NoColours(LineFilter):
    """Takes every colour away; what is bold, underlined, in italics or reversed stays so."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002
        """Each piece in the terminal's own two colours."""
        return [Segment(text, style and style.without_color, control) for text, style, control in segments]


class WholeCells(ScrollBarRender):
    """A scrollbar of whole cells, for want of the characters that are a part of one."""

    VERTICAL_BARS: ClassVar[list[str]] = [" "] * 8
    HORIZONTAL_BARS: ClassVar[list[str]] = [" "] * 8


class DrawnBar(WholeCells):
    """A scrollbar that is drawn in signs, for want of colours."""

    @classmethod
    def render_bar(
        cls,
        size: int = 25,
        virtual_size: float = 50,
        window_size: float = 20,
        position: float = 0,
        thickness: int = 1,
        vertical: bool = True,
        back_color: RichColor = RichColor.default(),  # noqa: B008 - Textual's signature
        bar_color: RichColor = RichColor.default(),  # noqa: B008
    ) -> Segments:
        """The bar with a thick line where its handle is and a thin one elsewhere."""
        bar = super().render_bar(size, virtual_size, window_size, position, thickness, vertical, back_color, bar_color)
        track, handle = "│─"[not vertical], "█"
        drawn = [
            Segment((handle if style.reverse else track) * len(text), style + Style(reverse=False))
            if style is not None and text.isspace() and text != "\n"
            else Segment(text, style)
            for text, style, _ in bar.segments
        ]
        return Segments(drawn, new_lines=bar.new_lines)
