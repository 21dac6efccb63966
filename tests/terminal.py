"""A program in a pseudo-terminal of its own: what it is sent, what it writes, and what that looks like on a screen."""

from __future__ import annotations

import codecs
import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import pyte

from ismsg_tui.firsts import TOUR, first_time
from tests.waiting import PATIENCE

AT_REST = frozenset({7, 25})
"""The modes of a terminal at rest: lines wrap, the cursor is shown."""

_SYNCHRONISED = 2026
_CONTROLS = r"\x00-\x1f\x7f-\x9f"
_TOKEN = re.compile(
    rf"(?P<text>[^{_CONTROLS}]+)"
    r"|\x1b\[(?P<csi>[<=>?]?[0-9;:]*[ -/]*[@-~])"
    rf"|\x1b\](?P<osc>[^{_CONTROLS}]*)(?:\x07|\x1b\\)"
    rf"|\x1b_(?P<apc>[^{_CONTROLS}]*)\x1b\\"
    rf"|\x1bP(?P<dcs>[^{_CONTROLS}]*)\x1b\\"
    r"|(?P<control>[\s\S])"
)
_UNFINISHED = re.compile(rf"\x1b(?:\[[<=>?]?[0-9;:]*[ -/]*|[\]_P][^{_CONTROLS}]*\x1b?)?\Z")
_SIXEL = re.compile(r'[0-9;]*q"1;1;(\d+);(\d+)#')
_PLACEHOLDER = "\U0010eeee"


class Token(NamedTuple):
    """A piece of what a program writes: `text`, `csi`, `osc`, `apc`, `dcs`, or one `control` character that begins none
    of them.
    """

    kind: str
    value: str


def tokens(output: str) -> Iterator[Token]:
    """What was written, piece by piece; nothing is left out."""
    for match in _TOKEN.finditer(output):
        kind = match.lastgroup or "control"
        yield Token(kind, match[kind])


class _Screen(pyte.Screen):
    """A screen on which marks and joiners of every script go with the character before them, as terminals do it.

    Sixels lie on its cells until something else is written there.
    """

    def __init__(self, columns: int, lines: int) -> None:
        self.sixels: set[tuple[int, int]] = set()
        """The cells, by row and column, of which a picture covers a part."""
        super().__init__(columns, lines)

    def draw(self, data: str) -> None:
        before = self.cursor.y, self.cursor.x
        self._draw(data)
        self._wipe(before, (self.cursor.y, self.cursor.x))

    def _wipe(self, start: tuple[int, int], end: tuple[int, int]) -> None:
        if self.sixels:
            self.sixels = {place for place in self.sixels if not start <= place < end}

    def erase_in_display(self, how: int = 0, *args: object, **kwargs: object) -> None:
        super().erase_in_display(how)
        self._wipe((self.cursor.y, self.cursor.x) if how == 0 else (0, 0), (self.lines, 0))

    def cover(self, columns: int, lines: int) -> None:
        """Lay a picture over so many cells, from the cursor on."""
        y, x = self.cursor.y, self.cursor.x
        self.sixels |= {(y + down, x + right) for down in range(lines) for right in range(columns)}

    def _draw(self, data: str) -> None:
        if data.isascii():
            super().draw(data)
            return
        for char in data:
            if unicodedata.category(char) not in ("Mn", "Me", "Cf"):
                super().draw(char)
            elif self.cursor.x:
                row = self.buffer[self.cursor.y]
                at = self.cursor.x - (1 if row[self.cursor.x - 1].data else 2)
                row[at] = row[at]._replace(data=row[at].data + char)


class Terminal:
    """A terminal with a program in it.

    It says that it can show whole frames only (mode 2026), and conditions are looked at between frames.
    """

    def __init__(
        self,
        command: list[str],
        environment: Mapping[str, str],
        size: tuple[int, int] = (120, 40),
        cell: tuple[int, int] = (0, 0),
    ) -> None:
        """`size` is in columns and rows, that of a `cell` in pixels, which not every terminal tells."""
        self.columns, self.rows = size
        self._cell = cell
        self.modes = set(AT_REST)
        """The private modes that are on."""
        self.keyboards = 0
        """How many enhanced keyboard modes were pushed and not popped."""
        self._screen_now = _Screen(*size)
        self._stream = pyte.Stream(self._screen_now)
        self._written: list[str] = []
        self._answer = ""
        self._not_drawn: list[Token] = []
        self._decode = codecs.getincrementaldecoder("utf-8")("strict").decode
        self._pending = ""
        self._ours, self._theirs = os.openpty()
        pixels = self.columns * cell[0], self.rows * cell[1]
        fcntl.ioctl(self._theirs, termios.TIOCSWINSZ, struct.pack("HHHH", self.rows, self.columns, *pixels))
        self.settings = termios.tcgetattr(self._theirs)
        """The line settings that the program found."""
        self._process = subprocess.Popen(
            command,
            env=environment,
            preexec_fn=partial(os.login_tty, self._theirs),  # noqa: PLW1509 - nothing runs beside it yet
        )

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self.close()

    # What is seen

    @property
    def output(self) -> str:
        """Everything that was written so far."""
        self._written = ["".join(self._written)]
        return self._written[0]

    @property
    def _screen(self) -> _Screen:
        """The screen as it is now. Drawing it is slow, so it is done when somebody looks."""
        for kind, value in self._not_drawn:
            if kind == "csi" and value.startswith("?1049"):
                # Of the alternate screen pyte knows nothing: going there and back begins on an empty one.
                self._stream.feed("\x1b[H\x1b[2J")
            elif kind == "csi" and value[0] not in "<=>":
                self._stream.feed(f"\x1b[{value}")
            elif kind in ("text", "control"):
                self._stream.feed(value)
            elif kind == "dcs" and (sixels := _SIXEL.match(value)):
                across, down = self._cell
                self._screen_now.cover(-(-int(sixels[1]) // across), -(-int(sixels[2]) // down))
        self._not_drawn.clear()
        return self._screen_now

    @property
    def lines(self) -> list[str]:
        """The rows of the screen, a wide character as it is and nothing in its second column."""
        rows = self._screen.buffer
        return ["".join(rows[y][x].data for x in range(self.columns)) for y in range(self.rows)]

    @property
    def text(self) -> str:
        """The screen as one text."""
        return "\n".join(self.lines)

    @property
    def cursor_line(self) -> str:
        """The row in which the cursor stands, which is where input methods and braille displays look."""
        return self.lines[self._screen.cursor.y]

    @property
    def pictured(self) -> set[tuple[int, int]]:
        """The cells, by row and column, that show a piece of a picture in pixels."""
        rows = self._screen.buffer
        places = ((y, x) for y in range(self.rows) for x in range(self.columns))
        return {place for place in places if rows[place[0]][place[1]].data.startswith(_PLACEHOLDER)} | (
            self._screen_now.sixels
        )

    def backgrounds(self, x: int) -> list[str]:
        """The colours behind one column, row by row."""
        rows = self._screen.buffer
        return [rows[y][x].bg for y in range(self.rows)]

    @property
    def settings_now(self) -> list[object]:
        """The line settings as they are."""
        return termios.tcgetattr(self._theirs)

    # What is done

    def send(self, text: str) -> None:
        """Type or paste something."""
        self._answer = ""
        os.write(self._ours, text.encode())

    def kill(self, which: signal.Signals) -> None:
        """Send the program a signal."""
        self._process.send_signal(which)

    def wait_for(self, wanted: str | Callable[[], bool], seconds: float = PATIENCE) -> None:
        """Read until the screen shows a text or a condition holds. Raises AssertionError with what it shows instead."""

        def holds() -> bool:
            return wanted in self.text if isinstance(wanted, str) else wanted()

        deadline = time.monotonic() + seconds
        while _SYNCHRONISED in self.modes or not holds():
            if not self._go_on(deadline):
                code = self._process.poll()
                how = "did not come to it" if code is None else f"ended with {code}"
                raise AssertionError(f"The program {how}: {wanted!r} is not on the screen:\n{self.text}")

    def wait_for_cursor(self, words: str) -> None:
        """Read until the cursor stands in a row that holds some words. Raises AssertionError like `wait_for`."""
        self.wait_for(lambda: words in self.cursor_line)

    def ask(self, keys: str, wanted: str) -> None:
        """Press keys and read until a text has been written in answer; quicker than looking at the screen.

        Raises AssertionError with what the screen shows instead.
        """
        self.send(keys)
        deadline = time.monotonic() + PATIENCE
        while _SYNCHRONISED in self.modes or wanted not in self._answer:
            if not self._go_on(deadline):
                raise AssertionError(f"No {wanted!r} after {keys!r}:\n{self.text}")

    def wait(self) -> int:
        """Read until the program ends by itself; returns its exit code. Raises AssertionError if it does not."""
        deadline = time.monotonic() + PATIENCE
        while self._go_on(deadline):
            pass
        code = self._process.poll()
        if code is None:
            raise AssertionError(f"The program does not end:\n{self.text}")
        return code

    def _go_on(self, deadline: float) -> bool:
        """Read once more; returns False when the program has ended and everything is read, or it is too late."""
        ended = self._process.poll() is not None
        # Its end is no news that a terminal brings, so it is looked for between short waits.
        read = self._read(0.0 if ended else 0.05)
        return read or not (ended or time.monotonic() >= deadline)

    def close(self) -> None:
        """Close the terminal's window, whether or not the program has ended."""
        for end in (self._ours, self._theirs):
            if end >= 0:
                os.close(end)
        self._ours = self._theirs = -1

    def wait_unseen(self) -> int:
        """Wait for the end of a program whose window was closed; returns its exit code."""
        return self._process.wait(PATIENCE)

    def _read(self, seconds: float) -> bool:
        """Take in what is written within some time; returns whether something was."""
        if not select.select([self._ours], [], [], max(0.0, seconds))[0]:
            return False
        written = self._decode(os.read(self._ours, 65_536))
        self._written.append(written)
        self._answer += written
        self._pending += written
        unfinished = _UNFINISHED.search(self._pending)
        whole = self._pending[: unfinished.start()] if unfinished else self._pending
        self._pending = self._pending[len(whole) :]
        for token in tokens(whole):
            self._not_drawn.append(token)
            if token.kind == "csi" and token.value[0] in "<>?":
                self._note_mode(token.value)
        return True

    def _note_mode(self, value: str) -> None:
        """Take notice of a mode that is set or asked for."""
        if value == f"?{_SYNCHRONISED}$p":
            os.write(self._ours, f"\x1b[?{_SYNCHRONISED};2$y".encode())
        elif value[0] == "?" and value[-1] in "hl":
            change = self.modes.add if value[-1] == "h" else self.modes.discard
            for mode in value[1:-1].split(";"):
                change(int(mode))
        elif value[-1] == "u":
            self.keyboards += {"<": -1, ">": 1}.get(value[0], 0)


def width_on_screen(text: str) -> int:
    """How many columns a line of text takes on a terminal that looks at one character at a time."""
    screen = _Screen(20_000, 1)
    screen.draw(text)
    return screen.cursor.x


def isolated(folder: Path, *, tour: bool = False) -> dict[str, str]:
    """An environment in which a program finds nothing of the user's and leaves nothing outside `folder`.

    The console believes that it has been started before, unless its first `tour` is wanted.
    """
    home, scratch = folder / "home", folder / "scratch"
    for path in (home, scratch):
        path.mkdir(exist_ok=True)
    if not tour:
        for place in (".local/share/ismsg", "Library/Application Support/ismsg"):
            first_time(TOUR, home / place)
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "TMPDIR": str(scratch),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
    }


@contextmanager
def ismsg(folder: Path, *arguments: str, size: tuple[int, int] = (120, 40), before: str = "") -> Iterator[Terminal]:
    """The command `ismsg` in a terminal, at home in `folder`; `before` is Python to run first in its process."""
    run = ["-m", "ismsg_tui"]
    if before:
        run = ["-c", f"{before}\nfrom ismsg_tui.cli import main\nmain(prog_name='ismsg')"]
    with Terminal([sys.executable, *run, *arguments], isolated(folder), size) as terminal:
        yield terminal
