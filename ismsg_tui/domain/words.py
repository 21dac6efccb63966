"""The words for what rows say: event lines, authors, statuses and spans of time, shared by console and command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import assert_never

from ismsg_tui.domain.entities import (
    Attachment,
    Delivery,
    Event,
    EventType,
    FileKind,
    Message,
    MessageKind,
    Source,
    User,
)
from ismsg_tui.domain.media import size_words
from ismsg_tui.domain.text import file_name, one_line

NAME_LIMIT = 80
"""The longest name inside a sentence, in characters."""

_BY = {
    Source.WORKFLOW: "a workflow",
    Source.API: "the API",
    Source.BOT: "a bot",
    Source.ECHO: "another app",
    Source.TIMER: "a timer",
    Source.IMPORT: "the import",
    Source.CLOSE_LEGACY: "closing",
}
_AUTHOR = {
    Source.WORKFLOW: "Workflow",
    Source.API: "API",
    Source.BOT: "Bot",
    Source.ECHO: "Another app",
    Source.TIMER: "Timer",
    Source.IMPORT: "Import",
    Source.CLOSE_LEGACY: "Workspace",
}
_DELIVERY = {
    Delivery.PENDING: "waiting to be sent",
    Delivery.UNCERTAIN: "not known whether it was sent",
    Delivery.SENT: "sent",
    Delivery.DELIVERED: "delivered",
    Delivery.READ: "read",
    Delivery.FAILED: "not sent",
}

_FILE = {
    FileKind.FILE: "file",
    FileKind.IMAGE: "picture",
    FileKind.AUDIO: "sound",
    FileKind.VIDEO: "video",
    FileKind.VOICE: "voice note",
}


def event_words(message: Message, users: Mapping[str, User], contact_name: str, when: Callable[[int], str]) -> str:
    """What an event line says, as one line; "" for a line that is no event.

    `users` are those of the workspace by id, `when` writes a time in milliseconds as the agent reads it.
    """
    event = message.event
    if event is None:
        return ""
    by = _actor(message, event, users, contact_name)
    match event.type:
        case EventType.OPENED:
            return f"conversation opened by {by}"
        case EventType.CLOSED:
            note = [one_line(part) for part in (event.category, event.summary) if part]
            return " · ".join([f"closed by {by}", *note])
        case EventType.ASSIGNED:
            return _assigned(message, event, users, by)
        case EventType.UNASSIGNED:
            was = f" (was {user_name(event.previous_id, users)})" if event.previous_id else ""
            if event.source is Source.CLOSE_LEGACY:
                return f"unassigned on closing{was}"
            own = message.author_id is not None and message.author_id == event.previous_id
            return f"{by} gave the contact back" if own else f"unassigned by {by}{was}"
        case EventType.SNOOZED:
            return f"snoozed until {when(event.until or 0)} by {by}"
        case EventType.WOKEN:
            return _woken(event, by)
        case _:
            assert_never(event.type)


def author_words(message: Message, users: Mapping[str, User], contact_name: str) -> str:
    """Who wrote or caused a line: the contact, a user by name, or the kind of automation."""
    if message.kind is MessageKind.INCOMING or (message.author_id is None and message.source is Source.CONTACT):
        return one_line(contact_name, NAME_LIMIT)
    return user_name(message.author_id, users) if message.author_id else _AUTHOR.get(message.source, "Somebody")


def user_name(user_id: str | None, users: Mapping[str, User]) -> str:
    """A user's name, also where the user is not known any more."""
    user = users.get(user_id or "")
    return (one_line(user.name, NAME_LIMIT) if user else "") or "somebody"


def you_words(name: str) -> str:
    """The agent in a list of people, by name too unless that says no more."""
    return f"You — {name}" if name not in ("", "You") else "You"  # as the demo calls whoever tries it


def undone_words(kind: MessageKind, *, asking: bool = False) -> str:
    """What has not become of something that an agent wrote; with `asking` only not yet, as it waits for a yes."""
    if asking:
        return "not sent yet"
    return {MessageKind.COMMENT: "comment not saved", MessageKind.EVENT: "not closed"}.get(kind, "not sent")


def delivery_words(status: Delivery) -> str:
    """How far an outgoing message has come."""
    return _DELIVERY[status]


def attachment_words(attachment: Attachment) -> str:
    """A file as one line: what it is, its name, how long it plays or how large it is."""
    parts = [_FILE[attachment.kind]]
    if attachment.kind is not FileKind.VOICE:
        parts.append(file_name(attachment.name))
    if attachment.duration is not None:
        seconds = max(attachment.duration, 0) // 1000
        parts.append(f"{seconds // 60}:{seconds % 60:02}")
    else:
        parts.append(size_words(attachment.size))
    return ", ".join(parts)


QUOTE_SIGN = "↳ "
"""What stands before a message that is quoted; no sign that some terminals draw as an emoji."""
QUOTE_LIMIT = 200
"""How much of a quoted message is said at most, in characters."""


def quote_words(quoted: Message | None, users: Mapping[str, User], contact_name: str) -> str:
    """A quoted message as one line: who wrote it and how it begins; None for one that is not here."""
    if quoted is None:
        return "a message that is not here"
    words = one_line(quoted.text, QUOTE_LIMIT) or next(map(attachment_words, quoted.attachments), "")
    return f"{author_words(quoted, users, contact_name)}: {words}".rstrip()


def span_words(milliseconds: int) -> str:
    """A span of time as short as lists need it: `now`, `4 min`, `3 h`, `2 d`; a negative one counts as none."""
    minutes = max(milliseconds, 0) // 60_000
    if minutes < 1:
        return "now"
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // (24 * 60)} d"


def _actor(message: Message, event: Event, users: Mapping[str, User], contact_name: str) -> str:
    if event.source is Source.CONTACT:
        return one_line(contact_name, NAME_LIMIT)
    return user_name(message.author_id, users) if message.author_id else _BY.get(event.source, "somebody")


def _assigned(message: Message, event: Event, users: Mapping[str, User], by: str) -> str:
    assignee = user_name(event.assignee_id, users)
    was = f" (was {user_name(event.previous_id, users)})" if event.previous_id else ""
    if message.author_id is not None and message.author_id == event.assignee_id:
        return f"{assignee} took the contact{was}"
    return f"assigned to {assignee} by {by}{was}"


def _woken(event: Event, by: str) -> str:
    match event.source:
        case Source.CONTACT:
            return "woken by a new message"
        case Source.TIMER:
            return "woken: the snooze ended"
        case _:
            return f"woken by {by}"
