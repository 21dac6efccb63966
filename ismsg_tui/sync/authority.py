"""What the store synchronises with: whoever decides what is true in a workspace."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from msgspec import Struct

from ismsg_tui.domain.changes import Answer, Page
from ismsg_tui.domain.commands import Issued
from ismsg_tui.domain.wire import Presence, PresenceNote
from ismsg_tui.files.handling import Cancelled, Progress

FILE_MISSING = "file-missing"
"""The code by which an authority refuses a message whose files it does not have."""

OnPresence = Callable[[tuple[Presence, ...]], None]
"""Told what is known of the teammates, all of it each time."""


class UnreachableError(Exception):
    """The authority can't be reached just now, or has no time; the same call may succeed later."""

    def __init__(self, reason: str = "", *, retry_after: float = 0.0, arrived: bool = True) -> None:
        """`retry_after` in seconds, where the authority has said it; `arrived`: whether it may have had the request."""
        super().__init__(reason or "The server can't be reached.")
        self.retry_after = retry_after
        self.arrived = arrived


class BusyError(UnreachableError):
    """The authority was reached and asks for patience; nothing was done."""


class AnewError(Exception):
    """The place up to which rows are held means nothing any more: all of them are to be taken from the first."""

    def __init__(self, reason: str) -> None:
        """`reason` is the code of the authority: `cursor-epoch`, `cursor-sight`, `cursor-ahead`, `cursor-too-old`."""
        super().__init__(reason)
        self.reason = reason


class SnapshotLaterError(Exception):
    """A snapshot is being made: it is to be asked for again after so many seconds."""

    def __init__(self, retry_after: float) -> None:
        super().__init__("A snapshot is being made.")
        self.retry_after = retry_after


class SignedOutError(Exception):
    """Nobody is signed in, or no longer; the words are a sentence for the agent."""


class ClientError(Exception):
    """The answer makes no sense, or the request made none to the authority; the words are a sentence for the agent."""


class Standing(Struct, frozen=True):
    """How things stand with an authority for one user."""

    epoch: str = ""
    """The history in which revisions count."""
    sight: int = 0
    """Counts the changes of what the user may see."""
    head: int = 0
    """The newest revision."""
    rows: int = 0
    """How many rows there are, about."""
    user_id: str = ""
    workspace_id: str = ""
    now: int = 0
    """The authority's clock in milliseconds; 0 where it has none of its own."""


class Snapshot(Struct, frozen=True):
    """What a fetched snapshot says of itself."""

    epoch: str
    revision: int


class Authority(Protocol):
    """The port to an authority.

    Every method may block and may raise UnreachableError, SignedOutError or ClientError.
    """

    def meet(self) -> Standing:
        """How things stand; `changes` counts in the history that the last meeting told of."""
        ...

    def push(self, commands: Sequence[Issued]) -> list[Answer]:
        """Carry out commands in order; one that was seen before is answered as then.

        One answer for each command that was attempted; the others have not been looked at. Raises AnewError where
        nothing was, since it is not the history of the last meeting any more.
        """
        ...

    def changes(self, since: int, limit: int, begun: int = 0) -> Page:
        """The rows that changed after revision `since`, about `limit` of them.

        Where all rows are being taken, `begun` is the newest revision as that began: what was gone by then need not be
        told. Raises AnewError where `since` means nothing any more.
        """
        ...

    def watch(self, hint: Callable[[], None], on_presence: OnPresence) -> Callable[[], None]:
        """Have `hint` called, on any thread, when there may be new rows, and `on_presence` with what teammates do.

        Returns what ends it.
        """
        ...

    def announce(self, note: PresenceNote) -> None:
        """Tell the teammates what the user does; what gets lost is of no account."""
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


@runtime_checkable
class HasSnapshots(Protocol):
    """What an authority can do besides, if it is a server: give all rows as one file."""

    def get_snapshot(self, to: Path, schema: int, progress: Progress, cancelled: Cancelled) -> Snapshot:
        """Write all rows, as a gzipped store of that schema, to `to`, going on behind what is there; it is checked.

        Raises FileError where there is none to be had, SnapshotLaterError, FileCancelledError.
        """
        ...
