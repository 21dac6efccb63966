"""What webhooks tell: which events there are, which of them a command has caused, and what is said of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct
from sqlalchemy import Connection

from ismsg_tui.domain.commands import CreateContact, Issued, ReceiveMessage, SendMessage
from ismsg_tui.domain.entities import (
    Attachment,
    Channel,
    Contact,
    Conversation,
    ConversationStatus,
    Entity,
    EventType,
    Message,
    MessageKind,
    User,
)
from ismsg_tui.domain.ids import Part, derived_id
from ismsg_tui.server.rows import read_row

CONTACT_CREATED = "contact.created"
ASSIGNEE_UPDATED = "contact.assignee.updated"
OPENED = "conversation.opened"
CLOSED = "conversation.closed"
RECEIVED = "message.received"
SENT = "message.sent"
COMMENTED = "comment.created"
EVENTS = (CONTACT_CREATED, ASSIGNEE_UPDATED, OPENED, CLOSED, RECEIVED, SENT, COMMENTED)

_OF_LINE = {
    EventType.OPENED: OPENED,
    EventType.CLOSED: CLOSED,
    EventType.ASSIGNED: ASSIGNEE_UPDATED,
    EventType.UNASSIGNED: ASSIGNEE_UPDATED,
}


class Happened(Struct, frozen=True):
    """Something that may be told."""

    event: str
    contact_id: str
    line: Message | None = None
    """The line of the timeline that it is."""


def events_of(issued: Issued, rows: Sequence[Entity]) -> Iterator[Happened]:
    """What a command has caused, in the order in which it happened."""
    if isinstance(issued.command, CreateContact):
        yield from (Happened(CONTACT_CREATED, row.id) for row in rows if isinstance(row, Contact))
    made = {derived_id(issued.id, part) for part in Part}
    for row in rows:
        if not isinstance(row, Message) or row.id not in made:
            continue
        match row.kind:
            case MessageKind.INCOMING if isinstance(issued.command, ReceiveMessage):
                yield Happened(RECEIVED, row.contact_id, row)
            case MessageKind.OUTGOING if isinstance(issued.command, SendMessage):
                yield Happened(SENT, row.contact_id, row)
            case MessageKind.COMMENT:
                yield Happened(COMMENTED, row.contact_id, row)
            case MessageKind.EVENT if row.event is not None and row.event.type in _OF_LINE:
                yield Happened(_OF_LINE[row.event.type], row.contact_id, row)


def told(connection: Connection, ws: str, happened: Happened, rows: Sequence[Entity]) -> dict[str, object]:
    """What is said of an event beside its name and id, as things stand after the command that caused it."""
    line = happened.line
    contact = read_row(connection, ws, "contact", happened.contact_id)
    conversation = _conversation(connection, ws, line, rows)
    body: dict[str, object] = {}
    if isinstance(contact, Contact):
        body["contact"] = _contact(connection, ws, contact, is_open=_is_open(conversation))
    if line is None:
        return body
    match happened.event:
        case "message.received" | "message.sent":
            body |= {"message": _message(line), "channel": _channel(connection, ws, line.channel_id)}
        case "comment.created":
            author = _user(connection, ws, line.author_id)
            body["comment"] = {"id": line.id, "text": line.text, "author": author, "timestamp": line.at}
        case "conversation.opened" if conversation is not None:
            body["conversation"] = _opened(conversation)
        case "conversation.closed" if conversation is not None:
            body["conversation"] = _opened(conversation) | _closed(connection, ws, conversation)
    return body


def _conversation(connection: Connection, ws: str, line: Message | None, rows: Sequence[Entity]) -> Conversation | None:
    if line is None or line.conversation_id is None:
        return None
    for row in rows:
        if isinstance(row, Conversation) and row.id == line.conversation_id:
            return row
    found = read_row(connection, ws, "conversation", line.conversation_id)
    return found if isinstance(found, Conversation) else None


def _is_open(conversation: Conversation | None) -> bool:
    return conversation is not None and conversation.status is ConversationStatus.OPEN


def _contact(connection: Connection, ws: str, contact: Contact, *, is_open: bool) -> dict[str, object]:
    return {
        "id": contact.id,
        "firstName": contact.first_name,
        "lastName": contact.last_name,
        "phone": contact.phone or None,
        "email": contact.email or None,
        "language": contact.language or None,
        "countryCode": contact.country or None,
        "status": "open" if is_open else "closed",
        "assignee": _user(connection, ws, contact.assignee_id),
        "tags": contact.tags,
        "custom_fields": [{"name": name, "value": value} for name, value in contact.fields.items()],
        "created_at": contact.created_at // 1000,
    }


def _user(connection: Connection, ws: str, user_id: str | None) -> dict[str, object] | None:
    user = read_row(connection, ws, "user", user_id) if user_id is not None else None
    if not isinstance(user, User):
        return None
    first, _, last = user.name.partition(" ")
    return {"id": user.id, "firstName": first, "lastName": last, "email": user.email}


def _channel(connection: Connection, ws: str, channel_id: str | None) -> dict[str, object] | None:
    channel = read_row(connection, ws, "channel", channel_id) if channel_id is not None else None
    return {"id": channel.id, "name": channel.name, "source": channel.kind} if isinstance(channel, Channel) else None


def _message(line: Message) -> dict[str, object]:
    return {
        "messageId": line.id,
        "contactId": line.contact_id,
        "channelId": line.channel_id,
        "traffic": line.kind.value,
        "message": {"type": "text", "text": line.text}
        if not line.attachments
        else {"type": "attachment", "text": line.text, "attachment": _file(line.attachments[0])},
        "attachments": [_file(attachment) for attachment in line.attachments],
        "sender": {"source": line.source.value, "userId": line.author_id},
        "timestamp": line.at,
        "status": line.status.value if line.status is not None else None,
    }


def _file(attachment: Attachment) -> dict[str, object]:
    return {
        "type": attachment.kind.value,
        "fileName": attachment.name,
        "mime": attachment.mime,
        "size": attachment.size,
        "sha256": attachment.sha256,
    }


def _opened(conversation: Conversation) -> dict[str, object]:
    return {
        "id": conversation.id,
        "source": conversation.opened_source.value,
        "conversationOpenedAt": conversation.opened_at,
        "openedChannelId": conversation.opened_channel,
    }


def _closed(connection: Connection, ws: str, conversation: Conversation) -> dict[str, object]:
    opened, closed, responded = conversation.opened_at, conversation.closed_at, conversation.first_response_at
    return {
        "category": conversation.category,
        "summary": conversation.summary,
        "openedTime": opened,
        "openedBySource": conversation.opened_source.value,
        "closedTime": closed,
        "closedBy": _user(connection, ws, conversation.closed_by) or {},
        "closedBySource": conversation.closed_source.value if conversation.closed_source is not None else None,
        "firstResponseTime": responded - opened if responded is not None else None,
        "resolutionTime": closed - opened if closed is not None else None,
        "incomingMessageCount": conversation.incoming_count,
        "outgoingMessageCount": conversation.outgoing_count,
        "assigneeTeam": conversation.closed_by_team,
        "lastAssignmentTime": conversation.last_assigned_at,
    }
