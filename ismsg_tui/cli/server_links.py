"""What a team's server is connected with: `server channel` and `server webhook`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ismsg_tui.cli.errors import FailedError, say
from ismsg_tui.cli.output import json_option, lines_table, print_json, print_lines
from ismsg_tui.cli.server_desk import server_desk, workspace_option
from ismsg_tui.cli.server_place import ServerPlace, server_place
from ismsg_tui.domain.text import one_line
from ismsg_tui.times import rfc3339

if TYPE_CHECKING:
    from ismsg_tui.cli.server_desk import ServerDesk
    from ismsg_tui.server.channels.registry import Registry


# Channels


@click.group("channel")
def channel() -> None:
    """What contacts write through."""


@channel.command("add")
@server_place
@click.argument("kind", type=click.Choice(["custom"]), expose_value=False)
@click.option("--name", required=True, metavar="N", help="What agents see.")
@click.option(
    "--url", "address", default="", metavar="BASE", help="Where messages go out to; without it they only come in."
)
@workspace_option
@json_option
def add_channel(place: ServerPlace, name: str, address: str, wanted: str, as_json: bool) -> None:
    """Connect a channel. Prints its id and its token, which is not shown again.

    A custom channel is a program of one's own: it hands in messages at /custom/channel/webhook/ of the server, with
    the token as its bearer token, and takes outgoing ones at BASE/message.
    """
    with server_desk(place) as desk:
        account = _registry(desk).add_custom(desk.workspace(wanted), name, address)
    if as_json:
        print_json(
            {
                "id": account.channel_id,
                "kind": account.kind,
                "name": name,
                "url": account.base_url,
                "token": account.token,
            }
        )
        return
    click.echo(f"channel {account.channel_id}\ntoken   {account.token}")
    say("Keep the token: it is not shown again.")


@channel.command("set")
@server_place
@click.argument("channel_id", metavar="ID")
@click.option(
    "--url", "address", metavar="BASE", help="Where messages go out to from now on; “” has them only come in."
)
@click.option("--new-token", is_flag=True, help="Print a new token; the old one works no more.")
@workspace_option
@json_option
def set_channel(
    place: ServerPlace, channel_id: str, address: str | None, new_token: bool, wanted: str, as_json: bool
) -> None:
    """Change where a channel's messages go out to, or its token, as when it was seen by others."""
    if address is None and not new_token:
        raise FailedError("Say what is to be changed: --url, --new-token.")
    with server_desk(place) as desk:
        account = _registry(desk).change(desk.workspace(wanted), channel_id, base_url=address, new_token=new_token)
    shown = {"token": account.token} if new_token else {}
    if as_json:
        print_json({"id": account.channel_id, "url": account.base_url, **shown})
        return
    click.echo(f"channel {account.channel_id}\naddress {one_line(account.base_url) or 'takes messages in only'}")
    if new_token:
        click.echo(f"token   {account.token}")
        say("Keep the token: it is not shown again, and the old one works no more.")


@channel.command("rm")
@server_place
@click.argument("channel_id", metavar="ID")
@workspace_option
def remove_channel(place: ServerPlace, channel_id: str, wanted: str) -> None:
    """Disconnect a channel for good: its messages stay, but nothing comes in through it or goes out any more."""
    with server_desk(place) as desk:
        _registry(desk).remove(desk.workspace(wanted), channel_id)
    click.echo("Removed.")


@channel.command("ls")
@server_place
@workspace_option
@json_option
def list_channels(place: ServerPlace, wanted: str, as_json: bool) -> None:
    """List the connected channels."""
    with server_desk(place) as desk:
        found = _registry(desk).all(desk.workspace(wanted))
    if as_json:
        for item in found:
            print_json(
                {
                    "id": item.id,
                    "kind": item.kind,
                    "name": item.name,
                    "url": item.base_url,
                    "created_at": rfc3339(item.created_at),
                }
            )
        return
    if not found:
        click.echo("No channel is connected yet: “ismsg server channel add” connects one.")
        return
    table = lines_table("Name", "Id", "Address")
    table.columns[1].max_width = None
    for item in found:
        table.add_row(one_line(item.name), item.id, one_line(item.base_url) or "takes messages in only")
    print_lines(table)


def _registry(desk: ServerDesk) -> Registry:
    from ismsg_tui.server.channels.registry import Registry

    return Registry(desk.database, desk.ledger)


# Webhooks


@click.group("webhook")
def webhook() -> None:
    """Addresses that are told of what happens."""


@webhook.command("add")
@server_place
@click.argument("address", metavar="URL")
@click.option(
    "--event", "events", metavar="E", multiple=True, help="What to tell; may be given several times. Else everything."
)
@workspace_option
@json_option
def add_webhook(place: ServerPlace, address: str, events: tuple[str, ...], wanted: str, as_json: bool) -> None:
    """Tell an address of events. Prints the key that signs every call, which is not shown again."""
    from ismsg_tui.server.webhook_events import EVENTS
    from ismsg_tui.server.webhooks import Webhooks

    with server_desk(place) as desk:
        made = Webhooks(desk.database, desk.ledger).add(desk.workspace(wanted), address, events or EVENTS)
    if as_json:
        print_json({"id": made.id, "url": made.url, "events": list(made.events), "key": made.key})
        return
    click.echo(f"webhook {made.id}\nkey     {made.key}")
    say("Keep the key: it is not shown again.")


@webhook.command("ls")
@server_place
@workspace_option
@json_option
def list_webhooks(place: ServerPlace, wanted: str, as_json: bool) -> None:
    """List the addresses that are told of events."""
    from ismsg_tui.server.webhooks import Webhooks

    with server_desk(place) as desk:
        found = Webhooks(desk.database, desk.ledger).all(desk.workspace(wanted))
    if as_json:
        for item in found:
            print_json(
                {
                    "id": item.id,
                    "url": item.url,
                    "events": list(item.events),
                    "created_at": rfc3339(item.created_at),
                    "disabled_at": rfc3339(item.disabled_at),
                    "failing_since": rfc3339(item.failing_since),
                }
            )
        return
    if not found:
        click.echo("Nobody is told of anything yet: “ismsg server webhook add” names an address.")
        return
    table = lines_table("Id", "State", "Address", "Events")
    table.columns[0].max_width = None
    for item in found:
        state = "disabled" if item.disabled_at else "failing" if item.failing_since else "well"
        table.add_row(item.id, state, one_line(item.url), " ".join(item.events))
    print_lines(table)


@webhook.command("rm")
@server_place
@click.argument("webhook_id", metavar="ID")
@workspace_option
def remove_webhook(place: ServerPlace, webhook_id: str, wanted: str) -> None:
    """Tell an address nothing more."""
    from ismsg_tui.server.webhooks import Webhooks

    with server_desk(place) as desk:
        webhooks = Webhooks(desk.database, desk.ledger)
        if webhook_id not in {item.id for item in webhooks.all(desk.workspace(wanted))}:
            raise FailedError("There is no such webhook: “ismsg server webhook ls” names them all.")
        webhooks.remove(webhook_id)
    click.echo("Removed.")
