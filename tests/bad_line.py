"""A line to a server on which everything can go wrong: it cuts, it lies, it loses answers. One request a connection."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import urlsplit

Speak = Callable[[socket.socket], None]
"""Says whatever it wants to the client."""


class Asked(NamedTuple):
    """A request that came over the line."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Rule(NamedTuple):
    """What is done to requests whose method and path begin so."""

    begins: str
    speak: Speak | None = None
    """Answer this instead of the server."""
    cut_request: int | None = None
    """Bytes of the request that reach the server before the line is cut; below 0: all but so many."""
    cut_reply: int | None = None
    """Bytes of the answer that reach the client before the line is cut."""


def answer(status: int, body: bytes = b"", *, kind: str = "application/json", **headers: str) -> Speak:
    """A well-formed answer."""
    lines = [
        f"HTTP/1.1 {status} Whatever",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
        "Connection: close",
    ]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return raw("\r\n".join(lines).encode() + b"\r\n\r\n" + body)


def problem(status: int, code: str, **headers: str) -> Speak:
    """A problem as the server says it."""
    body = f'{{"type":"/problems/{code}","title":"No","status":{status},"code":"{code}","detail":"Because of {code}."}}'
    return answer(status, body.encode(), kind="application/problem+json", **headers)


def raw(data: bytes) -> Speak:
    """Bytes, whatever they are, and the end."""
    return lambda client: client.sendall(data)


def endless(head: bytes, piece: bytes, times: int) -> Speak:
    """An answer that goes on and on, as long as anybody reads it."""

    def speak(client: socket.socket) -> None:
        client.sendall(head)
        for _ in range(times):
            client.sendall(piece)

    return speak


class BadLine:
    """A proxy on the loopback interface in front of a server."""

    def __init__(self, upstream: str, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.upstream = urlsplit(upstream).hostname or "", urlsplit(upstream).port or 0
        self.rules: list[Rule] = []
        self.asked: list[Asked] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._closing = False
        self.address = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """End."""
        self._closing = True
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def times(self, begins: str) -> int:
        """How often something was asked."""
        return sum(f"{asked.method} {asked.path}".startswith(begins) for asked in self.asked)

    def _accept(self) -> None:
        while not self._closing:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            client.settimeout(60)
            if self._tls is not None:
                client = self._tls.wrap_socket(client, server_side=True)
            asked = _read(client)
            if asked is None:
                return
            self.asked.append(asked)
            rule = next((rule for rule in self.rules if f"{asked.method} {asked.path}".startswith(rule.begins)), None)
            if rule is not None and rule.speak is not None:
                rule.speak(client)
                with suppress(OSError):
                    client.shutdown(socket.SHUT_WR)
                    client.recv(1)  # until the client has read everything: or it would hear of a reset
                return
            self._pass_on(client, asked, rule or Rule(""))

    def _pass_on(self, client: socket.socket, asked: Asked, rule: Rule) -> None:
        kept = [f"{name}: {value}" for name, value in asked.headers.items() if name not in ("connection", "host")]
        head = "\r\n".join([f"{asked.method} {asked.path} HTTP/1.1", "Host: upstream", "Connection: close", *kept])
        request = head.encode() + b"\r\n\r\n" + asked.body
        with socket.create_connection(self.upstream, timeout=60) as server:
            server.sendall(request if rule.cut_request is None else request[: rule.cut_request])
            if rule.cut_request is not None and rule.cut_request < len(request):
                return
            passed = 0
            while data := server.recv(65_536):
                if rule.cut_reply is not None:
                    data = data[: max(0, rule.cut_reply - passed)]
                client.sendall(data)
                passed += len(data)
                if rule.cut_reply is not None and passed >= rule.cut_reply:
                    return


def _read(client: socket.socket) -> Asked | None:
    """A request with its body."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = client.recv(65_536)
        if not piece:
            return None
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    length = int(headers.get("content-length", "0"))
    while len(body) < length:
        piece = client.recv(65_536)
        if not piece:
            break
        body += piece
    return Asked(method, path, headers, body)
