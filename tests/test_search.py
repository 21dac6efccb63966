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
from ismsg_tui.domain.search_query import SearchError, SearchQuery, parse_search
from ismsg_tui.domain.views import View
from ismsg_tui.inbox import Inbox
from tests.desk_setup import CHANNEL, GUEST, contact_named, open_inbox
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
