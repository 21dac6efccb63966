"""What consoles pull and push: how things stand, pages of changes, commands, presence."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Annotated, TypeAlias

from litestar import Response, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, QueryParameter
from litestar.types import ControllerRouterHandler

from ismsg_tui.domain.wire import (
    LONGEST_ID,
    LONGEST_WAIT,
    MOST_ROWS,
    CommandBatch,
    Hello,
    PageBody,
    PresenceNote,
    Results,
)
from ismsg_tui.server.http.auth import NamedServer, ViewerRequest, bearer, signed_in
from ismsg_tui.server.http.problems import LARGEST_NUMBER, problems

Since: TypeAlias = Annotated[
    int,
    QueryParameter(ge=0, le=LARGEST_NUMBER, description="The revision up to which everything is known; 0 for nothing."),
]
Epoch: TypeAlias = Annotated[str, QueryParameter(max_length=LONGEST_ID, description="As hello gave it.")]
Sight: TypeAlias = Annotated[int, QueryParameter(ge=0, le=LARGEST_NUMBER, description="As hello gave it.")]
Begun: TypeAlias = Annotated[
    int,
    QueryParameter(
        ge=0,
        le=LARGEST_NUMBER,
        description="Where all rows are being taken: the newest revision of which hello told as that began.",
    ),
]
Limit: TypeAlias = Annotated[
    int, QueryParameter(ge=1, le=MOST_ROWS, description="Rows of a page, about: a revision is never split.")
]
Wait: TypeAlias = Annotated[
    float, QueryParameter(ge=0, le=LONGEST_WAIT, description="Seconds to wait for changes where there are none.")
]


@get("/v1/w/{ws:str}/hello", guards=[signed_in], responses=problems(401, 403, 404, 503))
async def hello(request: ViewerRequest, server: NamedServer) -> Hello:
    """How things stand: what a console asks first."""
    return await server.offload(server.ledger.hello, request.auth)


@get(
    "/v1/w/{ws:str}/changes",
    guards=[signed_in],
    responses={
        204: ResponseSpec(None, generate_examples=False, description="There were none for as long as was waited."),
        **problems(401, 403, 404, 410, 422, 503),
    },
)
async def changes(
    request: ViewerRequest,
    server: NamedServer,
    since: Since,
    epoch: Epoch,
    sight: Sight,
    begun: Begun = 0,
    limit: Limit = MOST_ROWS,
    wait: Wait = 0,
) -> Response[PageBody]:
    """A page of what has changed after a revision, for the user's eyes; 204 where nothing has while it was waited."""
    workspace_id = request.auth.workspace_id
    token = bearer(request)

    def look() -> PageBody:
        viewer = server.accounts.viewer(token, workspace_id)  # who waited may have lost his rights meanwhile
        return server.ledger.changes(viewer, since, epoch, sight, limit, begun)

    deadline = asyncio.get_running_loop().time() + wait
    with server.hub.watch(workspace_id) as watch:
        while True:
            watch.silence()
            page = await server.offload(look)
            left = deadline - asyncio.get_running_loop().time()
            if page.to > since or wait == 0:
                request.scope["state"]["head"] = page.head
                return Response(page)
            if server.hub.closing or left <= 0 or not await watch.wait(left):
                return Response(None, status_code=HTTPStatus.NO_CONTENT)  # type: ignore[arg-type]


@post(
    "/v1/w/{ws:str}/commands",
    status_code=HTTPStatus.OK,
    guards=[signed_in],
    responses=problems(400, 401, 403, 404, 410, 413, 415, 422, 429, 503),
)
async def commands(
    request: ViewerRequest, server: NamedServer, data: JSONBody[CommandBatch], epoch: Epoch = ""
) -> Results:
    """Carry out commands in order; answers for those that were attempted. Sending them again is safe.

    With `epoch` nothing is carried out in another history than that.
    """
    server.commands_rate.take(request.auth.device_id, len(data.commands))
    results = await server.offload(server.ledger.push, request.auth, data.commands, epoch)
    server.metrics.commands(data.commands, results.results)
    request.scope["state"]["head"] = results.head
    return results


@post(
    "/v1/w/{ws:str}/presence",
    status_code=HTTPStatus.NO_CONTENT,
    guards=[signed_in],
    responses=problems(400, 401, 403, 404, 413, 415, 422, 429, 503),
)
async def presence(request: ViewerRequest, server: NamedServer, data: JSONBody[PresenceNote]) -> None:
    """Say that the user is there, and what he looks at; forgotten after a minute unless it is said again."""
    server.presence_rate.take(request.auth.device_id)
    server.hub.note(request.auth.workspace_id, request.auth.device_id, request.auth.user_id, data)


handlers: list[ControllerRouterHandler] = [hello, changes, commands, presence]
