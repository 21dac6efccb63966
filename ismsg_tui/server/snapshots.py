"""All rows of a workspace as one file that a new console takes over as it is: the store that pages would have filled.

What a console keeps is the console's own affair, so whoever runs the server hands in what makes such a file. It is made
in a process of its own, from one moment of the database, one at a time on a folder, packed, and kept until somebody
asks for one after a quarter of an hour. Only those who see everything may have it.
"""

from __future__ import annotations

import hashlib
import logging
import multiprocessing
import os
import re
import shutil
import signal
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path

import sqlalchemy as sa
from msgspec import Struct

from ismsg_tui.domain.rights import sees_all
from ismsg_tui.domain.wire import MOST_ROWS, PageBody
from ismsg_tui.files.blob_folder import make_durable
from ismsg_tui.server.accounts import Viewer
from ismsg_tui.server.children import end_with_parent
from ismsg_tui.server.database import Database
from ismsg_tui.server.errors import ProblemError
from ismsg_tui.server.feed import read_page
from ismsg_tui.server.ledger import Ledger
from ismsg_tui.server.states import Standing, read_standing
from ismsg_tui.sqlite import sqlite3

log = logging.getLogger(__name__)

LIFE = 15 * 60.0
"""Seconds for which a snapshot is given out to those who begin to fetch one; its pages are few then."""
KEPT = 24 * 3600.0
"""Seconds for which one is kept for those who are fetching it."""
AFTER_FAULT = 15 * 60.0
"""Seconds for which nothing is tried after it failed: consoles take pages."""
PATIENCE = 3.0
"""Seconds that a process gets to end."""
RETRY = 3
"""Seconds after which whoever waits for one is to ask again."""

_LOCK = "making.lock"
_SCRATCH = "making-"
_NAME = re.compile(r"(?P<key>[0-9a-f]{32})-(?P<revision>\d{1,15})-(?P<sha256>[0-9a-f]{64})\.gz")
_CHUNK = 1 << 20


class SnapshotBuilder(Struct, frozen=True):
    """What makes snapshots. It travels to another process, so `build` has to be a function of a module."""

    schema: int
    """The version of what consoles keep that `build` makes."""
    build: Callable[[Path, Iterator[PageBody]], None]
    """Writes a file at a path that is free, from all pages of a workspace."""


class Snapshot(Struct, frozen=True):
    """A packed file."""

    path: Path
    size: int
    sha256: str
    epoch: str
    revision: int
    schema: int
    made_at: float


class Snapshots:
    """The snapshots of one folder. Any thread may call, and several processes may share the folder."""

    def __init__(self, database: Database, folder: Path, ledger: Ledger, builder: SnapshotBuilder | None) -> None:
        """Without a builder there are none."""
        self._database = database
        self._folder = folder
        self._ledger = ledger
        self._builder = builder
        self._lock = threading.Lock()
        self._process: SpawnProcess | None = None
        self._attending = threading.Thread()
        self._stopped = False
        self._failed: dict[str, float] = {}
        """Until when nothing is tried for a workspace of which none could be made."""

    def find(self, viewer: Viewer, schema: int, held: str = "") -> Snapshot | None:
        """A snapshot for a user whose store has that schema; None while one is being made.

        `held` is the SHA-256 of one that the user has a part of: it is gone on with as long as it is there. Raises
        ProblemError: 404 where there is none to be had, 406 where a console of another version is needed to read it.
        """
        builder = self._builder
        user = self._ledger.settings(viewer.workspace_id).users.get(viewer.user_id)
        if builder is None or user is None or not sees_all(user):
            raise _none()
        if schema != builder.schema:
            raise ProblemError(
                406, "snapshot-schema", "Snapshots are for consoles of another version.", params={"schema": schema}
            )
        kept = self._kept(viewer, builder.schema)
        for snapshot in kept:
            if snapshot.sha256 == held and time.time() - snapshot.made_at < KEPT:
                return snapshot
        newest = kept[0] if kept else None
        if newest and (time.time() - newest.made_at < LIFE or newest.revision == viewer.head):
            return newest
        if time.monotonic() < self._failed.get(viewer.workspace_id, 0.0):
            raise _none()
        self._begin(builder, viewer.workspace_id)
        return None

    def stop(self) -> None:
        """Give up whatever is being made; returns once it has ended."""
        with self._lock:
            self._stopped = True
            if self._process is None:
                return
            process = self._process
            process.terminate()
        self._attending.join(PATIENCE)
        if process.is_alive():
            process.kill()
            self._attending.join()

    def _kept(self, viewer: Viewer, schema: int) -> list[Snapshot]:
        """What there is of a workspace, the newest first."""
        key = _key(viewer.workspace_id, viewer.epoch, schema)
        found = []
        for path in self._folder.glob(f"{key}-*.gz"):
            with suppress(OSError):  # it may be gone by now
                if match := _NAME.fullmatch(path.name):
                    about = path.stat()
                    revision = int(match["revision"])
                    found.append(
                        Snapshot(path, about.st_size, match["sha256"], viewer.epoch, revision, schema, about.st_mtime)
                    )
        return sorted(found, key=lambda snapshot: snapshot.made_at, reverse=True)

    def _begin(self, builder: SnapshotBuilder, ws: str) -> None:
        """Have one made, unless one is being made already."""
        with self._lock:
            if self._process is not None or self._stopped:
                return
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with _alone(self._folder) as alone:
                if not alone:  # another process on the folder makes one
                    return
            spawn = multiprocessing.get_context("spawn")
            answer, told = spawn.Pipe(duplex=False)
            url = self._database.url.render_as_string(hide_password=False)
            # Not a thread: it would take turns with those who answer.
            self._process = spawn.Process(
                target=_work, args=(url, self._folder, ws, builder, told), name="ismsg-snapshot", daemon=True
            )
            self._process.start()
            told.close()
            self._attending = threading.Thread(target=self._attend, args=(self._process, answer, ws), daemon=True)
            self._attending.start()

    def _attend(self, process: SpawnProcess, answer: Connection, ws: str) -> None:
        with closing(answer):
            try:
                problem = str(answer.recv())
            except EOFError:
                problem = "its process ended"
        process.join()
        with self._lock:
            if problem and not self._stopped:
                self._failed[ws] = time.monotonic() + AFTER_FAULT
                log.error("a snapshot could not be made: %s", problem)
            self._process = None


def _none() -> ProblemError:
    return ProblemError(404, "no-snapshot", "There is no snapshot: take the rows page by page.")


def _key(ws: str, epoch: str, schema: int) -> str:
    """What the names of the files of a history begin with: nothing but letters and digits, whatever the ids are."""
    return hashlib.sha256(f"{ws}\0{epoch}\0{schema}".encode()).hexdigest()[:32]


# In the other process


def _work(url: str, folder: Path, ws: str, builder: SnapshotBuilder, told: Connection) -> None:
    """Make a snapshot and say "", or what went wrong."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # with nothing left half made
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of the terminal: it is for who started this
    end_with_parent()
    # This may be within a console, whose screen nobody may write on.
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115, PTH123 - until the process ends
    if hasattr(os, "nice"):
        os.nice(10)
    try:
        with _alone(folder) as alone:
            if alone:
                _make(url, folder, ws, builder)
        told.send("")
    except Exception as error:  # whoever waits is told
        told.send(f"{type(error).__name__}: {error}")


@contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    """Whether this is the only process that makes a snapshot in the folder; it stays so until the end."""
    with closing(sqlite3.connect(str(folder / _LOCK), timeout=0, isolation_level=None)) as lock:
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            yield False
            return
        yield True


def _make(url: str, folder: Path, ws: str, builder: SnapshotBuilder) -> None:
    _clear(folder)
    database = Database(url)
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=_SCRATCH) as name:
            plain, packed = Path(name) / "rows", Path(name) / "packed"
            with database.read() as connection:
                standing = read_standing(connection, ws)
                builder.build(plain, _pages(connection, standing))
            sha256 = _pack(plain, packed)
            key = _key(ws, standing.epoch, builder.schema)
            packed.rename(folder / f"{key}-{standing.head}-{sha256}.gz")
    finally:
        database.close()


def _pages(connection: sa.Connection, standing: Standing) -> Iterator[PageBody]:
    since, more = 0, True
    while more:
        page = read_page(connection, standing, None, since, MOST_ROWS)
        since, more = page.to, page.more
        yield page


def _pack(plain: Path, packed: Path) -> str:
    """Compress a file, and remove it; returns the SHA-256 of what became of it."""
    digest, packer = hashlib.sha256(), zlib.compressobj(1, wbits=31)
    with plain.open("rb") as source, packed.open("xb") as target:

        def write(piece: bytes) -> None:
            digest.update(piece)
            target.write(piece)

        while piece := source.read(_CHUNK):
            write(packer.compress(piece))
        write(packer.flush())
        make_durable(target)
    plain.unlink()
    return digest.hexdigest()


def _clear(folder: Path) -> None:
    """Remove what was left half made, and all but the newest of each history, which may still be fetched."""
    made: list[tuple[float, Path, str]] = []
    for path in folder.iterdir():
        with suppress(OSError):
            if path.name.startswith(_SCRATCH):
                shutil.rmtree(path)
            elif match := _NAME.fullmatch(path.name):
                made.append((path.stat().st_mtime, path, match["key"]))
    newest: set[str] = set()
    for made_at, path, key in sorted(made, reverse=True):
        if key in newest or time.time() - made_at > KEPT:
            with suppress(OSError):  # where a file that is being read can't be removed, as on Windows
                path.unlink()
        newest.add(key)
