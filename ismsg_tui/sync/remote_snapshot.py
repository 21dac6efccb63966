"""All rows of a workspace as one file from a server, gone on with where an earlier attempt was cut off."""

from __future__ import annotations

import base64
import binascii
import re
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path

import httpx
import msgspec
from msgspec import Struct

from ismsg_tui.domain.packing import unpack
from ismsg_tui.files.handling import Cancelled, FileError, Progress, sha256_of
from ismsg_tui.sync.authority import ClientError, Snapshot, SnapshotLaterError, UnreachableError
from ismsg_tui.sync.http import Http, ProblemError, retry_after
from ismsg_tui.sync.remote_files import end_of, number_of, take_bytes

WORTH = 1 << 16
"""Bytes that an attempt has to bring for the next one to be made at once."""
SHORTEST_WAIT = 1.0

_DIGEST = re.compile(r"sha-256=:([A-Za-z0-9+/=]{44}):")


class _Note(Struct, frozen=True):
    """Kept beside a part of a snapshot: what it is a part of."""

    etag: str
    sha256: str
    snapshot: Snapshot


def fetch_snapshot(http: Http, path: str, to: Path, schema: int, progress: Progress, cancelled: Cancelled) -> Snapshot:
    """Fetch a snapshot behind what lies at `to`; returns what it is, its bytes having been checked.

    Goes on by itself as long as each attempt brings something. Raises FileError where there is none to be had or it is
    not what it says, SnapshotLaterError, FileCancelledError.
    """
    while True:
        before = _size(to)
        try:
            note = _attempt(http, path, to, schema, progress, cancelled)
        except UnreachableError:
            if _size(to) < before + WORTH:
                raise
        except ProblemError as error:
            raise FileError(str(error)) from error
        else:
            break
    if sha256_of(to).sha256 != note.sha256:
        forget_part(to)
        raise FileError("The snapshot has come with other bytes than it was sent with.")
    return note.snapshot


def forget_part(to: Path) -> None:
    """Remove what was fetched."""
    for left in (to, _note_of(to)):
        left.unlink(missing_ok=True)


def _attempt(http: Http, path: str, to: Path, schema: int, progress: Progress, cancelled: Cancelled) -> _Note:
    note, there = _read_note(to), _size(to)
    headers = {"Accept-Encoding": "identity"}
    if note is not None and there:
        headers |= {"Range": f"bytes={there}-", "If-Range": note.etag}
    with http.stream("GET", path, params={"schema": schema}, headers=headers) as response:
        match response.status_code:
            case HTTPStatus.OK:
                note, there, total = _described(response), 0, number_of(response.headers.get("content-length", ""))
                forget_part(to)
                _note_of(to).write_bytes(msgspec.json.encode(note))
                to.touch(mode=0o600)
            case HTTPStatus.PARTIAL_CONTENT if note is not None:
                total = end_of(response, there)
                if response.headers.get("etag") != note.etag:
                    raise ClientError("The server sends a part of another snapshot than was asked for.")
            case HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE if note is not None:
                return note  # there is no more of it
            case HTTPStatus.ACCEPTED:
                patience = retry_after(response.headers.get("retry-after", ""))
                raise SnapshotLaterError(max(patience, SHORTEST_WAIT))
            case _:
                raise http.error(response)
        with to.open("ab" if there else "wb") as file:
            take_bytes(response, file, there, total, progress, cancelled)
    return note


def _described(response: httpx.Response) -> _Note:
    """What an answer says of the snapshot that it brings. Raises FileError where that is not enough."""
    headers = response.headers
    etag, epoch = headers.get("etag", ""), headers.get("ismsg-snapshot-epoch", "")
    match = _DIGEST.fullmatch(headers.get("repr-digest", ""))
    digest = b""
    with suppress(binascii.Error):
        digest = base64.b64decode(match[1], validate=True) if match else b""
    if len(digest) != 32 or not etag.startswith('"') or not epoch:
        raise FileError("The server does not say what snapshot it sends.")
    return _Note(etag, digest.hex(), Snapshot(epoch, number_of(headers.get("ismsg-snapshot-revision", ""))))


def _read_note(to: Path) -> _Note | None:
    with suppress(OSError, msgspec.DecodeError, UnicodeDecodeError):
        return unpack(_note_of(to).read_bytes(), _Note)
    return None


def _note_of(to: Path) -> Path:
    return to.with_name(f"{to.name}.json")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
