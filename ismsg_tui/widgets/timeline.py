"""A contact's conversation: lines of any number and height on Textual's line API.

Only a window of lines is held; it grows at its ends as they come into sight. Heights are those of laid-out lines, so
the scrollbar speaks of what is loaded, and what is on screen keeps its place when lines are added above it.
"""

from __future__ import annotations

from collections.abc import Container
from typing import ClassVar

from rich.segment import Segment
from textual.binding import BindingType
from textual.events import Click
from textual.geometry import Offset, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from ismsg_tui.actions import Scope, bindings
from ismsg_tui.domain.entities import MessageKind
from ismsg_tui.store.timeline import Place
from ismsg_tui.widgets.line_paint import LINKS_OF, LinePaint
from ismsg_tui.widgets.line_window import LineSource, LineWindow
from ismsg_tui.widgets.segments import fit
from ismsg_tui.widgets.timeline_entries import Ink, Surroundings

USUAL_WIDTH = 80


class Timeline(ScrollView, can_focus=True):
    """The conversation of one contact."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.TIMELINE)]
    COMPONENT_CLASSES: ClassVar[set[str]] = {*Ink, "timeline--more"}

    class Left(Message):
        """The agent wants to go back to the list."""

    class LinkClicked(Message):
        """A link was clicked."""

        def __init__(self, message_id: str) -> None:
            super().__init__()
            self.message_id = message_id

    class BottomSeen(Message):
        """The newest line has come into sight."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._window = LineWindow(None, None, 1)
        self._unseen = 0
        self._paint = LinePaint(self)
        self._end = 0
        """How far down the newest line is when the screen is as high as it was at the last look."""
        self.empty_words = ""

    # What is shown

    def show(self, source: LineSource | None, around: Surroundings | None) -> None:
        """Show a contact's newest lines, or nothing."""
        self._window = LineWindow(source, around, self._width)
        self._window.load_newest(self.size.height)
        self._unseen = 0
        self._measured()
        self.action_newest()

    def show_at(self, place: Place, around: Surroundings) -> None:
        """Show the line at a place in its context, a third down the screen."""
        if self._window.source is None:
            return
        self._window = LineWindow(self._window.source, around, self._width)
        top = self._window.load_at(place)
        self._unseen = 0
        self._measured()
        self.scroll_to(y=top - self.size.height // 3, animate=False, force=True)

    def lines_changed(self, around: Surroundings) -> None:
        """Read the held lines anew, keeping the place; follow the newest if it was in sight."""
        window, anchor = self._window, self._anchor()
        had = {line.message.id for line in window.lines}
        if not window.reread(around):
            return
        self._measured()
        self._restore(anchor)
        if anchor is not None and window.at_end:
            self._unseen += sum(
                line.message.kind is not MessageKind.EVENT for line in window.lines if line.message.id not in had
            )

    def files_changed(self, sha256s: Container[str] | None = None) -> None:
        """Paint anew the lines of these files, or of all files; no other line is touched unless the height changes."""
        window, anchor = self._window, self._anchor()
        tops = window.tops
        touched = window.files_changed(sha256s)
        if window.tops != tops:
            self._measured()
            self._restore(anchor)
            return
        for index in touched:
            message_id, top, height = window.lines[index].message.id, tops[index], tops[index + 1] - tops[index]
            self._paint.forget(message_id, height)
            self.refresh_lines(top, height)

    @property
    def newest_incoming(self) -> int | None:
        """When the newest incoming message that is held was written."""
        lines = reversed(self._window.lines)
        return next((line.message.at for line in lines if line.message.kind is MessageKind.INCOMING), None)

    def shows(self, message_id: str) -> bool:
        """Whether a line is in sight, with at least the rows at its end."""
        index, y = self._window.index_of(message_id), self.scroll_offset.y
        return index is not None and y < self._window.tops[index + 1] <= y + self.size.height

    @property
    def follows(self) -> bool:
        """Whether the newest line is in sight, or was until there was less room for the lines."""
        return self._window.at_end and self.scroll_offset.y >= min(self._end, self.max_scroll_y)

    # Layout

    @property
    def _width(self) -> int:
        # Before it has a place on the screen a usual width is assumed: lines of one cell would be seen for a moment.
        return self.scrollable_content_region.width or USUAL_WIDTH

    def _measured(self) -> None:
        """Show what the window holds now."""
        self._paint.forget_rows()
        self.virtual_size = Size(self._window.width, self._window.tops[-1])
        self._end = self.max_scroll_y
        self.refresh()  # neither size nor place need have changed, as from one contact to the next

    def _load_older(self) -> int:
        """Add a page above; returns by how many rows what was there moved down."""
        if shift := self._window.load_older():
            self._measured()
        return shift

    def _load_newer(self) -> None:
        anchor = self._anchor()
        if self._window.load_newer():
            self._measured()
            self._restore(anchor)

    def _anchor(self) -> tuple[str, int] | None:
        """The line at the top of the screen and how many of its rows are above it; None if the newest is followed."""
        if self.follows or not self._window.lines:
            return None
        index, part = self._window.at(self.scroll_offset.y)
        return self._window.lines[index].message.id, part

    def _restore(self, anchor: tuple[str, int] | None) -> None:
        """Go back to where the screen was, or to the newest line if it was followed."""
        if anchor is None:
            self.action_newest()
        elif (index := self._window.index_of(anchor[0])) is not None:
            self.scroll_to(y=self._window.tops[index] + anchor[1], animate=False, force=True)

    def on_resize(self) -> None:
        """Fold anew, keeping the place."""
        self.park_cursor()
        window, anchor = self._window, self._anchor()
        if self._width == window.width:
            self._end = self.max_scroll_y
            if anchor is None:
                self.action_newest()
            return
        window.fold(self._width)
        window.fill(self.size.height)
        self._measured()
        self._restore(anchor)

    # Painting

    def notify_style_update(self) -> None:
        """Forget what was painted in the old colours."""
        super().notify_style_update()
        self._paint.forget_colours()

    def render_line(self, y: int) -> Strip:
        """One line of the screen."""
        width, window = self._width, self._window
        if not window.lines:
            text = self.empty_words if y == 1 else ""
            dim = self._paint.style(Ink.DIM)
            return Strip([Segment("  ", dim), Segment(fit(text, width), dim)]).crop(0, width)
        if self._unseen and y == self.size.height - 1 and not self.follows:
            words = f" ↓ {self._unseen} new · End shows {'it' if self._unseen == 1 else 'them'} "
            return Strip([Segment(fit(words.center(width), width), self._paint.style("timeline--more"))])
        row = y + self.scroll_offset.y
        if row >= window.tops[-1]:
            return Strip.blank(width, self.rich_style)
        index, part = window.at(row)
        line = window.lines[index]
        strip = self._paint.row(line.message.id, part, window.rows_of(line)[part], width)
        selected = self.text_selection.get_span(row) if self.text_selection is not None else None
        if selected is not None:
            strip = self._marked(strip, *selected)
        return strip.apply_offsets(0, row)

    def _marked(self, strip: Strip, start: int, end: int) -> Strip:
        """A line with the selected part of it marked; columns count cells, an end of -1 is the end of the line."""
        end = strip.cell_length if end == -1 else min(end, strip.cell_length)
        start = min(start, end)
        style = self.screen.get_component_rich_style("screen--selection")
        parts = [strip.crop(0, start), strip.crop(start, end).apply_style(style), strip.crop(end)]
        return Strip.join(parts)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The selected text, without the bars and headings' fillings at the ends of lines."""
        rows = (row for line in self._window.lines for row in self._window.rows_of(line))
        text = "\n".join("".join(piece for piece, _ in row).rstrip() for row in rows)
        return selection.extract(text), "\n"

    def selection_updated(self, selection: Selection | None) -> None:  # noqa: ARG002 - Textual's signature
        """Show what is selected."""
        self.refresh()

    # Moving

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Load what comes into sight; notice when the newest line does."""
        super().watch_scroll_y(old_value, new_value)
        if new_value < old_value and new_value < self.size.height:
            self.call_later(self._extend_up)
        elif new_value > old_value:
            if not self._window.at_end and new_value >= self.max_scroll_y - self.size.height:
                self.call_later(self._load_newer)
            elif self.follows:
                self._saw_bottom()

    def _extend_up(self) -> None:
        if self.scroll_offset.y < self.size.height and (shift := self._load_older()):
            self.scroll_to(y=self.scroll_offset.y + shift, animate=False, force=True)

    def _saw_bottom(self) -> None:
        if self._unseen:
            self._unseen = 0
            self.refresh()
        self.post_message(self.BottomSeen())

    def action_newest(self) -> None:
        """Go to the newest line."""
        window = self._window
        if not window.at_end:
            self.show(window.source, window.around)
            return
        self.scroll_to(y=self.max_scroll_y, animate=False, force=True)
        self._saw_bottom()

    def action_oldest(self) -> None:
        """Go to the contact's very first line."""
        if not self._window.at_start:
            self._window.load_oldest()
            self._measured()
        self.scroll_to(y=0, animate=False, force=True)

    def scroll_lines(self, count: int) -> None:
        """Scroll by lines, up if negative."""
        self.scroll_to(y=self.scroll_offset.y + count, animate=False, force=True)

    def action_line_down(self) -> None:
        """Scroll a line down."""
        self.scroll_lines(1)

    def action_line_up(self) -> None:
        """Scroll a line up."""
        self.scroll_lines(-1)

    def action_newer(self) -> None:
        """Scroll a page down."""
        self.scroll_lines(max(1, self.size.height - 2))

    def action_older(self) -> None:
        """Scroll a page up."""
        self.scroll_lines(-max(1, self.size.height - 2))

    def action_show_list(self) -> None:
        """Go back to the list."""
        self.post_message(self.Left())

    async def action_write(self) -> None:
        """Start to write, before the next key is looked at."""
        await self.screen.run_action("reply")

    def on_focus(self) -> None:
        """Park the terminal's cursor; where the pane comes into sight only now, its size follows."""
        self.call_after_refresh(self.park_cursor)

    def park_cursor(self) -> None:
        """Leave the terminal's cursor at the newest line in sight."""
        if self.has_focus:
            region = self.content_region
            self.app.cursor_position = Offset(region.x, max(region.y, region.bottom - 1))

    def on_click(self, event: Click) -> None:
        """A click on the bar of new messages shows them; one on a link asks where it leads."""
        linked = event.style.meta.get(LINKS_OF)
        if isinstance(linked, str) and self.text_selection is None:
            self.post_message(self.LinkClicked(linked))
        if self._unseen and event.y == self.size.height - 1:
            self.action_newest()
