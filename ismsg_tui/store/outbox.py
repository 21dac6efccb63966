"""The outbox: commands that are carried out here and not yet confirmed by an authority."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any

import msgspec

from ismsg_tui.domain.commands import Issued
from ismsg_tui.domain.packing import unpack
from ismsg_tui.domain.state import Refusal
from ismsg_tui.store.connection import Connection
from ismsg_tui.store.writing import Image


class OutboxState(StrEnum):
    """How far a command has come."""

    PENDING = "pending"
    """Waits for its moment or for a connection."""
    SENDING = "sending"
    """Handed to the authority; whether it arrived is not known."""
    ACKNOWLEDGED = "acknowledged"
    """The authority has it; the page with its effect is still to come."""
    ASKING = "asking"
    """Has waited so long that the agent is asked before it leaves; its effect stands meanwhile."""
    REFUSED = "refused"
    """The authority said no; kept with the reason until the agent has seen it."""


class OutboxEntry(msgspec.Struct, frozen=True):
    """One command of the outbox."""

    n: int
    issued: Issued
    state: OutboxState
    hold_until: int
    """Until then it can be taken back and does not leave; milliseconds."""
    seq: int | None = None
    problem: Refusal | None = None


_PLAYED = (
    f"state IN ('{OutboxState.PENDING}', '{OutboxState.SENDING}', '{OutboxState.ACKNOWLEDGED}', '{OutboxState.ASKING}')"
)
_SELECT = "SELECT n, issued, state, hold_until, seq, problem FROM outbox"
FILES = """coalesce(
    json_extract(issued, '$.command.attachments'), json_extract(issued, '$.command.snippet.attachments'), '[]'
)"""
"""The files of a command, in SQL: those of a message, or those that are kept with a snippet."""


def enqueue(
    connection: Connection, issued: Issued, scope: str, *, hold_until: int, images: Sequence[Image]
) -> OutboxEntry:
    """Add a command with the images of the rows that it replaced."""
    n = connection.execute(
        "INSERT INTO outbox (id, scope, user_id, issued, state, hold_until) VALUES (?, ?, ?, ?, ?, ?)",
        (
            issued.id,
            scope,
            issued.actor.user_id,
            msgspec.json.encode(issued).decode(),
            OutboxState.PENDING,
            hold_until,
        ),
    ).lastrowid
    if n is None:
        raise RuntimeError("SQLite gave no row number for an inserted command")
    write_images(connection, n, images)
    return OutboxEntry(n, issued, OutboxState.PENDING, hold_until)


def write_images(connection: Connection, n: int, images: Sequence[Image]) -> None:
    """Replace the images kept for command `n`."""
    connection.execute("DELETE FROM outbox_image WHERE n = ?", (n,))
    connection.executemany(
        "INSERT INTO outbox_image (n, part, tbl, row_id, image) VALUES (?, ?, ?, ?, ?)",
        [(n, part, *image) for part, image in enumerate(images)],
    )


def read_images(connection: Connection, n: int) -> list[Image]:
    """The images kept for command `n`, in the order in which the rows were written."""
    rows = connection.execute("SELECT tbl, row_id, image FROM outbox_image WHERE n = ? ORDER BY part", (n,))
    return [(row["tbl"], row["row_id"], row["image"]) for row in rows]


def played(connection: Connection, scope: str, since: int = 0) -> list[OutboxEntry]:
    """The commands from number `since` on whose effect stands in the tables of a scope, oldest first."""
    rows = connection.execute(f"{_SELECT} WHERE scope = ? AND n >= ? AND {_PLAYED} ORDER BY n", (scope, since))
    return [entry_of(row) for row in rows]


def scopes_in_play(connection: Connection, scopes: Iterable[str]) -> list[str]:
    """Those of the scopes in whose tables the effect of some command stands."""
    wanted = msgspec.json.encode(list(scopes)).decode()
    rows = connection.execute(
        f"SELECT DISTINCT scope FROM outbox WHERE scope IN (SELECT value FROM json_each(?)) AND {_PLAYED}", (wanted,)
    )
    return [row["scope"] for row in rows]


def all_in_play(connection: Connection) -> list[str]:
    """Every scope in whose tables the effect of some command stands."""
    return [row["scope"] for row in connection.execute(f"SELECT DISTINCT scope FROM outbox WHERE {_PLAYED}")]


def any_in_play(connection: Connection) -> bool:
    """Whether the effect of any command stands in the tables without being confirmed."""
    return connection.execute(f"SELECT 1 FROM outbox WHERE {_PLAYED} LIMIT 1").fetchone() is not None


def waiting(connection: Connection, command_ids: Iterable[str]) -> list[OutboxEntry]:
    """Those of the commands that no authority has taken yet."""
    wanted = msgspec.json.encode(list(command_ids)).decode()
    rows = connection.execute(
        f"{_SELECT} WHERE id IN (SELECT value FROM json_each(?)) AND state IN ('pending', 'sending', 'asking')",
        (wanted,),
    )
    return [entry_of(row) for row in rows]


def find(connection: Connection, command_id: str) -> OutboxEntry | None:
    """The entry of a command, if the outbox has it."""
    row = connection.execute(f"{_SELECT} WHERE id = ?", (command_id,)).fetchone()
    return entry_of(row) if row else None


def entries(connection: Connection, *states: OutboxState) -> list[OutboxEntry]:
    """Every command in one of the states, oldest first."""
    holes = ", ".join("?" for _ in states)
    return [entry_of(row) for row in connection.execute(f"{_SELECT} WHERE state IN ({holes}) ORDER BY n", states)]


def stuck(connection: Connection, scope: str | None = None) -> list[OutboxEntry]:
    """The commands that wait for the agent, of one scope or of all: refused ones, and those that are asked about."""
    where = "scope = ? AND " if scope else ""
    rows = connection.execute(
        f"{_SELECT} INDEXED BY outbox_stuck WHERE {where}state IN ('refused', 'asking') ORDER BY n",
        (scope,) if scope else (),
    )
    return [entry_of(row) for row in rows]


def set_state(
    connection: Connection,
    n: int,
    state: OutboxState,
    *,
    seq: int | None = None,
    problem: Refusal | None = None,
) -> None:
    """Move a command on."""
    packed = msgspec.json.encode(problem).decode() if problem else None
    connection.execute("UPDATE outbox SET state = ?, seq = ?, problem = ? WHERE n = ?", (state, seq, packed, n))


def let_go(connection: Connection, n: int, now: int) -> None:
    """Have a command that was asked about leave; its age counts from now on."""
    connection.execute("UPDATE outbox SET state = ?, hold_until = ? WHERE n = ?", (OutboxState.PENDING, now, n))


def set_refused(connection: Connection, n: int, issued: Issued, problem: Refusal) -> None:
    """Keep a refused command with the reason; `issued` says where it stood in the timeline."""
    packed = msgspec.json.encode(issued).decode()
    connection.execute("UPDATE outbox SET issued = ? WHERE n = ?", (packed, n))
    set_state(connection, n, OutboxState.REFUSED, problem=problem)


def remove(connection: Connection, n: int) -> None:
    """Forget a command and its images."""
    connection.execute("DELETE FROM outbox WHERE n = ?", (n,))
    connection.execute("DELETE FROM outbox_image WHERE n = ?", (n,))


class Counts(msgspec.Struct, frozen=True):
    """How much of the outbox is where."""

    unsent: int = 0
    """Commands that no authority has taken yet, those that are asked about among them."""
    refused: int = 0
    """Commands that the authority refused and that the agent has not dealt with."""
    asking: int = 0
    """Messages that are too old to leave before the agent says so."""


def counts(connection: Connection) -> Counts:
    """How much of the outbox is where."""
    found: dict[str, int] = dict(connection.execute("SELECT state, count(*) FROM outbox GROUP BY state").fetchall())
    asking = found.get(OutboxState.ASKING, 0)
    unsent = found.get(OutboxState.PENDING, 0) + found.get(OutboxState.SENDING, 0) + asking
    return Counts(unsent, found.get(OutboxState.REFUSED, 0), asking)


def confirm(connection: Connection, n: int) -> None:
    """Move a command out of the outbox whose effect has come from the authority; it is kept for a while."""
    connection.execute(
        "INSERT INTO confirmed SELECT n, id, scope, user_id, issued, json_extract(issued, '$.at') FROM outbox "
        "WHERE n = ?",
        (n,),
    )
    remove(connection, n)


def any_confirmed(connection: Connection, before: int) -> bool:
    """Whether a confirmed command is kept that was given before a time."""
    return connection.execute("SELECT 1 FROM confirmed WHERE at < ? LIMIT 1", (before,)).fetchone() is not None


def prune(connection: Connection, before: int) -> set[str]:
    """Forget the confirmed commands that were given before a time; no scope changes."""
    connection.execute("DELETE FROM confirmed WHERE at < ?", (before,))
    return set()


def send_all_again(connection: Connection) -> None:
    """Put every command that was confirmed or acknowledged back, in the old order, as perhaps unknown there."""
    connection.execute("UPDATE outbox SET state = 'sending', seq = NULL WHERE state = 'acknowledged'")
    connection.execute(
        "INSERT INTO outbox (n, id, scope, user_id, issued, state, hold_until) "
        "SELECT n, id, scope, user_id, issued, 'sending', 0 FROM confirmed ORDER BY n"
    )
    connection.execute("DELETE FROM confirmed")


def unsent_messages(connection: Connection) -> int:
    """How many messages no authority has taken yet."""
    count: int = connection.execute(
        "SELECT count(*) FROM outbox WHERE state IN ('pending', 'sending') "
        "AND json_extract(issued, '$.command.type') = 'message.send'"
    ).fetchone()[0]
    return count


def entry_of(row: Any) -> OutboxEntry:
    """An entry as it was read."""
    return OutboxEntry(
        row["n"],
        unpack(row["issued"], Issued),
        OutboxState(row["state"]),
        row["hold_until"],
        row["seq"],
        unpack(row["problem"], Refusal) if row["problem"] else None,
    )
