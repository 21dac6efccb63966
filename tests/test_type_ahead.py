"""Keys that come in a burst, as a slow line delivers them, do what slow typing would have done."""

from __future__ import annotations

from pathlib import Path

from textual.events import Key
from textual.pilot import Pilot

from ismsg_tui.domain.views import View
from ismsg_tui.screens.search_screen import SearchScreen
from ismsg_tui.widgets.composer import Composer
from ismsg_tui.widgets.text_fields import PlainInput
from tests.desk_setup import (
    console,
    contact_named,
    names_in,
    open_inbox,
    press,
    receive,
    settle_until,
)
from tests.test_wayfinding import desk_of, shown_name


def burst(pilot: Pilot[int], *keys: str) -> None:
    """Have the terminal send keys at once; a text of several letters is that many keys."""
    for key in keys:
        known = {"enter": "\r", "escape": "\x1b", "ctrl+k": "\x0b", "slash": "/", "space": " "}
        letters = [(key, known[key])] if key in known else [(letter, letter) for letter in key]
        for name, character in letters:
            pilot.app.post_message(Key(name, character))


async def test_what_is_typed_behind_the_key_that_opens_the_search_is_searched_for(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    receive(inbox.store, contact_named(inbox, "Lena Fischer"), "where can I park?")
    async with console(inbox) as pilot:
        burst(pilot, "slash", "park")
        await settle_until(pilot, lambda: isinstance(pilot.app.screen, SearchScreen))
        assert pilot.app.screen.query_one(PlainInput).value == "park"
        assert desk_of(pilot).pane.query_one(Composer).draft.text == ""


async def test_a_contact_is_jumped_to_and_answered_in_one_burst(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    lena = contact_named(inbox, "Lena Fischer")
    async with console(inbox) as pilot:
        burst(pilot, "ctrl+k", "fisch", "enter", "r", "hi", "space", "there", "enter")
        await settle_until(pilot, lambda: inbox.timeline(lena)[-1].message.text == "hi there")
        assert shown_name(pilot) == "Lena Fischer"


async def test_the_next_unread_is_the_one_that_is_answered(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    lena = contact_named(inbox, "Lena Fischer")
    inbox.mark_read(
        contact_named(inbox, "Omar Haddad"), inbox.timeline(contact_named(inbox, "Omar Haddad"))[-1].message.at
    )
    async with console(inbox) as pilot:
        burst(pilot, "N", "r", "yes", "enter")
        await settle_until(pilot, lambda: inbox.timeline(lena)[-1].message.text == "yes")


async def test_a_conversation_is_closed_with_its_category_in_one_burst(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    async with console(inbox) as pilot:
        burst(pilot, "c", "Booking", "enter", "enter")
        await settle_until(pilot, lambda: names_in(inbox, View.CLOSED) == ["Mai Tran"])


async def test_a_key_behind_one_that_leaves_a_dialog_is_for_what_lay_behind_it(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    async with console(inbox) as pilot:
        await press(pilot, "slash")
        burst(pilot, "nothing", "escape", "j", "j")
        await settle_until(pilot, lambda: shown_name(pilot) == "Lena Fischer")
