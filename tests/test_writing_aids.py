"""What helps while one writes: blanks to fill in, stored replies that are offered."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from textual.app import App
from textual.pilot import Pilot

from ismsg_tui.app import IsmsgApp
from ismsg_tui.clock import new_id
from ismsg_tui.config import Config
from ismsg_tui.domain.entities import Attachment, FileKind, MessageKind, Snippet
from ismsg_tui.inbox import Inbox
from ismsg_tui.store.drafts import Draft
from ismsg_tui.widgets.attachments import AttachmentChips
from ismsg_tui.widgets.composer import Composer
from ismsg_tui.widgets.composer_area import ComposerArea
from ismsg_tui.widgets.offers import Offer, Offers
from ismsg_tui.widgets.status_line import StatusLine
from tests.desk_setup import console, contact_named, on_screen, open_inbox, press, receive, settle, shown_by, write
from tests.factories import ANA
from tests.on_screen import HARD_TEXTS, assert_screen_is_safe, needs_hard_texts
from tests.terminal import Terminal, isolated
from tests.test_composer import type_text, writing

DELIVERY = "We deliver to $contact.city on {{date}}.\nYours, {{name}}"


def selected(app: App[None]) -> str:
    return app.query_one(ComposerArea).selected_text


def status(app: App[None]) -> str:
    return app.query_one(StatusLine).left


# Blanks


async def test_the_first_blank_of_what_is_inserted_is_selected_and_typing_replaces_it() -> None:
    async with writing("Hello {{you}}, ") as (app, pilot):
        app.composer.insert(DELIVERY)
        assert selected(app) == "$contact.city"
        await type_text(pilot, "Hanoi")
        assert app.area.text.startswith("Hello {{you}}, We deliver to Hanoi on")


async def test_tab_goes_to_the_next_blank_round_and_shift_tab_back() -> None:
    async with writing() as (app, pilot):
        app.composer.insert(DELIVERY)
        seen = []
        for key in ("tab", "tab", "tab", "shift+tab", "shift+tab"):
            await pilot.press(key)
            seen.append(selected(app))
        assert seen == ["{{date}}", "{{name}}", "$contact.city", "{{name}}", "{{date}}"]
        assert app.focused is app.area


async def test_from_the_first_blank_shift_tab_goes_to_the_files() -> None:
    file = Attachment(name="bill.pdf", kind=FileKind.FILE, mime="application/pdf", size=9, sha256="0f" * 32)
    async with writing("On {{date}} at {{time}} ") as (app, pilot):
        app.composer.attach(file)
        await pilot.press("shift+tab", "shift+tab")
        assert selected(app) == "{{date}}"
        await pilot.press("shift+tab")
        assert isinstance(app.focused, AttachmentChips)
        await pilot.press("tab")
        assert isinstance(app.focused, ComposerArea)


async def test_without_blanks_tab_leaves_the_text() -> None:
    async with writing("done") as (app, pilot):
        await pilot.press("tab")
        assert app.area.text == "done"


async def test_what_is_still_to_fill_in_is_counted_and_a_reply_with_a_blank_is_sent_when_asked_twice() -> None:
    async with writing() as (app, pilot):
        app.composer.insert(DELIVERY)
        await pilot.pause()
        assert status(app) == "Reply · 3 to fill in: Tab"
        await type_text(pilot, "Hanoi")
        await pilot.press("enter")
        assert app.sent == []
        assert selected(app) == "{{date}}"
        assert status(app) == "Reply · Fill in “date”, or Enter sends it as it stands"
        await type_text(pilot, "Monday")
        await pilot.press("enter")
        assert app.sent == []
        assert "“name”" in status(app)
        await pilot.press("enter")
        assert [draft.text for draft in app.sent] == ["We deliver to Hanoi on Monday.\nYours, {{name}}"]


async def test_once_all_is_filled_in_nothing_is_asked() -> None:
    async with writing("On {{date}}") as (app, pilot):
        await pilot.press("tab")
        await type_text(pilot, "Monday")
        assert status(app) == "Reply"
        await pilot.press("enter")
        assert app.sent == [Draft("On Monday")]


async def test_a_comment_may_hold_anything() -> None:
    async with writing("use {{date}}", comment=True) as (app, pilot):
        await pilot.press("enter")
        assert app.sent == [Draft("use {{date}}", comment=True)]


async def test_an_inserted_text_without_blanks_leaves_the_cursor_behind_it() -> None:
    async with writing("{{a}} x", comment=False) as (app, pilot):
        await pilot.press("home")
        app.composer.insert("one\ntwo")
        assert app.area.cursor_location == (1, 3)
        assert selected(app) == ""


@needs_hard_texts
async def test_hard_blanks_harm_nothing() -> None:
    async with writing() as (app, pilot):
        for text in list(HARD_TEXTS.values())[::3]:
            app.composer.load("Mai", "Web", 10_000, Draft(), [])
            app.composer.insert("{{" + text[:50] + "}} and {{b}}")
            await pilot.press("enter")
            assert_screen_is_safe(app)


# Offers in the composer


def offers(*texts: str, answer: int | None = None) -> Offers:
    every = [Offer.of(Snippet(id=text, name=text[:9], text=text), text) for text in texts]
    return Offers(every, None if answer is None else every[answer])


HELLO, NOTED = "Hello Mai,\nhow can we help?", "That is noted."


@pytest.mark.parametrize("key", ["tab", "right"])
async def test_the_text_that_begins_with_what_is_written_is_shown_and_taken(key: str) -> None:
    async with writing() as (app, pilot):
        app.composer.offer(offers(NOTED, HELLO))
        await type_text(pilot, "hello m")
        assert app.area.suggestion == "ai, how can we help?"
        await pilot.press(key)
        assert app.area.text == "hello mai,\nhow can we help?"
        assert app.area.suggestion == ""
        await pilot.press("ctrl+z")
        assert app.area.text == "hello m"


async def test_too_little_is_no_beginning_and_a_whole_text_needs_no_end() -> None:
    async with writing() as (app, pilot):
        app.composer.offer(offers(NOTED, "退款将在五个工作日内退回。"))
        for written, rest in (
            ("Th", ""),
            ("That i", "s noted."),
            ("That x", ""),
            (NOTED, ""),
            ("退", "款将在五个工作日内退回。"),
        ):
            app.area.load_text(written)
            app.area.move_cursor(app.area.document.end)
            await pilot.pause()
            assert app.area.suggestion == rest, written


async def test_nothing_is_offered_but_at_the_end_of_a_reply_that_has_the_focus() -> None:
    async with writing("That is") as (app, pilot):
        app.composer.offer(offers(NOTED))
        assert app.area.suggestion == " noted."
        await pilot.press("left")
        assert app.area.suggestion == ""
        await pilot.press("right")
        assert app.area.suggestion == " noted."
        assert app.area.text == "That is"
        await pilot.press("ctrl+n")
        assert app.area.suggestion == ""
        await pilot.press("ctrl+n")
        assert app.area.suggestion == " noted."
        app.set_focus(None)
        await pilot.pause()
        assert app.area.suggestion == ""


async def test_the_answer_is_shown_in_the_empty_field_and_tab_takes_it() -> None:
    async with writing() as (app, pilot):
        app.composer.offer(offers(NOTED, HELLO, answer=1))
        await pilot.pause()
        line = on_screen(pilot).splitlines()[-2]  # type: ignore[arg-type]
        assert "Reply to Mai Tran…  Tab Hello Mai, how can we help?" in line
        assert app.composer.draft == Draft()
        await pilot.press("tab")
        assert app.area.text == HELLO
        assert "Tab Hello" not in on_screen(pilot)  # type: ignore[arg-type]


async def test_what_is_offered_is_cut_at_the_edge_of_a_small_screen() -> None:
    async with writing(size=(40, 12)) as (app, pilot):
        app.composer.offer(offers("word " * 40, answer=0))
        await pilot.pause()
        assert on_screen(pilot).splitlines()[-2].rstrip().endswith("…")  # type: ignore[arg-type]
        await type_text(pilot, "word w")
        assert app.area.suggestion.endswith("…")
        assert_screen_is_safe(app)


async def test_emoji_come_before_what_is_offered() -> None:
    async with writing() as (app, pilot):
        app.composer.offer(offers("ok :thumbs up for that"))
        await type_text(pilot, "ok :thum")
        assert app.area.suggestion == ""
        await pilot.press("tab")
        assert app.area.text == "ok 👍"


async def test_another_contact_is_offered_nothing_of_the_first() -> None:
    async with writing() as (app, pilot):
        app.composer.offer(offers(NOTED, answer=0))
        app.composer.load("Omar", "Web", 100, Draft("That"), [])
        await pilot.pause()
        assert app.area.suggestion == ""


@needs_hard_texts
async def test_hard_texts_are_offered_without_harm() -> None:
    async with writing() as (app, pilot):
        for text in list(HARD_TEXTS.values())[::3]:
            app.composer.load("Mai", "Web", 10_000, Draft(), [])
            app.composer.offer(offers(text, answer=0))
            await pilot.pause()
            assert_screen_is_safe(app)
            app.composer.load("Mai", "Web", 10_000, Draft(text[:4]), [])
            app.composer.offer(offers(text))
            await pilot.pause()
            assert_screen_is_safe(app)


# Offers at the desk


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    """Mai asks for the wifi; there are stored replies."""
    inbox = open_inbox(tmp_path, ("Mai Tran", "Omar Haddad"))
    for name, text in (("wifi", "The password is on your card, $contact.firstname."), ("delivery", DELIVERY)):
        inbox.snippets.save(Snippet(id=new_id(), name=name, text=text))
    receive(inbox.store, contact_named(inbox, "Mai Tran"), "Hi. What is the wifi password?")
    return inbox


async def rest(pilot: Pilot[int]) -> None:
    """Wait until nothing is looked for any more."""
    await settle(pilot)
    await pilot.app.workers.wait_for_complete()
    await settle(pilot)


def field(pilot: Pilot[int]) -> str:
    """The first line of the field."""
    return shown_by(pilot, ComposerArea)[0].strip()


def uses(inbox: Inbox) -> dict[str, int]:
    return {snippet.name: snippet.uses for snippet in inbox.snippets.all()}


async def test_the_reply_that_fits_what_was_asked_is_offered_taken_and_counted(inbox: Inbox) -> None:
    async with console(inbox) as pilot:
        await press(pilot, "enter")
        await rest(pilot)
        assert "Tab The password is on your card, Mai." in field(pilot)
        await press(pilot, "tab", "enter")
        sent = [line.message.text for line in inbox.timeline(contact_named(inbox, "Mai Tran"))]
        assert sent[-1] == "The password is on your card, Mai."
        assert uses(inbox) == {"wifi": 1, "delivery": 0}


async def test_once_answered_nothing_is_offered_and_neither_where_nothing_fits(inbox: Inbox) -> None:
    async with console(inbox) as pilot:
        await press(pilot, "enter", *"ok", "enter")
        await rest(pilot)
        assert field(pilot) == "Reply to Mai Tran…"
        await press(pilot, "escape", "n", "enter")
        await rest(pilot)
        assert field(pilot) == "Reply to Omar Haddad…"


async def test_a_question_that_comes_while_one_is_in_the_field_is_answered_too(inbox: Inbox) -> None:
    async with console(inbox) as pilot:
        await press(pilot, "enter", *"ok", "enter")
        receive(inbox.store, contact_named(inbox, "Mai Tran"), "and when is the delivery?")
        await rest(pilot)
        assert "Tab We deliver to $contact.city" in field(pilot)
        inbox.snippets.save(Snippet(id=new_id(), name="delivery day", text="Mondays.", uses=900))
        receive(inbox.store, contact_named(inbox, "Mai Tran"), "which delivery day?")
        await rest(pilot)
        assert "Tab Mondays." in field(pilot)


async def test_the_setting_turns_it_off(inbox: Inbox) -> None:
    app = IsmsgApp(inbox, Config(suggestions=False))
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await press(pilot, "enter")
        await rest(pilot)
        assert field(pilot) == "Reply to Mai Tran…"
        await write(pilot, "The pass")
        assert app.screen.query_one(ComposerArea).suggestion == ""


async def test_a_message_with_a_blank_is_asked_about_once_at_the_desk(inbox: Inbox) -> None:
    mai = contact_named(inbox, "Mai Tran")
    async with console(inbox) as pilot:
        await press(pilot, "enter", "slash", *"deli", "enter", *"Hanoi", "enter")
        assert not [line for line in inbox.timeline(mai) if line.message.kind is MessageKind.OUTGOING]
        assert "Fill in “date”" in on_screen(pilot)
        await press(pilot, "enter")
        assert inbox.timeline(mai)[-1].message.text == "We deliver to Hanoi on {{date}}.\nYours, {{name}}"


async def test_from_the_composer_ctrl_k_jumps_and_deletes_nothing(inbox: Inbox) -> None:
    async with console(inbox) as pilot:
        await press(pilot, "enter", *"keep this", "home", "ctrl+k", *"omar", "enter")
        assert inbox.drafts.read(contact_named(inbox, "Mai Tran")) == Draft("keep this")
        assert pilot.app.screen.query_one(Composer).draft == Draft()


def test_without_colours_what_is_offered_is_dim_and_slanted(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path / "data", ("Mai Tran",))
    inbox.snippets.save(Snippet(id=new_id(), name="wifi", text="The password is on your card."))
    inbox.close_store()
    command = [sys.executable, "-m", "ismsg_tui", "--data", str(tmp_path / "data"), "--user", ANA.email]
    with Terminal(command, {**isolated(tmp_path), "NO_COLOR": "1"}) as terminal:
        terminal.wait_for("hello, this is Mai")
        terminal.send("\r")
        terminal.wait_for_cursor("Reply to ")
        terminal.ask("The pass", "is on your card.")
        written = terminal.output[terminal.output.rindex("\x1b", 0, terminal.output.rindex("is on your card.")) :]
        assert written.startswith("\x1b[2;3m")
