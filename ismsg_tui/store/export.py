"""What an authority left in this store, for one that has lost its memory and starts again from it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import msgspec

from ismsg_tui.domain.entities import Entity
from ismsg_tui.store import outbox
from ismsg_tui.store.connection import Connection, open_reader, open_writer
from ismsg_tui.store.outbox import OutboxState
from ismsg_tui.store.replica import read_replica
from ismsg_tui.store.rows import CHANNEL, CONTACT, CONVERSATION, MESSAGE, READ_MARK, SNIPPET, USER, WORKSPACE
from ismsg_tui.store.store import Store
from ismsg_tui.store.writing import restore_images

CHUNK = 1_000
"""How many rows are read at a time."""
_TABLES = (WORKSPACE, USER, CHANNEL, CONTACT, CONVERSATION, MESSAGE, READ_MARK, SNIPPET)


def truth(store: Store) -> list[tuple[int, Entity]]:
    """Every row as the authority last gave it, with its revision and in their order: without unconfirmed commands."""
    with closing(open_writer(store.path)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        try:
            for entry in reversed(outbox.entries(connection, *_UNCONFIRMED)):
                restore_images(connection, outbox.read_images(connection, entry.n))
            base = read_replica(connection).base
            return sorted(_rows(connection, base), key=lambda found: found[0])
        finally:
            connection.execute("ROLLBACK")


def adopted_rows(store: Store) -> Iterator[list[Entity]]:
    """The rows that came from no authority, some at a time: settings first, then contacts and what belongs to them.

    They are as they were before any command that is not confirmed.
    """
    with closing(open_reader(store.path)) as connection:
        before: dict[tuple[str, str], str | None] = {}
        for entry in outbox.entries(connection, *_UNCONFIRMED, OutboxState.ASKING):
            for table, row_id, image in outbox.read_images(connection, entry.n):
                before.setdefault((table, row_id), image)
        for part in _TABLES:
            columns = ", ".join(part.columns)
            found = connection.execute(f"SELECT {columns} FROM {part.name} WHERE rev = 0")
            while rows := found.fetchmany(CHUNK):
                known = [(dict(row), before.get((part.name, row["id"]), "")) for row in rows]
                yield [
                    part.decode(msgspec.json.decode(image) if image else row)
                    for row, image in known
                    if image is not None  # else a command has made it
                ]


def send_again(store: Store) -> None:
    """Queue again what the authority took and never gave back; it may only have known it in memory."""
    with closing(open_writer(store.path)) as connection:
        for entry in outbox.entries(connection, OutboxState.ACKNOWLEDGED):
            outbox.set_state(connection, entry.n, OutboxState.SENDING)


_UNCONFIRMED = (OutboxState.PENDING, OutboxState.SENDING, OutboxState.ACKNOWLEDGED)


def _rows(connection: Connection, base: int) -> Iterator[tuple[int, Entity]]:
    for table in _TABLES:
        columns = ", ".join((*table.columns, "rev"))
        for row in connection.execute(f"SELECT {columns} FROM {table.name} WHERE rev > ?", (base,)):
            yield row["rev"] - base, table.decode(row)
