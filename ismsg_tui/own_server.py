"""The server that a console runs for itself where it belongs to no other: the same code, in this process, on loopback.

It begins on the thread that synchronises when that first asks, so that nobody waits for it; its data lie beside the
store. What was brought into the store without it, the set-up of the workspace and imports, is handed to it first.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from ismsg_tui.domain.changes import Answer
from ismsg_tui.domain.commands import Issued
from ismsg_tui.domain.entities import Entity, Workspace
from ismsg_tui.domain.wire import Session
from ismsg_tui.store.export import adopted_rows
from ismsg_tui.store.migrations import SCHEMA_VERSION
from ismsg_tui.store.snapshot import build
from ismsg_tui.store.store import Store
from ismsg_tui.sync.authority import ClientError, UnreachableError
from ismsg_tui.sync.credentials import Account, Credentials, Tokens, tokens_of
from ismsg_tui.sync.relay import Relay

if TYPE_CHECKING:
    from ismsg_tui.server.app import Server
    from ismsg_tui.sync.remote import RemoteAuthority

FOLDER = "server"
"""Beside the store: the database of its server and the files that went through it."""
UNLIMITED = 1_000_000.0
"""Commands a second: nobody has to be kept from flooding himself."""
LOOK = 5.0
"""Seconds between looks for what other processes did: all that is usual happens in this one, and says so."""


class OwnServer:
    """A server on a thread of this process."""

    def __init__(self, folder: Path, workspace_id: str) -> None:
        """Begins to answer for a workspace, which may take a second or two; others in the folder are left alone.

        Raises UnreachableError where another process runs a server on this folder, ClientError where it can't be run.
        """
        # Whoever belongs to another server needs none of this.
        from ismsg_tui.server.admin import Admin
        from ismsg_tui.server.app import Server, ServerSettings
        from ismsg_tui.server.database import Database
        from ismsg_tui.server.run import Background, only_server
        from ismsg_tui.server.snapshots import SnapshotBuilder

        self.folder = folder
        self.workspace_id = workspace_id
        with ExitStack() as stack:
            with _told(folder):
                stack.enter_context(only_server(folder))
                database = self._database = Database(f"sqlite:///{folder / 'server.db'}")
                stack.callback(database.close)
                database.migrate()
                settings = ServerSettings(
                    commands_per_second=UNLIMITED,
                    commands_burst=UNLIMITED,
                    look=LOOK,
                    snapshot_builder=SnapshotBuilder(SCHEMA_VERSION, build),
                )
                self.server: Server = Server(database, folder, settings=settings)
                # Whoever works here reads one store on one machine: to none of them is a file a secret.
                check = self.server.blobs.check
                self.server.ledger.blob_check = lambda connection, ws, sha256, _: check(connection, ws, sha256, None)
                self.admin = Admin(database, self.server.ledger)
                background = Background(self.server)
            stack.callback(background.stop)
            self.address = background.address
            """Where it answers."""
            self.server.channels.deliveries.public_url = self.address
            self._stack = stack.pop_all()

    def close(self) -> None:
        """End it; everything is kept."""
        self._stack.close()

    @property
    def is_new(self) -> bool:
        """Whether it does not know the workspace yet."""
        return all(known.id != self.workspace_id for known in self.admin.workspaces())

    def take_in(self, rows: Sequence[Entity]) -> None:
        """Keep rows that no command made; a workspace that is new is begun. Raises as `OwnServer` does."""
        with _told(self.folder):
            self.begin(rows)
            self.server.ledger.seed(self.workspace_id, rows)

    def begin(self, rows: Sequence[Entity]) -> None:
        """Begin the workspace with its row, which is among these, where it is new."""
        if self.is_new:
            for row in rows:
                if isinstance(row, Workspace) and row.id == self.workspace_id:
                    self.admin.create_workspace(row)

    def keep_file(self, content: bytes) -> None:
        """Keep the bytes of a small file that a row taken in speaks of."""
        blobs = self.server.blobs
        with blobs.receive(self.workspace_id, blobs.limits.largest) as incoming:
            incoming.write(content)
            sha256 = incoming.close()
            with self._database.write() as connection:
                blobs.keep(connection, self.workspace_id, sha256, incoming.path, incoming.size)

    def sign_in(self, user_id: str, folder: Path) -> RemoteAuthority:
        """The server as it is for one user; `folder` is where what is half sent is noted."""
        session = self.server.accounts.issue_local(self.workspace_id, user_id, "own console")
        self._stack.callback(self.server.accounts.sign_out, session.device_id)
        return signed_in(self.address, session, folder)


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    """Raises what goes wrong with the server in a folder as what whoever synchronises knows: now, or for good."""
    from sqlalchemy.exc import SQLAlchemyError

    from ismsg_tui.server.admin import AdminError
    from ismsg_tui.server.database import DatabaseError
    from ismsg_tui.server.errors import ProblemError
    from ismsg_tui.server.run import ServeError

    try:
        yield
    except ServeError as error:
        raise UnreachableError(str(error), arrived=False) from error
    except ProblemError as error:
        if error.retry_after:
            raise UnreachableError(error.detail, arrived=False) from error
        raise ClientError(error.detail) from error
    except (AdminError, DatabaseError) as error:
        raise ClientError(f"The console's own server in {folder} can't be run: {error}") from error
    except SQLAlchemyError as error:
        raise ClientError(
            f"The database of the console's own server is damaged ({getattr(error, 'orig', error)}). "
            f"Move {folder} away: the console makes a new one of what it holds. Channels have to be connected again."
        ) from error
    except OSError as error:
        raise ClientError(f"The server in {folder} can't be run: {error.strerror or error}.") from error


def signed_in(address: str, session: Session, folder: Path) -> RemoteAuthority:
    """A server as it is for a device whose tokens nobody has to keep; what is half sent is noted in `folder`."""
    from ismsg_tui.sync.remote import RemoteAuthority

    return RemoteAuthority(address, _InMemory(folder, address, session))


class _InMemory(Credentials):
    """Tokens that last as long as this process."""

    def __init__(self, folder: Path, address: str, session: Session) -> None:
        super().__init__(folder)
        self._session = session
        self._tokens = tokens_of(session)
        self._address = address
        self._renewing = threading.Lock()

    @property
    def account(self) -> Account:
        """Whom it signs in."""
        known = self._session
        return Account(
            self._address, known.workspace_id, known.workspace_name, known.user_id, email="", device_id=known.device_id
        )

    def tokens(self) -> Tokens:
        """The tokens to be used now."""
        return self._tokens

    def renew(self, stale: Tokens, exchange: Callable[[str], Session]) -> None:
        """Get new tokens for stale ones, once for all threads."""
        with self._renewing:
            if self._tokens == stale:
                self._tokens = tokens_of(exchange(stale.refresh))


class OwnAuthority(Relay):
    """The authority of a store that belongs to no server."""

    def __init__(self, store: Store, user_id: str) -> None:
        """`user_id` is who sits at the console; others may give commands from the shell."""
        self._store = store
        self._user_id = user_id
        self._lock = threading.Lock()
        self._server: OwnServer | None = None
        self._closed = False
        self._users: dict[str, RemoteAuthority] = {}

    def close(self) -> None:
        """End the server; it does not begin again."""
        with self._lock:
            self._closed = True
            for remote in self._users.values():
                remote.close()
            self._users.clear()
            if self._server is not None:
                self._server.close()
                self._server = None

    def push(self, commands: Sequence[Issued]) -> list[Answer]:
        """Carry out commands, each for the user who gave it."""
        self.there()
        answers: list[Answer] = []
        for user_id, given in groupby(commands, lambda issued: issued.actor.user_id or self._user_id):
            batch = list(given)
            try:
                found = self._remote(user_id).push(batch)
            except UnreachableError:
                if not answers:
                    raise
                break  # those before are settled
            answers += found
            if len(found) < len(batch):
                break
        return answers

    def there(self) -> RemoteAuthority:
        """The server for the user at the console, once it has what was brought into the store without it."""
        self._hand_over()
        return self._remote(self._user_id)

    def _hand_over(self) -> None:
        with self._lock:
            server = self._running()
            if server.is_new:
                # It is new, or has lost its folder: what the store holds is all that there is.
                self._store.disown()
            if adopted := self._store.replica.adopted:
                for rows in adopted_rows(self._store):
                    server.take_in(rows)
                self._store.given(adopted)

    def _remote(self, user_id: str) -> RemoteAuthority:
        with self._lock:
            remote = self._users.get(user_id)
            if remote is None:
                remote = self._users[user_id] = self._running().sign_in(user_id, self._store.path.parent)
            return remote

    def _running(self) -> OwnServer:
        if self._closed:
            raise UnreachableError("The console is being closed.", arrived=False)
        if self._server is None:
            self._server = OwnServer(self._store.path.parent / FOLDER, self._store.settings.workspace.id)
        return self._server
