"""The bytes of files to a server and back, each going on where an earlier attempt was cut off."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO

import httpx

from ismsg_tui.domain.wire import LARGEST_PIECE, Upload, UploadRequest
from ismsg_tui.files.handling import CHUNK, Cancelled, FileCancelledError, FileError, Progress, open_file
from ismsg_tui.sync.authority import ClientError, UnreachableError
from ismsg_tui.sync.http import Http, ProblemError, Reply, decoded, json_body, problem_of, translated

PIECE = 4 << 20
"""Bytes of one piece of a large file: what is sent again at most where a line is cut."""
MOST_CORRECTIONS = 5
"""So often the server may say in a row, without taking a byte, that a piece has to begin elsewhere."""

_NEVER = frozenset(
    {HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.INSUFFICIENT_STORAGE}
)
"""Answers after which it is no use to send the same file again."""


class RemoteFiles:
    """The files of a workspace on a server; any thread may call, for one file only one at a time."""

    def __init__(self, http: Http, path: str, notes: Path) -> None:
        """`path` is that of the workspace; in the folder `notes` is kept which uploads are under way."""
        self._http = http
        self._path = path
        self._notes = notes

    def has(self, sha256: str) -> bool:
        """Whether the server has a file."""
        reply = self._http.ask("HEAD", self._blob(sha256), fine=frozenset({404}))
        return reply.status == HTTPStatus.OK

    def put(self, sha256: str, path: Path, progress: Progress, cancelled: Cancelled) -> None:
        """Send a file. Raises FileError for one that is never taken, FileCancelledError."""
        size = path.stat().st_size
        try:
            if size <= LARGEST_PIECE:
                self._send_whole(sha256, path, size, progress, cancelled)
            else:
                self._send_in_pieces(sha256, path, size, progress, cancelled)
        except ProblemError as error:
            if error.problem.status in _NEVER:
                self._note(sha256).unlink(missing_ok=True)
                raise FileError(str(error)) from error
            raise

    def get(self, sha256: str, to: Path, progress: Progress, cancelled: Cancelled) -> None:
        """Fetch a file behind what lies at `to`. Raises FileError where it is not to be had, FileCancelledError."""
        there = to.stat().st_size if to.exists() else 0
        headers = {"Accept-Encoding": "identity"}
        if there:
            headers |= {"Range": f"bytes={there}-", "If-Range": f'"{sha256}"'}
        with self._http.stream("GET", self._blob(sha256), headers=headers) as response:
            match response.status_code:
                case HTTPStatus.OK:
                    there, total = 0, number_of(response.headers.get("content-length", ""))
                case HTTPStatus.PARTIAL_CONTENT:
                    total = end_of(response, there)
                case HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                    return  # there is no more of it; who asked checks what there is
                case HTTPStatus.NOT_FOUND | HTTPStatus.GONE:
                    raise FileError("The file is not to be had any more.")
                case _:
                    raise self._http.error(response)
            with to.open("ab" if there else "wb") as file:
                take_bytes(response, file, there, total, progress, cancelled)

    # Sending

    def _send_whole(self, sha256: str, path: Path, size: int, progress: Progress, cancelled: Cancelled) -> None:
        def pieces() -> Iterator[bytes]:
            with open_file(path) as file:
                yield from _pieces(file, 0, size, size, progress, cancelled)

        self._http.ask("PUT", self._blob(sha256), content=pieces, headers={"Content-Length": str(size)})

    def _send_in_pieces(self, sha256: str, path: Path, size: int, progress: Progress, cancelled: Cancelled) -> None:
        upload = self._upload(sha256, size)
        offset, corrections = upload.offset, 0
        while offset < size:
            if cancelled():
                raise FileCancelledError("Stopped.")
            reached = self._send_piece(upload.id, path, offset, size, progress, cancelled)
            corrections = 0 if reached > offset else corrections + 1
            if corrections > MOST_CORRECTIONS:
                raise ClientError("The server and this ismsg do not agree how much of a file has come.")
            offset = reached
        self._note(sha256).unlink(missing_ok=True)

    def _upload(self, sha256: str, size: int) -> Upload:
        """The upload under way, as far as the server has it, or a new one."""
        note = self._note(sha256)
        with suppress(OSError, UnicodeDecodeError):
            id_ = note.read_text(encoding="ascii")
            reply = self._http.ask("HEAD", f"{self._path}/uploads/{id_}", fine=frozenset({404, 410}))
            if reply.status < HTTPStatus.BAD_REQUEST:
                return Upload(id_, _offset(reply, size), size)
        made = decoded(
            self._http.ask("POST", f"{self._path}/uploads", **json_body(UploadRequest(sha256, size))).body, Upload
        )
        if not made.id.isascii() or not made.id.replace("-", "").isalnum() or not 0 <= made.offset <= size:
            raise ClientError("The server's answer can't be understood: is it an ismsg server?")
        note.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        note.write_text(made.id, encoding="ascii")
        return made

    def _send_piece(
        self, id_: str, path: Path, offset: int, size: int, progress: Progress, cancelled: Cancelled
    ) -> int:
        """Send the next piece; returns how far the server has the file, which may be elsewhere than was thought."""
        length = min(PIECE, size - offset)

        def pieces() -> Iterator[bytes]:
            with open_file(path) as file:
                file.seek(offset)
                yield from _pieces(file, offset, length, size, progress, cancelled)

        reply = self._http.ask(
            "PATCH",
            f"{self._path}/uploads/{id_}",
            content=pieces,
            headers={
                "Upload-Offset": str(offset),
                "Content-Length": str(length),
                "Content-Type": "application/offset+octet-stream",
            },
            fine=frozenset({HTTPStatus.CONFLICT, HTTPStatus.GONE, HTTPStatus.LOCKED}),
        )
        match reply.status:
            case HTTPStatus.GONE:
                raise UnreachableError("The server has forgotten a half-sent file: it is sent anew.")
            case HTTPStatus.LOCKED:
                raise UnreachableError("The server still holds an earlier attempt to send a file.")
            case HTTPStatus.CONFLICT:
                problem = problem_of(reply)
                reached = problem.params.get("offset") if problem else None
                if not isinstance(reached, int) or not 0 <= reached <= size:
                    raise ClientError("The server does not say where a file is to be gone on with.")
                return reached
        return _offset(reply, size)

    def _blob(self, sha256: str) -> str:
        return f"{self._path}/blobs/{sha256}"

    def _note(self, sha256: str) -> Path:
        return self._notes / sha256


def _pieces(
    file: BinaryIO, offset: int, length: int, size: int, progress: Progress, cancelled: Cancelled
) -> Iterator[bytes]:
    """The bytes of a part of a file from where it stands. Raises FileError, FileCancelledError."""
    left = length
    while left:
        if cancelled():
            raise FileCancelledError("Stopped.")
        piece = file.read(min(CHUNK, left))
        if not piece:
            raise FileError("The file has become shorter: take the message back and attach it again.")
        left -= len(piece)
        yield piece
        progress(offset + length - left, size)


def take_bytes(
    response: httpx.Response, file: BinaryIO, there: int, total: int, progress: Progress, cancelled: Cancelled
) -> None:
    """Write an answer behind the bytes that are there. Raises UnreachableError where it breaks off, ClientError."""
    done = there
    with translated():
        for piece in response.iter_raw():  # as it comes: what has come of a file that is cut off is kept
            if cancelled():
                raise FileCancelledError("Stopped.")
            done += len(piece)
            if done > total:
                raise ClientError("The server sends more of a file than there is of it.")
            file.write(piece)
            progress(done, total)
    if done < total:
        raise UnreachableError("The connection to the server broke off.")


def end_of(response: httpx.Response, there: int) -> int:
    """The size of a file of which a part comes. Raises ClientError for another part than was asked for."""
    span, _, size = response.headers.get("content-range", "").partition("/")
    total = number_of(size)
    if span != f"bytes {there}-{total - 1}":
        raise ClientError("The server sends another part of a file than was asked for.")
    return total


def _offset(reply: Reply, size: int) -> int:
    offset = number_of(reply.headers.get("upload-offset", ""))
    if offset > size:
        raise ClientError("The server has more of a file than there is of it.")
    return offset


def number_of(text: str) -> int:
    """A number in a header. Raises ClientError for what is none."""
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise ClientError("The server does not say how large a file is.")
    return int(text)
