"""Answering with a file, or with the one range of it that a request asks for."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from litestar import Request, Response
from litestar.response import Stream

from ismsg_tui.server.errors import ProblemError

_READ = 1 << 18
"""Bytes that are read at a time: what a file of any size costs in memory."""
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_OCTETS = "application/octet-stream"


def answer_file(request: Request[Any, Any, Any], path: Path, size: int, headers: dict[str, str]) -> Response[Any]:
    """A file, the wanted range of it, or that the caller has it already; `headers` names its `ETag`.

    Raises ProblemError 416 for a range beyond the end.
    """
    etag = headers["ETag"]
    if etag in [tag.strip() for tag in request.headers.get("if-none-match", "").split(",")]:
        return Response(None, status_code=304, headers=headers)
    wanted = request.headers.get("range", "") if request.headers.get("if-range", etag) == etag else ""
    span = _span(wanted, size)
    headers["Content-Length"] = str(span.stop - span.start)
    if span != range(size):
        headers["Content-Range"] = f"bytes {span.start}-{span.stop - 1}/{size}"
        return Stream(_bytes(path, span), status_code=206, headers=headers, media_type=_OCTETS)
    return Stream(_bytes(path, span), status_code=200, headers=headers, media_type=_OCTETS)


def _span(wanted: str, size: int) -> range:
    """The bytes that a header `Range` asks for; all of them where it is none that we understand."""
    match = _RANGE.fullmatch(wanted.replace(" ", ""))
    if match is None or not (match[1] or match[2]):
        return range(size)
    if not match[1]:
        start, stop = max(0, size - int(match[2])), size
    else:
        start, stop = int(match[1]), min(size, int(match[2]) + 1) if match[2] else size
        if match[2] and int(match[2]) < start:
            return range(size)
    if start >= stop:
        raise ProblemError(
            416,
            "range",
            f"The file has {size:,} bytes.",
            params={"size": size},
            headers={"Content-Range": f"bytes */{size}"},
        )
    return range(start, stop)


async def _bytes(path: Path, span: range) -> AsyncIterator[bytes]:
    file = await asyncio.to_thread(path.open, "rb")
    try:
        await asyncio.to_thread(file.seek, span.start)
        left = len(span)
        while left and (piece := await asyncio.to_thread(file.read, min(_READ, left))):
            left -= len(piece)
            yield piece
    finally:
        file.close()
