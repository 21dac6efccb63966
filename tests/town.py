"""A whole team in one process: a server on a file, consoles with their stores, and a line between them that fails on
purpose. What travels is encoded and decoded as on the wire.
"""

from __future__ import annotations

import shutil
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from enum import Enum, auto
from pathlib import Path
from typing import TypeVar

import msgspec
import sqlalchemy as sa
from msgspec.structs import replace

from ismsg_tui.clock import new_id, now_ms
from ismsg_tui.domain import wire
from ismsg_tui.domain.changes import Answer, Page
from ismsg_tui.domain.commands import Actor, Command, CreateContact, Issued, ReceiveMessage
from ismsg_tui.domain.entities import Contact, Entity, Role, Source, User, Visibility
from ismsg_tui.files.handling import Cancelled, Progress
from ismsg_tui.server import tables
from ismsg_tui.server.accounts import Accounts, Viewer
from ismsg_tui.server.admin import Admin
from ismsg_tui.server.database import Database
from ismsg_tui.server.errors import ProblemError
from ismsg_tui.server.ledger import Ledger
from ismsg_tui.server.restored import new_epoch
from ismsg_tui.store.store import Store
from ismsg_tui.sync.authority import AnewError, OnPresence, Standing, UnreachableError
from ismsg_tui.sync.exchange import Exchange
from tests.factories import ANA, BEN, PHONE, WEB, WORKSPACE, uid
from tests.servers import sqlite_url

T = TypeVar("T")
TEAM = (
    replace(ANA, role=Role.OWNER, team="front"),
    replace(BEN, role=Role.AGENT, team="front", visibility=Visibility.TEAM),
    User(id=uid(), name="Cem", role=Role.AGENT, team="back", visibility=Visibility.OWN),
)
"""One who sees everything, one who sees what his team has, and one who sees what is his."""
GUEST = Actor(None, Source.CONTACT)


class Fault(Enum):
    """What may happen to one request."""

    NONE = auto()
    LOST = auto()
    REPLY_LOST = auto()
    TWICE = auto()
    """It arrives once more behind the first."""
    LATE = auto()
    """It is given up, and arrives long after."""
    DIES_BEFORE = auto()
    """The server is killed before it commits."""
    DIES_AFTER = auto()


class Town:
    """A server, and what happened to it; its database is a file that can be kept aside and put back."""

    def __init__(self, folder: Path, url: str = "") -> None:
        """`url` is another, empty database than one of SQLite, which can't be kept aside."""
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._url = url or sqlite_url(folder)
        self._access: dict[str, str] = {}
        self._open()
        self.admin.create_workspace(WORKSPACE)
        for user in TEAM:
            self.admin.add_user(WORKSPACE.id, user)
        self.ledger.seed(WORKSPACE.id, [PHONE, WEB])
        self.late: deque[Callable[[], object]] = deque()
        """Requests that are still on their way."""

    def _open(self) -> None:
        self.database = Database(self._url)
        self.ledger = Ledger(self.database)
        self.accounts = Accounts(self.database)
        self.admin = Admin(self.database, self.ledger)

    def restart(self) -> None:
        """Another process takes over; nothing but the file is left."""
        self.database.close()
        self._open()

    def close(self) -> None:
        """Put everything away."""
        self.database.close()

    def back_up(self) -> None:
        """Keep the database as it is now."""
        self.database.close()
        shutil.copy(self.folder / "server.db", self.folder / "backup.db")
        self._open()

    @property
    def has_backup(self) -> bool:
        """Whether there is something to go back to."""
        return (self.folder / "backup.db").exists()

    def restore(self) -> None:
        """Go back to what was kept, which begins another history."""
        self.database.close()
        for leftover in ("server.db-wal", "server.db-shm"):
            (self.folder / leftover).unlink(missing_ok=True)
        shutil.copy(self.folder / "backup.db", self.folder / "server.db")
        self._open()
        with self.database.write() as connection:
            connection.execute(sa.update(tables.workspace).values(epoch=new_epoch()))

    def submit(self, actor: Actor, command: Command) -> wire.Result:
        """Somebody who is not at a console does something."""
        return self.ledger.submit(WORKSPACE.id, Issued(new_id(), command, actor, now_ms()))

    def writes_in(self, contact: Contact, text: str) -> None:
        """A customer writes; a new one is met first."""
        if self.ledger.read(WORKSPACE.id, "contact", contact.id) is None:
            self.submit(GUEST, CreateContact(contact))
        self.submit(GUEST, ReceiveMessage(contact.id, text, contact.channel_id))

    def pass_days(self, days: int) -> None:
        """Let everything have been done so many days ago at least, and the server do what it does each hour."""
        then = now_ms() - days * 24 * 3_600_000
        table = tables.receipt
        with self.database.write() as connection:
            connection.execute(sa.update(table).where(table.c.at > then).values(at=then))
        self.admin.tidy()

    def set_visibility(self, user_id: str, visibility: Visibility) -> None:
        """A manager changes what a user may see."""
        user = self.ledger.settings(WORKSPACE.id).users[user_id]
        self.admin.change_user(WORKSPACE.id, replace(user, visibility=visibility))

    def viewer(self, user_id: str) -> Viewer:
        """Somebody as the server knows him now."""
        if user_id in self._access:
            with suppress(ProblemError):  # a restored database does not know the device
                return self.accounts.viewer(self._access[user_id], WORKSPACE.id)
        access = self._access[user_id] = self.accounts.issue_local(WORKSPACE.id, user_id, "test").access
        return self.accounts.viewer(access, WORKSPACE.id)

    def rows(self, user_id: str) -> list[Entity]:
        """Every row that somebody may see."""
        viewer = self.viewer(user_id)
        hello = self.ledger.hello(viewer)
        rows: list[Entity] = []
        since, more = 0, True
        while more:
            body = self.ledger.changes(viewer, since, hello.epoch, hello.sight, wire.MOST_ROWS, hello.head)
            page = wire.page_of(body)
            rows += [row for _, row in page.rows]
            since, more = page.to, page.more
        return rows


class Line:
    """An authority as a console sees it: the town's server at the end of a line that obeys a plan of faults."""

    def __init__(self, town: Town, user_id: str) -> None:
        self._town = town
        self._user_id = user_id
        self.faults: deque[Fault] = deque()
        self._standing = wire.Hello("", 0, 0, 0, 0, "", 0)

    def meet(self) -> Standing:
        """How things stand."""
        hello = self._standing = self._carry(lambda: self._town.ledger.hello(self._viewer), wire.Hello)
        return Standing(
            hello.epoch, hello.sight, hello.head, hello.rows, hello.user_id, self._viewer.workspace_id, hello.now
        )

    def push(self, commands: Sequence[Issued]) -> list[Answer]:
        """Carry out commands."""
        body = msgspec.json.encode(wire.CommandBatch(list(commands)))

        def arrive() -> wire.Results:
            batch = msgspec.json.decode(body, type=wire.CommandBatch)
            return self._town.ledger.push(self._viewer, batch.commands)

        return [wire.answer_of(result) for result in self._carry(arrive, wire.Results).results]

    def changes(self, since: int, limit: int, begun: int = 0) -> Page:
        """The rows after a revision."""
        met = self._standing

        def arrive() -> wire.PageBody:
            return self._town.ledger.changes(self._viewer, since, met.epoch, met.sight, limit, begun)

        return wire.page_of(self._carry(arrive, wire.PageBody))

    @property
    def _viewer(self) -> Viewer:
        return self._town.viewer(self._user_id)

    def _carry(self, arrive: Callable[[], T], kind: type[T]) -> T:
        fault = self.faults.popleft() if self.faults else Fault.NONE
        if fault is Fault.DIES_BEFORE:
            self._town.restart()
        if fault is Fault.LATE:
            self._town.late.append(arrive)
        if fault in (Fault.LOST, Fault.LATE, Fault.DIES_BEFORE):
            raise UnreachableError(arrived=fault is not Fault.LOST)
        try:
            answer = arrive()
            if fault is Fault.TWICE:
                arrive()
        except ProblemError as problem:
            if problem.status == 410:
                raise AnewError(problem.code) from problem
            raise
        if fault is Fault.DIES_AFTER:
            self._town.restart()
        if fault in (Fault.REPLY_LOST, Fault.DIES_AFTER):
            raise UnreachableError
        return msgspec.json.decode(msgspec.json.encode(answer), type=kind)

    # What these tests do without

    def watch(self, hint: Callable[[], None], on_presence: OnPresence) -> Callable[[], None]:
        """Nothing is told."""
        return lambda: None

    def announce(self, note: wire.PresenceNote) -> None:
        """Nobody is told."""

    def has_blob(self, sha256: str) -> bool:
        """No file is there."""
        return False

    def put_blob(self, sha256: str, path: Path, progress: Progress, cancelled: Cancelled) -> None:
        """No file is taken."""
        raise UnreachableError

    def get_blob(self, sha256: str, to: Path, progress: Progress, cancelled: Cancelled) -> None:
        """No file is given."""
        raise UnreachableError


class Console:
    """A store, its user and its line."""

    def __init__(self, town: Town, user: User, folder: Path) -> None:
        self.user = user
        self.folder = folder
        self._town = town
        self.line = Line(town, user.id)
        self.open()

    def open(self) -> None:
        """Begin, or begin again after `close`."""
        self.store = Store(self.folder)
        self._exchange = Exchange(self.store, self.line)

    def close(self) -> None:
        """End; the folder stays."""
        self.store.close()

    def exchange(self) -> bool:
        """One exchange; returns whether it came to its end."""
        try:
            self._exchange.run()
        except UnreachableError:
            self._exchange.standing = None
            return False
        return True

    def keep_copy(self) -> None:
        """Put the folder aside as it is."""
        self.close()
        shutil.rmtree(self._copy, ignore_errors=True)
        shutil.copytree(self.folder, self._copy)
        self.open()

    def put_copy_back(self) -> None:
        """Go back to the folder as it was."""
        self.close()
        shutil.rmtree(self.folder)
        shutil.copytree(self._copy, self.folder)
        self.open()

    @property
    def _copy(self) -> Path:
        return self.folder.with_name(self.folder.name + "-copy")
