"""`ismsg serve`: the server in the foreground."""

from __future__ import annotations

import ipaddress
import ssl
from pathlib import Path

import click

from ismsg_tui.cli.errors import FailedError
from ismsg_tui.cli.server_place import ServerPlace, server_place

PORT = 8440
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("serve")
@server_place
@click.option("--host", default="127.0.0.1", show_default=True, metavar="HOST", help="Where to listen.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, metavar="N", help="0: any free one."
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    metavar="N",
    help="Processes; PostgreSQL only.",
)
@click.option("--public-url", default="", metavar="URL", help="Where channels reach this server, to fetch files.")
@click.option(
    "--fetch-from",
    "fetch_from",
    multiple=True,
    metavar="HOST",
    help="A host or network (10.0.0.0/8) of your own from which files that channels name may be fetched.",
)
@click.option("--ssl-certfile", "certificate", type=_FILE, metavar="FILE", help="Serve HTTPS by this certificate.")
@click.option("--ssl-keyfile", "key", type=_FILE, metavar="FILE", help="The key of that certificate.")
@click.option("--insecure-http", is_flag=True, help="Listen beyond this machine without TLS: a proxy brings that.")
def serve(
    place: ServerPlace,
    host: str,
    port: int,
    workers: int,
    public_url: str,
    fetch_from: tuple[str, ...],
    certificate: Path | None,
    key: Path | None,
    insecure_http: bool,
) -> None:
    """Run the server of a team. It makes and migrates its database by itself.

    It ends on SIGTERM and Ctrl+C; what it has to say it writes to stderr, one JSON object a line.
    """
    from ismsg_tui.server import run, serving
    from ismsg_tui.server.app import ServerSettings
    from ismsg_tui.server.database import DatabaseError
    from ismsg_tui.server.errors import ProblemError
    from ismsg_tui.server.journal import write_journal
    from ismsg_tui.server.snapshots import SnapshotBuilder
    from ismsg_tui.store.migrations import SCHEMA_VERSION
    from ismsg_tui.store.snapshot import build

    if (certificate is None) != (key is None):
        raise click.UsageError("--ssl-certfile and --ssl-keyfile belong together.")
    if certificate is not None and key is not None:
        _check_certificate(certificate, key)
    if certificate is None and not insecure_http and not _is_loopback(host):
        raise FailedError(
            f"{host} is not this machine alone, and passwords would travel in clear. Give --ssl-certfile and "
            "--ssl-keyfile, or --insecure-http where a proxy in front of the server brings TLS."
        )
    write_journal()
    plan = run.Plan(
        url=place.url,
        folder=place.folder,
        settings=ServerSettings(
            public_url=public_url,
            fetch_from=fetch_from,
            snapshot_builder=SnapshotBuilder(SCHEMA_VERSION, build),
        ),
        tls=run.Tls(certificate, key) if certificate and key else None,
    )
    try:
        serving.serve(plan, host, port, workers, lambda address: click.echo(f"Ready: {address}"))
    except (run.ServeError, DatabaseError, ProblemError) as error:
        raise FailedError(str(error)) from error


def _check_certificate(certificate: Path, key: Path) -> None:
    """Raises FailedError where HTTPS can't be served by these files."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except (ssl.SSLError, OSError) as error:
        raise FailedError(
            f"HTTPS can't be served by {certificate} and {key}: they have to be a certificate and its key, as PEM, "
            "the key without a password."
        ) from error


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
