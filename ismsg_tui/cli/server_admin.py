"""Looking after a team's server: `server init`, its users and devices; see `server_links` and `server_keeping`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click
from msgspec.structs import replace

from ismsg_tui.cli.errors import FailedError
from ismsg_tui.cli.output import json_option, lines_table, print_json, print_lines
from ismsg_tui.cli.server_desk import server_desk, workspace_option
from ismsg_tui.cli.server_keeping import back_up, import_, restore, vacuum
from ismsg_tui.cli.server_links import channel, webhook
from ismsg_tui.cli.server_place import ServerPlace, server_place
from ismsg_tui.cli.session import text_of
from ismsg_tui.clock import new_id
from ismsg_tui.domain.entities import Role, User, Visibility, Workspace
from ismsg_tui.domain.text import one_line
from ismsg_tui.times import rfc3339, when

if TYPE_CHECKING:
    from ismsg_tui.server.admin import DeviceNote, UserNote

role_option = click.option("--role", type=click.Choice([role.value for role in Role]), help="What the user may do.")
visibility_option = click.option(
    "--visibility",
    type=click.Choice([visibility.value for visibility in Visibility]),
    help="Which contacts an agent sees; others see all.",
)
team_option = click.option("--team", metavar="T", help="The team, with which `--visibility team` shares contacts.")
password_option = click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")


@click.group("server")
def server() -> None:
    """Look after a team's server: workspaces, users, channels, backups. `ismsg serve` runs it."""


for command in (channel, webhook, back_up, restore, vacuum, import_):
    server.add_command(command)


@server.command("init")
@server_place
@click.option("--workspace", "name", required=True, metavar="NAME", help="What the workspace is called.")
def init(place: ServerPlace, name: str) -> None:
    """Begin a workspace; the server's database is made if there is none. A server may have several."""
    with server_desk(place, make=True) as desk:
        workspace = desk.admin.create_workspace(Workspace(id=new_id(), name=name))
    click.echo(f"{one_line(workspace.name)} is there. “ismsg server user add” lets somebody in, as its owner.")


# Users


@server.group("user")
def user() -> None:
    """Who works in a workspace."""


@user.command("add")
@server_place
@click.argument("email")
@click.option("--name", required=True, metavar="N", help="Who it is, as the team reads it.")
@role_option
@visibility_option
@team_option
@password_option
@click.option("--no-password", is_flag=True, help="Set none: for an address that has one from another workspace.")
@workspace_option
def add_user(
    place: ServerPlace,
    email: str,
    name: str,
    role: str | None,
    visibility: str | None,
    team: str | None,
    password_stdin: bool,
    no_password: bool,
    wanted: str,
) -> None:
    """Add the user who signs in with EMAIL; the first is the owner, others are agents unless --role says more."""
    with server_desk(place) as desk:
        workspace_id = desk.workspace(wanted)
        password = None if no_password else _password(password_stdin)
        added = desk.admin.add_user(
            workspace_id,
            User(
                id=new_id(),
                name=name,
                email=email,
                team=team or "",
                role=Role(role or Role.AGENT),
                visibility=Visibility(visibility or Visibility.ALL),
            ),
            password,
        )
    click.echo(f"{one_line(added.name)} is in: {_rights(added)}.")


@user.command("set")
@server_place
@click.argument("who")
@role_option
@visibility_option
@team_option
@click.option("--enable", is_flag=True, help="Let a disabled user in again.")
@click.option("--password", "ask", is_flag=True, help="Ask for a new password.")
@password_option
@workspace_option
def set_user(
    place: ServerPlace,
    who: str,
    role: str | None,
    visibility: str | None,
    team: str | None,
    enable: bool,
    ask: bool,
    password_stdin: bool,
    wanted: str,
) -> None:
    """Change what a user may do and see, or the password. WHO is a name, an e-mail address or an id."""
    with server_desk(place) as desk:
        workspace_id = desk.workspace(wanted)
        known = desk.admin.find_user(workspace_id, who)
        changed = replace(
            known,
            role=Role(role or known.role),
            visibility=Visibility(visibility or known.visibility),
            team=known.team if team is None else team,
            active=known.active or enable,
        )
        password = _password(password_stdin) if ask or password_stdin else None
        desk.admin.change_user(workspace_id, changed, password)
    click.echo(f"{one_line(changed.name)}: {_rights(changed)}.")


@user.command("disable")
@server_place
@click.argument("who")
@workspace_option
def disable_user(place: ServerPlace, who: str, wanted: str) -> None:
    """Keep a user out from now on. What the user did stays. WHO is a name, an e-mail address or an id."""
    with server_desk(place) as desk:
        workspace_id = desk.workspace(wanted)
        known = desk.admin.find_user(workspace_id, who)
        desk.admin.change_user(workspace_id, replace(known, active=False))
    click.echo(f"{one_line(known.name)} can't sign in any more.")


@user.command("ls")
@server_place
@workspace_option
@json_option
def list_users(place: ServerPlace, wanted: str, as_json: bool) -> None:
    """List everybody in the workspace."""
    with server_desk(place) as desk:
        notes = desk.admin.users(desk.workspace(wanted))
    if as_json:
        for note in notes:
            print_json(_user_object(note))
        return
    if not notes:
        click.echo("There is nobody yet: “ismsg server user add” lets somebody in.")
        return
    table = lines_table("Name", "E-mail", "Team", "Id", "Rights")
    for note in notes:
        shown = note.user
        # What matters most comes first: this column is the one that is cut.
        rights = _rights(shown) if note.can_sign_in else f"no password, {_rights(shown)}"
        table.add_row(one_line(shown.name), one_line(shown.email), one_line(shown.team), shown.id[-12:], rights)
    print_lines(table)


def _user_object(note: UserNote) -> dict[str, object]:
    shown = note.user
    return {
        "id": shown.id,
        "name": shown.name,
        "email": shown.email,
        "team": shown.team,
        "role": shown.role,
        "visibility": shown.visibility,
        "active": shown.active,
        "can_sign_in": note.can_sign_in,
    }


def _rights(shown: User) -> str:
    """What a user may do, in words."""
    words: str = shown.role
    if shown.role is Role.AGENT and shown.visibility is not Visibility.ALL:
        words += ", own contacts" if shown.visibility is Visibility.OWN else ", team's contacts"
    return words if shown.active else f"disabled, {words}"


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return text_of("-")
    if not sys.stdin.isatty():
        raise FailedError("There is no terminal to ask for a password: give it on standard input by --password-stdin.")
    password: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return password


# Devices


@server.group("device")
def device() -> None:
    """Where users are signed in."""


@device.command("ls")
@server_place
@workspace_option
@json_option
def list_devices(place: ServerPlace, wanted: str, as_json: bool) -> None:
    """List every device that was signed in, the newest first. One that is used renews its sign-in each hour."""
    with server_desk(place) as desk:
        workspace_id = desk.workspace(wanted)
        users = desk.ledger.settings(workspace_id).users
        notes = desk.admin.devices(workspace_id)
    if as_json:
        for note in notes:
            print_json(_device_object(note))
        return
    if not notes:
        click.echo("Nobody has signed in yet.")
        return
    table = lines_table("User", "Device", "Client", "Renewed", "Id")
    for note in notes:
        owner = users.get(note.user_id)
        renewed = "signed out" if note.revoked_at is not None else when(note.seen_at)
        who = one_line(owner.name if owner else "")
        table.add_row(who, one_line(note.name), one_line(note.client), renewed, note.id[-12:])
    print_lines(table)


def _device_object(note: DeviceNote) -> dict[str, object]:
    return {
        "id": note.id,
        "user_id": note.user_id,
        "name": note.name,
        "client": note.client,
        "created_at": rfc3339(note.created_at),
        "renewed_at": rfc3339(note.seen_at),
        "revoked_at": rfc3339(note.revoked_at),
    }


@device.command("revoke")
@server_place
@click.argument("device_id", metavar="ID")
@workspace_option
def revoke_device(place: ServerPlace, device_id: str, wanted: str) -> None:
    """Sign a device out, as when it was lost. ID is what the list shows, or the whole of it."""
    from ismsg_tui.server.accounts import Accounts

    with server_desk(place) as desk:
        known = [note.id for note in desk.admin.devices(desk.workspace(wanted))]
        found = [id_ for id_ in known if device_id in (id_, id_[-12:])]
        if not found:
            raise FailedError("There is no such device: “ismsg server device ls” names them all.")
        Accounts(desk.database).sign_out(found[0])
    click.echo("Signed out.")
