"""What a team's server keeps: `server backup`, `restore`, `vacuum` and `import`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ismsg_tui.cli.errors import FailedError
from ismsg_tui.cli.importing import files_argument, many, take_in
from ismsg_tui.cli.server_desk import server_desk, workspace_option
from ismsg_tui.cli.server_place import ServerPlace, server_place
from ismsg_tui.domain.entities import Entity
from ismsg_tui.domain.media import size_words
from ismsg_tui.domain.state import Settings

if TYPE_CHECKING:
    from ismsg_tui.server.ledger import Ledger

BLOBS = "blobs"


@click.command("backup")
@server_place
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def back_up(place: ServerPlace, file: Path) -> None:
    """Write everything as of this moment, files too, into one FILE; the server may go on working.

    The file is the same for SQLite and PostgreSQL: either can be restored into the other.
    """
    from ismsg_tui.server import backup

    with server_desk(place) as desk:
        if not desk.admin.workspaces():
            raise FailedError("There is nothing to back up: no workspace has been begun here.")
        tally = backup.back_up(desk.database, place.folder / BLOBS, file.absolute())
    click.echo(f"{many(tally.rows, 'row')} and {many(tally.files, 'file')} are in {file} ({size_words(tally.size)}).")


@click.command("restore")
@server_place
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--yes", is_flag=True, help="Put it in the place of what is there.")
def restore(place: ServerPlace, file: Path, yes: bool) -> None:
    """Put everything of a backup in the place of what is there; stop the server first.

    Consoles begin anew by themselves, and send again what they have that the backup lacks. Messages that may have gone
    out already are not sent a second time: they are marked, and the agents decide.
    """
    from ismsg_tui.server import backup

    with server_desk(place, make=True) as desk, _alone(place):
        tally = backup.restore(desk.database, place.folder / BLOBS, file.absolute(), over=yes)
    click.echo(f"{many(tally.rows, 'row')} and {many(tally.files, 'file')} are back.")


@contextmanager
def _alone(place: ServerPlace) -> Iterator[None]:
    """Keep a server from running on the folder meanwhile. Raises FailedError where one does."""
    from ismsg_tui.server.run import ServeError, only_server

    try:
        with only_server(place.folder):
            yield
    except ServeError as error:
        raise FailedError(str(error)) from error


@click.command("vacuum")
@server_place
def vacuum(place: ServerPlace) -> None:
    """Forget what nobody will ask for any more, and give the room back to the disk. Takes a while; others wait."""
    with server_desk(place) as desk:
        gone = desk.admin.tidy()
        desk.database.vacuum()
    what = "old receipts, tokens, devices and traces"
    click.echo(f"{gone:,} {what} forgotten." if gone else "There was nothing to forget.")


class LedgerSink:
    """A workspace of a server as what conversations are imported to."""

    def __init__(self, ledger: Ledger, workspace_id: str) -> None:
        self._ledger = ledger
        self._workspace_id = workspace_id

    @property
    def settings(self) -> Settings:
        """Workspace, users and channels."""
        return self._ledger.settings(self._workspace_id)

    def knows(self, contact_id: str) -> bool:
        """Whether there is such a contact."""
        return self._ledger.read(self._workspace_id, "contact", contact_id) is not None

    def write(self, rows: Sequence[Entity]) -> None:
        """Write rows as history, of which nobody is told."""
        self._ledger.seed(self._workspace_id, rows, past=True)


@click.command("import")
@server_place
@files_argument
@workspace_option
def import_(place: ServerPlace, files: tuple[Path, ...], wanted: str) -> None:
    """Bring conversations in from JSON Lines, compressed or not; the same file again changes nothing."""
    with server_desk(place) as desk:
        take_in(LedgerSink(desk.ledger, desk.workspace(wanted)), files)
