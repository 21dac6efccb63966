"""A whole server for tests, as it answers over HTTP on the loopback interface, with a small team in it."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from httpx_sse import connect_sse
from msgspec.structs import replace

from ismsg_tui.clock import new_id
from ismsg_tui.domain.commands import Actor, AssignContact, Command, CreateContact, Issued, ReceiveMessage
from ismsg_tui.domain.entities import Channel, Contact, Role, Source, User, Visibility, Workspace
from ismsg_tui.domain.wire import Session
from ismsg_tui.server.admin import Admin
from ismsg_tui.server.app import Server, ServerSettings
from ismsg_tui.server.database import Database
from ismsg_tui.server.run import Background
from tests.waiting import PATIENCE

PASSWORD = "correct horse battery"
CHANNEL = Actor(None, Source.CONTACT)
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Of a client that speaks plain HTTP: to read the certificates of all authorities for each takes long."""


class Desk:
    """A server with one workspace, its owner Olga, and the agent Ana, who sees her own contacts alone."""

    def __init__(self, server: Server, background: Background) -> None:
        self.server = server
        self.background = background
        self.address = background.address
        self.admin = Admin(server.database, server.ledger)
        self.workspace = self.admin.create_workspace(Workspace(id=new_id(), name="Harbour Hotel"))
        self.channel = Channel(id=new_id(), kind="web", name="Website", text_limit=1_000)
        server.ledger.seed(self.workspace.id, [self.channel])
        self.olga = self._add(User(id=new_id(), name="Olga", email="olga@example.org", role=Role.OWNER))
        self.ana = self._add(User(id=new_id(), name="Ana", email="ana@example.org", visibility=Visibility.OWN))
        self._clients: list[httpx.Client] = []

    def _add(self, user: User) -> User:
        return self.admin.add_user(self.workspace.id, user, PASSWORD)

    def disable(self, user: User) -> None:
        """Take a user out of the team."""
        self.server.ledger.seed(self.workspace.id, [replace(user, active=False)])

    def client(self, **headers: str) -> httpx.Client:
        """A client that is not signed in."""
        client = httpx.Client(base_url=self.address, timeout=PATIENCE, headers=headers, verify=NO_TLS)
        self._clients.append(client)
        return client

    def console(self, user: User | None = None) -> Console:
        """A new device of a user, Olga unless said otherwise, signed in without a password."""
        session = self.server.accounts.issue_local(self.workspace.id, (user or self.olga).id, "test")
        return Console(self, session)

    def contact(self, text: str = "hello", assignee: User | None = None) -> Contact:
        """Somebody new, who has written, and is given to a user."""
        contact = Contact(id=new_id(), first_name="Mai")
        self.submit(CreateContact(contact))
        if assignee is not None:
            self.submit(AssignContact(contact.id, assignee.id), Actor(self.olga.id))
        self.submit(ReceiveMessage(contact.id, text, self.channel.id))
        return contact

    def submit(self, command: Command, actor: Actor = CHANNEL) -> None:
        """Something that happens on the server."""
        result = self.server.ledger.submit(self.workspace.id, Issued(new_id(), command, actor, 0))
        assert result.refusal is None

    def close(self) -> None:
        """Close every client."""
        for client in self._clients:
            client.close()


class Console:
    """A device that is signed in."""

    def __init__(self, desk: Desk, session: Session) -> None:
        self.session = session
        self.base = f"/v1/w/{session.workspace_id}"
        self.http = desk.client(Authorization=f"Bearer {session.access}")

    def get(self, path: str, **query: Any) -> httpx.Response:
        """Ask for something of the workspace."""
        return self.http.get(self.base + path, params=query)

    def post(self, path: str, body: object) -> httpx.Response:
        """Send JSON to something of the workspace."""
        return self.http.post(self.base + path, json=body)

    def cursor(self, since: int | None = None) -> dict[str, Any]:
        """The query that continues from a revision, by default the newest."""
        hello = self.get("/hello").json()
        return {
            "since": hello["head"] if since is None else since,
            "epoch": hello["epoch"],
            "sight": hello["sight"],
        }

    def push(self, *commands: dict[str, Any]) -> httpx.Response:
        """Send commands."""
        return self.post("/commands", {"commands": list(commands)})


class Live:
    """A live stream of a console that is being read."""

    def __init__(self, console: Console, **cursor: Any) -> None:
        self._stack = ExitStack()
        self._source = self._stack.enter_context(
            connect_sse(console.http, "GET", f"{console.base}/live", params=cursor or console.cursor())
        )
        self.answer = self._source.response
        self._events = self._source.iter_sse()

    def next(self, *names: str) -> tuple[str, Any]:
        """The next event, of these names if any are given, with its data. Raises StopIteration at the end."""
        event = next(event for event in self._events if not names or event.event in names)
        return event.event, event.json()

    def reason(self) -> str:
        """Why the stream ends: what its last event says."""
        reason = str(self.next("bye")[1]["reason"])
        assert next(self._events, None) is None
        return reason

    def close(self) -> None:
        """Hang up."""
        self._stack.close()


def command(type_: str, **arguments: Any) -> dict[str, Any]:
    """A command as it travels."""
    return {"id": new_id(), "command": {"type": type_, **arguments}, "actor": {}, "at": 0}


@contextmanager
def desk_on(database: Database, folder: Path, settings: ServerSettings | None = None) -> Iterator[Desk]:
    """A desk on a database, over real HTTP."""
    server = Server(database, folder, settings=settings)
    background = Background(server)
    desk = Desk(server, background)
    try:
        yield desk
    finally:
        desk.close()
        background.stop()


@pytest.fixture
def desk(server_database: Database, tmp_path: Path) -> Iterator[Desk]:
    """A server on each kind of database."""
    with desk_on(server_database, tmp_path / "server") as desk:
        yield desk


@pytest.fixture
def small_desk(sqlite_database: Database, tmp_path: Path) -> Iterator[Desk]:
    """For what does not ask the database for anything of its own kind."""
    with desk_on(sqlite_database, tmp_path / "server") as desk:
        yield desk
