"""Loading the state that a rule decides on."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from ismsg_tui.domain.commands import (
    AddComment,
    AssignContact,
    CreateContact,
    Issued,
    SendMessage,
    SetDelivery,
    SnippetCommand,
)
from ismsg_tui.domain.entities import Snippet, Workspace, read_mark_id
from ismsg_tui.domain.ids import Part, derived_id
from ismsg_tui.domain.state import Settings, State
from ismsg_tui.store.connection import Connection
from ismsg_tui.store.rows import (
    CHANNEL,
    CONTACT,
    CONVERSATION,
    MESSAGE,
    NEWEST_FIRST,
    READ_MARK,
    SNIPPET,
    USER,
    WORKSPACE,
    E,
    Table,
)

NO_WORKSPACE = Workspace(id="", name="")


def load_settings(connection: Connection) -> Settings:
    """Read the settings; before a workspace is set up it has no name and no users."""
    row = connection.execute(f"{WORKSPACE.select} LIMIT 1").fetchone()
    return Settings(
        WORKSPACE.decode(row) if row else NO_WORKSPACE,
        {row["id"]: USER.decode(row) for row in connection.execute(f"{USER.select} ORDER BY name, id")},
        {row["id"]: CHANNEL.decode(row) for row in connection.execute(f"{CHANNEL.select} ORDER BY name, id")},
    )


def load_state(connection: Connection, settings: Settings, issued: Issued) -> State:
    """The state on which `issued` is to be decided, no larger than the rules need."""
    command = issued.command
    base = State(workspace=settings.workspace, users=settings.users, channels=settings.channels)
    if isinstance(command, SnippetCommand):
        return msgspec.structs.replace(base, snippets=load_snippets(connection))
    contact_id = command.contact_id
    row = connection.execute(f"{CONTACT.select} WHERE id = ?", (contact_id,)).fetchone()
    if row is None or isinstance(command, CreateContact):
        return msgspec.structs.replace(base, contact=CONTACT.decode(row) if row else None)
    newest = connection.execute(
        f"{CONVERSATION.select} WHERE contact_id = ? ORDER BY {NEWEST_FIRST} LIMIT 1", (contact_id,)
    ).fetchone()
    lines = [derived_id(issued.id, Part.MAIN)]
    marked = [issued.actor.user_id]
    match command:
        case SetDelivery():
            lines.append(command.message_id)
        case SendMessage() if command.reply_to is not None:
            lines.append(command.reply_to)
        case AddComment():
            marked += command.mentions
        case AssignContact():
            marked.append(command.assignee_id)
    mark_ids = [read_mark_id(user_id, contact_id) for user_id in marked if user_id is not None]
    return msgspec.structs.replace(
        base,
        contact=CONTACT.decode(row),
        conversation=CONVERSATION.decode(newest) if newest else None,
        messages={message.id: message for message in load_ids(connection, MESSAGE, lines)},
        marks={mark.user_id: mark for mark in load_ids(connection, READ_MARK, mark_ids)},
    )


def load_ids(connection: Connection, table: Table[E], ids: Iterable[str]) -> list[E]:
    """The rows with these ids, in no particular order; those that do not exist are left out."""
    packed = msgspec.json.encode(list(ids)).decode()
    found = connection.execute(f"{table.select} WHERE id IN (SELECT value FROM json_each(?))", (packed,))
    return [table.decode(row) for row in found]


def load_snippets(connection: Connection) -> dict[str, Snippet]:
    """Every snippet by id, deleted ones among them."""
    return {row["id"]: SNIPPET.decode(row) for row in connection.execute(SNIPPET.select)}
