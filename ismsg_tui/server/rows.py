"""Rows of the workspace in the table that holds them, and what is worked out from them as they are written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

import sqlalchemy as sa

from ismsg_tui.domain.commands import SNIPPETS
from ismsg_tui.domain.entities import (
    Contact,
    Conversation,
    ConversationStatus,
    Entity,
    Message,
    ReadMark,
    Snippet,
)
from ismsg_tui.domain.state import newness
from ismsg_tui.domain.wire import KIND_OF, pack_row, unpack_row
from ismsg_tui.server import tables

SETTINGS = "settings"
"""The scope of workspace, users and channels."""

Key = tuple[str, str]
"""Kind and id of a row."""


def kind_of(row: Entity) -> str:
    """The name of a row's kind."""
    return KIND_OF[type(row)]


def contact_of(row: Entity) -> str | None:
    """The contact whose row it is; None for settings and snippets."""
    match row:
        case Contact():
            return row.id
        case Conversation() | Message() | ReadMark():
            return row.contact_id
        case _:
            return None


def scope_of_row(row: Entity) -> str:
    """What a writer of the row locks: the contact, the snippets or the settings."""
    return contact_of(row) or (SNIPPETS if isinstance(row, Snippet) else SETTINGS)


def upsert(connection: sa.Connection, table: sa.Table, values: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, or replace those that have the same primary key; all of them name the same columns."""
    if values:
        connection.execute(_upsert(connection.dialect.name, table, frozenset(values[0])), list(values))


@cache
def _upsert(dialect: str, table: sa.Table, columns: frozenset[str]) -> sa.TextClause:
    into = _dialect(dialect).insert(table)
    keys = list(table.primary_key)
    changes = {name: into.excluded[name] for name in sorted(columns - {key.name for key in keys})}
    return _written(dialect, into.on_conflict_do_update(index_elements=keys, set_=changes), columns)


def insert_missing(connection: sa.Connection, table: sa.Table, values: Sequence[Mapping[str, Any]]) -> None:
    """Insert those rows that are not there; all of them name the same columns."""
    if values:
        connection.execute(_insert_missing(connection.dialect.name, table, frozenset(values[0])), list(values))


@cache
def _insert_missing(dialect: str, table: sa.Table, columns: frozenset[str]) -> sa.TextClause:
    return _written(dialect, _dialect(dialect).insert(table).on_conflict_do_nothing(), columns)


def _dialect(name: str) -> ModuleType:
    """How a database differs. That of the other one is not loaded: it takes 2 MiB and a tenth of a second."""
    return import_module(f"sqlalchemy.dialects.{name}")


def _written(dialect: str, statement: sa.Insert, columns: frozenset[str]) -> sa.TextClause:
    """A statement as text: SQLAlchemy writes one with ON CONFLICT out anew each time, which takes longest of all."""
    named = _dialect(dialect).dialect(paramstyle="named")
    return sa.text(str(statement.compile(dialect=named, column_keys=sorted(columns))))


# Statements that run with every command are put together once: that takes longer than running them.
_table, _state = tables.row.c, tables.contact_state.c
_ROWS = sa.select(_table.kind, _table.id, _table.body).where(
    _table.ws == sa.bindparam("ws"),
    _table.kind.in_(sa.bindparam("kinds", expanding=True)),
    _table.id.in_(sa.bindparam("ids", expanding=True)),
)
_STATES = sa.select(
    _state.contact_id, _state.assignee_id, _state.conversation_id, _state.last_at, _state.moved_rev
).where(_state.ws == sa.bindparam("ws"), _state.contact_id.in_(sa.bindparam("contacts", expanding=True)))


def read_row(connection: sa.Connection, ws: str, kind: str, id_: str) -> Entity | None:
    """One row, None if it is not there."""
    return read_rows(connection, ws, [(kind, id_)]).get((kind, id_))


def read_rows(connection: sa.Connection, ws: str, keys: Iterable[Key]) -> dict[Key, Entity]:
    """The rows of these kinds and ids; those that do not exist are left out."""
    wanted = {key for key in keys if "\0" not in key[1]}  # which no database takes for a text
    if not wanted:
        return {}
    bound = {"ws": ws, "kinds": sorted({kind for kind, _ in wanted}), "ids": [id_ for _, id_ in wanted]}
    found: dict[Key, Entity] = {}
    for kind, id_, body in connection.execute(_ROWS, bound):
        entity = unpack_row(kind, body.encode()) if (kind, id_) in wanted else None
        if entity is not None:
            found[kind, id_] = entity
    return found


def read_kinds(connection: sa.Connection, ws: str, kinds: Iterable[str]) -> list[Entity]:
    """Every row of these kinds, by id."""
    table = tables.row.c
    found = connection.execute(
        sa.select(table.kind, table.body).where(table.ws == ws, table.kind.in_(list(kinds))).order_by(table.id)
    )
    return [entity for kind, body in found if (entity := unpack_row(kind, body.encode())) is not None]


def write_rows(connection: sa.Connection, ws: str, rows: Sequence[Entity], seq: int) -> None:
    """Write the newest state of rows as one revision, and what follows from it: who may see which contact, and when.

    The scopes of the rows have to be locked.
    """
    # A conversation is closed before the next one is open, or both would be open for a moment.
    ordered = sorted(rows, key=lambda row: isinstance(row, Conversation) and row.status is ConversationStatus.OPEN)
    upsert(connection, tables.row, [_values(ws, row, seq) for row in ordered])
    _keep_states(connection, ws, rows, seq)


def _values(ws: str, row: Entity, seq: int) -> dict[str, Any]:
    is_open = isinstance(row, Conversation) and row.status is ConversationStatus.OPEN
    return {
        "ws": ws,
        "kind": kind_of(row),
        "id": row.id,
        "contact_id": contact_of(row),
        "rev": seq,
        "open_contact": contact_of(row) if is_open else None,
        "body": pack_row(row).decode(),
    }


def _keep_states(connection: sa.Connection, ws: str, rows: Sequence[Entity], seq: int) -> None:
    by_contact: dict[str, list[Entity]] = {}
    for row in rows:
        if (contact_id := contact_of(row)) is not None:
            by_contact.setdefault(contact_id, []).append(row)
    if not by_contact:
        return
    found = connection.execute(_STATES, {"ws": ws, "contacts": list(by_contact)})
    states: dict[str, dict[str, Any]] = {known.contact_id: dict(known._mapping) for known in found}
    newest = _newest(connection, ws, states, rows)
    changed: list[dict[str, Any]] = []
    moves: list[dict[str, Any]] = []
    for contact_id, own in by_contact.items():
        before = states.get(contact_id) or _new_state(contact_id)
        after = {**before, **_after(before, own, newest.get(contact_id), seq)}
        if after != states.get(contact_id):
            changed.append({"ws": ws, **after})
        if after["moved_rev"] != before["moved_rev"] and before["assignee_id"] is not None:
            moves.append({"ws": ws, "contact_id": contact_id, "rev": seq, "from_id": before["assignee_id"]})
    upsert(connection, tables.contact_state, changed)
    if moves:
        connection.execute(sa.insert(tables.move), moves)


def _new_state(contact_id: str) -> dict[str, Any]:
    return {"contact_id": contact_id, "assignee_id": None, "conversation_id": None, "last_at": 0, "moved_rev": 0}


def _newest(
    connection: sa.Connection, ws: str, states: Mapping[str, Mapping[str, Any]], rows: Sequence[Entity]
) -> dict[str, Conversation]:
    """The newest conversation of each contact whose conversations are written."""
    written = {row.contact_id for row in rows if isinstance(row, Conversation)}
    ids = [state["conversation_id"] for contact_id, state in states.items() if contact_id in written]
    known = read_rows(connection, ws, [("conversation", id_) for id_ in ids if id_ is not None])
    newest: dict[str, Conversation] = {}
    for row in (*known.values(), *rows):  # those that are known were read after they had been written
        if isinstance(row, Conversation):
            best = newest.get(row.contact_id)
            if best is None or newness(row) > newness(best):
                newest[row.contact_id] = row
    return newest


def _after(before: Mapping[str, Any], rows: Sequence[Entity], newest: Conversation | None, seq: int) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if newest is not None:
        changes["conversation_id"] = newest.id
    for row in rows:
        if isinstance(row, Message):
            changes["last_at"] = max(row.at, changes.get("last_at", before["last_at"]))
        elif isinstance(row, Contact) and row.assignee_id != before["assignee_id"]:
            changes |= {"assignee_id": row.assignee_id, "moved_rev": seq}
    return changes
