"""Rewind and replay: whatever gets lost, repeated or late between a store and its authority, both end up the same."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from msgspec.structs import replace

from ismsg_tui.domain import rules
from ismsg_tui.domain.changes import Answer, Page
from ismsg_tui.domain.commands import AddComment, CloseConversation, Issued, SendMessage
from ismsg_tui.domain.entities import Contact, Entity
from ismsg_tui.domain.ids import Part, derived_id
from ismsg_tui.domain.state import Refusal
from ismsg_tui.domain.wire import PresenceNote
from ismsg_tui.files.handling import Cancelled, Progress
from ismsg_tui.store import departures, following, loading, outbox, writing
from ismsg_tui.store import rows as rows_module
from ismsg_tui.store import store as store_module
from ismsg_tui.store.drafts import read_draft
from ismsg_tui.store.outbox import OutboxEntry, OutboxState
from ismsg_tui.store.store import RefusedError, Store
from ismsg_tui.store.timeline import timeline_page
from ismsg_tui.store.unsent import Written
from ismsg_tui.sync import exchange
from ismsg_tui.sync.authority import OnPresence, Standing
from ismsg_tui.sync.exchange import Exchange
from tests.factories import ANA, HOUR, SETTINGS, T0, WORKSPACE, Book, examples
from tests.memory_authority import MemoryAuthority
from tests.replicas import TABLES, assert_lists_agree, assert_sound, derived, rows_in, rows_of
from tests.strategies import CONTACTS, FILE, WORDS, Plan, own_plans, plans

HOLD = 5_000


class Replica(RuleBasedStateMachine):
    """An agent's store, an authority that others use too, and everything between them that can go wrong.

    `received` is what the authority's pages brought, `given` the own commands that are not settled: what the store
    shows must be the one with the other on top.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = T0
        self.authority = MemoryAuthority(lambda: self.now)
        self.authority.seed([*SETTINGS, *CONTACTS[:-1]])
        self.folder = tempfile.TemporaryDirectory()
        self.store = Store(Path(self.folder.name))
        self.received: dict[tuple[type[Entity], str], tuple[int, Entity]] = {}
        self.given: dict[str, tuple[Issued, int | None]] = {}
        self.late: list[Answer] = []
        self.pages: list[Page] = []
        self.to_be_found: list[Issued] = []
        self.accepted: set[tuple[str, str]] = set()
        self.apply(self.authority.changes(0, 1_000))

    def teardown(self) -> None:
        try:
            self.come_to_rest()
        finally:
            self.store.close()
            self.folder.cleanup()

    # What the two do

    @rule(wanted=own_plans, held=st.booleans())
    def the_agent_acts(self, wanted: list[Plan], held: bool) -> None:
        for plan in wanted:
            self.now += plan.after
            issued = plan.issue(self.book())
            try:
                entry = self.store.execute(issued, hold_until=self.now + HOLD if held else 0)
            except RefusedError:
                entry = None
            if entry is not None:
                self.given[issued.id] = issued, None

    @rule(wanted=plans)
    def others_act(self, wanted: list[Plan]) -> None:
        known = Book(row for _, row in self.authority.rows())
        for plan in wanted:
            self.now += plan.after
            known.now = self.now
            self.authority.submit(plan.issue(known))

    @precondition(lambda self: self.given)
    @rule(data=st.data())
    def the_agent_takes_something_back(self, data: st.DataObject) -> None:
        issued, _ = self.given[data.draw(st.sampled_from(sorted(self.given)))]
        entry = outbox.find(self.store.reader, issued.id)
        assert entry is not None
        taken = self.store.withdraw(issued.id, self.now)
        assert (taken is not None) is (entry.state is OutboxState.PENDING)
        if taken is not None:
            del self.given[issued.id]
            self.to_be_found.append(issued)

    @rule(limit=st.integers(1, 4), fate=st.sampled_from(["arrive", "get lost", "come late"]), turn=st.randoms())
    def commands_leave(self, limit: int, fate: str, turn: Any) -> None:
        leaving = self.store.mark_sending(departures.ready(self.store.reader, self.now, limit))
        answers = self.authority.push([entry.issued for entry in leaving])
        turn.shuffle(answers)
        if fate == "arrive":
            self.take(answers)
        elif fate == "come late":
            self.late += answers

    @precondition(lambda self: self.late)
    @rule(data=st.data(), again=st.booleans())
    def an_answer_comes_late(self, data: st.DataObject, again: bool) -> None:
        answer = data.draw(st.sampled_from(self.late))
        self.take([answer])
        if not again:
            self.late.remove(answer)

    @rule(limit=st.sampled_from([1, 1, 2, 5]))
    def rows_come(self, limit: int) -> None:
        if self.given:
            self.pull(limit)
        else:
            self.apply(self.authority.changes(self.store.cursor, limit))

    @rule(data=st.data(), contact=st.sampled_from(CONTACTS), word=st.sampled_from(WORDS))
    def something_else_happens(self, data: st.DataObject, contact: Contact, word: str) -> None:
        match data.draw(st.sampled_from(["time", "typing", "toggle", "file", "page again", "import again", "restart"])):
            case "time":
                self.now += 2 * HOLD
            case "typing":
                draft = read_draft(self.store.reader, ANA.id, contact.id)
                self.store.save_draft(ANA.id, contact.id, replace(draft, text=f"{draft.text} {word}"), self.now)
            case "toggle":
                self.authority.seed([replace(WORKSPACE, unassign_on_close=word in WORDS[:4])])
            case "file":
                self.store.blobs.want(FILE.sha256, FILE.size)  # the authority has it
            case "page again":
                self.store.apply(data.draw(st.sampled_from(self.pages)))
            case "import again":
                self.store.adopt([row for row in CONTACTS if (type(row), row.id) in self.received])
            case "restart":
                self.store.close()
                self.store = Store(Path(self.folder.name))

    # What must come of it

    def pull(self, limit: int) -> None:
        """As the sync thread does it, with pages of that size."""
        recorder = Recorder(self.authority, self.what_was_accepted_never_disappears)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(exchange, "PAGE_ROWS", limit)
            Exchange(self.store, recorder).pull()
        for page in recorder.pages:
            self.note(page)

    def apply(self, page: Page) -> None:
        self.store.apply(page)
        self.note(page)

    def note(self, page: Page) -> None:
        self.pages.append(page)
        for rev, row in page.rows:
            if rev >= self.received.get((type(row), row.id), (0, row))[0]:
                self.received[type(row), row.id] = rev, row
        self.given = {key: (issued, seq) for key, (issued, seq) in self.given.items() if seq is None or seq > page.to}

    def take(self, answers: Iterable[Answer]) -> None:
        for answer in answers:
            if answer.refusal is not None:
                issued = self.store.refuse(answer.command_id, answer.refusal)
                assert (issued is not None) is (answer.command_id in self.given)
                self.given.pop(answer.command_id, None)
                self.to_be_found += [issued] if issued else []
                continue
            self.accepted |= self.written_by(answer.command_id)
            self.store.acknowledge(answer.command_id, answer.seq)
            if answer.seq <= self.store.cursor:
                self.given.pop(answer.command_id, None)
            elif answer.command_id in self.given:
                self.given[answer.command_id] = self.given[answer.command_id][0], answer.seq

    def written_by(self, command_id: str) -> set[tuple[str, str]]:
        """The rows that a command made here and at the authority."""
        entry = outbox.find(self.store.reader, command_id)
        if entry is None or entry.state is OutboxState.REFUSED:
            return set()
        there = {(rows_module.table_of(row).name, row.id) for _, row in self.authority.rows()}
        made = {(table, row_id) for table, row_id, _ in outbox.read_images(self.store.reader, entry.n)}
        return {(table, row_id) for table, row_id in made & there if table in ("contact", "conversation", "message")}

    def book(self) -> Book:
        """What the store must show."""
        book = Book(row for _, row in self.received.values())
        for issued, _ in self.given.values():
            book.carry_out(issued)
        book.now = self.now
        return book

    @invariant()
    def the_store_shows_the_truth_with_own_commands_on_top(self) -> None:
        assert rows_of(self.store) == rows_in(self.book().rows.values())

    @invariant()
    def what_was_accepted_never_disappears(self) -> None:
        shown = {
            (name, row["id"])
            for name in ("contact", "conversation", "message")
            for row in self.store.reader.execute(f"SELECT id FROM {name}")
        }
        assert self.accepted <= shown

    @invariant()
    def no_text_is_lost(self) -> None:
        for issued in self.to_be_found:
            if isinstance(issued.command, Written) and outbox.find(self.store.reader, issued.id) is not None:
                self.is_shown_as_refused(issued.command, derived_id(issued.id, Part.MAIN))
            elif isinstance(issued.command, SendMessage | AddComment) and issued.actor.user_id is not None:
                draft = read_draft(self.store.reader, issued.actor.user_id, issued.command.contact_id)
                assert issued.command.text in draft.text
                if isinstance(issued.command, SendMessage):
                    assert set(issued.command.attachments) <= set(draft.attachments)

    def is_shown_as_refused(self, command: Written, line_id: str) -> None:
        """The timeline shows a refused command with everything that it held."""
        lines = timeline_page(self.store.reader, command.contact_id, limit=1_000)
        found = [line for line in lines if line.message.id == line_id]
        assert [line.state for line in found] == ["refused"]
        line = found[0]
        if isinstance(command, CloseConversation):
            assert line.message.event is not None
            assert (line.message.event.summary or "") == command.summary
            return
        assert line.message.text == command.text
        assert line.message.attachments == (command.attachments if isinstance(command, SendMessage) else ())

    def come_to_rest(self) -> None:
        """Everything leaves, everything arrives: the store equals one that only ever listened."""
        self.now += HOUR
        self.store.blobs.want(FILE.sha256, FILE.size)
        self.take(self.late)
        while entries := departures.ready(self.store.reader, self.now, 100):
            self.take(self.authority.push([entry.issued for entry in self.store.mark_sending(entries)]))
        self.pull(1_000)
        assert {entry.state for entry in all_entries(self.store)} <= {OutboxState.REFUSED}
        self.no_text_is_lost()
        assert_sound(self.store)
        book = Book(row for _, row in self.authority.rows())
        assert_lists_agree(self.store, book, ANA, 2)
        with tempfile.TemporaryDirectory() as folder:
            fresh = Store(Path(folder))
            while (page := self.authority.changes(fresh.cursor, 7)).rows:
                fresh.apply(page)
            assert rows_of(self.store) == rows_of(fresh) == rows_in(book.rows.values())
            assert revisions(self.store) == revisions(fresh)
            assert derived(self.store) == derived(fresh)
            fresh.close()


class Recorder:
    """An authority that remembers which pages it gave, and looks before each."""

    def __init__(self, authority: MemoryAuthority, look: Callable[[], None]) -> None:
        self.authority = authority
        self.look = look
        self.pages: list[Page] = []

    def push(self, commands: Any) -> list[Answer]:
        return self.authority.push(commands)

    def changes(self, since: int, limit: int, begun: int = 0) -> Page:
        self.look()
        self.pages.append(self.authority.changes(since, limit, begun))
        return self.pages[-1]

    def meet(self) -> Standing:
        return self.authority.meet()

    def watch(self, hint: Callable[[], None], on_presence: OnPresence) -> Callable[[], None]:
        return self.authority.watch(hint, on_presence)

    def announce(self, note: PresenceNote) -> None:
        self.authority.announce(note)

    def has_blob(self, sha256: str) -> bool:
        return self.authority.has_blob(sha256)

    def put_blob(self, sha256: str, path: Path, progress: Progress, cancelled: Cancelled) -> None:
        self.authority.put_blob(sha256, path, progress, cancelled)

    def get_blob(self, sha256: str, to: Path, progress: Progress, cancelled: Cancelled) -> None:
        self.authority.get_blob(sha256, to, progress, cancelled)


def all_entries(store: Store) -> list[OutboxEntry]:
    return outbox.entries(store.reader, *OutboxState)


def revisions(store: Store) -> dict[tuple[str, str], int]:
    return {
        (name, row["id"]): row["rev"] for name in TABLES for row in store.reader.execute(f"SELECT id, rev FROM {name}")
    }


def run(machine: type[Replica], count: int, **more: Any) -> None:
    slow = list(HealthCheck)
    checked = settings(max_examples=count, stateful_step_count=25, suppress_health_check=slow, **more)
    run_state_machine_as_test(machine, settings=checked)


def test_store_and_authority_end_up_the_same_whatever_happens_between_them() -> None:
    run(Replica, examples(90))


# That the property can fail: each of these faults is found.


def no_rewind(self: Store, scope: str, since: int = 0) -> set[str]:
    return {scope}


def drop_at_once(self: Store, command_id: str, seq: int) -> None:
    with self._transaction() as changed:
        entry = outbox.find(self._writer, command_id)
        if entry is not None:
            changed.update(self._take_out(entry))
            outbox.remove(self._writer, entry.n)


def replay_without_images(self: Store, scope: str, since: int = 0) -> set[str]:
    for entry in outbox.played(self._writer, scope, since):
        state = loading.load_state(self._writer, self._current_settings(), entry.issued)
        outcome = rules.decide(state, entry.issued)
        writing.write_rows(self._writer, [] if isinstance(outcome, Refusal) else outcome)
    return {scope}


def no_guard(connection: Any, rows: Any, revs: Any = None) -> set[str]:
    names = writing.write_rows(connection, rows, revs)
    for index, row in enumerate(rows):
        if revs is not None:
            table = rows_module.table_of(row)
            statement = table.write_truth.split(" WHERE excluded.rev")[0]
            connection.execute(statement, (*table.encode(row), revs[index]))
    writing.refresh_inbox(connection, names)
    return names


def forgetful(self: Store, issued: Issued, now: int) -> None:
    """Texts do not return."""


def nothing_stuck(connection: Any, scope: str | None = None) -> list[Any]:
    return []


FAULTS: dict[str, tuple[object, str, object]] = {
    "pages are written over unconfirmed commands": (Store, "_rewind", no_rewind),
    "an acknowledged command is dropped before its truth has come": (Store, "acknowledge", drop_at_once),
    "older revisions replace newer ones": (following, "write_rows", no_guard),
    "a replay does not note what it replaces": (Store, "_replay", replay_without_images),
    "a text that is taken back is dropped": (Store, "_return_text", forgetful),
    "a refused text is dropped": (outbox, "stuck", nothing_stuck),
}


@seed(4)
class SameDice(Replica):
    """The same stories each time, among which those that show the faults come soon."""


@pytest.mark.parametrize("fault", FAULTS)
def test_the_property_finds_a_store_in_which(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, name, instead = FAULTS[fault]
    monkeypatch.setattr(owner, name, instead)
    with pytest.raises((AssertionError, store_module.CursorError)):
        run(SameDice, 200, database=None, phases=[Phase.generate], report_multiple_bugs=False)
