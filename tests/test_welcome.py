"""The first start: three ways to begin, and signing in without leaving the terminal."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from ismsg_tui.config import Config
from ismsg_tui.domain.wire import Session
from ismsg_tui.screens import sign_in_dialog
from ismsg_tui.screens.sign_in_dialog import SignInDialog, WorkspacePicker
from ismsg_tui.screens.welcome import Start, Welcome, WelcomeApp
from ismsg_tui.signing import Signed, WhichWorkspaceError
from ismsg_tui.store.store import FILE_NAME
from ismsg_tui.sync.authority import SignedOutError, UnreachableError
from ismsg_tui.widgets.choice_list import ChoiceList
from ismsg_tui.widgets.key_line import KeyLine
from ismsg_tui.widgets.text_fields import PlainInput
from tests.desk_setup import on_screen, open_inbox
from tests.factories import ANA, WORKSPACE
from tests.team import PASSWORD, a_team
from tests.terminal import Terminal, ismsg, isolated
from tests.waiting import PATIENCE, turn_until

SIZES = [(60, 20), (80, 24), (120, 40), (200, 60)]
SIGNED = Signed(
    "https://desk.example.org", ANA.email, Session("device", "access", "refresh", 3_600, ANA.id, WORKSPACE.id, "Hotel")
)


class Server:
    """A server that answers when it is told to."""

    def __init__(self, *outcomes: Signed | Exception) -> None:
        self.outcomes = list(outcomes)
        self.asked: list[tuple[str, str, str, str]] = []
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, address: str, email: str, password: str, workspace: str) -> Signed:
        self.asked.append((address, email, password, workspace))
        assert self.gate.wait(PATIENCE)
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


@asynccontextmanager
async def welcome(
    folder: Path, server: Server | None = None, size: tuple[int, int] = (80, 24)
) -> AsyncIterator[tuple[Pilot[int], WelcomeApp]]:
    """The first screen, headless."""
    app = WelcomeApp(Config(), folder, ask=server or Server())
    async with app.run_test(size=size) as pilot:
        await shown(pilot, lambda: isinstance(app.screen, Welcome))
        yield pilot, app


async def shown(pilot: Pilot[int], done: Callable[[], bool]) -> None:
    """Wait until something is so."""

    async def turn() -> None:
        await asyncio.to_thread(lambda: None)  # a thread may have to come to its end first
        await pilot.pause()

    await turn_until(turn, done, lambda: on_screen(pilot))
    await pilot.pause()


async def fill_in(pilot: Pilot[int], address: str, email: str, password: str) -> None:
    """Type into the three fields."""
    await shown(pilot, lambda: isinstance(pilot.app.screen, SignInDialog))
    for name, text in (("address", address), ("email", email), ("password", password)):
        field = pilot.app.screen.query_one(f"#{name}", PlainInput)
        field.focus()
        field.value = text
    await pilot.pause()


def said(pilot: Pilot[int]) -> str:
    """What the dialog says."""
    return str(pilot.app.screen.query_one("#said", Static).content)


@pytest.mark.parametrize("size", SIZES)
async def test_three_ways_and_what_each_means_fit_every_terminal(tmp_path: Path, size: tuple[int, int]) -> None:
    async with welcome(tmp_path, size=size) as (pilot, _):
        for words in ("1  Try the demo", "2  Work alone", "3  Sign in to a server", "An invented hotel", "Enter Begin"):
            assert words in on_screen(pilot)
        await pilot.press("down")
        assert "An inbox of your own" in on_screen(pilot)
        await pilot.press("down")
        assert "Your team's inbox" in on_screen(pilot)


@pytest.mark.parametrize(
    ("keys", "start"),
    [
        (("enter",), Start.DEMO),
        (("down", "enter"), Start.ALONE),
        (("2",), Start.ALONE),
        (("j", "k", "enter"), Start.DEMO),
        (("escape",), None),
        (("q",), None),
        (("ctrl+q",), None),
    ],
)
async def test_keys_choose_or_leave(tmp_path: Path, keys: tuple[str, ...], start: Start | None) -> None:
    async with welcome(tmp_path) as (pilot, app):
        await pilot.press(*keys)
        await pilot.pause()
    assert (app.start, app.signed) == (start, None)


async def test_a_click_chooses(tmp_path: Path) -> None:
    async with welcome(tmp_path) as (pilot, app):
        await pilot.click(ChoiceList, offset=(5, 1))
        await pilot.pause()
    assert app.start is Start.ALONE


@pytest.mark.parametrize("size", SIZES)
async def test_the_fields_and_what_is_said_fit_every_terminal(tmp_path: Path, size: tuple[int, int]) -> None:
    server = Server(UnreachableError("The server can't be reached: nobody answers there at all, at this hour."))
    async with welcome(tmp_path, server, size) as (pilot, _):
        await pilot.press("3")
        await fill_in(pilot, "desk.example.org", "ana@example.org", "secret")
        await pilot.press("enter")
        await shown(pilot, lambda: "can't be reached" in said(pilot))
        for words in ("Server", "E-mail", "Password", "ana@example.org", "••••••", "hour.", "Enter Sign in"):
            assert words in on_screen(pilot)
        assert "secret" not in on_screen(pilot)


async def test_signing_in_leads_on(tmp_path: Path) -> None:
    server = Server(SIGNED)
    async with welcome(tmp_path, server) as (pilot, app):
        await pilot.press("3")
        await shown(pilot, lambda: isinstance(app.screen, SignInDialog))
        await pilot.press(*"desk.example.org", "enter", "a", "enter", *"pw", "enter")
        await shown(pilot, lambda: app.signed is not None)
    assert server.asked == [("https://desk.example.org", "a", "pw", "")]
    assert app.signed == SIGNED


async def test_what_is_missing_is_asked_for(tmp_path: Path) -> None:
    async with welcome(tmp_path) as (pilot, app):
        await pilot.press("3")
        await fill_in(pilot, "desk.example.org", "", "pw")
        await pilot.press("enter")
        assert "are needed" in said(pilot)
        focused = app.focused
        assert focused is not None
        assert focused.id == "email"


@pytest.mark.parametrize("address", ["http://desk.example.org", "ftp://x", "https://"])
async def test_an_address_that_will_not_do_is_told_before_anything_is_sent(tmp_path: Path, address: str) -> None:
    server = Server()
    async with welcome(tmp_path, server) as (pilot, app):
        await pilot.press("3")
        await fill_in(pilot, address, "ana@example.org", "pw")
        await pilot.press("enter")
        await shown(pilot, lambda: "address" in said(pilot))
        assert app.focused is not None
        assert app.focused.id == "address"
    assert server.asked == []


async def test_a_wrong_password_is_told_and_can_be_mended(tmp_path: Path) -> None:
    server = Server(SignedOutError("E-mail or password are wrong."), SIGNED)
    async with welcome(tmp_path, server) as (pilot, app):
        await pilot.press("3")
        await fill_in(pilot, "desk.example.org", "ana@example.org", "nearly!")
        await pilot.press("enter")
        await shown(pilot, lambda: "are wrong" in said(pilot))
        await pilot.press("backspace", "enter")
        await shown(pilot, lambda: app.signed is not None)
    assert [asked[2] for asked in server.asked] == ["nearly!", "nearly"]


async def test_somebody_in_several_workspaces_chooses_one(tmp_path: Path) -> None:
    server = Server(WhichWorkspaceError([("1", "Harbour [b]Hotel"), ("2", "Mill")]), SIGNED)
    async with welcome(tmp_path, server) as (pilot, app):
        await pilot.press("3")
        await fill_in(pilot, "desk.example.org", "ana@example.org", "pw")
        await pilot.press("enter")
        await shown(pilot, lambda: isinstance(app.screen, WorkspacePicker))
        assert "Harbour [b]Hotel" in on_screen(pilot)
        await pilot.press("down", "enter")
        await shown(pilot, lambda: app.signed is not None)
    assert [asked[3] for asked in server.asked] == ["", "2"]


async def test_waiting_for_a_server_can_be_stopped_and_what_comes_too_late_is_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_back, given = threading.Event(), []

    def give_back(signed: Signed) -> None:
        given.append(signed)
        given_back.set()

    monkeypatch.setattr(sign_in_dialog, "give_back", give_back)
    server = Server(SIGNED)
    server.gate.clear()
    async with welcome(tmp_path, server) as (pilot, app):
        await pilot.press("3")
        await fill_in(pilot, "desk.example.org", "ana@example.org", "pw")
        await pilot.press("enter")
        await shown(pilot, lambda: "Signing in" in said(pilot))
        assert "Esc Stop" in on_screen(pilot)
        await pilot.press("enter", "escape")
        await shown(pilot, lambda: said(pilot) == "Stopped.")
        server.gate.set()
        assert given_back.wait(30)
        await pilot.press("escape")
        await shown(pilot, lambda: isinstance(app.screen, Welcome))
    assert given == [SIGNED]
    assert app.signed is None
    assert len(server.asked) == 1


async def test_going_back_from_signing_in_offers_the_other_ways(tmp_path: Path) -> None:
    async with welcome(tmp_path) as (pilot, app):
        await pilot.press("3")
        await shown(pilot, lambda: isinstance(app.screen, SignInDialog))
        await pilot.press("escape")
        await shown(pilot, lambda: isinstance(app.screen, Welcome))
        await pilot.press("2")
        await pilot.pause()
    assert app.start is Start.ALONE


async def test_the_mouse_signs_in_too(tmp_path: Path) -> None:
    server = Server(SIGNED)
    async with welcome(tmp_path, server) as (pilot, app):
        await pilot.press("3")
        await fill_in(pilot, "desk.example.org", "ana@example.org", "pw")
        await pilot.click(app.screen.query_one(KeyLine), offset=(2, 0))
        await shown(pilot, lambda: app.signed is not None)
    assert len(server.asked) == 1


# In a terminal


def test_an_empty_folder_asks_how_to_begin_and_working_alone_opens_the_desk(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with ismsg(tmp_path, "--data", str(data), "--user", "Ana") as terminal:
        terminal.wait_for("Sign in to a server")
        assert not (data / FILE_NAME).exists()
        terminal.send("2")
        terminal.wait_for("Nobody is waiting.")
        terminal.send("\x11")
        assert terminal.wait() == 0
    with ismsg(tmp_path, "--data", str(data), "--user", "Ana") as terminal:
        terminal.wait_for("Nobody is waiting.")
        terminal.send("\x11")
        assert terminal.wait() == 0


def test_leaving_the_first_screen_makes_no_inbox(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with ismsg(tmp_path, "--data", str(data)) as terminal:
        terminal.wait_for("Sign in to a server")
        terminal.send("q")
        assert terminal.wait() == 0
    assert not (data / FILE_NAME).exists()


def test_data_that_is_there_is_opened_without_a_question(tmp_path: Path) -> None:
    open_inbox(tmp_path / "data").close_store()
    with ismsg(tmp_path, "--data", str(tmp_path / "data"), "--user", ANA.email) as terminal:
        terminal.wait_for("hello, this is Mai")
        terminal.send("\x11")
        assert terminal.wait() == 0


def test_signing_in_to_a_real_server_opens_the_teams_inbox(tmp_path: Path) -> None:
    with a_team(tmp_path / "server") as team:
        team.hear("is my room ready?")
        command = [sys.executable, "-m", "ismsg_tui", "--data", str(tmp_path / "data")]
        with Terminal(command, isolated(tmp_path), (100, 30)) as terminal:
            terminal.wait_for("Sign in to a server")
            terminal.send("3")
            terminal.wait_for("Password")
            terminal.send(f"{team.address}\t{ANA.email}\twrong\r")
            terminal.wait_for("wrong")
            terminal.send("\x15")
            terminal.wait_for(lambda: "•" not in terminal.text)
            terminal.send(PASSWORD + "\r")
            terminal.wait_for("is my room ready?")
            terminal.wait_for("online")
            terminal.send("\x11")
            assert terminal.wait() == 0
