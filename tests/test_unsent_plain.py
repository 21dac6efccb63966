"""Messages that were not sent, in the line mode and on the command line."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from ismsg_tui.domain.commands import CloseConversation
from ismsg_tui.domain.state import Refusal
from ismsg_tui.domain.views import View
from ismsg_tui.export import every_line
from ismsg_tui.inbox import Inbox
from ismsg_tui.not_sent import NotSent
from ismsg_tui.plain import run_plain
from ismsg_tui.plain.talk import Talk
from ismsg_tui.store.drafts import Draft
from tests.cli_desk import Desk
from tests.desk_setup import contact_named, names_in, open_inbox
from tests.unsent import ask_about, failed, out_of_sight, refuse, refused


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[Inbox]:
    inbox = open_inbox(tmp_path)
    yield inbox
    inbox.close_store()


def said_to(inbox: Inbox, *lines: str) -> list[str]:
    """What the line mode says to these lines, without the greeting."""
    said = io.StringIO()
    script = io.StringIO("".join(f"{line}\n" for line in lines))
    run_plain(inbox, talk=Talk(script, said, interactive=False))
    return said.getvalue().splitlines()[1:]


def test_the_line_mode_says_at_once_that_something_was_not_sent(inbox: Inbox) -> None:
    assert said_to(inbox) == []
    refused(inbox, "hello there")
    assert said_to(inbox) == ["Notice: 1 not sent: unsent says what and why."]


def test_unsent_names_each_with_contact_reason_and_words(inbox: Inbox) -> None:
    refused(inbox, "hello there")
    ask_about(inbox, "good evening")
    failed(inbox, "hello again")
    said = [line for line in said_to(inbox, "unsent") if line.startswith("Not sent ")]
    assert len(said) == 3
    whole = "\n".join(said)
    assert "Mai Tran" in said[0]
    assert "not sent, The channel takes less: hello there" in whole
    assert "written 14 h ago, retry sends it now: good evening" in whole
    assert "not sent, the number is not known: hello again" in whole
    assert said_to(inbox, "unsent now")[-1].startswith("Error: ")


def test_retry_sends_it_again(inbox: Inbox) -> None:
    refused(inbox, "hello there")
    assert said_to(inbox, "unsent", "retry 1")[-1] == "Done: Message to Mai Tran is sent again."
    assert NotSent(inbox).count() == 0
    assert said_to(inbox, "unsent")[-1] == "Notice: 1 not left yet; nothing was refused."


def test_edit_makes_a_draft_of_it_that_reply_goes_on_with(inbox: Inbox) -> None:
    refused(inbox, "hello there")
    said = said_to(inbox, "unsent", "edit 1")
    assert said[-1] == "Done: It is the draft for Mai Tran now: reply goes on with it."
    assert inbox.drafts.read(contact_named(inbox, "Mai Tran")) == Draft("hello there")
    assert NotSent(inbox).count() == 0


def test_words_for_a_contact_out_of_sight_do_not_vanish_into_a_draft(inbox: Inbox) -> None:
    refused(inbox, "hello there")
    out_of_sight(inbox)
    assert said_to(inbox, "unsent", "edit 1")[-1].startswith("Error: The contact is gone")
    assert NotSent(inbox).count() == 1
    assert said_to(inbox, "unsent", "discard 1", "yes")[-1] == "Done: Discarded."
    assert NotSent(inbox).count() == 0


def test_discard_asks_first(inbox: Inbox) -> None:
    refused(inbox, "hello there")
    assert said_to(inbox, "unsent", "discard 1", "no")[-1] == "Notice: It stays."
    assert NotSent(inbox).count() == 1
    assert said_to(inbox, "unsent", "discard 1", "yes")[-1] == "Done: Discarded."
    assert NotSent(inbox).count() == 0


def test_a_number_is_needed_and_must_still_mean_something(inbox: Inbox) -> None:
    refused(inbox, "hello there")
    assert said_to(inbox, "retry")[-1] == "Error: Say retry and a number: unsent gives numbers."
    assert said_to(inbox, "retry 1")[-1] == "Error: There is no number 1: unsent gives numbers."
    assert said_to(inbox, "unsent", "retry 2")[-1] == "Error: There is no number 2: the last number was 1."
    said = said_to(inbox, "unsent", "retry 1", "retry 1")
    assert said[-1] == "Error: That does not wait any more: unsent says what does."
    assert sum(line.message.text == "hello there" for line in inbox.timeline(contact_named(inbox, "Mai Tran"))) == 1


def test_a_refused_closing_is_said_with_its_note_and_closed_by_retry(inbox: Inbox) -> None:
    mai = contact_named(inbox, "Mai Tran")
    refuse(inbox, inbox.close(mai, category="Refund", summary="money is back"), Refusal("newer-message", "Read first."))
    said = said_to(inbox, "read Mai Tran", "unsent", "edit 1", "retry 1")
    assert any(line.endswith("not closed, Read first, Refund, money is back") for line in said)
    assert any("not closed, Read first: Refund, money is back" in line for line in said)
    assert said[-2].startswith("Error: A closing is not edited")
    assert said[-1] == "Done: The conversation with Mai Tran is closed."
    assert names_in(inbox, View.CLOSED) == ["Mai Tran"]


def test_a_conversation_is_read_with_what_was_not_sent(inbox: Inbox) -> None:
    refused(inbox, "hello there")
    refused(inbox, "for the team", comment=True)
    ask_about(inbox, "good evening")
    said = "\n".join(said_to(inbox, "read Mai Tran"))
    assert "not sent, The channel takes less: hello there" in said
    assert "comment not saved, The channel takes less: for the team" in said
    assert "not sent yet: good evening" in said
    assert "not sent yet" in said_to(inbox, "list assigned")[2]


def test_show_and_ls_tell_programs_the_state_of_each_line(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    mai = desk.contact("Mai", "Tran", "hello")
    inbox = desk.open()
    refuse(inbox, inbox.reply(mai.id, "hello there"))
    inbox.comment(mai.id, "for the team")
    refuse(inbox, inbox.act(CloseConversation(mai.id, "Refund", "money is back")))
    inbox.close_store()
    lines = {line["text"]: (line["state"], line["reason"]) for line in desk.objects("show", mai.id)}
    assert lines["hello"] == (None, None)
    assert lines["hello there"] == ("refused", "The channel takes less.")
    assert lines["for the team"] == ("waiting", None)
    (row,) = desk.objects("ls")
    assert row["not_sent"] == {"kind": "closing", "state": "refused", "text": "money is back"}
    shown = desk.good("show", mai.id)
    assert "hello there  (not sent: The channel takes less.)" in shown
    assert "not closed: The channel takes less. · Refund · money is back" in shown
    assert "not closed: money is back" in desk.good("ls")


def test_what_was_refused_is_no_part_of_an_exported_conversation(inbox: Inbox) -> None:
    refused(inbox, "hello there")
    mai = contact_named(inbox, "Mai Tran")
    assert "hello there" not in [line.message.text for line in every_line(inbox, mai)]
