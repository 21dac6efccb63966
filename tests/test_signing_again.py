"""Signing in again in a running console, on a real server: nothing that was written is lost or doubled."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot

from ismsg_tui.app import IsmsgApp
from ismsg_tui.config import Config
from ismsg_tui.screens.sign_in_dialog import SignInDialog
from ismsg_tui.sync.credentials import Credentials
from ismsg_tui.widgets.title_bar import TitleBar
from tests.desk_setup import on_screen, press, settle, write
from tests.factories import BEN, MAI
from tests.team import PASSWORD, Console, Team, a_team
from tests.waiting import turn_until


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Team]:
    with a_team(tmp_path / "server") as team:
        team.hear("is my room ready?")
        yield team


async def seen(pilot: Pilot[int], words: str) -> None:
    """Wait until the screen shows something."""
    await turn_until(lambda: pilot.pause(0.02), lambda: words in on_screen(pilot), lambda: on_screen(pilot))


async def sign_out(pilot: Pilot[int], team: Team, console: Console) -> None:
    """Have the server forget a console that is at work, and let that be noticed by a reply."""
    await seen(pilot, "online")
    await seen(pilot, "is my room ready?")
    team.server.accounts.sign_out(console.credentials.account.device_id)
    await press(pilot, "enter")
    await write(pilot, "yes")
    await press(pilot, "enter", "escape")
    await seen(pilot, "signed out: Ctrl+L signs in")


def desk_of(console: Console, monkeypatch: pytest.MonkeyPatch) -> IsmsgApp:
    """A console whose tokens lie in files."""
    monkeypatch.setattr("ismsg_tui.sync.credentials.system_vault", lambda: None)
    return IsmsgApp(console.inbox, Config(), authority=console.authority)


async def test_who_is_signed_out_signs_in_by_a_key_and_what_was_written_leaves_then(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana = team.console("ana")
    async with desk_of(ana, monkeypatch).run_test(size=(120, 36)) as pilot:
        await sign_out(pilot, team, ana)
        before = ana.credentials.account.device_id
        await press(pilot, "ctrl+l")
        assert "Sign in again" in on_screen(pilot)
        assert "Nothing is lost" in on_screen(pilot)
        await write(pilot, "guess")
        await press(pilot, "enter")
        await seen(pilot, "wrong")
        for _ in range(40):
            await pilot.press("backspace")
        for character in PASSWORD:
            await pilot.press("space" if character == " " else character)
        await press(pilot, "enter")
        await seen(pilot, "online")
        await turn_until(lambda: pilot.pause(0.02), lambda: not ana.counts.unsent, lambda: on_screen(pilot))
        await settle(pilot)
        assert Credentials(ana.folder).account.device_id != before
        assert ana.texts().count("yes") == 1


async def test_a_click_on_the_state_offers_the_sign_in_and_another_account_changes_nothing(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana = team.console("ana")
    async with desk_of(ana, monkeypatch).run_test(size=(120, 36)) as pilot:
        await sign_out(pilot, team, ana)
        account = Credentials(ana.folder).account
        at = on_screen(pilot).split("\n")[0].index("signed out")
        await pilot.click(TitleBar, offset=(at + 2, 0))
        await seen(pilot, "Sign in again")
        told: list[str] = []
        monkeypatch.setattr(pilot.app, "notify", lambda words, **_: told.append(words))
        dialog = pilot.app.screen
        assert isinstance(dialog, SignInDialog)
        dialog._field("email").value = BEN.email
        dialog._field("password").value = PASSWORD
        await press(pilot, "enter")
        await turn_until(lambda: pilot.pause(0.02), lambda: bool(told), lambda: on_screen(pilot))
        assert told == ["That is somebody else's account: this inbox stays as it is."]
        assert Credentials(ana.folder).account == account
        assert ana.counts.unsent
        assert "yes" in ana.texts(MAI)


async def test_who_is_not_signed_out_needs_no_sign_in(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    ana = team.console("ana")
    async with desk_of(ana, monkeypatch).run_test(size=(120, 36)) as pilot:
        await seen(pilot, "online")
        told: list[str] = []
        monkeypatch.setattr(pilot.app, "notify", lambda words, **_: told.append(words))
        await press(pilot, "ctrl+l")
        assert told == ["You are signed in."]
