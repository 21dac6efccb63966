"""Textual's two text fields, quiet and safe: no blinking, and what is pasted is cleaned before it is shown."""

from __future__ import annotations

from typing import ClassVar

from rich.cells import cell_len
from textual.document._document import EditResult, Location
from textual.geometry import Offset, Size
from textual.message import Message
from textual.widgets import Input, TextArea

from ismsg_tui.domain.text import clean

SAFE_LENGTH = 20_000
"""Texts up to this many characters are wrapped without a key ever waiting."""


class PlainInput(Input):
    """One line of text."""

    DEFAULT_CSS = """
    PlainInput { border: none; height: 1; padding: 0; background: transparent; }
    PlainInput:focus { border: none; background-tint: $foreground 0%; }
    PlainInput > .input--placeholder { color: $text-muted; }
    """

    def __init__(self, value: str = "", *, placeholder: str = "", id: str | None = None) -> None:
        super().__init__(value, placeholder=placeholder, id=id, select_on_focus=False)
        self.cursor_blink = False

    @property
    def cursor_screen_offset(self) -> Offset:
        """Where the terminal's cursor is to be: where the next letter goes, not, as Textual has it, the cell after."""
        region = self.content_region
        return Offset(region.x + cell_len(self.value[: self.cursor_position]) - self.scroll_offset.x, region.y)

    def on_focus(self) -> None:
        """Park the terminal's cursor once the field has a place."""
        self.call_after_refresh(self.park_cursor)

    def park_cursor(self) -> None:
        """Leave the terminal's cursor where the next letter goes."""
        if self.has_focus and self.cursor_screen_offset != self.app.cursor_position:
            self.app.cursor_position = self.cursor_screen_offset
            self.refresh()  # the terminal's cursor moves with what is painted

    def replace(self, text: str, start: int, end: int) -> None:
        """Insert typed or pasted text, which every door into the field goes through."""
        line = " ".join(clean(text[:SAFE_LENGTH]).splitlines()).replace("\t", " ")
        super().replace(line, start, end)


class PlainArea(TextArea):
    """A text of several lines that grows with what is typed."""

    DEFAULT_CSS = """
    PlainArea { border: none; height: auto; padding: 0; background: transparent; scrollbar-size-vertical: 1; }
    PlainArea:focus { border: none; }
    PlainArea .text-area--placeholder { color: $text-muted; }
    """

    TALLEST: ClassVar[int] = 8
    """The most lines to show at once; a third of the screen is never exceeded."""

    class Refused(Message):
        """What was pasted is far too long to be inserted."""

        def __init__(self, length: int) -> None:
            super().__init__()
            self.length = length

    def __init__(self, text: str = "", *, placeholder: str = "", id: str | None = None) -> None:
        super().__init__(clean(text), soft_wrap=True, highlight_cursor_line=False, placeholder=placeholder, id=id)
        self.longest_paste = SAFE_LENGTH
        self.cursor_blink = False
        self.match_cursor_bracket = False

    @property
    def cursor_screen_offset(self) -> Offset:
        """Where the terminal's cursor is to be; a text that changes without having the focus leaves it where it is."""
        return super().cursor_screen_offset if self.has_focus else self.app.cursor_position

    def on_focus(self) -> None:
        """Park the terminal's cursor once the field has a place."""
        self.call_after_refresh(self.park_cursor)

    def park_cursor(self) -> None:
        """Leave the terminal's cursor where the next letter goes."""
        if self.cursor_screen_offset != self.app.cursor_position:
            self.app.cursor_position = self.cursor_screen_offset
            self.refresh()  # the terminal's cursor moves with what is painted

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        """As tall as the text, within the bounds."""
        return max(1, min(self.wrapped_document.height, self.TALLEST, self.app.size.height // 3))

    def _replace_via_keyboard(self, insert: str, start: Location, end: Location) -> EditResult | None:
        # Every typed and pasted text comes through here, and no other.
        text = clean(insert)
        if len(text) > self.longest_paste:
            self.post_message(self.Refused(len(text)))
            return None
        return super()._replace_via_keyboard(text, start, end)
