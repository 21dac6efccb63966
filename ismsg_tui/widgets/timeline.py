"""A contact's conversation: lines of any number and height on Textual's line API.

Only a window of lines is held; it grows at its ends as they come into sight. Heights are those of laid-out lines, so
the scrollbar speaks of what is loaded, and what is on screen keeps its place when lines are added above it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Container
from itertools import accumulate
from typing import ClassVar, Protocol

from rich.segment import Segment
from rich.style import Style
from textual.binding import BindingType
from textual.events import Click
from textual.geometry import Offset, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from ismsg_tui.actions import Scope, bindings
from ismsg_tui.domain.entities import MessageKind
from ismsg_tui.store.timeline import Line, Place
from ismsg_tui.widgets.segments import fit, segment
from ismsg_tui.widgets.timeline_entries import Ink, Row, Surroundings, lay_out

PAGE = 40
KEPT = 400
"""How many lines are held at most; the far end is dropped beyond it and fetched again when needed."""


_Laid = tuple[Line | None, Line, Line | None, list[Row]]
"""A line with its neighbours, and the rows that it takes between them."""


class LineSource(Protocol):
    """Where the lines come from; fast enough to be called while scrolling."""

    def lines(self, *, before: Place | None = None, after: Place | None = None, limit: int = PAGE) -> list[Line]:
        """The newest lines, or those before or after a place, in order of time."""
        ...


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
        self._source: LineSource | None = None
        self._around: Surroundings | None = None
        self._lines: list[Line] = []
        self._laid: dict[str, _Laid] = {}
        self._tops: list[int] = [0]
        self._at_start = self._at_end = True
        self._unseen = 0
        self._styles_by_ink: dict[str, Style] = {}
        self._strips: dict[tuple[str, int], Strip] = {}
        self._laid_width = 0
        self._end = 0
        """How far down the newest line is when the screen is as high as it was at the last look."""
        self.empty_words = ""

    # What is shown

    def show(self, source: LineSource | None, around: Surroundings | None) -> None:
        """Show a contact's newest lines, or nothing."""
        self._source, self._around = source, around
        self._lines = source.lines(limit=PAGE) if source else []
        self._at_start, self._at_end = len(self._lines) < PAGE, True
        self._unseen = 0
        self._forget()
        self._measure()
        self._fill()
        self.action_newest()

    def show_at(self, place: Place, around: Surroundings) -> None:
        """Show the line at a place in its context, a third down the screen."""
        if self._source is None:
            return
        self._around = around
        before = self._source.lines(before=place, limit=PAGE)
        after = self._source.lines(after=(place[0], place[1][:-1]), limit=PAGE)
        self._lines = before + [line for line in after if line.place >= place]
        self._at_start, self._at_end = len(before) < PAGE, len(after) < PAGE
        self._unseen = 0
        self._forget()
        self._measure()
        if self._lines:
            index = min(len(before), len(self._lines) - 1)
            self.scroll_to(y=self._tops[index] - self.size.height // 3, animate=False, force=True)
        self.refresh()

    def lines_changed(self, around: Surroundings) -> None:
        """Read the held lines anew, keeping the place; follow the newest if it was in sight."""
        if self._source is None:
            return
        following = self.follows
        anchor = self._anchor()
        had = {line.message.id for line in self._lines}
        first = self._lines[0].place if self._lines else None
        fresh = self._source.lines(limit=max(PAGE, len(self._lines) + PAGE)) if self._at_end else self._reread()
        if first is not None and not self._at_start:
            fresh = [line for line in fresh if line.place >= first]
        if fresh == self._lines and around == self._around:
            return
        if around != self._around:
            self._around = around
            self._forget()
        self._lines = fresh
        self._measure()
        if following:
            self.action_newest()
            return
        self._restore(anchor)
        if self._at_end:
            self._unseen += sum(
                line.message.kind is not MessageKind.EVENT for line in fresh if line.message.id not in had
            )
        self.refresh()

    def files_changed(self, sha256s: Container[str] | None = None) -> None:
        """Paint anew the lines of these files, or of all files; no other line is touched unless the height changes."""
        around, same_height = self._around, True
        touched: list[int] = []
        for index, line in enumerate(self._lines):
            files, known = line.message.attachments, self._laid.get(line.message.id)
            if around is None or known is None or not any(sha256s is None or f.sha256 in sha256s for f in files):
                continue
            rows = lay_out(line, known[0], known[2], around, self._width)
            same_height = same_height and len(rows) == len(known[3])
            self._laid[line.message.id] = (*known[:3], rows)
            touched.append(index)
        if not same_height:
            following, anchor = self.follows, self._anchor()
            self._measure()
            if following:
                self.action_newest()
            else:
                self._restore(anchor)
            return
        for index in touched:
            message_id, top = self._lines[index].message.id, self._tops[index]
            for part in range(self._tops[index + 1] - top):
                self._strips.pop((message_id, part), None)
            self.refresh_lines(top, self._tops[index + 1] - top)

    def _reread(self) -> list[Line]:
        """The lines of the window as they are now, where the window does not reach the newest."""
        if self._source is None or not self._lines:
            return []
        first, last = self._lines[0], self._lines[-1].place
        above = self._source.lines(before=first.place, limit=1)
        start = above[-1].place if above else (0, "")
        return [line for line in self._source.lines(after=start, limit=KEPT + PAGE) if line.place <= last]

    @property
    def newest_incoming(self) -> int | None:
        """When the newest incoming message that is held was written."""
        return next(
            (line.message.at for line in reversed(self._lines) if line.message.kind is MessageKind.INCOMING), None
        )

    def shows(self, message_id: str) -> bool:
        """Whether a line is in sight, with at least the rows at its end."""
        for index, line in enumerate(self._lines):
            if line.message.id == message_id:
                return self.scroll_offset.y < self._tops[index + 1] <= self.scroll_offset.y + self.size.height
        return False

    @property
    def follows(self) -> bool:
        """Whether the newest line is in sight, or was until there was less room for the lines."""
        return self._at_end and self.scroll_offset.y >= min(self._end, self.max_scroll_y)

    # Layout

    @property
    def _width(self) -> int:
        return max(1, self.scrollable_content_region.width)

    def _forget(self) -> None:
        self._laid.clear()
        self._strips.clear()

    def _measure(self) -> None:
        """Lay out every held line and add up the heights."""
        width, around = self._width, self._around
        self._laid_width = width
        if around is None:
            self._tops = [0]
        else:
            neighbours: list[Line | None] = [None, *self._lines, None]
            laid: dict[str, _Laid] = {}
            for index, line in enumerate(self._lines):
                above, below = neighbours[index], neighbours[index + 2]
                known = self._laid.get(line.message.id)
                if known is None or known[:3] != (above, line, below):
                    known = (above, line, below, lay_out(line, above, below, around, width))
                laid[line.message.id] = known
            self._laid = laid
            self._tops = [0, *accumulate(len(laid[line.message.id][3]) for line in self._lines)]
        self._strips.clear()
        self.virtual_size = Size(width, self._tops[-1])
        self._end = self.max_scroll_y
        self.refresh()  # neither size nor place need have changed, as from one contact to the next

    def _fill(self) -> None:
        """Load older lines until the window is full or the beginning is reached."""
        while not self._at_start and self._tops[-1] < self.size.height + PAGE:
            self._load_older()

    def _load_older(self) -> int:
        """Add a page above; returns by how many rows what was there moved down."""
        if self._source is None or self._at_start or not self._lines:
            return 0
        older = self._source.lines(before=self._lines[0].place, limit=PAGE)
        self._at_start = len(older) < PAGE
        if not older:
            return 0
        # What was first loses the day line that it had for want of a neighbour, so its end is what stays in place.
        first, end = self._lines[0].message.id, self._tops[1]
        self._lines = older + self._lines
        if len(self._lines) > KEPT:
            self._lines, self._at_end = self._lines[:KEPT], False
        self._measure()
        index = next(i for i, line in enumerate(self._lines) if line.message.id == first)
        return self._tops[index + 1] - end

    def _load_newer(self) -> None:
        if self._source is None or self._at_end or not self._lines:
            return
        newer = self._source.lines(after=self._lines[-1].place, limit=PAGE)
        self._at_end = len(newer) < PAGE
        if not newer:
            return
        anchor = self._anchor()
        self._lines += newer
        if len(self._lines) > KEPT:
            self._lines, self._at_start = self._lines[-KEPT:], False
        self._measure()
        self._restore(anchor)

    def _anchor(self) -> tuple[str, int] | None:
        """The line at the top of the screen and how many of its rows are above it."""
        if not self._lines:
            return None
        y = self.scroll_offset.y
        index = min(bisect_right(self._tops, y) - 1, len(self._lines) - 1)
        return self._lines[index].message.id, y - self._tops[index]

    def _restore(self, anchor: tuple[str, int] | None) -> None:
        if anchor is None:
            return
        for index, line in enumerate(self._lines):
            if line.message.id == anchor[0]:
                self.scroll_to(y=self._tops[index] + anchor[1], animate=False, force=True)
                return

    def on_resize(self) -> None:
        """Fold anew, keeping the place."""
        following, anchor = self.follows, self._anchor()
        if self._width == self._laid_width:
            self._end = self.max_scroll_y
            if following:
                self.action_newest()
            return
        self._forget()
        self._measure()
        self._fill()
        if following:
            self.action_newest()
        else:
            self._restore(anchor)

    # Painting

    def notify_style_update(self) -> None:
        """Forget what was painted in the old colours."""
        super().notify_style_update()
        self._styles_by_ink.clear()
        self._strips.clear()

    def _style(self, ink: str) -> Style:
        style = self._styles_by_ink.get(ink)
        if style is None:
            style = self._styles_by_ink[ink] = self.get_visual_style(ink).rich_style
        return style

    def _ink_style(self, ink: Ink, message_id: str) -> Style:
        style = self._style(ink)
        is_link = ink in (Ink.LINK, Ink.COMMENT_LINK)
        return style + Style.from_meta({"links of": message_id}) if is_link else style

    def render_line(self, y: int) -> Strip:
        """One line of the screen."""
        width = self._width
        if not self._lines:
            text = self.empty_words if y == 1 else ""
            return Strip([Segment(fit(f"  {text}", width), self._style(Ink.DIM))])
        if self._unseen and y == self.size.height - 1 and not self.follows:
            words = f" ↓ {self._unseen} new · End shows {'it' if self._unseen == 1 else 'them'} "
            return Strip([Segment(fit(words.center(width), width), self._style("timeline--more"))])
        line = y + self.scroll_offset.y
        if line >= self._tops[-1]:
            return Strip.blank(width, self.rich_style)
        index = bisect_right(self._tops, line) - 1
        message_id, part = self._lines[index].message.id, line - self._tops[index]
        strip = self._strips.get((message_id, part))
        if strip is None:
            pieces = self._laid[message_id][3][part]
            segments = [segment(text, self._ink_style(ink, message_id)) for text, ink in pieces]
            tinted = pieces and pieces[-1][1] in (Ink.COMMENT, Ink.COMMENT_LINK)
            fill = self._style(Ink.COMMENT) if tinted else self.rich_style
            strip = Strip(segments).adjust_cell_length(width, fill)
            self._strips[message_id, part] = strip
        selected = self.text_selection.get_span(line) if self.text_selection is not None else None
        if selected is not None:
            strip = self._marked(strip, *selected)
        return strip.apply_offsets(0, line)

    def _marked(self, strip: Strip, start: int, end: int) -> Strip:
        """A line with the selected part of it marked; columns count cells, an end of -1 is the end of the line."""
        end = strip.cell_length if end == -1 else min(end, strip.cell_length)
        start = min(start, end)
        style = self.screen.get_component_rich_style("screen--selection")
        parts = [strip.crop(0, start), strip.crop(start, end).apply_style(style), strip.crop(end)]
        return Strip.join(parts)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The selected text, without the bars and headings' fillings at the ends of lines."""
        rows = (row for line in self._lines for row in self._laid[line.message.id][3])
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
            if not self._at_end and new_value >= self.max_scroll_y - self.size.height:
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
        if not self._at_end and self._source is not None and self._around is not None:
            self.show(self._source, self._around)
            return
        self.scroll_to(y=self.max_scroll_y, animate=False, force=True)
        self._saw_bottom()

    def action_oldest(self) -> None:
        """Go to the contact's very first line."""
        if self._source is None:
            return
        if not self._at_start:
            self._lines = self._source.lines(after=(0, ""), limit=PAGE)
            self._at_start, self._at_end = True, len(self._lines) < PAGE
            self._forget()
            self._measure()
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
        """Park the terminal's cursor at the newest line in sight."""
        region = self.content_region
        self.app.cursor_position = Offset(region.x, region.bottom - 1)

    def on_click(self, event: Click) -> None:
        """A click on the bar of new messages shows them; one on a link asks where it leads."""
        linked = event.style.meta.get("links of")
        if isinstance(linked, str) and self.text_selection is None:
            self.post_message(self.LinkClicked(linked))
        if self._unseen and event.y == self.size.height - 1:
            self.action_newest()
