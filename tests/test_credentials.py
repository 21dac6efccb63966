"""Where the server is and who one is there: kept whole, out of sight, and shared by processes."""

from __future__ import annotations

import logging
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import keyring.backends.fail
import keyring.backends.null
import pytest
from keyring.backends.chainer import ChainerBackend

from ismsg_tui.domain.wire import Session
from ismsg_tui.store.connection import lock_file
from ismsg_tui.sync import credentials as module
from ismsg_tui.sync.authority import ClientError, SignedOutError, UnreachableError
from ismsg_tui.sync.credentials import (
    ACCOUNT_FILE,
    LOCK_FILE,
    TOKEN_FILE,
    AddressError,
    Credentials,
    Tokens,
    check_address,
    read_account,
)
from ismsg_tui.sync.vault import KeyringVault, is_real
from tests.at_work import at_once
from tests.team import NoVault

URL = "https://desk.example.org"


def session(number: int = 1, device: str = "device") -> Session:
    return Session(device, f"access-{number}", f"refresh-{number}", 3600, "user", "workspace", "Hotel")


class Drawer:
    """A keyring that works."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.broken = False

    def get(self, key: str) -> str | None:
        return self.kept.get(key)

    def set(self, key: str, secret: str) -> bool:
        if not self.broken:
            self.kept[key] = secret
        return not self.broken

    def delete(self, key: str) -> None:
        self.kept.pop(key, None)


# Addresses


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("https://desk.example.org/", "https://desk.example.org"),
        ("desk.example.org", "https://desk.example.org"),
        (" https://desk.example.org:8443/inbox/ ", "https://desk.example.org:8443/inbox"),
        ("http://localhost:8440", "http://localhost:8440"),
        ("http://127.0.0.1:8440", "http://127.0.0.1:8440"),
        ("http://[::1]:8440", "http://[::1]:8440"),
    ],
)
def test_an_address_is_kept_without_what_is_superfluous(typed: str, kept: str) -> None:
    assert check_address(typed) == kept


@pytest.mark.parametrize(
    "typed",
    [
        "http://desk.example.org",
        "http://10.0.0.1",
        "http://localhost.example.org",
        "http://127.0.0.1.example.org",
        "ftp://desk.example.org",
        "https://",
        "",
        "https://user:secret@desk.example.org",
        "https://desk.example.org/?x=1",
        "https://desk.example.org:port",
        "http://[::1",
        "file:///etc/passwd",
    ],
)
def test_an_address_over_which_a_password_must_not_travel_is_none(typed: str) -> None:
    with pytest.raises(AddressError):
        check_address(typed)


# Keeping


def test_a_sign_in_is_kept_in_files_that_only_the_owner_may_read(tmp_path: Path) -> None:
    Credentials(tmp_path / "data", NoVault()).sign_in(URL, "ana@example.org", session())
    again = Credentials(tmp_path / "data", NoVault())
    assert again.tokens() == Tokens("access-1", "refresh-1")
    account = read_account(tmp_path / "data")
    assert account is not None
    assert (account.url, account.user_id, account.workspace_name) == (URL, "user", "Hotel")
    for name in (ACCOUNT_FILE, TOKEN_FILE):
        assert stat.S_IMODE((tmp_path / "data" / name).stat().st_mode) == 0o600
    assert "access-1" not in (tmp_path / "data" / ACCOUNT_FILE).read_text()


def test_tokens_lie_in_the_keyring_where_there_is_one(tmp_path: Path) -> None:
    drawer = Drawer()
    Credentials(tmp_path, drawer).sign_in(URL, "ana@example.org", session())
    assert not (tmp_path / TOKEN_FILE).exists()
    assert Credentials(tmp_path, drawer).tokens() == Tokens("access-1", "refresh-1")
    Credentials(tmp_path, drawer).sign_out()
    assert drawer.kept == {}


def test_tokens_move_into_a_file_when_the_keyring_fails_and_back_when_it_works(tmp_path: Path) -> None:
    drawer = Drawer()
    credentials = Credentials(tmp_path, drawer)
    credentials.sign_in(URL, "ana@example.org", session())
    drawer.broken = True
    credentials.renew(credentials.tokens(), lambda _: session(2))
    assert Credentials(tmp_path, drawer).tokens() == Tokens("access-2", "refresh-2")
    drawer.broken = False
    credentials.renew(credentials.tokens(), lambda _: session(3))
    assert not (tmp_path / TOKEN_FILE).exists()
    assert Credentials(tmp_path, drawer).tokens() == Tokens("access-3", "refresh-3")


def test_who_signs_out_is_still_known_and_has_no_tokens(tmp_path: Path) -> None:
    credentials = Credentials(tmp_path, NoVault())
    credentials.sign_in(URL, "ana@example.org", session())
    credentials.sign_out()
    assert read_account(tmp_path) is not None
    for again in (credentials, Credentials(tmp_path, NoVault())):
        with pytest.raises(SignedOutError, match="ismsg login"):
            again.tokens()


def test_nobody_is_signed_in_where_nobody_ever_was(tmp_path: Path) -> None:
    assert read_account(tmp_path) is None
    with pytest.raises(SignedOutError, match="ismsg login"):
        Credentials(tmp_path, NoVault()).tokens()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"url": 5}', b"\xff\xfe", b'{"url": "https://x"}'])
def test_a_damaged_account_says_how_to_mend_it(tmp_path: Path, content: bytes) -> None:
    (tmp_path / ACCOUNT_FILE).write_bytes(content)
    with pytest.raises(ClientError, match="ismsg login"):
        read_account(tmp_path)
    Credentials(tmp_path, NoVault()).sign_in(URL, "ana@example.org", session())
    assert read_account(tmp_path) is not None


@pytest.mark.parametrize("content", [b"", b"{", b"null", b"\xff"])
def test_damaged_tokens_are_none(tmp_path: Path, content: bytes) -> None:
    Credentials(tmp_path, NoVault()).sign_in(URL, "ana@example.org", session())
    (tmp_path / TOKEN_FILE).write_bytes(content)
    with pytest.raises(SignedOutError):
        Credentials(tmp_path, NoVault()).tokens()


def test_tokens_that_can_not_be_sent_are_not_kept(tmp_path: Path) -> None:
    bad = Session("device", "a\nHost: elsewhere", "r", 1, "user", "workspace", "Hotel")
    with pytest.raises(ClientError):
        Credentials(tmp_path, NoVault()).sign_in(URL, "ana@example.org", bad)


def test_no_token_is_ever_shown_by_what_holds_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    credentials = Credentials(tmp_path, NoVault())
    credentials.sign_in(URL, "ana@example.org", session())
    credentials.renew(credentials.tokens(), lambda _: session(2))
    shown = f"{credentials.tokens()!r} {credentials.account!r} {caplog.text}"
    assert "access-" not in shown
    assert "refresh-" not in shown


# Renewing


def test_stale_tokens_are_renewed_once_however_many_ask(tmp_path: Path) -> None:
    credentials = Credentials(tmp_path, NoVault())
    credentials.sign_in(URL, "ana@example.org", session())
    stale = credentials.tokens()
    asked: list[str] = []

    def exchange(refresh: str) -> Session:
        asked.append(refresh)
        return session(2)

    at_once(8, lambda _: credentials.renew(stale, exchange))
    assert asked == ["refresh-1"]
    assert credentials.tokens() == Tokens("access-2", "refresh-2")


def test_tokens_that_another_process_has_renewed_are_taken_from_there(tmp_path: Path) -> None:
    first, second = Credentials(tmp_path, NoVault()), Credentials(tmp_path, NoVault())
    first.sign_in(URL, "ana@example.org", session())
    stale = second.tokens()
    first.renew(first.tokens(), lambda _: session(2))

    def never(_: str) -> Session:
        raise AssertionError("it was renewed a second time")

    second.renew(stale, never)
    assert second.tokens() == Tokens("access-2", "refresh-2")


def test_a_renewal_that_fails_keeps_the_old_tokens(tmp_path: Path) -> None:
    credentials = Credentials(tmp_path, NoVault())
    credentials.sign_in(URL, "ana@example.org", session())

    def fails(_: str) -> Session:
        raise UnreachableError("gone")

    with pytest.raises(UnreachableError):
        credentials.renew(credentials.tokens(), fails)
    assert Credentials(tmp_path, NoVault()).tokens() == Tokens("access-1", "refresh-1")


def test_a_process_that_does_not_come_to_an_end_with_it_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.0)
    credentials = Credentials(tmp_path, NoVault())
    credentials.sign_in(URL, "ana@example.org", session())
    with lock_file(tmp_path / LOCK_FILE) as alone:
        assert alone
        with pytest.raises(UnreachableError, match="Another ismsg"):
            credentials.renew(credentials.tokens(), lambda _: session(2))


# Keyrings


class Backend:
    """A keyring of the library, as good as it is told to be."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.hangs = threading.Event()
        self.hangs.set()
        self.fails = False
        self.forgets = False

    def get_password(self, service: str, username: str) -> str | None:
        self.hangs.wait(20)
        if self.fails:
            raise RuntimeError("the secret is access-1")
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.hangs.wait(20)
        if not self.forgets:
            self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


def test_a_keyring_that_works_keeps_and_forgets() -> None:
    vault = KeyringVault(Backend())
    assert vault.get("key") is None
    assert vault.set("key", "secret")
    assert vault.get("key") == "secret"
    vault.delete("key")
    vault.delete("key")
    assert vault.get("key") is None


def test_a_keyring_that_forgets_or_fails_is_seen_to(caplog: pytest.LogCaptureFixture) -> None:
    backend = Backend()
    backend.forgets = True
    assert not KeyringVault(backend).set("key", "secret")
    backend.forgets, backend.fails = False, True
    assert not KeyringVault(backend).set("key", "secret")
    assert KeyringVault(backend).get("key") is None
    assert "access-1" not in caplog.text


def test_a_keyring_that_waits_for_somebody_is_left_and_asked_no_more() -> None:
    backend = Backend()
    backend.hangs.clear()
    vault = KeyringVault(backend, patience=0.01)
    assert not vault.set("key", "secret")
    backend.hangs.set()
    assert vault.get("key") is None


STAND_INS: list[Callable[[], object]] = [keyring.backends.fail.Keyring, keyring.backends.null.Keyring]


def test_stand_ins_for_a_keyring_are_none() -> None:
    assert not any(is_real(stand_in()) for stand_in in STAND_INS)
    assert is_real(Backend())


@pytest.mark.parametrize(("links", "real"), [([], False), (STAND_INS, False), ([*STAND_INS, Backend], True)])
def test_a_chain_is_as_good_as_the_best_of_its_links(
    monkeypatch: pytest.MonkeyPatch, links: list[Callable[[], object]], real: bool
) -> None:
    chain: Callable[[], object] = ChainerBackend
    monkeypatch.setattr(ChainerBackend, "backends", [link() for link in links])
    assert is_real(chain()) is real
