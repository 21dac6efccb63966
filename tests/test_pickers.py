"""The pickers: type to filter, arrows to move, Enter or a click to take, Esc to go back with nothing."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from textual.app import App, ComposeResult
from textual.events import Key as KeyEvent
from textual.events import Paste
from textual.pilot import Pilot
from textual.screen import ModalScreen
from textual.widgets import Static

from ismsg_tui.domain.entities import Snippet, User
from ismsg_tui.screens.assign_dialog import AssignChoice, AssignDialog
from ismsg_tui.screens.emoji_picker import EmojiPicker
from ismsg_tui.screens.snippet_picker import SnippetPicker
from ismsg_tui.screens.theme_picker import ThemePicker
from ismsg_tui.widgets.choice_list import ChoiceList
from ismsg_tui.widgets.chooser import Chooser
from tests.screen_text import HARD_TEXTS, assert_screen_is_safe, needs_hard_texts, screen_lines, screen_text

SIZES = [(80, 24), (120, 40), (60, 20), (20, 5), (1, 1)]
NOTHING = "nothing yet"
SNIPPETS = [
    Snippet(id="s1", name="welcome", topic="arrival", text="Dear $contact.firstname, the room is ready."),
    Snippet(id="s2", name="wifi", topic="rooms", text="The password is on the card.\nAsk $contact.city for more."),
    Snippet(id="s3", name="room change", topic="rooms", text="We have moved you."),
]
USERS = [
    User(id="ben", name="Ben Okafor", team="Billing"),
    User(id="ana", name="Ana Ruiz", team="Front desk"),
    User(id="old", name="Old Timer", active=False),
    User(id="anais", name="Anaïs Petit", team="Tours"),
]


class Host(App[None]):
    """Something behind a picker."""

    ENABLE_COMMAND_PALETTE = False

    def compose(self) -> ComposeResult:
        yield Static("behind", markup=False)


class Outcome:
    """What a picker gave."""

    value: object = NOTHING


@asynccontextmanager
async def shown(
    picker: ModalScreen[object], size: tuple[int, int] = (80, 24)
) -> AsyncIterator[tuple[Host, Pilot[None], Outcome]]:
    """A picker over an app, and what it gives."""
    app, outcome = Host(), Outcome()

    def take(value: object) -> None:
        outcome.value = value

    async with app.run_test(size=size) as pilot:
        await app.push_screen(picker, take)
        await pilot.pause()
        yield app, pilot, outcome


def snippets() -> SnippetPicker:
    """A picker of three snippets for a contact without a city."""
    return SnippetPicker(SNIPPETS, {"contact.firstname": "Mai"})


def labels(app: App[None]) -> list[str]:
    """The choices that fit."""
    return [choice.label for choice in app.screen.query_one(ChoiceList).choices]


async def test_an_empty_search_keeps_the_given_order() -> None:
    async with shown(snippets()) as (app, _, _):
        assert labels(app) == ["welcome", "wifi", "room change"]


async def test_typing_filters_names_before_texts() -> None:
    async with shown(snippets()) as (app, pilot, _):
        await pilot.press(*"room")
        assert labels(app) == ["room change", "welcome", "wifi"]
        await pilot.press(*" ready".replace(" ", " "))
        assert labels(app) == ["welcome"]


async def test_enter_takes_a_snippet_with_its_variables_filled() -> None:
    async with shown(snippets()) as (_, pilot, outcome):
        await pilot.press("enter")
        assert outcome.value is not NOTHING
        chosen = outcome.value
        assert getattr(chosen, "snippet", None) == SNIPPETS[0]
        assert getattr(chosen, "filled").text == "Dear Mai, the room is ready."


async def test_enter_right_behind_quick_keys_takes_what_they_find() -> None:
    async with shown(snippets()) as (app, pilot, outcome):
        for char in "wif":
            app.post_message(KeyEvent(char, char))
        app.post_message(KeyEvent("enter", "\r"))
        await pilot.pause()
        assert getattr(outcome.value, "snippet", None) == SNIPPETS[1]


async def test_the_preview_shows_what_is_sent_and_names_what_is_missing() -> None:
    async with shown(snippets()) as (app, pilot, _):
        assert "Dear Mai, the room is ready." in screen_text(app)
        await pilot.press("down")
        text = " ".join(line.strip(" │") for line in screen_lines(app))
        assert "Ask $contact.city for more." in text
        assert "No value for $contact.city: it will be sent as it stands." in text


async def test_a_snippet_that_lacks_a_value_can_be_taken_all_the_same() -> None:
    async with shown(snippets()) as (_, pilot, outcome):
        await pilot.press("down", "enter")
        assert getattr(outcome.value, "filled").missing == ("$contact.city",)


async def test_escape_gives_nothing() -> None:
    async with shown(snippets()) as (app, pilot, outcome):
        await pilot.press("w", "escape")
        assert outcome.value is None
        assert screen_text(app).startswith("behind")


async def test_where_nothing_fits_it_says_so_and_enter_stays() -> None:
    async with shown(snippets()) as (app, pilot, outcome):
        await pilot.press(*"zzz", "enter")
        assert "No snippet fits “zzz”. Esc goes back." in screen_text(app)
        assert outcome.value is NOTHING


async def test_without_snippets_it_says_so() -> None:
    async with shown(SnippetPicker([], {})) as (app, pilot, outcome):
        assert "There is no snippet yet." in screen_text(app)
        await pilot.press("down", "pagedown", "enter")
        assert outcome.value is NOTHING


@pytest.mark.parametrize(("down", "up"), [("down", "up"), ("ctrl+n", "ctrl+p"), ("pagedown", "pageup")])
async def test_keys_move_in_the_list_while_the_field_keeps_the_focus(down: str, up: str) -> None:
    async with shown(snippets()) as (app, pilot, _):
        rows, start = app.screen.query_one(ChoiceList), app.focused
        await pilot.press(down)
        assert rows.cursor > 0
        await pilot.press(up)
        assert rows.cursor == 0
        assert app.focused is start


async def test_a_click_takes_a_row() -> None:
    async with shown(snippets()) as (_, pilot, outcome):
        await pilot.click(ChoiceList, offset=(5, 2))
        assert getattr(outcome.value, "snippet", None) == SNIPPETS[2]


async def test_the_keys_at_the_foot_can_be_clicked() -> None:
    async with shown(snippets()) as (app, pilot, outcome):
        lines = screen_lines(app)
        y = next(index for index, line in enumerate(lines) if "Esc Back" in line)
        await pilot.click(offset=(lines[y].index("Back"), y))
        assert outcome.value is None


async def test_a_pasted_search_is_cleaned() -> None:
    async with shown(snippets()) as (app, pilot, _):
        app.post_message(Paste("wi\x1b[31mfi\r\nmore"))
        await pilot.pause()
        assert app.screen.query_one(Chooser).input.value == "wifi"
        assert labels(app) == ["wifi"]


async def test_five_thousand_snippets_are_filtered_without_building_them() -> None:
    many = [Snippet(id=f"s{i}", name=f"snippet number {i}", text="text of some length " * 5) for i in range(5_000)]
    async with shown(SnippetPicker(many, {})) as (app, pilot, outcome):
        start = time.perf_counter()
        await pilot.press(*"4711", "enter")
        assert getattr(outcome.value, "snippet", None) == many[4711]
        assert time.perf_counter() - start < 30
        assert app.screen is not None


async def test_the_last_used_emoji_come_first() -> None:
    async with shown(EmojiPicker(["🦊", "🎉", "no emoji"])) as (app, pilot, outcome):
        assert [label.split(" ")[0] for label in labels(app)][:3] == ["🦊", "🎉", "👍"]
        assert len(labels(app)) == len(set(labels(app)))
        await pilot.press("down", "enter")
        assert outcome.value == "🎉"


async def test_an_emoji_is_found_by_an_alias() -> None:
    async with shown(EmojiPicker([])) as (_, pilot, outcome):
        await pilot.press(*"tada", "enter")
        assert outcome.value == "🎉"


async def test_a_deleted_search_shows_the_usual_emoji_again() -> None:
    async with shown(EmojiPicker([])) as (app, pilot, _):
        before = labels(app)
        await pilot.press("x", "backspace")
        assert labels(app) == before


async def test_the_agent_comes_first_then_active_teammates_by_name() -> None:
    async with shown(AssignDialog(USERS, "ben", None)) as (app, pilot, outcome):
        assert labels(app) == ["You — Ben Okafor", "Ana Ruiz", "Anaïs Petit"]
        await pilot.press("enter")
        assert outcome.value == AssignChoice("ben")


async def test_an_assigned_contact_can_be_given_to_nobody_and_its_assignee_is_marked() -> None:
    async with shown(AssignDialog(USERS, "ben", "ana")) as (app, pilot, outcome):
        assert labels(app) == ["You — Ben Okafor", "Nobody (unassign)", "Ana Ruiz", "Anaïs Petit"]
        assert [line for line in screen_lines(app) if " now " in line and "Ana Ruiz" in line]
        await pilot.press(*"nobody", "enter")
        assert outcome.value == AssignChoice(None)


async def test_a_teammate_is_found_without_accents_and_by_team() -> None:
    async with shown(AssignDialog(USERS, "ben", None)) as (app, pilot, _):
        await pilot.press(*"anais")
        assert labels(app) == ["Anaïs Petit"]
        await pilot.press(*["backspace"] * 5, *"front")
        assert labels(app) == ["Ana Ruiz"]


async def test_a_theme_is_tried_on_and_taken_off_again() -> None:
    themes = [theme for theme in Host().available_themes.values() if theme.name.startswith("textual")]
    current = Host().theme
    async with shown(ThemePicker(themes, current)) as (app, pilot, outcome):
        await pilot.press("down" if themes[0].name == current else "up")
        assert app.theme != current
        await pilot.press("escape")
        assert app.theme == current
        assert outcome.value is None


async def test_a_theme_that_is_taken_stays() -> None:
    themes = [theme for theme in Host().available_themes.values() if theme.name.startswith("textual")]
    async with shown(ThemePicker(themes, Host().theme)) as (app, pilot, outcome):
        await pilot.press(*"light", "enter")
        assert outcome.value == app.theme == "textual-light"


@pytest.mark.parametrize("size", SIZES)
async def test_pickers_fit_every_screen(size: tuple[int, int]) -> None:
    for picker in (snippets(), EmojiPicker(["🦊"]), AssignDialog(USERS, "ben", "ana")):
        async with shown(picker, size) as (app, pilot, _):
            await pilot.press("a", "down")
            assert_screen_is_safe(app)


@needs_hard_texts
@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_hard_texts_reach_no_terminal(size: tuple[int, int]) -> None:
    hard = [
        Snippet(id=name, name=text[:200], topic=text[:40], text=text + " $contact.city")
        for name, text in HARD_TEXTS.items()
    ]
    people = [User(id=name, name=text, team=text) for name, text in HARD_TEXTS.items()]
    values = {"contact.firstname": "\x1b[31m"}
    for picker in (SnippetPicker(hard, values), AssignDialog(people, hard[0].id, hard[1].id)):
        async with shown(picker, size) as (app, pilot, _):
            for _ in range(len(hard) // 10):
                assert_screen_is_safe(app)
                await pilot.press("pagedown")
            await pilot.press("e")
            assert_screen_is_safe(app)
