"""About ismsg itself: `doctor`, `demo`, `completion`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ismsg_tui.cli.errors import FailedError, failure, say
from ismsg_tui.cli.output import json_option, print_json, print_lines
from ismsg_tui.cli.session import Session, pass_session
from ismsg_tui.cli.waiting import in_a_moment
from ismsg_tui.config import Config
from ismsg_tui.domain.text import one_line
from ismsg_tui.inbox import Inbox
from ismsg_tui.store.connection import Error as SqliteError
from ismsg_tui.sync.authority import Authority

if TYPE_CHECKING:
    from ismsg_tui.demo.run import OpenConsole

_COMPLETION_HELP = """\b
For good: add this line to ~/.bashrc, ~/.zshrc or ~/.config/fish/config.fish.
  bash  eval "$(ismsg completion bash)"
  zsh   eval "$(ismsg completion zsh)"
  fish  ismsg completion fish | source
"""
_STYLE = {"ok": "green", "warn": "yellow", "bad": "bold red"}


@click.command("doctor")
@click.option("--sound", "try_sound", is_flag=True, help="Record for three seconds and play what was heard.")
@json_option
@pass_session
def doctor(session: Session, try_sound: bool, as_json: bool) -> None:
    """Say what ismsg runs on, whether the store and the sound are in order, and what to do about what is not."""
    from ismsg_tui.doctor import Level, examine

    if try_sound:
        say("Say something: it is recorded for three seconds, then played.")
    findings = examine(session.folder, try_sound=try_sound)
    if as_json:
        for finding in findings:
            print_json(
                {
                    "area": finding.area,
                    "name": finding.name,
                    "level": finding.level.value,
                    "value": finding.value,
                    "advice": finding.advice,
                }
            )
    else:
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 2, 0, 0))
        for finding in findings:
            words = Text(finding.value)
            if finding.advice:
                words.append(f"\n{finding.advice}", "italic")
            table.add_row(Text(finding.level.value, _STYLE[finding.level.value]), Text(finding.name, "bold"), words)
        print_lines(table)
    bad = sum(finding.level is Level.BAD for finding in findings)
    if bad:
        raise FailedError(f"{bad} of these {'needs' if bad == 1 else 'need'} to be put right.")


@click.command("demo")
@click.option(
    "--keep", type=click.Path(path_type=Path), metavar="DIR", help="Keep the demo's workspace, to go on later."
)
@click.option("--replay", type=click.Path(path_type=Path), metavar="FILE", help="Play recorded conversations (JSONL).")
@click.option(
    "--speed",
    type=click.FloatRange(min=0, min_open=True),
    metavar="N",
    default=1.0,
    show_default=True,
    help="How much faster than life.",
)
@click.option("--picture", type=click.Path(path_type=Path), metavar="FILE", help="Draw the console as SVG and end.")
@click.option("--plain", is_flag=True, help="Work line by line instead.")
@pass_session
@click.pass_context
def demo(
    ctx: click.Context,
    session: Session,
    keep: Path | None,
    replay: Path | None,
    speed: float,
    picture: Path | None,
    plain: bool,
) -> None:
    """Open the console on an invented hotel whose guests write in, and answer you."""
    if picture is not None:
        if plain:
            raise click.UsageError("--picture draws the console: it does not go with --plain.")
        from ismsg_tui.demo_picture import take_picture

        take_picture(picture)
        return
    ctx.exit(_run_demo(session, keep, replay, speed, plain=plain))


def open_demo(session: Session) -> int:
    """Open the console on the demo, of which nothing is kept."""
    return _run_demo(session, None, None, 1.0)


def _run_demo(session: Session, keep: Path | None, replay: Path | None, speed: float, *, plain: bool = False) -> int:
    try:
        with in_a_moment("One moment: the guests of the demo are coming in."):
            return _play_demo(session, keep, replay, speed, _plain if plain else _console)
    except (OSError, SqliteError) as error:
        raise failure(error, keep or session.folder) from error


def _play_demo(session: Session, keep: Path | None, replay: Path | None, speed: float, open_on: OpenConsole) -> int:
    from ismsg_tui.demo.content import DemoError
    from ismsg_tui.demo.run import run_demo

    name = one_line(session.user_name, 60)
    try:
        # Guests are told it, so a login name begins as a name does.
        return run_demo(keep, replay, speed, session.config, open_on, name[:1].upper() + name[1:])
    except DemoError as error:
        raise FailedError(str(error)) from error


def _console(inbox: Inbox, config: Config, authority: Authority) -> int:
    from ismsg_tui.app import run_console

    return run_console(inbox, config, authority=authority)


def _plain(inbox: Inbox, _config: Config, authority: Authority) -> int:
    from ismsg_tui.plain import run_plain

    return run_plain(inbox, authority=authority)


@click.command("completion", epilog=_COMPLETION_HELP)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script that makes a shell complete commands and options."""
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    root = click.get_current_context().find_root()
    if kind is None:
        raise FailedError(f"There is no completion for {shell}.")
    click.echo(kind(root.command, {}, "ismsg", "_ISMSG_COMPLETE").source())
