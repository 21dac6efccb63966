"""What follows from a restore: another history begins, and what may have been sent before is not sent a second time."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import sqlalchemy as sa

from ismsg_tui.server import tables
from ismsg_tui.server.delivery_rows import PENDING, SENDING

_delivery = tables.delivery.c


def new_epoch() -> str:
    """A name for a history that no other has."""
    return secrets.token_hex(8)


def begin_new_histories(connection: sa.Connection, now: int) -> None:
    """Note that every workspace was restored just now, so that consoles begin anew and send again what is missing."""
    for (ws,) in connection.execute(sa.select(tables.workspace.c.id)).all():
        connection.execute(
            sa.update(tables.workspace).where(tables.workspace.c.id == ws).values(epoch=new_epoch(), restored_at=now)
        )
    _hold(connection, sa.true())


def hold_in_doubt(connection: sa.Connection, ws: str, message_ids: Sequence[str]) -> None:
    """Have messages not go out that a console sends again after a restore: nobody knows whether they did before."""
    _hold(connection, sa.and_(_delivery.ws == ws, _delivery.message_id.in_(message_ids)))


def _hold(connection: sa.Connection, which: sa.ColumnElement[bool]) -> None:
    """Put deliveries into the state of those whose sender has died, which makes them uncertain and asks the agent."""
    connection.execute(
        sa.update(tables.delivery)
        .where(_delivery.state == PENDING, which)
        .values(state=SENDING, lease="restored", leased_until=0)
    )
