"""What agents have typed and not sent, one draft per user and contact."""

from __future__ import annotations

import msgspec

from ismsg_tui.domain.entities import Attachment
from ismsg_tui.domain.packing import unpack
from ismsg_tui.domain.text import clean
from ismsg_tui.store.connection import Connection


class Draft(msgspec.Struct, frozen=True):
    """An unsent text and the files to go with it; `comment` tells an internal comment from a reply."""

    text: str = ""
    comment: bool = False
    attachments: tuple[Attachment, ...] = ()
    reply_to: str | None = None
    """The id of the message that the reply quotes."""

    @property
    def blank(self) -> bool:
        """Whether nothing is written and no file is chosen; what it would quote does not count."""
        return not (self.text or self.attachments)


def read_draft(connection: Connection, user_id: str, contact_id: str) -> Draft:
    """The user's draft for a contact, empty if there is none."""
    row = connection.execute(
        "SELECT text, mode, attachments, reply_to FROM draft WHERE user_id = ? AND contact_id = ?",
        (user_id, contact_id),
    ).fetchone()
    if row is None:
        return Draft()
    attachments = unpack(row["attachments"], tuple[Attachment, ...])
    return Draft(row["text"], row["mode"] == "comment", attachments, row["reply_to"])


def drafted_at(connection: Connection, user_id: str, contact_id: str) -> int | None:
    """When the user's draft for a contact was kept last, in milliseconds; None if there is none."""
    values = (user_id, contact_id)
    row = connection.execute("SELECT at FROM draft WHERE user_id = ? AND contact_id = ?", values).fetchone()
    return row["at"] if row else None


def write_draft(connection: Connection, user_id: str, contact_id: str, draft: Draft, now: int) -> None:
    """Keep a draft; an empty one is forgotten."""
    text = clean(draft.text)
    if not text and not draft.attachments and draft.reply_to is None:
        connection.execute("DELETE FROM draft WHERE user_id = ? AND contact_id = ?", (user_id, contact_id))
        return
    mode = "comment" if draft.comment else "reply"
    connection.execute(
        "INSERT OR REPLACE INTO draft (user_id, contact_id, mode, text, attachments, reply_to, at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (user_id, contact_id, mode, text, msgspec.json.encode(draft.attachments).decode(), draft.reply_to, now),
    )


def put_back(connection: Connection, user_id: str, contact_id: str, draft: Draft, now: int) -> None:
    """Return a text that was not sent, above what the agent has typed since."""
    newer = read_draft(connection, user_id, contact_id)
    write_draft(connection, user_id, contact_id, put_above(draft, newer), now)


def put_above(draft: Draft, newer: Draft) -> Draft:
    """What comes of two drafts.

    Where one of the two is an internal comment, so is the whole: a contact must never be sent a part of one.
    """
    text, comment = draft.text, draft.comment
    if newer.text.strip():
        text, comment = f"{text}\n\n{newer.text}" if text else newer.text, comment or newer.comment
    files = tuple(dict.fromkeys([*draft.attachments, *newer.attachments]))
    return Draft(text, comment, files, newer.reply_to or draft.reply_to)
