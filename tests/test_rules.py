"""The rules of the inbox one by one: opening, assigning, answering, commenting, snoozing, reading, delivery."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from ismsg_tui.domain.commands import (
    Actor,
    AssignContact,
    CloseConversation,
    Command,
    CreateContact,
    MarkRead,
    MarkUnread,
    OpenConversation,
    ReceiveMessage,
    SendMessage,
    SetDelivery,
    SnoozeConversation,
    WakeConversation,
)
from ismsg_tui.domain.entities import (
    Contact,
    ConversationStatus,
    Delivery,
    EventType,
    MessageKind,
    Source,
)
from ismsg_tui.domain.message_rules import COMMENT_LIMIT, may_become
from tests.factories import (
    ANA,
    BEN,
    BOT,
    BY_BEN,
    FLOW,
    GONE,
    GUEST,
    HOUR,
    MAI,
    MINUTE,
    PHONE,
    T0,
    TIMER,
    WEB,
    WORKSPACE,
    Book,
    Story,
    code,
    uid,
)

BLOCKED = replace(MAI, blocked=True)


def test_an_incoming_message_opens_a_conversation_if_none_is_open() -> None:
    story = Story()
    story.hear("hello")
    assert story.texts() == [EventType.OPENED, "hello"]
    opened = story.conversation
    assert (opened.status, opened.opened_source, opened.opened_by, opened.opened_channel) == (
        ConversationStatus.OPEN,
        Source.CONTACT,
        None,
        PHONE.id,
    )
    assert [line.conversation_id for line in story.lines()] == [opened.id] * 2


def test_further_messages_join_the_open_conversation() -> None:
    story = Story()
    story.hear()
    story.hear("again", after=1)
    assert len(story.conversations()) == 1
    assert story.conversation.incoming_count == 2


def test_a_message_after_closing_opens_a_second_conversation_and_leaves_the_first_closed() -> None:
    story = Story()
    story.hear()
    story.close(after=MINUTE)
    story.hear("me again", after=MINUTE)
    assert [item.status for item in story.conversations()] == [ConversationStatus.CLOSED, ConversationStatus.OPEN]


@pytest.mark.parametrize("lag", [0, 1, HOUR])
def test_a_new_conversation_is_the_newest_even_if_its_clock_lags_behind(lag: int) -> None:
    story = Story()
    story.hear(after=HOUR)
    story.close()
    story.do(SendMessage(MAI.id, "written offline"), after=-lag)
    story.hear("and?")
    assert [item.status for item in story.conversations()] == [ConversationStatus.CLOSED, ConversationStatus.OPEN]
    assert story.texts()[-2:] == ["written offline", "and?"]


def test_a_reply_from_a_lagging_clock_stands_below_the_message_it_answers_and_waits_no_negative_time() -> None:
    story = Story()
    story.hear("question", after=HOUR)
    story.reply("answer", after=-MINUTE)
    assert story.texts()[-1] == "answer"
    assert story.conversation.response_wait >= 0
    mark = story.mark(ANA)
    assert mark is not None
    assert mark.at >= story.lines()[1].at


def test_a_contact_is_created_unassigned() -> None:
    book = Book()
    book.do(CreateContact(replace(MAI, assignee_id=ANA.id)), GUEST)
    assert book.contact().assignee_id is None
    assert book.contact().created_at == T0


def test_a_contact_that_exists_is_not_created_again() -> None:
    story = Story()
    assert story.do(CreateContact(replace(MAI, first_name="Other")), GUEST) == []


def test_the_contacts_first_message_leaves_it_unassigned() -> None:
    story = Story()
    story.hear()
    assert story.contact().assignee_id is None


def test_a_reply_to_an_unassigned_contact_assigns_it_to_the_replier() -> None:
    story = Story()
    story.hear()
    story.reply("hi", BY_BEN)
    assert story.contact().assignee_id == BEN.id
    assert story.texts() == [EventType.OPENED, "hello", EventType.ASSIGNED, "hi"]


def test_a_reply_to_somebody_elses_contact_leaves_the_assignee() -> None:
    story = Story(replace(MAI, assignee_id=ANA.id))
    story.hear()
    story.reply("hi", BY_BEN)
    assert story.contact().assignee_id == ANA.id


def test_a_comment_does_not_assign() -> None:
    story = Story()
    story.hear()
    story.comment()
    assert story.contact().assignee_id is None


@pytest.mark.parametrize("actor", [BOT, FLOW, Actor(None, Source.API), Actor(ANA.id, Source.WORKFLOW)])
def test_a_message_of_a_bot_neither_assigns_nor_counts_as_an_answer(actor: Actor) -> None:
    story = Story()
    story.hear()
    story.reply("automatic", actor, after=MINUTE)
    assert story.contact().assignee_id is None
    found = story.conversation
    assert (found.waiting_since, found.first_response_at, found.outgoing_count) == (T0, None, 1)


def test_a_reply_to_a_closed_contact_opens_a_conversation_in_the_users_name() -> None:
    story = Story()
    story.reply("about your booking")
    assert (story.conversation.opened_source, story.conversation.opened_by) == (Source.USER, ANA.id)
    assert story.texts() == [EventType.OPENED, EventType.ASSIGNED, "about your booking"]
    assert story.conversation.waiting_since is None


@pytest.mark.parametrize(
    ("contact", "command", "refusal"),
    [
        (MAI, SendMessage(MAI.id, " \n "), "empty-text"),
        (MAI, SendMessage(MAI.id, "x" * (PHONE.text_limit + 1)), "text-too-long"),
        (MAI, SendMessage(MAI.id, "hi", "no such channel"), "no-channel"),
        (replace(MAI, channel_id=None), SendMessage(MAI.id, "hi"), "no-channel"),
        (BLOCKED, SendMessage(MAI.id, "hi"), "contact-blocked"),
        (BLOCKED, OpenConversation(MAI.id), "contact-blocked"),
        (MAI, SendMessage("nobody", "hi"), "unknown-contact"),
        (MAI, CloseConversation(MAI.id), "not-open"),
        (MAI, SnoozeConversation(MAI.id, T0 + HOUR), "not-open"),
        (MAI, AssignContact(MAI.id, GONE.id), "unknown-user"),
        (MAI, AssignContact(MAI.id, "nobody"), "unknown-user"),
    ],
)
def test_what_cannot_be_done_is_refused(contact: Contact, command: Command, refusal: str) -> None:
    assert code(Story(contact).do(command)) == refusal


def test_nothing_becomes_of_a_message_that_is_not_there() -> None:
    assert code(Story().do(SetDelivery(MAI.id, "no such line", Delivery.SENT), BOT)) == "unknown-message"


@pytest.mark.parametrize("user_id", [GONE.id, "nobody", None])
def test_only_an_active_user_can_act(user_id: str | None) -> None:
    story = Story()
    story.hear()
    for command in (SendMessage(MAI.id, "hi"), CreateContact(replace(MAI, id=uid()))):
        assert code(story.do(command, Actor(user_id))) == "unknown-user"


def test_a_text_of_exactly_the_channels_limit_is_sent() -> None:
    story = Story()
    assert code(story.reply("x" * PHONE.text_limit)) == ""


def test_a_reply_goes_through_the_channel_last_used_unless_another_is_chosen() -> None:
    story = Story()
    story.do(ReceiveMessage(MAI.id, "from the website", WEB.id), GUEST)
    story.reply("there")
    story.do(SendMessage(MAI.id, "here", PHONE.id))
    story.reply("here too")
    assert [line.channel_id for line in story.lines() if line.kind is MessageKind.OUTGOING] == [
        WEB.id,
        PHONE.id,
        PHONE.id,
    ]


def test_a_blocked_contact_opens_nothing_by_writing_but_its_message_is_kept() -> None:
    story = Story(BLOCKED)
    story.hear("spam")
    assert story.conversations() == []
    assert story.texts() == ["spam"]


def test_a_blocked_contacts_conversation_cannot_be_closed() -> None:
    story = Story()
    story.hear()
    story.write([replace(story.contact(), blocked=True)])
    assert code(story.close()) == "contact-blocked"


def test_opening_by_hand_needs_that_none_is_open() -> None:
    story = Story()
    assert code(story.do(OpenConversation(MAI.id))) == ""
    assert story.conversation.opened_by == ANA.id
    assert code(story.do(OpenConversation(MAI.id))) == "already-open"


# Assigning


def test_assigning_flags_the_contact_unread_for_the_new_assignee_only() -> None:
    story = Story()
    story.hear()
    story.do(AssignContact(MAI.id, BEN.id))
    mark = story.mark(BEN)
    assert mark is not None
    assert mark.flagged
    assert story.mark(ANA) is None


def test_taking_a_contact_oneself_does_not_flag_it() -> None:
    story = Story()
    story.hear()
    story.do(AssignContact(MAI.id, ANA.id))
    assert story.mark(ANA) is None


def test_reassigning_and_unassigning_tell_who_had_it_before() -> None:
    story = Story()
    for wanted, expected in ((ANA.id, None), (BEN.id, ANA.id), (None, BEN.id)):
        story.do(AssignContact(MAI.id, wanted, expected))
    events = [line.event for line in story.lines() if line.event]
    assert [(event.type, event.assignee_id, event.previous_id) for event in events] == [
        (EventType.ASSIGNED, ANA.id, None),
        (EventType.ASSIGNED, BEN.id, ANA.id),
        (EventType.UNASSIGNED, None, BEN.id),
    ]


def test_an_assignment_that_somebody_else_was_quicker_with_is_refused_and_says_who() -> None:
    story = Story()
    story.do(AssignContact(MAI.id, BEN.id))
    outcome = story.do(AssignContact(MAI.id, ANA.id, expected_id=None))
    assert code(outcome) == "assignment-conflict"
    assert "Ben Okoye" in str(outcome)


def test_assigning_to_the_present_assignee_changes_nothing() -> None:
    story = Story(replace(MAI, assignee_id=BEN.id))
    assert story.do(AssignContact(MAI.id, BEN.id, expected_id=ANA.id)) == []


def test_the_assignee_survives_closing_and_has_the_next_conversation() -> None:
    story = Story()
    story.hear()
    story.reply()
    story.close()
    story.hear("again", after=HOUR)
    assert story.contact().assignee_id == ANA.id
    assert (story.conversation.first_assignee, story.conversation.first_assigned_at) == (ANA.id, T0 + HOUR)


def test_the_legacy_toggle_unassigns_on_a_manual_close() -> None:
    story = Story(workspace=replace(WORKSPACE, unassign_on_close=True))
    story.hear()
    story.reply()
    story.close()
    assert story.contact().assignee_id is None
    last = story.lines()[-1]
    assert last.event is not None
    assert (last.event.type, last.event.source) == (EventType.UNASSIGNED, Source.CLOSE_LEGACY)
    assert last.conversation_id == story.conversation.id


def test_the_legacy_toggle_leaves_the_assignee_when_automation_closes() -> None:
    story = Story(workspace=replace(WORKSPACE, unassign_on_close=True))
    story.hear()
    story.reply()
    story.close(actor=FLOW)
    assert story.conversation.status is ConversationStatus.CLOSED
    assert story.contact().assignee_id == ANA.id


# Snoozing and waiting


def test_a_message_wakes_a_snoozed_conversation_and_opens_no_other() -> None:
    story = Story()
    story.hear()
    story.do(SnoozeConversation(MAI.id, T0 + HOUR), after=1)
    story.hear("still there?", after=MINUTE)
    assert story.conversation.snoozed_until is None
    assert story.texts() == [EventType.OPENED, "hello", EventType.SNOOZED, EventType.WOKEN, "still there?"]
    assert len(story.conversations()) == 1


def test_a_snooze_ends_by_hand_at_any_time() -> None:
    story = Story()
    story.hear()
    story.do(SnoozeConversation(MAI.id, T0 + HOUR), after=1)
    story.do(WakeConversation(MAI.id), after=1)
    assert story.conversation.snoozed_until is None


def test_the_timer_wakes_a_conversation_when_its_time_has_come() -> None:
    story = Story()
    story.hear()
    story.do(SnoozeConversation(MAI.id, T0 + HOUR), after=1)
    story.do(WakeConversation(MAI.id), TIMER, after=HOUR)
    last = story.lines()[-1].event
    assert last is not None
    assert (last.type, last.source) == (EventType.WOKEN, Source.TIMER)


def test_the_timer_of_a_snooze_that_was_prolonged_wakes_nobody() -> None:
    story = Story()
    story.hear()
    story.do(SnoozeConversation(MAI.id, T0 + HOUR), after=1)
    story.do(SnoozeConversation(MAI.id, T0 + 9 * HOUR), after=1)
    assert story.do(WakeConversation(MAI.id), TIMER, after=HOUR) == []


def test_waking_what_is_not_snoozed_changes_nothing() -> None:
    story = Story()
    story.hear()
    assert story.do(WakeConversation(MAI.id)) == []


def test_a_snooze_has_to_end_in_the_future() -> None:
    story = Story()
    story.hear()
    assert code(story.do(SnoozeConversation(MAI.id, T0))) == "past-time"


def test_closing_ends_a_snooze() -> None:
    story = Story()
    story.hear()
    story.do(SnoozeConversation(MAI.id, T0 + HOUR), after=1)
    story.close(after=1)
    assert story.conversation.snoozed_until is None


def test_a_contact_waits_from_its_first_unanswered_message_until_a_person_answers() -> None:
    story = Story()
    story.hear()
    story.hear("hello?", after=MINUTE)
    assert story.conversation.waiting_since == T0
    story.reply(after=MINUTE)
    assert story.conversation.waiting_since is None
    story.hear("thanks", after=MINUTE)
    assert story.conversation.waiting_since == T0 + 3 * MINUTE
    story.close(after=MINUTE)
    assert story.conversation.waiting_since is None


def test_a_conversation_opened_by_hand_waits_until_the_contact_writes_and_then_from_there() -> None:
    story = Story()
    story.do(OpenConversation(MAI.id))
    assert story.conversation.waiting_since == T0
    story.hear("oh, hello", after=HOUR)
    story.hear("are you there?", after=MINUTE)
    assert story.conversation.waiting_since == T0 + HOUR
    story.reply(after=MINUTE)
    assert story.conversation.response_wait == 2 * MINUTE


# Comments, reading, delivery


def test_a_comment_takes_a_thousand_characters_and_no_more() -> None:
    story = Story()
    assert code(story.comment("x" * COMMENT_LIMIT)) == ""
    assert code(story.comment("x" * (COMMENT_LIMIT + 1))) == "text-too-long"
    assert code(story.comment(" ")) == "empty-text"


def test_a_comment_flags_the_contact_for_those_it_mentions_but_not_for_its_author() -> None:
    story = Story()
    story.comment("@Ben @me", mentions=(BEN.id, ANA.id))
    ben = story.mark(BEN)
    assert ben is not None
    assert ben.flagged
    assert story.mark(ANA) is None


def test_a_comment_cannot_mention_a_stranger() -> None:
    assert code(Story().comment(mentions=("nobody",))) == "unknown-user"


def test_reading_is_per_user_and_never_goes_back() -> None:
    story = Story()
    story.hear()
    story.do(MarkRead(MAI.id, T0))
    story.do(MarkRead(MAI.id, T0 - HOUR))
    mark = story.mark(ANA)
    assert mark is not None
    assert (mark.at, mark.flagged) == (T0, False)
    assert story.mark(BEN) is None


def test_marking_unread_flags_until_the_user_reads_or_replies() -> None:
    story = Story()
    story.hear()
    for ends in (MarkRead(MAI.id, T0), SendMessage(MAI.id, "hi")):
        story.do(MarkUnread(MAI.id))
        mark = story.mark(ANA)
        assert mark is not None
        assert mark.flagged
        story.do(ends)
        mark = story.mark(ANA)
        assert mark is not None
        assert not mark.flagged


FORWARD = {
    Delivery.PENDING: {Delivery.UNCERTAIN, Delivery.SENT, Delivery.DELIVERED, Delivery.READ, Delivery.FAILED},
    Delivery.UNCERTAIN: {Delivery.SENT, Delivery.DELIVERED, Delivery.READ, Delivery.FAILED},
    Delivery.SENT: {Delivery.DELIVERED, Delivery.READ, Delivery.FAILED},
    Delivery.DELIVERED: {Delivery.READ},
    Delivery.READ: set(),
    Delivery.FAILED: set(),
}


@pytest.mark.parametrize("status", Delivery)
@pytest.mark.parametrize("new", Delivery)
def test_delivery_moves_forward_only(status: Delivery, new: Delivery) -> None:
    assert may_become(status, new) is (new in FORWARD[status])


def test_what_another_app_has_sent_is_written_down_whatever_it_is() -> None:
    story = Story()
    story.hear()
    echo = Actor(None, Source.ECHO)
    story.do(SendMessage(MAI.id, "x" * (PHONE.text_limit + 1), PHONE.id), echo)
    written = story.lines()[-1]
    assert (written.kind, written.source, written.status) == (MessageKind.OUTGOING, Source.ECHO, Delivery.SENT)
    assert story.rows[type(MAI), MAI.id] == MAI, "nobody has taken the contact"


def test_a_failed_delivery_says_why() -> None:
    story = Story()
    story.reply()
    sent = story.lines()[-1]
    story.do(SetDelivery(MAI.id, sent.id, Delivery.FAILED, "number unknown"), Actor(None, Source.API))
    failed = story.lines()[-1]
    assert (failed.status, failed.error, failed.text) == (Delivery.FAILED, "number unknown", "hi")


def test_an_incoming_message_has_no_delivery_to_report() -> None:
    story = Story()
    story.hear()
    assert code(story.do(SetDelivery(MAI.id, story.lines()[-1].id, Delivery.READ), BOT)) == "unknown-message"
