"""Telling a pasted or dropped file from a pasted text: every terminal writes the path of a dropped file another way.

Pure: whether the files are there is for others to find out.
"""

from __future__ import annotations

import re
import shlex
from urllib.parse import unquote, urlsplit

LONGEST = 32_768
"""A longer text is no list of files."""
MOST = 50
"""So many files at once, and no more."""

_BEGINNING = re.compile(r"[/~'\"]|\\\\|[A-Za-z]:[\\/]|file:", re.IGNORECASE)
_SHELL_WORD = re.compile(r"""(?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s'"\\])+""", re.DOTALL)
_PARTED_BY_BACKSLASHES = re.compile(r"""["']?(?:[A-Za-z]:|\\)\\""")
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_DRIVE_PATH = re.compile(r"/[A-Za-z]:/")


def pasted_paths(text: str) -> list[str]:
    r"""The paths that a text consists of, if it consists of nothing else; otherwise none.

    Understood are whole paths (`/…`, `~/…`, `C:\…`), bare, in single or double quotes or with backslashes before what
    a shell would take amiss, and `file://` addresses; several stand on lines of their own or between spaces. A bare
    path may hold spaces where it has a line to itself.
    """
    text = text.strip()
    if not text or len(text) > LONGEST or "\0" in text or not _BEGINNING.match(text):
        return []
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for parts in (_words(text), lines):
        paths = [_path(part) for part in parts]
        if 0 < len(paths) <= MOST and all(paths):
            return [path for path in paths if path]
    return []


def _words(text: str) -> list[str]:
    """The words of a text as a shell takes them; none where its quotes do not match or its backslashes part folders."""
    if any(_PARTED_BY_BACKSLASHES.match(word[0]) for word in _SHELL_WORD.finditer(text)):
        return [word.strip("'\"") for word in re.findall(r'"[^"]*"|\'[^\']*\'|\S+', text)]
    try:
        return shlex.split(text)
    except ValueError:
        return []


def _path(part: str) -> str | None:
    """The path that a part means; None where it means none."""
    if part[:5].casefold() == "file:":
        return _of_address(part)
    if _DRIVE.match(part) or part.startswith(("\\\\", "~/", "/")):
        return part
    return None


def _of_address(address: str) -> str | None:
    try:
        parts = urlsplit(address, allow_fragments=False)
    except ValueError:
        return None
    if parts.netloc not in ("", "localhost") or parts.query:
        return None
    path = unquote(parts.path, errors="surrogateescape")
    if "\0" in path:
        return None
    return path[1:] if _DRIVE_PATH.match(path) else path if path.startswith("/") else None
