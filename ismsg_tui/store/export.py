"""What was brought into this store by no authority, for one that is to know of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from ismsg_tui.domain.entities import Entity
from ismsg_tui.domain.packing import unpack_anything
from ismsg_tui.store import outbox
from ismsg_tui.store.connection import open_reader
from ismsg_tui.store.outbox import OutboxState
from ismsg_tui.store.rows import CHANNEL, CONTACT, CONVERSATION, MESSAGE, READ_MARK, SNIPPET, USER, WORKSPACE
from ismsg_tui.store.store import Store

CHUNK = 1_000
"""How many rows are read at a time."""
_TABLES = (WORKSPACE, USER, CHANNEL, CONTACT, CONVERSATION, MESSAGE, READ_MARK, SNIPPET)


def adopted_rows(store: Store) -> Iterator[list[Entity]]:
    """The rows that came from no authority, some at a time: settings first, then contacts and what belongs to them.

    They are as they were before any command that is not confirmed.
    """
    with closing(open_reader(store.path)) as connection:
        connection.execute("BEGIN")  # one moment: what is done meanwhile has a command, which is carried out
        before: dict[tuple[str, str], str | None] = {}
        for entry in outbox.entries(connection, *_UNCONFIRMED):
            for table, row_id, image in outbox.read_images(connection, entry.n):
                before.setdefault((table, row_id), image)
        for part in _TABLES:
            columns = ", ".join(part.columns)
            found = connection.execute(f"SELECT {columns} FROM {part.name} WHERE rev = 0")
            while rows := found.fetchmany(CHUNK):
                known = [(dict(row), before.get((part.name, row["id"]), "")) for row in rows]
                yield [
                    part.decode(unpack_anything(image) if image else row)
                    for row, image in known
                    if image is not None  # else a command has made it
                ]


_UNCONFIRMED = (OutboxState.PENDING, OutboxState.SENDING, OutboxState.ACKNOWLEDGED, OutboxState.ASKING)
