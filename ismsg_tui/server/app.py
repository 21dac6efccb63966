"""The server as an ASGI application: its handlers, what surrounds them, and what begins and ends with it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import chain

from litestar import Litestar
from litestar.datastructures import State
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.types import ControllerRouterHandler

from ismsg_tui.domain.wire import LARGEST_BODY
from ismsg_tui.server.errors import ProblemError
from ismsg_tui.server.http import blobs, channels, live, ops, sessions, snapshots, sync
from ismsg_tui.server.http.observing import Observed
from ismsg_tui.server.http.openapi import description, name_tokens
from ismsg_tui.server.http.problems import StrictRequest, answer_problem
from ismsg_tui.server.server import Server, ServerSettings

__all__ = ["Server", "ServerSettings", "create_app"]

log = logging.getLogger(__name__)

_TOPICS = (ops, sessions, sync, snapshots, live, blobs, channels)


def create_app(server: Server) -> Litestar:
    """The application of a server; its event loop is the one that the server's hub lives on."""
    handlers: list[ControllerRouterHandler] = list(chain.from_iterable(topic.handlers for topic in _TOPICS))
    name_tokens(handlers)

    @asynccontextmanager
    async def running(_app: Litestar) -> AsyncIterator[None]:
        try:
            server.hub.start()
            await server.offload(server.start)
        except Exception:
            log.exception("the server could not start")
            raise
        try:
            yield
        finally:
            await server.offload(server.stop)
            await server.hub.stop()

    app = Litestar(
        handlers,
        dependencies={"server": Provide(lambda: server, sync_to_thread=False, use_cache=True)},
        exception_handlers={
            ProblemError: answer_problem,
            HTTPException: answer_problem,
            Exception: answer_problem,
        },
        lifespan=[running],
        logging_config=None,
        openapi_config=description(),
        request_class=StrictRequest,
        request_max_body_size=LARGEST_BODY,
        state=State({"server": server}),
    )
    app.asgi_handler = Observed(app.asgi_handler, server.metrics)
    return app
