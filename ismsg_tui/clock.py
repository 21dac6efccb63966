"""The two facts that no rule can make up: what time it is, and ids nobody else has."""

from __future__ import annotations

import time

from uuid_utils import uuid7

_still_at: int | None = None


def now_ms() -> int:
    """The time in milliseconds since 1970, UTC."""
    return time.time_ns() // 1_000_000 if _still_at is None else _still_at


def stand_still(at: int | None) -> None:
    """Let time stand still at `at` for this process, as for a picture; None lets it go on."""
    global _still_at  # noqa: PLW0603 - there is one time for all
    _still_at = at


def new_id() -> str:
    """A fresh UUIDv7 (RFC 9562, 5.7)."""
    return str(uuid7())
