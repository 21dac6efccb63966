"""Journeys of an agent at the desk, by the keys."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace
from textual.events import Key
from textual.screen import Screen

from ismsg_tui import times
from ismsg_tui.app import IsmsgApp
from ismsg_tui.domain.entities import EventType, MessageKind
from ismsg_tui.domain.views import View
from ismsg_tui.screens.attach_picker import AttachPicker
from ismsg_tui.screens.emoji_picker import EmojiPicker
from ismsg_tui.screens.snippet_picker import SnippetPicker
from ismsg_tui.widgets.choice_list import ChoiceList
from ismsg_tui.widgets.composer import Composer
from ismsg_tui.widgets.contact_list import ContactList
from ismsg_tui.widgets.contact_panel import ContactPanel
from ismsg_tui.widgets.timeline import Timeline
from tests.desk_setup import (
    add_snippets,
    console,
    contact_named,
    names_in,
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
from tests.factories import ANA, BEN


async def test_the_desk_opens_on_new_with_the_longest_waiting_contact_shown(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    async with console(inbox) as pilot:
        screen = on_screen(pilot)
    assert "New 3" in screen
    assert screen.index("Mai Tran") < screen.index("Omar Haddad") < screen.index("Lena Fischer")
    assert "hello, this is Mai" in screen


async def test_answering_a_new_customer_with_a_snippet_moves_the_contact_to_assigned(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    add_snippets(inbox)
    async with console(inbox) as pilot:
        await press(pilot, "enter")
        await press(pilot, "slash")
        await write(pilot, "hello")
        await press(pilot, "enter")
        await press(pilot, "enter")
        assert names_in(inbox, View.ASSIGNED) == ["Mai Tran"]
        assert names_in(inbox, View.NEW) == ["Omar Haddad", "Lena Fischer"]
        last = inbox.timeline(contact_named(inbox, "Mai Tran"))[-1].message
        assert (last.kind, last.text) == (MessageKind.OUTGOING, "Hello Mai, how can I help?")
        assert "Assigned 1" in on_screen(pilot)
        assert "Hello Mai, how can I help?" in on_screen(pilot)
        assert "New 2" in on_screen(pilot)


async def test_a_snippet_is_inserted_at_the_cursor_and_keeps_what_was_typed(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    add_snippets(inbox)
    async with console(inbox) as pilot:
        await press(pilot, "enter")
        await write(pilot, "Good morning. ")
        await press(pilot, "slash")
        await write(pilot, "hello")
        await press(pilot, "enter")
        await write(pilot, " Ana")
        await press(pilot, "enter")
        last = inbox.timeline(contact_named(inbox, "Mai Tran"))[-1].message
        assert last.text == "Good morning. Hello Mai, how can I help? Ana"


async def test_a_snippet_with_a_missing_value_is_inserted_with_its_blank_selected(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    add_snippets(inbox)
    async with console(inbox) as pilot:
        await press(pilot, "enter", "slash")
        await write(pilot, "city")
        await press(pilot, "enter")
        assert "$contact.city" in on_screen(pilot)
        await write(pilot, "Hanoi")
        assert "We deliver to Hanoi." in on_screen(pilot)


async def test_leaving_the_snippet_picker_types_the_slash(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    async with console(inbox) as pilot:
        await press(pilot, "enter", "slash", "escape")
        await write(pilot, "etc")
        await press(pilot, "enter")
        assert inbox.timeline(contact_named(inbox, "Mai Tran"))[-1].message.text == "/etc"


async def test_assigning_to_a_teammate_by_the_dialog(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    async with console(inbox) as pilot:
        await press(pilot, "a")
        await write(pilot, "ben")
        await press(pilot, "enter")
        row = inbox.contacts.row(contact_named(inbox, "Mai Tran"))
        assert row is not None
        assert row.assignee_id == BEN.id
        assert names_in(inbox, View.NEW) == ["Omar Haddad", "Lena Fischer"]


async def test_undo_takes_an_assignment_back(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    async with console(inbox) as pilot:
        await press(pilot, "a", "enter")
        assert names_in(inbox, View.ASSIGNED) == ["Mai Tran"]
        await press(pilot, "z")
        assert names_in(inbox, View.ASSIGNED) == []
        assert names_in(inbox, View.NEW)[0] == "Mai Tran"


async def test_closing_with_a_note_goes_on_to_who_waits_longest(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    async with console(inbox) as pilot:
        await press(pilot, "C")
        await press(pilot, "2")
        await write(pilot, "money is back")
        await press(pilot, "enter")
        mai = contact_named(inbox, "Mai Tran")
        closed = inbox.timeline(mai)[-1].message.event
        assert closed is not None
        assert (closed.type, closed.category, closed.summary) == (EventType.CLOSED, "Refund", "money is back")
        assert names_in(inbox, View.CLOSED) == ["Mai Tran"]
        app = pilot.app
        assert isinstance(app, IsmsgApp)
        assert app.desk.pane.contact_id == contact_named(inbox, "Omar Haddad")


async def test_undo_opens_a_closed_conversation_again_as_if_it_had_never_been_closed(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    mai = contact_named(inbox, "Mai Tran")
    before = inbox.timeline(mai)
    async with console(inbox) as pilot:
        await press(pilot, "c", "1", "enter")
        assert names_in(inbox, View.CLOSED) == ["Mai Tran"]
        await press(pilot, "z")
        assert names_in(inbox, View.CLOSED) == []
        assert inbox.timeline(mai) == before


async def test_what_is_told_twice_stands_there_once(tmp_path: Path) -> None:
    async with console(open_inbox(tmp_path)) as pilot:
        await press(pilot, "z", "z")
        assert [note.message for note in pilot.app._notifications] == ["Nothing to take back, or it has left already."]


async def test_a_message_taken_back_returns_to_the_composer(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path, hold=60_000)
    async with console(inbox) as pilot:
        await press(pilot, "enter")
        await write(pilot, "too soon")
        await press(pilot, "enter")
        assert "takes it back" in on_screen(pilot)
        await press(pilot, "escape", "z")
        assert names_in(inbox, View.NEW)[0] == "Mai Tran"
        assert "too soon" in on_screen(pilot)
        assert inbox.drafts.read(contact_named(inbox, "Mai Tran")).text == "too soon"


async def test_each_contact_keeps_its_draft_across_contacts_and_restart(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    async with console(inbox) as pilot:
        await press(pilot, "enter")
        await write(pilot, "for Mai")
        await press(pilot, "escape", "j", "enter")
        await write(pilot, "for Omar")
        await press(pilot, "escape", "k")
        assert "for Mai" in on_screen(pilot)
        await press(pilot, "j", "ctrl+q")
    inbox.close_store()
    again = open_inbox(tmp_path)
    async with console(again) as pilot:
        await press(pilot, "j")
        assert "for Omar" in on_screen(pilot)
        assert "✎ draft: for Mai" in on_screen(pilot)


async def test_a_comment_is_set_apart_and_does_not_take_the_contact(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    async with console(inbox) as pilot:
        await press(pilot, "m")
        await write(pilot, "who knows her? @Ben Okoye")
        await press(pilot, "enter")
        mai = contact_named(inbox, "Mai Tran")
        comment = inbox.timeline(mai)[-1].message
        assert (comment.kind, comment.mentions) == (MessageKind.COMMENT, (BEN.id,))
        assert names_in(inbox, View.NEW)[0] == "Mai Tran"
        assert "comment for the team" in on_screen(pilot)


async def test_snoozing_hides_a_conversation_and_a_message_brings_it_back(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    mai = contact_named(inbox, "Mai Tran")
    async with console(inbox) as pilot:
        await press(pilot, "s", "1")
        assert names_in(inbox, View.SNOOZED) == ["Mai Tran"]
        assert names_in(inbox, View.NEW) == ["Omar Haddad", "Lena Fischer"]
        receive(inbox.store, mai, "are you there?")
        await settle(pilot)
        assert names_in(inbox, View.SNOOZED) == []
        assert "New 3" in on_screen(pilot)


@pytest.mark.parametrize("days", [3, 40])
async def test_a_snooze_of_some_days_names_the_day_wherever_it_is_told(tmp_path: Path, days: int) -> None:
    inbox = open_inbox(tmp_path)
    mai = contact_named(inbox, "Mai Tran")
    async with console(inbox) as pilot:
        await press(pilot, "s", "tab")
        await write(pilot, f"{days}d")
        await press(pilot, "enter", "5")
        row = inbox.contacts.row(mai)
        assert row is not None
        assert row.snoozed_until is not None
        end = times.local(row.snoozed_until)
        await until_seen(pilot, f"Snoozed until {end:%a} {end.day} {end:%b} ")
        shown = next(line for line in shown_by(pilot, ContactList) if "Mai Tran" in line)
        assert f" z{end:%a} " in shown or f" z{end.day} {end:%b} " in shown or f" z{end:%b %y} " in shown


async def test_next_waiting_goes_to_new_customers_before_ones_own(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    inbox.assign(contact_named(inbox, "Mai Tran"), ANA.id)
    async with console(inbox) as pilot:
        app = pilot.app
        assert isinstance(app, IsmsgApp)
        shown = []
        for _ in range(3):
            shown.append(app.desk.pane.contact_id)
            await press(pilot, "n")
        assert shown == [contact_named(inbox, name) for name in ("Omar Haddad", "Lena Fischer", "Omar Haddad")]


async def test_what_arrives_is_painted_without_moving_the_cursor_from_its_contact(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    async with console(inbox) as pilot:
        await press(pilot, "2", "j")
        contacts = pilot.app.screen.query_one(ContactList)
        before = contacts.highlighted
        assert before is not None
        other = contact_named(inbox, "Mai Tran")
        assert before.contact_id != other
        receive(inbox.store, other, "one more thing")
        await settle(pilot)
        after = contacts.highlighted
        assert after is not None
        assert after.contact_id == before.contact_id
        assert "one more thing" in on_screen(pilot)


async def test_new_messages_do_not_move_a_conversation_that_is_scrolled_up(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path, ("Mai Tran",))
    mai = contact_named(inbox, "Mai Tran")
    for number in range(120):
        receive(inbox.store, mai, f"message number {number}")
    async with console(inbox) as pilot:
        await press(pilot, "l", "pageup", "pageup")
        timeline = pilot.app.screen.query_one(Timeline)
        before = shown_by(pilot, Timeline)[:-1]
        receive(inbox.store, mai, "the newest of all")
        await settle(pilot)
        assert shown_by(pilot, Timeline)[:-1] == before
        assert "1 new" in shown_by(pilot, Timeline)[-1]
        assert "the newest of all" not in "\n".join(shown_by(pilot, Timeline))
        await press(pilot, "end")
        assert timeline.follows
        assert "the newest of all" in on_screen(pilot)


async def test_the_beginning_of_a_long_conversation_is_reached_and_left_again(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path, ("Mai Tran",))
    mai = contact_named(inbox, "Mai Tran")
    for number in range(600):
        receive(inbox.store, mai, f"message number {number:03}")
    async with console(inbox) as pilot:
        await press(pilot, "l")
        assert "message number 599" in on_screen(pilot)
        await press(pilot, "home")
        assert "hello, this is Mai" in on_screen(pilot)
        assert "message number 000" in on_screen(pilot)
        await press(pilot, *["pagedown"] * 40)
        assert "message number 599" in on_screen(pilot)


async def test_scrolling_up_shows_every_message_once(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path, ("Mai Tran",))
    mai = contact_named(inbox, "Mai Tran")
    for number in range(150):
        receive(inbox.store, mai, f"message number {number:03}")
    async with console(inbox) as pilot:
        await press(pilot, "l")
        timeline = pilot.app.screen.query_one(Timeline)
        seen: list[int] = []
        for _ in range(400):
            top = shown_by(pilot, Timeline)[0]
            if "message number" in top:
                number = int(top.split("number ")[1][:3])
                assert not seen or number in (seen[-1], seen[-1] - 1)
                seen += [] if seen and seen[-1] == number else [number]
            if timeline.scroll_offset.y == 0:
                break
            timeline.action_line_up()
            await pilot.pause()
        assert seen[-1] <= 1
        assert len(seen) == seen[0] - seen[-1] + 1


@pytest.mark.parametrize("size", [(80, 24), (60, 20), (20, 5), (200, 60)])
async def test_every_size_shows_something_and_nothing_breaks(tmp_path: Path, size: tuple[int, int]) -> None:
    inbox = open_inbox(tmp_path)
    async with console(inbox, size) as pilot:
        await press(pilot, "j", "l", "p", "p", "r")
        await write(pilot, "hello")
        await press(pilot, "escape", "question_mark", "escape", "a", "escape", "c", "escape", "s", "escape")
        assert names_in(inbox, View.NEW)[0] == "Mai Tran"


async def test_a_command_is_found_by_its_name_or_by_a_word_of_what_it_does_and_done(tmp_path: Path) -> None:
    async with console(open_inbox(tmp_path)) as pilot:
        for typed in ("snoo", "until a time"):
            await press(pilot, "ctrl+p")
            assert "Commands" in on_screen(pilot)
            await write(pilot, typed)
            assert "Emoji" not in "".join(shown_by(pilot, ChoiceList))
            await press(pilot, "enter")
            assert "Another time" in on_screen(pilot)
            await press(pilot, "escape")


async def test_in_a_narrow_terminal_one_pane_shows_at_a_time(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    async with console(inbox, (80, 24)) as pilot:
        contacts, timeline = pilot.app.screen.query_one(ContactList), pilot.app.screen.query_one(Timeline)
        assert contacts.is_on_screen
        assert not timeline.is_on_screen
        await press(pilot, "l")
        assert timeline.is_on_screen
        assert not contacts.is_on_screen
        await press(pilot, "escape")
        assert contacts.is_on_screen


async def test_the_contact_card_shows_earlier_conversations_with_their_notes(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    mai = contact_named(inbox, "Mai Tran")
    inbox.reply(mai, "done")
    inbox.close(mai, category="Refund", summary="two nights given back")
    async with console(inbox) as pilot:
        await press(pilot, "4", "p")
        assert pilot.app.screen.query_one(ContactPanel).display
        assert "two nights given back" in on_screen(pilot)
        await press(pilot, "p")
        assert not pilot.app.screen.query_one(ContactPanel).display


async def test_a_card_that_fits_has_nothing_to_scroll_from_the_start(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    mai = inbox.contacts.card(contact_named(inbox, "Mai Tran"))
    assert mai is not None
    inbox.store.adopt([replace(mai.contact, email="mai.tran@example.org", language="vi", country="VN")])
    async with console(inbox, (150, 36)) as pilot:
        panel = pilot.app.screen.query_one(ContactPanel)
        assert any("mai.tran@example.org" in line for line in shown_by(pilot, ContactPanel))
        assert not panel.show_vertical_scrollbar


async def test_a_long_value_on_the_card_stays_in_its_column_at_every_width(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    mai = inbox.contacts.card(contact_named(inbox, "Mai Tran"))
    assert mai is not None
    fields = {"address": "12 Long Harbour Street, Old Town, Port of the North", "preferred contact": "by telephone"}
    email = "mai.tran.of.the.long.name@mail.example.org"
    inbox.store.adopt([replace(mai.contact, email=email, fields=fields)])
    async with console(inbox, (144, 36)) as pilot:
        for columns in (144, 110, 60):
            await pilot.resize_terminal(columns, 36)
            await settle(pilot)
            if not pilot.app.screen.query_one(ContactPanel).display:
                await press(pilot, "p")
            lines = shown_by(pilot, ContactPanel)
            start, end = (next(i for i, line in enumerate(lines) if word in line) for word in ("email", "Earlier"))
            facts = lines[start : end - 1]
            assert {line[9] for line in facts if not line.startswith("preferred")} == {" "}
            assert "".join(line[10:].strip() for line in facts).startswith(email)
            assert [line.strip() for line in facts if not line.startswith(" ")][-1] == "preferred contact"
            assert facts[-1].strip() == "by telephone"


async def test_empty_views_say_what_to_do_next(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path, ())
    async with console(inbox) as pilot:
        lines = on_screen(pilot).split("\n")
        title, words = (
            next(line for line in lines if some in line) for some in ("Nobody is waiting.", "New customers")
        )
        assert title.index("Nobody") == words.index("New customers") == 2
        assert "ismsg import" in on_screen(pilot)
        await press(pilot, "6")
        assert "ismsg import" in on_screen(pilot)
        painted = pilot.app.screen.query_one(ContactList).render_line(1)
        assert all(segment.style is not None and segment.style.bgcolor for segment in painted)


async def test_every_command_of_the_palette_runs_without_a_contact_and_with_one(tmp_path: Path) -> None:
    from ismsg_tui.actions import ACTIONS

    for names in ((), ("Mai Tran",)):
        inbox = open_inbox(tmp_path / str(len(names)), names)
        async with console(inbox) as pilot:
            for action in ACTIONS:
                if action.palette and action.id != "quit":
                    await pilot.app.screen.run_action(action.id)
                    await settle(pilot)
                    while len(pilot.app.screen_stack) > 1:
                        await pilot.press("escape")


async def test_the_mouse_opens_a_contact_and_shows_a_view(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    async with console(inbox) as pilot:
        app = pilot.app
        assert isinstance(app, IsmsgApp)
        await pilot.click("#contacts", offset=(5, 3))
        await settle(pilot)
        assert app.desk.pane.contact_id == contact_named(inbox, "Omar Haddad")
        await pilot.click("#tab-all")
        await settle(pilot)
        assert app.desk.view is View.ALL


async def test_the_newest_message_and_the_whole_conversation_can_be_copied(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    async with console(inbox) as pilot:
        await press(pilot, "y")
        assert pilot.app.clipboard == "hello, this is Mai"
        await press(pilot, "Y")
        await pilot.app.workers.wait_for_complete()
        assert "Mai Tran" in pilot.app.clipboard
        assert "hello, this is Mai" in pilot.app.clipboard


async def test_what_the_mouse_selects_in_a_conversation_is_copied_without_the_panes_beside_it(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    async with console(inbox) as pilot:
        timeline = pilot.app.screen.query_one(Timeline)
        rows = shown_by(pilot, Timeline)
        row = next(index for index, text in enumerate(rows) if "hello, this is Mai" in text)
        await pilot.mouse_down(timeline, offset=(3, row))
        await pilot.hover(timeline, offset=(21, row))
        await pilot.mouse_up(timeline, offset=(21, row))
        await press(pilot, "ctrl+c")
        assert pilot.app.clipboard.strip() in "hello, this is Mai"
        assert "this is" in pilot.app.clipboard


async def test_what_is_typed_in_one_burst_with_enter_goes_into_the_composer(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    async with console(inbox) as pilot:
        for key in ("enter", "c", "a", "z"):
            pilot.app.post_message(Key(key, key if len(key) == 1 else None))
        await settle(pilot)
        assert len(pilot.app.screen_stack) == 1
        await press(pilot, "enter")
        assert inbox.timeline(contact_named(inbox, "Mai Tran"))[-1].message.text == "caz"


async def test_a_double_click_on_a_contact_begins_an_answer(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    async with console(inbox) as pilot:
        await pilot.double_click("#contacts", offset=(5, 3))
        await settle(pilot)
        await write(pilot, "hi")
        await press(pilot, "enter")
        assert inbox.timeline(contact_named(inbox, "Omar Haddad"))[-1].message.text == "hi"


@pytest.mark.parametrize(
    ("key", "dialog"), [("Snippet", SnippetPicker), ("Emoji", EmojiPicker), ("Attach", AttachPicker)]
)
async def test_a_click_below_the_text_asks_for_what_goes_into_it(
    tmp_path: Path, key: str, dialog: type[Screen[object]]
) -> None:
    async with console(open_inbox(tmp_path)) as pilot:
        await press(pilot, "enter")
        lines = shown_by(pilot, Composer)
        await pilot.click(Composer, offset=(lines[-1].index(key), len(lines) - 1))
        await settle_until(pilot, lambda: isinstance(pilot.app.screen, dialog))
        await press(pilot, "escape")
        assert pilot.app.screen.query_one(Composer).draft.text == ""
