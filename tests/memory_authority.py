"""An authority in memory, for tests of what is in front of the port."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import RLock

from ismsg_tui.clock import now_ms
from ismsg_tui.demo.memory_stage import MemoryStage
from ismsg_tui.domain.changes import Answer, Page
from ismsg_tui.domain.commands import Issued, SendMessage
from ismsg_tui.domain.entities import Entity
from ismsg_tui.domain.state import Refusal
from ismsg_tui.domain.wire import PresenceNote
from ismsg_tui.files.handling import Cancelled, FileError, Progress, copy_on, sha256_of
from ismsg_tui.sync.authority import FILE_MISSING, OnPresence, Standing


class Shelf:
    """A folder with one file for each SHA-256; takes them in and gives them out in pieces, as a server does."""

    def __init__(self, folder: Path | None = None) -> None:
        """Without a folder the files lie in one that goes with the shelf."""
        self._given = folder

    @cached_property
    def _folder(self) -> Path:
        if self._given is None:
            self._own = TemporaryDirectory(prefix="ismsg-files-", ignore_cleanup_errors=True)
            return Path(self._own.name)
        self._given.mkdir(parents=True, exist_ok=True)
        return self._given

    def has(self, sha256: str) -> bool:
        """Whether a file is there, whole."""
        return (self._folder / sha256).is_file()

    def take(self, sha256: str, path: Path, progress: Progress, cancelled: Cancelled) -> None:
        """Copy a file in, going on where an earlier attempt ended. Raises FileError, FileCancelledError."""
        part = self._folder / f"{sha256}.part"
        copy_on(path, part, progress, cancelled)
        if sha256_of(part).sha256 != sha256:
            part.unlink()
            raise FileError("What arrived is not the file that was announced: attach it again.")
        part.replace(self._folder / sha256)

    def give(self, sha256: str, to: Path, progress: Progress, cancelled: Cancelled) -> None:
        """Copy a file out, behind what is at `to` already. Raises FileError, FileCancelledError."""
        if not self.has(sha256):
            raise FileError("The file is not to be had any more.")
        copy_on(self._folder / sha256, to, progress, cancelled)

    def lay(self, sha256: str, content: bytes) -> None:
        """Put a small file there."""
        (self._folder / sha256).write_bytes(content)


class MemoryAuthority(MemoryStage):
    """Implements `sync.authority.Authority`: there is one history, and everybody sees everything. Any thread may call.

    Customers and teammates come in by `submit`.
    """

    def __init__(self, clock: Callable[[], int] = now_ms, shelf: Shelf | None = None) -> None:
        super().__init__(clock)
        self.shelf = shelf or Shelf()
        self._lock = RLock()
        self._receipts: dict[str, Answer] = {}

    def meet(self) -> Standing:
        with self._lock:
            return Standing(head=self._head, rows=len(self._rows), workspace_id=self._workspace.id)

    def push(self, commands: Sequence[Issued]) -> list[Answer]:
        return [self.submit(issued) for issued in commands]

    def submit(self, issued: Issued) -> Answer:
        """Carry out one command; one that was seen before is answered as then."""
        with self._lock:
            if issued.id not in self._receipts:
                self._receipts[issued.id] = self._without_files(issued) or super().submit(issued)
            return self._receipts[issued.id]

    def _without_files(self, issued: Issued) -> Answer | None:
        for attachment in issued.command.attachments if isinstance(issued.command, SendMessage) else ():
            if not self.shelf.has(attachment.sha256):
                return Answer(issued.id, refusal=Refusal(FILE_MISSING, f"{attachment.name} has not arrived."))
        return None

    def seed(self, rows: Sequence[Entity]) -> None:
        with self._lock:
            super().seed(rows)

    def changes(self, since: int, limit: int, begun: int = 0) -> Page:
        with self._lock:
            return super().changes(since, limit)

    def watch(self, hint: Callable[[], None], on_presence: OnPresence = lambda _: None) -> Callable[[], None]:
        on_presence(())
        return super().watch(hint)

    def announce(self, note: PresenceNote) -> None:
        """Nobody is there to be told."""

    def has_blob(self, sha256: str) -> bool:
        return self.shelf.has(sha256)

    def put_blob(self, sha256: str, path: Path, progress: Progress, cancelled: Cancelled) -> None:
        self.shelf.take(sha256, path, progress, cancelled)

    def get_blob(self, sha256: str, to: Path, progress: Progress, cancelled: Cancelled) -> None:
        self.shelf.give(sha256, to, progress, cancelled)
