"""What consoles pull and push: how things stand, pages of changes, commands, presence."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, TypeAlias

from litestar import Response, get, post
from litestar.params import Parameter
from litestar.types import ControllerRouterHandler

from ismsg_tui.domain.commands import Issued
from ismsg_tui.domain.wire import (
    LONGEST_WAIT,
    MOST_COMMANDS,
    MOST_ROWS,
    CommandBatch,
    FieldError,
    Hello,
    PageBody,
    PresenceNote,
    Results,
)
from ismsg_tui.server.http.auth import ViewerRequest, bearer, signed_in
from ismsg_tui.server.http.problems import LARGEST_NUMBER, invalid, problems
from ismsg_tui.server.server import Server

LONGEST_ID = 64

Since: TypeAlias = Annotated[
    int, Parameter(ge=0, le=LARGEST_NUMBER, description="The revision up to which everything is known; 0 for nothing.")
]
Epoch: TypeAlias = Annotated[str, Parameter(max_length=LONGEST_ID, description="As hello gave it.")]
Sight: TypeAlias = Annotated[int, Parameter(ge=0, le=LARGEST_NUMBER, description="As hello gave it.")]
Limit: TypeAlias = Annotated[
    int, Parameter(ge=1, le=MOST_ROWS, description="Rows of a page, about: a revision is never split.")
]
Wait: TypeAlias = Annotated[
    float, Parameter(ge=0, le=LONGEST_WAIT, description="Seconds to wait for changes where there are none.")
]

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@get("/v1/w/{ws:str}/hello", guards=[signed_in], responses=problems(401, 403, 404, 503))
async def hello(request: ViewerRequest, server: Server) -> Hello:
    """How things stand: what a console asks first."""
    return await server.offload(server.ledger.hello, request.auth)


@get("/v1/w/{ws:str}/changes", guards=[signed_in], responses=problems(401, 403, 404, 410, 422, 503))
async def changes(
    request: ViewerRequest,
    server: Server,
    since: Since,
    epoch: Epoch,
    sight: Sight,
    limit: Limit = MOST_ROWS,
    wait: Wait = 0,
) -> Response[PageBody]:
    """A page of what has changed after a revision, for the user's eyes; 204 where nothing has while it was waited."""
    workspace_id = request.auth.workspace_id
    token = bearer(request)

    def look() -> PageBody:
        viewer = server.accounts.viewer(token, workspace_id)  # who waited may have lost his rights meanwhile
        return server.ledger.changes(viewer, since, epoch, sight, limit)

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
    responses=problems(400, 401, 403, 404, 413, 415, 422, 429, 503),
)
async def commands(request: ViewerRequest, server: Server, data: CommandBatch) -> Results:
    """Carry out commands in order; answers for those that were attempted, which may be fewer. Sending them again is safe."""
    _check(data.commands)
    server.commands_rate.take(request.auth.device_id, len(data.commands))
    results = await server.offload(server.ledger.push, request.auth, data.commands)
    server.metrics.commands(data.commands, results.results)
    request.scope["state"]["head"] = results.head
    return results


@post(
    "/v1/w/{ws:str}/presence",
    status_code=HTTPStatus.NO_CONTENT,
    guards=[signed_in],
    responses=problems(400, 401, 403, 404, 413, 415, 422, 429, 503),
)
async def presence(request: ViewerRequest, server: Server, data: PresenceNote) -> None:
    """Say that the user is there, and what he looks at; forgotten after a minute unless it is said again."""
    if data.viewing is not None and len(data.viewing) > LONGEST_ID:
        raise invalid(FieldError("/viewing", "It is longer than an id can be."))
    server.presence_rate.take(request.auth.device_id)
    server.hub.note(request.auth.workspace_id, request.auth.device_id, request.auth.user_id, data)


def _check(issued: Sequence[Issued]) -> None:
    """What the types of the commands don't say. Raises ProblemError 422."""
    if len(issued) > MOST_COMMANDS:
        raise invalid(FieldError("/commands", f"There are {len(issued)} commands; {MOST_COMMANDS} fit into a request."))
    wrong = [
        FieldError(f"/commands/{index}/id", "It is no UUID in lower case.")
        for index, command in enumerate(issued)
        if not _UUID.fullmatch(command.id)
    ]
    if wrong:
        raise invalid(*wrong)


handlers: list[ControllerRouterHandler] = [hello, changes, commands, presence]
