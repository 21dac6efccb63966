"""What operators and newcomers ask: where the API is, whether the server is well, and its numbers."""

from __future__ import annotations

from litestar import Response, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.types import ControllerRouterHandler
from msgspec import Struct
from sqlalchemy import text

from ismsg_tui.server.errors import ProblemError
from ismsg_tui.server.http.auth import NamedServer
from ismsg_tui.server.http.problems import problems
from ismsg_tui.server.metrics import CONTENT_TYPE


class Discovery(Struct, frozen=True):
    """What a client has to know before it can begin."""

    base: str = "/v1"
    """What the paths of the API begin with."""
    api: tuple[int, ...] = (1,)
    """The versions that are spoken."""
    auth: tuple[str, ...] = ("password",)
    """The ways to sign in."""


class Health(Struct, frozen=True):
    """That the server is well."""

    ok: bool = True


@get("/.well-known/ismsg")
async def discover() -> Discovery:
    """Where the API is and what it speaks."""
    return Discovery()


@get("/healthz")
async def alive() -> Health:
    """Whether this process answers."""
    return Health()


@get("/readyz", responses=problems(503))
async def ready(server: NamedServer) -> Health:
    """Whether this process can do its work: the database answers, and it is not about to end."""
    if server.hub.closing:
        raise ProblemError(503, "closing", "This process is about to end.", retry_after=1)

    def ask() -> None:
        with server.database.read() as connection:
            connection.execute(text("SELECT 1"))

    await server.offload(ask)
    return Health()


@get(
    "/metrics",
    responses={
        200: ResponseSpec(str, generate_examples=False, media_type="text/plain", description="As Prometheus reads.")
    },
)
async def metrics(server: NamedServer) -> Response[bytes]:
    """The numbers of this server."""
    return Response(server.metrics.text(), headers={"Content-Type": CONTENT_TYPE})


handlers: list[ControllerRouterHandler] = [discover, alive, ready, metrics]
