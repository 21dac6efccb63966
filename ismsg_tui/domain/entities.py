"""The words of the inbox: every thing that store, wire and screens speak of, as one frozen struct each.

Times are integer milliseconds since 1970 in UTC; ids are UUIDv7 in their canonical text form.
"""

from __future__ import annotations

import re
from enum import StrEnum

from msgspec import Struct

from ismsg_tui.domain.text import one_line


class Role(StrEnum):
    """What a user may do in the workspace."""

    OWNER = "owner"
    MANAGER = "manager"
    AGENT = "agent"


class Visibility(StrEnum):
    """Which contacts an agent sees; owners and managers see all."""

    ALL = "all"
    TEAM = "team"
    """Those whom somebody of the agent's team holds."""
    OWN = "own"
    """Those whom the agent holds."""


class ClosingNotes(StrEnum):
    """When closing a conversation asks for a note."""

    OPTIONAL = "optional"
    """The dialog is offered, both parts may stay empty."""
    CATEGORY = "category"
    """A category is needed, the summary may stay empty."""
    FULL = "full"
    """Category and summary are needed."""
    OFF = "off"
    """Closing never asks."""


class Source(StrEnum):
    """Who or what caused something."""

    USER = "user"
    CONTACT = "contact"
    WORKFLOW = "workflow"
    API = "api"
    BOT = "bot"
    ECHO = "echo"
    TIMER = "timer"
    IMPORT = "import"
    CLOSE_LEGACY = "close_legacy"


class ConversationStatus(StrEnum):
    """A conversation is open until somebody closes it; snoozed is open with a wake time."""

    OPEN = "open"
    CLOSED = "closed"


class MessageKind(StrEnum):
    """The four kinds of line in a contact's timeline."""

    INCOMING = "incoming"
    OUTGOING = "outgoing"
    COMMENT = "comment"
    EVENT = "event"


class Delivery(StrEnum):
    """How far an outgoing message has come."""

    PENDING = "pending"
    UNCERTAIN = "uncertain"
    """Handed to the channel, but nobody knows whether it was taken: never sent again unasked."""
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"


class EventType(StrEnum):
    """What an event line in the timeline reports."""

    OPENED = "opened"
    CLOSED = "closed"
    ASSIGNED = "assigned"
    UNASSIGNED = "unassigned"
    SNOOZED = "snoozed"
    WOKEN = "woken"


class FileKind(StrEnum):
    """What an attachment is to people."""

    FILE = "file"
    IMAGE = "image"
    AUDIO = "audio"
    VIDEO = "video"
    VOICE = "voice"
    """A recording that the channel shows as a voice note."""


class Attachment(Struct, frozen=True, kw_only=True):
    """A file that goes with a message; its bytes are a blob of the store, named by their SHA-256."""

    name: str
    kind: FileKind
    mime: str
    size: int
    """Bytes."""
    sha256: str
    """Lower-case hexadecimal."""
    duration: int | None = None
    """Milliseconds, for what is heard or seen over time."""
    peaks: tuple[int, ...] = ()
    """The waveform of a voice note: loudness from 0 to 100 in equal steps of time."""


class MediaRule(Struct, frozen=True):
    """One kind of file that a channel takes."""

    kind: FileKind
    types: tuple[str, ...]
    """Media types; `image/*` and `*/*` stand for many."""
    limit: int
    """The largest size in bytes."""


class Category(Struct, frozen=True):
    """A closing-note category with the description that the dialog shows."""

    name: str
    description: str = ""


class Workspace(Struct, frozen=True, kw_only=True):
    """The settings that the rules of one inbox depend on."""

    id: str
    name: str
    closing_notes: ClosingNotes = ClosingNotes.OPTIONAL
    unassign_on_close: bool = False
    categories: tuple[Category, ...] = ()


class User(Struct, frozen=True, kw_only=True):
    """Somebody who answers contacts."""

    id: str
    name: str
    email: str = ""
    team: str = ""
    role: Role = Role.AGENT
    visibility: Visibility = Visibility.ALL
    active: bool = True


class Channel(Struct, frozen=True, kw_only=True):
    """A connected account through which contacts write, with what it can carry."""

    id: str
    kind: str
    """`whatsapp`, `telegram`, `web`, ...: an open set."""
    name: str
    text_limit: int
    """The longest text it takes, in characters."""
    media: tuple[MediaRule, ...] = ()
    """The files it takes; it carries voice notes where there is a rule for them."""


UNNAMED = "Unnamed contact"
_SURNAME_FIRST = re.compile(r"[\u1100-\u11ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af々]+")


def display_name(first: str, last: str) -> str:
    """A name as it is read: Chinese, Japanese and Korean ones with the surname first and no space."""
    if first and last and _SURNAME_FIRST.fullmatch(first) and _SURNAME_FIRST.fullmatch(last):
        return last + first
    return f"{first} {last}".strip()


def shown_name(first: str, last: str, phone: str, email: str) -> str:
    """The first of profile name, phone and email that shows anything at all."""
    for name in (display_name(first, last), phone, email):
        if name and not name.isspace() and one_line(name):
            return name
    return UNNAMED


class Contact(Struct, frozen=True, kw_only=True):
    """A person who writes in. The assignee belongs to the contact and survives closing."""

    id: str
    first_name: str = ""
    last_name: str = ""
    phone: str = ""
    email: str = ""
    country: str = ""
    language: str = ""
    tags: tuple[str, ...] = ()
    fields: dict[str, str] = {}
    assignee_id: str | None = None
    blocked: bool = False
    channel_id: str | None = None
    """The channel last used between contact and workspace."""
    created_at: int = 0

    @property
    def name(self) -> str:
        """The name to show: the profile name, else phone or email."""
        return shown_name(self.first_name, self.last_name, self.phone, self.email)


class Conversation(Struct, frozen=True, kw_only=True):
    """One open-to-closed stretch of a contact's history, with every field the reports are computed from."""

    id: str
    contact_id: str
    status: ConversationStatus = ConversationStatus.OPEN
    snoozed_until: int | None = None
    waiting_since: int | None = None
    """Since when the contact waits for a person's answer."""
    last_incoming_at: int | None = None
    opened_at: int
    opened_source: Source
    opened_by: str | None = None
    opened_channel: str | None = None
    first_assignee: str | None = None
    first_assigned_at: int | None = None
    last_assignee: str | None = None
    last_assigned_at: int | None = None
    first_response_at: int | None = None
    first_response_by: str | None = None
    assigned_response_at: int | None = None
    """The first user message after the last assignment."""
    response_count: int = 0
    response_wait: int = 0
    """Sum over answered runs of contact messages: user message minus the run's first message, in milliseconds."""
    closed_at: int | None = None
    closed_source: Source | None = None
    closed_by: str | None = None
    closed_by_team: str | None = None
    category: str | None = None
    summary: str | None = None
    incoming_count: int = 0
    outgoing_count: int = 0
    reply_count: int = 0
    """The outgoing messages that users wrote, without those of automation."""


class Event(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an event line says; the words are made where it is shown."""

    type: EventType
    source: Source
    assignee_id: str | None = None
    previous_id: str | None = None
    """The assignee before."""
    until: int | None = None
    category: str | None = None
    summary: str | None = None


class Message(Struct, frozen=True, kw_only=True):
    """One line of a contact's timeline: a message, an internal comment or an event."""

    id: str
    contact_id: str
    conversation_id: str | None = None
    kind: MessageKind
    at: int
    text: str = ""
    channel_id: str | None = None
    author_id: str | None = None
    """The user who wrote or caused it; None for the contact and for automation."""
    source: Source = Source.USER
    status: Delivery | None = None
    """Outgoing messages only."""
    error: str = ""
    event: Event | None = None
    mentions: tuple[str, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    reply_to: str | None = None
    """The id of the message that this one answers and quotes."""


class ReadMark(Struct, frozen=True, kw_only=True):
    """How far one user has read one contact."""

    id: str
    user_id: str
    contact_id: str
    at: int = 0
    """Everything up to this time was read."""
    flagged: bool = False
    """Unread by decision: marked by hand, newly assigned, or mentioned."""


class Snippet(Struct, frozen=True, kw_only=True):
    """A stored reply template; its text may hold variables, and files may go with it or be all there is."""

    id: str
    name: str
    text: str
    topic: str = ""
    language: str = ""
    uses: int = 0
    deleted: bool = False
    attachments: tuple[Attachment, ...] = ()


Entity = Workspace | User | Channel | Contact | Conversation | Message | ReadMark | Snippet
"""Everything that is stored and synchronised as a row of its own."""


def read_mark_id(user_id: str, contact_id: str) -> str:
    """The id of the one read mark that a user has for a contact."""
    return f"{user_id}:{contact_id}"
