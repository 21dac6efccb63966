"""Picking one message of a conversation, to answer or to copy it, by keys and by the mouse."""

from __future__ import annotations

from bisect import bisect_left
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual import on
from textual.events import Click
from textual.geometry import Offset
from textual.strip import Strip

from ismsg_tui.actions import action
from ismsg_tui.domain.entities import Message, MessageKind
from ismsg_tui.domain.words import QUOTE_SIGN
from ismsg_tui.key_names import key_label
from ismsg_tui.store.timeline import Line
from ismsg_tui.widgets.line_window import LineSource
from ismsg_tui.widgets.timeline import Timeline
from ismsg_tui.widgets.timeline_entries import BARS, Ink, Row, Surroundings

_PICKED_BAR = "▌"


class PickingTimeline(Timeline):
    """A timeline with a mark that stands on one message, or on none."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"timeline--picked", "timeline--offer"}

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._picked: str | None = None

    @property
    def picked(self) -> Message | None:
        """The message under the mark."""
        index = self._picked_index
        return self._window.lines[index].message if index is not None else None

    @property
    def _picked_index(self) -> int | None:
        return self._window.index_of(self._picked) if self._picked is not None else None

    def show(self, source: LineSource | None, around: Surroundings | None) -> None:
        """Show a contact's newest lines, none of them picked."""
        self._picked = None
        super().show(source, around)

    def unpick(self) -> None:
        """Take the mark away."""
        self._picked = None
        self.refresh()

    def pick_older(self) -> bool:
        """Pick the message before, at first the newest in sight; returns whether there is one."""
        index, window = self._picked_index, self._window
        if index is None:
            bottom = self.scroll_offset.y + self.size.height
            # Before it was ever painted it has no height.
            index = len(window.lines) if self.follows else min(len(window.lines), bisect_left(window.tops, bottom))
        if not any(map(_may_be_picked, window.lines[:index])) and (shift := self._load_older()):
            self.scroll_to(y=self.scroll_offset.y + shift, animate=False, force=True)
            index = self._picked_index or index
        older = (at for at in reversed(range(index)) if _may_be_picked(window.lines[at]))
        return self._pick(next(older, None))

    def pick_newer(self) -> bool:
        """Pick the message after; returns whether there is one. After the newest none is picked."""
        index = self._picked_index
        if index is None:
            return False
        if not any(map(_may_be_picked, self._window.lines[index + 1 :])):
            self._load_newer()
            index = self._picked_index or 0
        newer = (at for at in range(index + 1, len(self._window.lines)) if _may_be_picked(self._window.lines[at]))
        found = self._pick(next(newer, None))
        if not found:
            self.unpick()
            self.action_newest()
        return found

    def pick_quoted(self) -> bool:
        """Pick what the picked message quotes, else what the newest that quotes one does; returns whether it does."""
        index = self._picked_index
        lines = reversed(self._window.lines) if index is None else [self._window.lines[index]]
        quoted = next((line.quoted for line in lines if line.quoted is not None), None)
        return quoted is not None and self._go_to(quoted)

    def _go_to(self, quoted: Message) -> bool:
        """Pick a message, in its context where it is far away."""
        around = self._window.around
        if around is None:
            return False
        if self._window.index_of(quoted.id) is None:
            self.show_at((quoted.at, quoted.id), around)
        return self._pick(self._window.index_of(quoted.id))

    def _pick(self, index: int | None) -> bool:
        if index is None:
            return False
        self._picked = self._window.lines[index].message.id
        top, end = self._window.tops[index], self._window.tops[index + 1]
        y = self.scroll_offset.y
        if top < y or end > y + self.size.height:
            self.scroll_to(y=top if top < y or end - top > self.size.height else end - self.size.height, animate=False)
        region = self.content_region
        self.app.cursor_position = Offset(region.x, region.y + max(0, end - 1 - self.scroll_offset.y))
        self.refresh()
        return True

    # Painting

    def render_line(self, y: int) -> Strip:
        """One line of the screen, marked where it belongs to the picked message."""
        strip = super().render_line(y)
        place = self._place(y)
        covered = self._unseen and y == self.size.height - 1
        if place is None or covered or self._window.lines[place[0]].message.id != self._picked:
            return strip
        rows = self._window.rows_of(self._window.lines[place[0]])
        if not _is_barred(rows[place[1]]):
            return strip
        style = self._paint.style("timeline--picked")
        first, *others = strip
        pieces = [Segment(_PICKED_BAR + first.text[1:], first.style), *others]
        if self.text_selection is None:  # which has a ground of its own
            pieces = [Segment(text, (old or style) + style.background_style) for text, old, _ in pieces]
        strip = Strip(pieces)
        offer = self._offer(place[0])
        if place[1] != self._offer_row(rows, cell_len(offer)):
            return strip
        return Strip.join(
            [
                strip.crop(0, strip.cell_length - cell_len(offer)),
                Strip([Segment(offer, self._paint.style("timeline--offer"))]),
            ]
        )

    def _place(self, y: int) -> tuple[int, int] | None:
        """The number of the line at a height of the screen, and which of its rows it is."""
        row = y + self.scroll_offset.y
        return self._window.at(row) if row < self._window.tops[-1] else None

    def _offer(self, index: int) -> str:
        """What can be done with the picked message."""
        keys = [("quote", "quote")] if _may_be_quoted(self._window.lines[index].message) else []
        keys.append(("copy_message", "copy"))
        return "".join(f" {key_label(action(name).current_keys[0])} {word} " for name, word in keys)

    def _offer_row(self, rows: list[Row], width: int) -> int | None:
        """The row of a message that has the most room at its end; None if that is too little."""
        free = {
            part: self._width - sum(cell_len(text) for text, _ in row)
            for part, row in enumerate(rows)
            if _is_barred(row)
        }
        part = max(free, key=lambda part: free[part], default=None)
        return part if part is not None and free[part] > width else None

    @on(Click)
    async def _pick_clicked(self, event: Click) -> None:
        """Pick a message, or do with it what was clicked."""
        at = event.get_content_offset(self)
        place = self._place(at.y) if at is not None else None
        if at is None or place is None or self.text_selection is not None:
            return
        index, part = place
        line = self._window.lines[index]
        if not _may_be_picked(line):
            return
        width = cell_len(self._offer(index))
        rows = self._window.rows_of(line)
        offered = line.message.id == self._picked and part == self._offer_row(rows, width)
        if offered and at.x >= self._width - width:
            copying = at.x >= self._width - cell_len(self._offer(index).rpartition("  ")[2])
            await self.screen.run_action("copy_message" if copying else "quote")
        elif line.quoted is not None and _is_quote(rows[part]):
            self._go_to(line.quoted)
        else:
            self._pick(index)

    # Keys

    def action_show_list(self) -> None:
        """Go back to the list; nothing stays picked."""
        self.unpick()
        super().action_show_list()

    async def action_write(self) -> None:
        """Start to write, quoting what is picked."""
        picked = self.picked
        await self.screen.run_action("quote" if picked and _may_be_quoted(picked) else "reply")


def _may_be_picked(line: Line) -> bool:
    return line.message.kind is not MessageKind.EVENT


def _may_be_quoted(message: Message) -> bool:
    return message.kind in (MessageKind.INCOMING, MessageKind.OUTGOING)


def _is_quote(row: Row) -> bool:
    return (QUOTE_SIGN, Ink.DIM) in row


def _is_barred(row: Row) -> bool:
    return bool(row) and row[0][0] in BARS
