"""The files of a workspace: their bytes on the disk, each named by its SHA-256, and who may see them.

A file is there when its row is in the table and its bytes are in the folder. Row and bytes change together, in one
transaction that holds the row: so somebody who asks for a file, sends it again or refers to it, and the broom that
takes away what nobody refers to, wait for each other. Each workspace has a folder of its own, because rows of two
workspaces would not.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, and_, delete, exists, func, or_, select, update

from ismsg_tui.clock import now_ms
from ismsg_tui.domain.commands import Issued
from ismsg_tui.domain.entities import Attachment, Entity, Message, Snippet
from ismsg_tui.files.blob_folder import BlobFolder, make_durable
from ismsg_tui.server.accounts import Viewer
from ismsg_tui.server.database import Database
from ismsg_tui.server.errors import ProblemError
from ismsg_tui.server.feed import Reader, reader_of
from ismsg_tui.server.ledger import Ledger
from ismsg_tui.server.rows import insert_missing, upsert
from ismsg_tui.server.tables import blob, blob_use, contact_state, upload

log = logging.getLogger(__name__)

HOUR = 3_600_000
KEPT = 24 * HOUR
"""For so long, in milliseconds, a file is kept that nobody refers to, from when somebody last asked for it."""
_BATCH = 500
_ROOM_LOCK = 0x726F6F6D
_BY_USER, _BY_SNIPPET = "user:", "snippet:"


class BlobLimits(Struct, frozen=True):
    """How much a workspace may keep, in bytes."""

    largest: int = 500_000_000
    quota: int = 50_000_000_000


class StoredBlob(Struct, frozen=True):
    """A file that may be read."""

    sha256: str
    path: Path
    size: int


class Incoming:
    """A file that is arriving, in one go: written piece by piece and hashed on the way."""

    def __init__(self, file: BinaryIO, path: Path, largest: int) -> None:
        self._file = file
        self._largest = largest
        self._hash = hashlib.sha256()
        self.path = path
        self.size = 0

    def write(self, piece: bytes) -> None:
        """Take the next piece. Raises ProblemError 413 once there are too many, OSError."""
        if self.size + len(piece) > self._largest:
            raise too_large(self._largest)
        self._file.write(piece)
        self._hash.update(piece)
        self.size += len(piece)

    def close(self) -> str:
        """Put everything on the disk and return its SHA-256. Raises OSError."""
        make_durable(self._file)
        self._file.close()
        return self._hash.hexdigest()


class Blobs:
    """The files of all workspaces; any thread may call."""

    def __init__(
        self,
        database: Database,
        folder: Path,
        ledger: Ledger,
        *,
        limits: BlobLimits | None = None,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        """`folder` is made if it is missing; `ledger` is told to ask here for files that commands speak of."""
        self.limits = limits or BlobLimits()
        self._database = database
        self._folder = folder
        self._ledger = ledger
        self._clock = clock
        ledger.blob_check = self.check
        ledger.after_effects.append(self.note_uses)

    def folder(self, workspace_id: str) -> BlobFolder:
        """Where the files of a workspace lie."""
        return BlobFolder(self._folder / workspace_id)

    # Looking

    def find(self, viewer: Viewer, sha256: str) -> StoredBlob:
        """A file that the viewer may see; it is kept for another day. Raises ProblemError 404."""
        if self.folder(viewer.workspace_id).place(sha256) is None:
            raise _unknown()
        seen = _seen(viewer.workspace_id, sha256, self._reader(viewer))
        with self._database.read() as connection:
            if not connection.scalar(select(seen)):
                raise _unknown()
        return self.stored(viewer.workspace_id, sha256)

    def stored(self, workspace_id: str, sha256: str) -> StoredBlob:
        """A file, whoever may see it; it is kept for another day. Raises ProblemError 404."""
        path = self.folder(workspace_id).place(sha256)
        if path is None:
            raise _unknown()
        mine = and_(blob.c.ws == workspace_id, blob.c.sha256 == sha256)
        with self._database.read() as connection:
            found = connection.execute(select(blob.c.size, blob.c.touched_at).where(mine)).one_or_none()
        if found is None or not path.is_file():
            raise _unknown()
        now = self._clock()
        if found.touched_at < now - HOUR:
            with self._database.write() as connection:
                if not connection.execute(update(blob).where(mine).values(touched_at=now)).rowcount:
                    raise _unknown()  # the broom was quicker
        return StoredBlob(sha256, path, found.size)

    def _reader(self, viewer: Viewer) -> Reader:
        return reader_of(self._ledger.settings(viewer.workspace_id).users, viewer.user_id)

    # Taking in

    @contextmanager
    def receive(self, workspace_id: str, largest: int) -> Iterator[Incoming]:
        """A place for a file that arrives in one go; nothing of it stays unless it is kept."""
        with self.folder(workspace_id).scratch() as (file, path):
            yield Incoming(file, path, largest)

    def keep_sent(self, viewer: Viewer, sha256: str, incoming: Incoming) -> bool:
        """Keep a file that a user has sent as `sha256`; whether it is new to him, whoever has sent it before.

        Raises ProblemError 422 for other bytes, 507 where the workspace has no room.
        """
        if incoming.close() != sha256:
            raise digest_mismatch()
        seen = _seen(viewer.workspace_id, sha256, self._reader(viewer))
        with self._database.write() as connection:
            known = connection.scalar(select(seen))
            self.keep(connection, viewer.workspace_id, sha256, incoming.path, incoming.size, viewer.user_id)
        return not known

    def keep(
        self,
        connection: Connection,
        workspace_id: str,
        sha256: str,
        path: Path,
        size: int,
        user_id: str | None = None,
    ) -> None:
        """Make a finished file a blob in the running transaction. Raises ProblemError 507."""
        self.check_room(connection, workspace_id, size)
        # From here on the row is ours: whoever takes the file away has finished, or waits.
        values = {"ws": workspace_id, "sha256": sha256, "size": size, "touched_at": self._clock()}
        upsert(connection, blob, [values])
        if user_id is not None:
            _use(connection, workspace_id, sha256, _BY_USER + user_id)
        place = self.folder(workspace_id).place(sha256)
        if place is None:
            raise ValueError("not a SHA-256")
        self.folder(workspace_id).settle(path, place)

    def check_room(self, connection: Connection, workspace_id: str, size: int) -> None:
        """Raise ProblemError 507 unless the workspace may keep `size` bytes more than it has and was announced.

        Until the transaction is over, in which they are kept or announced, nobody else is told that there is room.
        """
        if not self._database.is_sqlite:  # where a single one writes
            # Not the row of the workspace: that is the last lock of a command, which may hold a file's row already.
            connection.execute(select(func.pg_advisory_xact_lock(_ROOM_LOCK, func.hashtext(workspace_id))))
        kept = select(func.sum(blob.c.size)).where(blob.c.ws == workspace_id)
        announced = select(func.sum(upload.c.size)).where(
            upload.c.ws == workspace_id, upload.c.received < upload.c.size
        )
        if sum(int(connection.scalar(some) or 0) for some in (kept, announced)) + size > self.limits.quota:
            raise ProblemError(507, "quota", "The workspace has no room for more files: an owner has to make some.")

    # In the transactions of commands

    def check(self, connection: Connection, workspace_id: str, sha256: str, reader: Reader | None) -> bool:
        """Whether a file is here that a command speaks of; it stays until the transaction is over.

        To a reader it is not here unless he has sent it himself or may see it: whoever merely knows what a file is
        called could otherwise have it, by giving it to a contact of his own.
        """
        wanted = and_(blob.c.ws == workspace_id, blob.c.sha256 == sha256)
        if reader is not None:
            wanted = and_(wanted, _seen(workspace_id, sha256, reader))
        touched = connection.execute(update(blob).where(wanted).values(touched_at=self._clock())).rowcount
        place = self.folder(workspace_id).place(sha256)
        return bool(touched) and place is not None and place.is_file()

    def note_uses(
        self, connection: Connection, workspace_id: str, _seq: int, _issued: Issued | None, rows: Sequence[Entity]
    ) -> None:
        """Write down who may see the files of new messages and snippets."""
        for row in rows:
            match row:
                case Message() if row.attachments:
                    self._note(connection, workspace_id, row.contact_id, row.attachments)
                case Snippet():
                    scope = _BY_SNIPPET + row.id
                    connection.execute(delete(blob_use).where(blob_use.c.ws == workspace_id, blob_use.c.scope == scope))
                    self._note(connection, workspace_id, scope, () if row.deleted else row.attachments)
                case _:
                    pass

    def _note(self, connection: Connection, workspace_id: str, scope: str, attachments: Sequence[Attachment]) -> None:
        for attachment in attachments:
            _use(connection, workspace_id, attachment.sha256, scope)

    # Taking away

    def vacuum(self) -> int:
        """Take away the files that nobody has referred to or asked for within a day; returns how many."""
        before = self._clock() - KEPT
        mine = and_(blob_use.c.ws == blob.c.ws, blob_use.c.sha256 == blob.c.sha256)
        used = exists().where(mine, blob_use.c.scope.not_like(f"{_BY_USER}%"))
        gone = 0
        with self._database.read() as connection:
            found = connection.execute(select(blob.c.ws, blob.c.sha256).where(blob.c.touched_at < before, ~used)).all()
        for start in range(0, len(found), _BATCH):
            for workspace_id, sha256 in found[start : start + _BATCH]:
                gone += self._take_away(workspace_id, sha256, before)
        return gone

    def _take_away(self, workspace_id: str, sha256: str, before: int) -> bool:
        """Take away one file unless somebody has touched it meanwhile."""
        place = self.folder(workspace_id).place(sha256)
        one = and_(blob_use.c.ws == workspace_id, blob_use.c.sha256 == sha256)
        used = exists().where(one, blob_use.c.scope.not_like(f"{_BY_USER}%"))
        with self._database.write() as connection:
            gone = connection.execute(
                delete(blob).where(
                    blob.c.ws == workspace_id, blob.c.sha256 == sha256, blob.c.touched_at < before, ~used
                )
            ).rowcount
            if gone:
                connection.execute(delete(blob_use).where(one))
                if place is not None:
                    place.unlink(missing_ok=True)
        return bool(gone)


def _seen(workspace_id: str, sha256: str, reader: Reader) -> ColumnElement[bool]:
    """Whether a user has sent a file himself, or may see something that refers to it."""
    held = select(contact_state.c.contact_id).where(
        contact_state.c.ws == workspace_id, contact_state.c.contact_id == blob_use.c.scope
    )
    if reader.holders is not None:
        held = held.where(contact_state.c.assignee_id.in_(reader.holders))
    reasons = or_(
        blob_use.c.scope == _BY_USER + reader.user_id, blob_use.c.scope.startswith(_BY_SNIPPET), held.exists()
    )
    return exists().where(blob_use.c.ws == workspace_id, blob_use.c.sha256 == sha256, reasons)


def _use(connection: Connection, workspace_id: str, sha256: str, scope: str) -> None:
    insert_missing(connection, blob_use, [{"ws": workspace_id, "sha256": sha256, "scope": scope}])


def too_large(largest: int) -> ProblemError:
    """The problem of a file or piece with too many bytes."""
    return ProblemError(413, "too-large", f"This is too large: at most {largest:,} bytes.", params={"limit": largest})


def digest_mismatch() -> ProblemError:
    """The problem of a file whose bytes are not what its name says."""
    return ProblemError(422, "digest-mismatch", "What arrived is not the file that was announced: send it again.")


def _unknown() -> ProblemError:
    return ProblemError(404, "unknown-file", "There is no such file, or you may not see it.")
