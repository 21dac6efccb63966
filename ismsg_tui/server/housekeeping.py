"""What a server forgets in time, by itself or when it is told to."""

from __future__ import annotations

import sqlalchemy as sa

from ismsg_tui.server import tables
from ismsg_tui.server.accounts import ACCESS_LIFE
from ismsg_tui.server.database import Database
from ismsg_tui.server.receipts import drop_old_receipts
from ismsg_tui.server.traces import drop_old_traces

MINUTE = 60_000
TOLD = 24 * 60 * MINUTE
"""Milliseconds for which a device that was signed out is told so; from then on its tokens are not known."""
_BATCH = 500

_device, _token, _receipt = tables.device.c, tables.token.c, tables.receipt.c


def tidy(database: Database, now: int) -> int:
    """Forget what nobody will ask for any more; returns how many things.

    That is tokens that have run out or been taken away, devices that have none and of which nothing speaks, old
    receipts and traces.
    """
    traces = drop_old_traces(database, now)  # before the receipts, which say how old revisions are
    with database.write() as connection:
        receipts = drop_old_receipts(connection, now)
        tokens = _drop_tokens(connection, now)
    return traces + receipts + tokens + _drop_devices(database)


def _drop_tokens(connection: sa.Connection, now: int) -> int:
    signed_out = sa.select(_device.id).where(_device.revoked_at < now - TOLD)
    useless = sa.or_(_token.expires_at < now, _token.device_id.in_(signed_out))
    return connection.execute(sa.delete(tables.token).where(useless)).rowcount


def _drop_devices(database: Database) -> int:
    """Forget the devices that can't come back, unless a command is known to be theirs."""
    tokens = sa.exists().where(_token.device_id == _device.id)
    # Their commands came while they were signed in: by the time there is an index. Clocks may differ a little.
    until = sa.func.coalesce(_device.revoked_at, _device.seen_at + ACCESS_LIFE) + MINUTE
    commands = sa.exists().where(
        _receipt.device_id == _device.id, _receipt.at >= _device.created_at - MINUTE, _receipt.at <= until
    )
    with database.read() as connection:  # which keeps nobody waiting, however long it takes
        useless = list(connection.execute(sa.select(_device.id).where(~tokens, ~commands)).scalars())
    for start in range(0, len(useless), _BATCH):
        with database.write() as connection:
            connection.execute(sa.delete(tables.device).where(_device.id.in_(useless[start : start + _BATCH])))
    return len(useless)
