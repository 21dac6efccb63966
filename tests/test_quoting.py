"""Quoting in the console: picking a message, the bar above the composer, the quoted line in the conversation."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from ismsg_tui.domain.entities import MessageKind
from ismsg_tui.inbox import Inbox
from ismsg_tui.store.drafts import Draft
from ismsg_tui.store.store import Store
from ismsg_tui.widgets.composer import Composer
from ismsg_tui.widgets.picking import PickingTimeline
from ismsg_tui.widgets.quote_bar import QuoteBar
from tests.desk_setup import console, contact_named, open_inbox, press, receive, settle, shown_by, write
from tests.factories import ANA
from tests.hostile_desk import OWN
from tests.on_screen import assert_screen_is_safe

SIZES = [(120, 36), (80, 24)]


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    """Mai has written three times; Ana has commented on it."""
    inbox = open_inbox(tmp_path, ("Mai Tran",))
    mai = contact_named(inbox, "Mai Tran")
    receive(inbox.store, mai, "is the room ready?")
    inbox.comment(mai, "a regular")
    receive(inbox.store, mai, "and may the dog come?")
    return inbox


def quoted(inbox: Inbox) -> list[str]:
    """What each message to Mai quotes."""
    lines = inbox.timeline(contact_named(inbox, "Mai Tran"))
    return [line.quoted.text if line.quoted else "" for line in lines if line.message.kind is MessageKind.OUTGOING]


def picked(pilot: Pilot[int]) -> str | None:
    """The text of the picked message."""
    message = pilot.app.screen.query_one(PickingTimeline).picked
    return message.text if message else None


@pytest.mark.parametrize("size", SIZES)
async def test_the_newest_message_of_the_contact_is_quoted_from_the_list_with_one_key(
    inbox: Inbox, size: tuple[int, int]
) -> None:
    async with console(inbox, size) as pilot:
        await press(pilot, "R")
        assert "↳ Mai Tran: and may the dog come?" in shown_by(pilot, QuoteBar)[0]
        assert "Esc removes" in shown_by(pilot, QuoteBar)[0]
        await write(pilot, "with pleasure")
        await press(pilot, "enter")
        assert quoted(inbox) == ["and may the dog come?"]
        lines = [line.strip() for line in shown_by(pilot, PickingTimeline)]
        at = lines.index("▎ with pleasure")
        assert lines[at - 1] == "▎ ↳ Mai Tran: and may the dog come?"
        assert not pilot.app.screen.query_one(QuoteBar).display


@pytest.mark.parametrize("size", SIZES)
async def test_an_older_message_is_picked_by_keys_and_quoted(inbox: Inbox, size: tuple[int, int]) -> None:
    async with console(inbox, size) as pilot:
        steps = []
        for key in ("(", "(", "(", "(", "(", ")", "("):
            await press(pilot, {"(": "left_parenthesis", ")": "right_parenthesis"}[key])
            steps.append(picked(pilot))
        first, ready, comment, dog = "hello, this is Mai", "is the room ready?", "a regular", "and may the dog come?"
        assert steps == [dog, comment, ready, first, first, ready, first]
        await press(pilot, "right_parenthesis", "R")
        await write(pilot, "it is")
        await press(pilot, "enter")
        assert quoted(inbox) == [ready]
        assert picked(pilot) is None


async def test_after_the_newest_nothing_is_picked(inbox: Inbox) -> None:
    async with console(inbox) as pilot:
        await press(pilot, "left_parenthesis")
        assert any(line.startswith(" ▌ and may the dog") or "▌ and may the dog" in line for line in shown(pilot))
        await press(pilot, "right_parenthesis")
        assert picked(pilot) is None
        assert not any("▌" in line for line in shown(pilot))


def shown(pilot: Pilot[int]) -> list[str]:
    """The lines of the conversation."""
    return shown_by(pilot, PickingTimeline)


def place_of(pilot: Pilot[int], words: str) -> tuple[int, int]:
    """Where some words stand in the conversation."""
    return next((line.index(words), y) for y, line in enumerate(shown(pilot)) if words in line)


async def test_a_click_picks_a_message_and_one_on_what_it_offers_quotes_it(inbox: Inbox) -> None:
    async with console(inbox) as pilot:
        await pilot.click(PickingTimeline, offset=place_of(pilot, "is the room ready?"))
        await settle(pilot)
        assert picked(pilot) == "is the room ready?"
        x, y = place_of(pilot, "R quote")
        await pilot.click(PickingTimeline, offset=(x + 3, y))
        await settle(pilot)
        assert "is the room ready?" in shown_by(pilot, QuoteBar)[0]
        assert pilot.app.focused is pilot.app.screen.query_one(Composer)._area


async def test_a_click_on_copy_copies_the_picked_message_and_so_does_its_key(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied: list[str] = []
    async with console(inbox) as pilot:
        monkeypatch.setattr(pilot.app, "copy_to_clipboard", copied.append)
        await pilot.click(PickingTimeline, offset=place_of(pilot, "is the room ready?"))
        await settle(pilot)
        x, y = place_of(pilot, "y copy")
        await pilot.click(PickingTimeline, offset=(x + 3, y))
        await press(pilot, "left_parenthesis", "y")
        assert copied == ["is the room ready?", "hello, this is Mai"]


async def test_a_click_on_a_quoted_line_goes_to_the_message_that_is_quoted(inbox: Inbox) -> None:
    mai = contact_named(inbox, "Mai Tran")
    lines = inbox.timeline(mai)
    ready = next(line.message for line in lines if line.message.text == "is the room ready?")
    inbox.reply(mai, "it is", reply_to=ready.id)
    async with console(inbox) as pilot:
        await press(pilot, "3")
        await pilot.click(PickingTimeline, offset=place_of(pilot, "↳ Mai Tran: is the room"))
        await settle(pilot)
        assert picked(pilot) == "is the room ready?"


async def test_a_quoted_message_that_is_far_away_is_shown_in_its_context(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path, ("Mai Tran",))
    mai = contact_named(inbox, "Mai Tran")
    hello = next(line.message for line in inbox.timeline(mai) if line.message.text)
    for number in range(120):
        receive(inbox.store, mai, f"message {number}.")
    inbox.reply(mai, "at last", reply_to=hello.id)
    async with console(inbox) as pilot:
        await press(pilot, "3", "Q")
        assert picked(pilot) == "hello, this is Mai"
        assert any("▌ hello, this is Mai" in line for line in shown(pilot))
        await press(pilot, "Q")
        assert any("No message is quoted here" in note.message for note in pilot.app._notifications)


async def test_an_event_is_not_picked_and_a_comment_not_quoted(inbox: Inbox) -> None:
    async with console(inbox) as pilot:
        await pilot.click(PickingTimeline, offset=place_of(pilot, "conversation opened"))
        await settle(pilot)
        assert picked(pilot) is None
        await press(pilot, "left_parenthesis", "left_parenthesis")
        assert not any("R quote" in line for line in shown(pilot))
        await press(pilot, "R")
        assert not pilot.app.screen.query_one(QuoteBar).display
        assert any("A comment is never quoted" in note.message for note in pilot.app._notifications)


async def test_enter_on_a_picked_message_answers_that_message(inbox: Inbox) -> None:
    async with console(inbox) as pilot:
        await press(pilot, "left_parenthesis", "left_parenthesis", "left_parenthesis", "enter")
        await write(pilot, "yes")
        await press(pilot, "enter")
        assert quoted(inbox) == ["is the room ready?"]


async def test_leaving_the_conversation_unpicks_and_another_contact_has_nothing_picked(inbox: Inbox) -> None:
    async with console(inbox) as pilot:
        await press(pilot, "left_parenthesis", "escape")
        assert picked(pilot) is None
        await press(pilot, "R", "enter")
        assert "and may the dog come?" in shown_by(pilot, QuoteBar)[0]


async def test_escape_takes_the_quote_away_and_the_text_stays(inbox: Inbox) -> None:
    mai = contact_named(inbox, "Mai Tran")
    async with console(inbox) as pilot:
        await press(pilot, "R")
        await write(pilot, "yes")
        await press(pilot, "escape")
        assert not pilot.app.screen.query_one(QuoteBar).display
        pilot.app.screen.query_one(Composer).focus_text()
        await press(pilot, "enter")
        assert quoted(inbox) == [""]
    assert inbox.drafts.read(mai) == Draft()


async def test_a_click_on_the_cross_takes_the_quote_away(inbox: Inbox) -> None:
    async with console(inbox) as pilot:
        await press(pilot, "R")
        line = shown_by(pilot, QuoteBar)[0]
        await pilot.click(QuoteBar, offset=(line.rindex("×") + 2, 0))
        await settle(pilot)
        assert not pilot.app.screen.query_one(QuoteBar).display
        assert pilot.app.screen.query_one(Composer).draft == Draft()


async def test_the_quote_is_kept_with_the_draft_from_contact_to_contact_and_from_run_to_run(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    mai = contact_named(inbox, "Mai Tran")
    async with console(inbox) as pilot:
        await press(pilot, "R")
        await write(pilot, "ye")
        await press(pilot, "ctrl+k")
        await write(pilot, "omar")
        await press(pilot, "enter")
        assert not pilot.app.screen.query_one(QuoteBar).display
    again = Inbox(Store(tmp_path), ANA.id)
    async with console(again) as pilot:
        assert "↳ Mai Tran: hello, this is Mai" in shown_by(pilot, QuoteBar)[0]
        assert again.drafts.read(mai).text == "ye"
        await press(pilot, "enter", "enter")
    assert quoted(again) == ["hello, this is Mai"]


async def test_a_comment_does_not_quote_and_leaves_the_quote_to_the_reply(inbox: Inbox) -> None:
    mai = contact_named(inbox, "Mai Tran")
    async with console(inbox) as pilot:
        await press(pilot, "R", "ctrl+n")
        assert not pilot.app.screen.query_one(QuoteBar).display
        await write(pilot, "ask upstairs")
        await press(pilot, "enter")
        assert inbox.timeline(mai)[-1].message.reply_to is None
        await press(pilot, "ctrl+n")
        assert "and may the dog come?" in shown_by(pilot, QuoteBar)[0]
        assert inbox.drafts.read(mai).reply_to is not None


async def test_a_message_that_is_taken_back_brings_its_quote_back(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path, ("Mai Tran",), hold=60_000)
    async with console(inbox) as pilot:
        await press(pilot, "R")
        await write(pilot, "hi")
        await press(pilot, "enter", "escape", "z")
        assert "hello, this is Mai" in shown_by(pilot, QuoteBar)[0]
        assert pilot.app.screen.query_one(Composer).draft.text == "hi"


async def test_without_a_message_there_is_nothing_to_quote(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path, ())
    async with console(inbox) as pilot:
        await press(pilot, "R", "left_parenthesis", "right_parenthesis")
        assert not pilot.app.screen.query_one(QuoteBar).display


async def test_picking_goes_back_through_a_long_conversation_and_keeps_the_message_in_sight(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path, ("Mai Tran",))
    for number in range(90):
        receive(inbox.store, contact_named(inbox, "Mai Tran"), f"message {number}.")
    async with console(inbox) as pilot:
        for _ in range(60):
            await pilot.press("left_parenthesis")
        await settle(pilot)
        assert picked(pilot) == "message 30."
        assert any("▌ message 30." in line for line in shown(pilot))


async def test_no_quoted_text_harms_the_screen(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path, ("Mai Tran",))
    mai = contact_named(inbox, "Mai Tran")
    async with console(inbox, (80, 24)) as pilot:
        for text in OWN.values():
            receive(inbox.store, mai, text.encode(errors="replace").decode())
            await settle(pilot)
            await press(pilot, "R", "x")
            assert_screen_is_safe(pilot.app)
            await press(pilot, "enter", "escape", "left_parenthesis")
            assert_screen_is_safe(pilot.app)
            await pilot.press("right_parenthesis")
            assert picked(pilot) is None
