"""Where the store stands with its authority, and how it takes leave of what the authority shows no more.

Revisions count within one history, and what a user may see decides what pages hold. Where either has changed, the store
is filled anew: every page comes again from the first. Each filling is a generation, and rows carry theirs in the high
bits of their revision. So a row of the new filling always replaces one of the old, wherever that was kept meanwhile;
beginning costs the same in a store of any size; and what is left of an old generation at the end is what is to go.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import msgspec

from ismsg_tui.domain.commands import SNIPPETS
from ismsg_tui.domain.packing import convert
from ismsg_tui.store.connection import Connection
from ismsg_tui.store.rows import CHANNEL, CONTACT, CONVERSATION, MESSAGE, READ_MARK, SNIPPET, USER, WORKSPACE, Table
from ismsg_tui.store.writing import SETTINGS, delete_rows

Place = tuple[int, str]
"""A place in the sweeping: which table, and the last id that was looked at."""

GENERATION = 1 << 40
"""How far apart the revisions of two generations are: more than a workspace ever counts."""

PARTS = (MESSAGE, CONVERSATION, READ_MARK, CONTACT, SNIPPET, CHANNEL, USER, WORKSPACE)
"""Every table, in the order in which rows go: no line stays without its contact, nothing without the settings."""


SHAPE = sha256(repr([(table.name, table.columns) for table in PARTS]).encode()).hexdigest()[:16]
"""What this version keeps of each row: one that keeps more has to ask for all rows again."""


class Replica(msgspec.Struct, frozen=True):
    """Where a store stands."""

    cursor: int
    """The revision up to which it holds the authority's rows."""
    user_id: str
    """Whose view of the workspace it is; empty for one's own workspace."""
    epoch: str
    """The history that `cursor` counts in; empty before the first meeting."""
    sight: int
    """What the user could see when the store was filled, as the authority counts that."""
    shape: str
    """What the version kept of each row that filled it."""
    generation: int
    rebuilding: int
    """While it is being filled, and older rows are shown until all have come: the newest revision as that began."""
    sweeping: int
    """Whether rows are still to be dropped that did not come again."""
    anew_at: int
    """When it was last filled anew without anybody asking; milliseconds."""
    anew_wanted: int
    """Whether somebody has asked for it to be filled anew."""
    adopted: int
    """How often rows were adopted that no authority has been given yet."""

    @property
    def base(self) -> int:
        """What is added to the revisions of this generation."""
        return self.generation * GENERATION


_SELECT = f"SELECT {', '.join(Replica.__struct_fields__)} FROM replica"


def read_replica(connection: Connection) -> Replica:
    """Where the store stands."""
    return convert(dict(connection.execute(_SELECT).fetchone()), Replica)


def begin_generation(connection: Connection, epoch: str, sight: int, head: int, anew_at: int | None) -> None:
    """Stand before the first page of another filling; `anew_at` is when, where nobody asked for it."""
    connection.execute(
        "UPDATE replica SET cursor = 0, epoch = ?, sight = ?, shape = ?, generation = generation + 1, rebuilding = ?, "
        "sweeping = 0, anew_wanted = 0, anew_at = coalesce(?, anew_at)",
        (epoch, sight, SHAPE, max(head, 1), anew_at),
    )


def disown(connection: Connection) -> None:
    """Stand before the first meeting with an authority, every row being one that was adopted."""
    for table in PARTS:
        connection.execute(f"UPDATE {table.name} SET rev = 0")
    connection.execute(
        "UPDATE replica SET cursor = 0, epoch = '', sight = 0, generation = 0, rebuilding = 0, sweeping = 0, "
        "adopted = adopted + 1"
    )


def move_cursor(connection: Connection, to: int, *, complete: bool) -> None:
    """Stand at revision `to`; once a new filling is complete, what it did not bring is to be swept."""
    connection.execute("UPDATE replica SET cursor = ?", (to,))
    if complete:
        connection.execute("UPDATE replica SET rebuilding = 0, sweeping = 1 WHERE rebuilding > 0")


def stand_filled(connection: Connection, cursor: int) -> None:
    """Stand at revision `cursor`, all rows having been replaced by such as count from the first generation."""
    connection.execute(
        "UPDATE replica SET cursor = ?, shape = ?, generation = 0, rebuilding = 0, sweeping = 0", (cursor, SHAPE)
    )


def forget_contact(connection: Connection, contact_id: str) -> None:
    """Delete every row of a contact, its drafts excepted."""
    for table in (MESSAGE, CONVERSATION, READ_MARK):
        rows = connection.execute(f"SELECT id FROM {table.name} WHERE contact_id = ?", (contact_id,))
        delete_rows(connection, table, [row["id"] for row in rows])
    delete_rows(connection, CONTACT, [contact_id])


class Stale(msgspec.Struct, frozen=True):
    """Some rows of one table that the last filling did not bring."""

    part: int
    """Which table: its place in the order in which tables are swept."""
    ids: list[str]
    scopes: set[str]

    @property
    def last(self) -> Place:
        """Where to go on looking."""
        return self.part, self.ids[-1]


def find_stale(connection: Connection, base: int, after: Place, limit: int) -> Stale | None:
    """The next rows of an old generation behind a place, None where there are none; own unconfirmed ones stay out."""
    for part in range(after[0], len(PARTS)):
        name = PARTS[part].name
        rows = connection.execute(
            f"SELECT id, {_scope(PARTS[part])} AS scope FROM {name} WHERE id > ? AND rev < ? AND id NOT IN ("
            "SELECT row_id FROM outbox_image WHERE tbl = ? AND image IS NULL) ORDER BY id LIMIT ?",
            (after[1] if part == after[0] else "", base, name, limit),
        ).fetchall()
        if rows:
            return Stale(part, [row["id"] for row in rows], {row["scope"] for row in rows})
    return None


def drop_stale(connection: Connection, stale: Stale, base: int) -> None:
    """Delete those of the rows that are still of an old generation."""
    table = PARTS[stale.part]
    wanted = msgspec.json.encode(stale.ids).decode()
    rows = connection.execute(
        f"SELECT id FROM {table.name} WHERE id IN (SELECT value FROM json_each(?)) AND rev < ?", (wanted, base)
    )
    delete_rows(connection, table, [row["id"] for row in rows])


def _scope(table: Table[Any]) -> str:
    """The scope of a row, in SQL."""
    if table is CONTACT:
        return "id"
    if table in (MESSAGE, CONVERSATION, READ_MARK):
        return "contact_id"
    return f"'{SNIPPETS if table is SNIPPET else SETTINGS}'"
