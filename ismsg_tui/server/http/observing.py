"""What happens around every request: its id, the headers of every answer, the journal and the numbers."""

from __future__ import annotations

import logging
import secrets
import time
from typing import TYPE_CHECKING

from litestar.datastructures import MutableScopeHeaders
from litestar.enums import ScopeType

from ismsg_tui.server.journal import REQUESTS
from ismsg_tui.server.metrics import Metrics

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Message, Receive, Scope, Send

    from ismsg_tui.server.accounts import Viewer

log = logging.getLogger(__name__)
requests = logging.getLogger(REQUESTS)

_QUIET = frozenset({"/healthz", "/readyz", "/metrics"})
"""What machines ask all day: only worth a line where it failed."""
UNKNOWN = "unknown"
"""The route of a request for something that is not there."""


class Observed:
    """Wraps the application."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request as ASGI has it."""
        started = time.perf_counter()
        state = scope["state"]
        state["request_id"] = f"req_{secrets.token_hex(8)}"
        status = 0

        async def send_observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _dress(MutableScopeHeaders.from_message(message), state)
            await send(message)

        try:
            await self._app(scope, receive, send_observed)
        except Exception:
            log.exception("an answer broke off", extra={"fields": {"request": state["request_id"]}})
            raise
        finally:
            self._note(scope, status, time.perf_counter() - started)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        if scope["type"] != ScopeType.HTTP:
            return
        route = str(scope.get("path_template") or UNKNOWN)
        method = scope["method"] if route != UNKNOWN else UNKNOWN  # clients may make up as many as they like
        self._metrics.request(method, route, status, seconds)
        if route in _QUIET and status < 400:
            return
        viewer: Viewer | None = scope["state"].get("viewer")
        fields = {
            "method": method,
            "path": route,
            "status": status,
            "ms": round(seconds * 1000, 1),
            "request": scope["state"]["request_id"],
            "device": viewer.device_id if viewer else "",
        }
        requests.info("request", extra={"fields": fields})


def _dress(headers: MutableScopeHeaders, state: dict[str, object]) -> None:
    headers["Request-Id"] = str(state["request_id"])
    headers["X-Content-Type-Options"] = "nosniff"
    headers.setdefault("Cache-Control", "no-store")
    if "epoch" in state:
        headers["Ismsg-Epoch"] = str(state["epoch"])
        headers["Ismsg-Head"] = str(state["head"])
