"""A contact's timeline in pages, and the card that the contact panel shows."""

from __future__ import annotations

import msgspec

from ismsg_tui.domain.entities import Contact, Conversation, Message, MessageKind
from ismsg_tui.domain.ids import Part, command_of, derived_id
from ismsg_tui.store import outbox
from ismsg_tui.store.connection import Connection
from ismsg_tui.store.loading import load_ids
from ismsg_tui.store.outbox import OutboxState
from ismsg_tui.store.rows import CONTACT, CONVERSATION, MESSAGE, NEWEST_FIRST
from ismsg_tui.store.unsent import refused_lines

Place = tuple[int, str]
"""A place in a timeline: time and id of a line."""

_MOST_WITH_FILES, _MOST_CONVERSATIONS = 200, 20


class Line(msgspec.Struct, frozen=True):
    """A line of the timeline and, where its command has not left yet, how far that has come."""

    message: Message
    outbox: OutboxState | None = None
    held_until: int = 0
    """Until then it can still be taken back; milliseconds, 0 if it is not held."""
    quoted: Message | None = None
    """The message that this one answers, where it quotes one that is here."""
    problem: str = ""
    """Why the authority refused it, for one that it refused."""

    @property
    def state(self) -> str | None:
        """How far a message, comment or closing has come, in one word for programs; None for what just happened."""
        if self.message.kind is MessageKind.INCOMING:
            return None
        if self.outbox is not None:
            return "waiting" if self.outbox is OutboxState.PENDING else self.outbox.value
        return self.message.status.value if self.message.status else None

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
    """Lines in order of time: the newest ones, those before a place, or those after one.

    What an authority refused is among them where it stood, although it is in no table any more.
    """
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
    refused = {line.id: (line, problem) for line, problem in refused_lines(connection, contact_id)}
    if refused:
        messages = _with_refused(messages, [line for line, _ in refused.values()], before, after, limit)
    commands = [command_of(message.id, Part.MAIN) for message in messages if message.id not in refused]
    waiting = {derived_id(entry.issued.id, Part.MAIN): entry for entry in outbox.waiting(connection, commands)}
    wanted = {message.reply_to for message in messages if message.reply_to is not None}
    quoted = {message.id: message for message in load_ids(connection, MESSAGE, wanted)} if wanted else {}
    lines = []
    for message in messages:
        entry, answered = waiting.get(message.id), quoted.get(message.reply_to or "")
        if message.id in refused:
            problem = refused[message.id][1]
            lines.append(Line(message, OutboxState.REFUSED, 0, answered, problem.reason if problem else ""))
        else:
            lines.append(Line(message, entry.state if entry else None, entry.hold_until if entry else 0, answered))
    return lines


def _with_refused(
    messages: list[Message], refused: list[Message], before: Place | None, after: Place | None, limit: int
) -> list[Message]:
    """A page of messages with the refused lines that belong into it, no longer than before."""

    def wanted(line: Message) -> bool:
        place = line.at, line.id
        return place > after if after is not None else before is None or place < before

    together = sorted([*messages, *filter(wanted, refused)], key=lambda line: (line.at, line.id))
    return together[:limit] if after is not None else together[-limit:]


def messages_with_files(connection: Connection, contact_id: str) -> list[Message]:
    """The contact's newest messages that hold files, the newest first."""
    rows = connection.execute(
        f"{MESSAGE.select} WHERE contact_id = ? AND attachments <> '[]' ORDER BY at DESC, id DESC LIMIT ?",
        (contact_id, _MOST_WITH_FILES),
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


def contact_card(connection: Connection, contact_id: str) -> ContactCard | None:
    """The contact and its newest conversations; None if there is no such contact."""
    row = connection.execute(f"{CONTACT.select} WHERE id = ?", (contact_id,)).fetchone()
    if row is None:
        return None
    found = connection.execute(
        f"{CONVERSATION.select} WHERE contact_id = ? ORDER BY {NEWEST_FIRST} LIMIT ?",
        (contact_id, _MOST_CONVERSATIONS),
    )
    return ContactCard(CONTACT.decode(row), [CONVERSATION.decode(item) for item in found])
