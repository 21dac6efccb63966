"""An authority that another one stands for, which is made only when it is asked for the first time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ismsg_tui.domain.changes import Answer, Page
from ismsg_tui.domain.commands import Issued
from ismsg_tui.domain.wire import PresenceNote
from ismsg_tui.files.handling import Cancelled, FileError, Progress
from ismsg_tui.sync.authority import HasSnapshots, OnPresence, Snapshot, Standing

if TYPE_CHECKING:
    from ismsg_tui.sync.authority import Authority


class Relay(ABC):
    """Passes everything on; implements `sync.authority.Authority`."""

    @abstractmethod
    def there(self) -> Authority:
        """The authority that is asked; any thread may call."""

    def meet(self) -> Standing:
        """How things stand."""
        return self.there().meet()

    def push(self, commands: Sequence[Issued]) -> list[Answer]:
        """Carry out commands in order."""
        return self.there().push(commands)

    def changes(self, since: int, limit: int, begun: int = 0) -> Page:
        """The rows that changed after a revision."""
        return self.there().changes(since, limit, begun)

    def watch(self, hint: Callable[[], None], on_presence: OnPresence) -> Callable[[], None]:
        """Have `hint` called when there may be new rows."""
        return self.there().watch(hint, on_presence)

    def announce(self, note: PresenceNote) -> None:
        """Tell the teammates what the user does."""
        self.there().announce(note)

    def has_blob(self, sha256: str) -> bool:
        """Whether it has the bytes of a file."""
        return self.there().has_blob(sha256)

    def put_blob(self, sha256: str, path: Path, progress: Progress, cancelled: Cancelled) -> None:
        """Give it the bytes of a file."""
        self.there().put_blob(sha256, path, progress, cancelled)

    def get_blob(self, sha256: str, to: Path, progress: Progress, cancelled: Cancelled) -> None:
        """Get the bytes of a file."""
        self.there().get_blob(sha256, to, progress, cancelled)

    def get_snapshot(self, to: Path, schema: int, progress: Progress, cancelled: Cancelled) -> Snapshot:
        """Get all rows as one file, where the authority has such."""
        there = self.there()
        if not isinstance(there, HasSnapshots):
            raise FileError("There are no snapshots.")
        return there.get_snapshot(to, schema, progress, cancelled)
