"""What the store synchronises with: whoever decides what is true in a workspace."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from ismsg_tui.domain.changes import Answer, Page
from ismsg_tui.domain.commands import Issued
from ismsg_tui.files.handling import Cancelled, Progress

FILE_MISSING = "file-missing"
"""The code by which an authority refuses a message whose files it does not have."""


class UnreachableError(Exception):
    """The authority can't be reached just now; the same call may succeed later."""


class Authority(Protocol):
    """The port to an authority. Every method may block and may raise UnreachableError."""

    def push(self, commands: Sequence[Issued]) -> list[Answer]:
        """Carry out commands in order; one that was seen before is answered as then. One answer per command."""
        ...

    def changes(self, since: int, limit: int) -> Page:
        """The rows that changed after revision `since`, about `limit` of them."""
        ...

    def watch(self, hint: Callable[[], None]) -> Callable[[], None]:
        """Have `hint` called, on any thread, when there may be new rows; returns what ends it."""
        ...

    def has_blob(self, sha256: str) -> bool:
        """Whether it has the bytes of a file."""
        ...

    def put_blob(self, sha256: str, path: Path, progress: Progress, cancelled: Cancelled) -> None:
        """Give it the bytes of a file, going on where an earlier attempt ended.

        Raises FileError for a file that it will never take, FileCancelledError once `cancelled` says so.
        """
        ...

    def get_blob(self, sha256: str, to: Path, progress: Progress, cancelled: Cancelled) -> None:
        """Write the bytes of a file to `to`, going on behind what is there; whoever asks checks them.

        Raises FileError if it does not have the file, FileCancelledError once `cancelled` says so.
        """
        ...
