"""Messages that were not sent: they stay where they were said, and the agent sends, edits or discards them."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from ismsg_tui.app import IsmsgApp
from ismsg_tui.clock import now_ms
from ismsg_tui.domain.entities import Delivery, EventType, MessageKind
from ismsg_tui.domain.views import View
from ismsg_tui.inbox import Inbox
from ismsg_tui.not_sent import NotSent
from ismsg_tui.screens.close_dialog import CloseDialog
from ismsg_tui.store.drafts import Draft
from ismsg_tui.store.outbox import OutboxState
from ismsg_tui.store.store import RefusedError
from ismsg_tui.store.unsent import Trouble
from ismsg_tui.widgets.composer import Composer
from ismsg_tui.widgets.contact_list import ContactList
from ismsg_tui.widgets.timeline import Timeline
from ismsg_tui.widgets.unsent_bar import UnsentBar
from tests.desk_setup import (
    console,
    contact_named,
    on_screen,
    open_inbox,
    press,
    receive,
    settle,
    shown_by,
    write,
)
from tests.unsent import ask_about, failed, inbox_line, out_of_sight, ready_messages, refuse, refused


def texts(inbox: Inbox, name: str = "Mai Tran") -> list[tuple[str, str | None]]:
    """What the timeline of a contact shows, each with how far it has come."""
    lines = inbox.timeline(contact_named(inbox, name))
    return [(line.message.text, line.state) for line in lines if line.message.kind is not MessageKind.EVENT]


def bar(pilot: Pilot[int]) -> UnsentBar:
    """The bar over the composer."""
    return pilot.app.screen.query_one(UnsentBar)


def typed(pilot: Pilot[int]) -> Draft:
    """What stands in the composer."""
    return pilot.app.screen.query_one(Composer).draft


# The store


def test_a_refused_message_stays_at_its_place_among_what_was_said_since(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    refused(inbox, "one")
    receive(inbox.store, contact_named(inbox, "Mai Tran"), "still there?", at=now_ms() + 1_000)
    assert texts(inbox)[1:] == [("one", "refused"), ("still there?", None)]


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 50])
def test_pages_of_any_size_show_refused_lines_once_and_in_order(tmp_path: Path, limit: int) -> None:
    inbox = open_inbox(tmp_path, ("Mai Tran",))
    mai = contact_named(inbox, "Mai Tran")
    for number in range(6):
        if number % 3:
            refused(inbox, f"line {number}")
        else:
            receive(inbox.store, mai, f"line {number}")
    whole = inbox.timeline(mai)
    upwards = page = inbox.timeline(mai, limit=limit)
    while page := inbox.timeline(mai, before=page[0].place, limit=limit):
        upwards = page + upwards
    downwards = page = inbox.timeline(mai, after=(0, ""), limit=limit)
    while page := inbox.timeline(mai, after=page[-1].place, limit=limit):
        downwards = downwards + page
    assert upwards == downwards == whole
    assert sum(line.state == "refused" for line in whole) == 4


def test_what_waits_is_counted_with_refused_failed_and_doubtful_messages(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    not_sent = NotSent(inbox)
    assert not_sent.count() == 0
    refused(inbox, "refused")
    failed(inbox, "failed")
    failed(inbox, "doubtful", status=Delivery.UNCERTAIN)
    ask_about(inbox, "old")
    assert not_sent.count() == 4
    assert {item.trouble for item in not_sent.items()} == set(Trouble)
    assert not_sent.items(contact_named(inbox, "Omar Haddad")) == []


def test_others_words_do_not_wait_for_the_agent(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    refused(inbox, "refused")
    failed(inbox, "failed")
    ben = Inbox(inbox.store, next(user.id for user in inbox.users.values() if user.name.startswith("Ben")))
    assert NotSent(ben).count() == 0
    assert NotSent(ben).items() == []


def test_sending_again_makes_a_new_message_in_one_step(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    line = refused(inbox, "hello")
    (item,) = NotSent(inbox).items()
    again = NotSent(inbox).send(item)
    assert again is not None
    assert inbox_line(again) != line
    assert texts(inbox)[1:] == [("hello", "waiting")]
    assert NotSent(inbox).count() == 0


def test_a_message_that_is_refused_here_again_waits_on(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    refused(inbox, "hello")
    (item,) = NotSent(inbox).items()
    channel = next(iter(inbox.channels.values()))
    inbox.store.adopt([type(channel)(id=channel.id, kind=channel.kind, name=channel.name, text_limit=2)])
    with pytest.raises(RefusedError):
        NotSent(inbox).send(item)
    assert NotSent(inbox).items() == [item]
    assert texts(inbox)[1:] == [("hello", "refused")]


def test_a_failed_message_that_was_sent_again_stays_as_what_it_is(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    failed(inbox, "hello")
    (item,) = NotSent(inbox).items()
    assert item.reason == "the number is not known"
    NotSent(inbox).send(item)
    assert [state for text, state in texts(inbox) if text == "hello"][-2:] == ["failed", "waiting"]
    assert NotSent(inbox).count() == 0


def test_taking_back_puts_text_above_the_draft(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    mai = contact_named(inbox, "Mai Tran")
    refused(inbox, "first")
    inbox.drafts.save(mai, Draft("second"))
    (item,) = NotSent(inbox).items()
    NotSent(inbox).take_back(item)
    assert inbox.drafts.read(mai) == Draft("first\n\nsecond")
    assert texts(inbox)[1:] == []


def test_a_message_that_is_asked_about_leaves_on_a_yes_and_goes_as_if_never_written_on_a_no(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    ask_about(inbox, "old")
    assert ready_messages(inbox) == []
    (item,) = NotSent(inbox).items()
    assert item.trouble is Trouble.ASKING
    assert texts(inbox)[1:] == [("old", "asking")]
    NotSent(inbox).send(item)
    assert ready_messages(inbox) == [item.command_id]
    ask_about(inbox, "older")
    (item,) = NotSent(inbox).items()
    NotSent(inbox).drop(item)
    assert [text for text, _ in texts(inbox)] == ["hello, this is Mai", "old"]


def test_a_message_on_its_way_can_not_be_dropped(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    ask_about(inbox, "old")
    (item,) = NotSent(inbox).items()
    NotSent(inbox).send(item)
    NotSent(inbox).drop(item)
    assert texts(inbox)[1:] == [("old", "waiting")]


def test_a_refused_closing_keeps_its_note(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    mai = contact_named(inbox, "Mai Tran")
    refuse(inbox, inbox.close(mai, category="Refund", summary="money is back"))
    line = inbox.timeline(mai)[-1]
    assert line.message.event is not None
    assert (line.message.event.type, line.message.event.summary, line.state) == (
        EventType.CLOSED,
        "money is back",
        "refused",
    )
    row = inbox.contacts.row(mai)
    assert row is not None
    assert (row.status.value, row.unsent, row.unsent_kind, row.unsent_text) == (
        "open",
        OutboxState.REFUSED,
        MessageKind.EVENT,
        "money is back",
    )


# The desk


async def test_a_refused_message_is_shown_with_the_reason_in_list_and_conversation(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    refused(inbox, "hello there")
    async with console(inbox) as pilot:
        assert any("✗ not sent: hello there" in line for line in shown_by(pilot, ContactList))
        assert any("✗ not sent: The channel takes less." in line for line in shown_by(pilot, Timeline))
        assert bar(pilot).display
        assert "1 not sent" in on_screen(pilot)


async def test_the_bar_is_not_there_while_everything_was_sent(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    async with console(inbox) as pilot:
        assert not bar(pilot).display
        await press(pilot, "exclamation_mark")
        assert not bar(pilot).display
        assert any("Everything was sent" in note.message for note in pilot.app._notifications)


async def test_enter_sends_again_and_the_focus_goes_back(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    refused(inbox, "hello there")
    async with console(inbox) as pilot:
        await press(pilot, "exclamation_mark")
        assert bar(pilot).has_focus
        assert "“hello there”" in on_screen(pilot)
        await press(pilot, "enter")
        assert texts(inbox)[1:] == [("hello there", "waiting")]
        assert not bar(pilot).display
        assert pilot.app.screen.query_one(ContactList).has_focus


async def test_edit_puts_the_text_above_what_is_typed_and_the_next_key_goes_on_there(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    refused(inbox, "hello there")
    async with console(inbox) as pilot:
        await press(pilot, "enter")
        await write(pilot, "typed")
        await press(pilot, "escape", "exclamation_mark", "e")
        assert typed(pilot).text == "hello there\n\ntyped"
        await write(pilot, "!")
        assert typed(pilot).text == "hello there\n\ntyped!"
        assert not bar(pilot).display
        await press(pilot, "escape")
        assert texts(inbox)[1:] == []
        assert inbox.drafts.read(contact_named(inbox, "Mai Tran")).text == "hello there\n\ntyped!"


async def test_a_refused_comment_that_is_edited_stays_a_comment(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    refused(inbox, "for the team", comment=True)
    async with console(inbox) as pilot:
        assert any("comment not saved" in line for line in shown_by(pilot, Timeline))
        await press(pilot, "exclamation_mark", "e")
        assert typed(pilot) == Draft("for the team", comment=True)


async def test_discarding_needs_a_second_press_and_any_other_key_takes_the_first_back(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    refused(inbox, "hello there")
    async with console(inbox) as pilot:
        await press(pilot, "exclamation_mark", "x")
        assert "once more discards it" in on_screen(pilot)
        await press(pilot, "f5", "x")
        assert texts(inbox)[1:] == [("hello there", "refused")]
        await press(pilot, "x")
        assert texts(inbox)[1:] == []
        assert not bar(pilot).display


async def test_the_key_goes_on_through_everything_that_was_not_sent(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    refused(inbox, "one")
    refused(inbox, "two")
    refused(inbox, "three", name="Omar Haddad")
    async with console(inbox) as pilot:
        app = pilot.app
        assert isinstance(app, IsmsgApp)
        shown = []
        await press(pilot, "6")
        for _ in range(4):
            await press(pilot, "exclamation_mark")
            view = bar(pilot).view
            assert view is not None
            shown.append((app.desk.pane.card.contact.name if app.desk.pane.card else "", view.words))
        one, two = ("Mai Tran", "“one”"), ("Mai Tran", "“two”")
        three = ("Omar Haddad", "“three”")
        order = [one, two, three, one]
        start = order.index(shown[0])
        assert shown == (order[start:-1] + order)[:4]


async def test_going_to_a_message_far_up_brings_it_into_sight(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path, ("Mai Tran",))
    mai = contact_named(inbox, "Mai Tran")
    refused(inbox, "needle")
    for number in range(80):
        receive(inbox.store, mai, f"message number {number}", at=now_ms() + 1_000 + number)
    async with console(inbox) as pilot:
        assert not any("needle" in line for line in shown_by(pilot, Timeline))
        await press(pilot, "exclamation_mark")
        assert any("needle" in line for line in shown_by(pilot, Timeline))


async def test_an_old_message_is_asked_about_with_its_age(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    ask_about(inbox, "good evening")
    async with console(inbox) as pilot:
        await press(pilot, "exclamation_mark")
        assert "Written 14 h ago: send it now?" in on_screen(pilot)
        assert "? not sent yet: good evening" in on_screen(pilot)
        await press(pilot, "enter")
        assert texts(inbox)[1:] == [("good evening", "waiting")]


async def test_editing_a_refused_closing_opens_the_note_again(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    mai = contact_named(inbox, "Mai Tran")
    refuse(inbox, inbox.close(mai, category="Refund", summary="money is back"))
    async with console(inbox) as pilot:
        assert any("✗ not closed: The channel takes less." in line for line in shown_by(pilot, Timeline))
        assert any("Refund · money is back" in line for line in shown_by(pilot, Timeline))
        await press(pilot, "exclamation_mark", "e")
        dialog = pilot.app.screen
        assert isinstance(dialog, CloseDialog)
        assert dialog.summary == "money is back"
        await press(pilot, "enter", "enter")
        assert [row.name for row in inbox.contacts.view(View.CLOSED).page().rows] == ["Mai Tran"]
        assert NotSent(inbox).count() == 0
        event = inbox.timeline(mai)[-1].message.event
        assert event is not None
        assert (event.category, event.summary) == ("Refund", "money is back")


async def test_leaving_the_note_of_a_refused_closing_keeps_it(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    refuse(inbox, inbox.close(contact_named(inbox, "Mai Tran"), category="Refund", summary="money is back"))
    async with console(inbox) as pilot:
        await press(pilot, "exclamation_mark", "e", "escape")
        assert NotSent(inbox).count() == 1
        assert bar(pilot).display


async def test_a_retry_that_is_refused_says_why_and_the_message_stays(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    refused(inbox, "hello there")
    channel = next(iter(inbox.channels.values()))
    inbox.store.adopt([type(channel)(id=channel.id, kind=channel.kind, name=channel.name, text_limit=2)])
    async with console(inbox) as pilot:
        await press(pilot, "exclamation_mark", "enter")
        assert any("too long" in note.message for note in pilot.app._notifications)
        assert bar(pilot).has_focus
        assert texts(inbox)[1:] == [("hello there", "refused")]


async def test_a_click_on_a_key_of_the_bar_does_what_it_says(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    refused(inbox, "hello there")
    async with console(inbox) as pilot:
        await pilot.click(bar(pilot).query_one("KeyLine"), offset=(2, 0))
        await settle(pilot)
        assert bar(pilot).has_focus
        await pilot.click(bar(pilot).query_one("KeyLine"), offset=(2, 0))
        await settle(pilot)
        assert texts(inbox)[1:] == [("hello there", "waiting")]


async def test_the_key_begins_with_the_message_that_is_picked(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    refused(inbox, "one")
    refused(inbox, "two")
    async with console(inbox) as pilot:
        await press(pilot, "left_parenthesis", "exclamation_mark")
        view = bar(pilot).view
        assert view is not None
        assert view.words == "“two”"


# Contacts that are out of sight


async def test_what_was_not_sent_to_a_contact_out_of_sight_is_read_copied_and_discarded(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    refused(inbox, "hello there")
    out_of_sight(inbox)
    async with console(inbox) as pilot:
        await press(pilot, "exclamation_mark")
        assert bar(pilot).has_focus
        assert "“hello there”" in on_screen(pilot)
        await press(pilot, "e")
        assert pilot.app.clipboard == "hello there"
        assert NotSent(inbox).count() == 1
        await press(pilot, "x", "x")
        assert NotSent(inbox).count() == 0
        assert not bar(pilot).display
        assert pilot.app.screen.query_one(ContactList).has_focus


async def test_what_was_not_sent_to_a_contact_out_of_sight_stays_before_the_agent_while_others_write(
    tmp_path: Path,
) -> None:
    inbox = open_inbox(tmp_path)
    refused(inbox, "hello there")
    out_of_sight(inbox)
    async with console(inbox) as pilot:
        await press(pilot, "exclamation_mark")
        receive(inbox.store, contact_named(inbox, "Omar Haddad"), "are you there?")
        await settle(pilot)
        assert bar(pilot).has_focus
        assert "“hello there”" in on_screen(pilot)
        await press(pilot, "escape", "down")
        assert not bar(pilot).display


async def test_the_key_goes_on_from_a_contact_out_of_sight_to_the_next(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    refused(inbox, "one")
    refused(inbox, "two", name="Omar Haddad")
    out_of_sight(inbox)
    async with console(inbox) as pilot:
        shown = set()
        for _ in range(2):
            await press(pilot, "exclamation_mark")
            view = bar(pilot).view
            assert view is not None
            shown.add(view.words)
        assert shown == {"“one”", "“two”"}


async def test_an_inbox_without_contacts_shows_what_was_not_sent(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path, ("Mai Tran",))
    refused(inbox, "hello there")
    out_of_sight(inbox)
    async with console(inbox) as pilot:
        assert bar(pilot).display
        await press(pilot, "exclamation_mark")
        assert "“hello there”" in on_screen(pilot)


async def test_a_contact_that_goes_out_of_sight_under_the_agents_hands_says_so_once_and_keeps_what_is_typed(
    tmp_path: Path,
) -> None:
    inbox = open_inbox(tmp_path)
    async with console(inbox) as pilot:
        await press(pilot, "enter")
        await write(pilot, "typed")
        out_of_sight(inbox)
        await settle(pilot)
        receive(inbox.store, contact_named(inbox, "Omar Haddad"), "are you there?")
        await press(pilot, "enter")
        told = [note.message for note in pilot.app._notifications]
        assert sum("Mai Tran is out of sight" in message for message in told) == 1
        assert any("no such contact" in message for message in told)
        assert "Reply · out of sight, can't be sent" in on_screen(pilot)
        assert typed(pilot).text == "typed"
