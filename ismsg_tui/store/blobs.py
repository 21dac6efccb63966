"""The bytes of attachments: files in the store's folder, each named by its SHA-256, and what is known of each.

A blob is written beside the others, synced, checked and only then renamed: under its name lies the whole of it or
nothing. Whatever a crash leaves in between is of no account.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import msgspec
from msgspec.structs import replace

from ismsg_tui.domain.entities import Attachment, FileKind
from ismsg_tui.domain.text import file_name
from ismsg_tui.files.blob_folder import BlobFolder
from ismsg_tui.files.handling import (
    Cancelled,
    FileCancelledError,
    FileError,
    Progress,
    described,
    disk_words,
    examine,
    open_file,
    save_copy,
    sha256_of,
)
from ismsg_tui.store.connection import Connection
from ismsg_tui.store.store_file import StoreFile

SCOPE = "blob:"
"""What the scopes begin with under which listeners hear of blobs; the SHA-256 follows."""
TOLD_EVERY = 0.1
"""Seconds between two tellings of how far a transfer has come."""
CANCELLED = "Cancelled."


class BlobState(msgspec.Struct, frozen=True):
    """Where the bytes of a file are, and how far they have come."""

    here: bool = False
    """On this machine."""
    there: bool = False
    """With the authority."""
    wanted: bool = False
    """To be fetched."""
    done: int = 0
    """Bytes that the transfer under way has moved."""
    total: int = 0
    """Bytes that it has to move; 0 where none is under way in this process."""
    error: str = ""
    """Why the last transfer failed; it is not tried again before somebody asks for it."""

    @property
    def word(self) -> str:
        """The state in a word, for programs: `failed`, `here`, `sending`, `wanted` or `away`."""
        if self.error:
            return "failed"
        if self.here:
            return "here" if self.there else "sending"
        return "wanted" if self.wanted else "away"


class _Running:
    """A transfer under way."""

    def __init__(self, total: int) -> None:
        self.done = 0
        self.total = total
        self.cancelled = False
        self.told = 0.0


class Blobs:
    """The blobs of a store; any thread may call, and what copies may take long."""

    def __init__(self, store: StoreFile) -> None:
        self._store = store
        self.folder = BlobFolder(store.path.parent / "blobs")
        """Where they lie."""
        self._running: dict[str, _Running] = {}

    # Taking files in and giving them out

    def add(
        self,
        path: Path,
        *,
        name: str | None = None,
        kind: FileKind | None = None,
        mime: str | None = None,
        duration: int | None = None,
        peaks: tuple[int, ...] = (),
        progress: Progress | None = None,
        cancelled: Cancelled | None = None,
    ) -> Attachment:
        """Copy a file into the store; what it is called, what it is and its media type are found out if not given.

        `duration` in milliseconds. Raises FileError, FileCancelledError where `cancelled` said so.
        """
        with open_file(path) as file:
            found = described(file, name or path.name, kind, mime)
            before = os.fstat(file.fileno())
            try:
                sha256 = self.folder.copy_in(file, found.size, progress, cancelled)
            except FileCancelledError:
                raise
            except OSError as error:
                raise FileError(disk_words(error, found.name, "attached")) from error
            after = os.fstat(file.fileno())
        if sha256 is None or (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise FileError(f"{found.name} has changed while it was read: attach it again when it is finished.")
        self._note(sha256, found.size)
        return replace(found, sha256=sha256, duration=duration, peaks=peaks)

    def path(self, sha256: str) -> Path | None:
        """Where the bytes lie, None while they are not here."""
        place = self.folder.place(sha256)
        return place if place is not None and place.is_file() else None

    def open(self, sha256: str) -> BinaryIO:
        """The bytes, to be read. Raises FileError while they are not here."""
        place = self.path(sha256)
        if place is None:
            raise FileError("This file is not here yet.")
        return open_file(place)

    def save(self, attachment: Attachment, folder: Path) -> Path:
        """Save a file in a folder, made if missing: under a safe name, never over another, never to be run.

        Raises FileError.
        """
        place = self.path(attachment.sha256)
        if place is None:
            raise FileError(f"{file_name(attachment.name)} is not here yet.")
        return save_copy(place, attachment.name, folder)

    def take(self, sha256: str, part: Path) -> None:
        """Make a fetched file a blob once its bytes are checked. Raises FileError for wrong ones, which are removed."""
        place = self.folder.place(sha256)
        if place is None:
            raise FileError("This is no name of a file's bytes.")
        arrived = sha256_of(part)
        if arrived.sha256 != sha256:
            part.unlink()
            raise FileError("What arrived is not the file that was sent: ask for it again.")
        self.folder.settle(part, place)
        self._note(sha256, arrived.size, there=True)

    def part(self, sha256: str) -> Path:
        """Where a file lies while it is fetched."""
        return self.folder.part(sha256)

    # What is known of each

    def state(self, sha256: str) -> BlobState:
        """Where a file's bytes are and how far they have come."""
        return self.states([sha256])[sha256]

    def states(self, sha256s: Iterable[str]) -> dict[str, BlobState]:
        """The same of several files."""
        wanted = list(sha256s)
        rows = self._store.reader.execute(
            "SELECT sha256, size, here, there, error FROM blob WHERE sha256 IN (SELECT value FROM json_each(?))",
            (msgspec.json.encode(wanted).decode(),),
        )
        known = {row["sha256"]: row for row in rows}
        found: dict[str, BlobState] = {}
        for sha256 in wanted:
            row, running = known.get(sha256), self._running.get(sha256)
            if row is None:
                found[sha256] = BlobState()
                continue
            here, there = bool(row["here"]), bool(row["there"])
            done, total = (running.done, running.total) if running else (0, 0)
            found[sha256] = BlobState(here, there, not here and not row["error"], done, total, row["error"])
        return found

    def want(self, sha256: str, size: int = 0) -> None:
        """Ask for a file to be brought where it is missing: fetched if it is not here, else sent again if that failed.

        `size` in bytes, where it is known.
        """
        if self.folder.place(sha256) is None:
            return

        def ask(writer: Connection) -> set[str]:
            changed = writer.execute(
                "INSERT INTO blob (sha256, size, here, there, error) VALUES (?, ?, 0, 1, '') "
                "ON CONFLICT (sha256) DO UPDATE SET error = '' WHERE error <> ''",
                (sha256, size),
            ).rowcount
            return {SCOPE + sha256} if changed else set()

        self._store.change(ask)

    def cancel(self, sha256: str) -> None:
        """Stop a transfer, running or to come; what has come of it stays, to be gone on with when it is wanted."""

        def stop(writer: Connection) -> set[str]:
            gone = writer.execute("DELETE FROM blob WHERE sha256 = ? AND here = 0", (sha256,)).rowcount
            held = writer.execute(
                "UPDATE blob SET error = ? WHERE sha256 = ? AND here = 1 AND there = 0", (CANCELLED, sha256)
            ).rowcount
            return {SCOPE + sha256} if gone or held else set()

        self._store.change(stop)  # first: or the transfer would begin again
        running = self._running.get(sha256)
        if running is not None:
            running.cancelled = True

    # For the transfers

    def begin(self, sha256: str, total: int) -> None:
        """A transfer of so many bytes begins."""
        self._running[sha256] = _Running(total)

    def moved(self, sha256: str, done: int, total: int) -> None:
        """A transfer has come so far; listeners hear of it now and then."""
        running = self._running.get(sha256)
        if running is None:
            return
        running.done, running.total = done, total
        now = time.monotonic()
        if now - running.told >= TOLD_EVERY:
            running.told = now
            self._store.tell({SCOPE + sha256})

    def is_cancelled(self, sha256: str) -> bool:
        """Whether somebody has stopped the transfer under way."""
        running = self._running.get(sha256)
        return running is not None and running.cancelled

    def end(self, sha256: str) -> None:
        """A transfer is over, whatever has come of it."""
        self._running.pop(sha256, None)
        self._store.tell({SCOPE + sha256})

    def set_there(self, sha256: str, *, there: bool) -> None:
        """The authority has the bytes, or turns out not to."""
        self._set("there = ?, error = ''", sha256, int(there))

    def set_error(self, sha256: str, error: str) -> None:
        """A transfer has failed for good; it is tried again when it is wanted."""
        self._set("error = ?", sha256, error)

    # Plumbing

    def _set(self, change: str, sha256: str, value: int | str) -> None:
        def write(writer: Connection) -> set[str]:
            writer.execute(f"UPDATE blob SET {change} WHERE sha256 = ?", (value, sha256))
            return {SCOPE + sha256}

        self._store.change(write)

    def _note(self, sha256: str, size: int, *, there: bool = False) -> None:
        def write(writer: Connection) -> set[str]:
            writer.execute(
                "INSERT INTO blob (sha256, size, here, there, error) VALUES (?, ?, 1, ?, '') ON CONFLICT (sha256) "
                "DO UPDATE SET size = excluded.size, here = 1, there = max(there, excluded.there), error = ''",
                (sha256, size, int(there)),
            )
            return {SCOPE + sha256}

        self._store.change(write)


__all__ = ["SCOPE", "BlobState", "Blobs", "FileCancelledError", "FileError", "examine"]
