"""Where the demo's authority keeps the files of messages: a folder with one file for each SHA-256."""

from __future__ import annotations

import shutil
import weakref
from functools import cached_property
from pathlib import Path
from tempfile import mkdtemp

from ismsg_tui.files.handling import Cancelled, FileError, Progress, copy_on, sha256_of


class Shelf:
    """Takes files in and gives them out, checked and in pieces, as a server does."""

    def __init__(self, folder: Path | None = None) -> None:
        """Without a folder the files lie in one that goes with the shelf."""
        self._given = folder

    @cached_property
    def _folder(self) -> Path:
        folder = self._given or Path(mkdtemp(prefix="ismsg-files-"))
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self._given is None:
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return folder

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
        if not self.has(sha256):
            part = self._folder / f"{sha256}.new"
            part.write_bytes(content)
            part.replace(self._folder / sha256)
