"""JSON and plain values as what they stand for, from any thread.

msgspec works out the shape of a type when it is first asked for it, and two threads that do so at the same moment end
the process without a word. Here one works it out, and the others wait.
"""

from __future__ import annotations

import threading
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

Decoder = msgspec.json.Decoder

_decoders: dict[Any, Decoder[Any]] = {}
_working_out = threading.Lock()


def decoder(type_: type[T]) -> Decoder[T]:
    """What reads JSON as a type; after this its shape is known to `convert` too."""
    known = _decoders.get(type_)
    if known is None:
        with _working_out:
            known = _decoders.get(type_) or Decoder(type_)
            _decoders[type_] = known
    return known


def unpack(packed: bytes | str | msgspec.Raw, type_: type[T]) -> T:
    """JSON as a type. Raises msgspec.DecodeError or its ValidationError, UnicodeDecodeError, RecursionError."""
    return decoder(type_).decode(packed)


def convert(values: Any, type_: type[T], *, strict: bool = True) -> T:
    """Plain values as a type; not `strict`, also numbers that are written as texts. Raises msgspec.ValidationError."""
    decoder(type_)
    return msgspec.convert(values, type_, strict=strict)


unpack_anything = Decoder().decode
"""JSON as what it is: dicts, lists, texts and numbers."""
