"""Files over HTTP: looked for, read from wherever one wants, sent in one go or in pieces."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Annotated, Any, TypeAlias
from urllib.parse import quote

from litestar import Request, Response, delete, get, head, patch, post, put
from litestar.exceptions import InternalServerException
from litestar.params import FromPath, HeaderParameter, JSONBody
from litestar.types import ControllerRouterHandler

from ismsg_tui.domain.text import file_name
from ismsg_tui.domain.wire import LARGEST_PIECE, Upload, UploadRequest
from ismsg_tui.server.blobs import StoredBlob, digest_mismatch
from ismsg_tui.server.errors import ProblemError
from ismsg_tui.server.http.auth import NamedServer, ViewerRequest, signed_in
from ismsg_tui.server.http.problems import problems
from ismsg_tui.server.http.ranges import answer_file

_WRITE = 1 << 20
"""Bytes that are written at a time: what a file of any size costs in memory."""
_SHA256 = re.compile(r"[0-9a-f]{64}")

BLOB = "/v1/w/{ws:str}/blobs/{sha256:str}"
UPLOADS = "/v1/w/{ws:str}/uploads"
UPLOAD = UPLOADS + "/{upload_id:str}"

Offset: TypeAlias = Annotated[
    int, HeaderParameter(name="Upload-Offset", ge=0, le=1 << 50, description="Where the piece begins.")
]


@head(BLOB, guards=[signed_in], status_code=200, responses=problems(401, 403, 404))
async def look_for_blob(request: ViewerRequest, server: NamedServer, sha256: FromPath[str]) -> Response[None]:
    """Whether a file is there that the caller may see; it is kept for another day then."""
    found = await server.offload(server.blobs.find, request.auth, sha256)
    return Response(None, status_code=200, headers={**_kept(found), "Content-Length": str(found.size)})


@get(BLOB, guards=[signed_in], responses=problems(401, 403, 404, 416))
async def read_blob(request: ViewerRequest, server: NamedServer, sha256: FromPath[str]) -> Response[Any]:
    """The bytes of a file that the caller may see, or the one range of them that the request asks for."""
    found = await server.offload(server.blobs.find, request.auth, sha256)
    return answer_file(request, found.path, found.size, _kept(found))


@get("/v1/files/{token:str}", security=[], responses=problems(404, 416))
async def read_linked_file(request: Request[Any, Any, Any], server: NamedServer, token: FromPath[str]) -> Response[Any]:
    """The bytes of a file that was sent through a channel, by the address that the channel was given."""
    found = await server.offload(server.links.open, token)
    headers = {
        **_kept(found.blob),
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file_name(found.name), safe='')}",
        "Content-Type": found.mime if _is_media_type(found.mime) else "application/octet-stream",
        "Content-Security-Policy": "sandbox",
        "Referrer-Policy": "no-referrer",
    }
    return answer_file(request, found.blob.path, found.blob.size, headers)


@put(BLOB, guards=[signed_in], request_max_body_size=LARGEST_PIECE, responses=problems(401, 403, 413, 422, 507))
async def send_blob(request: ViewerRequest, server: NamedServer, sha256: FromPath[str]) -> Response[None]:
    """Take a file of at most 8 MiB in one go: 201 if it is new to the caller, 204 if he had it there."""
    if not _SHA256.fullmatch(sha256):
        raise digest_mismatch()
    with server.blobs.receive(request.auth.workspace_id, LARGEST_PIECE) as incoming:
        if not await _take(request, incoming.write):
            raise ProblemError(400, "cut-off", "The request ended before the file did.")
        new = await server.offload(server.blobs.keep_sent, request.auth, sha256, incoming)
    return Response(None, status_code=201 if new else 204)


@post(UPLOADS, guards=[signed_in], responses=problems(400, 401, 403, 413, 415, 422, 507))
async def begin_upload(request: ViewerRequest, server: NamedServer, data: JSONBody[UploadRequest]) -> Response[Upload]:
    """Begin to send a file in pieces."""
    made = await server.offload(server.uploads.create, request.auth, data)
    location = f"/v1/w/{request.auth.workspace_id}/uploads/{made.id}"
    return Response(made, status_code=201, headers={"Location": location, **_progress(made)})


@head(UPLOAD, guards=[signed_in], status_code=200, responses=problems(401, 403, 410))
async def look_at_upload(request: ViewerRequest, server: NamedServer, upload_id: FromPath[str]) -> Response[None]:
    """How far a file has come: where the next piece has to begin."""
    found = await server.offload(server.uploads.state, request.auth, upload_id)
    return Response(None, status_code=200, headers={"Content-Length": "0", **_progress(found)})


@patch(
    UPLOAD,
    guards=[signed_in],
    status_code=204,
    request_max_body_size=LARGEST_PIECE,
    responses=problems(400, 401, 403, 409, 410, 413, 422, 507),
)
async def send_piece(
    request: ViewerRequest, server: NamedServer, upload_id: FromPath[str], offset: Offset
) -> Response[None]:
    """Take the next piece of a file, at most 8 MiB; what has come of one that was cut off counts too."""
    piece = await server.offload(server.uploads.open, request.auth, upload_id, offset)
    try:
        whole = await _take(request, piece.write)
        reached = await server.offload(server.uploads.finish, request.auth, upload_id, piece)
    finally:
        await asyncio.to_thread(piece.close)
    if not whole:
        raise ProblemError(400, "cut-off", "The request ended before the piece did.", params={"offset": reached.offset})
    return Response(None, status_code=204, headers=_progress(reached))


@delete(UPLOAD, guards=[signed_in], responses=problems(401, 403, 410))
async def cancel_upload(request: ViewerRequest, server: NamedServer, upload_id: FromPath[str]) -> None:
    """Give up sending a file."""
    await server.offload(server.uploads.cancel, request.auth, upload_id)


async def _take(request: Request[Any, Any, Any], write: Callable[[bytes], None]) -> bool:
    """Write the body of a request as it comes; False if it was cut off, after all that came was written."""
    waiting, whole = bytearray(), True
    try:
        async for chunk in request.stream():
            waiting += chunk
            if len(waiting) >= _WRITE:
                await asyncio.to_thread(write, bytes(waiting))
                waiting.clear()
    except InternalServerException:
        whole = False
    await asyncio.to_thread(write, bytes(waiting))
    return whole


def _kept(found: StoredBlob) -> dict[str, str]:
    """What holds for the bytes of a file for ever."""
    return {
        "ETag": f'"{found.sha256}"',
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, immutable, max-age=31536000",
        "X-Content-Type-Options": "nosniff",
    }


def _progress(found: Upload) -> dict[str, str]:
    return {
        "Upload-Offset": str(found.offset),
        "Upload-Length": str(found.size),
        "Upload-Complete": "?1" if found.offset == found.size else "?0",
    }


def _is_media_type(mime: str) -> bool:
    return re.fullmatch(r"[\w.+-]+/[\w.+-]+(; ?[\w.+-]+=[\w.+-]+)*", mime, re.ASCII) is not None


handlers: list[ControllerRouterHandler] = [
    look_for_blob,
    read_blob,
    read_linked_file,
    send_blob,
    begin_upload,
    look_at_upload,
    send_piece,
    cancel_upload,
]
