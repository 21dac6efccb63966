"""Files that arrive in pieces, over connections that break: each piece goes on where the last one ended.

How many bytes have arrived is a number in the table, and it only ever moves from what a piece began with. So a piece
that was taken for dead and one that took over can both run: one of them moves the number, the other is told to look
again. The number reaches the size of the file in the transaction in which the file becomes a blob.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import Row, delete, select, update

from ismsg_tui.clock import new_id, now_ms
from ismsg_tui.domain.wire import LARGEST_PIECE, FieldError, Upload, UploadRequest
from ismsg_tui.files.blob_folder import make_durable
from ismsg_tui.files.handling import copy_hashing
from ismsg_tui.server.accounts import Viewer
from ismsg_tui.server.blobs import HOUR, Blobs, digest_mismatch, too_large
from ismsg_tui.server.database import Database
from ismsg_tui.server.errors import ProblemError
from ismsg_tui.server.tables import upload

log = logging.getLogger(__name__)

KEPT = 24 * HOUR
"""For so long, in milliseconds, an upload waits for its next piece."""


class Piece:
    """A part of a file that is arriving, from `offset` on."""

    def __init__(self, file: BinaryIO, offset: int, size: int) -> None:
        self._file = file
        self._room = min(size - offset, LARGEST_PIECE)
        self._whole = size - offset <= LARGEST_PIECE
        self.offset = offset
        self.written = 0

    def write(self, piece: bytes) -> None:
        """Take the next bytes. Raises ProblemError for more than belong to the file, or than one piece may have."""
        if self.written + len(piece) > self._room:
            if self._whole:
                raise ProblemError(422, "upload-overrun", "There are more bytes than the file was announced to have.")
            raise too_large(LARGEST_PIECE)
        self._file.write(piece)
        self.written += len(piece)

    def close(self) -> None:
        """Put everything on the disk. Raises OSError."""
        if not self._file.closed:
            make_durable(self._file)
            self._file.close()


class Uploads:
    """The files that are arriving in pieces; any thread may call."""

    def __init__(self, database: Database, blobs: Blobs, *, clock: Callable[[], int] = now_ms) -> None:
        self._database = database
        self._blobs = blobs
        self._clock = clock

    def create(self, viewer: Viewer, wanted: UploadRequest) -> Upload:
        """Begin. Raises ProblemError 413, 422, 507."""
        largest = self._blobs.limits.largest
        if self._blobs.folder(viewer.workspace_id).place(wanted.sha256) is None:
            raise ProblemError(
                422,
                "invalid",
                "The request names no file.",
                errors=[FieldError("/sha256", "This is no SHA-256 in lower-case hexadecimal digits.")],
            )
        if wanted.size < 1:
            raise ProblemError(
                422, "invalid", "The file has no bytes.", errors=[FieldError("/size", "This must be 1 or more.")]
            )
        if wanted.size > largest:
            raise too_large(largest)
        made = Upload(new_id(), 0, wanted.size)
        with self._database.write() as connection:
            self._blobs.check_room(connection, viewer.workspace_id, wanted.size)
            connection.execute(
                upload.insert().values(
                    id=made.id,
                    ws=viewer.workspace_id,
                    user_id=viewer.user_id,
                    sha256=wanted.sha256,
                    size=wanted.size,
                    received=0,
                    expires_at=self._clock() + KEPT,
                )
            )
        return made

    def state(self, viewer: Viewer, id_: str) -> Upload:
        """How far an upload has come. Raises ProblemError 410."""
        found = self._find(viewer, id_)
        return Upload(id_, found.received, found.size)

    def open(self, viewer: Viewer, id_: str, offset: int) -> Piece:
        """Begin the next piece. Raises ProblemError 409 with where it has to begin, 410."""
        found = self._find(viewer, id_)
        if found.received != offset:
            raise _mismatch(found.received)
        path = self._path(viewer.workspace_id, id_)
        if not offset:
            path.touch(mode=0o600)
        if found.received == found.size:
            return Piece(path.open("wb"), offset, found.size)  # the last answer got lost: there is nothing more to come
        try:
            file = path.open("r+b")
        except FileNotFoundError as error:
            raise _gone() from error
        file.seek(offset)
        return Piece(file, offset, found.size)

    def finish(self, viewer: Viewer, id_: str, piece: Piece) -> Upload:
        """Count a piece, as much of it as has come; the last one makes the file a blob.

        Raises ProblemError 409 where another piece was quicker, 410, 422 for other bytes than announced, 507.
        """
        piece.close()
        found = self._find(viewer, id_)
        if found.received != piece.offset:
            raise _mismatch(found.received)
        reached = piece.offset + piece.written
        if reached == found.size and piece.written:
            self._complete(viewer, id_, found)
        else:
            self._move(id_, piece.offset, reached)
        return Upload(id_, reached, found.size)

    def cancel(self, viewer: Viewer, id_: str) -> None:
        """Forget an upload and its bytes. Raises ProblemError 410."""
        self._find(viewer, id_)
        self._forget(viewer.workspace_id, id_)

    def sweep(self) -> None:
        """Forget the uploads that nobody goes on with."""
        with self._database.read() as connection:
            stale = connection.execute(select(upload.c.ws, upload.c.id).where(upload.c.expires_at < self._clock()))
            found = stale.all()
        for workspace_id, id_ in found:
            self._forget(workspace_id, id_)

    def _complete(self, viewer: Viewer, id_: str, found: Row[tuple[str, int, int]]) -> None:
        """Check the file and make it a blob.

        It is copied: a piece that was taken for dead may still hold the file open, and must not write into a blob.
        """
        path = self._path(viewer.workspace_id, id_)
        try:
            with path.open("rb") as source, self._blobs.folder(viewer.workspace_id).scratch() as (target, copy):
                hashed = copy_hashing(source, target, total=found.size)
                if (hashed.sha256, hashed.size) != (found.sha256, found.size):
                    self._forget(viewer.workspace_id, id_)
                    raise digest_mismatch()
                make_durable(target)
                target.close()
                with self._database.write() as connection:
                    values = {"received": found.size, "expires_at": self._clock() + KEPT}
                    connection.execute(update(upload).where(upload.c.id == id_).values(values))
                    # Once it is no upload any more, whose room is taken already.
                    self._blobs.keep(connection, viewer.workspace_id, found.sha256, copy, found.size, viewer.user_id)
        except FileNotFoundError as error:
            raise _gone() from error
        path.unlink(missing_ok=True)

    def _move(self, id_: str, before: int, after: int) -> None:
        with self._database.write() as connection:
            moved = connection.execute(
                update(upload)
                .where(upload.c.id == id_, upload.c.received == before)
                .values(received=after, expires_at=self._clock() + KEPT)
            ).rowcount
            received = connection.scalar(select(upload.c.received).where(upload.c.id == id_))
        if not moved:
            raise _gone() if received is None else _mismatch(received)

    def _find(self, viewer: Viewer, id_: str) -> Row[tuple[str, int, int]]:
        """SHA-256, size and bytes received of one of the viewer's uploads."""
        with self._database.read() as connection:
            found = connection.execute(
                select(upload.c.sha256, upload.c.size, upload.c.received).where(
                    upload.c.id == id_,
                    upload.c.ws == viewer.workspace_id,
                    upload.c.user_id == viewer.user_id,
                    upload.c.expires_at >= self._clock(),
                )
            ).one_or_none()
        if found is None:
            raise _gone()
        return found

    def _forget(self, workspace_id: str, id_: str) -> None:
        with self._database.write() as connection:
            connection.execute(delete(upload).where(upload.c.id == id_))
        self._path(workspace_id, id_).unlink(missing_ok=True)

    def _path(self, workspace_id: str, id_: str) -> Path:
        return self._blobs.folder(workspace_id).part(id_)


def _mismatch(offset: int) -> ProblemError:
    return ProblemError(
        409, "offset-mismatch", f"The next piece has to begin at byte {offset:,}.", params={"offset": offset}
    )


def _gone() -> ProblemError:
    return ProblemError(410, "upload-gone", "This upload is not there any more: begin it anew.")
