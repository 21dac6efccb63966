"""What an agent wrote that did not get through, and that waits for the agent: as lines of the timeline.

There are three kinds: what the authority refused, which is in no table any more; what has waited so long that the agent
is asked before it leaves; and messages that were sent and failed on their channel, or may have.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec
from msgspec.structs import replace

from ismsg_tui.domain.commands import AddComment, CloseConversation, Issued, SendMessage
from ismsg_tui.domain.entities import Delivery, Event, EventType, Message, MessageKind
from ismsg_tui.domain.ids import Part, command_of, derived_id
from ismsg_tui.domain.state import Refusal
from ismsg_tui.store import outbox
from ismsg_tui.store.connection import Connection
from ismsg_tui.store.outbox import OutboxEntry, OutboxState
from ismsg_tui.store.rows import MESSAGE

Written = SendMessage | AddComment | CloseConversation
"""Commands that hold words of the agent, which must not get lost when they are refused."""

WORTH_SAYING = 30 * 24 * 3_600_000
"""For so long, in milliseconds, a message that failed on its channel waits for the agent."""


class Trouble(StrEnum):
    """Why something has not been sent."""

    REFUSED = "refused"
    """The authority said no."""
    ASKING = "asking"
    """It has waited so long that the agent is asked before it leaves."""
    FAILED = "failed"
    """The channel could not deliver it."""
    UNCERTAIN = "uncertain"
    """Whether the channel took it will never be known."""


class Unsent(msgspec.Struct, frozen=True):
    """Something that was not sent."""

    message: Message
    """The line that it has in the timeline: a message, a comment, or the event of a closing."""
    trouble: Trouble
    written_at: int
    """When it was written, which may be long before where it stands; milliseconds."""
    reason: str = ""
    """A sentence or a part of one; empty where nothing is to be said."""

    @property
    def id(self) -> str:
        """The id of its line."""
        return self.message.id

    @property
    def command_id(self) -> str:
        """The id of the command that it came from, if it came from this console."""
        return command_of(self.message.id, Part.MAIN)


_STUCK = f"state IN ('{OutboxState.REFUSED}', '{OutboxState.ASKING}')"
_WRITTEN = "('message.send', 'comment.add', 'conversation.close')"
STUCK_WRITTEN = f"{_STUCK} AND json_extract(issued, '$.command.type') IN {_WRITTEN}"
"""What a row of the outbox that waits for the agent and holds words satisfies; the index `outbox_stuck` serves it."""
_FAILED = (
    f"SELECT {', '.join(f'message.{column}' for column in MESSAGE.columns)} FROM message INDEXED BY message_failed "
    "JOIN inbox ON inbox.contact_id = message.contact_id AND inbox.conversation_id = message.conversation_id "
    f"WHERE message.status IN ('{Delivery.FAILED}', '{Delivery.UNCERTAIN}') "
    "AND message.author_id = :user AND message.at > :since "
    "AND NOT EXISTS (SELECT 1 FROM settled WHERE settled.message_id = message.id)"
)


def line_of(issued: Issued) -> Message | None:
    """The line that a refused command would have made; None for one that holds no words."""
    command = issued.command
    if not isinstance(command, Written):
        return None
    line = Message(
        id=derived_id(issued.id, Part.MAIN),
        contact_id=command.contact_id,
        kind=MessageKind.OUTGOING,
        at=issued.at,
        author_id=issued.actor.user_id,
        source=issued.actor.source,
    )
    match command:
        case SendMessage():
            files, quoted = command.attachments, command.reply_to
            return replace(line, text=command.text, channel_id=command.channel_id, attachments=files, reply_to=quoted)
        case AddComment():
            return replace(line, kind=MessageKind.COMMENT, text=command.text, mentions=command.mentions)
        case CloseConversation():
            category, summary = command.category or None, command.summary or None
            note = Event(type=EventType.CLOSED, source=line.source, category=category, summary=summary)
            return replace(line, kind=MessageKind.EVENT, event=note)


def refused_lines(connection: Connection, contact_id: str) -> list[tuple[Message, Refusal | None]]:
    """What was refused and is in no table any more, as the lines that it would have been, in order of time."""
    found = [
        (line, entry.problem)
        for entry in outbox.stuck(connection, contact_id)
        if entry.state is OutboxState.REFUSED and (line := line_of(entry.issued)) is not None
    ]
    return sorted(found, key=lambda pair: (pair[0].at, pair[0].id))


def untold(connection: Connection) -> list[tuple[Issued, Refusal]]:
    """What was refused, holds no words to be kept, and has not been told yet."""
    return [
        (entry.issued, entry.problem)
        for entry in outbox.stuck(connection)
        if entry.state is OutboxState.REFUSED and entry.problem is not None and line_of(entry.issued) is None
    ]


def unsent(connection: Connection, user_id: str, now: int, contact_id: str | None = None) -> list[Unsent]:
    """Everything of the user's, or of one contact, that waits for the agent, in order of time."""
    found = [
        item
        for entry in outbox.stuck(connection, contact_id)
        if entry.issued.actor.user_id == user_id and (item := _stuck(connection, entry)) is not None
    ]
    values = {"user": user_id, "since": now - WORTH_SAYING, "contact": contact_id}
    only = " AND message.contact_id = :contact" if contact_id else ""
    failed = (MESSAGE.decode(row) for row in connection.execute(_FAILED + only, values))
    found += [Unsent(message, Trouble(message.status or ""), message.at, message.error) for message in failed]
    return sorted(found, key=lambda item: (item.message.at, item.id))


def _stuck(connection: Connection, entry: OutboxEntry) -> Unsent | None:
    line = line_of(entry.issued)
    if line is None:
        return None
    if entry.state is OutboxState.REFUSED:
        return Unsent(line, Trouble.REFUSED, line.at, entry.problem.reason if entry.problem else "")
    row = connection.execute(f"{MESSAGE.select} WHERE id = ?", (line.id,)).fetchone()
    return Unsent(MESSAGE.decode(row) if row else line, Trouble.ASKING, entry.issued.at)


def unsent_count(connection: Connection, user_id: str, now: int) -> int:
    """How much of the user's waits for the agent."""
    stuck: int = connection.execute(
        f"SELECT count(*) FROM outbox INDEXED BY outbox_stuck WHERE {STUCK_WRITTEN} AND user_id = ?", (user_id,)
    ).fetchone()[0]
    failed: int = connection.execute(
        f"SELECT count(*) FROM ({_FAILED})", {"user": user_id, "since": now - WORTH_SAYING}
    ).fetchone()[0]
    return stuck + failed


def settle(connection: Connection, message_id: str) -> None:
    """The agent has dealt with something that was refused or has failed: it waits no longer."""
    entry = outbox.find(connection, command_of(message_id, Part.MAIN))
    if entry is not None and entry.state is OutboxState.REFUSED:
        outbox.remove(connection, entry.n)
    else:
        connection.execute("INSERT OR IGNORE INTO settled (message_id) VALUES (?)", (message_id,))
