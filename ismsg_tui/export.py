"""A conversation as a document to keep or hand on: Markdown, JSON or HTML, made piece by piece.

Nothing that somebody wrote becomes more than text in it: no heading, link or picture in Markdown, no element in HTML.
"""

from __future__ import annotations

import html
import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from hashlib import sha256
from typing import NamedTuple

from ismsg_tui.domain.entities import Channel, Message, MessageKind, User
from ismsg_tui.domain.text import clean, file_name, one_line
from ismsg_tui.domain.words import attachment_words, author_words, delivery_words, event_words, user_name
from ismsg_tui.inbox import Inbox
from ismsg_tui.store.timeline import ContactCard, Line, Place
from ismsg_tui.times import local, rfc3339

PAGE = 500
"""Lines that are read at a time."""

LIST_ITEM = 1_000
"""The longest fact about a contact, in characters."""


class Format(StrEnum):
    """The formats; each value is the usual ending of a file's name."""

    MARKDOWN = "md"
    JSON = "json"
    HTML = "html"


def document(
    form: Format, card: ContactCard, lines: Iterable[Line], users: Mapping[str, User], channels: Mapping[str, Channel]
) -> Iterator[str]:
    """The pieces of the document about a contact and the lines of its timeline, the oldest first."""
    return _WRITERS[form](_Record(card, lines, users, channels))


class _Record(NamedTuple):
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


def every_line(inbox: Inbox, contact_id: str) -> Iterator[Line]:
    """A contact's whole timeline, the oldest line first, never more than a page of it in memory."""
    place: Place = (-1, "")
    while page := inbox.timeline(contact_id, after=place, limit=PAGE):
        yield from page
        place = page[-1].place


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
        "attachments": [
            {"name": file_name(item.name), "kind": item.kind.value, "mime": item.mime, "size": item.size}
            | {"sha256": item.sha256, "duration": item.duration}
            for item in message.attachments
        ],
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


def json_text(thing: Mapping[str, object]) -> str:
    """An object as one line of ASCII, control characters escaped."""
    return json.dumps(thing, ensure_ascii=True).replace("\x7f", "\\u007f")


def _json(record: _Record) -> Iterator[str]:
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


class _Entry(NamedTuple):
    """A line of the timeline in words, for people."""

    message: Message
    heading: str
    """Who wrote it; of an event, what it is."""
    remarks: tuple[str, ...]
    text: str

    @property
    def files(self) -> Iterator[str]:
        """Each file that goes with it."""
        return map(attachment_words, self.message.attachments)


def _entries(record: _Record) -> Iterator[tuple[str, _Entry]]:
    """Each line with the day above it, "" where that was said already."""
    day_before = channel_before = ""
    for line in record.lines:
        message = line.message
        day = _day(message.at)
        author = author_words(message, record.users, record.name)
        if message.kind is MessageKind.EVENT:
            entry = _Entry(message, "Event", (), event_words(message, record.users, record.name, _moment))
        elif message.kind is MessageKind.COMMENT:
            entry = _Entry(message, f"Comment by {author}", ("only the team sees it",), clean(message.text))
        else:
            channel = record.channel(message.channel_id)
            remarks = (_delivery(message), f"through {channel}" if channel and channel != channel_before else "")
            channel_before = channel
            entry = _Entry(message, author, tuple(filter(None, remarks)), clean(message.text))
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


def _facts(record: _Record) -> Iterator[tuple[str, str]]:
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
        if line := one_line(value, LIST_ITEM):
            yield one_line(name), line


# Everything that means something anywhere in a line, then what does so only at its beginning.
_MARKUP = re.compile(r"[\\`*_{}\[\]<>#|~&$@^]|(?<=www)\.|:(?=//)", re.IGNORECASE)
_LINE_START = re.compile(r"[-+=:]|\d{1,9}(?=[.)])")


def _markdown(record: _Record) -> Iterator[str]:
    yield f"# Conversation with {_inline(one_line(record.name))}\n"
    facts = [f"- {_inline(name)}: {_inline(value)}\n" for name, value in _facts(record)]
    yield "".join(["\n", *facts] if facts else [])
    for day, entry in _entries(record):
        if day:
            yield f"\n## {day}\n"
        at = f"{local(entry.message.at):%H:%M}"
        if entry.message.event is not None:
            yield f"\n*Event* {at} {_inline(entry.text)}\n"
            continue
        remarks = f" ({_inline(', '.join(entry.remarks))})" if entry.remarks else ""
        yield f"\n**{at} {_inline(entry.heading)}**{remarks}\n\n{_quote(entry.text)}\n"
        yield "".join(f"\n*File* {_inline(words)}\n" for words in entry.files)


def _inline(text: str) -> str:
    """One line of text within a line of Markdown."""
    return _MARKUP.sub(lambda found: "\\" + found[0], text)


def _quote(text: str) -> str:
    """Lines of text as a quotation in Markdown, each on a line of its own."""
    quoted: list[str] = []
    lines = [_line(line) for line in text.strip("\n").split("\n")]
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        end = "\\" if line and below else ""  # or they would run together
        quoted.append(f"> {line}{end}".rstrip(" "))
    return "\n".join(quoted)


def _line(line: str) -> str:
    line = line.rstrip()  # what shows nothing is a blank line, after which a broken line would show its backslash
    bare = line.lstrip(" \t")
    indent = line[: len(line) - len(bare)]
    if indent:  # which would be lost, or make it code
        indent = f"&#{ord(indent[0])};{indent[1:]}"
    escaped = _inline(bare)
    found = _LINE_START.match(bare)
    if found and not indent:
        escaped = f"\\{escaped}" if not found[0].isdigit() else f"{found[0]}\\{escaped[found.end() :]}"
    return indent + escaped


_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
h2 { font-size: 1rem; border-bottom: 1px solid; margin: 2rem 0 1rem; }
article { margin: 1rem 0; padding-left: .75rem; border-left: .25rem solid #6e7781; }
article.outgoing { border-color: #0969da; }
article.comment { border-color: #9a6700; border-left-style: dashed; }
.event { margin: 1rem 0; font-style: italic; }
.who, .text, .file { margin: 0; }
.who b { margin-right: .5rem; }
.text { white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: plaintext; text-align: start; }
"""
_STYLE_HASH = b64encode(sha256(_STYLE.encode()).digest()).decode("ascii")
_HTML_HEAD = f"""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; \
base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width">
<title>{{title}}</title>
<style>{_STYLE.replace("{", "{{").replace("}", "}}")}</style>
</head>
<body>
<main>
<h1>Conversation with <bdi>{{name}}</bdi></h1>
"""


def _html(record: _Record) -> Iterator[str]:
    name = html.escape(one_line(record.name))
    yield _HTML_HEAD.format(title=f"Conversation with {name}", name=name)
    facts = [
        f"<li><bdi>{html.escape(name)}</bdi>: <bdi>{html.escape(value)}</bdi></li>\n" for name, value in _facts(record)
    ]
    yield f"<ul>\n{''.join(facts)}</ul>\n" if facts else ""
    for day, entry in _entries(record):
        if day:
            yield f"<h2>{day}</h2>\n"
        yield _article(entry)
    yield "</main>\n</body>\n</html>\n"


def _article(entry: _Entry) -> str:
    message = entry.message
    at = f'<time datetime="{rfc3339(message.at)}">{local(message.at):%H:%M}</time>'
    text = html.escape(entry.text)
    if message.event is not None:
        return f'<p class="event">{entry.heading} {at} <bdi>{text}</bdi></p>\n'
    remarks = f" ({html.escape(', '.join(entry.remarks))})" if entry.remarks else ""
    files = "".join(f'<p class="file">File: <bdi>{html.escape(words)}</bdi></p>\n' for words in entry.files)
    return (
        f'<article class="{message.kind.value}">\n'
        f'<p class="who"><b><bdi>{html.escape(entry.heading)}</bdi></b> {at}{remarks}</p>\n'
        f'<p class="text" dir="auto">{text}</p>\n{files}</article>\n'
    )


_WRITERS: dict[Format, Callable[[_Record], Iterator[str]]] = {
    Format.MARKDOWN: _markdown,
    Format.JSON: _json,
    Format.HTML: _html,
}
