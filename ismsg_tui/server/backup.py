"""Backups: one file with everything, the same for SQLite and PostgreSQL, so that either can be restored into the other.

It is a tar archive: `server.db`, a SQLite database with every row, and below `blobs` the files. What is restored is
brought up to date on the way, so a backup of an earlier version will do.
"""

from __future__ import annotations

import os
import re
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

import sqlalchemy as sa
from msgspec import Struct

from ismsg_tui.clock import now_ms
from ismsg_tui.files.blob_folder import BlobFolder
from ismsg_tui.server import tables
from ismsg_tui.server.database import Database, DatabaseError
from ismsg_tui.server.errors import ProblemError
from ismsg_tui.server.restored import begin_new_histories

ROWS = "server.db"
BLOBS = "blobs"
BATCH = 1_000

_MEMBER = re.compile(rf"{BLOBS}/([0-9a-f-]{{36}})/([0-9a-f]{{64}})")


class BackupError(Exception):
    """A backup can't be made or restored; the message says why and what to do. No row was changed."""


class Tally(Struct):
    """What a backup holds."""

    rows: int = 0
    files: int = 0
    size: int = 0
    """Bytes of the archive."""


def back_up(database: Database, blobs: Path, to: Path) -> Tally:
    """Write everything as of this moment into the file `to`; a server may go on working. Raises BackupError.

    `blobs` is the folder of the files, one folder a workspace in it.
    """
    if to.exists():
        raise BackupError(f"{to} is there already: choose another name, or remove it.")
    tally = Tally()
    try:
        with _scratch(to.parent) as scratch:
            copy = Database(f"sqlite:///{scratch / ROWS}")
            try:
                copy.migrate()
                with database.read() as source, copy.write() as target:
                    tally.rows = _copy_rows(source, target)
                copy.vacuum()
                with copy.read() as connection:
                    files = connection.execute(sa.select(tables.blob.c.ws, tables.blob.c.sha256)).all()
            finally:
                copy.close()
            archive = scratch / "archive"
            with archive.open("xb") as file:
                with tarfile.open(fileobj=file, mode="w") as tar:
                    tar.add(scratch / ROWS, ROWS)
                    tally.files = sum(_add_file(tar, blobs, ws, sha256) for ws, sha256 in files)
                file.flush()
                os.fsync(file.fileno())
            archive.chmod(0o600)
            tally.size = archive.stat().st_size
            archive.replace(to)
    except OSError as error:
        raise BackupError(f"Can't write {to}: {error.strerror or error}.") from error
    return tally


def _add_file(tar: tarfile.TarFile, blobs: Path, ws: str, sha256: str) -> bool:
    place = BlobFolder(blobs / ws).place(sha256)
    try:
        if place is None:
            return False
        tar.add(place, f"{BLOBS}/{ws}/{sha256}", recursive=False)
    except FileNotFoundError:
        return False  # nothing referred to it any more, and it was taken away meanwhile
    return True


def restore(
    database: Database, blobs: Path, source: Path, *, over: bool = False, clock: Callable[[], int] = now_ms
) -> Tally:
    """Put everything of a backup in the place of what is there; consoles will begin anew. Raises BackupError.

    Without `over` the database has to be empty. Files that are there already stay.
    """
    database.migrate()
    if not over and not _is_empty(database):
        raise BackupError("There is a workspace already. With --yes the backup takes the place of everything.")
    tally = Tally()
    blobs.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        tally.size = source.stat().st_size
        with tarfile.open(source, "r:") as tar, _scratch(blobs) as scratch:
            members = iter(tar)
            copy = _rows_of(tar, next(members, None), scratch)
            try:
                tally.files = _put_files(tar, members, blobs, _workspaces(copy))
                with copy.read() as connection, database.write() as target:
                    for table in tables.metadata.sorted_tables:
                        target.execute(sa.delete(table))
                    tally.rows = _copy_rows(connection, target)
                    begin_new_histories(target, clock())
            finally:
                copy.close()
    except tarfile.TarError as error:
        raise BackupError(f"{source} is no backup, or is damaged: {error}.") from error
    except OSError as error:
        raise BackupError(f"Can't restore {source}: {error.strerror or error}.") from error
    return tally


def _is_empty(database: Database) -> bool:
    with database.read() as connection:
        return connection.execute(sa.select(tables.workspace.c.id).limit(1)).first() is None


def _rows_of(tar: tarfile.TarFile, member: tarfile.TarInfo | None, scratch: Path) -> Database:
    """The database in an archive, which is its first member, brought up to date."""
    if member is None or member.name != ROWS or not member.isfile():
        raise BackupError("This is no backup of a server.")
    with (scratch / ROWS).open("xb") as file, _opened(tar, member) as packed:
        while piece := packed.read(1 << 20):
            file.write(piece)
    copy = Database(f"sqlite:///{scratch / ROWS}")
    try:
        with copy.read() as connection:
            sound = connection.exec_driver_sql("PRAGMA quick_check").scalar_one()
        if sound != "ok":
            raise BackupError("The backup is damaged: use an earlier one.")
        copy.migrate()
    except (sa.exc.DatabaseError, ProblemError, DatabaseError) as error:
        copy.close()
        raise BackupError(f"The backup can't be read: {error}") from error
    except BackupError:
        copy.close()
        raise
    return copy


def _workspaces(copy: Database) -> set[str]:
    with copy.read() as connection:
        return set(connection.execute(sa.select(tables.workspace.c.id)).scalars())


def _put_files(tar: tarfile.TarFile, members: Iterator[tarfile.TarInfo], blobs: Path, workspaces: set[str]) -> int:
    """Put files into their places; each is hashed, so that under a name lies what belongs there."""
    count = 0
    for member in members:
        named = _MEMBER.fullmatch(member.name)
        if named is None or not member.isfile() or named[1] not in workspaces:
            raise BackupError(f"The backup holds something that is none of its own: {member.name[:100]!r}.")
        with _opened(tar, member) as packed:
            if BlobFolder(blobs / named[1]).copy_in(cast("Any", packed), member.size, None, None) != named[2]:
                raise BackupError(f"The file {named[2][:12]} in the backup is damaged: use an earlier one.")
        count += 1
    return count


def _opened(tar: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    packed = tar.extractfile(member)
    if packed is None:
        raise BackupError("This is no backup of a server.")
    return packed


def _copy_rows(source: sa.Connection, target: sa.Connection) -> int:
    """Copy every row of every table into tables that are empty."""
    count = 0
    for table in tables.metadata.sorted_tables:
        found = source.execution_options(stream_results=True).execute(sa.select(table))
        for rows in found.mappings().partitions(BATCH):
            target.execute(sa.insert(table), [dict(row) for row in rows])
            count += len(rows)
    return count


@contextmanager
def _scratch(beside: Path) -> Iterator[Path]:
    """A folder for what is on the way, on the same file system; gone afterwards."""
    with tempfile.TemporaryDirectory(dir=beside, prefix=".ismsg-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)
