"""Little room: what matters most is there at every width and height."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from rich.cells import cell_len

from ismsg_tui.domain.views import View
from ismsg_tui.widgets.contact_header import ContactHeader, Part, fitting
from ismsg_tui.widgets.contact_list import ContactList
from ismsg_tui.widgets.contact_panel import ContactPanel
from ismsg_tui.widgets.timeline import Timeline
from ismsg_tui.widgets.view_tabs import ViewTabs
from tests.desk_setup import (
    console,
    contact_named,
    on_screen,
    open_inbox,
    press,
    receive,
    settle,
    settle_until,
    shown_by,
    until_seen,
    write,
)

NAME = "Margaret Ashdown-Featherstonehaugh of Little Wittering"

LINE = [
    Part(NAME, "bold", 0),
    Part("WhatsApp", "", 6),
    Part("open 40 min", "", 5),
    Part("unassigned", "", 4),
    Part("waiting 40 min", "", 1),
]


@pytest.mark.parametrize("size", [(92, 24), (100, 30), (120, 36), (140, 40), (60, 20), (40, 12)])
async def test_how_long_somebody_waits_is_never_cut_off(tmp_path: Path, size: tuple[int, int]) -> None:
    inbox = open_inbox(tmp_path, (NAME, "Mai Tran"))
    async with console(inbox, size) as pilot:
        await press(pilot, "l")
        (line,) = shown_by(pilot, ContactHeader)
        assert line.rstrip().endswith("waiting 2 min")
        assert line.startswith(" Margaret")


@given(st.integers(0, 120), st.lists(st.tuples(st.text(max_size=30), st.integers(1, 6)), max_size=6))
def test_the_parts_fit_in_their_order_and_the_name_stays(width: int, others: list[tuple[str, int]]) -> None:
    parts = [Part(NAME, "", 0), *(Part(text, "", worth) for text, worth in others)]
    kept = fitting(parts, width)
    assert sum(cell_len(part.text) + 3 for part in kept) - 3 <= width or len(kept) == 1
    assert kept[0].text.rstrip("…") in NAME
    assert [part for part in parts[1:] if part in kept[1:]] == kept[1:]
    if kept[1:]:
        least = max(part.worth for part in kept[1:])
        assert all(part in kept for part in parts[1:] if part.worth < least)


def test_without_a_contact_there_is_nothing_to_fit() -> None:
    assert fitting([], 10) == []


def test_channel_and_standing_go_before_the_name_is_cut() -> None:
    assert [part.text for part in fitting(LINE, 75)] == [NAME, "waiting 40 min"]
    assert [part.text for part in fitting(LINE, 60)][1:] == ["waiting 40 min"]


async def test_where_there_is_no_room_for_all_views_the_current_one_is_named(tmp_path: Path) -> None:
    async with console(open_inbox(tmp_path), (30, 12)) as pilot:
        assert shown_by(pilot, ViewTabs)[0].split() == ["New", "3", "longest", "waiting"]
        await press(pilot, "6")
        assert shown_by(pilot, ViewTabs)[0].split()[:2] == ["All", "3"]
        await pilot.resize_terminal(120, 30)
        await settle(pilot)
        assert "Assigned" in shown_by(pilot, ViewTabs)[0]


async def test_on_five_rows_one_still_sees_what_one_answers_and_types(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    async with console(inbox, (20, 5)) as pilot:
        receive(inbox.store, contact_named(inbox, "Mai Tran"), "is it ready?")
        await settle(pilot)
        assert View.NEW.value.capitalize() in on_screen(pilot)
        assert "Mai" in on_screen(pilot)
        await press(pilot, "r")
        await write(pilot, "yes it is")
        shown = on_screen(pilot)
        assert "is it ready?" in shown
        assert "yes it is" in shown


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_the_terminals_cursor_goes_into_the_conversation_with_the_focus(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    inbox = open_inbox(tmp_path, (NAME, "Mai Tran"))
    async with console(inbox, size) as pilot:
        await press(pilot, "l")
        region = pilot.app.screen.query_one(Timeline).content_region
        assert pilot.app.cursor_position == (region.x, region.bottom - 1)


async def test_a_dialog_over_the_card_leaves_the_keys_with_the_card_not_with_a_hidden_field(tmp_path: Path) -> None:
    async with console(open_inbox(tmp_path), (80, 24)) as pilot:
        await press(pilot, "p", "P", "escape")
        assert pilot.app.screen.focused is pilot.app.screen.query_one(ContactPanel)
        await press(pilot, "escape", "j")
        assert isinstance(pilot.app.screen.focused, ContactList)
        assert [row.name for row in [pilot.app.screen.query_one(ContactList).highlighted] if row] == ["Omar Haddad"]


@pytest.mark.parametrize("back", ["p", "escape", "h"])
async def test_the_card_gives_the_keys_back_to_what_it_was_asked_for_over(tmp_path: Path, back: str) -> None:
    async with console(open_inbox(tmp_path), (80, 24)) as pilot:
        desk = pilot.app.screen
        for entered, kind in (("home", ContactList), ("l", Timeline)):
            await press(pilot, entered, "p")
            assert desk.query_one(ContactPanel).is_on_screen
            await press(pilot, back)
            assert isinstance(desk.focused, kind)
            assert desk.focused.is_on_screen


@pytest.mark.parametrize("key", ["r", "m", "enter"])
async def test_who_answers_from_the_card_sees_what_is_written(tmp_path: Path, key: str) -> None:
    async with console(open_inbox(tmp_path), (80, 24)) as pilot:
        await press(pilot, "p", key)
        await write(pilot, "seen words")
        assert "seen words" in on_screen(pilot)


async def test_a_card_longer_than_the_screen_is_scrolled_by_the_keys_of_the_conversation(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    card = inbox.contacts.card(contact_named(inbox, "Mai Tran"))
    assert card is not None
    inbox.store.adopt([replace(card.contact, fields={f"fact {n}": f"value {n}" for n in range(60)})])
    async with console(inbox, (60, 20)) as pilot:
        await press(pilot, "p")
        assert "value 59" not in on_screen(pilot)
        await press(pilot, "G")
        await settle_until(pilot, lambda: "Earlier conversations" in on_screen(pilot))
        await press(pilot, "g")
        await settle_until(pilot, lambda: "Mai Tran" in on_screen(pilot))


async def test_a_terminal_that_grows_and_shrinks_under_the_card_keeps_the_keys_on_something_seen(
    tmp_path: Path,
) -> None:
    async with console(open_inbox(tmp_path), (80, 24)) as pilot:
        desk = pilot.app.screen
        await press(pilot, "p")
        for columns in (120, 80, 160, 60):
            await pilot.resize_terminal(columns, 24)
            await settle_until(pilot, lambda: desk.focused is not None and desk.focused.is_on_screen)


@pytest.mark.parametrize("key", ["f2", "f3", "R", "ctrl+g", "ctrl+o", "alt+v", "l", "e", "L", "ctrl+r"])
async def test_while_nobody_is_chosen_no_key_leads_to_an_empty_conversation(tmp_path: Path, key: str) -> None:
    async with console(open_inbox(tmp_path, ()), (80, 24)) as pilot:
        await press(pilot, key)
        assert "Nobody is waiting." in on_screen(pilot)
        assert isinstance(pilot.app.screen.focused, ContactList)


NEEDS_SOMEBODY = [*"rRmacCswouyYLel()Q", "space", "f2", "f3", "f5", "ctrl+g", "ctrl+o", "ctrl+r"]


@pytest.mark.parametrize("key", NEEDS_SOMEBODY)
async def test_a_key_that_needs_a_contact_says_so_while_nobody_is_chosen(tmp_path: Path, key: str) -> None:
    async with console(open_inbox(tmp_path, ()), (80, 24)) as pilot:
        await press(pilot, key)
        await until_seen(pilot, "Choose a contact first: Ctrl+K finds any")


async def test_waking_says_so_where_nothing_is_snoozed(tmp_path: Path) -> None:
    async with console(open_inbox(tmp_path), (80, 24)) as pilot:
        await press(pilot, "w")
        await until_seen(pilot, "This conversation is not snoozed.")


@pytest.mark.parametrize("key", ["2", "4", "]"])
async def test_choosing_a_view_from_the_conversation_shows_its_list(tmp_path: Path, key: str) -> None:
    async with console(open_inbox(tmp_path), (80, 24)) as pilot:
        await press(pilot, "l", key)
        assert pilot.app.screen.query_one(ContactList).is_on_screen
        assert isinstance(pilot.app.screen.focused, ContactList)


async def test_the_order_of_the_list_and_that_it_has_changed_are_said_in_80_columns_too(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    async with console(inbox, (80, 24)) as pilot:
        assert shown_by(pilot, ViewTabs)[0].rstrip().endswith("longest waiting")
        await press(pilot, "S")
        await until_seen(pilot, "newest first")
        await press(pilot, "j")
        receive(inbox.store, contact_named(inbox, "Mai Tran"), "one more thing")
        await until_seen(pilot, "changed")
        await pilot.resize_terminal(40, 24)
        await settle_until(
            pilot, lambda: shown_by(pilot, ViewTabs)[0].split() == ["New", "3", "changed,", "moves", "with", "you"]
        )


async def test_the_tour_shows_the_desk_even_where_the_card_covered_it(tmp_path: Path) -> None:
    async with console(open_inbox(tmp_path), (80, 24)) as pilot:
        await press(pilot, "p", "f4")
        assert pilot.app.screen_stack[0].query_one(ContactList).is_on_screen
        await press(pilot, "escape", "j")
        assert isinstance(pilot.app.screen.focused, ContactList)
