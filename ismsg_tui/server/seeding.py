"""Writing rows that no rule makes: workspace, users and channels, and history that is brought in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from msgspec import Struct

from ismsg_tui.domain.entities import Entity, User, Visibility, Workspace
from ismsg_tui.server import tables
from ismsg_tui.server.rows import SETTINGS, insert_missing, kind_of, read_rows, scope_of_row, write_rows
from ismsg_tui.server.states import count_up, lock_scopes

SEED_ROWS = 1_000
"""How many rows are one revision at most."""


class Seeded(Struct, frozen=True):
    """What was written, and as which revision; 0 where there was nothing to write."""

    seq: int
    rows: Sequence[Entity]


def seed_rows(connection: sa.Connection, ws: str, rows: Sequence[Entity], users: Mapping[str, User]) -> Seeded:
    """Write those rows that are not so already, as one revision; `users` are those of the workspace until now."""
    scopes = {scope_of_row(row) for row in rows}
    lock_scopes(connection, ws, scopes)
    known = read_rows(connection, ws, [(kind_of(row), row.id) for row in rows])
    changed = [row for row in rows if known.get((kind_of(row), row.id)) != row]
    if not changed:
        return Seeded(0, ())
    _keep_members(connection, ws, users, [row for row in changed if isinstance(row, User)])
    settings = any(scope_of_row(row) == SETTINGS for row in changed)
    seq = count_up(connection, ws, settings=settings)
    write_rows(connection, ws, changed, seq)
    for row in changed:
        if isinstance(row, Workspace) and row.id == ws:
            connection.execute(sa.update(tables.workspace).where(tables.workspace.c.id == ws).values(name=row.name))
    return Seeded(seq, changed)


def _keep_members(connection: sa.Connection, ws: str, users: Mapping[str, User], changed: Sequence[User]) -> None:
    """Note for whom the changes of users change what they may see."""
    insert_missing(connection, tables.member, [{"ws": ws, "user_id": user.id, "sight": 1} for user in changed])
    affected = {user.id for user in changed if user.id in users and _reach(user) != _reach(users[user.id])}
    if any(user.id in users and user.team != users[user.id].team for user in changed):
        after = {**users, **{user.id: user for user in changed}}
        affected |= {user.id for user in after.values() if user.visibility is Visibility.TEAM}
    if affected:
        table = tables.member
        connection.execute(
            sa.update(table)
            .where(table.c.ws == ws, table.c.user_id.in_(sorted(affected)))
            .values(sight=table.c.sight + 1)
        )


def _reach(user: User) -> tuple[object, ...]:
    return user.role, user.visibility, user.team, user.active
