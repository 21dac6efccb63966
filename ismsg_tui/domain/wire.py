"""What console and server say to each other: the bodies of requests and answers, as both encode and check them.

All of it is JSON. Ids, times and commands are as in the rest of the domain.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, cast

import msgspec
from msgspec import Meta, Raw, Struct

from ismsg_tui.domain.changes import Answer, Page
from ismsg_tui.domain.commands import Issued
from ismsg_tui.domain.entities import (
    Channel,
    Contact,
    Conversation,
    Entity,
    Message,
    ReadMark,
    Snippet,
    User,
    Workspace,
)
from ismsg_tui.domain.packing import Decoder, decoder
from ismsg_tui.domain.state import Refusal

MOST_COMMANDS = 100
"""How many commands one request may carry."""
LARGEST_BODY = 1 << 20
"""Bytes of the largest request that is no file."""
MOST_ROWS = 5_000
"""How many rows a page holds, about: a revision is never split."""
LONGEST_WAIT = 25
"""Seconds for which a request for changes may wait for some."""
LARGEST_PIECE = 8 << 20
"""Bytes of a file that travel in one request."""
LONGEST_ID = 64
"""Characters that an id may have at most."""
LONGEST_EMAIL = 254
"""Characters that an e-mail address may have at most, as RFC 5321 has it."""
LONGEST_PASSWORD = 1_000
LONGEST_NAME = 200
"""Characters of a name that is given when one signs in: of the device, the program or the workspace."""
LONGEST_TOKEN = 200

KINDS: dict[str, type[Entity]] = {
    "workspace": Workspace,
    "user": User,
    "channel": Channel,
    "contact": Contact,
    "conversation": Conversation,
    "message": Message,
    "read_mark": ReadMark,
    "snippet": Snippet,
}
"""The name of each kind of row."""
KIND_OF: dict[type[Entity], str] = {type_: name for name, type_ in KINDS.items()}

_DECODERS: dict[str, Decoder[Any]] = {name: decoder(type_) for name, type_ in KINDS.items()}
_LIST_DECODERS: dict[str, Decoder[list[Any]]] = {
    name: decoder(cast("type[list[Any]]", list.__class_getitem__(type_))) for name, type_ in KINDS.items()
}


class DeviceNote(Struct, frozen=True):
    """What a console says of itself when it signs in."""

    name: Annotated[str, Meta(max_length=LONGEST_NAME)]
    client: Annotated[str, Meta(max_length=LONGEST_NAME)] = ""


class SignIn(Struct, frozen=True):
    """A request to sign in; the workspace, by id or name, may be left out where there is only one."""

    email: Annotated[str, Meta(max_length=LONGEST_EMAIL)]
    password: Annotated[str, Meta(max_length=LONGEST_PASSWORD)]
    device: DeviceNote
    workspace: Annotated[str, Meta(max_length=LONGEST_NAME)] = ""


class Refresh(Struct, frozen=True):
    """A request for a new pair of tokens."""

    refresh: Annotated[str, Meta(max_length=LONGEST_TOKEN)]


class Session(Struct, frozen=True):
    """A device that is signed in: its tokens and whom it acts for."""

    device_id: str
    access: str
    refresh: str
    expires_in: int
    """Seconds for which `access` is good."""
    user_id: str
    workspace_id: str
    workspace_name: str


class Hello(Struct, frozen=True):
    """How things stand for one user in one workspace."""

    epoch: str
    """The history that revisions count in: another one after a backup was restored."""
    sight: int
    """Counts the changes of what the user may see."""
    head: int
    """The newest revision."""
    floor: int
    """The oldest revision from which changes can be told."""
    rows: int
    """How many rows there are, about."""
    user_id: str
    now: int
    """The server's clock in milliseconds."""


class PageBody(Struct, frozen=True):
    """A page of changes; see `domain.changes.Page`."""

    since: int
    to: int
    head: int
    more: bool
    rows: list[tuple[int, str, Raw]]
    """Revision, kind and the row itself, in ascending order of revision."""
    gone: list[str] = []
    """Contacts that the user may not see any more: everything of theirs is to be forgotten."""


class CommandBatch(Struct, frozen=True):
    """Commands to carry out, in order."""

    commands: Annotated[list[Issued], Meta(max_length=MOST_COMMANDS)]


class Result(Struct, frozen=True):
    """What became of one command."""

    id: str
    seq: int = 0
    refusal: Refusal | None = None


class Results(Struct, frozen=True):
    """What became of a batch, one result for each command that was attempted."""

    results: list[Result]
    head: int


class Availability(StrEnum):
    """Whether a teammate is there."""

    ONLINE = "online"
    BUSY = "busy"
    AWAY = "away"


class PresenceNote(Struct, frozen=True):
    """What a console says of its user now and then: never stored, never repeated when it got lost."""

    state: Availability
    viewing: Annotated[str, Meta(max_length=LONGEST_ID)] | None = None
    """The contact that is before the user's eyes."""
    typing: bool = False


class Presence(Struct, frozen=True):
    """What is known of a teammate."""

    user_id: str
    state: Availability
    viewing: str | None = None
    typing: bool = False


class UploadRequest(Struct, frozen=True):
    """A wish to send a file in pieces."""

    sha256: Annotated[str, Meta(max_length=LONGEST_ID)]
    size: int


class Upload(Struct, frozen=True):
    """A file that is being sent."""

    id: str
    offset: int
    size: int


class FieldError(Struct, frozen=True):
    """What is wrong with one part of a request."""

    pointer: str
    """Where: a JSON pointer into the body, or the name of a parameter."""
    detail: str


class Problem(Struct, frozen=True, omit_defaults=True):
    """Why a request was not fulfilled, as RFC 9457 has it (`application/problem+json`)."""

    type: str
    title: str
    status: int
    code: str
    """Stable, for programs."""
    detail: str = ""
    instance: str = ""
    retry_after: int = 0
    """Seconds, where trying again later makes sense."""
    params: dict[str, Any] = {}
    errors: list[FieldError] = []


def pack_row(row: Entity) -> bytes:
    """A row as it travels and as the server keeps it."""
    return msgspec.json.encode(row)


def unpack_row(kind: str, body: bytes | Raw) -> Entity | None:
    """The row of a kind, None for a kind that this version does not know. Raises msgspec.DecodeError."""
    decoder = _DECODERS.get(kind)
    row: Entity | None = decoder.decode(body) if decoder is not None else None
    return row


def page_of(body: PageBody) -> Page:
    """The page in a body; rows of an unknown kind are left out. Raises msgspec.DecodeError."""
    packed: dict[str, list[Raw]] = {}
    for _, kind, raw in body.rows:
        packed.setdefault(kind, []).append(raw)
    # All rows of a kind at once, which takes half as long as one by one.
    rows = {
        kind: iter(_LIST_DECODERS[kind].decode(b"[" + b",".join(raws) + b"]"))
        for kind, raws in packed.items()
        if kind in KINDS
    }
    told = tuple((rev, next(rows[kind])) for rev, kind, _ in body.rows if kind in rows)
    return Page(body.since, body.to, told, body.more, tuple(body.gone))


def answer_of(result: Result) -> Answer:
    """The answer in a result."""
    return Answer(result.id, result.seq, result.refusal)
