"""Reading off the loop what changes all the time: never twice at once, and once more where it changed meanwhile."""

from __future__ import annotations

from collections.abc import Awaitable, Callable


class OnceMore:
    """Reads one thing; what asks for it while it is read is answered by one more reading."""

    def __init__(self, read: Callable[[], Awaitable[None]]) -> None:
        self._read = read
        self._reading = False
        self.wanted = False
        """Whether there is to be another reading after this one."""

    async def run(self) -> None:
        """Read; returns at once where that is going on already."""
        self.wanted = True
        if self._reading:
            return
        self._reading = True
        try:
            while self.wanted:
                self.wanted = False
                await self._read()
        finally:
            self._reading = False
