"""Where the server is, whom this store belongs to there, and the tokens that say so.

Address and names lie in a file of the data folder. The tokens lie in the system's keyring where there is one that
works, else in a file that only its owner may read; they are never part of a log or of an error.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from ismsg_tui.domain.packing import unpack
from ismsg_tui.domain.wire import Session
from ismsg_tui.store.connection import lock_file
from ismsg_tui.sync.authority import ClientError, SignedOutError, UnreachableError
from ismsg_tui.sync.vault import Vault, system_vault

ACCOUNT_FILE, TOKEN_FILE, LOCK_FILE = "server.json", "tokens.json", "tokens.lock"
PATIENCE = 20.0
"""Seconds that another process may take to renew the tokens."""


class Account(Struct, frozen=True):
    """Whom a store belongs to on which server."""

    url: str
    workspace_id: str
    workspace_name: str
    user_id: str
    email: str
    device_id: str


class Tokens(Struct, frozen=True):
    """The pair of tokens of a device."""

    access: str
    refresh: str

    def __repr__(self) -> str:
        return "Tokens(...)"


def tokens_of(session: Session) -> Tokens:
    """The tokens of a sign-in. Raises ClientError for what can't be any."""
    if not all(token.isascii() and token.isprintable() and token for token in (session.access, session.refresh)):
        raise ClientError("The server's answer can't be understood: is it an ismsg server?")
    return Tokens(session.access, session.refresh)


class AddressError(ValueError):
    """An address can't be that of a server; the words say why."""


def check_address(typed: str) -> str:
    """An address as it is kept. Raises AddressError: a password may only travel encrypted or inside this machine."""
    address = typed.strip()
    try:
        parts = urlsplit(address if "://" in address else f"https://{address}")
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise AddressError(f"“{typed}” is no address of a server, such as https://desk.example.org.") from error
    if not host or parts.scheme not in ("http", "https") or parts.query or parts.fragment or parts.username:
        raise AddressError(f"“{typed}” is no address of a server, such as https://desk.example.org.")
    if parts.scheme == "http" and not is_loopback(host):
        raise AddressError("The password would travel in the open: the address of a server begins with https://.")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def read_account(folder: Path) -> Account | None:
    """Whom the store in a folder belongs to; None for a workspace of one's own. Raises ClientError."""
    try:
        return unpack((folder / ACCOUNT_FILE).read_bytes(), Account)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ClientError(f"{folder / ACCOUNT_FILE} can't be read: sign in again with “ismsg login”.") from error


class Credentials:
    """The account of a data folder with its tokens. Any thread may call, and several processes may share a folder."""

    def __init__(self, folder: Path, vault: Vault | None = None) -> None:
        """`vault` stands in for the system's keyring."""
        self.folder = folder
        self._given = vault
        self._lock = threading.Lock()
        self._known: Tokens | None = None

    @property
    def account(self) -> Account:
        """Whom the store belongs to. Raises SignedOutError where nobody ever signed in, ClientError."""
        account = read_account(self.folder)
        if account is None:
            raise SignedOutError("Nobody is signed in: “ismsg login” does that.")
        return account

    def tokens(self) -> Tokens:
        """The tokens to be used now. Raises SignedOutError where there are none, ClientError."""
        if self._known is None:
            self._known = self._read()
        if self._known is None:
            raise SignedOutError("You are signed out: “ismsg login” signs you in again.")
        return self._known

    def sign_in(self, url: str, email: str, session: Session) -> Account:
        """Keep a new sign-in. Raises OSError where it can't be kept."""
        account = Account(url, session.workspace_id, session.workspace_name, session.user_id, email, session.device_id)
        with self._lock:
            old = None
            with suppress(ClientError):
                old = read_account(self.folder)
            if old is not None and old != account:
                self._forget(old)
            _write(self.folder / ACCOUNT_FILE, msgspec.json.format(msgspec.json.encode(account), indent=2))
            self._write_tokens(account, tokens_of(session))
        return account

    def sign_out(self) -> None:
        """Forget the tokens; whom the store belongs to is still known."""
        with self._lock:
            self._forget(self.account)
            self._known = None

    def renew(self, stale: Tokens, exchange: Callable[[str], Session]) -> None:
        """Get new tokens for stale ones, once for all threads and processes, and keep them before they are used.

        `exchange` asks the server for a new pair. Raises whatever it raises, SignedOutError, UnreachableError where
        another process takes too long over the same.
        """
        with self._lock, self._alone():
            account = self.account
            newest = self._read()
            if newest is None:
                self._known = None
                raise SignedOutError("You are signed out: “ismsg login” signs you in again.")
            if newest != stale:  # somebody else has done it
                self._known = newest
                return
            self._write_tokens(account, tokens_of(exchange(newest.refresh)))

    def look_again(self) -> None:
        """The tokens are good for nothing any more: others may have been kept by another process."""
        self._known = None

    def _read(self) -> Tokens | None:
        account = self.account
        packed: str | bytes | None
        try:
            packed = (self.folder / TOKEN_FILE).read_bytes()
        except FileNotFoundError:
            vault = self._vault
            packed = vault.get(_key(account)) if vault else None
        except OSError as error:
            raise ClientError(f"{self.folder / TOKEN_FILE} can't be read: {error.strerror}.") from error
        if not packed:
            return None
        try:
            return unpack(packed, Tokens)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None

    def _write_tokens(self, account: Account, tokens: Tokens) -> None:
        packed = msgspec.json.encode(tokens)
        path, vault = self.folder / TOKEN_FILE, self._vault
        if vault is not None and vault.set(_key(account), packed.decode()):
            path.unlink(missing_ok=True)  # only now: the file is what counts while it is there
        else:
            _write(path, packed)
        self._known = tokens

    def _forget(self, account: Account) -> None:
        (self.folder / TOKEN_FILE).unlink(missing_ok=True)
        if self._vault is not None:
            self._vault.delete(_key(account))

    @cached_property
    def _vault(self) -> Vault | None:
        return self._given or system_vault()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Be the only process that renews."""
        until = time.monotonic() + PATIENCE
        while True:
            with lock_file(self.folder / LOCK_FILE) as alone:
                if alone:
                    yield
                    return
            if time.monotonic() > until:
                raise UnreachableError("Another ismsg renews the sign-in and does not come to an end.")
            time.sleep(0.05)


def _key(account: Account) -> str:
    return f"{account.device_id} at {account.url}"


def _write(path: Path, content: bytes) -> None:
    """Replace a file as a whole, readable by its owner alone."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # made 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)
