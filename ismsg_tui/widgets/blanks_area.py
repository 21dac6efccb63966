"""A text field that knows the blanks of stored replies: it marks them, and selects one after the other."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.document._document import Location, Selection
from textual.widgets import TextArea

from ismsg_tui.domain.snippets import blanks
from ismsg_tui.domain.text import clean
from ismsg_tui.widgets.text_fields import PlainArea


class BlanksArea(PlainArea):
    """A field for texts with blanks."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"area--blank"}
    DEFAULT_CSS = """
    BlanksArea { & .area--blank { color: $text-warning; text-style: underline; } }
    """

    def put(self, text: str) -> None:
        """Insert a text at the cursor as one step of undo, whatever is selected; its first blank is selected then."""
        start = self._index(self.cursor_location)
        self.history.checkpoint()
        self.insert(clean(text), maintain_selection_offset=False)
        self.history.checkpoint()
        end = self._index(self.cursor_location)
        self._select(
            next(((blank.start, blank.end) for blank in blanks(self.text) if start <= blank.start < end), None)
        )

    def rewrite(self, text: str) -> None:
        """Put another text in the place of all, as one step of undo."""
        self.history.checkpoint()
        self.replace(clean(text), self.document.start, self.document.end, maintain_selection_offset=False)
        self.history.checkpoint()
        self.move_cursor(self.document.end)

    def begin(self, text: str) -> None:
        """Show a text with the cursor at its end and nothing to undo; no `Changed` is posted."""
        with self.prevent(TextArea.Changed):
            self.load_text(clean(text))
        self.move_cursor(self.document.end)

    def select_blank(self, *, back: bool = False, around: bool = True, from_start: bool = False) -> bool:
        """Select the next blank of the text, or the one before; returns whether there is one.

        After the last comes the first, unless it is not to go `around`.
        """
        found = [(blank.start, blank.end) for blank in blanks(self.text)]
        start, end = (0, 0) if from_start else sorted(map(self._index, self.selection))
        further = [span for span in found if (span[0] < start if back else span[0] >= end)]
        further = further or (found if around else [])
        self._select(further[-1 if back else 0] if further else None)
        return bool(further)

    def _select(self, span: tuple[int, int] | None) -> None:
        if span is not None:
            self.selection = Selection(*map(self._location, span))

    def _index(self, location: Location) -> int:
        """How many characters stand before a place."""
        row, column = location
        return sum(len(self.document.get_line(above)) + 1 for above in range(row)) + column

    def _location(self, index: int) -> Location:
        """The place behind so many characters."""
        before = self.text[:index]
        return before.count("\n"), index - before.rfind("\n") - 1

    def get_line(self, line_index: int) -> Text:
        """A line of the text, its blanks marked."""
        line = super().get_line(line_index)
        for blank in blanks(line.plain):
            line.stylize(self.get_component_rich_style("area--blank", partial=True), blank.start, blank.end)
        return line
