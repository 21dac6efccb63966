"""Which commands of the outbox may leave, and when."""

from __future__ import annotations

from ismsg_tui.domain.ids import Part, derived_id
from ismsg_tui.store.connection import Connection
from ismsg_tui.store.outbox import FILES, OutboxEntry, OutboxState, entry_of

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
            found.append(entry_of(row))
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
