"""The help screen: every action with its keys, whatever the size of the screen."""

from __future__ import annotations

import pytest
from textual.containers import VerticalScroll

from ismsg_tui.actions import ACTIONS
from ismsg_tui.key_names import key_label
from ismsg_tui.screens.help_screen import HelpScreen
from tests.on_screen import SIZES, assert_screen_is_safe, screen_text, shown


async def test_every_action_is_explained_with_its_keys() -> None:
    async with shown(HelpScreen(), (200, 120)) as (app, _, _):
        text = screen_text(app)
        for action in ACTIONS:
            assert all(f"{key_label(key)} " in text for key in action.keys.split(",")), action.id
            assert " ".join(action.help.split()[:4]) in text, action.id


@pytest.mark.parametrize("key", ["escape", "q", "question_mark", "f1"])
async def test_it_is_left_by_the_keys_people_try(key: str) -> None:
    async with shown(HelpScreen()) as (_, pilot, given):
        assert given == []
        await pilot.press(key)
        assert given == [None]


async def test_it_scrolls_by_keys_to_the_end_and_back() -> None:
    async with shown(HelpScreen()) as (app, pilot, _):
        pane = app.screen.query_one(VerticalScroll)
        await pilot.press("j")
        assert pane.scroll_y == 1
        await pilot.press("G")
        assert pane.scroll_y == pane.max_scroll_y > 1
        await pilot.press("g")
        assert pane.scroll_y == 0


@pytest.mark.parametrize("size", SIZES)
async def test_it_fits_every_screen(size: tuple[int, int]) -> None:
    async with shown(HelpScreen(), size) as (app, pilot, _):
        await pilot.press("pagedown")
        assert_screen_is_safe(app)
