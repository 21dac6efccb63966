"""Who asks: the bearer token of a request, which nothing but the header `Authorization` may carry."""

from __future__ import annotations

from typing import Any, TypeAlias

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.handlers.base import BaseRouteHandler

from ismsg_tui.domain.wire import LONGEST_TOKEN
from ismsg_tui.server.accounts import Viewer
from ismsg_tui.server.errors import ProblemError
from ismsg_tui.server.server import Server

ViewerRequest: TypeAlias = Request[None, Viewer, State]
"""A request behind one of the guards below: its `auth` is who asks."""
NamedServer: TypeAlias = NamedDependency[Server]
"""What every handler gets as `server`."""
Connection: TypeAlias = ASGIConnection[Any, Any, Any, Any]


async def signed_in(connection: Connection, _handler: BaseRouteHandler) -> None:
    """A guard: lets those pass who are signed in to the workspace that the path names.

    Raises ProblemError 401, 403 or 404.
    """
    workspace_id = str(connection.path_params["ws"])
    if not workspace_id.isprintable():
        raise ProblemError(404, "unknown-workspace", "There is no such workspace.")
    viewer = await _find(connection, workspace_id)
    connection.scope["state"].update(epoch=viewer.epoch, head=viewer.head)


async def has_device(connection: Connection, _handler: BaseRouteHandler) -> None:
    """A guard: lets those pass who are signed in to whatever workspace. Raises ProblemError 401 or 403."""
    await _find(connection, None)


def bearer(connection: Connection) -> str:
    """The token of a request. Raises ProblemError 401 where there is none."""
    kind, _, token = connection.headers.get("authorization", "").partition(" ")
    token = token.strip()
    if kind.lower() != "bearer" or not token or len(token) > LONGEST_TOKEN:
        raise ProblemError(401, "token-invalid", "Sign in: the request carries no token, or one that can't be.")
    return token


async def _find(connection: Connection, workspace_id: str | None) -> Viewer:
    server: Server = connection.app.state.server
    viewer = await server.offload(server.accounts.viewer, bearer(connection), workspace_id)
    connection.scope["auth"] = viewer
    connection.scope["state"]["viewer"] = viewer
    return viewer
