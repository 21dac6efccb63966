"""A whole server on a thread, and consoles that belong to it: for tests of several agents who work together."""

from __future__ import annotations

import shutil
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from ismsg_tui.clock import new_id, now_ms
from ismsg_tui.domain.commands import Actor, Command, Issued, ReceiveMessage
from ismsg_tui.domain.entities import Contact, User
from ismsg_tui.domain.wire import Presence
from ismsg_tui.inbox import Inbox
from ismsg_tui.server.admin import Admin
from ismsg_tui.server.app import Server, ServerSettings
from ismsg_tui.server.database import Database
from ismsg_tui.server.restored import begin_new_histories
from ismsg_tui.server.run import Background
from ismsg_tui.server.snapshots import Snapshot
from ismsg_tui.signing import enter_account
from ismsg_tui.sqlite import sqlite3
from ismsg_tui.store import outbox
from ismsg_tui.store.migrations import SCHEMA_VERSION
from ismsg_tui.store.outbox import Counts
from ismsg_tui.store.store import Store
from ismsg_tui.sync import engine, live
from ismsg_tui.sync.credentials import Credentials
from ismsg_tui.sync.engine import Refused, Sync
from ismsg_tui.sync.remote import RemoteAuthority
from ismsg_tui.sync.status import SyncState, SyncStatus
from tests.factories import ANA, BEN, GUEST, MAI, PHONE, WEB, WORKSPACE
from tests.replicas import assert_sound, rows_of
from tests.servers import sqlite_url
from tests.waiting import PATIENCE

PASSWORD = "correct horse battery"
OMAR = Contact(id=new_id(), first_name="Omar", last_name="Haddad", channel_id=WEB.id)


class Team:
    """A server with a workspace of two users, Ana who owns it and Ben, and two contacts."""

    def __init__(self, folder: Path, settings: ServerSettings | None = None) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.url = sqlite_url(folder)
        self.settings = settings or ServerSettings(commands_burst=10_000, commands_per_second=10_000)
        self._kept = socket.socket()  # keeps the port ours while the server is away, without listening there
        self._kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._kept.bind(("127.0.0.1", 0))
        self.port: int = self._kept.getsockname()[1]
        if sys.platform != "linux":  # elsewhere no two sockets have one
            self._kept.close()
        self.consoles: list[Console] = []
        self.start()
        self.admin.create_workspace(WORKSPACE)
        for user in (ANA, BEN):
            self.admin.add_user(WORKSPACE.id, user, PASSWORD)
        self.server.ledger.seed(WORKSPACE.id, [PHONE, WEB, MAI, OMAR])

    def start(self) -> None:
        """Begin to answer, where it answered before."""
        self.database = Database(self.url)
        self.server = Server(self.database, self.folder, settings=self.settings)
        self.admin = Admin(self.database, self.server.ledger)
        self.background = Background(self.server, self.port)
        self.address = self.background.address

    def stop(self) -> None:
        """Be away."""
        self.background.stop()
        self.database.close()

    def close(self) -> None:
        """End everything."""
        for console in self.consoles:
            console.close()
        self.stop()
        self._kept.close()

    def hear(self, text: str, contact: Contact = MAI) -> None:
        """A contact writes."""
        issued = Issued(new_id(), ReceiveMessage(contact.id, text, contact.channel_id), GUEST, now_ms())
        assert self.server.ledger.submit(WORKSPACE.id, issued).refusal is None

    def change(self, user: User) -> None:
        """Let a user be what an owner has made of him."""
        self.admin.change_user(WORKSPACE.id, user)

    def restore(self, backup: Path) -> None:
        """Put an older database in place, as another history; the server is away meanwhile."""
        self.stop()
        shutil.copy(backup, self.folder / "server.db")
        for left in ("server.db-wal", "server.db-shm"):
            (self.folder / left).unlink(missing_ok=True)
        database = Database(self.url)
        with database.write() as connection:
            begin_new_histories(connection, now_ms())
        database.close()
        self.start()

    def console(self, name: str, user: User = ANA, *, ask_after: int = 12 * 3_600_000, address: str = "") -> Console:
        """A console in a folder of its own, signed in; `address`: where it looks for the server."""
        console = Console(self, self.folder / name, user, ask_after, address or self.address)
        self.consoles.append(console)
        return console


class Console:
    """An agent's store and what keeps it in sync."""

    def __init__(
        self, team: Team, folder: Path, user: User, ask_after: int = 12 * 3_600_000, address: str = ""
    ) -> None:
        self.team = team
        self.folder = folder
        self.user = user
        self.credentials = Credentials(folder, NoVault())
        self.store = Store(folder)
        self.told = threading.Condition()
        self.states: list[SyncStatus] = []
        self.refused: list[Refused] = []
        self.presence: tuple[Presence, ...] = ()
        if not (folder / "server.json").exists():
            session = team.server.accounts.issue_local(WORKSPACE.id, user.id, folder.name)
            self.credentials.sign_in(address or team.address, user.email, session)
        enter_account(self.store, self.credentials.account)
        self.inbox = Inbox(self.store, user.id)
        self.authority = RemoteAuthority(address or team.address, self.credentials)
        self.sync = Sync(
            self.store,
            self.authority,
            on_state=self._on_state,
            on_refused=self._on_refused,
            on_presence=self._on_presence,
            ask_after=ask_after,
        )

    def close(self) -> None:
        """End it, as leaving the console does."""
        self.sync.stop()
        self.authority.close()
        self.store.close()

    def again(self) -> Console:
        """The console that is opened in the same folder after this one was left."""
        self.close()
        self.team.consoles.remove(self)
        return self.team.console(self.folder.name, self.user)

    def act(self, command: Command, *, at: int | None = None) -> str:
        """Give a command; returns its id."""
        issued = Issued(new_id(), command, Actor(self.user.id), at or now_ms())
        assert self.store.execute(issued) is not None
        return issued.id

    def texts(self, contact: Contact = MAI) -> list[str]:
        """What the timeline of a contact says, without events."""
        return [line.message.text for line in self.inbox.timeline(contact.id) if line.message.text]

    @property
    def counts(self) -> Counts:
        """How much of the outbox is where."""
        return outbox.counts(self.store.reader)

    def wait(self, done: Callable[[], bool]) -> None:
        """Wait until something is so, looking whenever something was told."""
        unlisten = self.store.listen(lambda _: self._tell())
        try:
            with self.told:
                assert self.told.wait_for(done, PATIENCE), (self.states[-3:], self.texts())
        finally:
            unlisten()

    def wait_for(self, state: SyncState) -> SyncStatus:
        """Wait until things stand so; returns how they stood then, which may be over already."""
        with self.told:
            self.wait(lambda: bool(self.states) and self.states[-1].state is state)
            return self.states[-1]

    def _tell(self) -> None:
        with self.told:
            self.told.notify_all()

    def _on_state(self, status: SyncStatus) -> None:
        with self.told:
            self.states.append(status)
            self.told.notify_all()

    def _on_refused(self, refused: Refused) -> None:
        with self.told:
            self.refused.append(refused)
            self.told.notify_all()

    def _on_presence(self, presence: tuple[Presence, ...]) -> None:
        with self.told:
            self.presence = presence
            self.told.notify_all()


class NoVault:
    """A keyring that keeps nothing: tokens go into a file."""

    def get(self, key: str) -> str | None:
        return None

    def set(self, key: str, secret: str) -> bool:
        return False

    def delete(self, key: str) -> None:
        return None


@contextmanager
def a_team(folder: Path, settings: ServerSettings | None = None) -> Iterator[Team]:
    """A team that is gone afterwards."""
    team = Team(folder, settings)
    try:
        yield team
    finally:
        team.close()


def back_up(team: Team) -> Path:
    """A copy of the database as it is now."""
    copy = team.folder / "backup.db"
    with closing(sqlite3.connect(team.folder / "server.db")) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    return copy


def in_step(*consoles: Console) -> None:
    """Everything leaves, everything arrives; then all hold the same."""
    for console in (*consoles, *consoles):  # twice: the first hears of what the others sent
        console.sync.exchange()
    held = [rows_of(console.store) for console in consoles]
    for rows in held:
        assert rows == held[0], [set(rows[table]) ^ set(held[0][table]) for table in rows]
    for console in consoles:
        assert_sound(console.store)
        assert (console.counts.unsent, console.store.replica.rebuilding, console.store.replica.sweeping) == (0, 0, 0)


def made_snapshot(team: Team) -> Snapshot:
    """The snapshot that the server gives out, once it is there."""
    session = team.server.accounts.issue_local(WORKSPACE.id, ANA.id, "test")
    viewer = team.server.accounts.viewer(session.access, WORKSPACE.id)
    while (found := team.server.snapshots.find(viewer, SCHEMA_VERSION)) is None:
        team.server.snapshots._attending.join()
    return found


def in_both(console: Console) -> list[str]:
    """What Mai's timeline says, once it is sure that a console that begins now has the same."""
    in_step(console, console.team.console(f"fresh {new_id()}"))
    return console.texts()


def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No long waits between attempts."""
    for module in (engine, live):
        monkeypatch.setattr(module, "FIRST_RETRY", 0.01)
        monkeypatch.setattr(module, "LONGEST_RETRY", 0.1)
