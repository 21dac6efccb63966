"""A rule across the screen with words in it."""

from __future__ import annotations

from rich.cells import cell_len
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from ismsg_tui.widgets.segments import MUTED, fit, shown_line


class StatusLine(Widget):
    """A rule with words at its left and right end; the left one is shortened first."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    StatusLine { height: 1; color: $border; }
    """

    left: reactive[str] = reactive("")
    right: reactive[str] = reactive("")
    alarm: reactive[str] = reactive("")
    """The style of what stands right: none, warning or error."""
    left_alarm: reactive[str] = reactive("")
    """The same of what stands left."""
    rule: reactive[str] = reactive("─")

    def render(self) -> Content:
        """The words in the rule."""
        room = self.size.width - 4
        words = shown_line(self.left, 400)
        right = f" {shown_line(self.right, 400)} " if self.right else ""
        if cell_len(right) > room:
            right = f" {right.rsplit(maxsplit=1)[-1]} "
        space = max(0, room - cell_len(right) - 1)
        left = f" {words} " if words else ""
        if cell_len(left) > space:
            left = f" {fit(words, space - 2).rstrip()} " if space > 4 else ""
        gap = max(1, room - cell_len(left) - cell_len(right))
        return Content.assemble(
            self.rule * 2,
            (left, self.left_alarm or "bold $foreground"),
            self.rule * gap,
            (right, self.alarm or MUTED),
            self.rule * 2,
        )
