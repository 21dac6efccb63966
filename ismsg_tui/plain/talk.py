"""Asking and saying: the one door through which the line mode reads and writes."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from typing import TextIO

from ismsg_tui.domain.text import clean, one_line

LONGEST_ROLE = 200
"""The longest beginning of a line, in characters."""


class Role(StrEnum):
    """What a line is; the word it starts with."""

    NOTICE = "Notice"
    NEW = "New"
    DONE = "Done"
    ERROR = "Error"
    QUESTION = "Question"
    CONTACT = "Contact"
    DAY = "Day"
    COMMENT = "Comment"
    EVENT = "Event"
    DRAFT = "Draft"
    TEXT = "Text"
    LINE = "Line"
    FILE = "File"
    QUOTE = "Quote"
    UNSENT = "Not sent"
    FOUND = "Found"
    SNIPPET = "Snippet"
    CATEGORY = "Category"
    VIEW = "View"
    WORD = "Word"


class Talk:
    """Lines to and from whoever sits there; a prompt is shown only where somebody does."""

    def __init__(
        self, source: TextIO, target: TextIO, *, interactive: bool, read: Callable[[str], str] = input
    ) -> None:
        """`read` asks somebody at a terminal; where nobody sits there, lines come from `source`."""
        self.interactive = interactive
        self._source = source
        self._target = target
        self._read = read

    @classmethod
    def standard(cls) -> Talk:
        """Over the process's own input and output, with line editing where the system has it."""
        interactive = sys.stdin.isatty()
        if isinstance(sys.stdin, io.TextIOWrapper):
            sys.stdin.reconfigure(errors="replace")
        if interactive:
            with suppress(ImportError):
                import readline  # noqa: F401, PLC0415 - its import is what gives input() editing and a history
        return cls(sys.stdin, sys.stdout, interactive=interactive)

    def say(self, role: str, text: str) -> None:
        """Write a text, sanitised, after its role; each further line of it says which line it is."""
        first, *others = clean(text).replace("\t", " ").split("\n")
        self._write(role, first)
        for number, line in enumerate(others, 2):
            if line.strip():
                self._write(f"{Role.LINE} {number}", line)

    def _write(self, role: str, line: str) -> None:
        self._target.write(f"{one_line(role, LONGEST_ROLE)}: {line}".rstrip() + "\n")
        self._target.flush()

    def ask(self, prompt: str) -> str:
        """The next line that is typed or piped in, without its end. Raises EOFError and KeyboardInterrupt."""
        if self.interactive:
            try:
                return self._read(f"{one_line(prompt)}: ")
            except (EOFError, KeyboardInterrupt):
                self._target.write("\n")  # or what comes next would stand behind the prompt
                raise
        line = self._source.readline()
        if not line:
            raise EOFError
        return line.removesuffix("\n").removesuffix("\r")

    def agrees(self, question: str) -> bool:
        """Whether yes is the answer to a question; anything else is no."""
        self.say(Role.QUESTION, f"{question} yes or no")
        return self.ask("yes or no").strip().casefold() in ("y", "yes")
