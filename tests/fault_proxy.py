"""A line between consoles and servers on which goes wrong what can: it cuts, stalls, delays, repeats and refuses.

What happens to a request is planned: the same seed plans the same for the request of the same number and size. It
speaks HTTP/1.1 as far as it has to, so that connections are kept and die while nobody uses them, as real ones do.
"""

from __future__ import annotations

import asyncio
import random
import socket
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from enum import Enum, auto
from typing import NamedTuple
from urllib.parse import urlsplit

from tests.waiting import PATIENCE

PIECE = 1 << 16
"""Large bodies are cut near multiples of so many bytes."""
LONGEST = 0.3
"""Seconds of the longest delay that a seed plans."""


class Fault(Enum):
    """What may happen to a request."""

    NONE = auto()
    DELAY = auto()
    """It is held back for a moment."""
    STALL = auto()
    """The reply stops in the middle for a moment."""
    CUT_REQUEST = auto()
    CUT_REPLY = auto()
    REPEAT = auto()
    """It arrives once more, a moment later, on a connection of its own."""
    REFUSE = auto()
    """For a moment after it nobody can connect."""


class Asked(NamedTuple):
    """A request."""

    method: str
    path: str
    head: int
    """Bytes before the body."""
    size: int
    """Bytes in all."""


class Blow(NamedTuple):
    """What is to happen to one request."""

    fault: Fault
    at: int = 0
    """Bytes that pass before it is cut, or stalls."""
    seconds: float = 0.0


Plan = Callable[[int, Asked], Blow]
"""What is to happen to the request of a number."""


def by_seed(seed: int, share: float = 0.4) -> Plan:
    """A plan in which so large a share of the requests meets a fault."""

    def plan(number: int, asked: Asked) -> Blow:
        dice = random.Random(f"{seed} {number} {asked.size}")
        if dice.random() >= share:
            return Blow(Fault.NONE)
        file, large = "/blobs/" in asked.path, asked.size > PIECE
        cuts = [Fault.CUT_REQUEST if large else Fault.CUT_REPLY]
        fault = dice.choice(cuts if file else [fault for fault in Fault if fault is not Fault.NONE])
        if fault is Fault.CUT_REQUEST and large:
            at = asked.head + dice.randint(0, asked.size // PIECE) * PIECE + dice.randint(-1, 1)
        elif fault is Fault.CUT_REQUEST:
            at = dice.randint(0, asked.size)
        elif file:  # its head has some hundred bytes
            at = dice.randint(0, 4) * PIECE + dice.randint(0, 1_000)
        else:
            at = int(2 ** dice.uniform(0, 12)) - 1
        return Blow(fault, at, dice.uniform(0, LONGEST))

    return plan


class FaultProxy:
    """A proxy on the loopback interface, on a thread of its own, in front of any number of servers."""

    def __init__(self, plan: Plan, upstreams: Iterable[str] = ()) -> None:
        """`upstreams`: addresses of the servers."""
        self.plan = plan
        self.upstreams = list(upstreams)
        """Who answers, in turns; may be changed at any time."""
        self.calm = False
        """Whether nothing goes wrong any more."""
        self.done: Counter[Fault] = Counter()
        """How often which fault was done."""
        self.passed = 0
        """Bytes of the latest reply that have passed."""
        self.latest: Asked | None = None
        self._requests = 0
        self._connections = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._kept = socket.socket()  # keeps the port ours while nobody listens there
        self._kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._kept.bind(("127.0.0.1", 0))
        self._port: int = self._kept.getsockname()[1]
        self.address = f"http://127.0.0.1:{self._port}"
        self._begun = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="fault proxy", daemon=True)
        self._thread.start()
        assert self._begun.wait(PATIENCE), "the proxy does not begin"

    def close(self) -> None:
        """End, with every connection."""
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()
        self._kept.close()

    async def _run(self) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        self._listening = await self._listen()
        self._begun.set()
        await self._ended.wait()
        self._listening.close()

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._serve, "127.0.0.1", self._port, reuse_port=True, backlog=512)

    def _later(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        """One connection of a client to its end."""
        server: asyncio.StreamWriter | None = None
        try:
            with suppress(OSError, EOFError, asyncio.CancelledError):  # it is cancelled where the proxy ends
                answers, server = await self._connect()
                line = _Line(self, answers, client)
                self._later(line.pump())
                while await self._pass_on(reader, server, line):
                    pass
        finally:
            for writer in (client, server):
                if writer is not None:
                    writer.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to the next server that answers. Raises OSError where none does."""
        self._connections += 1
        upstreams = tuple(self.upstreams)
        for turn in range(len(upstreams)):
            place = urlsplit(upstreams[(self._connections + turn) % len(upstreams)])
            with suppress(OSError):
                return await asyncio.open_connection(place.hostname, place.port)
        raise ConnectionRefusedError

    async def _pass_on(self, reader: asyncio.StreamReader, server: asyncio.StreamWriter, line: _Line) -> bool:
        """Pass one request on, or what is to arrive of it; whether another one may follow."""
        asked, data = await _read(reader)
        number, self._requests, self.latest = self._requests, self._requests + 1, asked
        blow = Blow(Fault.NONE) if self.calm else self.plan(number, asked)
        line.begin(blow)
        match blow.fault:
            case Fault.DELAY:
                self.done[blow.fault] += 1
                await asyncio.sleep(blow.seconds)
            case Fault.REPEAT:
                self._later(self._repeat(data, blow.seconds))
            case Fault.REFUSE:
                self._later(self._refuse(blow.seconds))
            case Fault.CUT_REQUEST:
                self.done[blow.fault] += 1
                data = data[: max(0, blow.at)]
        server.write(data)
        await server.drain()
        return blow.fault is not Fault.CUT_REQUEST

    async def _repeat(self, data: bytes, seconds: float) -> None:
        await asyncio.sleep(seconds)
        with suppress(OSError):
            answers, server = await self._connect()
            try:
                server.write(data)
                if await answers.read(1):  # it has been heard
                    self.done[Fault.REPEAT] += 1
            finally:
                server.close()

    async def _refuse(self, seconds: float) -> None:
        if self._listening.is_serving():
            self.done[Fault.REFUSE] += 1
            self._listening.close()
            await asyncio.sleep(seconds)
            self._listening = await self._listen()


class _Line:
    """The way back to one client."""

    def __init__(self, proxy: FaultProxy, answers: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._answers = answers
        self._client = client
        self._blow: Blow | None = None
        self._passed = 0

    def begin(self, blow: Blow) -> None:
        """What comes from now on answers another request."""
        self._blow = blow if blow.fault in (Fault.CUT_REPLY, Fault.STALL) else None
        self._passed = self._proxy.passed = 0

    async def pump(self) -> None:
        """Pass on what the server says, until it ends or is cut."""
        with suppress(OSError):
            while data := await self._answers.read(PIECE):
                if (blow := self._blow) is not None and self._passed + len(data) >= blow.at:
                    self._blow = None
                    rest = await self._strike(blow, data)
                    if rest is None:
                        break
                    data = rest
                await self._send(data)
        self._client.close()

    async def _strike(self, blow: Blow, data: bytes) -> bytes | None:
        """Do what was planned at this place; returns what is left to be sent, None where the line is cut."""
        here = max(0, blow.at - self._passed)
        await self._send(data[:here])
        self._proxy.done[blow.fault] += 1
        if blow.fault is Fault.CUT_REPLY:
            return None
        await asyncio.sleep(blow.seconds)
        return data[here:]

    async def _send(self, data: bytes) -> None:
        self._passed += len(data)
        self._proxy.passed = self._passed
        self._client.write(data)
        await self._client.drain()


async def _read(reader: asyncio.StreamReader) -> tuple[Asked, bytes]:
    """A whole request. Raises EOFError where there is none any more."""
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    assert "transfer-encoding" not in headers, "the proxy knows bodies of a given length only"
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Asked(method, path, len(head), len(head) + len(body)), head + body
