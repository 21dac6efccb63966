"""A team's server: `login`, `logout`, `sync`, `status`."""

from __future__ import annotations

import socket
import sys
import threading
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ismsg_tui import __version__
from ismsg_tui.cli.errors import FailedError, say
from ismsg_tui.cli.output import json_option, print_json
from ismsg_tui.cli.session import Session, enter_account, pass_session, text_of
from ismsg_tui.clock import now_ms
from ismsg_tui.domain.text import one_line
from ismsg_tui.domain.wire import DeviceNote, SignIn
from ismsg_tui.domain.wire import Session as Signed
from ismsg_tui.store import outbox
from ismsg_tui.store.connection import lock_file
from ismsg_tui.store.joining import StoreInUseError, check_free
from ismsg_tui.store.store import Store
from ismsg_tui.sync.authority import BusyError, ClientError, SignedOutError, UnreachableError
from ismsg_tui.sync.credentials import Account, AddressError, Credentials, check_address

if TYPE_CHECKING:
    from ismsg_tui.sync.engine import Sync
    from ismsg_tui.sync.http import Http
    from ismsg_tui.sync.status import SyncStatus

SHORT = 5.0
"""Seconds of silence after which `status` and `logout` wait for a server no longer."""
LONGEST_WAIT = 60.0
"""Seconds that `sync` waits for another process, for what is held, or where the server asks for patience."""


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
        address = check_address(url)
    except AddressError as error:
        raise click.BadParameter(str(error), param_hint="URL") from error
    password = text_of("-") if password_stdin else click.prompt("Password", hide_input=True)
    from ismsg_tui.sync.http import Http

    with closing(Http(address)) as http:
        signed = _sign_in(http, SignIn(email, password, _device(), workspace))
        try:
            _take_over(session.folder, address, email, signed)
        except BaseException:
            _end_session(http, signed)
            raise
    click.echo(
        f"Signed in to {one_line(signed.workspace_name)}. “ismsg” opens the console, “ismsg sync” fetches everything."
    )


def _take_over(folder: Path, address: str, email: str, signed: Signed) -> None:
    """Make a folder that of whoever has signed in. Raises FailedError where it is another's."""
    with closing(Store(folder)) as store:
        try:
            check_free(store, signed.workspace_id, signed.user_id)
        except StoreInUseError as error:
            raise FailedError(
                f"{folder} is in use. {error} Choose another folder for this server by --data."
            ) from error
        enter_account(store, Credentials(folder).sign_in(address, email, signed))


def _sign_in(http: Http, wanted: SignIn) -> Signed:
    """Ask for tokens. Raises FailedError where the server does not give any."""
    from ismsg_tui.sync.http import ProblemError, decoded, json_body

    found: dict[str, Any] = decoded(http.ask("GET", "/.well-known/ismsg").body, dict)
    versions = found.get("api")
    if not isinstance(versions, list) or 1 not in versions:
        raise FailedError("This server speaks another version: use an ismsg that is as new as it is.")
    try:
        return decoded(http.ask("POST", "/v1/session", **json_body(wanted)).body, Signed)
    except ProblemError as error:
        if error.problem.code != "which-workspace":
            raise
        places = error.problem.params.get("workspaces")
        named = [place for place in places if isinstance(place, dict)] if isinstance(places, list) else []
        raise FailedError(
            "You are in several workspaces: say which by --workspace.",
            [f"{place.get('name')} · {place.get('id')}" for place in named],
        ) from error


def _device() -> DeviceNote:
    name = ""
    with suppress(OSError):
        name = socket.gethostname()
    return DeviceNote(name or "console", f"ismsg/{__version__}")


def _end_session(http: Http, signed: Signed) -> None:
    with suppress(UnreachableError, SignedOutError, ClientError):
        http.ask("DELETE", "/v1/session", headers={"Authorization": f"Bearer {signed.access}"})


@click.command("logout")
@click.option("--yes", is_flag=True, help="Do not ask, even if something has not left.")
@pass_session
def logout(session: Session, yes: bool) -> None:
    """Sign out of the server. What is here can still be read, and what has not left waits for the next sign-in."""
    account = _account(session)
    unsent = outbox.counts(session.inbox.store.reader).unsent
    if unsent and not yes:
        question = f"{unsent:,} of your changes have not left: they wait here for your next sign-in."
        if not sys.stdin.isatty():
            raise FailedError(f"{question} --yes signs out anyway, “ismsg sync” sends them first.")
        click.confirm(f"{question} Sign out?", abort=True)
    from ismsg_tui.sync.http import Http

    credentials = Credentials(session.folder)
    with closing(Http(account.url, credentials, patience=SHORT)) as http:
        try:
            http.ask("DELETE", "/v1/session")
        except SignedOutError:
            pass  # the server knows
        except (UnreachableError, ClientError) as error:
            say(f"The server was not told: {error}")
    credentials.sign_out()
    click.echo("Signed out.")


@click.command("sync")
@click.option("--anew", is_flag=True, help="Fetch everything once more, from the first row on.")
@pass_session
def sync(session: Session, anew: bool) -> None:
    """Send what waits and fetch what there is, until both sides have the same."""
    account = _account(session)
    from ismsg_tui.sync.engine import LOCK_FILE, Refused, Sync
    from ismsg_tui.sync.remote import RemoteAuthority

    store = session.inbox.store
    if anew:
        store.want_anew()
    refused: list[Refused] = []
    with lock_file(session.folder / LOCK_FILE) as alone:
        if alone:
            authority = RemoteAuthority(account.url, Credentials(session.folder))
            ask_after = round(session.config.ask_after_hours * 3_600_000)
            with closing(authority):
                _until_quiet(
                    store,
                    Sync(store, authority, on_state=_show, on_refused=refused.append, ask_after=ask_after),
                )
    if not alone:
        _wait_for_other(store)
    click.echo(f"In sync with {one_line(account.workspace_name)} at {one_line(account.url)}.")
    if asking := outbox.counts(store.reader).asking:
        say(f"{asking:,} of your messages are old: the console asks you whether they shall still leave.")
    if refused:
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
        release = outbox.next_release(store.reader, now)
        if not seconds and not outbox.ready(store.reader, now, 1):
            if release is None or release - now > LONGEST_WAIT * 1000:
                return
            seconds = (release - now) / 1000
        pause.wait(seconds)
        waited += seconds


def _wait_for_other(store: Store) -> None:
    """Wait until the process that keeps the store in sync has sent everything. Raises FailedError."""
    pause, waited = threading.Event(), 0.0
    while outbox.ready(store.reader, now_ms(), 1) or store.replica.anew_wanted or store.replica.rebuilding:
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
    online, why = _reach(session, account)
    if as_json:
        print_json(
            {
                "server": account.url if account else None,
                "workspace": inbox.workspace.name,
                "user": inbox.me.name,
                "online": online,
                "reason": why,
                "cursor": place.cursor,
                "unsent": counts.unsent,
                "refused": counts.refused,
                "asking": counts.asking,
            }
        )
        return
    where = f"{one_line(account.url)}, {'online' if online else 'offline'}" if account else "none: an inbox of your own"
    click.echo(f"Workspace  {one_line(inbox.workspace.name)}")
    click.echo(f"User       {one_line(inbox.me.name)}")
    click.echo(f"Server     {where}{f' ({one_line(why)})' if why else ''}")
    click.echo(f"Revision   {place.cursor:,}{', all of it is being fetched' if place.rebuilding else ''}")
    click.echo(f"Unsent     {counts.unsent:,}{f', {counts.asking:,} of which ask you' if counts.asking else ''}")
    click.echo(f"Refused    {counts.refused:,}")


def _reach(session: Session, account: Account | None) -> tuple[bool, str]:
    """Whether the server can be reached and takes the sign-in, and if not, why."""
    if account is None:
        return False, ""
    from ismsg_tui.sync.remote import RemoteAuthority

    with closing(RemoteAuthority(account.url, Credentials(session.folder), patience=SHORT)) as authority:
        try:
            authority.meet()
        except (UnreachableError, SignedOutError, ClientError) as error:
            return False, str(error)
    return True, ""


def _account(session: Session) -> Account:
    """The account. Raises FailedError where there is none."""
    if session.account is None:
        raise FailedError("This inbox is your own and has no server: “ismsg login URL” signs in to one.")
    return session.account
