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
from sqlalchemy import Connection, and_, delete, exists, func, select, update

from ismsg_tui.clock import now_ms
from ismsg_tui.domain.commands import Issued
from ismsg_tui.domain.entities import Attachment, Entity, Message, Snippet
from ismsg_tui.files.blob_folder import BlobFolder, make_durable
from ismsg_tui.server.accounts import Viewer
from ismsg_tui.server.database import Database
from ismsg_tui.server.errors import ProblemError
from ismsg_tui.server.ledger import Ledger
from ismsg_tui.server.rows import insert_missing, upsert
from ismsg_tui.server.tables import blob, blob_use

log = logging.getLogger(__name__)

HOUR = 3_600_000
KEPT = 24 * HOUR
"""For so long, in milliseconds, a file is kept that nobody refers to, from when somebody last asked for it."""
_BATCH = 500
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
        if self.folder(viewer.workspace_id).place(sha256) is None or not self._may_see(viewer, sha256):
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

    def _may_see(self, viewer: Viewer, sha256: str) -> bool:
        with self._database.read() as connection:
            scopes = list(
                connection.scalars(
                    select(blob_use.c.scope).where(blob_use.c.ws == viewer.workspace_id, blob_use.c.sha256 == sha256)
                )
            )
        if _BY_USER + viewer.user_id in scopes or any(scope.startswith(_BY_SNIPPET) for scope in scopes):
            return True
        return any(self._ledger.may_see(viewer, scope) for scope in scopes if not scope.startswith(_BY_USER))

    # Taking in

    @contextmanager
    def receive(self, workspace_id: str, largest: int) -> Iterator[Incoming]:
        """A place for a file that arrives in one go; nothing of it stays unless it is kept."""
        with self.folder(workspace_id).scratch() as (file, path):
            yield Incoming(file, path, largest)

    def keep_sent(self, viewer: Viewer, sha256: str, incoming: Incoming) -> bool:
        """Keep a file that a user has sent as `sha256`; whether it is new here.

        Raises ProblemError 422 for other bytes, 507 where the workspace has no room.
        """
        if incoming.close() != sha256:
            raise digest_mismatch()
        with self._database.write() as connection:
            return self.keep(connection, viewer.workspace_id, sha256, incoming.path, incoming.size, viewer.user_id)

    def keep(
        self,
        connection: Connection,
        workspace_id: str,
        sha256: str,
        path: Path,
        size: int,
        user_id: str | None = None,
    ) -> bool:
        """Make a finished file a blob in the running transaction; whether it is new. Raises ProblemError 507."""
        self.check_room(connection, workspace_id, size)
        known = connection.scalar(
            select(func.count()).select_from(blob).where(blob.c.ws == workspace_id, blob.c.sha256 == sha256)
        )
        # From here on the row is ours: whoever takes the file away has finished, or waits.
        values = {"ws": workspace_id, "sha256": sha256, "size": size, "touched_at": self._clock()}
        upsert(connection, blob, [values])
        if user_id is not None:
            _use(connection, workspace_id, sha256, _BY_USER + user_id)
        place = self.folder(workspace_id).place(sha256)
        if place is None:
            raise ValueError("not a SHA-256")
        self.folder(workspace_id).settle(path, place)
        return not known

    def check_room(self, connection: Connection, workspace_id: str, size: int) -> None:
        """Raise ProblemError 507 unless the workspace may keep `size` bytes more."""
        kept = connection.scalar(select(func.coalesce(func.sum(blob.c.size), 0)).where(blob.c.ws == workspace_id))
        if int(kept or 0) + size > self.limits.quota:
            raise ProblemError(507, "quota", "The workspace has no room for more files: an owner has to make some.")

    # In the transactions of commands

    def check(self, connection: Connection, workspace_id: str, sha256: str) -> bool:
        """Whether a file is here that a command speaks of; it stays until the transaction is over."""
        touched = connection.execute(
            update(blob).where(blob.c.ws == workspace_id, blob.c.sha256 == sha256).values(touched_at=self._clock())
        ).rowcount
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
