"""The demo's end of its channels: takes what the server sends to the guests, and gives out the files that they send."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LARGEST = 1 << 20
"""Bytes of the largest request that is read."""


class Front:
    """A custom channel's own server, as docs/channels.md describes it, on loopback."""

    def __init__(self, file: Callable[[str], bytes]) -> None:
        """`file` gives the content of a file by its name, or raises OSError. Begins to answer at once."""
        front = self
        self.parts: dict[str, list[str]] = {}
        """The ids under which the parts of a message were taken, by the message's id."""
        self._file = file

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = min(int(self.headers.get("Content-Length", 0)), LARGEST)
                self._answer(json.dumps({"mId": front.take(json.loads(self.rfile.read(length)))}).encode())

            def do_GET(self) -> None:
                try:
                    self._answer(front.give(self.path))
                except OSError:
                    self.send_error(HTTPStatus.NOT_FOUND)

            def _answer(self, body: bytes) -> None:
                self.send_response(HTTPStatus.OK)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nothing is written over the console."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        """Where it answers."""
        self._thread = threading.Thread(target=self._server.serve_forever, name="guests", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)

    def take(self, body: dict[str, str]) -> str:
        """A part of a message to a guest; returns its id here."""
        reference = body["messageId"]
        taken = f"guest-{reference}"[:50]
        self.parts.setdefault(reference.rpartition(".")[0], []).append(taken)
        return taken

    def give(self, path: str) -> bytes:
        """What a guest sent. Raises OSError."""
        return self._file(path.rpartition("/")[2])
