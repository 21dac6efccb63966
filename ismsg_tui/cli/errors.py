"""What goes wrong, as one sentence on stderr and an exit code."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import click

from ismsg_tui.config import ConfigError
from ismsg_tui.domain.search_query import SearchError
from ismsg_tui.domain.text import clean, one_line
from ismsg_tui.files.handling import FileError
from ismsg_tui.finding import NotFoundError
from ismsg_tui.logs import FILE_NAME as LOG
from ismsg_tui.logs import start_log
from ismsg_tui.store.connection import Error as SqliteError
from ismsg_tui.store.joining import StoreInUseError
from ismsg_tui.store.migrations import StoreTooNewError
from ismsg_tui.store.store import FILE_NAME as STORE
from ismsg_tui.store.store import RefusedError
from ismsg_tui.sync.authority import ClientError, SignedOutError, UnreachableError

log = logging.getLogger(__name__)

LONGEST = 1_000
"""The longest sentence that is printed, in characters."""

_SQLITE = {
    "SQLITE_FULL": "The disk is full: nothing was changed in {path}. Make room and try again.",
    "SQLITE_READONLY": "Can't write to {path}: choose another folder, or make this one writable.",
    "SQLITE_CANTOPEN": "Can't open {path}: choose another folder, or make this one accessible.",
    "SQLITE_NOTADB": "{path} is not a store of ismsg: move it away, or choose another folder.",
    "SQLITE_CORRUPT": "{path} is damaged: “ismsg doctor” says how much. Put a copy of it from before in its place.",
    "SQLITE_BUSY": "Another program keeps {path} busy: try again when it is done.",
    "SQLITE_IOERR": "Can't read or write {path}: the disk or its file system reports a fault.",
}


class FailedError(click.ClickException):
    """Something was refused or went wrong: a sentence for stderr, with further lines below it; exit code 1."""

    exit_code = 1

    def __init__(self, sentence: str, details: Sequence[str] = ()) -> None:
        super().__init__(one_line(sentence, LONGEST))
        self.details = [one_line(detail, LONGEST) for detail in details]

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the sentence and the lines below it."""
        click.echo("\n".join([self.message, *(f"  {detail}" for detail in self.details)]), file=file, err=True)


def failure(error: Exception, folder: Path) -> FailedError:
    """The sentence for an error while working on the data in `folder`; what nobody expected goes into the log."""
    if isinstance(error, NotFoundError):
        return FailedError(str(error), error.details)
    if isinstance(error, RefusedError | ConfigError | StoreTooNewError | FileError | SearchError | StoreInUseError):
        return FailedError(str(error))
    if isinstance(error, UnreachableError | SignedOutError | ClientError):
        return FailedError(str(error))
    if isinstance(error, SqliteError):
        return FailedError(sqlite_words(error, folder / STORE))
    if isinstance(error, OSError):
        return FailedError(_system_words(error, folder))
    return FailedError(_unexpected(error, folder))


def sqlite_words(error: SqliteError, path: Path) -> str:
    """What SQLite complains about, for the owner of the store at `path`."""
    name: str = getattr(error, "sqlite_errorname", "")
    for code, sentence in _SQLITE.items():
        if name.startswith(code):
            return sentence.format(path=path)
    return f"The store {path} can't be used: {error}."


def _system_words(error: OSError, folder: Path) -> str:
    reason = error.strerror or str(error)
    if error.filename and Path(error.filename).is_relative_to(folder):
        is_file = isinstance(error, FileExistsError | NotADirectoryError)
        return f"Can't keep data in {folder}: {'it is not a folder' if is_file else reason}. Choose another folder."
    return f"{reason}: {error.filename}." if error.filename else f"{reason}."


def _unexpected(error: Exception, folder: Path) -> str:
    kind = type(error).__qualname__
    try:
        start_log(folder)
        log.error("a command failed", exc_info=error)
    except OSError:
        return f"ismsg has failed because of a fault of its own ({kind}), and its log in {folder} can't be written."
    return f"ismsg has failed because of a fault of its own ({kind}). Where it happened is written in {folder / LOG}."


def say(text: str) -> None:
    """Print a sentence on stderr, for people and not for pipes."""
    click.echo(clean(text), err=True)
