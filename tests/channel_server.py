"""A custom channel for tests: a real server on the loopback interface that takes messages, posts events, has files."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import msgspec
from msgspec import Struct

from ismsg_tui.clock import new_id
from ismsg_tui.server.channels.adapter import Account
from tests.desk_server import Desk

AT = 1_800_000_000_000


class Posted(Struct, frozen=True):
    """What the channel was sent."""

    path: str
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> dict[str, Any]:
        """The body."""
        return msgspec.json.decode(self.raw, type=dict[str, Any])


class Answer(Struct, frozen=True):
    """What it answers."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = {}


def accepted(posted: Posted) -> Answer:
    """Take a message and give it an id."""
    return Answer(200, msgspec.json.encode({"mId": new_id()}))


class HangUp(Exception):
    """Raised by an answer: the connection is cut instead."""


class Channel:
    """The channel's side: what it was sent, how it answers, and the files it has."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.posted: list[Posted] = []
        self.answer: Callable[[Posted], Answer] = accepted
        self.files: dict[str, Answer] = {}
        self.fetched: list[str] = []

    def texts(self) -> list[str]:
        """The texts that it was sent, in order."""
        return [posted.body["message"].get("text", "") for posted in self.posted]


@contextmanager
def channel_server() -> Iterator[Channel]:
    """A channel that runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["content-length"]))
            posted = Posted(self.path, {name.lower(): value for name, value in self.headers.items()}, raw)
            channel.posted.append(posted)
            try:
                self._answer(channel.answer(posted))
            except HangUp:
                self.close_connection = True

        def do_GET(self) -> None:
            channel.fetched.append(self.path)
            self._answer(channel.files.get(self.path, Answer(404)))

        def _answer(self, answer: Answer) -> None:
            self.send_response(answer.status)
            for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    channel = Channel(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield channel
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Line:
    """A connected channel: posts events of contacts to a desk."""

    def __init__(self, desk: Desk, account: Account) -> None:
        self.account = account
        self.http = desk.client(Authorization=f"Bearer {account.token}")

    def post(self, *events: dict[str, Any], by: str = "+6017000", **rest: Any) -> httpx.Response:
        """Post events of a contact."""
        body = {"channelId": self.account.channel_id, "contactId": by, "events": list(events), **rest}
        return self.http.post("/custom/channel/webhook/", json=body)

    def say(self, text: str, id_: str | None = None, **rest: Any) -> httpx.Response:
        """Have a contact write a text."""
        return self.post(event("message", id_, message={"type": "text", "text": text}), **rest)


def event(type_: str, id_: str | None = None, **rest: Any) -> dict[str, Any]:
    """An event as a channel posts it."""
    return {"type": type_, "mId": id_ or new_id(), "timestamp": AT, **rest}
