"""Takes: what was recorded, on disk from the first sample on, so that no crash loses it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec

from ismsg_tui.audio.ports import FRAME, RATE
from ismsg_tui.clock import new_id, now_ms
from ismsg_tui.domain.packing import unpack

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

SYNC_EVERY = 1.0
"""Seconds between writes through to the disk, for a power cut; a crash of the program loses nothing written."""

_BEYOND = 1 << 30
"""Where Windows locks a byte: nobody reads so far."""


class Label(msgspec.Struct, frozen=True):
    """What is known of a take beside its samples; `tag` is the caller's, such as a contact's id."""

    rate: int = RATE
    tag: str = ""
    started: int = 0


@dataclass(frozen=True)
class Take:
    """A recording that waits for the agent's decision: samples without a header at `path`, its label beside it."""

    path: Path
    rate: int
    tag: str = ""
    started: int = 0
    """Milliseconds since 1970."""

    @property
    def frames(self) -> int:
        """How many samples it has."""
        return self.path.stat().st_size // FRAME

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.frames / self.rate

    def discard(self) -> None:
        """Delete it."""
        self.path.unlink(missing_ok=True)
        _label_path(self.path).unlink(missing_ok=True)


class Claim:
    """What makes a take one console's: no other offers it until it is released or the process ends, however it ends."""

    def __init__(self, take: Take, file: BinaryIO) -> None:
        """`file` is the take's, locked."""
        self._take, self._file = take, file

    def release(self) -> None:
        """Let others have the take."""
        self._file.close()

    def discard(self) -> None:
        """Delete the take; nobody can claim it in between."""
        if sys.platform == "win32":  # which deletes no open file
            self.release()
        self._take.discard()
        self.release()


def claim(take: Take) -> Claim | None:
    """Make a take that waits one's own; None if it is somebody's, or gone."""
    try:
        file = take.path.open("rb")
    except OSError:
        return None
    try:
        if sys.platform == "win32":
            file.seek(_BEYOND)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(file.fileno()).st_nlink:
            return Claim(take, file)
    except OSError:
        pass
    file.close()
    return None


class Spool:
    """A take that is being recorded; locked, so that another console doesn't offer it. Its methods raise OSError."""

    def __init__(self, folder: Path, rate: int, tag: str) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.take = Take(folder / f"{new_id()}.pcm", rate, tag, now_ms())
        self._size = 0
        self._synced_at = time.monotonic()
        self._file = _create(self.take.path)
        try:
            _lock(self._file)
            label = Label(rate, tag, self.take.started)
            with _create(_label_path(self.take.path)) as beside:
                beside.write(msgspec.json.encode(label))
                os.fsync(beside.fileno())
        except BaseException:
            self._file.close()
            self.take.discard()
            raise

    @property
    def frames(self) -> int:
        """How many samples are on disk."""
        return self._size // FRAME

    def write(self, samples: bytes) -> None:
        """Append samples; on a full disk as many as fit."""
        rest = memoryview(samples)
        while rest:
            written = self._file.write(rest) or 0
            self._size += written
            rest = rest[written:]
        if time.monotonic() - self._synced_at >= SYNC_EVERY:
            os.fsync(self._file.fileno())
            self._synced_at = time.monotonic()

    def close(self) -> None:
        """Write everything through and let go."""
        try:
            os.fsync(self._file.fileno())
        finally:
            self._file.close()


def kept_takes(folder: Path) -> list[Take]:
    """The takes that wait in a folder, the oldest first: recorded and not decided on, or left by a crash."""
    takes = [_read(path) for path in sorted(folder.glob("*.pcm")) if _is_waiting(path)]
    return sorted(takes, key=lambda take: take.started)


def _read(path: Path) -> Take:
    try:
        label = unpack(_label_path(path).read_bytes(), Label)
    except (OSError, msgspec.MsgspecError):
        # The samples are worth more than their label.
        label = Label(started=int(path.stat().st_mtime * 1000))
    return Take(path, label.rate if label.rate > 0 else RATE, label.tag, label.started)


def _label_path(path: Path) -> Path:
    return path.with_suffix(".json")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _create(path: Path) -> BinaryIO:
    """A new file that only its owner may read; unbuffered, so that what was written survives the program."""
    opener: Callable[[str, int], int] = _private
    return open(path, "xb", buffering=0, opener=opener)


def _lock(file: BinaryIO) -> None:
    # Windows doesn't let anybody delete an open file, which is lock enough.
    if sys.platform != "win32":
        fcntl.flock(file, fcntl.LOCK_EX)


def _is_waiting(path: Path) -> bool:
    """Whether a take has samples and is nobody's; another console may be deleting it meanwhile."""
    try:
        with path.open("rb") as file:
            if sys.platform != "win32":
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return os.fstat(file.fileno()).st_size >= FRAME
    except OSError:
        return False
