"""A line that says that something takes a moment, for whoever looks at a terminal where nothing is yet."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ismsg_tui.domain.text import one_line

_WIPE = "\x1b[K"


@contextmanager
def in_a_moment(words: str) -> Iterator[None]:
    """Show some words until what follows has ended; nothing where the output is no terminal.

    A console covers them with its own screen. The cursor stands before them, so that whatever else is written in
    between goes over them and not behind.
    """
    out = sys.stdout
    if not out.isatty():
        yield
        return
    out.write(f"{one_line(words)}\r")
    out.flush()
    try:
        yield
    finally:
        out.write(_WIPE)
        out.flush()
