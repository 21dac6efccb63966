"""`ismsg serve`: the server in the foreground."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import click

from ismsg_tui.cli.errors import FailedError
from ismsg_tui.cli.session import Session, pass_session

DEFAULT_PORT = 8440


@click.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, metavar="HOST", help="Where to listen.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=DEFAULT_PORT, show_default=True, metavar="N", help="0: any that is free."
)
@click.option(
    "--workers", type=click.IntRange(1, 64), default=1, show_default=True, metavar="N", help="Processes; PostgreSQL only."
)
@click.option(
    "--public-url", default="", metavar="URL", help="Under which address channels reach this server to fetch files."
)
@click.option(
    "--ssl-certfile",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Serve HTTPS by this certificate.",
)
@click.option(
    "--ssl-keyfile",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The key of the certificate.",
)
@click.option(
    "--insecure-http",
    is_flag=True,
    help="Listen beyond this machine without TLS: a proxy in front of it has to bring that.",
)
@pass_session
def serve() -> None:
    """Run the server of a team; it makes and migrates its database by itself."""
