"""How late an event loop is: asked to wake somebody every few milliseconds, by how much it misses."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

EVERY = 0.005
"""Seconds between two looks."""


class Lateness:
    """The misses of one event loop, in seconds."""

    def __init__(self) -> None:
        self._misses: list[float] = []
        self._task: asyncio.Task[None] | None = None

    async def watch(self, _pilot: Pilot[Any]) -> None:
        """Begin, on the loop that is running; an app calls this when it is ready, if asked to."""
        self._task = asyncio.get_running_loop().create_task(self._watch())

    async def _watch(self) -> None:
        while True:
            begin = time.perf_counter()
            await asyncio.sleep(EVERY)
            self._misses.append(max(0.0, time.perf_counter() - begin - EVERY))

    def write(self, path: Path) -> None:
        """Write them into a file, as JSON."""
        path.write_text(json.dumps(self._misses))
