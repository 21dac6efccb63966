"""A contact's timeline in pages, and the card that the contact panel shows."""

from __future__ import annotations

import msgspec

from ismsg_tui.domain.entities import Contact, Conversation, Message
from ismsg_tui.domain.ids import Part, command_of, derived_id
from ismsg_tui.store import outbox
from ismsg_tui.store.connection import Connection
from ismsg_tui.store.outbox import OutboxState
from ismsg_tui.store.rows import CONTACT, CONVERSATION, MESSAGE, NEWEST_FIRST

Place = tuple[int, str]
"""A place in a timeline: time and id of a line."""


class Line(msgspec.Struct, frozen=True):
    """A line of the timeline and, where its command has not left yet, how far that has come."""

    message: Message
    outbox: OutboxState | None = None
    held_until: int = 0
    """Until then it can still be taken back; milliseconds, 0 if it is not held."""

    @property
    def place(self) -> Place:
        """Where the line stands."""
        return self.message.at, self.message.id


def timeline_page(
    connection: Connection,
    contact_id: str,
    *,
    before: Place | None = None,
    after: Place | None = None,
    limit: int = 50,
) -> list[Line]:
    """Lines in order of time: the newest ones, those before a place, or those after one."""
    comparison, order, place = "", "DESC", None
    if after is not None:
        comparison, order, place = "AND (at, id) > (?, ?)", "ASC", after
    elif before is not None:
        comparison, place = "AND (at, id) < (?, ?)", before
    rows = connection.execute(
        f"{MESSAGE.select} WHERE contact_id = ? {comparison} ORDER BY at {order}, id {order} LIMIT ?",
        (contact_id, *(place or ()), limit),
    )
    messages = [MESSAGE.decode(row) for row in rows]
    if order == "DESC":
        messages.reverse()
    commands = [command_of(message.id, Part.MAIN) for message in messages]
    waiting = {derived_id(entry.issued.id, Part.MAIN): entry for entry in outbox.waiting(connection, commands)}
    lines = []
    for message in messages:
        entry = waiting.get(message.id)
        lines.append(Line(message, entry.state, entry.hold_until) if entry else Line(message))
    return lines


def messages_with_files(connection: Connection, contact_id: str, limit: int = 200) -> list[Message]:
    """The contact's newest messages that hold files, the newest first; looks at every message, so not on the loop."""
    rows = connection.execute(
        f"{MESSAGE.select} WHERE contact_id = ? AND attachments <> '[]' ORDER BY at DESC, id DESC LIMIT ?",
        (contact_id, limit),
    )
    return [MESSAGE.decode(row) for row in rows]


class ContactCard(msgspec.Struct, frozen=True):
    """A contact with its conversations, newest first."""

    contact: Contact
    conversations: list[Conversation]

    @property
    def current(self) -> Conversation | None:
        """The newest conversation, open or not."""
        return self.conversations[0] if self.conversations else None


def contact_card(connection: Connection, contact_id: str, *, conversations: int = 20) -> ContactCard | None:
    """The contact and its newest conversations; None if there is no such contact."""
    row = connection.execute(f"{CONTACT.select} WHERE id = ?", (contact_id,)).fetchone()
    if row is None:
        return None
    found = connection.execute(
        f"{CONVERSATION.select} WHERE contact_id = ? ORDER BY {NEWEST_FIRST} LIMIT ?",
        (contact_id, conversations),
    )
    return ContactCard(CONTACT.decode(row), [CONVERSATION.decode(item) for item in found])
