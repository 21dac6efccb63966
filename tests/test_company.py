"""Teammates: who is there, who is with whom, and what they are told of the agent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace
from textual.pilot import Pilot

from ismsg_tui.app import IsmsgApp
from ismsg_tui.clock import new_id, now_ms
from ismsg_tui.domain.commands import Actor, AssignContact, Issued, SendMessage
from ismsg_tui.domain.company import Company, short_names
from ismsg_tui.domain.entities import User
from ismsg_tui.domain.state import Refusal
from ismsg_tui.domain.wire import Availability, Presence, PresenceNote
from ismsg_tui.inbox import Inbox
from ismsg_tui.messages import CommandRefused, PresenceMoved
from ismsg_tui.screens import company_acts
from ismsg_tui.store import outbox
from ismsg_tui.store.drafts import Draft
from ismsg_tui.store.outbox import OutboxState
from ismsg_tui.sync.engine import Refused
from ismsg_tui.widgets.composer import Composer
from ismsg_tui.widgets.contact_header import ContactHeader
from ismsg_tui.widgets.contact_list import ContactList
from ismsg_tui.widgets.status_line import StatusLine
from tests.desk_setup import console, contact_named, on_screen, open_inbox, press, settle, settle_until, shown_by, write
from tests.factories import ANA, BEN

CARLA = User(id=new_id(), name="Carla Nunes")
DAN = User(id=new_id(), name="Dan Petrov")
USERS = {user.id: user for user in (ANA, BEN, CARLA, DAN)}
ONLINE, BUSY, AWAY = Availability.ONLINE, Availability.BUSY, Availability.AWAY


# Words


def test_a_contact_says_who_is_with_it_and_who_types() -> None:
    company = Company.of(
        [
            Presence(BEN.id, ONLINE, "mai"),
            Presence(CARLA.id, ONLINE, "omar", typing=True),
            Presence(ANA.id, ONLINE, "mai"),
        ],
        USERS,
        ANA.id,
    )
    assert company.doing("mai") == "Ben is here"
    assert company.doing("omar") == "Carla is typing…"
    assert company.doing("lena") == company.typing("mai") == ""
    assert company.contacts() == {"mai", "omar"}


def test_several_with_one_contact_are_named_or_counted() -> None:
    two = [Presence(user.id, ONLINE, "mai") for user in (CARLA, BEN)]
    assert Company.of(two, USERS, ANA.id).doing("mai") == "Ben and Carla are here"
    assert Company.of([*two, Presence(DAN.id, BUSY, "mai")], USERS, ANA.id).doing("mai") == "3 teammates are here"
    typing = [replace(one, typing=True) for one in two]
    assert Company.of(typing, USERS, ANA.id).doing("mai") == "Ben and Carla are typing…"


def test_who_is_away_is_not_counted_as_there() -> None:
    company = Company.of([Presence(BEN.id, AWAY), Presence(CARLA.id, BUSY)], USERS, ANA.id)
    assert company.there() == "Carla (busy)"
    assert Company.of([], USERS, ANA.id).there() == ""


def test_whoever_is_not_known_here_is_left_out() -> None:
    assert Company.of([Presence(new_id(), ONLINE, "mai")], USERS, ANA.id).doing("mai") == ""


def test_two_with_the_same_first_name_are_called_by_the_whole() -> None:
    other = replace(CARLA, id=new_id(), name="Ben Carter")
    names = short_names({**USERS, other.id: other})
    assert (names[BEN.id], names[other.id], names[CARLA.id]) == ("Ben Okoye", "Ben Carter", "Carla")
    nameless = User(id=new_id(), name="\x1b\n ")
    assert short_names({nameless.id: nameless}) == {nameless.id: "somebody"}


# The desk


@asynccontextmanager
async def team_console(
    inbox: Inbox, size: tuple[int, int] = (120, 36)
) -> AsyncIterator[tuple[Pilot[int], list[PresenceNote]]]:
    """The console with somebody to tell; and what they were told."""
    told: list[PresenceNote] = []
    async with console(inbox, size) as pilot:
        desk_of(pilot).announce = told.append
        yield pilot, told


def desk_of(pilot: Pilot[int]) -> company_acts.CompanyActs:
    """The desk."""
    app = pilot.app
    assert isinstance(app, IsmsgApp)
    return app.desk


async def show(pilot: Pilot[int], *presence: Presence) -> None:
    """Have the server tell what teammates do."""
    pilot.app.post_message(PresenceMoved(presence))
    await settle(pilot)


def caution(pilot: Pilot[int]) -> str:
    """What stands above the text."""
    return pilot.app.screen.query_one(Composer).query_one(StatusLine).left


def answer_by_ben(inbox: Inbox, contact_id: str, text: str, at: int) -> None:
    """Have Ben answer a contact."""
    inbox.store.execute(Issued(new_id(), SendMessage(contact_id, text), Actor(BEN.id), at))


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 36)])
async def test_list_and_header_say_who_is_with_a_contact(tmp_path: Path, size: tuple[int, int]) -> None:
    inbox = open_inbox(tmp_path)
    mai = contact_named(inbox, "Mai Tran")
    async with team_console(inbox, size) as (pilot, _):
        await show(pilot, Presence(BEN.id, ONLINE, mai))
        assert any("Ben is here" in line for line in shown_by(pilot, ContactList))
        await show(pilot, Presence(BEN.id, ONLINE, mai, typing=True))
        assert any("Ben is typing…" in line for line in shown_by(pilot, ContactList))
        await press(pilot, "l")
        assert any("Ben is typing…" in line for line in shown_by(pilot, ContactHeader))
        await show(pilot)
        assert "Ben is" not in on_screen(pilot)


async def test_the_composer_warns_while_a_teammate_is_typing(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    mai, omar = (contact_named(inbox, name) for name in ("Mai Tran", "Omar Haddad"))
    async with team_console(inbox) as (pilot, _):
        await show(pilot, Presence(BEN.id, ONLINE, mai, typing=True))
        assert caution(pilot) == "Reply · Ben is typing an answer"
        assert "Ben is typing an answer" in on_screen(pilot)
        await show(pilot, Presence(BEN.id, ONLINE, omar, typing=True))
        assert caution(pilot) == "Reply"
        await press(pilot, "j")
        assert caution(pilot) == "Reply · Ben is typing an answer"


async def test_the_composer_says_who_answered_after_the_agent_began(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    mai = contact_named(inbox, "Mai Tran")
    answer_by_ben(inbox, mai, "long ago", now_ms() - 60_000)
    async with team_console(inbox) as (pilot, _):
        await press(pilot, "2", "home", "enter")
        await write(pilot, "hello")
        assert caution(pilot) == "Reply"
        answer_by_ben(inbox, mai, "I have it", now_ms() + 1_000)
        await settle(pilot)
        assert caution(pilot).startswith("Reply · Ben answered at ")
        assert caution(pilot).endswith(", after you began")
        await press(pilot, *["backspace"] * 5)
        assert caution(pilot) == "Reply"


async def test_the_warning_of_an_answer_goes_with_the_message_that_is_sent_in_spite_of_it(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    mai = contact_named(inbox, "Mai Tran")
    answer_by_ben(inbox, mai, "long ago", now_ms() - 60_000)
    async with team_console(inbox) as (pilot, _):
        await press(pilot, "2", "home", "enter")
        await write(pilot, "hello")
        answer_by_ben(inbox, mai, "I have it", now_ms() + 1_000)
        await settle(pilot)
        assert "Ben answered at " in caution(pilot)
        await press(pilot, "enter")
        assert caution(pilot) == "Reply"


async def test_a_kept_draft_warns_of_an_answer_that_came_since(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    mai = contact_named(inbox, "Mai Tran")
    inbox.drafts.save(mai, Draft("half an ans"))
    answer_by_ben(inbox, mai, "I have it", now_ms() + 1_000)
    async with team_console(inbox) as (pilot, _):
        await press(pilot, "6", "home")
        while "half an ans" not in on_screen(pilot).split("Reply ·")[-1]:
            await press(pilot, "j")
        assert "Ben answered at " in caution(pilot)


async def test_a_comment_is_not_warned(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    mai = contact_named(inbox, "Mai Tran")
    async with team_console(inbox) as (pilot, _):
        await show(pilot, Presence(BEN.id, ONLINE, mai, typing=True))
        await press(pilot, "m")
        assert "Ben" not in caution(pilot)


async def test_the_title_names_who_is_there(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    async with team_console(inbox) as (pilot, _):
        await show(pilot, Presence(BEN.id, BUSY))
        assert "with Ben (busy)" in on_screen(pilot).split("\n")[0]


# What the team is told


async def test_teammates_are_told_what_is_looked_at_and_when_something_is_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(company_acts, "STILL_TYPING", 0.01)
    inbox = open_inbox(tmp_path)
    mai, omar = (contact_named(inbox, name) for name in ("Mai Tran", "Omar Haddad"))
    async with team_console(inbox) as (pilot, told):
        await press(pilot, "j")
        await settle_until(pilot, lambda: told[-1] == PresenceNote(ONLINE, omar))
        await press(pilot, "k")
        await settle_until(pilot, lambda: told[-1] == PresenceNote(ONLINE, mai))
        await press(pilot, "enter")
        told.clear()
        await write(pilot, "hi")
        await settle_until(pilot, lambda: told[-1:] == [PresenceNote(ONLINE, mai)])
        assert told[0] == PresenceNote(ONLINE, mai, typing=True)


async def test_several_keys_are_told_once(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    async with team_console(inbox) as (pilot, told):
        await press(pilot, "enter")
        told.clear()
        await write(pilot, "hello there")
        assert [note.typing for note in told] == [True]
        await press(pilot, "enter")
        assert [note.typing for note in told] == [True, False]


async def test_emptying_the_text_ends_the_typing(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    async with team_console(inbox) as (pilot, told):
        await press(pilot, "enter", "x", "backspace")
        assert [note.typing for note in told[-2:]] == [True, False]


async def test_busy_is_told_and_shown_and_taken_back(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    async with team_console(inbox) as (pilot, told):
        await press(pilot, "X")
        assert told[-1].state is BUSY
        assert "Ana Silva (busy)" in on_screen(pilot).split("\n")[0]
        await press(pilot, "X")
        assert told[-1].state is ONLINE
        assert "(busy)" not in on_screen(pilot)


async def test_who_does_nothing_for_long_is_away_until_the_next_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox = open_inbox(tmp_path)
    mai = contact_named(inbox, "Mai Tran")
    async with team_console(inbox) as (pilot, told):
        await press(pilot, "f5")
        monkeypatch.setattr(company_acts, "AWAY_AFTER", -1.0)
        desk_of(pilot).tell_team()
        assert told[-1] == PresenceNote(AWAY)
        await settle(pilot)
        assert "(away)" in on_screen(pilot).split("\n")[0]
        monkeypatch.setattr(company_acts, "AWAY_AFTER", 600.0)
        desk_of(pilot).tell_team()
        assert told[-1] == PresenceNote(ONLINE, mai)


async def test_without_a_server_nobody_is_told_and_busy_says_so(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    async with console(inbox) as pilot:
        await press(pilot, "X")
        assert any("work alone" in note.message for note in pilot.app._notifications)
        await press(pilot, "P")
        assert "alone" in on_screen(pilot)
        await press(pilot, "enter")


async def test_people_shows_everybody_and_leads_to_whom_they_are_with(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    lena = contact_named(inbox, "Lena Fischer")
    async with team_console(inbox) as (pilot, told):
        await show(pilot, Presence(BEN.id, ONLINE, lena, typing=True))
        await press(pilot, "P")
        assert "You — Ana Silva" in on_screen(pilot)
        assert "is typing to Lena Fischer" in on_screen(pilot)
        await press(pilot, "down", "enter")
        app = pilot.app
        assert isinstance(app, IsmsgApp)
        assert app.desk.pane.contact_id == lena
        await press(pilot, "escape", "P", "enter")
        assert told[-1].state is BUSY


# Somebody was quicker


async def test_a_refusal_without_words_is_told_and_then_forgotten(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    mai = contact_named(inbox, "Mai Tran")
    issued = inbox.act(AssignContact(mai, ANA.id))
    assert issued is not None
    reason = Refusal("assignment-conflict", "Somebody else was quicker: Ben Okoye has Mai Tran now.")
    async with console(inbox) as pilot:
        await press(pilot, "enter")
        await write(pilot, "my answer")
        inbox.store.refuse(issued.id, reason)
        pilot.app.post_message(CommandRefused(Refused(issued, reason)))
        await settle(pilot)
        assert any("Ben Okoye has Mai Tran now" in note.message for note in pilot.app._notifications)
        assert outbox.entries(inbox.store.reader, OutboxState.REFUSED) == []
        assert pilot.app.screen.query_one(Composer).draft.text == "my answer"


async def test_a_refusal_of_words_says_where_they_are(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    issued = inbox.reply(contact_named(inbox, "Mai Tran"), "hello there")
    assert issued is not None
    reason = Refusal("contact-blocked", "Mai Tran is blocked.")
    async with console(inbox) as pilot:
        inbox.store.refuse(issued.id, reason)
        pilot.app.post_message(CommandRefused(Refused(issued, reason)))
        await settle(pilot)
        assert any("Nothing is lost: ! goes there." in note.message for note in pilot.app._notifications)
        assert len(outbox.entries(inbox.store.reader, OutboxState.REFUSED)) == 1


async def test_what_was_refused_while_no_console_was_open_is_told_at_the_next_start(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    issued = inbox.act(AssignContact(contact_named(inbox, "Mai Tran"), ANA.id))
    assert issued is not None
    inbox.store.refuse(issued.id, Refusal("assignment-conflict", "Somebody else was quicker: Ben has Mai Tran now."))
    async with console(inbox) as pilot:
        assert any("Ben has Mai Tran now" in note.message for note in pilot.app._notifications)
        assert outbox.entries(inbox.store.reader, OutboxState.REFUSED) == []
