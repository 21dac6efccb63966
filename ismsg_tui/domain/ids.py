"""Ids that follow from something else, so that every replica makes the same ones."""

from __future__ import annotations

import hashlib
from enum import IntEnum

_LOW_BITS = (1 << 62) - 1


class Part(IntEnum):
    """The rows a command may create, in the order in which they stand in the timeline."""

    CONVERSATION = 1
    OPENED = 2
    WOKEN = 3
    ASSIGNED = 4
    MAIN = 5
    UNASSIGNED = 6


def derived_id(command_id: str, part: Part) -> str:
    """The id of the row that a command creates as `part`; sorts after the ids of the parts before it.

    Raises ValueError if the command's id does not end as a UUID does.
    """
    return _moved(command_id, part)


def command_of(row_id: str, part: Part) -> str:
    """The id of the command that would create the row `row_id` as `part`; the reverse of `derived_id`."""
    return _moved(row_id, -part)


def content_id(at: int, *parts: str) -> str:
    """A UUIDv7 (RFC 9562, 5.7) for a thing that already has a name elsewhere: the same parts give the same id.

    `at` is the time in milliseconds that the id carries, at least 0; the random bits are the SHA-256 of the parts.
    """
    digest = int.from_bytes(hashlib.sha256("\x00".join(parts).encode("utf-8", "surrogatepass")).digest()[:10], "big")
    stamp = f"{at & ((1 << 48) - 1):012x}"
    return _written(f"{stamp[:8]}-{stamp[8:]}-7{(digest >> 62) & 0xFFF:03x}", (0b10 << 62) | (digest & _LOW_BITS))


def _moved(id_: str, steps: int) -> str:
    last = int(id_[24:], 16) + steps
    if 0 <= last < 1 << 48:
        return f"{id_[:24]}{last:012x}"
    low = int(id_[19:23] + id_[24:], 16)
    return _written(id_[:18], (low & ~_LOW_BITS) | ((low + steps) & _LOW_BITS))


def _written(high: str, low: int) -> str:
    """A UUID in canonical form, of its first 64 bits as written and its last 64; `uuid.UUID` is five times slower."""
    digits = f"{low:016x}"
    return f"{high}-{digits[:4]}-{digits[4:]}"
