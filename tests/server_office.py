"""A workspace on a server for tests: the parts on one database, with a clock of its own, and consoles that pull."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from msgspec.structs import replace

from ismsg_tui.domain import wire
from ismsg_tui.domain.commands import Actor, Command, Issued
from ismsg_tui.domain.entities import Contact, Entity, User
from ismsg_tui.server.accounts import Accounts, Viewer
from ismsg_tui.server.admin import Admin
from ismsg_tui.server.database import Database
from ismsg_tui.server.errors import ProblemError
from ismsg_tui.server.ledger import Ledger
from tests.factories import ANA, GUEST, MAI, SETTINGS, T0, WORKSPACE, uid

E = TypeVar("E", bound=Entity)
MOST_BEGINNINGS = 100
"""So often no test has a console begin: one that does is in a loop."""
Rows = dict[tuple[str, str], tuple[int, Entity]]
"""Revision and row by kind and id."""


class Office:
    """The server's parts, and what people and channels do there."""

    def __init__(self, database: Database, rows: Iterable[Entity] = (*SETTINGS, MAI), *, begin: bool = True) -> None:
        """`begin` makes the workspace; another office on the same database leaves that out."""
        self.now = T0
        self.database = database
        self.ledger = Ledger(database, lambda: self.now)
        self.accounts = Accounts(database, lambda: self.now)
        self.admin = Admin(database, self.ledger, lambda: self.now)
        if begin:
            self.admin.create_workspace(WORKSPACE)
            self.ledger.seed(WORKSPACE.id, list(rows))

    def viewer(self, user: User = ANA) -> Viewer:
        """The user at a device of his own."""
        session = self.accounts.issue_local(WORKSPACE.id, user.id, "test")
        return self.accounts.viewer(session.access, WORKSPACE.id)

    def push(self, viewer: Viewer, command: Command, id: str | None = None) -> wire.Result:
        """A user gives a command."""
        return self.ledger.push(viewer, [issued(command, id)]).results[0]

    def submit(self, command: Command, actor: Actor = GUEST, id: str | None = None) -> wire.Result:
        """A channel, a contact or automation does something."""
        return self.ledger.submit(WORKSPACE.id, replace(issued(command, id), actor=actor))

    def head(self) -> int:
        """The newest revision."""
        return self.ledger.head(WORKSPACE.id)

    def all(self, kind: type[E], viewer: Viewer | None = None) -> list[E]:
        """Every row of a type, in order of revision."""
        pulled = sorted(self.pull(viewer or self.viewer()).values(), key=lambda found: found[0])
        return [row for _, row in pulled if isinstance(row, kind)]

    def contact(self, contact_id: str = MAI.id) -> Contact:
        """A contact as he is now."""
        row = self.ledger.read(WORKSPACE.id, "contact", contact_id)
        assert isinstance(row, Contact)
        return row

    def pull(self, viewer: Viewer, limit: int = 5_000) -> Rows:
        """Everything that a user may see."""
        return Replica(self, viewer, limit).catch_up()


class Replica:
    """What a console holds that takes page by page."""

    def __init__(self, office: Office, viewer: Viewer, limit: int = 5_000) -> None:
        self.office, self.viewer, self.limit = office, viewer, limit
        self.rows: Rows = {}
        self.begun = 0
        self.reasons: list[str] = []
        """Why it had to begin anew, each time."""
        self._begin()

    def _begin(self) -> None:
        hello = self.office.ledger.hello(self.viewer)
        self.epoch, self.sight, self.cursor, self.head = hello.epoch, hello.sight, 0, hello.head
        self.rows = {}
        self.begun += 1

    def take_page(self) -> bool:
        """Take one page; returns whether there may be more."""
        try:
            page = self.office.ledger.changes(self.viewer, self.cursor, self.epoch, self.sight, self.limit, self.head)
        except ProblemError as problem:
            if problem.status != 410:
                raise
            self.reasons.append(problem.code)
            assert len(self.reasons) < MOST_BEGINNINGS, self.reasons
            self._begin()
            return True
        assert page.since == self.cursor
        assert page.to <= page.head
        assert page.more is (page.to < page.head)
        revs = [rev for rev, _, _ in page.rows]
        assert revs == sorted(revs)
        self.cursor = page.to
        for key in [key for key, (_, row) in self.rows.items() if _contact_of(row) in page.gone]:
            del self.rows[key]
        for rev, kind, raw in page.rows:
            row = wire.unpack_row(kind, raw)
            assert row is not None
            assert _contact_of(row) not in page.gone
            if self.rows.get((kind, row.id), (0, row))[0] <= rev:
                self.rows[kind, row.id] = rev, row
        return page.more

    def catch_up(self) -> Rows:
        """Take pages until there are no more."""
        while self.take_page():
            pass
        return self.rows


def issued(command: Command, id: str | None = None) -> Issued:
    """A command as a console sends it."""
    return Issued(id or uid(), command, Actor("whoever"), 0)


def _contact_of(row: Entity) -> str | None:
    contact_id: str | None = row.id if isinstance(row, Contact) else getattr(row, "contact_id", None)
    return contact_id
