"""What agents have typed and not sent, one draft per user and contact."""

from __future__ import annotations

import msgspec

from ismsg_tui.domain.text import clean
from ismsg_tui.store.connection import Connection


class Draft(msgspec.Struct, frozen=True):
    """An unsent text; `comment` tells an internal comment from a reply."""

    text: str = ""
    comment: bool = False


def read_draft(connection: Connection, user_id: str, contact_id: str) -> Draft:
    """The user's draft for a contact, empty if there is none."""
    row = connection.execute(
        "SELECT text, mode FROM draft WHERE user_id = ? AND contact_id = ?", (user_id, contact_id)
    ).fetchone()
    return Draft(row["text"], row["mode"] == "comment") if row else Draft()


def write_draft(connection: Connection, user_id: str, contact_id: str, draft: Draft, now: int) -> None:
    """Keep a draft; an empty one is forgotten."""
    if not draft.text:
        connection.execute("DELETE FROM draft WHERE user_id = ? AND contact_id = ?", (user_id, contact_id))
        return
    connection.execute(
        "INSERT OR REPLACE INTO draft (user_id, contact_id, mode, text, at) VALUES (?, ?, ?, ?, ?)",
        (user_id, contact_id, "comment" if draft.comment else "reply", clean(draft.text), now),
    )


def put_back(connection: Connection, user_id: str, contact_id: str, draft: Draft, now: int) -> None:
    """Return a text that was not sent; what the agent has typed since stays below it."""
    newer = read_draft(connection, user_id, contact_id).text
    text = f"{draft.text}\n\n{newer}" if newer.strip() else draft.text
    write_draft(connection, user_id, contact_id, Draft(text, draft.comment), now)
