"""The rows of messages that go out through channels: how they begin, what they say, how one is found and taken."""

from __future__ import annotations

import secrets
from typing import Any

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import ColumnElement, Connection, Row, and_, exists, select, update

from ismsg_tui.domain.commands import Actor
from ismsg_tui.domain.entities import Attachment, Message, Source
from ismsg_tui.server.database import Database
from ismsg_tui.server.tables import channel_message, delivery

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


def due_of(row: Row[Any], *, part: int | None = None) -> Due:
    """A row of the table, or another part of its message."""
    part = row.part if part is None else part
    return Due(row.ws, row.message_id, row.channel_id, row.contact_id, part, row.attempts, row.created_at, row.lease)


def waiting(workspace_id: str, message: Message, channel_id: str, seq: int, now: int) -> dict[str, str | int]:
    """The row of a message that is to go out through a channel, and was made by the revision `seq`."""
    return {
        "ws": workspace_id,
        "message_id": message.id,
        "channel_id": channel_id,
        "contact_id": message.contact_id,
        "seq": seq,
        "state": PENDING,
        "part": 0,
        "attempts": 0,
        "created_at": now,
        "due_at": now,
        "lease": "",
        "leased_until": 0,
    }


def claim(database: Database, now: int, lease: int) -> Due | None:
    """Take something that is due, for so many milliseconds; None where there is nothing."""
    with database.read() as connection:
        found = connection.execute(
            select(delivery)
            .where(delivery.c.state == PENDING, delivery.c.due_at <= now, ~behind_another())
            .order_by(delivery.c.due_at, delivery.c.seq)
            .limit(10)
        ).all()
    for row in found:
        mine = and_(one_delivery(row.ws, row.message_id), delivery.c.part == row.part)
        due = replace(due_of(row), attempts=row.attempts + 1, lease=secrets.token_hex(8))
        with database.write() as connection:
            taken = connection.execute(
                update(delivery)
                .where(mine, delivery.c.state == PENDING, delivery.c.due_at <= now, ~behind_another())
                .values(state=SENDING, attempts=due.attempts, lease=due.lease, leased_until=now + lease)
            ).rowcount
        if taken:
            return due
    return None


def abandoned(database: Database, now: int) -> Due | None:
    """Something that was taken and not settled in time; None where there is nothing."""
    with database.read() as connection:
        found = connection.execute(
            select(delivery).where(delivery.c.state == SENDING, delivery.c.leased_until < now).limit(1)
        ).one_or_none()
    return None if found is None else due_of(found)


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


def quoted(connection: Connection, channel_id: str, message_id: str | None) -> str:
    """The channel's id of a message that is answered; "" where it has none."""
    if message_id is None:
        return ""
    mine = and_(channel_message.c.channel_id == channel_id, channel_message.c.message_id == message_id)
    found = connection.scalar(
        select(channel_message.c.external_id).where(mine).order_by(channel_message.c.whole).limit(1)
    )
    return str(found or "")
