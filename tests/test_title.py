"""The title: where we are and how things stand, in words that fit every width."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from rich.cells import cell_len
from textual.app import App, ComposeResult

from ismsg_tui.app import IsmsgApp
from ismsg_tui.clock import now_ms
from ismsg_tui.messages import SyncMoved
from ismsg_tui.sync.status import Progress, SyncState, SyncStatus
from ismsg_tui.times import clock
from ismsg_tui.widgets.sync_words import is_trouble, sync_words
from ismsg_tui.widgets.title_bar import Title, TitleBar
from tests.desk_setup import console, on_screen, open_inbox, press, settle
from tests.unsent import refused

NOW = now_ms()
DAY = 24 * 3_600_000

WORST = Title(
    workspace="The Old Harbour Hotel and Guesthouse",
    user="Ana Silva",
    company="Ben, Carla",
    state=sync_words(SyncStatus(SyncState.OFFLINE, NOW), NOW),
    trouble=True,
    unsent=12,
    refused=3,
)


class OneTitle(App[int]):
    """A screen with nothing but a title."""

    def compose(self) -> ComposeResult:
        yield TitleBar()


def titled(title: Title, width: int) -> str:
    """A title as it is shown at a width."""

    async def show() -> str:
        app = OneTitle()
        async with app.run_test(size=(width, 3)) as pilot:
            app.query_one(TitleBar).shown = title
            await pilot.pause()
            return on_screen(pilot).split("\n")[0]

    return asyncio.run(show())


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_state_and_counts_are_there_at_every_width(width: int) -> None:
    line = titled(WORST, width)
    assert cell_len(line) == width
    for words in ("offline", "12 unsent", "✗ 3 not sent"):
        assert words in line
    assert line.startswith(" ismsg") is (width > 40)


def test_what_matters_least_makes_room_first() -> None:
    assert "Ben, Carla" in titled(WORST, 120)
    narrower = titled(WORST, 80)
    assert "Ben, Carla" not in narrower
    assert f"offline since {clock(NOW)}" in narrower
    assert "· The Old" in narrower
    assert f"offline {clock(NOW)}" in titled(WORST, 60)


def test_a_calm_title_names_workspace_user_and_state() -> None:
    calm = Title("Harbour Hotel", "Ana Silva", state=("online",))
    assert titled(calm, 60).split() == ["ismsg", "·", "Harbour", "Hotel", "Ana", "Silva", "·", "online"]


def test_hostile_names_are_only_text() -> None:
    line = titled(Title("[b]Evil\x1b[2J\nHotel[/b]", "Ana [red]", state=("online",)), 80)
    assert "[b]Evil" in line
    assert "Ana [red]" in line
    assert "\x1b" not in line


def words_of(state: SyncState, *, reason: str = "", progress: Progress | None = None, skew: int = 0) -> tuple[str, ...]:
    return sync_words(SyncStatus(state, NOW, reason, progress, skew=skew), NOW)


def test_every_state_has_words_the_longest_first() -> None:
    for state in SyncState:
        for progress in (None, Progress(12_000, 90_000, 3_400), Progress(12_000)):
            words = words_of(state, reason="The server says no.", progress=progress)
            assert all(words)
            assert [len(text) for text in words] == sorted(map(len, words), reverse=True)


def test_catching_up_says_how_far_how_fast_and_how_long() -> None:
    words = words_of(SyncState.SYNCING, progress=Progress(12_000, 90_000, 3_400))
    assert words[0] == "syncing 12,000 of 90,000 · 3,400/s · 23 s left"
    assert words[-2:] == ("syncing 13 %", "syncing")
    assert words_of(SyncState.SYNCING, progress=Progress(12_000)) == ("syncing 12,000", "syncing")
    assert words_of(SyncState.SYNCING, progress=Progress(12_000, 9_000, 10))[-2] == "syncing 100 %"
    assert "2 h 10 min left" in words_of(SyncState.SYNCING, progress=Progress(10, 7_810, 1))[0]


def test_offline_says_since_when_with_the_day_where_it_is_another() -> None:
    assert words_of(SyncState.OFFLINE)[0] == f"offline since {clock(NOW)}"
    status = SyncStatus(SyncState.OFFLINE, NOW - DAY)
    assert sync_words(status, NOW)[0] == f"offline since Yesterday {clock(NOW - DAY)}"


def test_signed_out_says_how_to_sign_in() -> None:
    assert words_of(SyncState.SIGNED_OUT) == ("signed out: Ctrl+L signs in", "signed out: Ctrl+L", "signed out")
    assert is_trouble(SyncStatus(SyncState.SIGNED_OUT, NOW))
    assert not is_trouble(SyncStatus(SyncState.SYNCED, NOW))
    assert not is_trouble(None)


def test_a_clock_that_is_far_off_is_told() -> None:
    assert words_of(SyncState.SYNCED) == ("online",)
    assert words_of(SyncState.SYNCED, skew=12 * 60_000)[0] == "online · this clock is 12 min slow"
    assert words_of(SyncState.SYNCED, skew=-12 * 60_000)[0] == "online · this clock is 12 min fast"


async def test_the_title_follows_the_state_at_once(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    async with console(inbox, (80, 24)) as pilot:
        assert "local" in on_screen(pilot).split("\n")[0]
        for state in (SyncState.SYNCED, SyncState.OFFLINE, SyncState.SYNCED):
            pilot.app.post_message(SyncMoved(SyncStatus(state, NOW)))
            await settle(pilot)
            assert words_of(state)[0] in on_screen(pilot).split("\n")[0]


async def test_a_click_on_what_was_not_sent_goes_there(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    refused(inbox, "hello there")
    async with console(inbox, (80, 24)) as pilot:
        assert "✗ 1 not sent" in on_screen(pilot).split("\n")[0]
        await pilot.click(TitleBar, offset=(75, 0))
        await settle(pilot)
        assert "“hello there”" in on_screen(pilot)
        await press(pilot, "enter")
        assert "not sent" not in on_screen(pilot).split("\n")[0]
        assert "unsent" in on_screen(pilot).split("\n")[0]


async def test_the_title_fits_again_after_the_terminal_changed(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    async with console(inbox, (120, 24)) as pilot:
        app = pilot.app
        assert isinstance(app, IsmsgApp)
        app.post_message(SyncMoved(SyncStatus(SyncState.SYNCING, NOW, progress=Progress(12_000, 90_000, 3_400))))
        await settle(pilot)
        assert "23 s left" in on_screen(pilot).split("\n")[0]
        await pilot.resize_terminal(60, 24)
        await settle(pilot)
        assert "syncing" in on_screen(pilot).split("\n")[0]
