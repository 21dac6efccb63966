"""What others post, read strictly: as the struct that is wanted, or a problem that names what is wrong by field."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from ismsg_tui.domain.packing import unpack
from ismsg_tui.domain.wire import FieldError
from ismsg_tui.server.errors import ProblemError

_AT = re.compile(r" - at `(?:key` in `)?\$(?P<path>[^`]*)`$")
_STEP = re.compile(r"\.([A-Za-z_]\w*)|\[(\d+)\]")
_MISSING = re.compile(r"missing required field `(\w+)`")


def decode(body: bytes | msgspec.Raw, type_: Any, pointer: str = "") -> Any:
    """JSON as `type_`, where `pointer` is its place in the whole body.

    Raises ProblemError 400 where it is no JSON, 422 where it is something else.
    """
    try:
        return unpack(body, type_)
    except msgspec.ValidationError as error:
        raise invalid(_field_error(str(error), pointer)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProblemError(400, "malformed", "The body is no JSON.") from error


def invalid(*errors: FieldError) -> ProblemError:
    """What is said of a request parts of which can't be."""
    return ProblemError(422, "invalid", "Parts of the request are not as they have to be.", errors=errors)


def _field_error(message: str, pointer: str) -> FieldError:
    """What msgspec found, with the place as a JSON pointer."""
    at = _AT.search(message)
    steps = [name or index for name, index in _STEP.findall(at["path"])] if at else []
    detail = message[: at.start()] if at else message
    missing = _MISSING.search(detail)
    if missing:
        steps, detail = [*steps, missing[1]], "It is missing."
    return FieldError(pointer + "".join(f"/{step}" for step in steps), detail)
