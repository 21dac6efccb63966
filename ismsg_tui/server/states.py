"""Loading what a command is decided on: the settings, which are kept in memory, and the part that the rules look at."""

from __future__ import annotations

import threading

import sqlalchemy as sa
from msgspec import Struct
from msgspec.structs import replace

from ismsg_tui.domain.commands import (
    AddComment,
    AssignContact,
    CreateContact,
    Issued,
    SaveSnippet,
    SendMessage,
    SetDelivery,
    SnippetCommand,
    scope_of,
)
from ismsg_tui.domain.entities import (
    Channel,
    Contact,
    Conversation,
    Message,
    ReadMark,
    Snippet,
    User,
    Workspace,
    read_mark_id,
)
from ismsg_tui.domain.ids import Part, derived_id
from ismsg_tui.domain.state import Settings, State
from ismsg_tui.server import tables
from ismsg_tui.server.errors import ProblemError
from ismsg_tui.server.rows import Key, insert_missing, read_kinds, read_rows

_workspace, _state = tables.workspace.c, tables.contact_state.c
_following = _workspace.seq + 1
_STANDING = sa.select(
    _workspace.id,
    _workspace.name,
    _workspace.epoch,
    _workspace.seq,
    _workspace.floor,
    _workspace.settings_rev,
    _workspace.restored_at,
).where(_workspace.id == sa.bindparam("id"))
_COUNT = (
    sa.update(tables.workspace)
    .where(_workspace.id == sa.bindparam("ws"))
    .values(seq=_following)
    .returning(_workspace.seq)
)
_COUNT_SETTINGS = _COUNT.values(settings_rev=_following)
_LOCK = (
    sa.select(_state.conversation_id, _state.last_at)
    .where(_state.ws == sa.bindparam("ws"), _state.contact_id == sa.bindparam("scope"))
    .with_for_update()
)
_LOCK_MANY = (
    sa.select(_state.contact_id)
    .where(_state.ws == sa.bindparam("ws"), _state.contact_id.in_(sa.bindparam("scopes", expanding=True)))
    .order_by(_state.contact_id)
    .with_for_update()
)


class Standing(Struct, frozen=True):
    """How far a workspace has come."""

    id: str
    name: str
    epoch: str
    head: int
    floor: int
    settings_rev: int
    restored_at: int


class Scope(Struct, frozen=True):
    """What is known of a locked scope."""

    conversation_id: str | None = None
    last_at: int = 0


def read_standing(connection: sa.Connection, ws: str) -> Standing:
    """How far a workspace has come. Raises ProblemError 404."""
    found = connection.execute(_STANDING, {"id": ws}).first()
    if found is None:
        raise ProblemError(404, "unknown-workspace", "There is no such workspace.")
    return Standing(*found)


def count_up(connection: sa.Connection, ws: str, *, settings: bool = False) -> int:
    """The next revision of a workspace; the last lock that a transaction takes. `settings` if those are changed."""
    return int(connection.execute(_COUNT_SETTINGS if settings else _COUNT, {"ws": ws}).scalar_one())


class SettingsCache:
    """The settings of each workspace as of their newest revision."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, tuple[tuple[str, int], Settings]] = {}

    def read(self, connection: sa.Connection, standing: Standing) -> Settings:
        """The settings of a workspace as of `standing`, which was read in the same transaction."""
        version = standing.epoch, standing.settings_rev
        with self._lock:
            known = self._known.get(standing.id)
        if known is not None and known[0] == version:
            return known[1]
        settings = _read_settings(connection, standing.id)
        if settings[1] == standing.settings_rev:
            with self._lock:
                self._known[standing.id] = version, settings[0]
        return settings[0]


def _read_settings(connection: sa.Connection, ws: str) -> tuple[Settings, int]:
    """The settings and the revision that they are of, which may be newer than what was read a moment ago."""
    rows = read_kinds(connection, ws, ("workspace", "user", "channel"))
    standing = read_standing(connection, ws)
    workspace = next((row for row in rows if isinstance(row, Workspace)), Workspace(id=ws, name=standing.name))
    users = {row.id: row for row in rows if isinstance(row, User)}
    channels = {row.id: row for row in rows if isinstance(row, Channel)}
    return Settings(workspace, users, channels), standing.settings_rev


def lock_scope(connection: sa.Connection, ws: str, scope: str, *, create: bool = False) -> Scope | None:
    """Let no other transaction write the scope until this one ends; None if there is no such scope, nor is to be."""
    if create:
        insert_missing(connection, tables.contact_state, [_unlocked(ws, scope)])
    found = connection.execute(_LOCK, {"ws": ws, "scope": scope}).first()
    return None if found is None else Scope(*found)


def lock_scopes(connection: sa.Connection, ws: str, scopes: set[str]) -> None:
    """Lock many scopes, made if missing, in an order that all writers keep to."""
    ordered = sorted(scopes)
    insert_missing(connection, tables.contact_state, [_unlocked(ws, scope) for scope in ordered])
    connection.execute(_LOCK_MANY, {"ws": ws, "scopes": ordered}).all()


def _unlocked(ws: str, scope: str) -> dict[str, object]:
    return {"ws": ws, "contact_id": scope, "last_at": 0, "moved_rev": 0}


def load_state(connection: sa.Connection, ws: str, settings: Settings, scope: Scope | None, issued: Issued) -> State:
    """The state on which `issued` is to be decided, no larger than the rules need."""
    base = State(workspace=settings.workspace, users=settings.users, channels=settings.channels)
    if isinstance(issued.command, SnippetCommand):
        return replace(base, snippets=_load_snippets(connection, ws, issued.command))
    if scope is None:
        return base
    found = read_rows(connection, ws, _wanted(scope, issued)).values()
    marks = (row for row in found if isinstance(row, ReadMark))
    return replace(
        base,
        contact=next((row for row in found if isinstance(row, Contact)), None),
        conversation=next((row for row in found if isinstance(row, Conversation)), None),
        messages={row.id: row for row in found if isinstance(row, Message)},
        marks={mark.user_id: mark for mark in marks},
    )


def _wanted(scope: Scope, issued: Issued) -> list[Key]:
    command, contact_id = issued.command, scope_of(issued.command)
    keys: list[Key] = [("contact", contact_id)]
    if isinstance(command, CreateContact):
        return keys
    if scope.conversation_id is not None:
        keys.append(("conversation", scope.conversation_id))
    keys.append(("message", derived_id(issued.id, Part.MAIN)))
    marked: list[str | None] = [issued.actor.user_id]
    match command:
        case SetDelivery():
            keys.append(("message", command.message_id))
        case SendMessage() if command.reply_to is not None:
            keys.append(("message", command.reply_to))
        case AddComment():
            marked += command.mentions
        case AssignContact():
            marked.append(command.assignee_id)
    return keys + [("read_mark", read_mark_id(user_id, contact_id)) for user_id in marked if user_id is not None]


def _load_snippets(connection: sa.Connection, ws: str, command: SnippetCommand) -> dict[str, Snippet]:
    """The snippet that is used or deleted; every one where a name has to be free."""
    if isinstance(command, SaveSnippet):
        rows = read_kinds(connection, ws, ["snippet"])
    else:
        rows = list(read_rows(connection, ws, [("snippet", command.snippet_id)]).values())
    return {row.id: row for row in rows if isinstance(row, Snippet)}
