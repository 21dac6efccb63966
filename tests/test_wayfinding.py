"""Finding one's way: jumping, filtering, what is next, back and forth, and a list that holds still."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.geometry import Offset
from textual.pilot import Pilot
from textual.widget import Widget

from ismsg_tui.app import IsmsgApp
from ismsg_tui.clock import new_id, now_ms
from ismsg_tui.domain.commands import Actor, AssignContact, Issued
from ismsg_tui.domain.entities import Contact
from ismsg_tui.domain.views import View
from ismsg_tui.inbox import Inbox
from ismsg_tui.screens.desk import Desk
from ismsg_tui.widgets.contact_list import ContactList
from ismsg_tui.widgets.text_fields import PlainInput
from tests.desk_setup import (
    CHANNEL,
    console,
    contact_named,
    on_screen,
    open_inbox,
    press,
    receive,
    settle,
    settle_until,
    shown_by,
    write,
)
from tests.factories import BEN

CROWD = tuple(f"Guest Number{number:02}" for number in range(30))


def desk_of(pilot: Pilot[int]) -> Desk:
    app = pilot.app
    assert isinstance(app, IsmsgApp)
    return app.desk


def shown_name(pilot: Pilot[int]) -> str:
    card = desk_of(pilot).pane.card
    return card.contact.name if card else ""


async def test_jumping_finds_a_contact_by_parts_of_its_name_from_any_view(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    lena = contact_named(inbox, "Lena Fischer")
    inbox.close(lena, category="Booking")
    async with console(inbox) as pilot:
        await press(pilot, "ctrl+k")
        await write(pilot, "fisch")
        await press(pilot, "enter")
        assert shown_name(pilot) == "Lena Fischer"
        assert desk_of(pilot).view is View.CLOSED


async def test_jumping_finds_by_phone_and_email(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    extra = Contact(id=new_id(), first_name="Zoe", phone="+4930123456", email="zoe@example.org", channel_id=CHANNEL.id)
    inbox.store.adopt([extra])
    receive(inbox.store, extra.id, "hi")
    async with console(inbox) as pilot:
        for typed in ("30123", "zoe@ex"):
            await press(pilot, "1", "ctrl+k")
            await write(pilot, typed)
            await press(pilot, "enter")
            assert shown_name(pilot) == "Zoe"


async def test_the_filter_narrows_the_list_and_escape_shows_all_again(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    async with console(inbox) as pilot:
        await press(pilot, "f")
        await write(pilot, "omar")
        rows = "\n".join(shown_by(pilot, ContactList))
        assert "Omar Haddad" in rows
        assert "Mai Tran" not in rows
        await press(pilot, "enter")
        assert shown_name(pilot) == "Omar Haddad"
        await press(pilot, "escape")
        rows = "\n".join(shown_by(pilot, ContactList))
        assert "Mai Tran" in rows
        assert shown_name(pilot) == "Omar Haddad"


async def test_a_filter_that_fits_nobody_says_so(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    async with console(inbox) as pilot:
        await press(pilot, "f")
        await write(pilot, "nobody at all")
        assert "Nobody fits." in on_screen(pilot)


async def test_while_one_types_the_foot_of_the_desk_shows_the_keys_that_leave(tmp_path: Path) -> None:
    async with console(open_inbox(tmp_path)) as pilot:
        for opening, foot, leaving, focused in (
            ("f", "Enter Keep  Esc Show all", "Esc", "contacts"),
            ("r", "Esc Back  F1 Help", "Esc", "contacts"),
            ("f", "Enter Keep  Esc Show all", "Enter", "contacts"),
        ):
            await press(pilot, opening)
            line = on_screen(pilot).split("\n")[-1]
            assert line.strip().startswith(foot)
            await pilot.click("#keys", offset=(line.index(leaving), 0))
            await settle(pilot)
            assert pilot.app.screen.focused is not None
            assert pilot.app.screen.focused.id == focused


async def test_the_first_letter_of_a_filter_hides_nobody_and_the_next_one_narrows(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path, ("Mai Tran", "Omar Haddad", "林晓雨"))
    async with console(inbox) as pilot:
        await press(pilot, "f", "o")
        assert "Mai Tran" in "\n".join(shown_by(pilot, ContactList))
        await press(pilot, "m")
        assert "Omar Haddad" in "\n".join(shown_by(pilot, ContactList))
        assert "Mai Tran" not in "\n".join(shown_by(pilot, ContactList))
        await press(pilot, "escape", "f", "林")
        assert "Mai Tran" not in "\n".join(shown_by(pilot, ContactList))


@pytest.mark.parametrize("key", ["n", "N"])
async def test_going_to_a_contact_that_the_filter_hides_leaves_the_filter(tmp_path: Path, key: str) -> None:
    inbox = open_inbox(tmp_path)
    async with console(inbox) as pilot:
        desk = desk_of(pilot)
        await press(pilot, "f")
        await write(pilot, "lena")
        await press(pilot, "enter", key)
        await settle_until(pilot, lambda: shown_name(pilot) != "Lena Fischer")
        assert "Mai Tran" in "\n".join(shown_by(pilot, ContactList))
        assert desk.contacts.highlighted is not None
        assert desk.contacts.highlighted.name == shown_name(pilot)


async def test_next_unread_goes_round_the_view_and_skips_what_is_read(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    omar = contact_named(inbox, "Omar Haddad")
    inbox.mark_read(omar, inbox.timeline(omar)[-1].message.at)
    async with console(inbox) as pilot:
        seen = []
        for _ in range(2):
            await press(pilot, "N")
            seen.append(shown_name(pilot))
        assert seen == ["Lena Fischer", "Mai Tran"]


async def test_back_and_forward_follow_the_visits(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    async with console(inbox) as pilot:
        desk = desk_of(pilot)
        for name in ("Mai Tran", "Lena Fischer", "Omar Haddad"):
            desk.go_to(contact_named(inbox, name))
            desk.pane.note_read()
            await settle(pilot)
        went = []
        for key in ("less_than_sign", "less_than_sign", "greater_than_sign"):
            await press(pilot, key)
            went.append(shown_name(pilot))
        assert went == ["Lena Fischer", "Mai Tran", "Lena Fischer"]


async def test_what_a_teammate_takes_stays_in_sight_until_the_agent_moves(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path, CROWD)
    async with console(inbox) as pilot:
        await press(pilot, "j", "j")
        before = [line[:30] for line in shown_by(pilot, ContactList)]
        inbox.store.execute(_taken_by_ben(inbox, CROWD[0]))
        await settle(pilot)
        assert [line[:30] for line in shown_by(pilot, ContactList)] == before
        assert "moves with you" in on_screen(pilot)
        await press(pilot, "j")
        await settle_until(pilot, lambda: CROWD[0] not in "\n".join(shown_by(pilot, ContactList)))
        assert shown_name(pilot) == CROWD[3]
        assert "moves with you" not in on_screen(pilot)


async def test_when_the_contact_under_the_cursor_is_taken_the_next_one_follows_it(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path, CROWD)
    async with console(inbox) as pilot:
        await press(pilot, "j")
        inbox.store.execute(_taken_by_ben(inbox, CROWD[1]))
        await settle(pilot)
        assert shown_name(pilot) == CROWD[1]
        await press(pilot, "j")
        assert shown_name(pilot) == CROWD[2]


@pytest.mark.parametrize(("key", "next_one"), [("j", CROWD[3]), ("k", CROWD[1]), ("G", CROWD[-1]), ("g", CROWD[0])])
async def test_after_a_contact_was_snoozed_out_of_the_list_no_key_passes_anybody_by(
    tmp_path: Path, key: str, next_one: str
) -> None:
    inbox = open_inbox(tmp_path, CROWD)
    async with console(inbox) as pilot:
        await press(pilot, "j", "j", "s", "1")
        assert shown_name(pilot) == CROWD[2]
        await press(pilot, key)
        assert shown_name(pilot) == next_one


async def test_while_what_is_shown_has_left_the_list_the_cursor_stands_on_nobody_and_enter_answers_it(
    tmp_path: Path,
) -> None:
    inbox = open_inbox(tmp_path, CROWD)
    async with console(inbox) as pilot:
        await press(pilot, "j", "s", "1")
        assert not any("▌" in line for line in shown_by(pilot, ContactList))
        await press(pilot, "enter")
        assert f"Reply to {CROWD[1]}" in on_screen(pilot)
        await press(pilot, "escape", "z")
        assert "▌ " + CROWD[1] in "\n".join(shown_by(pilot, ContactList))


async def test_where_only_the_list_is_in_sight_the_next_contact_follows_one_that_leaves_it(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path, CROWD)
    async with console(inbox, (80, 24)) as pilot:
        for number in range(3):
            assert shown_name(pilot) == CROWD[number]
            assert "▌ " + CROWD[number] in "\n".join(shown_by(pilot, ContactList))
            await press(pilot, "s")
            assert f"Snooze · {CROWD[number]}" in on_screen(pilot)
            await press(pilot, "1")


async def test_new_customers_below_the_rows_in_sight_come_in_at_once(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    async with console(inbox) as pilot:
        extra = Contact(id=new_id(), first_name="Zoe", channel_id=CHANNEL.id)
        inbox.store.adopt([extra])
        receive(inbox.store, extra.id, "hi")
        await settle(pilot)
        assert "Zoe" in "\n".join(shown_by(pilot, ContactList))
        assert "New 4" in on_screen(pilot)
        assert "moves with you" not in on_screen(pilot)


async def test_the_sort_of_a_view_is_switched_and_said(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    async with console(inbox) as pilot:
        assert "longest waiting" in on_screen(pilot)
        await press(pilot, "S")
        assert "newest first" in on_screen(pilot)
        rows = "\n".join(shown_by(pilot, ContactList))
        assert rows.index("Lena Fischer") < rows.index("Mai Tran")


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_the_terminals_cursor_stands_in_the_composer_before_anything_is_typed(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with console(open_inbox(tmp_path), size) as pilot:
        await press(pilot, "enter")
        area = pilot.app.screen.focused
        assert area is not None
        await settle_until(pilot, lambda: pilot.app.cursor_position == area.content_region.offset)


def _taken_by_ben(inbox: Inbox, name: str) -> Issued:
    return Issued(new_id(), AssignContact(contact_named(inbox, name), BEN.id), Actor(BEN.id), now_ms())


def next_letter(field: Widget | None) -> Offset | None:
    """Where what is typed next into a field stands on the screen."""
    return field.content_region.offset + Offset(len(field.value), 0) if isinstance(field, PlainInput) else None


async def test_the_terminals_cursor_stands_where_the_next_letter_goes(tmp_path: Path) -> None:
    async with console(open_inbox(tmp_path)) as pilot:
        app = pilot.app
        for keys in (["f"], ["escape", "ctrl+k"], ["escape", "slash"], ["escape", "s", "tab"]):
            await press(pilot, *keys)
            for typed in ("", "om"):
                await write(pilot, typed)
                await settle_until(pilot, lambda: app.cursor_position == next_letter(app.screen.focused))
                field = app.screen.focused
                assert isinstance(field, PlainInput)
                assert field.value == typed
