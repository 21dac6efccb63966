"""Shared builders: a small workspace, ids in ascending order, and `Book`, a whole workspace in memory by the rules."""

from __future__ import annotations

import os
from collections.abc import Iterable
from itertools import count
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from ismsg_tui.domain.commands import (
    SNIPPETS,
    Actor,
    AddComment,
    CloseConversation,
    Command,
    Issued,
    ReceiveMessage,
    SendMessage,
    scope_of,
)
from ismsg_tui.domain.entities import (
    Category,
    Channel,
    Contact,
    Conversation,
    Entity,
    Message,
    ReadMark,
    Role,
    Snippet,
    Source,
    User,
    Workspace,
)
from ismsg_tui.domain.media import media_of
from ismsg_tui.domain.rules import decide
from ismsg_tui.domain.state import Outcome, Refusal, State, newness

T0 = 1_800_000_000_000
"""When every story begins, in milliseconds."""
MINUTE = 60_000
HOUR = 60 * MINUTE

_numbers = count(1)
E = TypeVar("E", bound=Struct)


def examples(usual: int) -> int:
    """How many examples a property is tried with; `ISMSG_TEST_EXAMPLES` multiplies it."""
    return max(1, int(usual * float(os.environ.get("ISMSG_TEST_EXAMPLES", "1"))))


def uid(number: int | None = None) -> str:
    """A UUIDv7; later ones sort after earlier ones, with room for the ids derived from them."""
    number = next(_numbers) if number is None else number
    return f"{T0 >> 16:08x}-{T0 & 0xFFFF:04x}-7000-8000-{number * 16:012x}"


ANA = User(id=uid(), name="Ana Silva", email="ana@example.org", team="Front desk", role=Role.MANAGER)
BEN = User(id=uid(), name="Ben Okoye", email="ben@example.org")
GONE = User(id=uid(), name="Cy Gone", active=False)
PHONE = Channel(id=uid(), kind="whatsapp", name="WhatsApp", text_limit=60, media=media_of("whatsapp"))
WEB = Channel(id=uid(), kind="web", name="Website", text_limit=500, media=media_of("web"))
CATEGORIES = (Category("Booking"), Category("Refund", "Money back"))
WORKSPACE = Workspace(id=uid(), name="Hotel", categories=CATEGORIES)
MAI = Contact(id=uid(), first_name="Mai", last_name="Tran", phone="+15550100", channel_id=PHONE.id)

GUEST = Actor(None, Source.CONTACT)
BOT = Actor(None, Source.BOT)
FLOW = Actor(None, Source.WORKFLOW)
TIMER = Actor(None, Source.TIMER)
BY_ANA = Actor(ANA.id)
BY_BEN = Actor(BEN.id)

SETTINGS: tuple[Workspace | User | Channel, ...] = (WORKSPACE, ANA, BEN, GONE, PHONE, WEB)


class Book:
    """A whole workspace in memory, by the rules alone: what every store and authority has to agree with."""

    def __init__(self, rows: Iterable[Entity] = SETTINGS) -> None:
        self.rows: dict[tuple[type[Entity], str], Entity] = {}
        self.now = T0
        self.write(rows)

    def write(self, rows: Iterable[Entity]) -> None:
        """Put rows in, over those with the same id."""
        for row in rows:
            self.rows[type(row), row.id] = row

    def do(self, command: Command, actor: Actor = BY_ANA, *, after: int = 0, id: str | None = None) -> Outcome:
        """Carry out a command `after` milliseconds later; a refusal comes back and changes nothing."""
        self.now += after
        return self.carry_out(Issued(id or uid(), command, actor, self.now))

    def carry_out(self, issued: Issued) -> Outcome:
        """Decide and, unless it is refused, write."""
        outcome = decide(self.state(issued.command), issued)
        if not isinstance(outcome, Refusal):
            self.write(outcome)
        return outcome

    def state(self, command: Command) -> State:
        """Everything that a command is decided on."""
        (workspace,) = self.all(Workspace)
        scope = scope_of(command)
        base = State(
            workspace=workspace,
            users={user.id: user for user in self.all(User)},
            channels={channel.id: channel for channel in self.all(Channel)},
            snippets={snippet.id: snippet for snippet in self.all(Snippet)},
        )
        if scope == SNIPPETS:
            return base
        found = self.rows.get((Contact, scope))
        return replace(
            base,
            contact=found if isinstance(found, Contact) else None,
            conversation=self.newest(scope),
            messages={message.id: message for message in self.all(Message) if message.contact_id == scope},
            marks={mark.user_id: mark for mark in self.all(ReadMark) if mark.contact_id == scope},
        )

    def all(self, kind: type[E]) -> list[E]:
        """Every row of a type."""
        return [row for row in self.rows.values() if isinstance(row, kind)]

    def contact(self, contact_id: str = MAI.id) -> Contact:
        """A contact as it is now."""
        row = self.rows[Contact, contact_id]
        assert isinstance(row, Contact)
        return row

    def conversations(self, contact_id: str = MAI.id) -> list[Conversation]:
        """A contact's conversations, the newest last."""
        return sorted((row for row in self.all(Conversation) if row.contact_id == contact_id), key=newness)

    def newest(self, contact_id: str = MAI.id) -> Conversation | None:
        """A contact's newest conversation."""
        found = self.conversations(contact_id)
        return found[-1] if found else None

    def lines(self, contact_id: str = MAI.id) -> list[Message]:
        """A contact's timeline."""
        return sorted(
            (row for row in self.all(Message) if row.contact_id == contact_id), key=lambda line: (line.at, line.id)
        )

    def mark(self, user: User, contact_id: str = MAI.id) -> ReadMark | None:
        """How far a user has read a contact."""
        return next((m for m in self.all(ReadMark) if (m.user_id, m.contact_id) == (user.id, contact_id)), None)


class Story(Book):
    """A book about one contact, with the words a test tells a story in."""

    def __init__(self, contact: Contact = MAI, workspace: Workspace = WORKSPACE) -> None:
        super().__init__([*SETTINGS, workspace, contact])
        self.about = contact.id

    @property
    def conversation(self) -> Conversation:
        """The newest conversation."""
        newest = self.newest(self.about)
        assert newest is not None
        return newest

    def hear(self, text: str = "hello", *, after: int = 0) -> Outcome:
        """The contact writes."""
        return self.do(ReceiveMessage(self.about, text, PHONE.id), GUEST, after=after)

    def reply(self, text: str = "hi", actor: Actor = BY_ANA, *, after: int = 0) -> Outcome:
        """Somebody answers."""
        return self.do(SendMessage(self.about, text), actor, after=after)

    def comment(self, text: str = "note", actor: Actor = BY_ANA, mentions: tuple[str, ...] = ()) -> Outcome:
        """Somebody writes an internal comment."""
        return self.do(AddComment(self.about, text, mentions), actor)

    def close(self, category: str = "", summary: str = "", actor: Actor = BY_ANA, *, after: int = 0) -> Outcome:
        """Somebody closes."""
        return self.do(CloseConversation(self.about, category, summary), actor, after=after)

    def texts(self) -> list[str]:
        """What the timeline says, events by their type."""
        return [line.event.type if line.event else line.text for line in self.lines(self.about)]


def code(outcome: Outcome) -> str:
    """The code of a refusal; empty where something was carried out."""
    return outcome.code if isinstance(outcome, Refusal) else ""
