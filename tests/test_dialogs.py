"""The dialogs for closing and snoozing."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from textual.events import Key as KeyEvent
from textual.events import Paste
from textual.widgets import Input, TextArea

from ismsg_tui.domain.conversation_rules import SUMMARY_LIMIT
from ismsg_tui.domain.entities import Category, ClosingNotes
from ismsg_tui.screens.close_dialog import CloseDialog, ClosingNote
from ismsg_tui.screens.snooze_dialog import SnoozeDialog
from tests.on_screen import HARD_TEXTS, SIZES, assert_screen_is_safe, needs_hard_texts, screen_lines, screen_text, shown
from tests.test_pickers import labels

CATEGORIES = [
    Category("Booking", "A new stay"),
    Category("Arrival", "Check-in, luggage"),
    Category("Complaint", "Something was wrong"),
]
NOW = datetime(2026, 3, 25, 14, 10, tzinfo=ZoneInfo("Europe/Berlin"))


def closing(mode: ClosingNotes = ClosingNotes.FULL) -> CloseDialog:
    """The dialog for a contact."""
    return CloseDialog("Mai Tran", CATEGORIES, mode)


async def test_a_number_and_a_summary_close() -> None:
    async with shown(closing()) as (_, pilot, given):
        await pilot.press("2", *"moved", "enter")
        assert given == [ClosingNote("Arrival", "moved")]


async def test_a_category_is_found_by_typing() -> None:
    async with shown(closing(ClosingNotes.CATEGORY)) as (app, pilot, given):
        await pilot.press(*"compl", "enter")
        assert [line for line in screen_lines(app) if "✓" in line and "Complaint" in line]
        await pilot.press("enter")
        assert given == [ClosingNote("Complaint", "")]


async def test_enter_right_behind_the_summary_closes_with_all_of_it() -> None:
    async with shown(closing()) as (app, pilot, given):
        for char in "1done":
            app.post_message(KeyEvent(char, char))
            if char == "1":
                await pilot.pause()
        app.post_message(KeyEvent("enter", "\r"))
        await pilot.pause()
        assert given == [ClosingNote("Booking", "done")]


async def test_a_summary_may_have_several_lines() -> None:
    async with shown(closing()) as (_, pilot, given):
        await pilot.press("1", "a", "ctrl+j", "b", "shift+enter", "c", "enter")
        assert given == [ClosingNote("Booking", "a\nb\nc")]


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        (ClosingNotes.OPTIONAL, "Category and summary may stay empty."),
        (ClosingNotes.CATEGORY, "A category is needed; the summary may stay empty."),
        (ClosingNotes.FULL, "Category and summary are needed."),
    ],
)
async def test_it_says_what_the_workspace_asks_for(mode: ClosingNotes, words: str) -> None:
    async with shown(closing(mode)) as (app, _, _):
        assert words in screen_text(app)


async def test_where_nothing_is_needed_two_keys_close_without_a_note() -> None:
    async with shown(closing(ClosingNotes.OPTIONAL)) as (app, pilot, given):
        assert labels(app)[0] == "No category"
        await pilot.press("enter", "enter")
        assert given == [ClosingNote("", "")]


async def test_a_missing_category_is_named_and_focused() -> None:
    async with shown(closing()) as (app, pilot, given):
        await pilot.press("tab", *"text", "enter")
        assert "A category is needed: choose one." in screen_text(app)
        assert isinstance(app.focused, Input)
        assert given == []
        await pilot.press("1", "enter")
        assert given == [ClosingNote("Booking", "text")]


async def test_a_missing_summary_is_named_and_focused() -> None:
    async with shown(closing()) as (app, pilot, given):
        await pilot.press("1", "enter")
        assert "A summary is needed" in screen_text(app)
        assert isinstance(app.focused, TextArea)
        assert given == []


async def test_a_summary_that_is_too_long_is_counted_and_not_taken() -> None:
    async with shown(closing()) as (app, pilot, given):
        await pilot.press("1")
        app.post_message(Paste("x" * (SUMMARY_LIMIT + 3)))
        await pilot.pause()
        assert "3 too long · 515/512" in screen_text(app)
        await pilot.press("enter")
        assert given == []
        await pilot.press(*["backspace"] * 3, "enter")
        assert given == [ClosingNote("Booking", "x" * SUMMARY_LIMIT)]


async def test_a_paste_far_beyond_the_limit_is_refused_in_words() -> None:
    async with shown(closing()) as (app, pilot, _):
        await pilot.press("1")
        app.post_message(Paste("x" * 100_000))
        await pilot.pause()
        assert app.screen.query_one(TextArea).text == ""
        assert "a summary takes 512" in screen_text(app)


async def test_leaving_gives_nothing_and_tells_what_was_typed() -> None:
    dialog = closing()
    async with shown(dialog) as (_, pilot, given):
        await pilot.press("1", *"half a")
        assert dialog.summary == "half a"
        await pilot.press("escape")
        assert given == [None]


async def test_a_summary_that_was_typed_before_is_there_again() -> None:
    dialog = CloseDialog("Mai Tran", CATEGORIES, ClosingNotes.FULL, summary="as before")
    async with shown(dialog) as (_, pilot, given):
        await pilot.press("1", "enter")
        assert given == [ClosingNote("Booking", "as before")]


async def test_without_categories_one_is_written_in_the_agents_own_words() -> None:
    async with shown(CloseDialog("Mai Tran", [], ClosingNotes.CATEGORY)) as (app, pilot, given):
        await pilot.press("enter", "enter")
        assert "A category is needed" in screen_text(app)
        await pilot.press(*"late", "enter", "enter")
        assert given == [ClosingNote("late", "")]


async def test_a_click_chooses_and_the_keys_say_what_enter_does() -> None:
    async with shown(CloseDialog("Mai Tran", CATEGORIES, ClosingNotes.CATEGORY, True)) as (app, pilot, given):
        lines = screen_lines(app)
        assert "Enter Choose" in screen_text(app)
        y = next(index for index, line in enumerate(lines) if "Arrival" in line)
        await pilot.click(offset=(lines[y].index("Arrival"), y))
        lines = screen_lines(app)
        y = next(index for index, line in enumerate(lines) if "Enter Close, next" in line)
        await pilot.click(offset=(lines[y].index("Close, next"), y))
        assert given == [ClosingNote("Arrival", "")]


@pytest.mark.parametrize("size", SIZES)
async def test_dialogs_fit_every_screen(size: tuple[int, int]) -> None:
    async with shown(closing(), size) as (app, pilot, _):
        await pilot.press("tab", "a")
        assert_screen_is_safe(app)
    async with shown(SnoozeDialog("Mai Tran", NOW, NOW + timedelta(hours=1)), size) as (app, pilot, _):
        await pilot.press("tab", "a")
        assert_screen_is_safe(app)


@needs_hard_texts
async def test_hard_texts_reach_no_terminal() -> None:
    texts = list(HARD_TEXTS.values())
    for text, other in zip(texts[::16], texts[8::16], strict=False):
        categories = [Category(text, other), Category(other, text)]
        async with shown(CloseDialog(text, categories, ClosingNotes.FULL, summary=other)) as (app, pilot, _):
            app.post_message(Paste(text))
            await pilot.press("tab")
            app.post_message(Paste(other))
            await pilot.pause()
            assert_screen_is_safe(app)


@pytest.mark.parametrize(
    ("keys", "until"),
    [
        (["enter"], NOW + timedelta(hours=1)),
        (["2"], NOW + timedelta(hours=4)),
        (["down", "down", "enter"], datetime(2026, 3, 26, 9, tzinfo=NOW.tzinfo)),
        (["4"], datetime(2026, 3, 30, 9, tzinfo=NOW.tzinfo)),
        (["tab", *"2h", "enter"], NOW + timedelta(hours=2)),
        (["down", "down", "down", "down", *"fri", "enter"], datetime(2026, 3, 27, 9, tzinfo=NOW.tzinfo)),
    ],
)
async def test_a_snooze_is_chosen_by_number_by_moving_or_in_words(keys: list[str], until: datetime) -> None:
    async with shown(SnoozeDialog("Mai Tran", NOW, None)) as (_, pilot, given):
        await pilot.press(*keys)
        assert given == [until]


async def test_what_is_typed_is_explained_while_it_is_typed() -> None:
    async with shown(SnoozeDialog("Mai Tran", NOW, None)) as (app, pilot, given):
        await pilot.press("tab", *"16")
        assert "not understood" in screen_text(app)
        await pilot.press("colon", *"30")
        assert "Until today 16:30." in screen_text(app)
        assert given == []


async def test_enter_on_what_makes_no_sense_stays_and_says_why() -> None:
    async with shown(SnoozeDialog("Mai Tran", NOW, None)) as (app, pilot, given):
        await pilot.press("tab", *"never", "enter")
        assert "“never” is not understood" in screen_text(app)
        assert given == []


async def test_it_says_until_when_the_conversation_is_snoozed_now() -> None:
    async with shown(SnoozeDialog("Mai Tran", NOW, NOW + timedelta(days=2))) as (app, pilot, given):
        assert "Snoozed until Fri 27 Mar 14:10 now." in screen_text(app)
        await pilot.press("escape")
        assert given == [None]


async def test_a_click_takes_a_preset() -> None:
    async with shown(SnoozeDialog("Mai Tran", NOW, None)) as (_, pilot, given):
        await pilot.click("#presets", offset=(5, 1))
        assert given == [NOW + timedelta(hours=4)]
