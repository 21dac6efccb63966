"""The folder of the blobs: where each lies, and how bytes become one."""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from ismsg_tui.files.handling import Cancelled, Progress, copy_hashing

LEFT_OVER = 24 * 3600
"""Seconds after which a copy that was never finished is cleared away."""

_SHA256 = re.compile(r"[0-9a-f]{64}")


class BlobFolder:
    """Files named by the SHA-256 of their bytes, and beside them those that are still being copied."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._in_work = path / "tmp"

    def place(self, sha256: str) -> Path | None:
        """Where a blob belongs; None for what is no SHA-256, as a stranger may have put it into a message."""
        return self.path / sha256[:2] / sha256 if _SHA256.fullmatch(sha256) else None

    def part(self, sha256: str) -> Path:
        """Where a file lies while it is fetched."""
        self._in_work.mkdir(parents=True, exist_ok=True, mode=0o700)
        return self._in_work / f"{sha256}.part"

    @contextmanager
    def scratch(self) -> Iterator[tuple[BinaryIO, Path]]:
        """A new file beside the blobs to write to; it is gone at the end unless it was settled. Raises OSError."""
        self._in_work.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._clear_away()
        handle, name = tempfile.mkstemp(dir=self._in_work, suffix=".copy")
        path = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file, path
        finally:
            path.unlink(missing_ok=True)

    def copy_in(self, file: BinaryIO, size: int, progress: Progress | None, cancelled: Cancelled | None) -> str | None:
        """Copy an open file to its place and return its SHA-256; None if it did not hold `size` bytes.

        Raises FileCancelledError, OSError.
        """
        with self.scratch() as (target, copy):
            hashed = copy_hashing(file, target, total=size, progress=progress, cancelled=cancelled)
            place = self.place(hashed.sha256)
            if hashed.size != size or place is None:
                return None
            make_durable(target)
            target.close()
            self.settle(copy, place)
            return hashed.sha256

    def settle(self, finished: Path, place: Path) -> None:
        """Give a finished file its name, for good."""
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        finished.chmod(0o600)
        finished.replace(place)
        with suppress(OSError):  # where folders can't be synced, as on Windows
            handle = os.open(place.parent, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)

    def settled_before(self, moment: float) -> Iterator[str]:
        """The SHA-256 of every blob that came before a moment, in seconds since 1970."""
        for path in self.path.glob("??/*"):
            with suppress(OSError):
                if _SHA256.fullmatch(path.name) and path.stat().st_mtime < moment:
                    yield path.name

    def remove(self, sha256: str, before: float) -> bool:
        """Delete a blob unless it came, or came again, at that moment or later; returns whether it is gone."""
        place = self.place(sha256)
        if place is None:
            return False
        aside = self._in_work / f"{sha256}.old"
        try:
            self._in_work.mkdir(parents=True, exist_ok=True, mode=0o700)
            # Taken aside first: what comes under its name from now on is another file.
            place.replace(aside)
            if aside.stat().st_mtime >= before:
                aside.replace(place)
                return False
            aside.unlink()
        except OSError:
            return False
        return True

    def _clear_away(self) -> None:
        """Remove what processes that died left half copied."""
        oldest = time.time() - LEFT_OVER
        for left in self._in_work.glob("*.copy"):
            with suppress(OSError):
                if left.stat().st_mtime < oldest:
                    left.unlink()


def make_durable(file: BinaryIO) -> None:
    """Return once everything written to an open file is on the disk. Raises OSError."""
    file.flush()
    os.fsync(file.fileno())
