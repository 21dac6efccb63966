"""Clearing away the bytes of files that nothing refers to any more."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from ismsg_tui.store.blobs import SCOPE
from ismsg_tui.store.connection import Connection
from ismsg_tui.store.outbox import FILES
from ismsg_tui.store.replica import read_replica
from ismsg_tui.store.store import Store

KEPT = 24 * 3600
"""Seconds for which a blob is kept that nothing refers to: it may be about to go into a draft."""

_FILES_IN = (
    ("message", "attachments", "attachments <> '[]'"),
    ("snippet", "attachments", "attachments <> '[]'"),
    ("draft", "attachments", "attachments <> '[]'"),
    ("outbox", FILES, "1"),
    ("confirmed", FILES, "1"),
    ("outbox_image", "coalesce(json_extract(image, '$.attachments'), '[]')", "tbl IN ('message', 'snippet')"),
)
"""Every table that refers to files: its name, the list of files of a row, which rows have one."""
_USED = " UNION ".join(
    f"SELECT coalesce(json_extract(file.value, '$.sha256'), '') FROM {table} JOIN json_each({files}) AS file "
    f"WHERE {rows}"
    for table, files, rows in _FILES_IN
)


def clear_unused(store: Store, now: float) -> int:
    """Delete the blobs that nothing refers to and that are older than a day at `now`, in seconds; returns how many.

    Takes long. While the store is being filled anew nothing is deleted: what refers to a file may be still to come.
    """
    replica = read_replica(store.reader)
    if replica.rebuilding or replica.sweeping:
        return 0
    folder = store.blobs.folder
    old = _unused(store.reader, folder.settled_before(now - KEPT))
    gone: list[str] = []

    def clear(writer: Connection) -> set[str]:
        gone.extend(sha256 for sha256 in _unused(writer, old) if folder.remove(sha256, now - KEPT))
        writer.execute("DELETE FROM blob WHERE sha256 IN (SELECT value FROM json_each(?))", (_packed(gone),))
        return {SCOPE + sha256 for sha256 in gone}

    if old:
        store.change(clear)
    return len(gone)


def _unused(connection: Connection, sha256s: Iterable[str]) -> list[str]:
    """Those of the blobs that no row refers to."""
    wanted = _packed(sorted(sha256s))
    rows = connection.execute(f"SELECT value FROM json_each(?) WHERE value NOT IN ({_USED})", (wanted,))
    return [row["value"] for row in rows]


def _packed(sha256s: list[str]) -> str:
    return msgspec.json.encode(sha256s).decode()
