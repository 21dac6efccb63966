"""The least that Textual can do for a list: a hundred thousand lines, a cursor, nothing else.

Run as a program it shows the list; with a file's name it writes there how late the event loop was, as JSON.
"""

from __future__ import annotations

import sys
from pathlib import Path

from rich.segment import Segment
from textual.app import App, ComposeResult
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from benchmarks.lateness import Lateness

COUNT = 100_000


class BareList(ScrollView, can_focus=True):
    """Rows with a mark before the one under the cursor."""

    BINDINGS = [("j", "move(1)"), ("k", "move(-1)"), ("J", "scroll(1)"), ("K", "scroll(-1)")]  # noqa: RUF012
    cursor = 0

    def on_mount(self) -> None:
        """Say how long the list is."""
        self.virtual_size = Size(100, COUNT)

    def render_line(self, y: int) -> Strip:
        """One row."""
        index = y + self.scroll_offset.y
        mark = "▌ " if index == self.cursor else "  "
        return Strip([Segment(f"{mark}row {index}")]).adjust_cell_length(self.size.width)

    def action_move(self, step: int) -> None:
        """Move the cursor and draw the two rows anew."""
        before, self.cursor = self.cursor, max(0, min(COUNT - 1, self.cursor + step))
        for row in (before, self.cursor):
            self.refresh(Region(0, row - self.scroll_offset.y, self.size.width, 1))

    def action_scroll(self, step: int) -> None:
        """Scroll by a line, which draws all of them anew."""
        self.scroll_to(y=self.scroll_offset.y + step, animate=False, force=True)


class Bare(App[None]):
    """The list alone."""

    ENABLE_COMMAND_PALETTE = False

    def compose(self) -> ComposeResult:
        """The list."""
        yield BareList()

    def on_ready(self) -> None:
        """Take keys."""
        self.query_one(BareList).focus()


def main(arguments: list[str]) -> None:
    """Show the list until Ctrl+Q."""
    lateness = Lateness()
    Bare().run(auto_pilot=lateness.watch if arguments else None)
    for path in arguments:
        lateness.write(Path(path))


if __name__ == "__main__":
    main(sys.argv[1:])
