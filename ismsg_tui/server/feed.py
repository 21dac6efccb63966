"""Pages of changes: the newest state of every row that changed since a revision, as far as somebody may see it.

A contact that came into sight, because it was assigned anew, comes whole at the revision at which that happened; one
that went out of sight is named in `gone`. What else may change what a user sees (role, visibility, team) is not told by
pages: the count `sight` changes, and the console begins anew.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence

import sqlalchemy as sa
from msgspec import Raw, Struct

from ismsg_tui.domain.entities import User
from ismsg_tui.domain.rights import sees, sees_all
from ismsg_tui.domain.wire import MOST_ROWS, PageBody
from ismsg_tui.server import tables
from ismsg_tui.server.states import Standing

MOST_MOVED = 200
"""How many contacts that came into sight a page holds, about: a revision is never split."""
MOST_SHARED, MOST_SHARED_ROWS = 64, 100
"""How many pages are kept for others, and the rows of the largest."""

Found = tuple[int, str, str, str]
"""Revision, kind, id and body."""

_row, _state, _move = tables.row.c, tables.contact_state.c, tables.move.c


class Reader(Struct, frozen=True):
    """Somebody who looks."""

    user_id: str
    holders: frozenset[str] | None
    """The users whose contacts he may see; None where that is every contact."""


def reader_of(users: Mapping[str, User], user_id: str) -> Reader:
    """What a user may see, as things are; nothing, if there is no such user."""
    user = users.get(user_id)
    if user is None:
        return Reader(user_id, frozenset())
    if sees_all(user):
        return Reader(user_id, None)
    return Reader(user_id, frozenset(other.id for other in users.values() if sees(user, other)))


def contacts_in_sight(
    connection: sa.Connection, ws: str, holders: Collection[str], contact_ids: Collection[str]
) -> frozenset[str]:
    """Those of some contacts that these users hold."""
    wanted = [contact_id for contact_id in contact_ids if "\0" not in contact_id]  # which no database takes for a text
    held = sa.select(_state.contact_id).where(
        _state.ws == ws, _state.contact_id.in_(wanted), _state.assignee_id.in_(holders)
    )
    return frozenset(connection.execute(held).scalars())


def read_page(
    connection: sa.Connection, standing: Standing, holders: Collection[str] | None, since: int, limit: int
) -> PageBody:
    """The rows that changed after `since`, about `limit` of them, for who sees the contacts of `holders`.

    The connection has to read one moment, the one of which `standing` is.
    """
    limit = max(1, min(limit, MOST_ROWS))
    gone: list[str] = []
    if holders is None:
        rows, to = _window(connection, standing, since, limit, sa.true())
    else:
        rows, to = _window(connection, standing, since, limit, _in_sight(standing.id, holders, since))
        if since:
            moved, to = _moved_in(connection, standing.id, holders, since, to)
            rows = [row for row in rows if row[0] <= to] + _whole(connection, standing.id, moved, to)
            rows.sort()
            gone = _moved_out(connection, standing.id, holders, since, to)
    spliced = [(rev, kind, Raw(body.encode())) for rev, kind, _, body in rows]
    return PageBody(since, to, standing.head, to < standing.head, spliced, gone)


class SharedPages:
    """Small pages that were read lately, for all who see the same; any thread may call.

    What a page holds follows from where the workspace stood and which contacts are seen: no row changes without the
    workspace coming further, and none is dropped without its floor rising. So where everybody looks at the same news,
    it is read once.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pages: dict[tuple[object, ...], PageBody] = {}

    def read(
        self, connection: sa.Connection, standing: Standing, holders: frozenset[str] | None, since: int, limit: int
    ) -> PageBody:
        """As `read_page`."""
        key = (standing.id, standing.epoch, standing.head, standing.floor, holders, since, limit)
        page = self._pages.get(key)
        if page is None:
            page = read_page(connection, standing, holders, since, limit)
            if len(page.rows) <= MOST_SHARED_ROWS:
                with self._lock:
                    while len(self._pages) >= MOST_SHARED:
                        del self._pages[next(iter(self._pages))]
                    self._pages[key] = page
        return page


def count_rows(connection: sa.Connection, ws: str, holders: Collection[str] | None) -> int:
    """How many rows somebody may see."""
    seen = sa.true() if holders is None else _in_sight(ws, holders, 0)
    count = connection.execute(sa.select(sa.func.count()).select_from(tables.row).where(_row.ws == ws, seen))
    return int(count.scalar_one())


def _window(
    connection: sa.Connection, standing: Standing, since: int, limit: int, seen: sa.ColumnElement[bool]
) -> tuple[list[Found], int]:
    """Rows in order of revision, and the revision up to which they are all; the last revision is whole."""
    # In order of revision alone, which an index has: a database that sorts by more reads far too much for it.
    asked = sa.select(_row.rev, _row.kind, _row.id, _row.body).where(_row.ws == standing.id, seen)
    wanted = asked.where(_row.rev > since, _row.rev <= standing.head).order_by(_row.rev).limit(limit)
    rows, to = _found(connection, wanted), standing.head
    if len(rows) == limit:
        to = rows[-1][0]
        rows = [row for row in rows if row[0] < to] + _found(connection, asked.where(_row.rev == to))
    return sorted(rows), to


def _found(connection: sa.Connection, query: sa.Select[tuple[int, str, str, str]]) -> list[Found]:
    return [tuple(row) for row in connection.execute(query)]


def _in_sight(ws: str, holders: Collection[str], since: int) -> sa.ColumnElement[bool]:
    """Rows of nobody, and those of contacts in sight that have been so since before `since`."""
    seen = sa.select(_state.contact_id).where(
        _state.ws == ws, _state.contact_id == _row.contact_id, _state.assignee_id.in_(holders)
    )
    if since:
        seen = seen.where(_state.moved_rev <= since)
    return sa.or_(_row.contact_id.is_(None), seen.exists())


def _moved_in(
    connection: sa.Connection, ws: str, holders: Collection[str], since: int, to: int
) -> tuple[list[str], int]:
    """The contacts that came into sight, and the revision up to which they are all."""
    query = sa.select(_state.moved_rev, _state.contact_id).where(_state.ws == ws, _state.assignee_id.in_(holders))
    moved = connection.execute(
        query.where(_state.moved_rev > since, _state.moved_rev <= to)
        .order_by(_state.moved_rev, _state.contact_id)
        .limit(MOST_MOVED)
    ).all()
    if len(moved) < MOST_MOVED:
        return [contact_id for _, contact_id in moved], to
    last = moved[-1][0]
    rest = connection.execute(query.where(_state.moved_rev == last)).all()
    return sorted({contact_id for _, contact_id in (*moved, *rest)}), last


def _whole(connection: sa.Connection, ws: str, contact_ids: Sequence[str], to: int) -> list[Found]:
    """Every row of these contacts up to a revision."""
    if not contact_ids:
        return []
    return _found(
        connection,
        sa.select(_row.rev, _row.kind, _row.id, _row.body).where(
            _row.ws == ws, _row.contact_id.in_(contact_ids), _row.rev <= to
        ),
    )


def _moved_out(connection: sa.Connection, ws: str, holders: Collection[str], since: int, to: int) -> list[str]:
    """The contacts that went out of sight."""
    here = sa.and_(_state.ws == _move.ws, _state.contact_id == _move.contact_id)
    query = (
        sa.select(_move.contact_id)
        .distinct()
        .select_from(tables.move.join(tables.contact_state, here))
        .where(_move.ws == ws, _move.from_id.in_(holders), _move.rev > since, _move.rev <= to)
        .where(sa.or_(_state.assignee_id.is_(None), _state.assignee_id.not_in(holders)))
        .order_by(_move.contact_id)
    )
    return [contact_id for (contact_id,) in connection.execute(query)]
