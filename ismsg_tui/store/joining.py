"""Making a store that of a user in an authority's workspace."""

from __future__ import annotations

from ismsg_tui.domain.entities import Entity, User, Workspace
from ismsg_tui.store.connection import Connection
from ismsg_tui.store.loading import load_settings
from ismsg_tui.store.replica import read_replica
from ismsg_tui.store.rows import table_of
from ismsg_tui.store.store import Store
from ismsg_tui.store.writing import SETTINGS, delete_rows, write_rows


class StoreInUseError(Exception):
    """A store can't become that of another workspace or user."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"This inbox holds something of “{name or 'another workspace'}” already: choose another folder by --data."
        )


def check_free(store: Store, workspace_id: str, user_id: str) -> None:
    """Make sure that a store can be joined. Raises StoreInUseError."""
    _check(store.reader, workspace_id, user_id)


def join(store: Store, workspace: Workspace, user: User) -> None:
    """Make a store that of a user in an authority's workspace, of whom more is known once the first page has come.

    Nothing changes where it is so already. Raises StoreInUseError for a store that holds something of another's.
    """

    def write(writer: Connection) -> set[str]:
        if not _check(writer, workspace.id, user.id):
            return set()
        known = load_settings(writer)
        rows: list[Entity] = [known.workspace, *known.users.values(), *known.channels.values()]
        for row in rows:
            delete_rows(writer, table_of(row), [row.id])
        writer.execute("UPDATE replica SET user_id = ?, epoch = '', cursor = 0, adopted = 0", (user.id,))
        write_rows(writer, [workspace, user])
        return {SETTINGS}

    store.change(write)


def _check(connection: Connection, workspace_id: str, user_id: str) -> bool:
    """Whether the store is still to be joined."""
    place, workspace = read_replica(connection), load_settings(connection).workspace
    if place.user_id:
        if (workspace.id, place.user_id) != (workspace_id, user_id):
            raise StoreInUseError(workspace.name)
        return False
    held: int = connection.execute(
        "SELECT EXISTS (SELECT 1 FROM contact) OR EXISTS (SELECT 1 FROM message) OR EXISTS (SELECT 1 FROM snippet) "
        "OR EXISTS (SELECT 1 FROM outbox) OR EXISTS (SELECT 1 FROM draft)"
    ).fetchone()[0]
    if held:
        raise StoreInUseError(workspace.name)
    return True
