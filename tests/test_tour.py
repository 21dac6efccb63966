"""The tour: shown once to everybody, again to whoever asks, and never in the way."""

from __future__ import annotations

import re
import stat
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot

from ismsg_tui.actions import action, remap
from ismsg_tui.app import IsmsgApp
from ismsg_tui.config import Config
from ismsg_tui.firsts import first_time
from ismsg_tui.screens.tour import STEPS, Tour, words_of
from tests.desk_setup import on_screen, open_inbox, press, settle
from tests.factories import ANA
from tests.on_screen import assert_screen_is_safe
from tests.terminal import Terminal, isolated

SIZES = [(60, 20), (80, 24), (100, 30), (140, 40), (200, 60)]


@pytest.fixture(autouse=True)
def own_keys() -> Iterator[None]:
    """The keys of one test are not those of the next."""
    yield
    remap("vim", {})


@asynccontextmanager
async def touring(
    folder: Path, size: tuple[int, int] = (120, 36), config: Config | None = None
) -> AsyncIterator[tuple[IsmsgApp, Pilot[int]]]:
    """The console on its first start."""
    app = IsmsgApp(open_inbox(folder), config or Config())
    app.tour_first = True
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        yield app, pilot


def titles(app: IsmsgApp, pilot: Pilot[int]) -> list[str]:
    """The title of the step that is shown; nothing where the tour is over."""
    shown = on_screen(pilot)
    return [step.title for step in STEPS if isinstance(app.screen, Tour) and f" {step.title} ─" in shown]


def test_something_is_the_first_time_once(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    assert first_time("tour", folder)
    assert not first_time("tour", folder)
    assert first_time("other", folder)


@pytest.mark.skipif(sys.platform == "win32", reason="anybody may write everywhere")
def test_what_can_not_be_remembered_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert not first_time("tour", tmp_path / "file" / "data")
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)


@pytest.mark.parametrize("size", SIZES)
async def test_every_step_is_read_whole_on_every_screen(tmp_path: Path, size: tuple[int, int]) -> None:
    async with touring(tmp_path, size) as (app, pilot):
        for number, step in enumerate(STEPS, 1):
            assert titles(app, pilot) == [step.title]
            assert_screen_is_safe(app)
            frame = app.screen.query_one("#frame").region
            lines = on_screen(pilot).splitlines()[frame.y : frame.bottom]
            text = " ".join(" ".join(line[frame.x : frame.right].strip("│╭╮╰╯─ ") for line in lines).split())
            for paragraph in words_of(step).plain.split("\n\n"):
                assert " ".join(paragraph.split()) in text
            assert f"{number} of {len(STEPS)}" in text
            assert "Esc End" in text
            await press(pilot, "enter" if number % 2 else "right")
        assert app.screen is app.desk


async def test_it_goes_back_and_ends_and_leaves_the_desk_as_it_was(tmp_path: Path) -> None:
    async with touring(tmp_path, (80, 24)) as (app, pilot):
        before = app.desk.classes
        await press(pilot, "left", "right", "right", "left")
        assert titles(app, pilot) == [STEPS[1].title]
        assert app.desk.query(".-aside")
        await press(pilot, "escape")
        assert titles(app, pilot) == []
        assert not app.desk.query(".-aside")
        assert app.desk.classes >= before - {"-conversation"}
        assert app.desk.contacts.has_focus


async def test_any_other_key_ends_it_and_does_what_it_always_does(tmp_path: Path) -> None:
    async with touring(tmp_path) as (app, pilot):
        await press(pilot, "enter", "j")
        assert titles(app, pilot) == []
        assert app.desk.contacts.cursor == 1
        await press(pilot, "f4")
        assert titles(app, pilot) == [STEPS[0].title]
        await press(pilot, "r", "o", "k")
        assert app.desk.pane.query_one("Composer").draft.text == "ok"  # type: ignore[attr-defined]


async def test_it_names_the_keys_as_the_agent_has_set_them(tmp_path: Path) -> None:
    config = Config(keys={"assign": "t", "close": "", "next_waiting": "f9"})
    async with touring(tmp_path, config=config) as (_, pilot):
        await press(pilot, "enter")
        assert "F9" in on_screen(pilot)
        assert "F9 goes to who has waited longest" in words_of(STEPS[1]).plain
        words = words_of(STEPS[4]).plain
        assert words.startswith("t gives a contact to a teammate")
        assert "and “Close” by Ctrl+P closes the conversation" in words


def test_every_key_that_is_named_is_one_of_the_registry() -> None:
    named = {name for step in STEPS for name in re.findall(r"\{(\w+)\}", step.words)}
    assert {"cursor_down", "reply", "send", "assign", "close", "snooze", "switch", "search", "help"} <= named
    for name in named:
        assert action(name).id == name


async def test_the_parts_that_a_step_is_not_about_are_dim(tmp_path: Path) -> None:
    async with touring(tmp_path) as (app, pilot):
        assert not app.desk.query(".-aside")
        await press(pilot, "enter")
        assert app.desk.query_one("#timeline").has_class("-aside")
        assert not app.desk.query_one("#left").has_class("-aside")
        assert app.desk.query_one("#timeline").opacity < 1


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals here")
def test_the_first_start_shows_it_and_the_second_does_not(tmp_path: Path) -> None:
    open_inbox(tmp_path / "data").close_store()
    command = [sys.executable, "-m", "ismsg_tui", "--data", str(tmp_path / "data"), "--user", ANA.email]
    with Terminal(command, isolated(tmp_path, tour=True)) as terminal:
        terminal.wait_for(STEPS[0].title)
        terminal.send("\x1b")
        terminal.wait_for(lambda: STEPS[0].title not in terminal.text)
        terminal.send("\x11")
        assert terminal.wait() == 0
    with Terminal([sys.executable, "-m", "ismsg_tui", "demo"], isolated(tmp_path, tour=True)) as terminal:
        terminal.wait_for("New ")
        terminal.send("?")
        terminal.wait_for("Answering")
        assert STEPS[0].title not in terminal.output
        terminal.send("\x1b\x11")
        assert terminal.wait() == 0
