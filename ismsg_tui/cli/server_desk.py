"""What the commands of `ismsg server` share: the opened server, which workspace is meant, and errors as sentences."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ismsg_tui.cli.errors import FailedError
from ismsg_tui.cli.server_place import ServerPlace
from ismsg_tui.domain.text import one_line

if TYPE_CHECKING:
    from ismsg_tui.server.admin import Admin
    from ismsg_tui.server.database import Database
    from ismsg_tui.server.ledger import Ledger

SQLITE = "sqlite:///"
"""How the address of a database begins that is a file."""

workspace_option = click.option(
    "--workspace", "wanted", default="", metavar="W", help="Which workspace, by name or id, where there are several."
)


class ServerDesk:
    """A server's database with what works on it, without its network."""

    def __init__(self, database: Database, ledger: Ledger, admin: Admin) -> None:
        self.database = database
        self.ledger = ledger
        self.admin = admin

    def workspace(self, wanted: str) -> str:
        """The id of the workspace that is meant; the only one where nothing is said. Raises FailedError."""
        known = self.admin.workspaces()
        found = [note for note in known if wanted == note.id] if wanted else known
        found = found or [note for note in known if wanted.casefold() == note.name.casefold()]
        if len(found) == 1:
            return found[0].id
        if not known:
            raise FailedError("There is no workspace yet: “ismsg server init --workspace NAME” begins one.")
        names = [f"{one_line(note.name)} · {note.id}" for note in known]
        raise FailedError("Say which workspace by --workspace.", names)


@contextmanager
def server_desk(place: ServerPlace, *, make: bool = False) -> Iterator[ServerDesk]:
    """Open the server at a place, its database brought up to date, or made if it may be. Raises FailedError."""
    from ismsg_tui.server.admin import Admin
    from ismsg_tui.server.database import Database
    from ismsg_tui.server.ledger import Ledger

    file = Path(place.url.removeprefix(SQLITE))
    if not make and place.url.startswith(SQLITE) and not file.exists():
        raise FailedError(f"There is no server at {file}: say where it is, or begin one by “ismsg server init”.")
    with said():
        database = Database(place.url)
        try:
            database.migrate()
            ledger = Ledger(database)
            yield ServerDesk(database, ledger, Admin(database, ledger))
        finally:
            database.close()


@contextmanager
def said() -> Iterator[None]:
    """Turn what the server complains about into a sentence. Raises FailedError."""
    from sqlalchemy.exc import DatabaseError as EngineError

    from ismsg_tui.server.admin import AdminError
    from ismsg_tui.server.backup import BackupError
    from ismsg_tui.server.database import DatabaseError
    from ismsg_tui.server.errors import ProblemError

    try:
        yield
    except (AdminError, BackupError, DatabaseError, ProblemError) as error:
        raise FailedError(str(error)) from error
    except EngineError as error:
        raise FailedError(f"The database can't be used: {error.orig}.") from error
