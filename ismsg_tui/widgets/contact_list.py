"""The list of contacts of a view, two lines a contact."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Container, Hashable, Iterable, Mapping, Sequence
from typing import ClassVar, NamedTuple

from rich.segment import Segment
from textual import work
from textual.message import Message

from ismsg_tui.domain.views import Sort
from ismsg_tui.store.lists import ListRow
from ismsg_tui.widgets.contact_lines import Around, contact_lines
from ismsg_tui.widgets.line_list import LineList
from ismsg_tui.widgets.once_more import OnceMore
from ismsg_tui.widgets.row_window import RowSource, RowWindow
from ismsg_tui.widgets.segments import fitted, wrapped

NEAR = 150
"""By how many rows a contact is thought to have moved down at most."""

REST = 0.15
"""Seconds without a key after which the list lets in what it held back."""
BREATH = 0.1
"""Seconds between two readings of the list, however often it changes."""


class Reading(NamedTuple):
    """A list as it has become, and the rows that were in sight as they are now."""

    fresh: RowWindow
    newest: dict[str, ListRow]


def _read(source: RowSource, indexes: Iterable[int], contact_ids: Sequence[str]) -> Reading:
    fresh = RowWindow(source)
    fresh.refresh(indexes)
    return Reading(fresh, source.rows(list(contact_ids)) if contact_ids else {})


class ContactList(LineList):
    """Contacts in a view; what is new is green, bold and counted, so that no colour is needed to see it."""

    ROW_HEIGHT: ClassVar[int] = 2
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "list--cursor",
        "list--name",
        "list--new",
        "list--dim",
        "list--mark",
        "list--draft",
        "list--failed",
        "list--company",
        "list--empty",
    }

    class Entered(Message):
        """The agent goes into the conversation."""

    class Stirred(Message):
        """The list has changed, or holds a change back."""

        def __init__(self, control: ContactList) -> None:
            super().__init__()
            self.list = control

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._window: RowWindow | None = None
        self._waiting: RowWindow | None = None
        self._reading = OnceMore(self._read_once)
        self._position: Callable[[str], int | None] = lambda _: None
        self.around = Around()
        self._company: Mapping[str, str] = {}
        """What teammates do with which contact, in words."""
        self.opened: str | None = None
        """The contact whose conversation is shown beside the list."""
        self._gap: int | None = None
        """Where that contact stood before the agent's own doing took it out of the list, until the next step."""
        self.sort = Sort.NEWEST
        self.empty_words: tuple[str, str] = ("", "")
        """What to say, in bold and below it, when no contact is in the view."""

    def on_mount(self) -> None:
        """Be ready to look whether the keys rest."""
        self._rest = self.set_interval(REST, self._on_rest, pause=True)

    @property
    def row_count(self) -> int:
        """How many contacts the view shows."""
        return self._window.count if self._window else 0

    def row_at(self, index: int) -> ListRow | None:
        """The row at an index; None beyond the end."""
        return self._window.row(index) if self._window else None

    @property
    def highlighted(self) -> ListRow | None:
        """The row under the cursor; none while what is shown is in the list no more."""
        return self.row_at(self.cursor) if self._gap is None else None

    def show_rows(self, source: RowSource, sort: Sort, position: Callable[[str], int | None], cursor: int = 0) -> None:
        """Show another list from the top, the cursor on a row of it.

        `position` tells the index of a contact in the list, None if it is not there.
        """
        self._window, self.sort, self.cursor = RowWindow(source), sort, cursor
        self._position, self._waiting, self._gap = position, None, None
        self._window.refresh()
        self.scroll_to(y=0, animate=False, force=True)
        self.refresh_rows()
        self.keep_cursor_visible()

    def rows_changed(self, *, settle: bool = False) -> None:
        """Read the rows anew, off the loop. What would move the rows in sight waits until the agent moves.

        With `settle` it neither waits nor is read later: the agent's own doing is seen at once.
        """
        if self._window is None:
            return
        if settle:
            self._take(_read(self._window.source, self.rows_in_sight, ()), settle=True)
        else:
            self._read_soon()

    @work(group="rows", exit_on_error=False, description="read the list")
    async def _read_soon(self) -> None:
        """Read the rows on another thread."""
        await self._reading.run()

    async def _read_once(self) -> None:
        window = self._window
        if window is None:
            return
        sight = self.rows_in_sight
        held = [row.contact_id for index in sight if (row := self.row_at(index)) is not None]
        reading = await asyncio.to_thread(_read, window.source, sight, held)
        if window is self._window:
            self._take(reading)
        else:  # another list is shown, or the agent has done something: that was read before
            self._reading.wanted = True
        if self._reading.wanted:
            await asyncio.sleep(BREATH)

    def _take(self, reading: Reading, *, settle: bool = False) -> None:
        """Show what was read, or hold it back."""
        if self._window is None:
            return
        fresh, newest = reading
        sight = {index: self.row_at(index) for index in self.rows_in_sight}
        in_place = self._window.same_places(fresh, sight)
        self._waiting = None if settle or in_place else fresh
        if self._waiting is not None:
            self._window.replace(newest)
            self._repaint(sight)
        elif in_place and self.cursor in sight and fresh.count == self._window.count:
            self._window = fresh
            self._repaint(sight)
        else:
            place = self.cursor if self._gap is None else self._gap
            gone = self._let_in(fresh)
            self._gap = min(place, self.row_count) if gone and (settle or self._gap is not None) else None
        self.post_message(self.Stirred(self))

    def _repaint(self, sight: Mapping[int, ListRow | None]) -> None:
        """Paint those rows anew that are not what was in sight; what is out of sight is painted when it comes."""
        for index, row in sight.items():
            if row != self.row_at(index):
                self.forget_row(index)

    def painted_as(self, index: int) -> Hashable:
        """A row looks the same wherever it stands."""
        row = self.row_at(index)
        contact_id = row.contact_id if row else ""
        return row, contact_id == self.opened, self.has_focus, self._company.get(contact_id), self._gap is None

    @property
    def holds_back(self) -> bool:
        """Whether rows have changed places that are not shown yet."""
        return self._waiting is not None

    def step(self, rows: int) -> None:
        """Move the cursor to the row that is seen there; what was held back goes in once the keys rest.

        So a held key paints no more than the rows it leaves and reaches, and none of them moves meanwhile.
        """
        before = self.cursor
        if self._gap is None:
            super().step(rows)
        else:
            self.move_to(self._gap + rows - (rows > 0))  # nobody is passed by
        if self._waiting is not None and self.cursor == before:
            self._catch_up()  # it stands at an end, so that nothing else would let it go on
        elif self._waiting is not None:
            self._rest.reset()
            self._rest.resume()

    def move_to(self, index: int) -> None:
        """Put the cursor on a row; out of a gap, that is always another contact."""
        gap, self._gap = self._gap, None
        before = self.cursor
        super().move_to(index)
        if gap is not None and self.cursor == before:
            self.forget_row(before)
            self.post_message(self.Highlighted(self, before))

    def _on_rest(self) -> None:
        self._rest.pause()
        row = self.highlighted
        # A contact that has left the list stays until the next key: no other is put under the agent's hands.
        if row is None or self._position(row.contact_id) is not None:
            self._catch_up()

    def _catch_up(self) -> None:
        fresh, self._waiting = self._waiting, None
        if fresh is not None:
            gone = self._let_in(fresh)
            self.post_message(self.Stirred(self))
            if gone and self.row_count:
                self.post_message(self.Highlighted(self, self.cursor))

    def _let_in(self, fresh: RowWindow) -> bool:
        """Show `fresh`, the cursor and the place on screen staying with the contact they were on."""
        row, index = self.highlighted, self.cursor
        before = self.opened if self._gap is not None else row.contact_id if row else None
        self._window = fresh
        moved = self._place_of(before, index) if before is not None else None
        if moved is not None and moved != index:
            offset = self.scroll_offset.y
            self.cursor = moved
            self.rows_moved()
            if offset:
                y = max(0, offset + (moved - index) * self.ROW_HEIGHT)
                self.scroll_to(y=y, animate=False, force=True)
            self.keep_cursor_visible()
        else:
            self.rows_moved()
        return before is not None and moved is None

    def _place_of(self, contact_id: str, index: int) -> int | None:
        """The index of a contact that stood at `index`; a long list is counted through only if it is far from there."""
        for near in range(index, min(index + NEAR, self.row_count)):
            row = self.row_at(near)
            if row is not None and row.contact_id == contact_id:
                return near
        return self._position(contact_id)

    def show_company(self, company: Mapping[str, str]) -> None:
        """Say in each row what teammates do with the contact."""
        before, self._company = self._company, company
        self._forget({contact_id for contact_id, _ in before.items() ^ company.items()})

    def mark_opened(self, contact_id: str | None) -> None:
        """Mark the contact whose conversation is shown."""
        if contact_id != self.opened:
            before, self.opened = self.opened, contact_id
            self._forget((before, contact_id))

    def _forget(self, contact_ids: Container[str | None]) -> None:
        """Paint contacts anew."""
        for index in self.rows_in_sight:
            row = self.row_at(index)
            if row is not None and row.contact_id in contact_ids:
                self.forget_row(index)

    async def action_select(self) -> None:  # type: ignore[override]
        """Answer the contact, before the next key is looked at."""
        if self.row_count:
            await self.screen.run_action("answer")

    def action_show_conversation(self) -> None:
        """Go into the conversation."""
        self.post_message(self.Entered())

    def empty_lines(self, width: int) -> list[list[Segment]]:
        """Say why there is nobody here."""
        title, words = self.empty_words
        blank = [Segment("")]
        bold = self.style_of("list--empty")
        lines = [blank, [Segment("  ", bold), fitted(title, max(1, width - 2), bold)], blank]
        lines += [[Segment("  " + line, self.style_of("list--dim"))] for line in wrapped(words, max(1, width - 4))]
        return lines

    def row_lines(self, index: int, width: int, *, selected: bool) -> list[list[Segment]]:
        """The two lines of a contact."""
        row = self.row_at(index)
        if row is None:
            return [[Segment("")], [Segment("")]]
        selected = selected and self._gap is None
        mark = "▌ " if selected and self.has_focus else "▎ " if row.contact_id == self.opened else "  "
        company = self._company.get(row.contact_id, "")
        base = ("list--cursor",) if selected else ()
        return [
            [Segment(text, self.style_of(*base, *names)) for text, names in line]
            for line in contact_lines(row, width, self.around, mark=mark, company=company, sort=self.sort)
        ]
