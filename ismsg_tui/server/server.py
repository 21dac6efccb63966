"""The server as a whole: everything it is made of, wired on one database."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

from msgspec import Struct

from ismsg_tui.server.accounts import Accounts
from ismsg_tui.server.blobs import Blobs
from ismsg_tui.server.channels.service import Channels, ChannelSettings
from ismsg_tui.server.database import Database
from ismsg_tui.server.file_links import FileLinks
from ismsg_tui.server.hub import Hub
from ismsg_tui.server.ledger import Ledger
from ismsg_tui.server.limits import Places, Rate, Threads
from ismsg_tui.server.metrics import Metrics
from ismsg_tui.server.snapshots import SnapshotBuilder, Snapshots
from ismsg_tui.server.uploads import Uploads
from ismsg_tui.server.webhooks import Webhooks

P = ParamSpec("P")
T = TypeVar("T")


class ServerSettings(Struct, frozen=True, kw_only=True):
    """What may differ from one server to another."""

    public_url: str = ""
    """The address under which channels reach this server to fetch files; empty where they can't."""
    fetch_from: tuple[str, ...] = ()
    """Hosts and networks from which files of channels are fetched although they are private."""
    keepalive: float = 15.0
    """Seconds after which a live stream on which nothing happens shows that it is still there."""
    stream_life: float = 15 * 60.0
    """Seconds after which a live stream ends, so that streams spread over the processes again."""
    stall: float = 20.0
    """Seconds that a reader may keep a live stream from being written to."""
    streams: int = 2
    """Live streams a device may have; a further one ends the oldest."""
    threads: int = 16
    """Calls of the database that run at the same time."""
    waiting: int = 500
    """Calls of the database that may wait for those."""
    commands_per_second: float = 20.0
    commands_burst: float = 200.0
    notes_per_second: float = 2.0
    sign_ins_burst: float = 5.0
    """Wrong passwords for one e-mail from one address before it has to wait; one more is allowed every 12 seconds."""
    address_burst: float = 60.0
    """Failures to sign in or to refresh from one address, whoever it tries; one more is allowed every 2 seconds."""
    look: float = 1.0
    """Seconds between looks for what other processes did, and for what was put off and is due."""
    snapshot_builder: SnapshotBuilder | None = None
    """What makes the file that a console begins with; without it consoles take all pages."""


class Server:
    """One process of a server: the database and what works on it, shared by its handlers."""

    def __init__(self, database: Database, folder: Path, *, settings: ServerSettings | None = None) -> None:
        """`folder` is where files are kept; the database has to be migrated already."""
        self.settings = settings = settings or ServerSettings()
        self.database = database
        self.metrics = Metrics()
        self.accounts = Accounts(database)
        self.ledger = Ledger(database)
        self.blobs = Blobs(database, folder / "blobs", self.ledger)
        self.uploads = Uploads(database, self.blobs)
        self.snapshots = Snapshots(database, folder / "snapshots", self.ledger, settings.snapshot_builder)
        self.links = FileLinks(database, self.blobs)
        self.channels = Channels(
            database,
            self.ledger,
            self.blobs,
            self.links,
            settings=ChannelSettings(public_url=settings.public_url, allowed=settings.fetch_from, look=settings.look),
        )
        self.webhooks = Webhooks(database, self.ledger, look=settings.look)
        self.threads = Threads(settings.threads, settings.waiting)
        self.password_threads = Threads(2, 50)
        """Checking a password takes a lot of memory and a core, by design."""
        self.hub = Hub(database, self.threads, settings.look)
        self.commands_rate = Rate(settings.commands_per_second, settings.commands_burst)
        self.places = Places(settings.streams)
        self.presence_rate = Rate(settings.notes_per_second, 10)
        self.sign_in_rate = Rate(1 / 12, settings.sign_ins_burst)
        self.address_rate = Rate(1 / 2, settings.address_burst)
        self.ledger.on_commit(self.hub.mark)
        self.ledger.on_commit(self.metrics.grown)

    async def offload(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `work` returns or raises, run on one of a bounded number of threads: for whatever blocks."""
        return await self.threads.run(work, *args, **kwargs)

    def start(self) -> None:
        """Begin to deliver what goes out."""
        self.channels.start()
        self.webhooks.start()

    def stop(self) -> None:
        """End what `start` began; returns once it has."""
        self.channels.stop()
        self.webhooks.stop()
        self.snapshots.stop()
