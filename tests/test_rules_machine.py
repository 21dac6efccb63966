"""The rules under random commands: what holds whatever people, bots, channels and clocks do."""

from __future__ import annotations

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from ismsg_tui.domain.commands import Command, Issued, UseSnippet, scope_of
from ismsg_tui.domain.entities import (
    Contact,
    ConversationStatus,
    Delivery,
    Entity,
    EventType,
    Message,
    MessageKind,
    Snippet,
    Source,
)
from ismsg_tui.domain.message_rules import may_become
from ismsg_tui.domain.state import Refusal
from ismsg_tui.domain.views import ContactStatus, contact_status
from tests.factories import SETTINGS, Book, examples
from tests.strategies import CONTACTS, Plan, plans, unsteady_plans


class Rules(RuleBasedStateMachine):
    """A book, anything written into it, and what must be true of it afterwards."""

    def __init__(self) -> None:
        super().__init__()
        self.book = Book([*SETTINGS, *CONTACTS[:-1]])
        self.given: list[Issued] = []

    @rule(wanted=plans)
    def somebody_does_something(self, wanted: list[Plan]) -> None:
        for plan in wanted:
            self.book.now += plan.after
            self.carry_out(plan.issue(self.book))

    @rule(data=st.data())
    def a_command_comes_a_second_time(self, data: st.DataObject) -> None:
        if self.given:
            issued = data.draw(st.sampled_from(self.given))
            lines = Counter(line.kind for line in self.book.all(Message))
            self.carry_out(issued)
            again = Counter(line.kind for line in self.book.all(Message))
            assert again[MessageKind.OUTGOING] == lines[MessageKind.OUTGOING]
            assert again[MessageKind.INCOMING] == lines[MessageKind.INCOMING]

    def carry_out(self, issued: Issued) -> None:
        before = dict(self.book.rows)
        outcome = self.book.carry_out(issued)
        if isinstance(outcome, Refusal):
            assert outcome.code
            assert outcome.reason.endswith(".")
            assert self.book.rows == before
            return
        self.given += [issued] if outcome else []
        for row in outcome:
            self.check_row(issued.command, row, before.get((type(row), row.id)))
        if not isinstance(issued.command, UseSnippet):
            after = dict(self.book.rows)
            second = self.book.carry_out(issued)
            assert second == [] or isinstance(second, Refusal)
            assert self.book.rows == after

    def check_row(self, command: Command, row: Entity, old: Entity | None) -> None:
        assert row != old, "a row that did not change was written"
        match row:
            case Message():
                assert row.contact_id == scope_of(command)
                if isinstance(old, Message) and old.status is not None:
                    assert row.status is not None
                    assert may_become(old.status, row.status)
                elif row.kind is MessageKind.OUTGOING:
                    assert row.status is (Delivery.SENT if row.source is Source.ECHO else Delivery.PENDING)
            case Contact():
                assert row.id == scope_of(command)
            case Snippet():
                pass
            case _:
                assert getattr(row, "contact_id", None) == scope_of(command)

    @invariant()
    def at_most_one_conversation_is_open_and_it_is_the_newest(self) -> None:
        for contact in self.book.all(Contact):
            found = self.book.conversations(contact.id)
            assert [item.status for item in found[:-1]] == [ConversationStatus.CLOSED] * len(found[:-1])

    @invariant()
    def counts_and_waiting_are_what_the_lines_say(self) -> None:
        for contact in self.book.all(Contact):
            lines = self.book.lines(contact.id)
            for conversation in self.book.conversations(contact.id):
                kinds = Counter(line.kind for line in lines if line.conversation_id == conversation.id)
                assert conversation.incoming_count == kinds[MessageKind.INCOMING]
                assert conversation.outgoing_count == kinds[MessageKind.OUTGOING]
                assert 0 <= conversation.response_count <= conversation.reply_count <= conversation.outgoing_count
                assert conversation.response_wait >= 0
                for moment in (conversation.first_response_at, conversation.closed_at, conversation.first_assigned_at):
                    assert moment is None or moment >= conversation.opened_at
                self.check_waiting(contact.id, conversation.id)

    def check_waiting(self, contact_id: str, conversation_id: str) -> None:
        """A contact waits iff its conversation is open and no person has written since its opening or last message."""
        conversation = next(item for item in self.book.conversations(contact_id) if item.id == conversation_id)
        waiting = conversation.status is ConversationStatus.OPEN
        for line in self.book.lines(contact_id):
            if line.conversation_id == conversation_id and line.kind is MessageKind.INCOMING:
                waiting = conversation.status is ConversationStatus.OPEN
            if line.conversation_id == conversation_id and line.kind is MessageKind.OUTGOING:
                waiting = waiting and (line.source is not Source.USER or line.author_id is None)
        assert (conversation.waiting_since is not None) is waiting
        assert conversation.status is ConversationStatus.OPEN or conversation.snoozed_until is None

    @invariant()
    def the_event_lines_alone_tell_the_same_story(self) -> None:
        for contact in self.book.all(Contact):
            assignee, stands, until = None, ContactStatus.NONE, None
            for line in self.book.lines(contact.id):
                event = line.event
                match event.type if event else None:
                    case EventType.OPENED:
                        assert stands in (ContactStatus.NONE, ContactStatus.CLOSED)
                        stands = ContactStatus.OPEN
                    case EventType.CLOSED:
                        assert stands in (ContactStatus.OPEN, ContactStatus.SNOOZED)
                        stands, until = ContactStatus.CLOSED, None
                    case EventType.SNOOZED:
                        assert stands in (ContactStatus.OPEN, ContactStatus.SNOOZED)
                        stands, until = ContactStatus.SNOOZED, event and event.until
                    case EventType.WOKEN:
                        assert stands is ContactStatus.SNOOZED
                        stands, until = ContactStatus.OPEN, None
                    case EventType.ASSIGNED | EventType.UNASSIGNED:
                        assert event is not None
                        assert event.previous_id == assignee
                        assignee = event.assignee_id
            newest = self.book.newest(contact.id)
            assert (assignee, stands) == (contact.assignee_id, contact_status(newest))
            assert until == (newest.snoozed_until if newest else None)


class RulesWithUnsteadyClocks(Rules):
    """The same where clocks run back, as those of several machines and of commands that travelled late do."""

    @rule(wanted=unsteady_plans)
    def somebody_does_something_at_another_time(self, wanted: list[Plan]) -> None:
        self.somebody_does_something(wanted)

    def check_waiting(self, contact_id: str, conversation_id: str) -> None:
        """Lines of different machines may stand in another order than they came about in."""

    @invariant()
    def the_event_lines_alone_tell_the_same_story(self) -> None:
        """See above."""


def test_the_rules_hold_whatever_is_commanded() -> None:
    run_state_machine_as_test(Rules, settings=settings(max_examples=examples(120), stateful_step_count=25))


def test_the_rules_hold_where_clocks_disagree() -> None:
    run_state_machine_as_test(
        RulesWithUnsteadyClocks, settings=settings(max_examples=examples(80), stateful_step_count=25)
    )
