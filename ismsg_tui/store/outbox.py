"""The outbox: commands that are carried out here and not yet confirmed by an authority."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any

import msgspec

from ismsg_tui.domain.commands import Issued
from ismsg_tui.domain.ids import Part, derived_id
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
    return [_entry(row) for row in rows]


def find(connection: Connection, command_id: str) -> OutboxEntry | None:
    """The entry of a command, if the outbox has it."""
    row = connection.execute(f"{_SELECT} WHERE id = ?", (command_id,)).fetchone()
    return _entry(row) if row else None


def entries(connection: Connection, *states: OutboxState) -> list[OutboxEntry]:
    """Every command in one of the states, oldest first."""
    holes = ", ".join("?" for _ in states)
    return [_entry(row) for row in connection.execute(f"{_SELECT} WHERE state IN ({holes}) ORDER BY n", states)]


def stuck(connection: Connection, scope: str | None = None) -> list[OutboxEntry]:
    """The commands that wait for the agent, of one scope or of all: refused ones, and those that are asked about."""
    where = "scope = ? AND " if scope else ""
    rows = connection.execute(
        f"{_SELECT} INDEXED BY outbox_stuck WHERE {where}state IN ('refused', 'asking') ORDER BY n",
        (scope,) if scope else (),
    )
    return [_entry(row) for row in rows]


FILES = """coalesce(
    json_extract(issued, '$.command.attachments'), json_extract(issued, '$.command.snippet.attachments'), '[]'
)"""
"""The files of a command, in SQL: those of a message, or those that are kept with a snippet."""
_WAITS_FOR_FILES = (
    f"EXISTS (SELECT 1 FROM json_each({FILES}) AS file "
    "LEFT JOIN blob ON blob.sha256 = json_extract(file.value, '$.sha256') WHERE blob.there IS NOT 1)"
)
_SNIPPET = """
    coalesce(json_extract(issued, '$.command.snippet.id'), json_extract(issued, '$.command.snippet_id')) AS snippet,
    json_extract(issued, '$.command.snippet.name') AS name,
    (SELECT json_extract(image, '$.name') FROM outbox_image
        WHERE outbox_image.n = outbox.n AND tbl = 'snippet' LIMIT 1) AS old_name
"""
"""Which snippet a command is about, in SQL; the name that it gives it, and the one that it had."""
LONGEST_HOLD = 2 * 3_600_000
"""Nothing is held for longer, in milliseconds: what seems to be was given before the clock was set back."""
_OVERTAKING = ("message.send", "comment.add", "read.mark", "read.unmark")
"""Commands that need not wait for the files of a message before them."""


def ready(connection: Connection, now: int, limit: int) -> list[OutboxEntry]:
    """The commands that may leave, oldest first.

    One that is held keeps back everything behind it in its scope. A message whose files are not with the authority, or
    that the agent is asked about, keeps back what changes the conversation, and so what follows that; other messages go
    past it, unless they quote it. A snippet whose files are not there waits alone, and with it any other that takes a
    name which it had or is to have.
    """
    held: set[str] = set()
    loading: set[str] = set()
    unknown: set[str] = set()  # messages that the authority has not heard of
    names: set[str] = set()  # those of snippets that wait
    found: list[OutboxEntry] = []
    rows = connection.execute(
        "SELECT n, id, issued, state, hold_until, seq, problem, scope, json_extract(issued, '$.command.type') AS kind, "
        f"json_extract(issued, '$.command.reply_to') AS quoted, {_SNIPPET}, "
        f"{_WAITS_FOR_FILES} AS waits FROM outbox WHERE state IN ('pending', 'sending', 'asking') ORDER BY n"
    )
    for row in rows:
        scope, name = row["snippet"] or row["scope"], _same_name(row["name"])
        waits = row["waits"] or row["quoted"] in unknown or row["state"] == OutboxState.ASKING or name in names
        if now < row["hold_until"] <= now + LONGEST_HOLD or (scope in loading and row["kind"] not in _OVERTAKING):
            held.add(scope)
        elif waits and scope not in held:
            loading.add(scope)
            unknown.add(derived_id(row["id"], Part.MAIN))
        elif scope not in held:
            found.append(_entry(row))
            if len(found) == limit:
                break
            continue
        names |= {name, _same_name(row["old_name"])} - {""}
    return found


def _same_name(name: str | None) -> str:
    """A snippet's name as it is compared with others."""
    return (name or "").strip().casefold()


def next_release(connection: Connection, now: int) -> int | None:
    """When the next held command may leave, in milliseconds; None if none is held."""
    found = connection.execute(
        "SELECT min(hold_until) FROM outbox WHERE state = 'pending' AND hold_until > ? AND hold_until <= ?",
        (now, now + LONGEST_HOLD),
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


_OLD = (
    "state = 'pending' AND NOT (hold_until > :now AND hold_until <= :held) "
    "AND json_extract(issued, '$.command.type') = 'message.send' "
    "AND abs(:now - max(json_extract(issued, '$.at'), hold_until)) > :age"
)


def ask_about_old(connection: Connection, now: int, age: int) -> set[str]:
    """Have the agent asked about messages that wait for longer than `age`; returns the scopes that changed.

    Only about those that surely have not left. A time ahead of `now` is as far from it as one behind it: the clock was
    set in between.
    """
    rows = connection.execute(
        f"UPDATE outbox SET state = 'asking' WHERE {_OLD} RETURNING scope",
        {"now": now, "age": age, "held": now + LONGEST_HOLD},
    )
    return {row["scope"] for row in rows}


def any_old(connection: Connection, now: int, age: int) -> bool:
    """Whether there is a message that the agent is to be asked about."""
    values = {"now": now, "age": age, "held": now + LONGEST_HOLD}
    return connection.execute(f"SELECT 1 FROM outbox WHERE {_OLD} LIMIT 1", values).fetchone() is not None


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


def _entry(row: Any) -> OutboxEntry:
    return OutboxEntry(
        row["n"],
        unpack(row["issued"], Issued),
        OutboxState(row["state"]),
        row["hold_until"],
        row["seq"],
        unpack(row["problem"], Refusal) if row["problem"] else None,
    )
