"""Signing in to a team's server and out again, for every front end: the network first, then what lies in the folder."""

from __future__ import annotations

import socket
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from ismsg_tui import __version__
from ismsg_tui.domain.entities import User, Workspace
from ismsg_tui.domain.text import one_line
from ismsg_tui.domain.wire import LONGEST_NAME, DeviceNote, Session, SignIn
from ismsg_tui.store.joining import StoreInUseError, check_free, join
from ismsg_tui.store.store import Store
from ismsg_tui.sync.authority import ClientError, SignedOutError, UnreachableError
from ismsg_tui.sync.credentials import Account, AddressError, Credentials, check_address

if TYPE_CHECKING:
    from ismsg_tui.sync.http import Http

READ, SHORT = 40.0, 5.0
"""Seconds of silence after which a server is waited for no longer: to sign in, and to tell it of a sign-out."""


class WhichWorkspaceError(Exception):
    """Somebody is in several workspaces and has to say which."""

    def __init__(self, workspaces: list[tuple[str, str]]) -> None:
        """`workspaces`: id and name of each."""
        super().__init__("You are in several workspaces: say which.")
        self.workspaces = workspaces


class Signed(Struct, frozen=True):
    """A sign-in that nothing here belongs to yet."""

    address: str
    email: str
    session: Session


def sign_in(url: str, email: str, password: str, workspace: str = "") -> Signed:
    """Sign in to a server; may take long where it does not answer.

    The workspace, by id or name, may be left out where there is only one. Raises AddressError, WhichWorkspaceError,
    UnreachableError, ClientError, and SignedOutError where e-mail or password are wrong.
    """
    address = check_address(url)
    http = _http(address)
    with closing(http):
        _check_server(http)
        return Signed(address, email, _ask(http, SignIn(email, password, _device(), workspace)))


def take_over(store: Store, signed: Signed) -> Account:
    """Make an open store that of whoever has signed in, which must not be synchronised meanwhile.

    Raises StoreInUseError for a store that holds something of another's: the sign-in is given back then.
    """
    try:
        check_free(store, signed.session.workspace_id, signed.session.user_id)
        account = Credentials(store.path.parent).sign_in(signed.address, signed.email, signed.session)
        enter_account(store, account)
    except BaseException:
        give_back(signed)
        raise
    return account


def give_back(signed: Signed) -> None:
    """End a sign-in that is not used."""
    with closing(_http(signed.address)) as http, suppress(UnreachableError, SignedOutError, ClientError):
        http.ask("DELETE", "/v1/session", headers={"Authorization": f"Bearer {signed.session.access}"})


def enter_account(store: Store, account: Account) -> User:
    """The user of an account in his store, which becomes that if it is still free. Raises StoreInUseError."""
    workspace = Workspace(id=account.workspace_id, name=account.workspace_name)
    user = User(id=account.user_id, name=account.email, email=account.email)
    if (store.replica.user_id, store.settings.workspace.id) != (user.id, workspace.id):
        join(store, workspace, user)
    return store.settings.users.get(user.id, user)


def sign_out(folder: Path) -> str:
    """Sign out; what is in the store stays. Returns why the server could not be told, empty if it was.

    Raises SignedOutError where nobody ever signed in, ClientError.
    """
    credentials = Credentials(folder)
    why = ""
    with closing(_http(credentials.account.url, credentials, patience=SHORT)) as http:
        try:
            http.ask("DELETE", "/v1/session")
        except SignedOutError:
            pass  # the server knows
        except (UnreachableError, ClientError) as error:
            why = str(error)
    credentials.sign_out()
    return why


def _http(address: str, credentials: Credentials | None = None, patience: float = READ) -> Http:
    from ismsg_tui.sync.http import Http  # noqa: PLC0415 - who signs in nowhere need not wait for the HTTP library

    return Http(address, credentials, patience=patience)


def _check_server(http: Http) -> None:
    """Raises ClientError for an address where no server of ours answers."""
    from ismsg_tui.sync.http import ProblemError, decoded  # noqa: PLC0415 - as above

    try:
        found: dict[str, Any] = decoded(http.ask("GET", "/.well-known/ismsg").body, dict)
    except ProblemError as error:
        raise ClientError("No server of ismsg answers there: look at the address again.") from error
    versions = found.get("api")
    if not isinstance(versions, list) or 1 not in versions:
        raise ClientError("This server speaks another version: use an ismsg that is as new as it is.")


def _ask(http: Http, wanted: SignIn) -> Session:
    from ismsg_tui.sync.http import ProblemError, decoded, json_body  # noqa: PLC0415 - as above

    try:
        return decoded(http.ask("POST", "/v1/session", **json_body(wanted)).body, Session)
    except ProblemError as error:
        if error.problem.code != "which-workspace":
            raise
        places = error.problem.params.get("workspaces")
        named = [place for place in places if isinstance(place, dict)] if isinstance(places, list) else []
        found = [(str(place.get("id", "")), one_line(str(place.get("name", "")))) for place in named]
        raise WhichWorkspaceError(found) from error


def _device() -> DeviceNote:
    name = ""
    with suppress(OSError):
        name = socket.gethostname()
    return DeviceNote(name[:LONGEST_NAME] or "console", f"ismsg/{__version__}")


__all__ = [
    "AddressError",
    "Signed",
    "StoreInUseError",
    "WhichWorkspaceError",
    "check_address",
    "enter_account",
    "give_back",
    "sign_in",
    "sign_out",
    "take_over",
]
