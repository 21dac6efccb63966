"""The rows of a timeline's lines as they are painted, each kept until its line, the width or the colours change."""

from __future__ import annotations

from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from ismsg_tui.widgets.segments import segment
from ismsg_tui.widgets.timeline_entries import Ink, Row

LINKS_OF = "links of"
"""The name under which the style of a link holds the id of its message."""


class LinePaint:
    """Paints for a widget, in its component classes."""

    def __init__(self, widget: Widget) -> None:
        self._widget = widget
        self._styles: dict[str, Style] = {}
        self._strips: dict[tuple[str, int], Strip] = {}

    def style(self, ink: str) -> Style:
        """The style of a component class."""
        style = self._styles.get(ink)
        if style is None:
            style = self._styles[ink] = self._widget.get_visual_style(ink).rich_style
        return style

    def row(self, message_id: str, part: int, pieces: Row, width: int) -> Strip:
        """Row number `part` of a message's line."""
        strip = self._strips.get((message_id, part))
        if strip is None:
            segments = [segment(text, self._ink_style(ink, message_id)) for text, ink in pieces]
            tinted = pieces and pieces[-1][1] in (Ink.COMMENT, Ink.COMMENT_LINK)
            fill = self.style(Ink.COMMENT) if tinted else self._widget.rich_style
            strip = self._strips[message_id, part] = Strip(segments).adjust_cell_length(width, fill)
        return strip

    def _ink_style(self, ink: Ink, message_id: str) -> Style:
        style = self.style(ink)
        is_link = ink in (Ink.LINK, Ink.COMMENT_LINK)
        return style + Style.from_meta({LINKS_OF: message_id}) if is_link else style

    def forget(self, message_id: str, rows: int) -> None:
        """Paint the rows of a line anew."""
        for part in range(rows):
            self._strips.pop((message_id, part), None)

    def forget_rows(self) -> None:
        """Paint every row anew."""
        self._strips.clear()

    def forget_colours(self) -> None:
        """Paint everything anew, in colours that are looked up again."""
        self._styles.clear()
        self._strips.clear()
