"""Receipts: what became of each command, so that one that comes a second time is answered and not done again."""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Any

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from ismsg_tui.domain import wire
from ismsg_tui.domain.commands import Issued
from ismsg_tui.domain.packing import unpack
from ismsg_tui.domain.state import Refusal
from ismsg_tui.server import tables
from ismsg_tui.server.errors import ProblemError

KEPT = 400 * 24 * 3_600_000
"""Milliseconds for which receipts are kept, longer than any console keeps a command to send it again."""


_receipt = tables.receipt.c
_FIND = sa.select(_receipt.digest, _receipt.seq, _receipt.refusal).where(
    _receipt.ws == sa.bindparam("ws"), _receipt.command_id == sa.bindparam("id")
)
_KEEP = sa.insert(tables.receipt)


def find_receipt(connection: sa.Connection, ws: str, command_id: str, fingerprint: str) -> wire.Result | None:
    """What became of a command. Raises ProblemError 422 if another one was given under its id."""
    found = connection.execute(_FIND, {"ws": ws, "id": command_id}).first()
    if found is None:
        return None
    if found.digest != fingerprint:
        raise ProblemError(
            422, "command-reuse", "Another command was given under this id.", params={"command": command_id}
        )
    refusal = None if found.refusal is None else unpack(found.refusal, Refusal)
    return wire.Result(command_id, found.seq, refusal)


def keep_receipt(
    connection: sa.Connection, ws: str, result: wire.Result, fingerprint: str, device_id: str | None, at: int
) -> None:
    """Write down what became of a command."""
    refusal = None if result.refusal is None else msgspec.json.encode(result.refusal).decode()
    connection.execute(
        _KEEP,
        {
            "ws": ws,
            "command_id": result.id,
            "digest": fingerprint,
            "seq": result.seq,
            "refusal": refusal,
            "device_id": device_id,
            "at": at,
        },
    )


def revision_before(connection: sa.Connection, ws: str, at: int) -> int:
    """A revision that a workspace had reached before a time, as nearly as its receipts tell; 0 where they don't."""
    found = connection.execute(
        sa.select(_receipt.seq)
        .where(_receipt.ws == ws, _receipt.at < at, _receipt.refusal.is_(None))
        .order_by(_receipt.at.desc(), _receipt.seq.desc())
        .limit(1)
    )
    return found.scalar_one_or_none() or 0


def drop_old_receipts(connection: sa.Connection, now: int) -> int:
    """Forget receipts that nobody will ask for any more; returns how many."""
    return connection.execute(sa.delete(tables.receipt).where(_receipt.at < now - KEPT)).rowcount


def digest(issued: Issued) -> str:
    """A fingerprint of a command and who gave it; a field that has its default counts as if it were not there.

    So a later version, whose commands have more fields, finds the same fingerprint for a command that was kept.
    """
    essence = [issued.actor.user_id, issued.actor.source, _essence(issued.command)]
    return hashlib.sha256(msgspec.json.encode(essence, order="deterministic")).hexdigest()


def _essence(thing: Any) -> Any:
    if isinstance(thing, Struct):
        fields = _fields(type(thing))
        kept = {field.name: _essence(getattr(thing, field.name)) for field in fields if not _is_default(thing, field)}
        tag = thing.__struct_config__.tag
        return kept if tag is None else {"type": tag, **kept}
    if isinstance(thing, list | tuple):
        return [_essence(item) for item in thing]
    return thing


_fields = cache(msgspec.structs.fields)


def _is_default(thing: Struct, field: msgspec.structs.FieldInfo) -> bool:
    value = getattr(thing, field.name)
    if field.default is not msgspec.NODEFAULT:
        return bool(value == field.default)
    return field.default_factory is not msgspec.NODEFAULT and bool(value == field.default_factory())
