"""The composer: what is typed is what is wanted, counted, kept, and sent once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from textual import on
from textual.app import App, ComposeResult
from textual.events import Key as KeyEvent
from textual.events import Paste
from textual.message import Message
from textual.pilot import Pilot
from textual.widgets import Static, TextArea

from ismsg_tui.domain.entities import User
from ismsg_tui.domain.mentions import mentioned
from ismsg_tui.domain.message_rules import COMMENT_LIMIT
from ismsg_tui.store.drafts import Draft
from ismsg_tui.widgets.completion import CompletionList
from ismsg_tui.widgets.composer import Composer
from tests.hostile_desk import some
from tests.on_screen import assert_screen_is_safe, screen_lines, screen_text
from tests.waiting import turn_until

USERS = (
    User(id="ana", name="Ana Ruiz"),
    User(id="anais", name="Anaïs Petit"),
    User(id="ben", name="Ben Okafor"),
    User(id="kenji", name="Kenji Watanabe"),
    User(id="gone", name="Anatole Gone", active=False),
)


class Host(App[None]):
    """A composer with something above it."""

    CSS = "Static { height: 1fr; }"
    ENABLE_COMMAND_PALETTE = False

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[Message] = []

    def compose(self) -> ComposeResult:
        yield Static()
        yield Composer()

    @on(Composer.Submitted)
    @on(Composer.Edited)
    @on(Composer.SnippetsWanted)
    @on(Composer.Left)
    def hear(self, message: Message) -> None:
        self.heard.append(message)

    @property
    def composer(self) -> Composer:
        return self.query_one(Composer)

    @property
    def area(self) -> TextArea:
        return self.query_one(TextArea)

    @property
    def completions(self) -> list[str]:
        shown = self.query_one(CompletionList).suggestions
        return [entry.words for entry in shown.entries] if shown else []

    def all_of(self, kind: type[Message]) -> list[Message]:
        return [message for message in self.heard if isinstance(message, kind)]

    @property
    def sent(self) -> list[Draft]:
        return [message.draft for message in self.heard if isinstance(message, Composer.Submitted)]

    @property
    def edited(self) -> list[Draft]:
        return [message.draft for message in self.heard if isinstance(message, Composer.Edited)]


@asynccontextmanager
async def writing(
    text: str = "",
    *,
    comment: bool = False,
    limit: int | None = 4096,
    users: Sequence[User] = USERS,
    size: tuple[int, int] = (80, 24),
) -> AsyncIterator[tuple[Host, Pilot[None]]]:
    """A composer with a contact's draft, the cursor in it."""
    app = Host()
    async with app.run_test(size=size) as pilot:
        app.composer.load("Mai Tran", "WhatsApp", limit, Draft(text, comment), users)
        app.composer.focus_text()
        await pilot.pause()
        app.heard.clear()
        yield app, pilot


async def type_text(pilot: Pilot[None], text: str) -> None:
    """Press a key for each character."""
    names = {" ": "space", "/": "slash", ":": "colon", "@": "at"}
    await pilot.press(*(names.get(char, char) for char in text))


async def test_enter_sends_what_was_typed() -> None:
    async with writing() as (app, pilot):
        await type_text(pilot, "hello")
        await pilot.press("enter")
        assert app.sent == [Draft("hello")]
        assert app.area.text == "hello"


async def test_text_around_which_there_is_only_space_is_sent_without_it() -> None:
    async with writing("\n  hello \n") as (app, pilot):
        await pilot.press("enter")
        assert app.sent == [Draft("hello")]


@pytest.mark.parametrize("text", ["", "   ", "\n\n"])
async def test_an_empty_text_is_not_sent(text: str) -> None:
    async with writing(text) as (app, pilot):
        await pilot.press("enter")
        assert app.sent == []


async def test_a_second_enter_sends_nothing_until_the_first_is_stored() -> None:
    async with writing("hello") as (app, pilot):
        await pilot.press("enter", "enter")
        assert len(app.sent) == 1
        app.composer.clear()
        await type_text(pilot, "more")
        await pilot.press("enter")
        assert app.sent == [Draft("hello"), Draft("more")]


async def test_a_text_that_could_not_be_stored_can_be_sent_again() -> None:
    async with writing("hello") as (app, pilot):
        await pilot.press("enter")
        app.composer.restore()
        await pilot.press("enter")
        assert app.sent == [Draft("hello"), Draft("hello")]


async def test_what_is_typed_while_a_message_is_being_stored_stays() -> None:
    async with writing("hello") as (app, pilot):
        await pilot.press("left", "left", "enter")
        await type_text(pilot, "next")
        app.composer.clear()
        assert app.area.text == "next"
        assert app.area.cursor_location == (0, 4)
        await pilot.pause()
        assert app.edited[-1] == Draft("next")


async def test_clearing_for_a_contact_that_was_left_keeps_the_new_contacts_text() -> None:
    async with writing("hello") as (app, pilot):
        await pilot.press("enter")
        app.composer.load("Omar Haddad", "Telegram", 4096, Draft("for Omar"), USERS)
        app.composer.clear()
        assert app.area.text == "for Omar"


async def test_enter_right_behind_quick_keys_sends_all_of_them() -> None:
    async with writing() as (app, pilot):
        for char in "quick":
            app.post_message(KeyEvent(char, char))
        app.post_message(KeyEvent("enter", "\r"))
        await pilot.pause()
        assert app.sent == [Draft("quick")]


@pytest.mark.parametrize("key", ["ctrl+j", "shift+enter"])
async def test_a_new_line_is_begun_without_sending(key: str) -> None:
    async with writing("one") as (app, pilot):
        await pilot.press(key)
        await type_text(pilot, "two")
        assert app.area.text == "one\ntwo"
        assert app.sent == []


async def test_every_change_is_told() -> None:
    async with writing() as (app, pilot):
        await type_text(pilot, "hi")
        await pilot.press("backspace", "ctrl+n")
        assert app.edited == [Draft("h"), Draft("hi"), Draft("h"), Draft("h", comment=True)]


async def test_loading_a_draft_is_no_change_and_leaves_nothing_to_undo() -> None:
    async with writing("first") as (app, pilot):
        await type_text(pilot, "x")
        app.composer.load("Omar Haddad", "Telegram", 4096, Draft("second\nline"), USERS)
        app.heard.clear()
        await pilot.press("ctrl+z")
        assert app.edited == []
        assert app.area.text == "second\nline"
        assert app.area.cursor_location == (1, 4)


async def test_escape_leaves_and_keeps_the_text() -> None:
    async with writing("draft") as (app, pilot):
        await pilot.press("escape")
        assert app.all_of(Composer.Left)
        assert app.composer.draft == Draft("draft")


async def test_without_a_contact_nothing_can_be_typed() -> None:
    async with writing("draft") as (app, pilot):
        app.composer.unload()
        await pilot.press("a", "enter", "ctrl+n")
        assert app.composer.draft == Draft()
        assert app.sent == []
        assert "Choose a contact" in screen_text(app)
        assert "Send" not in screen_text(app)


@pytest.mark.parametrize("before", ["", "see ", "one\n"])
async def test_a_slash_where_a_word_begins_asks_for_snippets(before: str) -> None:
    async with writing(before) as (app, pilot):
        await pilot.press("slash")
        assert app.all_of(Composer.SnippetsWanted)
        assert app.area.text == before
        app.composer.insert("/")
        assert app.area.text == before + "/"


async def test_a_slash_within_a_word_is_text() -> None:
    async with writing() as (app, pilot):
        await type_text(pilot, "and/or")
        assert app.area.text == "and/or"
        assert not app.all_of(Composer.SnippetsWanted)


async def test_an_inserted_snippet_keeps_what_is_typed_and_is_undone_in_one_step() -> None:
    async with writing("Dear Mai, bye") as (app, pilot):
        await pilot.press(*["left"] * 3)
        app.composer.insert("your room\nis ready. ")
        assert app.area.text == "Dear Mai, your room\nis ready. bye"
        await type_text(pilot, "x")
        assert app.area.text == "Dear Mai, your room\nis ready. xbye"
        await pilot.press("ctrl+z", "ctrl+z")
        assert app.area.text == "Dear Mai, bye"
        await pilot.press("ctrl+y")
        assert app.area.text == "Dear Mai, your room\nis ready. bye"


async def test_an_insertion_leaves_a_selected_text_alone() -> None:
    async with writing("keep this") as (app, pilot):
        await pilot.press("f7")
        app.composer.insert("!")
        assert app.area.text == "keep this!"


async def test_letters_after_a_colon_are_completed_to_an_emoji() -> None:
    async with writing() as (app, pilot):
        await type_text(pilot, "ok :thum")
        assert app.completions[0] == "👍 :thumbs_up:"
        assert "thumbs_up" in screen_text(app)
        await pilot.press("enter")
        assert app.area.text == "ok 👍"
        assert app.completions == []
        assert app.sent == []


async def test_arrows_mark_another_suggestion_and_tab_takes_it() -> None:
    async with writing() as (app, pilot):
        await type_text(pilot, ":thum")
        second = app.completions[1].split(" ")[0]
        await pilot.press("down", "tab")
        assert app.area.text == second
        assert app.focused is app.area


async def test_a_click_takes_a_suggestion() -> None:
    async with writing() as (app, pilot):
        await type_text(pilot, ":thum")
        third = app.completions[2].split(" ")[0]
        rows = app.query_one(CompletionList)
        await turn_until(pilot.pause, lambda: rows.size.height == len(app.completions), lambda: rows.size)
        await pilot.click(rows, offset=(4, 2))
        assert app.area.text == third
        assert app.focused is app.area


async def test_the_suggestions_lie_directly_above_the_word() -> None:
    async with writing("first line\n") as (app, pilot):
        await type_text(pilot, "ok :thum")
        word = app.area.cursor_screen_offset - (len(":thum"), 0)
        listed = app.query_one(CompletionList).region
        assert listed.bottom == word.y
        assert listed.x <= word.x < listed.right


async def test_escape_closes_the_suggestions_for_this_word_only() -> None:
    async with writing() as (app, pilot):
        await type_text(pilot, ":thu")
        await pilot.press("escape")
        assert app.completions == []
        assert not app.all_of(Composer.Left)
        await type_text(pilot, "m")
        assert app.completions == []
        await type_text(pilot, " :sm")
        assert app.completions


async def test_moving_the_cursor_away_closes_the_suggestions() -> None:
    async with writing() as (app, pilot):
        await type_text(pilot, ":thu")
        await pilot.press("left")
        assert app.completions == []
        await pilot.press("enter")
        assert app.sent == [Draft(":thu")]


async def test_the_closing_colon_of_an_exact_name_inserts_the_emoji() -> None:
    async with writing() as (app, pilot):
        await type_text(pilot, ":smile:")
        assert app.area.text == "😄"


async def test_a_name_that_is_no_emoji_stays_as_typed() -> None:
    async with writing() as (app, pilot):
        await type_text(pilot, ":qqxx: 14:30 http://x.y")
        assert app.area.text == ":qqxx: 14:30 http://x.y"
        assert app.completions == []


async def test_a_comment_completes_active_teammates_whom_it_then_mentions() -> None:
    async with writing(comment=True) as (app, pilot):
        await type_text(pilot, "ask @ana")
        assert app.completions == ["@Ana Ruiz", "@Anaïs Petit"]
        await pilot.press("down", "enter")
        assert app.area.text == "ask @Anaïs Petit "
        assert mentioned(app.area.text, USERS) == ("anais",)
        await type_text(pilot, "about")
        assert app.completions == []


async def test_enter_behind_a_name_that_is_written_out_sends() -> None:
    async with writing(comment=True) as (app, pilot):
        await type_text(pilot, "ask @ben okafor")
        await pilot.press("enter")
        assert app.sent == [Draft("ask @ben okafor", comment=True)]


async def test_a_reply_does_not_complete_teammates() -> None:
    async with writing() as (app, pilot):
        await type_text(pilot, "@ana")
        assert app.completions == []


async def test_the_length_is_counted_as_it_is_judged() -> None:
    async with writing("héllo 👍", limit=4096) as (app, _):
        assert "WhatsApp 7/4,096" in screen_text(app)


async def test_a_text_that_is_too_long_says_by_how_much_and_is_not_sent() -> None:
    async with writing("x" * 22, limit=10) as (app, pilot):
        assert "12 too long" in screen_text(app)
        await pilot.press("enter")
        assert app.sent == []
        assert "WhatsApp takes 10 characters" in " ".join(notice.message for notice in app._notifications)


async def test_a_text_of_exactly_the_limit_is_sent() -> None:
    async with writing("x" * 10, limit=10) as (app, pilot):
        assert "too long" not in screen_text(app)
        await pilot.press("enter")
        assert app.sent == [Draft("x" * 10)]


async def test_a_comment_has_a_limit_of_its_own() -> None:
    async with writing("x" * (COMMENT_LIMIT + 3), comment=True) as (app, pilot):
        assert "3 too long" in screen_text(app)
        await pilot.press("enter")
        assert app.sent == []


async def test_a_comment_says_in_words_that_only_the_team_sees_it() -> None:
    async with writing("note") as (app, pilot):
        reply = screen_text(app)
        await pilot.press("ctrl+n")
        comment = screen_text(app)
        assert "only the team sees this" in comment
        assert "only the team" not in reply
        assert "Save" in comment
        assert "═" in comment
        assert "═" not in reply
        await pilot.press("enter")
        assert app.sent == [Draft("note", comment=True)]


async def test_after_a_comment_the_next_text_is_a_comment_too() -> None:
    async with writing("note", comment=True) as (app, pilot):
        await pilot.press("enter")
        app.composer.clear()
        assert app.composer.draft == Draft("", comment=True)


async def test_a_pasted_text_keeps_its_lines_and_loses_its_escapes() -> None:
    async with writing("a ") as (app, pilot):
        app.post_message(Paste("one\r\ntwo\x1b[31m\x07\rthree"))
        await pilot.pause()
        assert app.area.text == "a one\ntwo\nthree"


async def test_a_paste_far_beyond_the_limit_is_refused_in_words() -> None:
    async with writing("mine", limit=4096) as (app, pilot):
        app.post_message(Paste("x" * 100_000))
        await pilot.pause()
        assert app.area.text == "mine"
        assert "4,096" in " ".join(notice.message for notice in app._notifications)


async def test_a_paste_somewhat_beyond_the_limit_can_be_shortened_by_hand() -> None:
    async with writing(limit=100) as (app, pilot):
        app.post_message(Paste("x" * 150))
        await pilot.pause()
        assert len(app.area.text) == 150
        assert "50 too long" in screen_text(app)


async def test_the_mouse_sends_and_switches_to_a_comment() -> None:
    async with writing("hi") as (app, pilot):
        await pilot.click(offset=(screen_lines(app)[-1].index("Comment"), 23))
        assert app.composer.comment
        await pilot.click(offset=(screen_lines(app)[-1].index("Save"), 23))
        assert app.sent == [Draft("hi", comment=True)]


@pytest.mark.parametrize(("size", "tallest"), [((80, 24), 8), ((60, 12), 4)])
async def test_the_text_grows_to_eight_lines_or_a_third_of_the_screen(size: tuple[int, int], tallest: int) -> None:
    async with writing(size=size) as (app, pilot):
        assert app.area.size.height == 1
        app.composer.insert("\n" * 20)
        await pilot.pause()
        assert app.area.size.height == tallest


@pytest.mark.parametrize("size", [(20, 5), (60, 20), (1, 1)])
async def test_a_tiny_screen_breaks_nothing(size: tuple[int, int]) -> None:
    async with writing("a longer text than fits", comment=True, size=size) as (app, pilot):
        await type_text(pilot, " @an")
        await pilot.press("tab", "ctrl+n", "enter")
        assert app.sent == [Draft("a longer text than fits @Ana Ruiz")]
        assert_screen_is_safe(app)


async def test_hard_texts_reach_neither_screen_nor_message_uncleaned() -> None:
    async with writing() as (app, pilot):
        for text in some(4):
            app.composer.load(text, text, 4096, Draft(text), [User(id="x", name=text)])
            app.composer.comment = not app.composer.comment
            app.composer.insert(text)
            app.post_message(Paste(text))
            await pilot.pause()
            assert_screen_is_safe(app)
