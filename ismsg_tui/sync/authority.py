"""What the store synchronises with: whoever decides what is true in a workspace."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from ismsg_tui.domain.changes import Answer, Page
from ismsg_tui.domain.commands import Issued


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
