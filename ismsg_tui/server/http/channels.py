"""Where channels post what contacts write. The bearer token is the channel's own."""

from __future__ import annotations

from typing import Any

from litestar import Request, post
from litestar.types import ControllerRouterHandler

from ismsg_tui.server.http.auth import NamedServer, bearer
from ismsg_tui.server.http.problems import problems


@post(
    "/custom/channel/webhook/", status_code=200, security=[{"token": []}], responses=problems(400, 401, 413, 422, 503)
)
async def receive_from_channel(request: Request[Any, Any, Any], server: NamedServer) -> dict[str, str]:
    """Messages, echoes and receipts of a custom channel, as docs/channels.md describes them."""
    account = await server.offload(server.channels.registry.by_token, bearer(request))
    await server.offload(server.channels.reception.take, account, await request.body())
    return {"status": "ok"}


handlers: list[ControllerRouterHandler] = [receive_from_channel]
