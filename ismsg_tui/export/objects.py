"""Lines as objects for programs, and the document in JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from ismsg_tui.domain.entities import Attachment, Message, MessageKind, User
from ismsg_tui.domain.text import clean, file_name, one_line
from ismsg_tui.domain.words import author_words, event_words, user_name
from ismsg_tui.export.record import Record
from ismsg_tui.times import rfc3339

_DIRECTION = {MessageKind.INCOMING: "in", MessageKind.OUTGOING: "out"}
_KIND = {MessageKind.COMMENT: "comment", MessageKind.EVENT: "event"}


def line_object(message: Message, users: Mapping[str, User], contact_name: str) -> dict[str, object]:
    """A line of a timeline for programs."""
    event = message.event
    return {
        "id": message.id,
        "kind": _KIND.get(message.kind, "message"),
        "direction": _DIRECTION.get(message.kind),
        "author": author_words(message, users, contact_name),
        "text": event_words(message, users, contact_name, lambda at: rfc3339(at) or "")
        if event
        else clean(message.text),
        "attachments": [attachment_object(item) for item in message.attachments],
        "reply_to": message.reply_to,
        "at": rfc3339(message.at),
        "status": message.status.value if message.status else None,
        "conversation_id": message.conversation_id,
        "event": event
        and {
            "type": event.type.value,
            "source": event.source.value,
            "assignee": user_name(event.assignee_id, users) if event.assignee_id else None,
            "previous": user_name(event.previous_id, users) if event.previous_id else None,
            "until": rfc3339(event.until),
            "category": event.category,
            "summary": event.summary,
        },
    }


def attachment_object(attachment: Attachment) -> dict[str, object]:
    """A file for programs; `duration` in seconds."""
    return {
        "name": file_name(attachment.name),
        "kind": attachment.kind.value,
        "mime": one_line(attachment.mime),
        "size": attachment.size,
        "sha256": one_line(attachment.sha256),
        "duration": None if attachment.duration is None else attachment.duration / 1000,
    }


def json_text(thing: Mapping[str, object]) -> str:
    """An object as one line of ASCII, control characters escaped."""
    return json.dumps(thing, ensure_ascii=True).replace("\x7f", "\\u007f")


def json_pieces(record: Record) -> Iterator[str]:
    """One object with the contact and every line."""
    contact = record.card.contact
    about = {
        "id": contact.id,
        "name": contact.name,
        "phone": contact.phone,
        "email": contact.email,
        "country": contact.country,
        "language": contact.language,
        "tags": list(contact.tags),
        "fields": contact.fields,
        "assignee": user_name(contact.assignee_id, record.users) if contact.assignee_id else None,
    }
    yield f'{{"contact": {json_text(about)},\n"lines": ['
    between = "\n"
    for line in record.lines:
        thing = line_object(line.message, record.users, contact.name)
        thing["channel"] = record.channel(line.message.channel_id) or None
        yield between + json_text(thing)
        between = ",\n"
    yield "\n]}\n"
