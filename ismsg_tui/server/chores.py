"""Threads that do what waits in a table, again and again, until they are stopped."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from ismsg_tui.server.errors import ProblemError

log = logging.getLogger(__name__)

LOOK = 1.0
"""Seconds between looks for something to do: other processes may have left it, or its time may have come."""
AFTER_FAULT = 5.0
"""Seconds of rest after something went wrong that nobody had thought of."""
_HELPERS_LOOK = 60.0
PATIENCE = 10.0
"""Seconds that the end of the server waits for a step to end."""


class News:
    """Whether the transaction of this thread has left something to do, until it is committed."""

    def __init__(self) -> None:
        self._mine = threading.local()

    def note(self) -> None:
        """It has."""
        self._mine.there = True

    def take(self) -> bool:
        """Whether it has, since this was last asked on this thread."""
        there = getattr(self._mine, "there", False)
        self._mine.there = False
        return there


class Chores:
    """Some threads that take one step after the other while there is something to do."""

    def __init__(self, name: str, step: Callable[[], bool], *, threads: int = 1, look: float = LOOK) -> None:
        """`step` does one thing and says whether there was one to do; several threads may be in it at once."""
        self._step = step
        self._look = look
        self._hints = 0
        self._stopping = threading.Event()
        self._changed = threading.Condition()
        # The first looks again and again, and calls the others where it has found something.
        self._threads = [
            threading.Thread(
                target=self._run, args=(_HELPERS_LOOK if number else look,), name=f"{name}-{number}", daemon=True
            )
            for number in range(threads)
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Have the threads end after the step that they are taking."""
        with self._changed:
            self._stopping.set()
            self._changed.notify_all()

    def stop(self) -> None:
        """The same, and wait for it, though not for ever."""
        self.end()
        until = time.monotonic() + PATIENCE
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0.0, until - time.monotonic()))

    def hint(self) -> None:
        """There may be something to do."""
        with self._changed:
            self._hints += 1
            self._changed.notify_all()

    def _run(self, look: float) -> None:
        while not self._stopping.is_set():
            with self._changed:
                seen = self._hints
            try:
                if self._step():
                    self.hint()
                    while not self._stopping.is_set() and self._step():
                        pass
                rest = look
            except ProblemError as error:
                log.warning("%s has to wait: %s", threading.current_thread().name, error)
                rest = AFTER_FAULT
            except Exception:
                log.exception("%s has failed", threading.current_thread().name)
                rest = AFTER_FAULT
            with self._changed:
                if not self._stopping.is_set() and self._hints == seen:
                    self._changed.wait(rest)
