"""The thread on which the console writes: one change after the other, never on the interface's loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Writing:
    """Runs store calls in the order in which they were asked for."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a call and wait for what it returns; its errors are raised here."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, partial(call, *args, **kwargs))

    def later(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Have a call run without waiting for it."""
        return self._pool.submit(call, *args, **kwargs)

    def close(self) -> None:
        """Finish what was asked for, then end the thread."""
        self._pool.shutdown(wait=True)
