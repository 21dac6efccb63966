"""What keeps one client from taking the server away from the others: rates, and a bounded number of threads."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from math import ceil
from typing import ParamSpec, TypeVar

from anyio import CapacityLimiter, to_thread

from ismsg_tui.server.errors import ProblemError

P = ParamSpec("P")
T = TypeVar("T")

_MOST_KEYS = 10_000
"""So many clients are remembered at most: whoever has been quiet for longest is forgotten first."""

_ROUNDING = 1e-6
"""Sums of times are not exact: who has waited as long as was said must get what was promised."""


class Rate:
    """How much each key may have: `burst` at once, and `per_second` of it comes back every second.

    It is used on the event loop alone. Every process counts for itself.
    """

    def __init__(self, per_second: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_second = per_second
        self.burst = burst
        self._clock = clock
        self._left: dict[Hashable, tuple[float, float]] = {}

    def take(self, key: Hashable, amount: float = 1) -> None:
        """Take `amount`, at most `burst`. Raises ProblemError 429 and takes nothing where there is not enough."""
        now = self._clock()
        left = self._now_left(key, now)
        if left < amount - _ROUNDING:
            raise ProblemError(
                429,
                "too-many-requests",
                "Too many requests: wait a moment.",
                retry_after=ceil((amount - left) / self.per_second),
            )
        self._keep(key, left - amount, now)

    def give_back(self, key: Hashable) -> None:
        """Undo a `take` of one."""
        now = self._clock()
        self._keep(key, self._now_left(key, now) + 1, now)

    @contextmanager
    def failures(self, key: Hashable) -> Iterator[None]:
        """Take one, and give it back unless what is done within is refused as 401. Raises ProblemError 429."""
        self.take(key)
        failed = False
        try:
            yield
        except ProblemError as error:
            failed = error.status == HTTPStatus.UNAUTHORIZED
            raise
        finally:
            if not failed:
                self.give_back(key)

    def _now_left(self, key: Hashable, now: float) -> float:
        left, at = self._left.get(key, (self.burst, now))
        return min(self.burst, left + (now - at) * self.per_second)

    def _keep(self, key: Hashable, left: float, now: float) -> None:
        self._left.pop(key, None)  # whoever had something last stands last
        if left >= self.burst:
            return
        if len(self._left) >= _MOST_KEYS:
            del self._left[next(iter(self._left))]
        self._left[key] = (left, now)


class Threads:
    """Runs what blocks, such as the database, on at most `most` threads, while at most `waiting` calls wait for one."""

    def __init__(self, most: int, waiting: int) -> None:
        self.most = most
        self.waiting = waiting
        self.wanted = 0
        """Calls that run or wait."""
        self._limiter: CapacityLimiter | None = None

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `work` returns or raises. Raises ProblemError 503 where too many wait already."""
        if self.wanted >= self.most + self.waiting:
            raise ProblemError(503, "busy", "The server has too much to do: try again in a moment.", retry_after=1)
        limiter = self._limiter = self._limiter or CapacityLimiter(self.most)  # made inside the event loop
        self.wanted += 1
        try:
            return await to_thread.run_sync(partial(work, *args, **kwargs), limiter=limiter)
        finally:
            self.wanted -= 1


class Place:
    """One of the few places of a key."""

    def __init__(self, ring: Callable[[], None]) -> None:
        self.taken = False
        """Whether somebody newer has it now."""
        self._ring = ring

    def lose(self) -> None:
        """Make room."""
        self.taken = True
        self._ring()


class Places:
    """So many places for each key; where all are taken, the newcomer gets the oldest one.

    A console that has lost its network comes back before the server has noticed that its old stream is dead: turning
    it away would be wrong.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._places: dict[Hashable, list[Place]] = {}

    @contextmanager
    def enter(self, key: Hashable, ring: Callable[[], None]) -> Iterator[Place]:
        """Have a place; `ring` is called when it is lost."""
        places = self._places.setdefault(key, [])
        while len(places) >= self._most:
            places.pop(0).lose()
        place = Place(ring)
        places.append(place)
        try:
            yield place
        finally:
            if not place.taken:
                places.remove(place)
            if not places and self._places.get(key) is places:
                del self._places[key]
