"""What is looked at in a command before anything is done about it."""

from __future__ import annotations

import re

import msgspec

from ismsg_tui.domain.commands import SNIPPETS, Issued, SaveSnippet, scope_of
from ismsg_tui.domain.wire import FieldError

LARGEST = 2**53
"""The largest number that every program reads as it was written."""

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def is_id(text: str) -> bool:
    """Whether a text is a UUID in canonical form."""
    return _UUID.fullmatch(text) is not None


def faults(issued: Issued) -> list[FieldError]:
    """What can't be in a command, whoever gives it; pointers begin at the command."""
    command = issued.command
    found = [] if is_id(issued.id) else [FieldError("/id", "must be a UUID in lower case")]
    scope = scope_of(command)
    if scope != SNIPPETS and not is_id(scope):
        found.append(FieldError("/command/contact_id", "must be a UUID in lower case"))
    if isinstance(command, SaveSnippet) and not is_id(command.snippet.id):
        found.append(FieldError("/command/snippet/id", "must be a UUID in lower case"))
    return found + _numbers(msgspec.to_builtins(command), "/command")


def _numbers(thing: object, pointer: str) -> list[FieldError]:
    match thing:
        case bool():
            return []
        case int() if abs(thing) > LARGEST:
            return [FieldError(pointer, "is too large")]
        case dict():
            return [fault for key, value in thing.items() for fault in _numbers(value, f"{pointer}/{key}")]
        case list() | tuple():
            return [fault for place, value in enumerate(thing) for fault in _numbers(value, f"{pointer}/{place}")]
        case _:
            return []
