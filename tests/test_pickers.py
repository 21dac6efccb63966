"""The pickers: type to filter, arrows to move, Enter or a click to take, Esc to go back with nothing."""

from __future__ import annotations

import pytest
from textual.app import App
from textual.events import Key as KeyEvent
from textual.events import Paste
from textual.pilot import Pilot

from ismsg_tui.domain.entities import Snippet, User
from ismsg_tui.screens.assign_dialog import AssignChoice, AssignDialog
from ismsg_tui.screens.emoji_picker import EmojiPicker
from ismsg_tui.screens.snippet_picker import ChosenSnippet, SnippetPicker
from ismsg_tui.screens.theme_picker import ThemePicker
from ismsg_tui.widgets.choice_list import ChoiceList
from ismsg_tui.widgets.chooser import Chooser
from tests.on_screen import (
    HARD_TEXTS,
    SIZES,
    Host,
    assert_screen_is_safe,
    needs_hard_texts,
    screen_lines,
    screen_text,
    shown,
)
from tests.waiting import turn_until

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


def snippets() -> SnippetPicker:
    """A picker of three snippets for a contact without a city."""
    return SnippetPicker(SNIPPETS, {"contact.firstname": "Mai"})


def taken(given: list[ChosenSnippet | None]) -> ChosenSnippet:
    """The snippet that was taken, which has to be the only outcome."""
    (chosen,) = given
    assert chosen is not None
    return chosen


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
    async with shown(snippets()) as (_, pilot, given):
        await pilot.press("enter")
        chosen = taken(given)
        assert chosen.snippet == SNIPPETS[0]
        assert chosen.filled.text == "Dear Mai, the room is ready."


async def test_enter_right_behind_quick_keys_takes_what_they_find() -> None:
    async with shown(snippets()) as (app, pilot, given):
        for char in "wif":
            app.post_message(KeyEvent(char, char))
        app.post_message(KeyEvent("enter", "\r"))
        await pilot.pause()
        assert taken(given).snippet == SNIPPETS[1]


async def test_the_preview_shows_what_is_sent_and_names_what_is_missing() -> None:
    async with shown(snippets()) as (app, pilot, _):
        assert "Dear Mai, the room is ready." in screen_text(app)
        await pilot.press("down")

        def text() -> str:
            return " ".join(line.strip(" │") for line in screen_lines(app))

        await turn_until(pilot.pause, lambda: "Ask $contact.city for more." in text(), text)
        assert "To fill in, Tab goes there: $contact.city." in text()


async def test_a_snippet_that_lacks_a_value_can_be_taken_all_the_same() -> None:
    async with shown(snippets()) as (_, pilot, given):
        await pilot.press("down", "enter")
        assert taken(given).filled.missing == ("$contact.city",)


async def test_escape_gives_nothing() -> None:
    async with shown(snippets()) as (app, pilot, given):
        await pilot.press("w", "escape")
        assert given == [None]
        assert screen_text(app).startswith("behind")


async def test_where_nothing_fits_it_says_so_and_enter_stays() -> None:
    async with shown(snippets()) as (app, pilot, given):
        await pilot.press(*"zzz", "enter")
        assert "No snippet fits “zzz”. Esc goes back." in screen_text(app)
        assert given == []


async def test_without_snippets_it_says_so() -> None:
    async with shown(SnippetPicker([], {})) as (app, pilot, given):
        assert "There is no snippet yet." in screen_text(app)
        await pilot.press("down", "pagedown", "enter")
        assert given == []


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
    async with shown(snippets()) as (_, pilot, given):
        await pilot.click(ChoiceList, offset=(5, 2))
        assert taken(given).snippet == SNIPPETS[2]


async def test_the_keys_at_the_foot_can_be_clicked() -> None:
    async with shown(snippets()) as (app, pilot, given):
        lines = screen_lines(app)
        y = next(index for index, line in enumerate(lines) if "Esc Back" in line)
        await pilot.click(offset=(lines[y].index("Back"), y))
        assert given == [None]


async def test_a_pasted_search_is_cleaned() -> None:
    async with shown(snippets()) as (app, pilot, _):
        app.post_message(Paste("wi\x1b[31mfi\r\nmore"))
        await pilot.pause()
        assert app.screen.query_one(Chooser).input.value == "wifi"
        assert labels(app) == ["wifi"]


async def test_five_thousand_snippets_are_filtered_without_building_them() -> None:
    many = [Snippet(id=f"s{i}", name=f"snippet number {i}", text="text of some length " * 5) for i in range(5_000)]
    async with shown(SnippetPicker(many, {})) as (_, pilot, given):
        await pilot.press(*"4711", "enter")
        assert taken(given).snippet == many[4711]


async def test_the_last_used_emoji_come_first() -> None:
    async with shown(EmojiPicker(["🦊", "🎉", "no emoji"])) as (app, pilot, given):
        assert [label.split(" ")[0] for label in labels(app)][:3] == ["🦊", "🎉", "👍"]
        assert len(labels(app)) == len(set(labels(app)))
        await pilot.press("down", "enter")
        assert given == ["🎉"]


async def test_an_emoji_is_found_by_an_alias() -> None:
    async with shown(EmojiPicker([])) as (_, pilot, given):
        await pilot.press(*"tada", "enter")
        assert given == ["🎉"]


async def test_a_deleted_search_shows_the_usual_emoji_again() -> None:
    async with shown(EmojiPicker([])) as (app, pilot, _):
        before = labels(app)
        await pilot.press("x", "backspace")
        assert labels(app) == before


async def test_the_agent_comes_first_then_active_teammates_by_name() -> None:
    async with shown(AssignDialog("Mai Tran", USERS, "ben", None)) as (app, pilot, given):
        assert labels(app) == ["You — Ben Okafor", "Ana Ruiz", "Anaïs Petit"]
        await pilot.press("enter")
        assert given == [AssignChoice("ben")]


async def test_an_agent_who_is_called_you_is_named_once() -> None:
    async with shown(AssignDialog("Mai Tran", [User(id="you", name="You")], "you", None)) as (app, _, __):
        assert labels(app) == ["You"]


async def test_an_assigned_contact_can_be_given_to_nobody_and_its_assignee_is_marked() -> None:
    async with shown(AssignDialog("Mai Tran", USERS, "ben", "ana")) as (app, pilot, given):
        assert labels(app) == ["You — Ben Okafor", "Nobody (unassign)", "Ana Ruiz", "Anaïs Petit"]
        assert [line for line in screen_lines(app) if " now " in line and "Ana Ruiz" in line]
        await pilot.press(*"nobody", "enter")
        assert given == [AssignChoice(None)]


async def test_a_teammate_is_found_without_accents_and_by_team() -> None:
    async with shown(AssignDialog("Mai Tran", USERS, "ben", None)) as (app, pilot, _):
        await pilot.press(*"anais")
        assert labels(app) == ["Anaïs Petit"]
        await pilot.press(*["backspace"] * 5, *"front")
        assert labels(app) == ["Ana Ruiz"]


async def test_a_theme_is_tried_on_and_taken_off_again() -> None:
    themes = [theme for theme in Host().available_themes.values() if theme.name.startswith("textual")]
    current = Host().theme
    async with shown(ThemePicker(themes, current)) as (app, pilot, given):
        await pilot.press("down" if themes[0].name == current else "up")
        assert app.theme != current
        await pilot.press("escape")
        assert app.theme == current
        assert given == [None]


async def test_a_theme_that_is_taken_stays() -> None:
    themes = [theme for theme in Host().available_themes.values() if theme.name.startswith("textual")]
    async with shown(ThemePicker(themes, Host().theme)) as (app, pilot, given):
        await pilot.press(*"light", "enter")
        assert given == [app.theme] == ["textual-light"]


@pytest.mark.parametrize("size", SIZES)
async def test_pickers_fit_every_screen(size: tuple[int, int]) -> None:
    async with shown(snippets(), size) as (app, pilot, _):
        await pilot.press("a", "down")
        assert_screen_is_safe(app)
    async with shown(EmojiPicker(["🦊"]), size) as (app, pilot, _):
        await pilot.press("a", "down")
        assert_screen_is_safe(app)
    async with shown(AssignDialog("Mai Tran", USERS, "ben", "ana"), size) as (app, pilot, _):
        await pilot.press("a", "down")
        assert_screen_is_safe(app)


async def look_through(app: App[None], pilot: Pilot[None], pages: int) -> None:
    """See every page of a list, and what a search finds."""
    for _ in range(pages):
        assert_screen_is_safe(app)
        await pilot.press("pagedown")
    await pilot.press("e")
    assert_screen_is_safe(app)


@needs_hard_texts
@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_hard_snippets_reach_no_terminal(size: tuple[int, int]) -> None:
    hard = [
        Snippet(id=name, name=text[:200], topic=text[:40], text=text + " $contact.city")
        for name, text in HARD_TEXTS.items()
    ]
    async with shown(SnippetPicker(hard, {"contact.firstname": "\x1b[31m"}), size) as (app, pilot, _):
        await look_through(app, pilot, len(hard) // 10)


@needs_hard_texts
async def test_hard_names_of_teammates_reach_no_terminal() -> None:
    people = [User(id=name, name=text, team=text) for name, text in HARD_TEXTS.items()]
    async with shown(AssignDialog("Mai Tran", people, people[0].id, people[1].id)) as (app, pilot, _):
        await look_through(app, pilot, len(people) // 10)
