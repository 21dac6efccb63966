"""All rows at once, for a console that begins: a packed file, read from wherever one wants."""

from __future__ import annotations

import base64
from http import HTTPStatus
from typing import Annotated, Any, TypeAlias

from litestar import Response, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import QueryParameter
from litestar.types import ControllerRouterHandler

from ismsg_tui.server.http.auth import NamedServer, ViewerRequest, signed_in
from ismsg_tui.server.http.problems import LARGEST_NUMBER, problems
from ismsg_tui.server.http.ranges import answer_file
from ismsg_tui.server.snapshots import RETRY, Snapshot

Schema: TypeAlias = Annotated[
    int, QueryParameter(ge=1, le=LARGEST_NUMBER, description="The version of what the console keeps.")
]


@get(
    "/v1/w/{ws:str}/snapshot",
    guards=[signed_in],
    responses={
        202: ResponseSpec(None, generate_examples=False, description="It is being made: ask again after Retry-After."),
        **problems(401, 403, 404, 406, 416, 422, 503),
    },
)
async def snapshot(request: ViewerRequest, server: NamedServer, schema: Schema) -> Response[Any]:
    """All rows as of one revision: an SQLite file, gzipped, or the one range of it that the request asks for.

    There is one for those only who see every contact; everybody can take pages instead.
    """
    held = request.headers.get("if-range", "").strip('"')
    found = await server.offload(server.snapshots.find, request.auth, schema, held)
    if found is None:
        return Response(None, status_code=HTTPStatus.ACCEPTED, headers={"Retry-After": str(RETRY)})
    return answer_file(request, found.path, found.size, _headers(found))


def _headers(found: Snapshot) -> dict[str, str]:
    digest = base64.b64encode(bytes.fromhex(found.sha256)).decode()
    return {
        "ETag": f'"{found.sha256}"',
        "Accept-Ranges": "bytes",
        "Repr-Digest": f"sha-256=:{digest}:",
        "Ismsg-Snapshot-Epoch": found.epoch,
        "Ismsg-Snapshot-Revision": str(found.revision),
        "Ismsg-Snapshot-Schema": str(found.schema),
    }


handlers: list[ControllerRouterHandler] = [snapshot]
