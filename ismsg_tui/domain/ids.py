"""Ids that follow from something else, so that every replica makes the same ones."""

from __future__ import annotations

import hashlib
from enum import IntEnum
from uuid import UUID

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
    """The id of the row that a command creates as `part`; sorts after the ids of the parts before it."""
    number = UUID(command_id).int
    return str(UUID(int=(number & ~_LOW_BITS) | ((number + part) & _LOW_BITS)))


def content_id(at: int, *parts: str) -> str:
    """A UUIDv7 (RFC 9562, 5.7) for a thing that already has a name elsewhere: the same parts give the same id.

    `at` is the time in milliseconds that the id carries, at least 0; the random bits are the SHA-256 of the parts.
    """
    digest = int.from_bytes(hashlib.sha256("\x00".join(parts).encode("utf-8", "surrogatepass")).digest()[:10], "big")
    random_a, random_b = (digest >> 62) & 0xFFF, digest & _LOW_BITS
    stamp = at & ((1 << 48) - 1)
    return str(UUID(int=(stamp << 80) | (0x7 << 76) | (random_a << 64) | (0b10 << 62) | random_b))
