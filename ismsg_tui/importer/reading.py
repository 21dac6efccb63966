"""Reading files of one JSON value a line, compressed or not, and naming what is wrong in them."""

from __future__ import annotations

import gzip
import io
import os
import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, TypeVar, cast

import msgspec
from msgspec import Struct

from ismsg_tui.domain.packing import unpack_anything

MAX_LINE = 32 * 1024 * 1024
"""The longest line that is read, in bytes; a longer one is a problem, not a reason to run out of memory."""

_GZIP = b"\x1f\x8b"
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")

T = TypeVar("T")


class Problem(Struct, frozen=True):
    """A line that can't be taken in, and why."""

    path: Path
    line: int
    """Counted from 1; 0 where the file as a whole is meant."""
    reason: str


class ReadError(Exception):
    """A file that can't be read any further; the message says why."""


class Source:
    """An open file: its lines with their numbers, and how much of it was read."""

    def __init__(self, path: Path) -> None:
        self._raw = path.open("rb")
        self.size = os.fstat(self._raw.fileno()).st_size
        start = self._raw.peek(2)[:2]
        # Either is closed by `__exit__`.
        self._stream = cast("BinaryIO", gzip.GzipFile(fileobj=self._raw) if start == _GZIP else self._raw)

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        self._raw.close()

    @property
    def done(self) -> int:
        """How many of the file's `size` bytes were read; 0 for a pipe, which has no size either."""
        return self._raw.tell() if self._raw.seekable() else 0

    def text(self) -> io.TextIOWrapper:
        """The whole file as text in UTF-8, with or without a byte order mark; other bytes as lone surrogates."""
        return io.TextIOWrapper(self._stream, encoding="utf-8-sig", errors="surrogateescape", newline="")

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Each line that is not blank, with its number. Raises ReadError where the file breaks off or is too wild."""
        number = 0
        while True:
            number += 1
            try:
                line = self._stream.readline(MAX_LINE + 1)
            except EOFError:
                raise ReadError("the compressed data ends too early") from None
            except (gzip.BadGzipFile, zlib.error) as error:
                raise ReadError(f"the compressed data is damaged ({error})") from error
            except OSError as error:
                raise ReadError(error.strerror or str(error)) from error
            if not line:
                return
            if len(line) > MAX_LINE:
                raise ReadError(f"line {number} is longer than {MAX_LINE // 1_048_576} MB")
            if number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")
            if not line.isspace():
                yield number, line


def decode_line(decode: Callable[[bytes], T], line: bytes) -> T:
    """What `decode`, a msgspec decoder, makes of a line. Raises ValueError with a reason that people understand."""
    try:
        return decode(line)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from error
    except UnicodeDecodeError as error:
        raise ValueError("the text is not UTF-8") from error
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except msgspec.DecodeError as error:
        if _SURROGATE.search(line) and _is_json(line):
            raise ValueError("it holds half a character (a lone surrogate)") from error
        raise ValueError(f"broken JSON: {error}") from error


def _is_json(line: bytes) -> bool:
    """Whether a line is well-formed but for halves of characters."""
    try:
        unpack_anything(_SURROGATE.sub(rb"\\u00", line))
    except (msgspec.DecodeError, RecursionError):
        return False
    return True
