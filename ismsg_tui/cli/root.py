"""The command `ismsg` itself: its options, its commands, and the console, which opens where no command is given."""

from __future__ import annotations

import gc
import io
import sys
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from ismsg_tui import __version__
from ismsg_tui.cli.errors import FailedError, failure
from ismsg_tui.cli.session import Session
from ismsg_tui.cli.waiting import in_a_moment
from ismsg_tui.config import data_folder
from ismsg_tui.inbox import Inbox
from ismsg_tui.own_server import OwnAuthority
from ismsg_tui.store.store import FILE_NAME as STORE
from ismsg_tui.sync.connecting import Connection, connect

_PLACES = {
    "ls": "reading:list_contacts",
    "show": "reading:show",
    "search": "reading:search",
    "send": "acting:send",
    "comment": "acting:comment",
    "assign": "acting:assign",
    "open": "acting:open_conversation",
    "close": "acting:close",
    "snooze": "acting:snooze",
    "wake": "acting:wake",
    "import": "importing:import_",
    "export": "exporting:export",
    "files": "files:files",
    "snippets": "snippets:snippets",
    "record": "sound:record",
    "play": "sound:play",
    "doctor": "service:doctor",
    "demo": "service:demo",
    "serve": "serving:serve",
    "server": "server_admin:server",
    "login": "signing:login",
    "logout": "signing:logout",
    "sync": "signing:sync",
    "status": "signing:status",
    "completion": "service:completion",
}
"""Every command with its module in this package and its name there."""


class Commands(click.Group):
    """Loads a command when it is named, and turns every error into one sentence and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names of all commands."""
        return sorted(_PLACES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as above
        """The command of that name; nothing of the others is loaded, which the console would have to wait for."""
        if cmd_name not in _PLACES:
            return None
        module, _, name = _PLACES[cmd_name].partition(":")
        command: click.Command = getattr(import_module(f"ismsg_tui.cli.{module}"), name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. Raises click's own exceptions only."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except Exception as error:
            raise failure(error, ctx.params.get("data") or data_folder()) from error


@click.group(
    "ismsg",
    cls=Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="CONTACT is an id or the start of one, or a whole name, phone or email that only one contact has.",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    envvar="ISMSG_DATA",
    show_envvar=True,
    metavar="DIR",
    help="Where the data lies.",
)
@click.option("--user", envvar="ISMSG_USER", show_envvar=True, metavar="NAME", help="Who acts; else the login name.")
@click.option("--plain", is_flag=True, help="Work line by line: for screen readers, simple terminals and scripts.")
@click.version_option(__version__, prog_name="ismsg", message="%(prog)s %(version)s")
@click.pass_context
def main(ctx: click.Context, data: Path | None, user: str | None, plain: bool) -> None:
    """An agent's desk in the terminal: answer the people who write to you.

    Without a command it opens the console.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that knows few characters is no reason to fail
    ctx.obj = Session(data, user)
    if ctx.invoked_subcommand is None:
        ctx.exit(_open_plain(ctx.obj) if plain else _open_console(ctx.obj))
    if plain:
        raise click.UsageError(
            "--plain opens the inbox and stands without a command; the demo is “ismsg demo --plain”."
        )


def _open_console(session: Session) -> int:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise FailedError("The console needs a terminal; “ismsg --plain” and the commands in “ismsg --help” do not.")
    if (code := _welcome(session)) is not None:
        return code
    gc.disable()  # what is loaded now stays, so looking it over would only delay the first picture
    with in_a_moment("One moment: the desk opens."):
        from ismsg_tui.app import run_console

        inbox = session.inbox
        inbox.hold = round(session.config.undo_seconds * 1000)
        with closing(_authority(session, inbox)) as authority:
            return run_console(inbox, session.config, authority=authority)


def _welcome(session: Session) -> int | None:
    """Where there are no data yet, ask how to begin; returns the exit code where the console is not to open now."""
    if (session.folder / STORE).exists() or session.has_account:
        return None
    from ismsg_tui.app import Start, run_welcome

    begun = run_welcome(session.folder, session.config)
    if begun is None:
        return 0
    if begun is Start.DEMO:
        from ismsg_tui.cli.service import open_demo

        return open_demo(session)
    if not isinstance(begun, Start):
        session.take_over(begun)
    return None


def _open_plain(session: Session) -> int:
    from ismsg_tui.plain import run_plain

    inbox = session.inbox
    inbox.hold = round(session.config.undo_seconds * 1000)
    with closing(_authority(session, inbox)) as authority:
        return run_plain(inbox, authority=authority)


def _authority(session: Session, inbox: Inbox) -> Connection | OwnAuthority:
    return connect(session.folder) or OwnAuthority(inbox.store, inbox.user_id)
