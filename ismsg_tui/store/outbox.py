"""The outbox: commands that are carried out here and not yet confirmed by an authority."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any

import msgspec

from ismsg_tui.domain.commands import Issued
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


_PLAYED = f"state IN ('{OutboxState.PENDING}', '{OutboxState.SENDING}', '{OutboxState.ACKNOWLEDGED}')"
_SELECT = "SELECT n, issued, state, hold_until, seq, problem FROM outbox"


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
    return [_entry(row) for row in rows]


def scopes_in_play(connection: Connection, scopes: Iterable[str]) -> list[str]:
    """Those of the scopes in whose tables the effect of some command stands."""
    wanted = msgspec.json.encode(list(scopes)).decode()
    rows = connection.execute(
        f"SELECT DISTINCT scope FROM outbox WHERE scope IN (SELECT value FROM json_each(?)) AND {_PLAYED}", (wanted,)
    )
    return [row["scope"] for row in rows]


def any_in_play(connection: Connection) -> bool:
    """Whether the effect of any command stands in the tables without being confirmed."""
    return connection.execute(f"SELECT 1 FROM outbox WHERE {_PLAYED} LIMIT 1").fetchone() is not None


def waiting(connection: Connection, command_ids: Iterable[str]) -> list[OutboxEntry]:
    """Those of the commands that no authority has taken yet."""
    wanted = msgspec.json.encode(list(command_ids)).decode()
    rows = connection.execute(
        f"{_SELECT} WHERE id IN (SELECT value FROM json_each(?)) AND state IN ('pending', 'sending')", (wanted,)
    )
    return [_entry(row) for row in rows]


def find(connection: Connection, command_id: str) -> OutboxEntry | None:
    """The entry of a command, if the outbox has it."""
    row = connection.execute(f"{_SELECT} WHERE id = ?", (command_id,)).fetchone()
    return _entry(row) if row else None


def entries(connection: Connection, *states: OutboxState) -> list[OutboxEntry]:
    """Every command in one of the states, oldest first."""
    holes = ", ".join("?" for _ in states)
    return [_entry(row) for row in connection.execute(f"{_SELECT} WHERE state IN ({holes}) ORDER BY n", states)]


FILES = """coalesce(
    json_extract(issued, '$.command.attachments'), json_extract(issued, '$.command.snippet.attachments'), '[]'
)"""
"""The files of a command, in SQL: those of a message, or those that are kept with a snippet."""
_WAITS_FOR_FILES = (
    f"EXISTS (SELECT 1 FROM json_each({FILES}) AS file "
    "LEFT JOIN blob ON blob.sha256 = json_extract(file.value, '$.sha256') WHERE blob.there IS NOT 1)"
)
_OVERTAKING = ("message.send", "comment.add", "read.mark", "read.unmark")
"""Commands that need not wait for the files of a message before them."""


def ready(connection: Connection, now: int, limit: int) -> list[OutboxEntry]:
    """The commands that may leave, oldest first.

    One that is held keeps back everything behind it in its scope. A message whose files are not with the authority
    keeps back what changes the conversation, and so what follows that; other messages go past it.
    """
    held: set[str] = set()
    loading: set[str] = set()
    found: list[OutboxEntry] = []
    rows = connection.execute(
        "SELECT n, issued, state, hold_until, seq, problem, scope, json_extract(issued, '$.command.type') AS kind, "
        f"{_WAITS_FOR_FILES} AS waits FROM outbox WHERE state IN ('pending', 'sending') ORDER BY n"
    )
    for row in rows:
        scope = row["scope"]
        if row["hold_until"] > now or (scope in loading and row["kind"] not in _OVERTAKING):
            held.add(scope)
        elif scope in held:
            continue
        elif row["waits"]:
            loading.add(scope)
        else:
            found.append(_entry(row))
            if len(found) == limit:
                break
    return found


def next_release(connection: Connection, now: int) -> int | None:
    """When the next held command may leave, in milliseconds; None if none is held."""
    found = connection.execute(
        "SELECT min(hold_until) FROM outbox WHERE state = 'pending' AND hold_until > ?", (now,)
    ).fetchone()
    return None if found is None else found[0]


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


def remove(connection: Connection, n: int) -> None:
    """Forget a command and its images."""
    connection.execute("DELETE FROM outbox WHERE n = ?", (n,))
    connection.execute("DELETE FROM outbox_image WHERE n = ?", (n,))


def unsent_messages(connection: Connection) -> int:
    """How many messages no authority has taken yet."""
    count: int = connection.execute(
        "SELECT count(*) FROM outbox WHERE state IN ('pending', 'sending') "
        "AND json_extract(issued, '$.command.type') = 'message.send'"
    ).fetchone()[0]
    return count


def _entry(row: Any) -> OutboxEntry:
    return OutboxEntry(
        row["n"],
        msgspec.json.decode(row["issued"], type=Issued),
        OutboxState(row["state"]),
        row["hold_until"],
        row["seq"],
        msgspec.json.decode(row["problem"], type=Refusal) if row["problem"] else None,
    )
