"""Waiting for what happens on other threads, in other processes and in a console: never without an end."""

from __future__ import annotations

import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from subprocess import Popen

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
