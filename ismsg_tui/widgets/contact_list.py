"""The list of contacts of a view, two lines a contact."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import ClassVar, NamedTuple

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import work
from textual.message import Message

from ismsg_tui import times
from ismsg_tui.clock import now_ms
from ismsg_tui.domain.entities import Channel, Delivery, MessageKind, User
from ismsg_tui.domain.text import one_line
from ismsg_tui.domain.views import Sort, Standing
from ismsg_tui.domain.words import span_words, undone_words
from ismsg_tui.store.lists import UNREAD_CAP, ListRow
from ismsg_tui.store.outbox import OutboxState
from ismsg_tui.widgets.line_list import LineList
from ismsg_tui.widgets.row_window import RowSource, RowWindow
from ismsg_tui.widgets.segments import fit, fitted, shown_line, wrapped

CHANNEL_CODES = {
    "whatsapp": "WA",
    "telegram": "TG",
    "messenger": "FB",
    "instagram": "IG",
    "line": "LN",
    "viber": "VB",
    "wechat": "WC",
    "sms": "SMS",
    "email": "@",
    "web": "WEB",
    "import": "IMP",
}


NEAR = 150
"""By how many rows a contact is thought to have moved down at most."""

REST = 0.15
"""Seconds without a key after which the list lets in what it held back."""
BREATH = 0.1
"""Seconds between two readings of the list, however often it changes."""

Base = tuple[str, ...]
"""The component classes that lie under every piece of a row."""


def channel_code(channel: Channel | None) -> str:
    """A channel in at most three letters."""
    return CHANNEL_CODES.get(channel.kind) or one_line(channel.kind, 3).upper() if channel else ""


def initials(name: str) -> str:
    """The first letters of the first and last word of a name."""
    words = shown_line(name).split()
    return "".join(one_line(word, 1) for word in (words[:1] + words[1:][-1:])).upper()


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
        self._reading = self._unread_changes = False
        self._position: Callable[[str], int | None] = lambda _: None
        self.users: Mapping[str, User] = {}
        self._company: Mapping[str, str] = {}
        """What teammates do with which contact, in words."""
        self.channels: Mapping[str, Channel] = {}
        self.user_id = ""
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
        """Read the rows on another thread; what changes meanwhile is read once more, a breath later."""
        self._unread_changes = True
        if self._reading:
            return
        self._reading = True
        try:
            while self._unread_changes and (window := self._window) is not None:
                self._unread_changes = False
                sight = self.rows_in_sight
                held = [row.contact_id for index in sight if (row := self.row_at(index)) is not None]
                reading = await asyncio.to_thread(_read, window.source, sight, held)
                if window is self._window:
                    self._take(reading)
                else:  # another list is shown, or the agent has done something: that was read before
                    self._unread_changes = True
                if self._unread_changes:
                    await asyncio.sleep(BREATH)
        finally:
            self._reading = False

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
        changed = {contact_id for contact_id, _ in before.items() ^ company.items()}
        for index in self.rows_in_sight:
            row = self.row_at(index)
            if row is not None and row.contact_id in changed:
                self.forget_row(index)

    def mark_opened(self, contact_id: str | None) -> None:
        """Mark the contact whose conversation is shown."""
        if contact_id != self.opened:
            before, self.opened = self.opened, contact_id
            for index in self.rows_in_sight:
                row = self.row_at(index)
                if row is not None and row.contact_id in (before, contact_id):
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
        lines = [blank, [Segment("  "), fitted(title, max(1, width - 2), self.style_of("list--empty"))], blank]
        lines += [[Segment("  " + line, self.style_of("list--dim"))] for line in wrapped(words, max(1, width - 4))]
        return lines

    def row_lines(self, index: int, width: int, *, selected: bool) -> list[list[Segment]]:
        """Name, channel and time above; direction, last message or draft, assignee and unread count below."""
        row = self.row_at(index)
        if row is None:
            return [[Segment("")], [Segment("")]]
        selected = selected and self._gap is None
        base = ("list--cursor",) if selected else ()
        return [self._first_line(row, width, base, selected), self._second_line(row, width, base)]

    def _first_line(self, row: ListRow, width: int, base: Base, selected: bool) -> list[Segment]:
        new = self.style_of(*base, "list--new") if row.unread or row.flagged else None
        dim = self.style_of(*base, "list--dim")
        mark = self._mark(row, selected)
        code = channel_code(self.channels.get(row.channel_id or ""))
        tail = f" {code}  {self._time(row):>6} "
        name_style = new or self.style_of(*base, "list--name")
        if row.status is Standing.SNOOZED:
            name_style = dim
        return [
            Segment(mark, self.style_of(*base, "list--mark")),
            fitted(row.name, width - cell_len(mark) - cell_len(tail), name_style),
            Segment(tail, new or dim),
        ]

    def _mark(self, row: ListRow, selected: bool) -> str:
        if selected and self.has_focus:
            return "▌ "
        return "▎ " if row.contact_id == self.opened else "  "

    def _time(self, row: ListRow) -> str:
        today = times.local(now_ms()).date()
        if row.status is Standing.SNOOZED and row.snoozed_until is not None:
            return "z" + times.short(row.snoozed_until, today)
        if self.sort is Sort.WAITING and row.waiting_since is not None:
            return span_words(now_ms() - row.waiting_since)
        return times.short(row.last_at, today)

    def _second_line(self, row: ListRow, width: int, base: Base) -> list[Segment]:
        plain, dim = self.style_of(*base), self.style_of(*base, "list--dim")
        user = self.users.get(row.assignee_id or "")
        owner = "" if user is None else "you" if user.id == self.user_id else initials(user.name)
        badge = self._badge(row)
        tail = f" {owner}{' ' if owner and badge else ''}"
        room = width - 2 - cell_len(tail) - cell_len(badge) - 1
        words, style = self._preview(row, base)
        company = self._company.get(row.contact_id, "")
        beside = " " + fit(company, min(room - 1, cell_len(shown_line(company)))) if company else ""
        return [
            Segment("  ", plain),
            fitted(words, room - cell_len(beside), style),
            Segment(beside, self.style_of(*base, "list--company")),
            Segment(tail, dim),
            Segment(fit(badge, cell_len(badge)), self.style_of(*base, "list--new")),
            Segment(" ", plain),
        ]

    def _badge(self, row: ListRow) -> str:
        if row.unread >= UNREAD_CAP:
            return f"{UNREAD_CAP - 1}+"
        return str(row.unread) if row.unread else "•" if row.flagged else ""

    def _preview(self, row: ListRow, base: Base) -> tuple[str, Style]:
        dim = self.style_of(*base, "list--dim")
        if row.unsent is not None and row.unsent_kind is not None:
            asking = row.unsent is OutboxState.ASKING
            words = f"{'?' if asking else '✗'} {undone_words(row.unsent_kind, asking=asking)}"
            return f"{words}: {row.unsent_text or ''}", self.style_of(*base, "list--failed")
        if row.draft:
            kind = "comment" if row.draft_is_comment else "draft"
            return f"✎ {kind}: {row.draft}", self.style_of(*base, "list--draft")
        if row.last_status is Delivery.FAILED:
            return f"✗ not sent: {row.last_text}", self.style_of(*base, "list--failed")
        if row.last_status is Delivery.UNCERTAIN:
            return f"? perhaps not sent: {row.last_text}", self.style_of(*base, "list--failed")
        if row.last_text is None:
            return "no message yet", dim
        if row.last_kind is MessageKind.OUTGOING:
            return f"→ {row.last_text}", dim
        return row.last_text, self.style_of(*base) if row.unread else dim
