"""The two facts that no rule can make up: what time it is, and ids nobody else has."""

from __future__ import annotations

import time

from uuid_utils import uuid7


def now_ms() -> int:
    """The time in milliseconds since 1970, UTC."""
    return time.time_ns() // 1_000_000


def new_id() -> str:
    """A fresh UUIDv7 (RFC 9562, 5.7)."""
    return str(uuid7())
