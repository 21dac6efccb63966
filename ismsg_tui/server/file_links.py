"""Addresses by which a channel fetches a file that goes out: nobody can guess them, and each works for a day."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable

from msgspec import Struct
from sqlalchemy import delete, select

from ismsg_tui.clock import now_ms
from ismsg_tui.domain.entities import Attachment
from ismsg_tui.server.blobs import HOUR, Blobs, StoredBlob
from ismsg_tui.server.database import Database
from ismsg_tui.server.errors import ProblemError
from ismsg_tui.server.tables import file_link

GOOD_FOR = 24 * HOUR
"""For so long, in milliseconds, an address works."""


class LinkedFile(Struct, frozen=True):
    """What an address leads to."""

    blob: StoredBlob
    name: str
    mime: str


class FileLinks:
    """The addresses that were given out; any thread may call."""

    def __init__(self, database: Database, blobs: Blobs, *, clock: Callable[[], int] = now_ms) -> None:
        self._database = database
        self._blobs = blobs
        self._clock = clock

    def create(self, workspace_id: str, attachment: Attachment) -> str:
        """The secret part of a new address of a file."""
        token = secrets.token_urlsafe(32)
        with self._database.write() as connection:
            connection.execute(
                file_link.insert().values(
                    hash=_hash(token),
                    ws=workspace_id,
                    sha256=attachment.sha256,
                    name=attachment.name,
                    mime=attachment.mime,
                    expires_at=self._clock() + GOOD_FOR,
                )
            )
        return token

    def open(self, token: str) -> LinkedFile:
        """What an address leads to. Raises ProblemError 404 for one that does not work, or not any more."""
        with self._database.read() as connection:
            found = connection.execute(
                select(file_link.c.ws, file_link.c.sha256, file_link.c.name, file_link.c.mime).where(
                    file_link.c.hash == _hash(token), file_link.c.expires_at >= self._clock()
                )
            ).one_or_none()
        if found is None:
            raise ProblemError(404, "unknown-link", "This link does not work, or does not work any more.")
        return LinkedFile(self._blobs.stored(found.ws, found.sha256), found.name, found.mime)

    def sweep(self) -> None:
        """Forget the addresses that do not work any more."""
        with self._database.write() as connection:
            connection.execute(delete(file_link).where(file_link.c.expires_at < self._clock()))


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
