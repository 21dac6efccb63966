"""How contacts and their timelines read as lines: who or what it is first, then the words. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ismsg_tui.domain.entities import Channel, Delivery, MessageKind, User
from ismsg_tui.domain.text import one_line
from ismsg_tui.domain.views import ContactStatus, View
from ismsg_tui.domain.words import (
    NAME_LIMIT,
    attachment_words,
    author_words,
    delivery_words,
    event_words,
    quote_words,
    span_words,
    undone_words,
    user_name,
)
from ismsg_tui.plain.talk import Role
from ismsg_tui.store.lists import UNREAD_CAP, ListRow
from ismsg_tui.store.outbox import OutboxState
from ismsg_tui.store.timeline import ContactCard, Line
from ismsg_tui.times import local, when

VIEW_WORDS = {
    View.NEW: "new",
    View.OPEN: "open",
    View.ASSIGNED: "assigned to you",
    View.CLOSED: "closed",
    View.SNOOZED: "snoozed",
    View.ALL: "all",
}
LAST_MESSAGE = 120
"""How much of the last message a list says, in characters."""


def many(count: int, noun: str) -> str:
    """A count with its noun."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def row_words(
    row: ListRow, users: Mapping[str, User], channels: Mapping[str, Channel], user_id: str, view: View, now: int
) -> str:
    """A contact in a list: name, what is unread, how long it waits, where it belongs, what was said last."""
    unread = f"{UNREAD_CAP - 1} or more" if row.unread >= UNREAD_CAP else str(row.unread)
    channel = channels.get(row.channel_id or "")
    parts = [
        one_line(row.name, NAME_LIMIT),
        f"{unread} unread" if row.unread else "marked unread" if row.flagged else "",
        f"waiting {_span(now - row.waiting_since)}" if row.waiting_since is not None else "",
        f"snoozed until {when(row.snoozed_until)}" if row.snoozed_until is not None else "",
        "closed" if row.status is ContactStatus.CLOSED and view is not View.CLOSED else "",
        one_line(channel.name, NAME_LIMIT) if channel else "",
        _assigned(row.assignee_id, users, user_id) if row.assignee_id and view is not View.ASSIGNED else "",
        undone_words(row.unsent_kind, asking=row.unsent is OutboxState.ASKING) if row.unsent_kind else "",
        "unfinished comment" if row.draft and row.draft_is_comment else "draft" if row.draft else "",
    ]
    words = ", ".join(part for part in parts if part)
    last = one_line(row.last_text or "", LAST_MESSAGE)
    answered = "answered: " if row.last_kind is MessageKind.OUTGOING else ""
    return f"{words}. {answered}{last}" if last else f"{words}."


def _span(milliseconds: int) -> str:
    return "less than a minute" if milliseconds < 60_000 else span_words(milliseconds)


def _assigned(assignee_id: str | None, users: Mapping[str, User], user_id: str) -> str:
    if assignee_id is None:
        return "unassigned"
    return f"assigned to {'you' if assignee_id == user_id else user_name(assignee_id, users)}"


def heading(
    card: ContactCard, row: ListRow | None, users: Mapping[str, User], channels: Mapping[str, Channel], user_id: str
) -> str:
    """Who is read: name, how the conversation stands, whose it is, how to reach them."""
    contact = card.contact
    channel = channels.get(contact.channel_id or "")
    status = row.status if row else ContactStatus.NONE
    until = f" until {when(row.snoozed_until)}" if row and row.snoozed_until is not None else ""
    parts = [
        contact.name,
        f"{status}{until}" if status is not ContactStatus.NONE else "no conversation",
        _assigned(contact.assignee_id, users, user_id),
        channel.name if channel else "",
        "blocked" if contact.blocked else "",
        contact.phone,
        contact.email,
    ]
    return ", ".join(line for part in parts if (line := one_line(part, NAME_LIMIT)))


def day_words(at: int) -> str:
    """The day of a line."""
    day = local(at)
    return f"{day:%A}, {day.day} {day:%B %Y}"


def line_words(line: Line, users: Mapping[str, User], contact_name: str, user_id: str) -> Iterator[tuple[str, str]]:
    """A line of the timeline as role and text, above it the message that it quotes, below it the files with it."""
    role, text = _role_and_text(line, users, contact_name, user_id)
    if line.message.reply_to is not None:
        yield Role.QUOTE, quote_words(line.quoted, users, contact_name)
    files = [attachment_words(attachment) for attachment in line.message.attachments]
    if files and not text.strip():
        text = files.pop(0)
    yield role, text
    for words in files:
        yield Role.FILE, words


def _role_and_text(line: Line, users: Mapping[str, User], contact_name: str, user_id: str) -> tuple[str, str]:
    message = line.message
    at = f"{local(message.at):%H:%M}"
    mine = message.author_id is not None and message.author_id == user_id
    author = "you" if mine else author_words(message, users, contact_name)
    match message.kind:
        case MessageKind.EVENT:
            words = _undone(line) or event_words(message, users, contact_name, when)
            return f"{Role.EVENT}, {at}", words.replace(" · ", ", ")
        case MessageKind.COMMENT:
            undone = f", {words}" if (words := _undone(line)) else ""
            return f"{Role.COMMENT} by {author}, {at}{undone}", message.text
        case MessageKind.INCOMING:
            return f"{speaker(contact_name, users)}, {at}", message.text
        case _:
            return f"{'You' if mine else author}, {at}, {_state(line)}", message.text


def speaker(name: str, users: Mapping[str, User]) -> str:
    """A contact's name at the beginning of a line; one that could be taken for somebody else's line is marked."""
    shown = one_line(name, NAME_LIMIT)
    taken = [*Role, "you", *(user.name for user in users.values() if user.name)]
    alike = any(shown.casefold().startswith(word.casefold()) for word in taken)
    return f"{Role.CONTACT} {shown}" if alike else shown


def _undone(line: Line) -> str:
    """What has not become of a line that was refused or waits for a yes; "" for all others."""
    if line.outbox not in (OutboxState.REFUSED, OutboxState.ASKING):
        return ""
    words = undone_words(line.message.kind, asking=line.outbox is OutboxState.ASKING)
    event = line.message.event
    note = [part for part in (event.category, event.summary) if part] if event else []
    return ", ".join(filter(None, (words, one_line(line.problem).rstrip("."), *map(one_line, note))))


def _state(line: Line) -> str:
    if words := _undone(line):
        return words
    if line.held_until and line.outbox:
        return "can still be taken back"
    status = line.message.status or Delivery.PENDING
    if line.message.error:
        return f"{delivery_words(status)}, {one_line(line.message.error)}"
    return delivery_words(status)
