"""What stands in a timeline: lines of the store, laid out as rows of styled text for a width.

Pure functions of their arguments: the widget caches what they return.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from itertools import pairwise

from rich.cells import cell_len

from ismsg_tui import times
from ismsg_tui.domain.entities import Channel, Delivery, EventType, Message, MessageKind, User
from ismsg_tui.domain.links import find_links
from ismsg_tui.domain.search_text import find_spans
from ismsg_tui.domain.words import QUOTE_SIGN, author_words, event_words, quote_words, undone_words
from ismsg_tui.store.blobs import BlobState
from ismsg_tui.store.outbox import OutboxState
from ismsg_tui.store.timeline import Line
from ismsg_tui.widgets.file_lines import Tone, file_lines
from ismsg_tui.widgets.segments import fit, unfolded, wrapped

TEXT_WIDTH = 100
"""Messages are not folded wider than this: longer lines are hard to read."""
JOIN_WITHIN = 5 * 60_000
"""Messages of one author within this many milliseconds stand under one heading."""


class Ink(StrEnum):
    """The kinds of text in a timeline; each is a component class of the widget."""

    PLAIN = "timeline--plain"
    DIM = "timeline--dim"
    RULE = "timeline--rule"
    NEW = "timeline--new"
    CONTACT = "timeline--contact"
    MINE = "timeline--mine"
    COMMENT = "timeline--comment"
    FAILED = "timeline--failed"
    FOUND = "timeline--found"
    LINK = "timeline--link"
    COMMENT_LINK = "timeline--comment-link"


Row = list[tuple[str, Ink]]
"""One line of the screen as pieces of text."""


@dataclass(frozen=True)
class Surroundings:
    """What a line's looks depend on beside itself."""

    contact_name: str
    users: Mapping[str, User]
    user_id: str
    channels: Mapping[str, Channel]
    today: date
    first_new: str | None = None
    """The id of the first message that was unread when the contact was opened."""
    searched: str = ""
    """Words that were searched for, to be marked."""
    blob: Callable[[str], BlobState] = field(default=lambda _: BlobState(), compare=False)
    """Where the bytes of a file are, by their SHA-256; whoever holds laid-out lines hears of changes elsewhere."""


def same_day(one: Line, other: Line) -> bool:
    """Whether two lines are of one local day."""
    return times.local(one.message.at).date() == times.local(other.message.at).date()


def joins(line: Line, above: Line | None) -> bool:
    """Whether a message stands under the heading of the one above it."""
    if above is None or not same_day(line, above):
        return False
    mine, other = line.message, above.message
    return (
        mine.kind is other.kind
        and mine.kind is not MessageKind.EVENT
        and mine.author_id == other.author_id
        and mine.source is other.source
        and mine.channel_id == other.channel_id
        and mine.at - other.at <= JOIN_WITHIN
    )


def lay_out(line: Line, above: Line | None, below: Line | None, around: Surroundings, width: int) -> list[Row]:
    """The rows of one timeline line between its neighbours, for a width of at least one cell."""
    rows: list[Row] = []
    message = line.message
    if above is None or not same_day(line, above):
        if above is not None:
            rows.append([])
        rows.append(_rule(times.day(message.at, around.today), width, Ink.RULE))
    if message.id == around.first_new:
        rows.append(_rule("new", width, Ink.NEW))
    if message.kind is MessageKind.EVENT:
        if line.outbox is OutboxState.REFUSED:
            return [*rows, [], *_refused_closing(line, width)]
        return rows + _event_rows(message, around, width, blank_above=not rows and above is not None)
    joined = joins(line, above) and message.id != around.first_new
    if not joined:
        rows += [[], _heading(message, around, width)]
    if message.reply_to is not None:
        rows.append(_quote(line, around, width))
    if message.text or not message.attachments:
        rows += _body(message, around, width)
    rows += _files(message, around, width)
    rows += _footing(line, below, around, width)
    return rows


def _rule(words: str, width: int, ink: Ink) -> Row:
    label = f" {words} " if words else ""
    side = max(0, width - cell_len(label))
    left = side // 2
    return [("─" * left, ink), (label, ink), ("─" * (side - left), ink)]


def _event_rows(message: Message, around: Surroundings, width: int, *, blank_above: bool) -> list[Row]:
    event = message.event
    words = event_words(message, around.users, around.contact_name, lambda at: times.moment(at, around.today))
    at = times.clock(message.at)
    lines = wrapped(words, max(8, width - 12))
    rows: list[Row] = [
        [("  · " if index == 0 else "    ", Ink.DIM), (text, Ink.DIM)] for index, text in enumerate(lines)
    ]
    rows[-1].append((f" · {at}", Ink.DIM))
    if event is None:
        return rows
    if event.type is EventType.OPENED:
        return [[], *rows] if blank_above else rows
    if event.type is EventType.CLOSED:
        return [[], *rows, _rule("", width, Ink.RULE)]
    return rows


def _refused_closing(line: Line, width: int) -> list[Row]:
    """A closing that was refused: why, and the note that came with it."""
    event = line.message.event
    at, room = times.clock(line.message.at), max(8, width - 4)
    rows: list[Row] = [[("  ", Ink.FAILED), (text, Ink.FAILED)] for text in wrapped(_refusal(line), max(8, room - 8))]
    rows[-1].append((f" · {at}", Ink.DIM))
    note = " · ".join(part for part in (event.category, event.summary) if part) if event else ""
    return rows + [[("    ", Ink.DIM), (text, Ink.PLAIN)] for text in wrapped(note, room) if note]


def _refusal(line: Line) -> str:
    return f"✗ {undone_words(line.message.kind)}{f': {line.problem}' if line.problem else ''}"


_BAR, _COMMENT_BAR = "▎ ", "║ "
"""What stands before every line of a message, and of a comment: that it is one must not hang on its colour."""
BARS = (_BAR, _COMMENT_BAR)


def _bar(message: Message) -> tuple[str, Ink]:
    return (_COMMENT_BAR if message.kind is MessageKind.COMMENT else _BAR), _ink(message)


def _ink(message: Message) -> Ink:
    match message.kind:
        case MessageKind.COMMENT:
            return Ink.COMMENT
        case MessageKind.OUTGOING:
            return Ink.MINE
        case _:
            return Ink.CONTACT


def _heading(message: Message, around: Surroundings, width: int) -> Row:
    who = author_words(message, around.users, around.contact_name)
    if message.author_id is not None and message.author_id == around.user_id:
        who = "You"
    if message.kind is MessageKind.COMMENT:
        who = f"✎ {who} · comment for the team"
    at = times.clock(message.at)
    room = min(width, TEXT_WIDTH) - cell_len(at) - 2
    ink = _ink(message)
    return [(fit(who, max(1, room)), ink), (f" {at} ", ink if ink is Ink.COMMENT else Ink.DIM)]


def _body(message: Message, around: Surroundings, width: int) -> list[Row]:
    comment = message.kind is MessageKind.COMMENT
    tint, link = (Ink.COMMENT, Ink.COMMENT_LINK) if comment else (Ink.PLAIN, Ink.LINK)
    whole = unfolded(message.text)
    links = find_links(whole)
    rows: list[Row] = []
    end = 0
    for text in wrapped(message.text, max(1, min(width - 1, TEXT_WIDTH) - len(_BAR))):
        # Folding takes away blanks between lines and nothing else.
        start = max(whole.find(text, end), 0)
        end = start + len(text)
        layers = [(Ink.FOUND, find_spans(text, around.searched))] if around.searched else []
        if links:
            layers.append(
                (link, [(max(a, start) - start, min(b, end) - start) for a, b in links if a < end > start < b])
            )
        rows.append([_bar(message), *_inked(text, tint, layers)])
    return rows


def _inked(text: str, tint: Ink, layers: Sequence[tuple[Ink, Sequence[tuple[int, int]]]]) -> Row:
    """A text in pieces: where layers of ink lie over each other, the first of them is seen."""
    if not layers:
        return [(text, tint)]
    cuts = sorted({0, len(text), *(place for _, spans in layers for span in spans for place in span)})
    row: Row = []
    for start, end in pairwise(cuts):
        ink = next((ink for ink, spans in layers if any(a <= start and end <= b for a, b in spans)), tint)
        row.append((text[start:end], ink))
    return row or [(text, tint)]


def _quote(line: Line, around: Surroundings, width: int) -> Row:
    """The message that this one answers, in one line above it."""
    words = quote_words(line.quoted, around.users, around.contact_name)
    room = min(width - 1, TEXT_WIDTH) - len(_BAR) - len(QUOTE_SIGN)
    return [_bar(line.message), (QUOTE_SIGN, Ink.DIM), (fit(words, max(1, room)).rstrip(), Ink.DIM)]


_TONES = {Tone.NAME: Ink.PLAIN, Tone.FACT: Ink.DIM, Tone.TROUBLE: Ink.FAILED}


def _files(message: Message, around: Surroundings, width: int) -> list[Row]:
    mine, room = message.kind is MessageKind.OUTGOING, max(1, min(width - 1, TEXT_WIDTH) - len(_BAR))
    return [
        [_bar(message), *((text, _TONES[tone]) for text, tone in line)]
        for attachment in message.attachments
        for line in file_lines(attachment, around.blob(attachment.sha256), room, mine=mine)
    ]


_STATE = {
    Delivery.SENT: "✓ sent",
    Delivery.DELIVERED: "✓✓ delivered",
    Delivery.READ: "✓✓ read",
}
_TROUBLE = {Delivery.FAILED: "✗ not sent", Delivery.UNCERTAIN: "? not known whether it was sent"}


def _footing(line: Line, below: Line | None, around: Surroundings, width: int) -> list[Row]:
    """How far an outgoing message has come; said once under a run of messages that have come equally far."""
    message = line.message
    if line.outbox is OutboxState.REFUSED:
        return [[_bar(message), (part, Ink.FAILED)] for part in wrapped(_refusal(line), max(1, width - len(_BAR)))]
    if line.outbox is OutboxState.ASKING:
        return [[_bar(message), (f"? {undone_words(message.kind, asking=True)}", Ink.FAILED)]]
    if message.kind is MessageKind.COMMENT:
        return [[_bar(message), ("… not left this machine yet", Ink.COMMENT)]] if line.outbox else []
    if message.status is None:
        return []
    if message.status in _TROUBLE:
        reason = f": {message.error}" if message.error else ""
        text = wrapped(f"{_TROUBLE[message.status]}{reason}", max(1, width - len(_BAR)))
        return [[(_BAR, Ink.MINE), (part, Ink.FAILED)] for part in text]
    if below is not None and joins(below, line) and below.message.status is message.status and not line.outbox:
        return []
    return [[(_BAR, Ink.MINE), (_state_words(line, around), Ink.DIM)]]


def _state_words(line: Line, around: Surroundings) -> str:
    if line.outbox is OutboxState.PENDING and any(around.blob(file.sha256).error for file in line.message.attachments):
        return "… waits for its file · Esc e tries again, z takes it back"
    if line.outbox is OutboxState.PENDING and line.held_until:
        return "… about to leave · Esc z takes it back"
    if line.outbox is not None:
        return "… waiting to be sent"
    status = line.message.status
    return _STATE.get(status, "… on its way") if status else ""
