"""Closing notes, and that a command carried out twice changes nothing the second time."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from ismsg_tui.domain.commands import (
    Actor,
    AddComment,
    AssignContact,
    CloseConversation,
    Command,
    CreateContact,
    DeleteSnippet,
    MarkRead,
    MarkUnread,
    OpenConversation,
    ReceiveMessage,
    SaveSnippet,
    SendMessage,
    SetDelivery,
    SnoozeConversation,
    WakeConversation,
)
from ismsg_tui.domain.conversation_rules import CATEGORY_LIMIT, SUMMARY_LIMIT
from ismsg_tui.domain.entities import ClosingNotes, Contact, ConversationStatus, Delivery, EventType, Snippet
from ismsg_tui.domain.ids import Part, derived_id
from ismsg_tui.domain.state import Refusal
from tests.factories import ANA, BEN, BOT, BY_ANA, FLOW, GUEST, HOUR, MAI, PHONE, T0, WORKSPACE, Story, code, uid


def story_with(mode: ClosingNotes) -> Story:
    story = Story(workspace=replace(WORKSPACE, closing_notes=mode))
    story.hear()
    return story


@pytest.mark.parametrize(
    ("mode", "category", "summary", "refusal"),
    [
        (ClosingNotes.OFF, "", "", ""),
        (ClosingNotes.OPTIONAL, "", "", ""),
        (ClosingNotes.OPTIONAL, "Refund", "", ""),
        (ClosingNotes.OPTIONAL, "", "paid back", ""),
        (ClosingNotes.CATEGORY, "", "paid back", "category-needed"),
        (ClosingNotes.CATEGORY, "Refund", "", ""),
        (ClosingNotes.FULL, "", "", "category-needed"),
        (ClosingNotes.FULL, "Refund", " ", "summary-needed"),
        (ClosingNotes.FULL, "Refund", "paid back", ""),
    ],
)
def test_each_mode_asks_for_its_own_note(mode: ClosingNotes, category: str, summary: str, refusal: str) -> None:
    story = story_with(mode)
    assert code(story.close(category, summary)) == refusal
    assert story.conversation.status is (ConversationStatus.OPEN if refusal else ConversationStatus.CLOSED)


@pytest.mark.parametrize("mode", ClosingNotes)
def test_automation_closes_without_a_note_in_every_mode(mode: ClosingNotes) -> None:
    assert code(story_with(mode).close(actor=FLOW)) == ""


@pytest.mark.parametrize("mode", ClosingNotes)
def test_a_category_that_the_workspace_does_not_have_is_refused(mode: ClosingNotes) -> None:
    assert code(story_with(mode).close("Weather", "sunny")) == "unknown-category"


def test_a_workspace_without_categories_takes_any_but_a_blank_one() -> None:
    story = Story(workspace=replace(WORKSPACE, closing_notes=ClosingNotes.CATEGORY, categories=()))
    story.hear()
    assert code(story.close(" ")) == "category-needed"
    assert code(story.close("Weather")) == ""


@pytest.mark.parametrize("length", [CATEGORY_LIMIT, CATEGORY_LIMIT + 1])
def test_a_category_takes_128_characters(length: int) -> None:
    story = Story(workspace=replace(WORKSPACE, categories=()))
    story.hear()
    assert code(story.close("c" * length)) == ("" if length == 128 else "text-too-long")


@pytest.mark.parametrize("length", [SUMMARY_LIMIT, SUMMARY_LIMIT + 1])
def test_a_summary_takes_512_characters(length: int) -> None:
    assert code(story_with(ClosingNotes.OFF).close("", "s" * length)) == ("" if length == 512 else "text-too-long")


def test_the_note_stands_in_the_conversation_and_in_the_timeline() -> None:
    story = story_with(ClosingNotes.FULL)
    story.close("Refund", "paid back", after=HOUR)
    closed = story.conversation
    assert (closed.category, closed.summary) == ("Refund", "paid back")
    assert (closed.closed_at, closed.closed_by, closed.closed_by_team) == (T0 + HOUR, ANA.id, "Front desk")
    line = story.lines()[-1].event
    assert line is not None
    assert (line.type, line.category, line.summary) == (EventType.CLOSED, "Refund", "paid back")


def test_closing_is_refused_if_the_contact_wrote_something_unseen() -> None:
    story = Story()
    story.hear()
    story.hear("one more thing", after=1)
    assert code(story.do(CloseConversation(MAI.id, seen_at=T0))) == "newer-message"
    assert code(story.do(CloseConversation(MAI.id, seen_at=T0 + 1))) == ""


SNIPPET = Snippet(id=uid(), name=" Welcome ", text="hello $contact.name", uses=7)
OTHER = Contact(id=uid(), first_name="New")


@pytest.mark.parametrize(
    ("command", "actor"),
    [
        (CreateContact(OTHER), GUEST),
        (ReceiveMessage(MAI.id, "hello", PHONE.id), GUEST),
        (SendMessage(MAI.id, "hi"), BY_ANA),
        (AddComment(MAI.id, "note", (BEN.id,)), BY_ANA),
        (OpenConversation(MAI.id), BY_ANA),
        (CloseConversation(MAI.id, "Refund"), BY_ANA),
        (SnoozeConversation(MAI.id, T0 + HOUR), BY_ANA),
        (WakeConversation(MAI.id), BY_ANA),
        (AssignContact(MAI.id, BEN.id), BY_ANA),
        (MarkRead(MAI.id, T0), BY_ANA),
        (MarkUnread(MAI.id), BY_ANA),
        (SaveSnippet(SNIPPET), BY_ANA),
        (DeleteSnippet(SNIPPET.id), BY_ANA),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("prepared", ["nothing", "open", "snoozed", "closed", "assigned"])
def test_the_same_command_changes_nothing_the_second_time(command: Command, actor: Actor, prepared: str) -> None:
    story = Story()
    if prepared != "nothing":
        story.do(SaveSnippet(SNIPPET))
        story.hear()
    if prepared == "snoozed":
        story.do(SnoozeConversation(MAI.id, T0 + 2 * HOUR))
    if prepared == "closed":
        story.close()
    if prepared == "assigned":
        story.do(AssignContact(MAI.id, ANA.id))
    again = uid()
    story.do(command, actor, id=again)
    before = dict(story.rows)
    second = story.do(command, actor, after=5, id=again)
    assert story.rows == before
    assert second == [] or isinstance(second, Refusal)


def test_a_delivery_reported_twice_changes_nothing_the_second_time() -> None:
    story = Story()
    sent = uid()
    story.do(SendMessage(MAI.id, "hi"), id=sent)
    report = SetDelivery(MAI.id, derived_id(sent, Part.MAIN), Delivery.SENT)
    assert story.do(report, BOT) != []
    assert story.do(report, BOT) == []


def test_a_late_second_copy_of_a_closing_does_not_close_the_next_conversation() -> None:
    story = Story()
    story.hear()
    late = uid()
    story.do(CloseConversation(MAI.id), id=late)
    story.hear("again", after=HOUR)
    assert story.do(CloseConversation(MAI.id), id=late) == []
    assert story.conversation.status is ConversationStatus.OPEN
