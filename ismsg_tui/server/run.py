"""Running the server in one process: in the foreground, or on a thread of another program."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from types import FrameType

import uvicorn
from msgspec import Struct

from ismsg_tui.server.app import Server, ServerSettings, create_app
from ismsg_tui.sqlite import sqlite3

LOCK = "server.lock"
_GRACE = 3
"""Seconds that answers under way get once the server has to end."""

_TICK = 1.0
"""Seconds between looks at the clock."""

logging.getLogger("uvicorn").addHandler(logging.NullHandler())  # else it writes over the screen of a console


class ServeError(Exception):
    """The server can't be run; the message says why and what to do."""


class Tls(Struct, frozen=True):
    """The files that make it HTTPS."""

    certificate: Path
    key: Path


class Plan(Struct, frozen=True, kw_only=True):
    """What a process has to know to be a server."""

    url: str
    """Of the database."""
    folder: Path
    """Where files are kept."""
    settings: ServerSettings
    tls: Tls | None = None


class Running(uvicorn.Server):
    """A server that answers; those who wait for news are told before it ends."""

    def __init__(self, server: Server, tls: Tls | None, on_ready: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                create_app(server),
                lifespan="on",
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=_GRACE,
                ssl_certfile=tls.certificate if tls else None,
                ssl_keyfile=tls.key if tls else None,
            )
        )
        self._hub = server.hub
        self._on_ready = on_ready
        self._wake: Callable[[], object] = lambda: None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    async def main_loop(self) -> None:
        """Wait for the end. Unlike uvicorn's own loop, which looks ten times a second, it lets a processor rest."""
        loop, ending = asyncio.get_running_loop(), asyncio.Event()
        self._wake = partial(loop.call_soon_threadsafe, ending.set)
        while not await self.on_tick(0):  # which also keeps the date in the answers true
            with suppress(TimeoutError):
                async with asyncio.timeout(_TICK):
                    await ending.wait()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal asks for the end."""
        super().handle_exit(sig, frame)
        self._wake()

    def end(self) -> None:
        """Ask for the end, from any thread."""
        self.should_exit = True
        with suppress(RuntimeError):  # it has ended already
            self._wake()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams and the waiting requests, then everything."""
        self._hub.close()
        await super().shutdown(sockets)


class Background:
    """The whole server on a thread of this process, on the loopback interface."""

    def __init__(self, server: Server, port: int = 0) -> None:
        """Start it; returns once it answers. `port` 0: the system chooses. Raises ServeError."""
        listening = listen("127.0.0.1", port)
        self.address = address_of(listening, None)
        ready = threading.Event()
        self._running = Running(server, None, ready.set)
        self._thread = threading.Thread(target=self._run, args=(listening,), name="ismsg-server", daemon=True)
        self._thread.start()
        while not ready.wait(0.02):
            if not self._thread.is_alive():
                raise ServeError("The server could not be started; the log says why.")

    def stop(self) -> None:
        """End it; returns once it has. The database stays the caller's to close."""
        self._running.end()
        self._thread.join()

    def _run(self, listening: socket.socket) -> None:
        with suppress(SystemExit):  # how uvicorn says that it could not start
            self._running.run(sockets=[listening])


def run_here(server: Server, listening: socket.socket, tls: Tls | None, on_ready: Callable[[], None]) -> None:
    """Run a server in this process, on the main thread, until a signal ends it. Raises ServeError."""
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn raises the signal again once it has ended, for whom it was before: nobody.
        signal.signal(number, lambda *_: None)
    running = Running(server, tls, on_ready)
    try:
        running.run(sockets=[listening])
    except SystemExit as error:
        raise ServeError("The server could not be started; the journal says why.") from error


@contextmanager
def only_server(folder: Path) -> Iterator[None]:
    """Be the only server on a folder, until this process ends at the latest. Raises ServeError where there is one."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = sqlite3.connect(folder / LOCK, timeout=0, isolation_level=None, check_same_thread=False)
    try:
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            raise ServeError(f"Another server works on {folder}: stop it first, or choose another folder.") from error
        yield
    finally:
        lock.close()


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises ServeError."""
    listening: socket.socket | None = None
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, place = found[0]
        listening = socket.socket(family, kind, protocol)
        if os.name == "posix":
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(place)
        listening.listen(2048)
    except OSError as error:
        if listening is not None:
            listening.close()
        raise ServeError(_why_not(error, host, port)) from error
    return listening


def address_of(listening: socket.socket, tls: Tls | None) -> str:
    """The address under which a socket is reached."""
    host, port = listening.getsockname()[:2]
    return f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} is busy: another program listens there. Stop it, or choose another port by --port."
    if isinstance(error, PermissionError):
        return f"Port {port} may not be used by this user: choose one above 1023 by --port."
    return f"Can't listen on {host}: {error.strerror or error}. Choose another --host."
