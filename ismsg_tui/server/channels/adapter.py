"""What a kind of channel has to bring: how it reads what comes in, and how it says what goes out.

An adapter keeps nothing and decides nothing. It turns the channel's words into those below and back; who is who, what
was seen before, what is tried again and what is better not tried again is the same for all kinds.
"""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from ismsg_tui.domain.entities import Attachment, Delivery, MediaRule


class Account(Struct, frozen=True):
    """A channel that is connected."""

    channel_id: str
    workspace_id: str
    kind: str
    token: str
    base_url: str


class Capabilities(Struct, frozen=True):
    """What a kind of channel can carry."""

    text_limit: int
    """Characters."""
    media: tuple[MediaRule, ...]
    receipts: bool
    """Whether it reports that a message was delivered and read."""


class Profile(Struct, frozen=True):
    """What a channel knows of a contact; what it does not know is empty."""

    first_name: str = ""
    last_name: str = ""
    phone: str = ""
    email: str = ""
    country: str = ""
    language: str = ""


class RemoteFile(Struct, frozen=True):
    """A file that is to be fetched."""

    url: str
    name: str = ""
    voice: bool = False
    """Whether it is a recording that was made to be sent."""
    duration: int | None = None
    """Milliseconds."""
    peaks: tuple[int, ...] = ()
    """The waveform: loudness from 0 to 100 in equal steps of time."""


class Arrived(Struct, frozen=True, tag="message"):
    """A message from a contact, or one to the contact that was sent elsewhere."""

    external_id: str
    text: str
    file: RemoteFile | None = None
    echo: bool = False
    answers: str = ""
    """The id that we gave to the message which this is the echo of, if the channel says so."""


class Reported(Struct, frozen=True, tag="status"):
    """How far a message has come that went out."""

    external_id: str
    status: Delivery
    error: str = ""
    at: int = 0
    answers: str = ""
    """The id that we gave to the message, if the channel says so."""


ChannelEvent = Arrived | Reported


class Inbound(Struct, frozen=True):
    """What a channel tells about one contact, in the order in which it happened."""

    contact: str
    """The contact as the channel knows him."""
    profile: Profile
    events: tuple[ChannelEvent, ...]


class Link(Struct, frozen=True):
    """A file that goes out, with the address from which the channel can fetch it."""

    attachment: Attachment
    url: str


class Outgoing(Struct, frozen=True):
    """One part of a message: its text, or one of its files."""

    contact: str
    """The contact as the channel knows him."""
    reference: str
    """Our own id of this part: the same whenever it is tried again."""
    content: str | Link
    quotes: str = ""
    """The channel's id of the message that is answered, if there is one."""


class SendError(Exception):
    """A message was not handed to the channel; the sentence says why."""


class RefusedError(SendError):
    """The channel has said no, for good."""


class LaterError(SendError):
    """Nothing was handed over: it may be tried again, after `after` seconds where the channel has said so."""

    def __init__(self, reason: str, after: float = 0.0) -> None:
        super().__init__(reason)
        self.after = after


class UncertainError(SendError):
    """Nobody knows whether the channel has taken it: trying again could send it twice."""


class Adapter(Protocol):
    """A kind of channel."""

    kind: str

    @property
    def capabilities(self) -> Capabilities:
        """What channels of this kind can carry."""
        ...

    def receive(self, account: Account, body: bytes) -> Inbound:
        """Read what a channel posted. Raises ProblemError 400 or 422 that names what is wrong with it."""
        ...

    def send(self, account: Account, message: Outgoing) -> str:
        """Hand one part of a message over and return the channel's id of it, "" where it has given none.

        Raises RefusedError, LaterError, UncertainError; nothing else.
        """
        ...
