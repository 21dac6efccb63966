"""Waiting for what happens on other threads, in other processes and in a console: never without an end."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from subprocess import Popen
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

PATIENCE = 60.0
"""Seconds after which something that does not happen counts as failed; nothing ever waits so long in vain."""


def until(
    happened: Callable[[], object],
    seconds: float = PATIENCE,
    seen: Callable[[], object] = lambda: "it has not happened",
) -> None:
    """Return once something has happened; fail where it has not after so many seconds, with what is `seen` instead."""
    pause, end = threading.Event(), time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, seen()
        pause.wait(0.01)


async def turn_until(
    turn: Callable[[], Awaitable[object]], happened: Callable[[], object], seen: Callable[[], object]
) -> None:
    """Let a loop take turn after turn until something has happened; fail, with what is `seen`, where it does not."""
    end = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < end, seen()
        await turn()


@contextmanager
def listening_to(process: Popen[bytes] | Popen[str], seconds: float = PATIENCE) -> Iterator[None]:
    """Read from a process; it is killed if that lasts too long, or its silence would hold up everything."""
    killer = threading.Timer(seconds, process.kill)
    killer.daemon = True
    killer.start()
    try:
        yield
    finally:
        killer.cancel()


class Elsewhere:
    """What loops have asked other threads to do by `asyncio.to_thread`, so that a test can wait for all of it.

    Some of it lasts as long as a test wants, a file that is still being copied for one: nobody waits for that longer
    than `LONGEST` seconds, and only once.
    """

    LONGEST = 3.0

    def __init__(self) -> None:
        self._to_thread = asyncio.to_thread
        self._going: set[asyncio.Task[object]] = set()
        self._lasting: set[asyncio.Task[object]] = set()

    async def to_thread(self, call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """As `asyncio.to_thread`, and known until it is done."""
        task = asyncio.create_task(self._to_thread(call, *args, **kwargs))
        self._going.add(task)
        task.add_done_callback(self._ended)
        return await task

    async def at_rest(self) -> bool:
        """Wait until nothing of this loop is being done elsewhere; whether there was nothing to wait for."""
        loop = asyncio.get_running_loop()
        going = {task for task in self._going - self._lasting if task.get_loop() is loop}
        if going:
            _, lasting = await asyncio.wait(going, timeout=self.LONGEST)
            self._lasting |= lasting
        return not going

    def _ended(self, task: asyncio.Task[object]) -> None:
        self._going.discard(task)
        self._lasting.discard(task)


ELSEWHERE = Elsewhere()
