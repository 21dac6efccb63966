"""What a message of a custom channel says, in words: whatever it is, nothing of it is lost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ismsg_tui.domain.text import one_line

_LONGEST = 2_000
_SPEAKING = ("text", "title", "caption", "body", "description", "url")
"""Fields that hold something for people, in messages of kinds that we know nothing of."""


def message_words(kind: str, message: Mapping[str, Any]) -> str:
    """The text that stands for a message that is no attachment."""
    match kind:
        case "text":
            return str(message["text"])
        case "location":
            return _location(message) or _other(kind, message)
        case "quick_reply":
            return _quick_reply(message) or _other(kind, message)
        case _:
            return _other(kind, message)


def _location(message: Mapping[str, Any]) -> str:
    """`Location: Pier 3, 1 Harbour Road (10.77690, 106.70090)`; "" without coordinates."""
    latitude, longitude = _degrees(message.get("latitude"), 90), _degrees(message.get("longitude"), 180)
    if latitude is None or longitude is None:
        return ""
    place = ", ".join(part for key in ("name", "address") if (part := _line(message.get(key))))
    point = f"{latitude:.5f}, {longitude:.5f}"
    return f"Location: {place} ({point})" if place else f"Location: {point}"


def _degrees(value: object, most: int) -> float | None:
    try:
        degrees = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else None
    except (ValueError, OverflowError):
        return None
    return degrees if degrees is not None and -most <= degrees <= most else None


def _quick_reply(message: Mapping[str, Any]) -> str:
    """The question, and under it what could be chosen."""
    question = message.get("title") or message.get("text")
    replies = message.get("replies")
    lines = [question] if isinstance(question, str) and one_line(question) else []
    if isinstance(replies, list):
        lines += [f"· {line}" for reply in replies[:50] if (line := _line(reply))]
    return "\n".join(lines)


def _other(kind: str, message: Mapping[str, Any]) -> str:
    """A line that says what kind of message it is and what there is to read in it."""
    said = [text for key in _SPEAKING if isinstance(text := message.get(key), str) and one_line(text)]
    if not said:
        rest = {key: value for key, value in message.items() if key != "type"}
        said = [msgspec.json.encode(rest).decode()[:_LONGEST]] if rest else []
    name = one_line(kind, 50) or "unknown"
    return f"(a message of the kind “{name}”) {' · '.join(said)}".strip()


def _line(value: object) -> str:
    return one_line(value, 300) if isinstance(value, str) else ""
