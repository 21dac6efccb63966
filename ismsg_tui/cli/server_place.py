"""Where the server of a command line lies: the options `--data` and `--db`, the same for all its commands."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from msgspec import Struct

from ismsg_tui.cli.session import Session

FILE_NAME = "server.db"


class ServerPlace(Struct, frozen=True):
    """A server's folder and the address of its database."""

    folder: Path
    url: str


def server_place(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options; it gets a `place`."""

    @click.option(
        "--data",
        "folder",
        type=click.Path(file_okay=False, path_type=Path),
        envvar="ISMSG_SERVER_DATA",
        show_envvar=True,
        metavar="DIR",
        help="Where the server keeps its files.",
    )
    @click.option(
        "--db",
        "url",
        envvar="ISMSG_SERVER_DB",
        show_envvar=True,
        metavar="URL",
        help="A PostgreSQL database, as postgresql://user@host/name; else a file in the folder.",
    )
    @click.pass_context
    @functools.wraps(command)
    def with_place(ctx: click.Context, /, *args: Any, folder: Path | None, url: str | None, **options: Any) -> Any:
        folder = (folder or ctx.ensure_object(Session).folder / "server").absolute()
        place = ServerPlace(folder, url or f"sqlite:///{folder / FILE_NAME}")
        return ctx.invoke(command, *args, place=place, **options)

    return with_place
