"""Files at the door: opened with care, named by what they are, copied and hashed in pieces, saved without harm."""

from __future__ import annotations

import errno
import hashlib
import mimetypes
import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ismsg_tui.domain.entities import Attachment, FileKind
from ismsg_tui.domain.media import kind_of
from ismsg_tui.domain.text import file_name

CHUNK = 1 << 20
"""Bytes that are read at a time: what a file of any size costs in memory."""

UNKNOWN = "application/octet-stream"

Progress = Callable[[int, int], None]
"""Told the bytes done and the bytes in all."""
Cancelled = Callable[[], bool]


class FileError(Exception):
    """A file can't be taken or kept; the sentence says what is wrong and what to do."""


class FileCancelledError(FileError):
    """Somebody has stopped the copying of a file."""


class Hashed(NamedTuple):
    """What was copied."""

    sha256: str
    size: int


_SIGNATURES = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (8, b"WAVE", "audio/wav"),
    (8, b"AVI ", "video/x-msvideo"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"OggS", "audio/ogg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"#!AMR", "audio/amr"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"\xff\xfb", "audio/mpeg"),
    (0, b"\xff\xf3", "audio/mpeg"),
    (0, b"\xff\xf2", "audio/mpeg"),
    (0, b"\xff\xf1", "audio/aac"),
    (0, b"\xff\xf9", "audio/aac"),
    (4, b"ftypM4A", "audio/mp4"),
    (4, b"ftyp3g", "video/3gpp"),
    (4, b"ftypqt", "video/quicktime"),
    (4, b"ftypheic", "image/heic"),
    (4, b"ftypavif", "image/avif"),
    (4, b"ftyp", "video/mp4"),
)
"""Where in a file which bytes tell its media type."""
_ONLY_BY_CONTENT = frozenset(mime for _, _, mime in _SIGNATURES)
_HEAD = 16
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_NOT_A_FILE = {
    stat.S_IFDIR: "is a folder: choose the files in it",
    stat.S_IFIFO: "is a pipe and not a file: save what comes out of it first",
    stat.S_IFSOCK: "is a socket and not a file: choose a file",
    stat.S_IFCHR: "is a device and not a file: choose a file",
    stat.S_IFBLK: "is a device and not a file: choose a file",
}


def examine(
    path: Path, *, name: str | None = None, kind: FileKind | None = None, mime: str | None = None
) -> Attachment:
    """What a file would be as an attachment, its `sha256` still empty: to be checked before it is copied.

    Raises FileError.
    """
    with open_file(path) as file:
        return described(file, name or path.name, kind, mime)


def described(file: BinaryIO, name: str, kind: FileKind | None, mime: str | None) -> Attachment:
    """An open file as an attachment without its `sha256`. Raises FileError for an empty one."""
    size = os.fstat(file.fileno()).st_size
    shown = file_name(name)
    if size == 0:
        raise FileError(f"{shown} is empty: there is nothing to send.")
    mime = mime or media_type(file.read(_HEAD), shown)
    file.seek(0)
    return Attachment(name=shown, kind=kind or kind_of(mime), mime=mime, size=size, sha256="")


def media_type(head: bytes, name: str) -> str:
    """The media type of a file by its first bytes, else by its name.

    A name is not believed where it promises a type whose first bytes are known and are others.
    """
    for place, signature, mime in _SIGNATURES:
        if head[place : place + len(signature)] == signature:
            if mime == "video/mp4" and name.lower().endswith((".m4a", ".m4b")):
                return "audio/mp4"
            return mime
    guessed = mimetypes.guess_type(name, strict=False)[0] or UNKNOWN
    return UNKNOWN if guessed in _ONLY_BY_CONTENT else guessed


def open_file(path: Path) -> BinaryIO:
    """Open a regular file for reading; never waits, as opening a pipe would. Raises FileError."""
    shown = file_name(path.name)
    try:
        # Without O_NONBLOCK a pipe would keep us until somebody writes to it.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError as error:
        raise FileError(f"There is no file {path}: was it moved or renamed?") from error
    except PermissionError as error:
        folder = path.is_dir()
        words = _NOT_A_FILE[stat.S_IFDIR] if folder else "can't be read: you lack the permission for it"
        raise FileError(f"{shown} {words}.") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "its name can't be one of a file"
        raise FileError(f"{shown} can't be opened: {reason}.") from error
    mode = os.fstat(handle).st_mode
    if not stat.S_ISREG(mode):
        os.close(handle)
        raise FileError(f"{shown} {_NOT_A_FILE.get(stat.S_IFMT(mode), 'is no file: choose a file')}.")
    return os.fdopen(handle, "rb")


def copy_hashing(
    source: BinaryIO,
    target: BinaryIO,
    *,
    total: int,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> Hashed:
    """Copy to the end of `source` in pieces. Raises FileCancelledError, OSError."""
    digest = hashlib.sha256()
    done = 0
    while piece := source.read(CHUNK):
        if cancelled is not None and cancelled():
            raise FileCancelledError("Stopped before all of it was copied.")
        target.write(piece)
        digest.update(piece)
        done += len(piece)
        if progress is not None:
            progress(done, max(done, total))
    return Hashed(digest.hexdigest(), done)


def copy_on(source: Path, part: Path, progress: Progress, cancelled: Cancelled) -> None:
    """Bring `part` up to the whole of `source`: what it holds already is taken for the beginning.

    Raises FileCancelledError, OSError.
    """
    with source.open("rb") as file, part.open("ab") as target:
        total = os.fstat(file.fileno()).st_size
        done = target.tell()
        if done > total:
            target.truncate(0)
            done = 0
        file.seek(done)
        progress(done, total)
        while piece := file.read(CHUNK):
            if cancelled():
                raise FileCancelledError("Stopped before all of it was copied.")
            target.write(piece)
            done += len(piece)
            progress(done, total)
        target.flush()
        os.fsync(target.fileno())


def sha256_of(path: Path) -> Hashed:
    """The SHA-256 and the size of a file, read in pieces. Raises OSError."""
    digest = hashlib.sha256()
    size = 0
    with path.open("rb") as file:
        while piece := file.read(CHUNK):
            digest.update(piece)
            size += len(piece)
    return Hashed(digest.hexdigest(), size)


def disk_words(error: OSError, name: str, what: str) -> str:
    """The sentence for a file that could not be written."""
    if error.errno in _NO_ROOM:
        return f"{name} was not {what}: the disk is full. Make room and try again."
    return f"{name} was not {what}: {error.strerror or error}."


def save_copy(source: Path, name: str, folder: Path) -> Path:
    """Save a file in a folder under a safe name that is free there; it can't be run. Raises FileError."""
    safe = file_name(name)
    part: Path | None = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, made = tempfile.mkstemp(dir=folder, prefix=".", suffix=".part")
        part = Path(made)
        with os.fdopen(handle, "wb") as target, source.open("rb") as file:
            copy_hashing(file, target, total=0)
            target.flush()
            os.fsync(target.fileno())
        return _place(part, folder, safe)
    except (FileExistsError, NotADirectoryError) as error:
        raise FileError(f"{safe} was not saved: {folder} is no folder. Choose one.") from error
    except OSError as error:
        raise FileError(disk_words(error, safe, f"saved in {folder}")) from error
    finally:
        if part is not None:
            part.unlink(missing_ok=True)


def _place(part: Path, folder: Path, name: str) -> Path:
    """Give a finished file the first name that is free: `name.txt`, `name (2).txt`, and so on."""
    stem, suffix = Path(name).stem, Path(name).suffix
    number = 1
    while True:
        target = folder / (name if number == 1 else f"{stem} ({number}){suffix}")
        try:
            target.open("x").close()  # takes the name, so that nothing that is there can be replaced
        except FileExistsError:
            number += 1
            continue
        part.replace(target)
        return target
