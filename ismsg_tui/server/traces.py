"""Traces of what is no more: that a contact was taken from somebody, that a snippet was deleted.

Consoles need them to let go of what went. After 90 days they are dropped, and the floor of the workspace rises to the
newest of them: a console that stands below may hold what nobody can tell it is gone, and has to begin anew.
"""

from __future__ import annotations

import sqlalchemy as sa

from ismsg_tui.domain.commands import SNIPPETS
from ismsg_tui.server import tables
from ismsg_tui.server.database import Database
from ismsg_tui.server.receipts import revision_before
from ismsg_tui.server.states import lock_scopes, read_standing

KEPT = 90 * 24 * 3_600_000
"""Milliseconds for which traces are kept at least."""

_BATCH = 500
_row, _move, _workspace = tables.row.c, tables.move.c, tables.workspace.c


def drop_old_traces(database: Database, now: int) -> int:
    """Forget the traces of everything that went more than 90 days ago; returns how many."""
    with database.read() as connection:
        workspaces = list(connection.execute(sa.select(_workspace.id).order_by(_workspace.id)).scalars())
    gone = 0
    for ws in workspaces:
        with database.write() as connection:
            if horizon := revision_before(connection, ws, now - KEPT):
                gone += _drop(connection, ws, horizon)
    return gone


def _drop(connection: sa.Connection, ws: str, horizon: int) -> int:
    """Forget the traces up to a revision."""
    # As every writer: first the scope whose rows go, and the workspace last. Moves are never written a second time.
    lock_scopes(connection, ws, {SNIPPETS})
    deleted = _deleted(connection, ws, read_standing(connection, ws).floor, horizon)
    moved = sa.and_(_move.ws == ws, _move.rev <= horizon)
    moves, last = connection.execute(sa.select(sa.func.count(), sa.func.max(_move.rev)).where(moved)).one()
    if not deleted and not moves:
        return 0
    ids = list(deleted)
    for start in range(0, len(ids), _BATCH):
        some = _row.id.in_(ids[start : start + _BATCH])
        connection.execute(sa.delete(tables.row).where(_row.ws == ws, _row.kind == "snippet", some))
    connection.execute(sa.delete(tables.move).where(moved))
    raise_floor(connection, ws, max(*deleted.values(), last or 0, 0))
    return len(deleted) + int(moves)


def raise_floor(connection: sa.Connection, ws: str, to: int) -> None:
    """Have whoever stands below a revision begin anew."""
    connection.execute(sa.update(tables.workspace).where(_workspace.id == ws).values(floor=to))


def _deleted(connection: sa.Connection, ws: str, after: int, to: int) -> dict[str, int]:
    """The deleted snippets of these revisions by id, with theirs."""
    # As `pack_row` writes it: within a text the quotes would have backslashes before them.
    marked = _row.body.like('%"deleted":true%')
    found = connection.execute(
        sa.select(_row.id, _row.rev).where(
            _row.ws == ws, _row.kind == "snippet", _row.rev > after, _row.rev <= to, marked
        )
    )
    return {known.id: known.rev for known in found}
