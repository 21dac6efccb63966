"""Everything about channels in one process of the server, wired and running: what comes in and what goes out."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from ismsg_tui.clock import now_ms
from ismsg_tui.server.blobs import Blobs
from ismsg_tui.server.channels.delivery import Deliveries
from ismsg_tui.server.channels.fetch import Fetcher
from ismsg_tui.server.channels.reception import Reception
from ismsg_tui.server.channels.registry import Registry
from ismsg_tui.server.channels.reports import Reports
from ismsg_tui.server.chores import LOOK, Chores
from ismsg_tui.server.database import Database
from ismsg_tui.server.file_links import FileLinks
from ismsg_tui.server.housekeeping import tidy
from ismsg_tui.server.ledger import Ledger
from ismsg_tui.server.uploads import Uploads

HOUR = 3600.0


class ChannelSettings(Struct, frozen=True):
    """What may differ from one server to another."""

    public_url: str = ""
    """The address under which channels reach this server to fetch files; empty where they can't."""
    allowed: tuple[str, ...] = ()
    """Hosts and networks from which files are fetched although they are private."""
    senders: int = 4
    """Messages that one process hands over at the same time."""
    fetchers: int = 2
    look: float = LOOK
    """Seconds between looks for what is due."""


class Channels:
    """The channels of all workspaces, in one process."""

    def __init__(
        self,
        database: Database,
        ledger: Ledger,
        blobs: Blobs,
        links: FileLinks,
        *,
        settings: ChannelSettings | None = None,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        settings = settings or ChannelSettings()
        self.registry = Registry(database, ledger, clock=clock)
        self.reports = Reports(database, ledger, clock=clock)
        self.deliveries = Deliveries(
            database, ledger, self.registry, links, public_url=settings.public_url, clock=clock
        )
        self.deliveries.on_given = self.reports.catch_up
        self.reception = Reception(
            database, ledger, self.registry, blobs, self.reports, Fetcher(settings.allowed), clock=clock
        )
        self._sweeps: tuple[Callable[[], object], ...] = (
            self.deliveries.sweep,
            self.reports.sweep,
            blobs.vacuum,
            Uploads(database, blobs, clock=clock).sweep,
            links.sweep,
            lambda: tidy(database, clock()),
        )
        self._sending = Chores("sending", self.deliveries.step, threads=settings.senders, look=settings.look)
        self._fetching = Chores("fetching", self.reception.step, threads=settings.fetchers, look=settings.look)
        self._sweeping = Chores("sweeping", self._sweep, look=HOUR)
        self.reception.on_waiting = self._fetching.hint
        ledger.on_commit(lambda _workspace_id, _seq: self._sending.hint() if self.deliveries.news.take() else None)

    def start(self) -> None:
        """Begin to send and to fetch."""
        for chores in (self._sending, self._fetching, self._sweeping):
            chores.start()

    def stop(self) -> None:
        """End; waits a while for what is being handed over."""
        every = (self._sending, self._fetching, self._sweeping)
        for chores in every:
            chores.end()
        for chores in every:
            chores.stop()
        self.deliveries.finish()

    def _sweep(self) -> bool:
        for sweep in self._sweeps:
            sweep()
        return False
