"""A team's server: `login`, `logout`, `sync`, `status`."""

from __future__ import annotations

import sys
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import click

from ismsg_tui.cli.errors import FailedError, say
from ismsg_tui.cli.output import json_option, print_json
from ismsg_tui.cli.session import Session, pass_session, text_of
from ismsg_tui.clock import now_ms
from ismsg_tui.domain.text import one_line
from ismsg_tui.not_sent import NotSent
from ismsg_tui.own_server import OwnAuthority
from ismsg_tui.signing import AddressError, WhichWorkspaceError, check_address, sign_in, sign_out, take_over
from ismsg_tui.store import departures, outbox
from ismsg_tui.store.connection import lock_file
from ismsg_tui.store.store import Store
from ismsg_tui.store.unsent import untold
from ismsg_tui.sync.authority import BusyError, ClientError, SignedOutError, UnreachableError
from ismsg_tui.sync.connecting import connect
from ismsg_tui.sync.credentials import Credentials

if TYPE_CHECKING:
    from ismsg_tui.sync.engine import Sync
    from ismsg_tui.sync.status import SyncStatus

SHORT = 5.0
"""Seconds of silence after which `status` waits for a server no longer."""
LONGEST_WAIT = 60.0
"""Seconds that `sync` waits for another process, for what is held, or where the server asks for patience."""
OWN = "own"
"""What stands for the server of a workspace that has none but the console's own."""


@click.command("login")
@click.argument("url")
@click.option("--email", prompt="E-mail", metavar="E", help="Who signs in.")
@click.option(
    "--workspace", default="", metavar="W", help="In which workspace, by name or id, where there are several."
)
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@pass_session
def login(session: Session, url: str, email: str, workspace: str, password_stdin: bool) -> None:
    """Sign in to a team's server; from then on this inbox is the team's."""
    try:
        check_address(url)
    except AddressError as error:
        raise click.BadParameter(str(error), param_hint="URL") from error
    password = text_of("-") if password_stdin else click.prompt("Password", hide_input=True)
    try:
        signed = sign_in(url, email, password, workspace)
    except WhichWorkspaceError as error:
        raise FailedError(
            "You are in several workspaces: say which by --workspace.",
            [f"{name} · {id_}" for id_, name in error.workspaces],
        ) from error
    with closing(Store(session.folder)) as store:
        account = take_over(store, signed)
    click.echo(
        f"Signed in to {one_line(account.workspace_name)}. “ismsg” opens the console, “ismsg sync” fetches everything."
    )


@click.command("logout")
@click.option("--yes", is_flag=True, help="Do not ask, even if something has not left.")
@pass_session
def logout(session: Session, yes: bool) -> None:
    """Sign out of the server. What is here can still be read, and what has not left waits for the next sign-in."""
    if session.account is None:
        raise FailedError("Nobody is signed in: this inbox is your own.")
    unsent = outbox.counts(session.inbox.store.reader).unsent
    if unsent and not yes:
        question = f"{unsent:,} of your changes have not left: they wait here for your next sign-in."
        if not sys.stdin.isatty():
            raise FailedError(f"{question} --yes signs out anyway, “ismsg sync” sends them first.")
        click.confirm(f"{question} Sign out?", abort=True)
    if why := sign_out(session.folder):
        say(f"The server was not told: {why}")
    click.echo("Signed out.")


@click.command("sync")
@click.option("--anew", is_flag=True, help="Fetch everything once more, from the first row on.")
@pass_session
def sync(session: Session, anew: bool) -> None:
    """Send what waits and fetch what there is, until both sides have the same."""
    from ismsg_tui.sync.engine import LOCK_FILE, Refused, Sync

    inbox = session.inbox
    store = inbox.store
    if anew:
        store.want_anew()
    refused: list[Refused] = []
    ask_after = round(session.config.ask_after_hours * 3_600_000)
    with lock_file(session.folder / LOCK_FILE) as alone:
        if alone:
            with closing(connect(session.folder) or OwnAuthority(store, inbox.user_id)) as authority:
                sync = Sync(store, authority, on_state=_show, on_refused=refused.append, ask_after=ask_after)
                _until_quiet(store, sync)
    if not alone:
        _wait_for_other(store)
    where = f" at {one_line(session.account.url)}" if session.account else ""
    click.echo(f"In sync with {one_line(inbox.workspace.name)}{where}.")
    if asking := outbox.counts(store.reader).asking:
        say(f"{asking:,} of your messages are old: the console asks you whether they shall still leave.")
    if refused:
        for issued, _ in untold(store.reader):
            store.forget(issued.id)  # it is told now
        raise FailedError("Not everything was done.", [found.refusal.reason for found in refused])


def _until_quiet(store: Store, sync: Sync) -> None:
    """Exchange until there is nothing left to be exchanged. Raises whatever the server's errors are."""
    pause, waited, left = threading.Event(), 0.0, 0
    while True:
        before, left = left, outbox.counts(store.reader).unsent
        waited = 0.0 if left < before else waited
        seconds = 0.0
        try:
            sync.exchange()
            sync.transfers.exchange()
        except BusyError as error:
            seconds = max(error.retry_after, 0.1)
            if waited + seconds > LONGEST_WAIT:
                raise
        now = now_ms()
        release = departures.next_release(store.reader, now)
        if not seconds and not departures.ready(store.reader, now, 1):
            if release is None or release - now > LONGEST_WAIT * 1000:
                return
            seconds = (release - now) / 1000
        pause.wait(seconds)
        waited += seconds


def _wait_for_other(store: Store) -> None:
    """Wait until the process that keeps the store in sync has sent everything. Raises FailedError."""
    pause, waited = threading.Event(), 0.0
    while departures.ready(store.reader, now_ms(), 1) or store.replica.anew_wanted or store.replica.rebuilding:
        if waited >= LONGEST_WAIT:
            raise FailedError("Another ismsg keeps this inbox in sync and has not come to an end yet.")
        pause.wait(0.2)
        waited += 0.2


def _show(status: SyncStatus) -> None:
    """Show people how far it is."""
    if status.progress is not None and sys.stderr.isatty():
        done, total = status.progress.done, status.progress.total
        click.echo(f"\r{done:,} rows{f' of {total:,}' if total else ''} ", err=True, nl=False)


@click.command("status")
@json_option
@pass_session
def status(session: Session, as_json: bool) -> None:
    """Say whose inbox this is, whether its server can be reached, and what has not left yet."""
    account, inbox = session.account, session.inbox
    place, counts = inbox.store.replica, outbox.counts(inbox.store.reader)
    online, why = _reach(session)
    if as_json:
        print_json(
            {
                "server": account.url if account else OWN,
                "workspace": inbox.workspace.name,
                "user": inbox.me.name,
                "online": online,
                "reason": why,
                "cursor": place.cursor,
                "unsent": counts.unsent,
                "refused": counts.refused,
                "not_sent": NotSent(inbox).count(),
                "asking": counts.asking,
            }
        )
        return
    where = f"{one_line(account.url)}, {'online' if online else 'offline'}" if account else "its own, in the console"
    click.echo(f"Workspace  {one_line(inbox.workspace.name)}")
    click.echo(f"User       {one_line(inbox.me.name)}")
    click.echo(f"Server     {where}{f' ({one_line(why)})' if why else ''}")
    click.echo(f"Revision   {place.cursor:,}{', all of it is being fetched' if place.rebuilding else ''}")
    click.echo(f"Unsent     {counts.unsent:,}{f', {counts.asking:,} of which ask you' if counts.asking else ''}")
    click.echo(f"Refused    {counts.refused:,}")
    if waiting := NotSent(inbox).count():
        click.echo(f"Not sent   {waiting:,}: the console, and “unsent” in “ismsg --plain”, say why and what to do.")


def _reach(session: Session) -> tuple[bool, str]:
    """Whether the server can be reached and takes the sign-in, and if not, why. One's own is always there."""
    if session.account is None:
        return True, ""
    from ismsg_tui.sync.remote import RemoteAuthority

    credentials = Credentials(session.folder)
    with closing(RemoteAuthority(session.account.url, credentials, patience=SHORT)) as authority:
        try:
            authority.meet()
        except (UnreachableError, SignedOutError, ClientError) as error:
            return False, str(error)
    return True, ""
