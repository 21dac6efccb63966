"""A list of any length on Textual's line API: fixed row height, one cursor, nothing built that is not in sight."""

from __future__ import annotations

from collections.abc import Hashable
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.binding import BindingType
from textual.events import Click, MouseEvent
from textual.geometry import Offset, Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from ismsg_tui.actions import Scope, bindings
from ismsg_tui.widgets.segments import style_of

KEPT = 500
"""How many painted rows are held at most, which is more than any screen shows."""


class LineList(ScrollView, can_focus=True):
    """Base of virtual lists: subclasses say how many rows there are and what the lines of a row look like."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.LIST)]

    ROW_HEIGHT: ClassVar[int] = 1

    class Highlighted(Message):
        """The cursor has moved to another row."""

        def __init__(self, control: LineList, index: int) -> None:
            super().__init__()
            self.list = control
            self.index = index

        @property
        def control(self) -> LineList:
            """The list."""
            return self.list

    class Selected(Highlighted):
        """A row was chosen by Enter or double click."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.cursor = 0
        self._styles_by_name: dict[tuple[str, ...], Style] = {}
        self._strips: dict[tuple[Hashable, int, bool], list[Strip]] = {}

    @property
    def row_count(self) -> int:
        """How many rows the list has."""
        raise NotImplementedError

    def row_lines(self, index: int, width: int, *, selected: bool) -> list[list[Segment]]:
        """The lines of a row, ROW_HEIGHT of them; each is cropped or filled to the width."""
        raise NotImplementedError

    def empty_lines(self, width: int) -> list[list[Segment]]:
        """What is shown when there are no rows."""
        raise NotImplementedError

    def painted_as(self, index: int) -> Hashable:
        """All that the lines of a row depend on, but the width and the cursor: what is painted once is kept by it."""
        return index

    # Painting

    def style_of(self, *names: str) -> Style:
        """The widget's style under those of its component classes, each over the one before; kept while it holds."""
        style = self._styles_by_name.get(names)
        if style is None:
            # Colours such as $text-muted depend on what is behind them, which only the visual style takes in.
            style = self._styles_by_name[names] = style_of(self, *names).rich_style
        return style

    def notify_style_update(self) -> None:
        """Forget what was painted in the old colours."""
        super().notify_style_update()
        self._styles_by_name.clear()
        self._strips.clear()

    def refresh_rows(self) -> None:
        """Repaint after the rows have changed, or what all of them depend on."""
        self._strips.clear()
        self.rows_moved()

    def rows_moved(self) -> None:
        """Repaint after rows have changed places; those that are painted already are not painted again."""
        self.cursor = max(0, min(self.cursor, self.row_count - 1))
        region = self.scrollable_content_region
        size = Size(region.width, self.row_count * self.ROW_HEIGHT)
        before = self.virtual_size
        if before.width == size.width and min(before.height, size.height) > region.height:
            # The bar stays where it is: the screen need not be laid out anew for another length of it.
            self.set_reactive(LineList.virtual_size, size)
            self.vertical_scrollbar.window_virtual_size = size.height
        else:
            self.virtual_size = size
        self.refresh()

    def on_resize(self) -> None:
        """Lay the rows out for the new width."""
        self.refresh_rows()
        self.keep_cursor_visible()

    def render_line(self, y: int) -> Strip:
        """One line of the screen."""
        width = self.scrollable_content_region.width
        index, part = divmod(y + self.scroll_offset.y, self.ROW_HEIGHT)
        if self.row_count == 0:
            lines = self.empty_lines(width)
            strip = Strip(lines[y] if y < len(lines) else [])
            return strip.adjust_cell_length(width, self.style_of())
        if index >= self.row_count:
            return Strip.blank(width, self.style_of())
        selected = index == self.cursor
        key = self.painted_as(index), width, selected
        strips = self._strips.get(key)
        if strips is None:
            fill = self.style_of("list--cursor") if selected else self.style_of()
            strips = [
                Strip(line).adjust_cell_length(width, fill) for line in self.row_lines(index, width, selected=selected)
            ]
            if len(self._strips) >= KEPT:
                self._strips.clear()
            self._strips[key] = strips
        return strips[part]

    # Moving

    def step(self, rows: int) -> None:
        """Move the cursor by some rows."""
        self.move_to(self.cursor + rows)

    def move_to(self, index: int) -> None:
        """Put the cursor on a row and show it."""
        index = max(0, min(index, self.row_count - 1))
        if index != self.cursor:
            before, self.cursor = self.cursor, index
            self.forget_row(before)
            self.forget_row(index)
            self.post_message(self.Highlighted(self, index))
        self.keep_cursor_visible()

    def keep_cursor_visible(self) -> None:
        """Scroll as little as needed to show the cursor, and park the terminal's own cursor there."""
        height = self.scrollable_content_region.height
        top = self.cursor * self.ROW_HEIGHT
        if height > 0:
            y = min(max(self.scroll_offset.y, top + self.ROW_HEIGHT - height), top)
            if y != self.scroll_offset.y:
                self.scroll_to(y=y, animate=False, force=True)
        self.park_cursor()

    def park_cursor(self) -> None:
        """Leave the terminal's cursor on the active row, where input methods and braille displays look for it."""
        if self.has_focus:
            region = self.content_region
            row = self.cursor * self.ROW_HEIGHT - self.scroll_offset.y
            self.app.cursor_position = Offset(region.x, region.y + max(0, min(row, region.height - 1)))

    def on_focus(self) -> None:
        """Show the cursor as the one that keys move."""
        self._styles_by_name.clear()
        self.forget_row(self.cursor)
        self.call_later(self.park_cursor)  # the focus counts as had once this event is dealt with

    def on_blur(self) -> None:
        """Show that keys go elsewhere."""
        self._styles_by_name.clear()
        self.forget_row(self.cursor)

    @property
    def rows_in_sight(self) -> range:
        """The indexes of the rows that can be seen, wholly or in part."""
        first = self.scroll_offset.y // self.ROW_HEIGHT
        return range(first, first + self.scrollable_content_region.height // self.ROW_HEIGHT + 1)

    def forget_row(self, index: int) -> None:
        """Paint a row anew."""
        forgotten = self.painted_as(index)
        self._strips = {key: strips for key, strips in self._strips.items() if key[0] != forgotten}
        top = index * self.ROW_HEIGHT - self.scroll_offset.y
        self.refresh(Region(0, top, self.size.width, self.ROW_HEIGHT))

    @property
    def page_rows(self) -> int:
        """How many whole rows are in sight, less one that stays in view."""
        return max(1, self.scrollable_content_region.height // self.ROW_HEIGHT - 1)

    def action_cursor_down(self) -> None:
        """Go to the next row."""
        self.step(1)

    def action_cursor_up(self) -> None:
        """Go to the previous row."""
        self.step(-1)

    def action_page_down(self) -> None:
        """Go a page down."""
        self.step(self.page_rows)

    def action_page_up(self) -> None:
        """Go a page up."""
        self.step(-self.page_rows)

    def action_first(self) -> None:
        """Go to the first row."""
        self.step(-self.row_count)

    def action_last(self) -> None:
        """Go to the last row."""
        self.step(self.row_count)

    def action_select(self) -> None:
        """Choose the row under the cursor."""
        if self.row_count:
            self.post_message(self.Selected(self, self.cursor))

    def row_under(self, event: MouseEvent) -> int | None:
        """The index of the row that the mouse is on."""
        place = event.get_content_offset(self)
        if place is None:
            return None
        row = (place.y + self.scroll_offset.y) // self.ROW_HEIGHT
        return row if row < self.row_count else None

    def on_click(self, event: Click) -> None:
        """Go to the row that was clicked; a double click chooses it."""
        row = self.row_under(event)
        if row is not None:
            self.move_to(row)
            if event.chain == 2:
                self.call_later(self.run_action, "select")
