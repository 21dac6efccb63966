"""A dialogue of a file as the rows that live traffic would have made: every turn is a command, decided by the rules.

Ids follow from the dialogue's source, id and start, so the same dialogue makes the same rows wherever and whenever it
is imported.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from ismsg_tui.domain.commands import (
    Actor,
    AddComment,
    CloseConversation,
    Command,
    CreateContact,
    Issued,
    ReceiveMessage,
    SendMessage,
)
from ismsg_tui.domain.entities import Channel, Contact, Delivery, Entity, Message, MessageKind, Source, User
from ismsg_tui.domain.ids import content_id
from ismsg_tui.domain.media import media_of
from ismsg_tui.domain.message_rules import COMMENT_LIMIT
from ismsg_tui.domain.packing import convert, decoder
from ismsg_tui.domain.rules import decide
from ismsg_tui.domain.state import Refusal, Settings, State
from ismsg_tui.importer.reading import decode_line

PAUSE = 30_000
"""Between turns that do not say when they were written, in milliseconds."""

KIND = "import"
"""The kind of channel that imported conversations belong to."""

TEXT_LIMIT = 10_000
"""The longest message of an import's channel, in characters."""

FIELD_LIMIT = 255
"""The longest text that becomes a field of the contact; longer ones are prose about the dialogue."""

AGENT = "Agent"
"""Who answered where the dialogue does not say."""

_FAR = 253_402_300_800_000  # the year 10000, which no calendar shows
_UNDERSTOOD = frozenset(
    ("lang", "started", "agent_id", "customer_name", "customer_phone", "customer_email", "customer_country", "type")
)
_CONTACT = Actor(None, Source.CONTACT)
_IMPORT = Actor(None, Source.IMPORT)
_LOOK_UP = Actor(None, Source.BOT)


class Turn(Struct, frozen=True):
    """One entry of a dialogue; `t` is in seconds since its start."""

    who: Literal["customer", "agent", "system"]
    text: str
    t: Annotated[float, msgspec.Meta(ge=0)] | None = None
    kind: str | None = None

    @property
    def ends(self) -> bool:
        """Whether the conversation is over with it."""
        return self.who == "system" and self.kind == "end"


class Meta(Struct, frozen=True):
    """What is understood of a dialogue's `meta`; other short texts in it become fields of the contact."""

    lang: str | None = None
    started: str | None = None
    agent_id: str | None = None
    customer_name: str | None = None
    customer_phone: str | None = None
    customer_email: str | None = None
    customer_country: str | None = None
    domains: tuple[str, ...] | None = None
    type: str | None = None
    fields: dict[str, object] | None = None


class Written(Struct, frozen=True):
    """A line of a conversation file, as it stands there."""

    id: str
    source: str
    turns: tuple[Turn, ...]
    meta: dict[str, object] = {}


class Dialogue(Struct, frozen=True):
    """A dialogue that was read and understood."""

    contact_id: str
    seed: tuple[int, str, str]
    """What its ids follow from: its start in milliseconds (0 if unknown), source and id."""
    started: int | None
    turns: list[Turn]
    meta: Meta
    extra: dict[str, str]
    """Short texts of `meta` that become fields of the contact."""


class Folded(Struct, frozen=True):
    """The rows of one dialogue and what they hold."""

    rows: list[Entity]
    messages: int
    comments: int
    timed: bool
    """Whether every time is the dialogue's own."""


class Folder:
    """Turns dialogues into rows on top of a workspace's settings, which it adds users and channels to.

    `now` is where dialogues without a start come to an end, in milliseconds.
    """

    def __init__(self, settings: Settings, now: int) -> None:
        self._now = now
        self._users = dict(settings.users)
        self._channels = dict(settings.channels)
        self._names = {user.name.casefold(): user for user in self._users.values() if user.active}
        self._state = State(workspace=settings.workspace, users=self._users, channels=self._channels)

    def fold(self, dialogue: Dialogue) -> Folded:
        """The rows of a dialogue, new users and channels first. Raises ValueError if a rule refuses a turn."""
        times, timed = _times(dialogue, self._now)
        source = dialogue.seed[1]
        channel = Channel(
            id=content_id(0, "channel", source),
            kind=KIND,
            name=source,
            text_limit=TEXT_LIMIT,
            media=media_of(KIND),
        )
        settings: list[Entity] = []
        if channel.id not in self._channels:
            self._channels[channel.id] = channel
            settings.append(channel)
        agent = Actor()
        if any(turn.who == "agent" for turn in dialogue.turns):
            user = self._user(dialogue.meta.agent_id or AGENT)
            agent = Actor(user.id)
            if user.id not in self._users:
                self._users[user.id] = self._names[user.name.casefold()] = user
                settings.append(user)
        return self._play(_commands(dialogue, times, channel.id, agent), settings, timed)

    def _user(self, name: str) -> User:
        known = self._names.get(name.casefold())
        return known or User(id=content_id(0, "user", name), name=name)

    def _play(self, commands: Iterable[tuple[int, Issued]], settings: list[Entity], timed: bool) -> Folded:
        state = self._state
        lines: list[Message] = []
        others: dict[str, Entity] = {}
        for number, issued in commands:
            outcome = decide(state, issued)
            if isinstance(outcome, Refusal):
                if outcome.code == "not-open":
                    continue  # the end of a conversation that nobody began
                raise ValueError(f"turn {number}: {outcome.reason}")
            changed: list[Entity] = []
            for row in outcome:
                if isinstance(row, Message):
                    lines.append(row if row.status is None else replace(row, status=Delivery.SENT))
                else:
                    others[row.id] = row
                    changed.append(row)
            # No turn speaks of an earlier line, so the state does not have to carry them.
            state = state.after(changed)
        kinds = [line.kind for line in lines]
        comments = kinds.count(MessageKind.COMMENT)
        messages = len(kinds) - comments - kinds.count(MessageKind.EVENT)
        return Folded([*settings, *others.values(), *lines], messages, comments, timed)


_decode = decoder(Written).decode


def read_dialogue(line: bytes) -> Dialogue:
    """The dialogue of a line. Raises ValueError with the reason why it is none."""
    written = decode_line(_decode, line)
    try:
        meta = convert(written.meta, Meta)
    except msgspec.ValidationError as error:
        raise ValueError(f"meta: {error}") from error
    if not written.id or not written.source:
        raise ValueError("not a dialogue: its id or source is empty")
    turns = [turn for turn in written.turns if turn.ends or (turn.text and not turn.text.isspace())]
    if not turns:
        raise ValueError("not a dialogue: it has no turns")
    started = _started(meta)
    seed = (started or 0, written.source, written.id)
    extra = {
        key: value
        for key, value in {**written.meta, **(meta.fields or {})}.items()
        if isinstance(value, str) and value and len(value) <= FIELD_LIMIT and key not in _UNDERSTOOD
    }
    return Dialogue(content_id(*seed), seed, started, turns, meta, extra)


def _started(meta: Meta) -> int | None:
    """When the dialogue began, in milliseconds; without a zone it is UTC."""
    if not meta.started:
        return None
    try:
        started = datetime.fromisoformat(meta.started)
        stamp = int((started if started.tzinfo else started.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise ValueError("meta.started is not a date and time") from error
    if stamp < 0:
        raise ValueError("meta.started lies before 1970")
    return stamp


def _times(dialogue: Dialogue, now: int) -> tuple[list[int], bool]:
    """When each turn was written, in ascending milliseconds, and whether all of that is the dialogue's own word."""
    offsets: list[int] = []
    last = -PAUSE
    for turn in dialogue.turns:
        # Turns of the same second stay in order, which their ids can't tell.
        last = last + PAUSE if turn.t is None else max(int(turn.t * 1000), last + 1)
        offsets.append(last)
    first = now - last if dialogue.started is None else dialogue.started
    if first + offsets[0] < 0 or first + last > _FAR:
        raise ValueError("its times are out of range")
    timed = dialogue.started is not None and all(turn.t is not None for turn in dialogue.turns)
    return [first + offset for offset in offsets], timed


def contact_of(dialogue: Dialogue, channel_id: str) -> Contact:
    """The customer of a dialogue, who writes through that channel."""
    meta = dialogue.meta
    first, _, last = (meta.customer_name or "").strip().partition(" ")
    tags = (*(meta.domains or ()), meta.type or "")
    return Contact(
        id=dialogue.contact_id,
        first_name=first or ("" if meta.customer_phone or meta.customer_email else dialogue.seed[2]),
        last_name=last.strip(),
        phone=meta.customer_phone or "",
        email=meta.customer_email or "",
        country=meta.customer_country or "",
        language=meta.lang or "",
        tags=tuple(dict.fromkeys(tag for tag in tags if tag)),
        fields=dialogue.extra,
        channel_id=channel_id,
    )


def _commands(dialogue: Dialogue, times: list[int], channel_id: str, agent: Actor) -> Iterator[tuple[int, Issued]]:
    """What the turns did, each with the number of its turn."""
    contact_id = dialogue.contact_id
    yield 0, Issued(contact_id, CreateContact(contact_of(dialogue, channel_id)), _IMPORT, times[0])
    for number, (turn, at) in enumerate(zip(dialogue.turns, times, strict=True), 1):
        command: Command
        if turn.who == "customer":
            command, actor = ReceiveMessage(contact_id, turn.text, channel_id), _CONTACT
        elif turn.who == "agent":
            command, actor = SendMessage(contact_id, turn.text, channel_id), agent
        elif turn.ends:
            command, actor = CloseConversation(contact_id), _IMPORT
        else:
            command, actor = AddComment(contact_id, turn.text[:COMMENT_LIMIT]), _LOOK_UP
        yield number, Issued(content_id(*dialogue.seed, str(number)), command, actor, at)
        if isinstance(command, AddComment):
            for start in range(COMMENT_LIMIT, len(turn.text), COMMENT_LIMIT):
                rest = AddComment(contact_id, turn.text[start : start + COMMENT_LIMIT])
                yield number, Issued(content_id(*dialogue.seed, f"{number}+{start}"), rest, actor, at)
