"""The contact lists: indexed, keyset-paged queries, one per view and order."""

from __future__ import annotations

from typing import Any

import msgspec

from ismsg_tui.domain.entities import Delivery, MessageKind, shown_name
from ismsg_tui.domain.packing import convert
from ismsg_tui.domain.search_text import match_query
from ismsg_tui.domain.views import SORTS, ContactStatus, Sort, View
from ismsg_tui.store.connection import Connection
from ismsg_tui.store.outbox import OutboxState
from ismsg_tui.store.unsent import STUCK_WRITTEN

UNREAD_CAP = 100
"""Unread messages are counted up to this many; a list shows `99+` from here on."""

VIEW_CONDITIONS = {
    View.NEW: "status = 'open' AND blocked = 0 AND assignee_id IS NULL",
    View.OPEN: "status = 'open' AND blocked = 0",
    View.ASSIGNED: "status IN ('open', 'snoozed') AND blocked = 0 AND assignee_id = :user",
    View.SNOOZED: "status = 'snoozed' AND blocked = 0",
    View.CLOSED: "status = 'closed'",
    View.ALL: "last_at > 0",
}
"""What each view asks of a row of `inbox`; `:user` is who looks."""
_KEY = {
    Sort.WAITING: ("waiting_key", False),
    Sort.NEWEST: ("last_at", True),
    Sort.OLDEST: ("last_at", False),
    Sort.WAKING: ("snoozed_until", False),
    Sort.CLOSED: ("closed_at", True),
}
_INDEX = {
    (View.NEW, "waiting_key"): "inbox_new_waiting",
    (View.NEW, "last_at"): "inbox_new_last",
    (View.OPEN, "waiting_key"): "inbox_open_waiting",
    (View.OPEN, "last_at"): "inbox_open_last",
    (View.ASSIGNED, "waiting_key"): "inbox_assigned_waiting",
    (View.ASSIGNED, "last_at"): "inbox_assigned_last",
    (View.SNOOZED, "snoozed_until"): "inbox_snoozed",
    (View.CLOSED, "closed_at"): "inbox_closed",
    (View.ALL, "last_at"): "inbox_all",
}
"""The index that answers a view in the order of a key alone; SQLite's planner, without statistics, may pick another."""


def _words_of(table: str) -> str:
    """The beginning of a message's or a draft's text; where there is only a file, its kind and name."""
    kind, name = (f"json_extract({table}.attachments, '$[0].{key}')" for key in ("kind", "name"))
    return (
        f"CASE WHEN {table}.text = '' AND {table}.attachments <> '[]' "
        f"THEN '[' || {kind} || '] ' || {name} ELSE substr({table}.text, 1, 400) END"
    )


_UNSENT_WORDS = """coalesce(
    nullif(json_extract(stuck.issued, '$.command.text'), ''), json_extract(stuck.issued, '$.command.summary'),
    '[' || json_extract(stuck.issued, '$.command.attachments[0].kind') || '] '
    || json_extract(stuck.issued, '$.command.attachments[0].name'), '')"""
_ROW = f"""
SELECT
    inbox.contact_id, inbox.status, inbox.assignee_id, inbox.waiting_since, inbox.snoozed_until, inbox.closed_at,
    inbox.last_at,
    contact.first_name, contact.last_name, contact.phone, contact.email,
    contact.channel_id, contact.blocked,
    last.kind AS last_kind, {_words_of("last")} AS last_text, last.status AS last_status,
    {_words_of("draft")} AS draft, coalesce(draft.mode = 'comment', 0) AS draft_is_comment,
    coalesce(mark.flagged, 0) AS flagged,
    stuck.state AS unsent, {_UNSENT_WORDS} AS unsent_text,
    CASE json_extract(stuck.issued, '$.command.type')
        WHEN 'message.send' THEN 'outgoing' WHEN 'comment.add' THEN 'comment' WHEN 'conversation.close' THEN 'event'
    END AS unsent_kind,
    CASE WHEN inbox.status IN ('open', 'snoozed') THEN (
        SELECT count(*) FROM (
            SELECT 1 FROM message WHERE contact_id = inbox.contact_id AND kind = 'incoming'
            AND at >= max(coalesce(mark.at + 1, 0), inbox.opened_at) LIMIT {UNREAD_CAP})
    ) ELSE 0 END AS unread
FROM inbox
JOIN contact ON contact.id = inbox.contact_id
LEFT JOIN message AS last ON last.id = inbox.last_id
LEFT JOIN read_mark AS mark ON mark.id = :user || ':' || inbox.contact_id
LEFT JOIN draft ON draft.contact_id = inbox.contact_id AND draft.user_id = :user
LEFT JOIN outbox AS stuck ON stuck.n = (
    SELECT max(n) FROM outbox INDEXED BY outbox_stuck WHERE scope = inbox.contact_id AND user_id = :user
    AND {STUCK_WRITTEN})
"""


class ListRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a list shows of one contact; texts are cut, not yet folded to one line."""

    contact_id: str
    first_name: str
    last_name: str
    phone: str
    email: str
    status: ContactStatus
    channel_id: str | None
    assignee_id: str | None
    blocked: bool
    waiting_since: int | None
    snoozed_until: int | None
    closed_at: int | None
    last_at: int
    last_kind: MessageKind | None
    last_text: str | None
    last_status: Delivery | None
    draft: str | None
    draft_is_comment: bool
    unsent: OutboxState | None = None
    """Whether something of the user's was refused or waits for a yes; of several the newest."""
    unsent_kind: MessageKind | None = None
    unsent_text: str | None = None
    flagged: bool
    """Marked unread, newly assigned or mentioned."""
    unread: int
    """Incoming messages of the open conversation not yet read by the user, up to UNREAD_CAP."""

    @property
    def name(self) -> str:
        """The name to show."""
        return shown_name(self.first_name, self.last_name, self.phone, self.email)


Position = tuple[int, str]
"""A place in a list: sort key and contact id. The key is the row's own, whichever column the order uses."""


class ListPage(msgspec.Struct, frozen=True):
    """Consecutive rows of a list with the places of its first and last row."""

    rows: list[ListRow]
    first: Position | None = None
    last: Position | None = None


def list_page(
    connection: Connection,
    view: View,
    user_id: str,
    *,
    sort: Sort | None = None,
    after: Position | None = None,
    before: Position | None = None,
    offset: int = 0,
    limit: int = 50,
    only: str = "",
) -> ListPage:
    """Rows of a view in its order: from the top, after a place, before a place, or from `offset` rows down.

    Paging by place costs the same anywhere in the list; `offset` is for jumps and steps over index entries only.
    `only` leaves those contacts whose name, phone or email holds every word of it.
    """
    key, descending = _KEY[sort or SORTS[view][0]]
    backwards = before is not None
    place = before or after
    down = descending is not backwards
    order = "DESC" if down else "ASC"
    where, match = _narrowed(view, only)
    if place is not None:
        where += f" AND ({key}, contact_id) {'<' if down else '>'} (:key, :contact)"
    page = (
        f"SELECT contact_id, {key} AS sort_key FROM inbox INDEXED BY {_INDEX[view, key]} WHERE {where} "
        f"ORDER BY {key} {order}, contact_id {order} LIMIT :limit OFFSET :offset"
    )
    values: dict[str, Any] = {"user": user_id, "limit": limit, "offset": offset, **match}
    if place is not None:
        values |= {"key": place[0], "contact": place[1]}
    places: list[Position] = [(row["sort_key"], row["contact_id"]) for row in connection.execute(page, values)]
    if backwards:
        places.reverse()
    if not places:
        return ListPage([])
    rows = rows_for(connection, user_id, [contact_id for _, contact_id in places])
    # Between the two queries another thread may have taken back the creation of a contact.
    return ListPage([rows[contact_id] for _, contact_id in places if contact_id in rows], places[0], places[-1])


def _narrowed(view: View, only: str) -> tuple[str, dict[str, str]]:
    """A view's condition and the values it binds, narrowed to the contacts that `only` finds."""
    match = match_query(only) if only else None
    if match is None:
        return VIEW_CONDITIONS[view], {}
    found = (
        "SELECT contact.id FROM contact_search JOIN contact ON contact.n = contact_search.rowid "
        "WHERE contact_search MATCH :match"
    )
    return f"{VIEW_CONDITIONS[view]} AND contact_id IN ({found})", {"match": match}


def rows_for(connection: Connection, user_id: str, contact_ids: list[str]) -> dict[str, ListRow]:
    """The list rows of these contacts by id, whatever view they are in."""
    wanted = msgspec.json.encode(contact_ids).decode()
    found = connection.execute(
        f"{_ROW} WHERE inbox.contact_id IN (SELECT value FROM json_each(:wanted))",
        {"user": user_id, "wanted": wanted},
    )
    return {row["contact_id"]: convert(dict(row), ListRow, strict=False) for row in found}


def list_position(
    connection: Connection, view: View, user_id: str, contact_id: str, *, sort: Sort | None = None, only: str = ""
) -> int | None:
    """How many rows stand above a contact in a view; None if the view does not show it."""
    key, descending = _KEY[sort or SORTS[view][0]]
    where, match = _narrowed(view, only)
    values = {"user": user_id, "contact": contact_id, **match}
    row = connection.execute(
        f"SELECT {key} AS sort_key FROM inbox WHERE contact_id = :contact AND {where}",
        values,
    ).fetchone()
    if row is None:
        return None
    above: int = connection.execute(
        f"SELECT count(*) FROM inbox INDEXED BY {_INDEX[view, key]} WHERE {where} "
        f"AND ({key}, contact_id) {'>' if descending else '<'} (:key, :contact)",
        {**values, "key": row["sort_key"]},
    ).fetchone()[0]
    return above


def view_count(connection: Connection, view: View, user_id: str, only: str = "") -> int:
    """How many contacts a view shows."""
    where, match = _narrowed(view, only)
    index = _INDEX[view, _KEY[SORTS[view][0]][0]]
    query = f"SELECT count(*) FROM inbox INDEXED BY {index} WHERE {where}"
    count: int = connection.execute(query, {"user": user_id, **match}).fetchone()[0]
    return count


def next_unread(
    connection: Connection, view: View, user_id: str, *, sort: Sort | None = None, after: str | None = None
) -> str | None:
    """The first contact below `after` in a view that has something unread, else the first of all; None if none has.

    Looks at one row after the other, so call it where that may take a moment.
    """
    key, descending = _KEY[sort or SORTS[view][0]]
    order = "DESC" if descending else "ASC"
    place = connection.execute(f"SELECT {key} AS sort_key FROM inbox WHERE contact_id = ?", (after,)).fetchone()
    values: dict[str, Any] = {"user": user_id, "contact": after, "key": place["sort_key"] if place else None}
    unread = (
        f"SELECT inbox.contact_id FROM inbox INDEXED BY {_INDEX[view, key]} "
        "LEFT JOIN read_mark AS mark ON mark.id = :user || ':' || inbox.contact_id "
        f"WHERE {VIEW_CONDITIONS[view]} AND inbox.contact_id IS NOT :contact AND (mark.flagged OR EXISTS ("
        "SELECT 1 FROM message WHERE contact_id = inbox.contact_id AND kind = 'incoming' "
        "AND at >= max(coalesce(mark.at + 1, 0), inbox.opened_at))) "
    )
    below = f"AND ({key}, inbox.contact_id) {'<' if descending else '>'} (:key, :contact) "
    for narrowed in ([below] if place else []) + [""]:
        found = connection.execute(
            f"{unread}{narrowed}ORDER BY {key} {order}, inbox.contact_id {order} LIMIT 1", values
        ).fetchone()
        if found is not None:
            contact_id: str = found["contact_id"]
            return contact_id
    return None


def due_to_wake(connection: Connection, now: int) -> list[str]:
    """Contacts whose snooze has ended, the longest over first."""
    rows = connection.execute(
        "SELECT contact_id FROM inbox WHERE status = 'snoozed' AND blocked = 0 AND snoozed_until <= ? "
        "ORDER BY snoozed_until, contact_id",
        (now,),
    )
    return [row["contact_id"] for row in rows]
