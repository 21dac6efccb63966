"""The live stream: changes as they happen and who is there, as server-sent events.

A stream keeps no queue. It is rung when there may be news and then looks, so a reader that is slow costs nothing: what
he missed is one page, or a hint where that would be large.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Literal

import msgspec
from litestar import get
from litestar.openapi.datastructures import ResponseSpec
from litestar.types import ASGIApp, ControllerRouterHandler, Receive, Scope, Send
from msgspec import Struct
from msgspec.structs import replace

from ismsg_tui.domain.wire import PageBody, Presence
from ismsg_tui.server.accounts import Viewer
from ismsg_tui.server.errors import ProblemError
from ismsg_tui.server.http.auth import NamedServer, ViewerRequest, bearer, signed_in
from ismsg_tui.server.http.problems import problems
from ismsg_tui.server.http.sync import Begun, Epoch, Sight, Since
from ismsg_tui.server.hub import Watch
from ismsg_tui.server.limits import Place
from ismsg_tui.server.server import Server

MEDIA_TYPE = "text/event-stream"
LARGEST_EVENT = 64 << 10
"""Bytes of the largest page that travels in an event."""
LOOK_EVERY = 0.05
"""Seconds that lie between two looks at least: what happens in a burst is looked at together."""
MOST_ROWS = 500
"""Rows of the largest page that travels in an event, about."""

_HEADERS = (
    (b"content-type", f"{MEDIA_TYPE}; charset=utf-8".encode()),
    (b"x-accel-buffering", b"no"),  # a proxy that gathered events would make them late
)
_ALIVE = b":\n\n"


class Event(Struct, frozen=True):
    """One event of a stream."""

    event: Literal["changes", "head", "presence", "bye"]
    data: str
    """JSON: a PageBody, a Head, a list of Presence, or a Bye."""
    id: str = ""
    """The revision up to which everything is known after it."""


class Head(Struct, frozen=True):
    """An event: there are changes up to a revision, to be fetched as pages."""

    to: int


class Bye(Struct, frozen=True):
    """The last event of a stream."""

    reason: str
    """`restart`, `life` (of a stream is over: come back), `replaced` by a newer one, or the code of a problem."""


class _Stream:
    """One live stream, as an ASGI application."""

    def __init__(
        self, server: Server, viewer: Viewer, token: str, since: int, epoch: str, sight: int, begun: int
    ) -> None:
        self._server = server
        self._workspace_id = viewer.workspace_id
        self._device_id = viewer.device_id
        self._token = token
        self._cursor = since
        self._epoch = epoch
        self._sight = sight
        self._begun = begun
        self._present: list[Presence] | None = None

    async def look(self) -> bytes:
        """The events since the last look. Raises ProblemError."""
        page, present = await self._server.offload(self._read, self._server.hub.around(self._workspace_id))
        events = b""
        body = msgspec.json.encode(page)
        if page.more or len(body) > LARGEST_EVENT:
            events += _event("head", msgspec.json.encode(Head(page.head)), page.head)
            self._cursor = page.head
        elif page.to > self._cursor:
            events += _event("changes", body, page.to)
            self._cursor = page.to
        if present != self._present:
            events += _event("presence", msgspec.json.encode(present))
            self._present = present
        return events

    def _read(self, around: list[Presence]) -> tuple[PageBody, list[Presence]]:
        accounts, ledger = self._server.accounts, self._server.ledger
        viewer = accounts.viewer(self._token, self._workspace_id)  # rights may have changed since the last look
        page = ledger.changes(viewer, self._cursor, self._epoch, self._sight, MOST_ROWS, self._begun)
        others = [other for other in around if other.user_id != viewer.user_id]
        seen = ledger.in_sight(viewer, {other.viewing for other in others if other.viewing is not None})
        return page, [
            other if other.viewing is None or other.viewing in seen else replace(other, viewing=None, typing=False)
            for other in others
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        """Talk until the reader goes or the stream has to end."""
        talking = asyncio.create_task(self._talk(send))
        listening = asyncio.create_task(_until_gone(receive))
        try:
            with self._server.metrics.streams.track_inprogress():
                await asyncio.wait((talking, listening), return_when=asyncio.FIRST_COMPLETED)
        finally:
            listening.cancel()
            talking.cancel()
            await asyncio.wait((talking, listening))
        if not talking.cancelled():
            talking.result()

    async def _talk(self, send: Send) -> None:
        hub, settings = self._server.hub, self._server.settings
        ends = time.monotonic() + settings.stream_life
        await send({"type": "http.response.start", "status": 200, "headers": list(_HEADERS)})
        # A reader who takes nothing is not told why he is left.
        with (
            hub.watch(self._workspace_id) as watch,
            self._server.places.enter(self._device_id, watch.ring) as place,
            suppress(TimeoutError),
        ):
            while True:
                looked = time.monotonic()
                reason = await self._news(watch, send) or self._end(place, ends)
                if reason:
                    await self._write(send, _event("bye", msgspec.json.encode(Bye(reason))), last=True)
                    return
                if not await watch.wait(min(settings.keepalive, max(0.0, ends - time.monotonic()))):
                    await self._write(send, _ALIVE)
                await asyncio.sleep(looked + LOOK_EVERY - time.monotonic())

    async def _news(self, watch: Watch, send: Send) -> str:
        """Write what is new; returns why the stream has to end, if so."""
        watch.silence()
        try:
            events = await self.look()
        except ProblemError as error:
            if error.status != 503:
                return error.code
            await asyncio.sleep(error.retry_after)
            watch.ring()
            return ""
        if events:
            await self._write(send, events)
        return ""

    def _end(self, place: Place, ends: float) -> str:
        if self._server.hub.closing:
            return "restart"
        if place.taken:
            return "replaced"
        return "life" if time.monotonic() >= ends else ""

    async def _write(self, send: Send, data: bytes, *, last: bool = False) -> None:
        """Raises TimeoutError where the reader takes nothing."""
        async with asyncio.timeout(self._server.settings.stall):
            await send({"type": "http.response.body", "body": data, "more_body": not last})


@get(
    "/v1/w/{ws:str}/live",
    guards=[signed_in],
    responses={
        200: ResponseSpec(Event, generate_examples=False, media_type=MEDIA_TYPE, description="Server-sent events."),
        **problems(401, 403, 404, 410, 422, 503),
    },
)
async def live(
    request: ViewerRequest, server: NamedServer, since: Since, epoch: Epoch, sight: Sight, begun: Begun = 0
) -> ASGIApp:
    """Changes as they happen, as server-sent events.

    `changes` is a page that goes on from the one before; `head` says up to which revision there is more than fits into
    an event; `presence` is a list of all teammates who are there; `bye` is the last event and says why.
    """
    stream = _Stream(server, request.auth, bearer(request), since, epoch, sight, begun)
    # A wrong cursor is told at once.
    await server.offload(server.ledger.changes, request.auth, since, epoch, sight, 1, begun)
    return stream


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _event(name: str, data: bytes, cursor: int | None = None) -> bytes:
    place = b"" if cursor is None else b"id: %d\n" % cursor
    return b"event: %b\n%bdata: %b\n\n" % (name.encode(), place, data)


handlers: list[ControllerRouterHandler] = [live]
