"""The rows of messages that go out through channels: what they say, and the conditions by which they are found."""

from __future__ import annotations

from msgspec import Struct
from sqlalchemy import ColumnElement, and_, exists

from ismsg_tui.domain.commands import Actor
from ismsg_tui.domain.entities import Attachment, Message, Source
from ismsg_tui.server.tables import delivery

PENDING, SENDING, SENT, FAILED, UNCERTAIN = "pending", "sending", "sent", "failed", "uncertain"


class Due(Struct, frozen=True):
    """A part of a message that is to be sent."""

    workspace_id: str
    message_id: str
    channel_id: str
    contact_id: str
    part: int
    attempts: int
    created_at: int
    lease: str


CHANNEL = Actor(None, Source.API)
"""Who reports how far messages have come."""


def parts_of(message: Message) -> list[str | Attachment]:
    """What a message goes out as, in order: its text, then each of its files."""
    return [*([message.text] if message.text.strip() else []), *message.attachments]


def reference_of(message_id: str, part: int) -> str:
    """Our own id of a part of a message."""
    return f"{message_id}.{part}"


def one_delivery(workspace_id: str, message_id: str) -> ColumnElement[bool]:
    """The condition that a row of the table is that of a message."""
    return and_(delivery.c.ws == workspace_id, delivery.c.message_id == message_id)


def given_id(due: Due, external_id: str, *, whole: bool) -> dict[str, str | bool]:
    """The row that says which id a channel has given to a part of a message."""
    return {
        "channel_id": due.channel_id,
        "external_id": external_id,
        "contact_id": due.contact_id,
        "message_id": due.message_id,
        "whole": whole,
    }


def leased(due: Due, *states: str) -> ColumnElement[bool]:
    """The condition that a message is still in the hands of who took it."""
    mine = one_delivery(due.workspace_id, due.message_id)
    return and_(mine, delivery.c.lease == due.lease, delivery.c.state.in_(states))


def behind_another() -> ColumnElement[bool]:
    """The condition that something said earlier to the same contact has not been sent yet."""
    earlier = delivery.alias()
    return exists().where(
        earlier.c.contact_id == delivery.c.contact_id,
        earlier.c.channel_id == delivery.c.channel_id,
        earlier.c.seq < delivery.c.seq,
        earlier.c.state.in_((PENDING, SENDING)),
    )
