"""Who waits for news, and how it reaches them: from this process at once, from others by a hint and by looking."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import msgspec
from msgspec import Struct
from sqlalchemy import select

from ismsg_tui.clock import new_id
from ismsg_tui.domain.packing import decoder
from ismsg_tui.domain.wire import Presence, PresenceNote
from ismsg_tui.server.bus import Bus
from ismsg_tui.server.database import Database
from ismsg_tui.server.limits import Threads
from ismsg_tui.server.presence import PresenceBoard
from ismsg_tui.server.tables import workspace as workspaces

log = logging.getLogger(__name__)

LOOK_EVERY = 1.0
"""Seconds between two looks at the revisions: what a lost hint costs at most."""


class _Grown(Struct, frozen=True, tag="grown"):
    """A workspace has a new revision."""

    ws: str
    seq: int


class _Noted(Struct, frozen=True, tag="noted"):
    """A device said something of its user."""

    ws: str
    device_id: str
    user_id: str
    note: PresenceNote


class _Left(Struct, frozen=True, tag="left"):
    """A device has signed out."""

    device_id: str


class _Hint(Struct, frozen=True):
    """What one process tells the others."""

    of: str
    """The process, which hears its own hints too, and late."""
    news: _Grown | _Noted | _Left


_HINTS = decoder(_Hint)


class Watch:
    """One that waits for news of a workspace. However much happens meanwhile, all it keeps is that something did."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """There may be news."""
        self._rung.set()

    def silence(self) -> None:
        """Forget what has rung: to be called before one looks, so that nothing is missed after."""
        self._rung.clear()

    async def wait(self, seconds: float) -> bool:
        """Whether there may be news since `silence`, at once or within so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._rung.wait()
        return self._rung.is_set()


class Hub:
    """Rings those who watch a workspace when it grows or somebody's presence changes.

    Everything but `mark` and `close` belongs on the event loop that `start` was called on.
    """

    def __init__(self, database: Database, threads: Threads, look_every: float = LOOK_EVERY) -> None:
        self.presence = PresenceBoard()
        self.closing = False
        self._database = database
        self._threads = threads
        self._look_every = look_every
        self._loop: asyncio.AbstractEventLoop | None = None
        self._looking: asyncio.Task[None] | None = None
        self._watches: dict[str, set[Watch]] = {}
        self._heads: dict[str, int] = {}
        self._id = new_id()
        self._bus = None if database.is_sqlite else Bus(database.engine, self._heard)

    def start(self) -> None:
        """Begin to hear of other processes; on the event loop."""
        self._loop = asyncio.get_running_loop()
        self._looking = self._loop.create_task(self._look_on())
        if self._bus:
            self._bus.start()

    async def stop(self) -> None:
        """End what `start` began."""
        if self._looking:
            self._looking.cancel()
            with suppress(asyncio.CancelledError):
                await self._looking
        if self._bus:
            await asyncio.to_thread(self._bus.stop)
        self._loop = None

    def close(self) -> None:
        """Have everybody who waits end soon: `closing` is true from now on. From any thread."""
        self.closing = True
        self._on_loop(self._ring_all)

    def mark(self, workspace_id: str, seq: int) -> None:
        """A transaction of this process has made revision `seq` and is committed. From any thread."""
        self._on_loop(self._grow, workspace_id, seq)
        self._tell(workspace_id, _Grown(workspace_id, seq))

    @contextmanager
    def watch(self, workspace_id: str) -> Iterator[Watch]:
        """Be rung when there may be news of a workspace."""
        watch = Watch()
        self._watches.setdefault(workspace_id, set()).add(watch)
        try:
            yield watch
        finally:
            watches = self._watches[workspace_id]
            watches.discard(watch)
            if not watches:
                del self._watches[workspace_id]
                self._heads.pop(workspace_id, None)

    def note(self, workspace_id: str, device_id: str, user_id: str, note: PresenceNote) -> None:
        """A console says something of its user."""
        if self.presence.note(workspace_id, device_id, user_id, note):
            self._ring(workspace_id)
        self._tell(device_id, _Noted(workspace_id, device_id, user_id, note))

    def leave(self, device_id: str) -> None:
        """A device has signed out: nobody is there by it any more."""
        self._forget(device_id)
        self._tell(device_id, _Left(device_id))

    def around(self, workspace_id: str) -> list[Presence]:
        """What is known of everybody in a workspace."""
        return self.presence.of(workspace_id)

    def _on_loop(self, work: object, *args: object) -> None:
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):  # the loop has ended, and everybody who waited with it
                loop.call_soon_threadsafe(work, *args)  # type: ignore[arg-type]

    def _tell(self, key: str, news: _Grown | _Noted | _Left) -> None:
        if self._bus:
            self._bus.tell(key, msgspec.json.encode(_Hint(self._id, news)).decode())

    def _heard(self, text: str) -> None:
        try:
            hint = _HINTS.decode(text)
        except msgspec.DecodeError:
            return  # another version's
        if hint.of != self._id:  # what this one has said of somebody may have changed here since
            self._on_loop(self._take, hint.news)

    def _take(self, news: _Grown | _Noted | _Left) -> None:
        match news:
            case _Grown(ws, seq):
                self._grow(ws, seq)
            case _Noted(ws, device_id, user_id, note):
                if self.presence.note(ws, device_id, user_id, note):
                    self._ring(ws)
            case _Left(device_id):
                self._forget(device_id)

    def _forget(self, device_id: str) -> None:
        for workspace_id in self.presence.leave(device_id):
            self._ring(workspace_id)

    def _grow(self, workspace_id: str, seq: int) -> None:
        if workspace_id in self._watches and seq > self._heads.get(workspace_id, -1):
            self._heads[workspace_id] = seq
            self._ring(workspace_id)

    def _ring(self, workspace_id: str) -> None:
        for watch in self._watches.get(workspace_id, ()):
            watch.ring()

    def _ring_all(self) -> None:
        for workspace_id in self._watches:
            self._ring(workspace_id)

    async def _look_on(self) -> None:
        while True:
            await asyncio.sleep(self._look_every)
            for workspace_id in self.presence.forget_old():
                self._ring(workspace_id)
            if self._watches:
                try:
                    heads = await self._threads.run(self._read_heads, list(self._watches))
                except Exception:  # whatever it is, the next look may succeed
                    log.warning("the newest revisions could not be read", exc_info=True)
                    continue
                for workspace_id, seq in heads:
                    self._grow(workspace_id, seq)

    def _read_heads(self, workspace_ids: list[str]) -> list[tuple[str, int]]:
        with self._database.read() as connection:
            found = connection.execute(
                select(workspaces.c.id, workspaces.c.seq).where(workspaces.c.id.in_(workspace_ids))
            )
            return [(row.id, row.seq) for row in found]
