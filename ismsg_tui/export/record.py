"""What a document is made of, and its lines in words for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from ismsg_tui.domain.entities import Channel, Message, MessageKind, User
from ismsg_tui.domain.text import clean, one_line
from ismsg_tui.domain.words import (
    attachment_words,
    author_words,
    delivery_words,
    event_words,
    quote_words,
    user_name,
)
from ismsg_tui.store.timeline import ContactCard, Line
from ismsg_tui.times import local

LONGEST_FACT = 1_000
"""The longest fact about a contact, in characters."""


class Record(NamedTuple):
    """What a document is made of."""

    card: ContactCard
    lines: Iterable[Line]
    users: Mapping[str, User]
    channels: Mapping[str, Channel]

    @property
    def name(self) -> str:
        """The contact's name."""
        return self.card.contact.name

    def channel(self, channel_id: str | None) -> str:
        """A channel's name, "" for none."""
        channel = self.channels.get(channel_id or "")
        return one_line(channel.name) if channel else ""


class Entry(NamedTuple):
    """A line of the timeline in words, for people."""

    message: Message
    heading: str
    """Who wrote it; of an event, what it is."""
    remarks: tuple[str, ...]
    text: str
    quote: str = ""
    """The message that it answers, as one line, where it quotes one."""

    @property
    def files(self) -> Iterator[str]:
        """Each file that goes with it."""
        return map(attachment_words, self.message.attachments)


def entries(record: Record) -> Iterator[tuple[str, Entry]]:
    """Each line with the day above it, "" where that was said already."""
    day_before = channel_before = ""
    for line in record.lines:
        message = line.message
        day = _day(message.at)
        author = author_words(message, record.users, record.name)
        if message.kind is MessageKind.EVENT:
            entry = Entry(message, "Event", (), event_words(message, record.users, record.name, _moment))
        elif message.kind is MessageKind.COMMENT:
            entry = Entry(message, f"Comment by {author}", ("only the team sees it",), clean(message.text))
        else:
            channel = record.channel(message.channel_id)
            remarks = (_delivery(message), f"through {channel}" if channel and channel != channel_before else "")
            channel_before = channel
            quote = quote_words(line.quoted, record.users, record.name) if message.reply_to else ""
            entry = Entry(message, author, tuple(filter(None, remarks)), clean(message.text), quote)
        yield (day if day != day_before else ""), entry
        day_before = day


def _day(at: int) -> str:
    day = local(at)
    offset = f"{day:%z}"
    return f"{day:%A}, {day.day} {day:%B %Y} (UTC{offset[:3]}:{offset[3:5]})"


def _moment(at: int) -> str:
    return f"{local(at):%Y-%m-%d %H:%M}"


def _delivery(message: Message) -> str:
    if message.status is None:
        return ""
    return ": ".join(filter(None, (delivery_words(message.status), one_line(message.error))))


def facts(record: Record) -> Iterator[tuple[str, str]]:
    """What is known about the contact, each with its name; nothing that is empty."""
    contact = record.card.contact
    facts = {
        "Phone": contact.phone,
        "Email": contact.email,
        "Country": contact.country,
        "Language": contact.language,
        "Channel": record.channel(contact.channel_id),
        "Tags": ", ".join(contact.tags),
        "Assigned to": user_name(contact.assignee_id, record.users) if contact.assignee_id else "",
    }
    for name, value in (*facts.items(), *contact.fields.items()):
        if line := one_line(value, LONGEST_FACT):
            yield one_line(name), line
