"""Looking for files to attach: walking a folder tree, completing a typed path, saying what a file is.

Everything here asks the file system and belongs on a thread. Nothing raises: what can't be read is left out.
"""

# Paths are the strings that somebody types, bit by bit; `Path` would tidy them up under the hands.
# ruff: noqa: PTH111, PTH114, PTH116, PTH118, PTH119

from __future__ import annotations

import os
import stat
import struct
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from ismsg_tui.domain.text import clean
from ismsg_tui.files.handling import FileError, media_type, open_file

MOST_FILES = 20_000
"""So many files of a tree are found, those near its root first."""
MOST_LOOKED_AT = 100_000
"""So many entries are looked at, files or not."""
PREVIEW_BYTES = 4_096
SHOWN = 500
"""So many entries of one folder are shown."""

_SKIPPED = frozenset({"node_modules", "__pycache__", "site-packages", "venv", "target", "dist-packages"})


@dataclass(frozen=True, slots=True)
class Entry:
    """A file, or a folder to go into."""

    path: str
    folder: bool = False


def walk(root: Path, cancelled: Callable[[], bool] = lambda: False) -> Iterator[str]:
    """The paths of the regular files below a folder, level by level; hidden ones and links to folders are left out."""
    folders = deque([str(root)])
    found = looked_at = 0
    while folders and not cancelled():
        files, inner = _listing(folders.popleft(), hidden=False)
        looked_at += len(files) + len(inner)
        folders.extend(path for path in inner if os.path.basename(path) not in _SKIPPED and not os.path.islink(path))
        for path in files:
            yield path
            found += 1
            if found >= MOST_FILES:
                return
        if looked_at > MOST_LOOKED_AT:
            return


def _listing(folder: str, *, hidden: bool) -> tuple[list[str], list[str]]:
    """The regular files and the folders in a folder, each by name."""
    files: list[str] = []
    inner: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for entry in islice(entries, MOST_LOOKED_AT):
                if entry.name.startswith(".") and not hidden:
                    continue
                try:
                    if entry.is_dir():
                        inner.append(entry.path)
                    elif entry.is_file():
                        files.append(entry.path)
                except OSError:
                    continue
    except OSError:
        return [], []
    return sorted(files, key=str.casefold), sorted(inner, key=str.casefold)


def is_typed_path(text: str) -> bool:
    """Whether somebody types a path and not letters of a name."""
    return text.startswith(("~", "/", "./", "../")) or text in (".", "..") or os.sep in text or text[1:3] == ":\\"


def whole_path(typed: str, base: Path) -> str:
    """The path that was typed, `~` and what is relative to `base` worked out."""
    return os.path.normpath(os.path.join(base, os.path.expanduser(typed or ".")))


def entries_for(typed: str, base: Path, *, folders_only: bool = False) -> list[Entry]:
    """What a typed path may go on to: the entries of its folder that begin with its last part, else those with it in.

    Folders come first. Hidden entries are shown where the last part begins with a dot.
    """
    if typed in ("~", "..") or typed.endswith(("/..", f"{os.sep}..")):
        return [Entry(whole_path(typed, base), folder=True)]
    head, last = os.path.split(typed)
    files, inner = _listing(whole_path(head, base), hidden=last.startswith(".") and last != ".")
    entries = [*(Entry(path, folder=True) for path in inner), *(Entry(path) for path in files if not folders_only)]
    wanted = last.casefold() if last != "." else ""
    names = [(os.path.basename(entry.path).casefold(), entry) for entry in entries]
    beginning = [entry for name, entry in names if name.startswith(wanted)]
    return (beginning or [entry for name, entry in names if wanted in name])[:SHOWN]


def completed(typed: str, entries: Sequence[Entry]) -> str:
    """The typed path with as much added as all its entries agree on; a folder that is the only one is gone into."""
    if not entries:
        return typed
    if typed in ("~", "..") or typed.endswith(("/..", f"{os.sep}..")):
        return typed + os.sep
    head, last = os.path.split(typed)
    names = [os.path.basename(entry.path) for entry in entries]
    if not all(name.casefold().startswith(last.casefold()) for name in names):
        common = names[0] if len(names) == 1 else last
    else:
        folded = os.path.commonprefix([name.casefold() for name in names])  # noqa: RUF071 - names, not paths
        common = names[0][: len(folded)] if len(folded) >= len(last) else last
    ending = os.sep if len(entries) == 1 and entries[0].folder else ""
    return os.path.join(head, common) + ending


def shortened(path: str, base: Path | None = None) -> str:
    """A path as people read it: from `base` where it lies below it, else from the home folder."""
    for root, mark in ((str(base) if base else "", ""), (os.path.expanduser("~"), f"~{os.sep}")):
        if root and root != os.sep and path.startswith(root.rstrip(os.sep) + os.sep):
            return mark + path[len(root.rstrip(os.sep)) + 1 :]
    return path


@dataclass(frozen=True, slots=True)
class Look:
    """What a file is, before it is attached."""

    path: str
    size: int
    modified: float
    """Seconds since 1970."""
    problem: str = ""
    """Why it can't be attached, as a sentence."""
    mime: str = ""
    lines: str = ""
    """The beginning of a text file, made safe."""
    pixels: tuple[int, int] | None = None
    """Width and height of a picture."""


def look_at(path: str) -> Look:
    """Look at a file without opening anything but regular files."""
    try:
        status = os.stat(path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no file name"
        return Look(path, 0, 0, f"It can't be read: {reason}.")
    if not stat.S_ISREG(status.st_mode):
        words = "It is a folder." if stat.S_ISDIR(status.st_mode) else "It is no regular file."
        return Look(path, 0, status.st_mtime, words)
    try:
        with open_file(Path(path)) as file:
            head = file.read(PREVIEW_BYTES)
            pixels = picture_size(head, file.read) if head else None
    except FileError as error:
        return Look(path, status.st_size, status.st_mtime, str(error))
    except OSError as error:
        return Look(path, status.st_size, status.st_mtime, f"It can't be read: {error.strerror}.")
    mime = media_type(head, path)
    lines = "" if pixels or not is_text(head) else clean(head.decode("utf-8", "replace"))
    return Look(path, status.st_size, status.st_mtime, "", mime, lines, pixels)


def is_file(path: str) -> bool:
    """Whether there is a regular file at a path."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def is_text(head: bytes) -> bool:
    """Whether the beginning of a file is text that can be shown."""
    if b"\0" in head:
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        # A character may be cut at the end of what was read.
        return len(head) == PREVIEW_BYTES and error.start >= len(head) - 3
    return True


def picture_size(head: bytes, more: Callable[[int], bytes] = lambda _: b"") -> tuple[int, int] | None:
    """Width and height of a PNG, GIF or JPEG by its first bytes; `more` reads on where a JPEG needs it."""
    if head.startswith(b"\x89PNG\r\n\x1a\n") and len(head) >= 24:
        width, height = struct.unpack(">II", head[16:24])
        return width, height
    if head.startswith((b"GIF87a", b"GIF89a")) and len(head) >= 10:
        width, height = struct.unpack("<HH", head[6:10])
        return width, height
    return _jpeg_size(head + more(256_000)) if head.startswith(b"\xff\xd8\xff") else None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None
