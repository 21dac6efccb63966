"""The store does what the rules say: the same random commands through SQLite and through pure rules."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from msgspec.structs import replace

from ismsg_tui.domain.commands import AddComment, Issued, SendMessage
from ismsg_tui.domain.entities import Contact, Conversation, ConversationStatus, Entity, Message, MessageKind, Source
from ismsg_tui.domain.state import Refusal
from ismsg_tui.store.drafts import Draft, read_draft
from ismsg_tui.store.store import RefusedError, Store
from tests.factories import ANA, HOUR, SETTINGS, T0, Book, examples, uid
from tests.replicas import assert_lists_agree, assert_sound, derived, rows_in, rows_of
from tests.strategies import CONTACTS, WORDS, Plan, plans


class StoreAndRules(RuleBasedStateMachine):
    """One store, and a book that says what must be in it.

    The book is told anew whenever something is taken back or written below: what is true, then every command given.
    """

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.store = Store(Path(self.folder.name))
        self.truth: list[Entity] = [*SETTINGS, *CONTACTS[:-1]]
        self.store.adopt(self.truth)
        self.given: list[Issued] = []
        self.book = Book(self.truth)

    def teardown(self) -> None:
        try:
            assert_sound(self.store)
            with tempfile.TemporaryDirectory() as folder:
                fresh = Store(Path(folder))
                fresh.adopt(list(self.book.rows.values()))
                assert derived(self.store) == derived(fresh)
                fresh.close()
        finally:
            self.store.close()
            self.folder.cleanup()

    def tell_anew(self) -> None:
        now = self.book.now
        self.book = Book(self.truth)
        for issued in self.given:
            self.book.carry_out(issued)
        self.book.now = now

    @rule(wanted=plans)
    def somebody_does_something(self, wanted: list[Plan]) -> None:
        for plan in wanted:
            self.book.now += plan.after
            issued = plan.issue(self.book)
            outcome = self.book.carry_out(issued)
            if isinstance(outcome, Refusal):
                with pytest.raises(RefusedError, match=re.escape(outcome.reason)):
                    self.store.execute(issued)
            else:
                entry = self.store.execute(issued)
                assert (entry is not None) is bool(outcome)
                self.given += [issued] if entry else []

    @precondition(lambda self: self.given)
    @rule(data=st.data())
    def something_is_taken_back(self, data: st.DataObject) -> None:
        issued = data.draw(st.sampled_from(self.given))
        assert self.store.withdraw(issued.id, self.book.now) == issued
        self.given.remove(issued)
        self.tell_anew()
        if isinstance(issued.command, SendMessage | AddComment) and issued.actor.user_id is not None:
            draft = read_draft(self.store.reader, issued.actor.user_id, issued.command.contact_id)
            assert draft.text.startswith(issued.command.text)

    @precondition(lambda self: self.given)
    @rule(data=st.data())
    def a_command_comes_again(self, data: st.DataObject) -> None:
        assert self.store.execute(data.draw(st.sampled_from(self.given))) is None

    @rule(contact=st.sampled_from(CONTACTS), word=st.sampled_from(WORDS), hour=st.integers(0, 5), blocked=st.booleans())
    def history_is_imported(self, contact: Contact, word: str, hour: int, blocked: bool) -> None:
        over = Conversation(
            id=uid(),
            contact_id=contact.id,
            status=ConversationStatus.CLOSED,
            opened_at=T0 + hour * HOUR,
            opened_source=Source.IMPORT,
        )
        line = Message(
            id=uid(),
            contact_id=contact.id,
            kind=MessageKind.INCOMING,
            at=T0 + hour * HOUR,
            text=f"imported {word}",
            source=Source.CONTACT,
        )
        known = replace(contact, last_name=f"edited {word}", blocked=blocked)
        self.truth += [known, over, line]
        self.store.adopt([known, over, line])
        self.tell_anew()

    @rule(contact=st.sampled_from(CONTACTS), text=st.sampled_from(["", "typing", *WORDS]))
    def somebody_types(self, contact: Contact, text: str) -> None:
        self.store.save_draft(ANA.id, contact.id, Draft(text), self.book.now)
        assert read_draft(self.store.reader, ANA.id, contact.id).text == text

    @invariant()
    def the_tables_hold_what_the_rules_say(self) -> None:
        assert rows_of(self.store) == rows_in(self.book.rows.values())

    @rule(limit=st.integers(1, 5))
    def somebody_looks(self, limit: int) -> None:
        assert_lists_agree(self.store, self.book, ANA, limit)


def test_a_store_and_the_rules_agree_whatever_is_commanded_and_taken_back() -> None:
    run_state_machine_as_test(StoreAndRules, settings=settings(max_examples=examples(80), stateful_step_count=25))
