"""A terminal that sound libraries can't write to, and whose end stops nobody."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper


class _Screen(TextIOWrapper):
    """A text file on a terminal that may go away, after which what is written goes nowhere.

    Textual writes on a thread. That one would end by the failure, and the console wait for it for good instead of
    hearing that its window was closed.
    """

    def write(self, text: str) -> int:
        with suppress(OSError):
            super().write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            super().flush()


@contextmanager
def terminal_kept_clean() -> Iterator[None]:
    """Give `sys.stderr` a descriptor of its own and let descriptor 2 lead nowhere; for the whole life of a console.

    PortAudio and ALSA write what displeases them to descriptor 2, from threads of their own, and sounddevice turns 2
    away while it looks for devices: a screen that is drawn through 2, as Textual's is, gets dirt on it or misses bytes.
    """
    before = sys.stderr, sys.__stderr__
    original = sys.__stderr__
    if original is None or original.fileno() != 2:
        yield
        return
    original.flush()
    own = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    raw = os.fdopen(own, "wb", closefd=False)
    screen = _Screen(raw, encoding=original.encoding, errors=original.errors, line_buffering=os.isatty(own))
    sys.stderr = sys.__stderr__ = screen  # type: ignore[misc]
    os.dup2(nowhere, 2)
    os.close(nowhere)
    try:
        yield
    finally:
        screen.flush()
        sys.stderr, sys.__stderr__ = before  # type: ignore[misc]
        os.dup2(own, 2)
        os.close(own)
