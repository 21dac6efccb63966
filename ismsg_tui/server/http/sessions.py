"""Signing in and out, and new tokens for old."""

from __future__ import annotations

from http import HTTPStatus

from litestar import Request, delete, post
from litestar.datastructures import State
from litestar.params import JSONBody
from litestar.types import ControllerRouterHandler

from ismsg_tui.domain.wire import Refresh, Session, SignIn
from ismsg_tui.server.http.auth import NamedServer, ViewerRequest, has_device
from ismsg_tui.server.http.problems import problems

Asking = Request[None, None, State]


@post("/v1/session", status_code=201, responses=problems(400, 401, 403, 409, 413, 415, 422, 429, 503))
async def sign_in(request: Asking, server: NamedServer, data: JSONBody[SignIn]) -> Session:
    """Sign in with e-mail and password: makes a device and its tokens."""
    address = _address(request)
    who = (address, data.email.strip().casefold())
    with server.address_rate.failures(address), server.sign_in_rate.failures(who):
        return await server.password_threads.run(server.accounts.sign_in, data)


@post("/v1/session/refresh", status_code=200, responses=problems(400, 401, 403, 413, 415, 422, 429, 503))
async def refresh(request: Asking, server: NamedServer, data: JSONBody[Refresh]) -> Session:
    """Exchange the refresh token for a new pair of tokens; the old one is good once more for a minute."""
    with server.address_rate.failures(_address(request)):
        return await server.offload(server.accounts.refresh, data.refresh)


@delete("/v1/session", status_code=HTTPStatus.NO_CONTENT, guards=[has_device], responses=problems(401, 403, 503))
async def sign_out(request: ViewerRequest, server: NamedServer) -> None:
    """Sign out: the tokens of this device are good for nothing any more."""
    await server.offload(server.accounts.sign_out, request.auth.device_id)
    server.hub.leave(request.auth.device_id)


def _address(request: Asking) -> str:
    return request.client.host if request.client else ""


handlers: list[ControllerRouterHandler] = [sign_in, refresh, sign_out]
