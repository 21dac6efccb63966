"""Search with filters in words: taken apart, and answered by the store."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from ismsg_tui.cli import main
from ismsg_tui.clock import new_id, now_ms
from ismsg_tui.domain.commands import Issued, ReceiveMessage
from ismsg_tui.domain.entities import Attachment, FileKind
from ismsg_tui.domain.search_query import FILTERS, SearchError, SearchQuery, parse_search
from ismsg_tui.domain.views import View
from ismsg_tui.inbox import Inbox
from ismsg_tui.widgets.hit_list import HitList
from ismsg_tui.widgets.text_fields import PlainInput
from tests.desk_setup import (
    CHANNEL,
    GUEST,
    console,
    contact_named,
    on_screen,
    open_inbox,
    press,
    settle_until,
    until_seen,
    write,
)
from tests.factories import BEN


def texts(inbox: Inbox, query: str) -> list[str]:
    return [hit.text for hit in inbox.search(query)]


def test_words_and_filters_are_told_apart() -> None:
    asked = parse_search('late ferry from:"mai tran" in:open has:file before:2026-02-01 assignee:me')
    assert asked == SearchQuery(
        words="late ferry",
        author="mai tran",
        view=View.OPEN,
        has_file=True,
        before=date(2026, 2, 1),
        assignee="me",
    )


def test_a_filter_still_without_a_value_is_left_out() -> None:
    assert parse_search("from: hello") == SearchQuery(words="hello")


@pytest.mark.parametrize("query", ["in:nowhere", "before:soon", "after:2026-13-01", "has:cheese"])
def test_a_filter_that_makes_no_sense_is_named(query: str) -> None:
    with pytest.raises(SearchError, match=query.partition(":")[0]):
        parse_search(query)


def test_nothing_said_finds_nothing(tmp_path: Path) -> None:
    assert texts(open_inbox(tmp_path), "  ") == []


def test_who_wrote_may_be_a_contact_a_teammate_or_me(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    inbox.reply(contact_named(inbox, "Mai Tran"), "hello Mai, this is the hotel")
    assert texts(inbox, "hello from:mai") == ["hello, this is Mai"]
    assert texts(inbox, "hello from:me") == ["hello Mai, this is the hotel"]
    assert texts(inbox, "from:ben") == []


def test_me_is_who_asks_and_nobody_whose_name_has_those_letters(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path, ("Daniel Mensah", "Mai Tran"))
    assert texts(inbox, "from:me") == []
    inbox.reply(contact_named(inbox, "Mai Tran"), "welcome")
    assert texts(inbox, "from:Me") == ["welcome"]
    assert texts(inbox, "from:mensah") == ["hello, this is Daniel"]


def test_the_view_and_the_assignee_narrow_the_search(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    mai, omar = contact_named(inbox, "Mai Tran"), contact_named(inbox, "Omar Haddad")
    inbox.assign(mai, BEN.id)
    inbox.close(omar, category="Booking")
    assert texts(inbox, "hello in:closed") == ["hello, this is Omar"]
    assert texts(inbox, "hello assignee:ben") == ["hello, this is Mai"]
    assert texts(inbox, "hello in:new") == ["hello, this is Lena"]
    assert set(texts(inbox, "hello assignee:none")) == {"hello, this is Omar", "hello, this is Lena"}


def test_days_bound_the_search(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    today = date.fromtimestamp(now_ms() / 1000)  # noqa: DTZ012 - the agent's own calendar
    assert texts(inbox, f"hello before:{today - timedelta(days=1)}") == []
    assert len(texts(inbox, f"hello after:{today - timedelta(days=1)}")) == 3


def test_messages_with_files_are_found_with_and_without_words(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    file = Attachment(name="cat.png", kind=FileKind.IMAGE, mime="image/png", size=3, sha256="a" * 64)
    command = ReceiveMessage(contact_named(inbox, "Mai Tran"), "look at her", CHANNEL.id, attachments=(file,))
    inbox.store.execute(Issued(new_id(), command, GUEST, now_ms()))
    assert texts(inbox, "has:file") == ["look at her"]
    assert texts(inbox, "look has:file") == ["look at her"]
    assert texts(inbox, "hello has:file") == []


def test_the_command_line_says_what_is_wrong_with_a_filter(tmp_path: Path) -> None:
    ended = CliRunner().invoke(main, ["--data", str(tmp_path), "--user", "Ana", "search", "in:nowhere"])
    assert ended.exit_code == 1
    assert "in: takes new, open, assigned" in ended.stderr
    assert not (tmp_path / "ismsg.log").exists()


def test_a_message_without_words_is_found_by_what_it_holds(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    file = Attachment(name="cat.png", kind=FileKind.IMAGE, mime="image/png", size=3, sha256="a" * 64)
    command = ReceiveMessage(contact_named(inbox, "Mai Tran"), "", CHANNEL.id, attachments=(file,))
    inbox.store.execute(Issued(new_id(), command, GUEST, now_ms()))
    (hit,) = inbox.search("has:file")
    assert hit.text == ""
    assert hit.words.startswith("picture, cat.png")


async def test_a_search_shows_files_and_who_wrote(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    mai = contact_named(inbox, "Mai Tran")
    inbox.reply(mai, "the ferry leaves at six")
    inbox.comment(mai, "she asked for the ferry twice")
    async with console(inbox) as pilot:
        await press(pilot, "slash")
        await write(pilot, "ferry")
        await until_seen(pilot, "→ the ferry leaves at six")
        assert "✎ she asked for the ferry twice" in on_screen(pilot)


async def test_a_filter_still_without_a_value_leaves_the_explanation_in_sight(tmp_path: Path) -> None:
    async with console(open_inbox(tmp_path), (60, 20)) as pilot:
        await press(pilot, "slash")
        await write(pilot, "from")
        await until_seen(pilot, "Nothing found")
        await write(pilot, ":")
        await settle_until(pilot, lambda: "Nothing found" not in on_screen(pilot))
        shown = on_screen(pilot)
        assert all(example in shown for _, _, example in FILTERS)
        assert "earlier than that day" in shown


async def test_searching_again_goes_on_from_the_hit_and_typing_begins_anew(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    async with console(inbox) as pilot:
        await press(pilot, "slash")
        await write(pilot, "hello in:new")
        await until_seen(pilot, "3 found")
        await press(pilot, "down", "enter", "slash")
        await until_seen(pilot, "3 found")
        field, hits = pilot.app.screen.query_one(PlainInput), pilot.app.screen.query_one(HitList)
        assert (field.value, hits.cursor) == ("hello in:new", 1)
        await write(pilot, "mai")
        assert field.value == "mai"
