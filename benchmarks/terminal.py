"""A program in a terminal of its own, and the time until what it draws in answer to a key is there."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.inbox_store import USER
from ismsg_tui.firsts import TOUR, first_time

ROWS, COLUMNS = 40, 120
PATIENCE = 30.0
"""Seconds after which something that does not happen counts as failed."""

_PIECE = re.compile(rb"\x1b\[(\d+);(\d+)H((?:(?!\x1b\[\d+;\d+H)[\s\S])*)")
_STYLE = re.compile(rb"\x1b\[[0-9;]*m")

Piece = tuple[int, int, bytes]
"""Row and column, from 1, at which something was drawn, and what, without its style."""


class Terminal:
    """A program in a pseudo-terminal; `started` is when its process was begun."""

    def __init__(self, arguments: list[str], folder: Path | None = None) -> None:
        """Run Python with these arguments, its data in `folder`."""
        environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "ISMSG_USER": USER}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # what is installed has been compiled
        if folder is not None:
            environment |= {"ISMSG_DATA": str(folder), "ISMSG_CONFIG": str(folder / "no-config.toml")}
            # A first start would show the tour, in the way of the keys.
            environment["XDG_DATA_HOME"] = str(folder / "home")
            first_time(TOUR, folder / "home" / "ismsg")
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self._written = b""
        self._name = " ".join(arguments)[:60]
        self._asked = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environment,
            start_new_session=True,
        )
        os.close(theirs)

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    def send(self, keys: str) -> None:
        """Press keys; what was drawn before counts no more."""
        self.rest(0)
        self._written = b""
        self._asked = time.perf_counter()
        os.write(self._ours, keys.encode())

    def until(self, holds: Callable[[list[Piece]], bool]) -> float:
        """Seconds from the last keys, or the start, until what was drawn since is as wanted. Raises TimeoutError."""
        while not holds(self.pieces()):
            left = self._asked + PATIENCE - time.perf_counter()
            if left <= 0 or not self._read(left):
                raise TimeoutError(f"{self._name} did not draw what was waited for")
        return time.perf_counter() - self._asked

    def until_shown(self, *words: str) -> float:
        """Seconds until all of these words are drawn, wherever. Raises TimeoutError."""
        wanted = [word.encode() for word in words]
        return self.until(lambda pieces: all(any(word in piece[2] for piece in pieces) for word in wanted))

    def rest(self, seconds: float) -> None:
        """Take in what is drawn for some time."""
        end = time.perf_counter() + seconds
        while self._read(max(0.0, end - time.perf_counter())):
            pass

    def pieces(self) -> list[Piece]:
        """What was drawn since the last keys."""
        return [(int(row), int(column), _STYLE.sub(b"", text)) for row, column, text in _PIECE.findall(self._written)]

    def finish(self, keys: str) -> None:
        """Press the keys that end the program, and wait for its end. Raises TimeoutError."""
        self.send(keys)
        while self._process.poll() is None:
            if time.perf_counter() > self._asked + PATIENCE:
                raise TimeoutError(f"{self._name} does not end")
            self._read(0.05)

    def end(self) -> None:
        """End the program whatever it does."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        os.close(self._ours)

    def _read(self, seconds: float) -> bool:
        if not select.select([self._ours], [], [], seconds)[0]:
            return False
        try:
            self._written += os.read(self._ours, 65_536)
        except OSError:  # what a terminal says whose program has ended
            return False
        return True


@contextmanager
def running(arguments: list[str], folder: Path | None = None) -> Iterator[Terminal]:
    """A program in a terminal for some time."""
    terminal = Terminal(arguments, folder)
    try:
        yield terminal
    finally:
        terminal.end()


@contextmanager
def console(folder: Path) -> Iterator[Terminal]:
    """The console on the inbox in `folder`, once it shows every contact and has come to rest."""
    with running(["-m", "ismsg_tui"], folder) as terminal:
        terminal.until_shown("Help", "Guest")
        terminal.rest(0.7)
        terminal.send("6")
        terminal.until_shown("Guest 0")
        terminal.rest(1.5)
        yield terminal


@contextmanager
def bare_list() -> Iterator[Terminal]:
    """The bare list, at rest."""
    with running(["-m", "benchmarks.bare_list"]) as terminal:
        terminal.until_shown("row 20")
        terminal.rest(1.0)
        yield terminal
