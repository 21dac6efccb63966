"""Keys of one's own: sets, single actions, clashes and unknown names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.widgets import TextArea

from ismsg_tui import actions
from ismsg_tui.app import IsmsgApp
from ismsg_tui.config import Config
from tests.desk_setup import on_screen, open_inbox, press, settle


@pytest.fixture(autouse=True)
def _usual_keys_afterwards() -> Iterator[None]:
    yield
    actions.remap("vim", {})


@pytest.mark.parametrize("key_set", sorted(actions.KEY_SETS))
def test_no_set_gives_one_key_two_meanings(key_set: str) -> None:
    assert actions.remap(key_set, {}) == []


@pytest.mark.parametrize("key_set", sorted(actions.KEY_SETS))
def test_every_action_has_a_key_that_any_terminal_can_send(key_set: str) -> None:
    # Alt with a letter arrives as Esc and the letter, and most keys but letters and arrows lose Control and Shift.
    assert actions.remap(key_set, {}) == []
    sendable = re.compile(r"[^+]+|ctrl\+[a-z]|shift\+tab|(ctrl|shift)\+(up|down|left|right|home|end)")
    for item in actions.ACTIONS:
        assert any(sendable.fullmatch(key) for key in item.current_keys), item.id


def test_an_action_gets_the_keys_that_people_write() -> None:
    assert actions.remap("vim", {"assign": "?, Ctrl+T, F9", "help": "F1"}) == []
    assert actions.action("assign").current_keys == ("question_mark", "ctrl+t", "f9")


def test_an_unknown_action_and_an_unknown_set_are_named() -> None:
    problems = actions.remap("emacs", {"fly": "x"})
    assert len(problems) == 2
    assert "emacs" in problems[0]
    assert "fly" in problems[1]


@pytest.mark.parametrize("key", ["Strg+x", "ctr+k", "F99", "ctrl+", "enterr", "ctrl+ctlr+x"])
def test_a_key_that_there_is_not_is_named_and_the_action_keeps_those_that_there_are(key: str) -> None:
    (problem,) = actions.remap("vim", {"assign": key})
    assert problem.startswith(f"There is no key “{key}” for Assign (assign)")
    assert actions.action("assign").current_keys == ("a",)
    actions.remap("vim", {"assign": f"{key}, F9"})
    assert actions.action("assign").current_keys == ("f9",)


@pytest.mark.parametrize("key", ["a", "Ü", "space", "-", "?", "slash", "full_stop", "1"])
def test_a_character_is_no_key_where_text_is_typed_and_is_named(key: str) -> None:
    for item in actions.ACTIONS:
        problems = actions.remap("vim", {item.id: f"F9, {key}"})
        named = [problem for problem in problems if problem.startswith(f"“{key}” can't be a key for {item.title} (")]
        in_text = item.scope in (actions.Scope.COMPOSER, actions.Scope.FILES)
        assert len(named) == in_text, item.id
        if in_text:
            assert item.current_keys == ("f9",)
    actions.remap("vim", {"send": key})
    assert actions.action("send").current_keys == ("enter",)


async def test_a_letter_that_was_to_send_is_told_and_typed(tmp_path: Path) -> None:
    app = IsmsgApp(open_inbox(tmp_path, ("Mai Tran",)), Config(keys={"send": "enter,a"}))
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        assert any("“a” can't be a key for Send (send)" in note.message for note in app._notifications)
        await press(pilot, "r", "b", "a", "d")
        assert app.desk.query_one("ComposerArea", TextArea).text == "bad"


@pytest.mark.parametrize("key", ["ctrl+a", "enter", "F9", "alt+a", "shift+tab", "delete"])
def test_keys_that_type_nothing_may_work_where_text_is_typed(key: str) -> None:
    assert not any("can't be a key" in problem for problem in actions.remap("vim", {"chips": key}))


@pytest.mark.parametrize(
    "key", ["/", "slash", "?", "Ctrl+K", "alt+x", "shift+F3", "PgDn", "Esc", "ü", "space", "ctrl+@", "-", "+", "_"]
)
def test_every_way_to_write_a_key_is_understood(key: str) -> None:
    assert not any("There is no key" in problem for problem in actions.remap("vim", {"choose_theme": key}))


def test_a_clash_is_named_and_the_action_that_was_changed_keeps_its_usual_keys() -> None:
    (problem,) = actions.remap("vim", {"snooze": "a"})
    assert "snooze" in problem
    assert "assign" in problem
    assert actions.action("snooze").current_keys == ("s",)


def test_the_same_key_may_mean_two_things_where_they_never_meet() -> None:
    assert actions.remap("vim", {"line_down": "x", "cursor_down": "x"}) == []


def test_keys_can_be_taken_away() -> None:
    assert actions.remap("vim", {"choose_theme": ""}) == []
    assert actions.action("choose_theme").current_keys == ("",)


async def test_the_console_obeys_the_keys_of_the_config_file_and_shows_them(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    app = IsmsgApp(inbox, Config(keys={"view_all": "7", "reply": "f9"}))
    async with app.run_test(size=(120, 60)) as pilot:
        await settle(pilot)
        await press(pilot, "7")
        assert app.desk.view.value == "all"
        await press(pilot, "6")
        assert app.desk.view.value == "all"
        assert "F9 Reply" in on_screen(pilot)
        await press(pilot, "question_mark")
        assert "Show every contact." in on_screen(pilot)
        line = next(line for line in on_screen(pilot).splitlines() if "Show every contact." in line)
        assert " 7 " in line


async def test_problems_with_keys_and_theme_are_told_at_the_start(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    app = IsmsgApp(inbox, Config(theme="no-such-theme", keys={"fly": "x"}))
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        told = " ".join(note.message for note in app._notifications)
        assert "no-such-theme" in told
        assert "fly" in told
        assert app.theme == "ismsg-dark"
