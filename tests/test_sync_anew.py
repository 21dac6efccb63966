"""Filling a store anew: a restored server, another sight, a place that means nothing any more, crashes meanwhile."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from msgspec.structs import replace

from ismsg_tui.domain.changes import Page
from ismsg_tui.domain.commands import AddComment, Command, Issued, MarkRead, MarkUnread, ReceiveMessage, SendMessage
from ismsg_tui.domain.entities import Contact, Message, MessageKind, User
from ismsg_tui.store import departures, following, outbox
from ismsg_tui.store.connection import Connection
from ismsg_tui.store.drafts import Draft, read_draft
from ismsg_tui.store.following import CursorError
from ismsg_tui.store.joining import StoreInUseError, join
from ismsg_tui.store.outbox import OutboxState
from ismsg_tui.store.replica import SHAPE
from ismsg_tui.store.search import search_messages
from ismsg_tui.store.store import Store
from ismsg_tui.store.timeline import timeline_page
from ismsg_tui.sync import exchange
from ismsg_tui.sync.authority import AnewError, ClientError, Standing, UnreachableError
from ismsg_tui.sync.exchange import KEPT, Exchange, Refused, StuckError, joined
from tests.factories import ANA, BY_ANA, GUEST, HOUR, MAI, MINUTE, PHONE, SETTINGS, T0, WORKSPACE, examples, uid
from tests.memory_authority import MemoryAuthority
from tests.replicas import assert_sound, derived, rows_of

OMAR = Contact(id=uid(), first_name="Omar", channel_id=PHONE.id)


class Historian(MemoryAuthority):
    """An authority that can be set back to an earlier day, and that can change what is seen of it."""

    def __init__(self) -> None:
        self.now = T0
        super().__init__(lambda: self.now)
        self.seed([*SETTINGS, MAI, OMAR])
        self.epoch = 1
        self.sight = 1
        self.met = 0, 0
        self.hidden: set[str] = set()
        self.broken = ""
        """Why every place is said to mean nothing."""
        self.asked: list[int] = []
        self.cut_after: int | None = None
        """So many more pages are given before the line is cut."""

    def meet(self) -> Standing:
        self.met = self.epoch, self.sight
        return replace(super().meet(), epoch=f"e{self.epoch}", sight=self.sight, now=self.now)

    def changes(self, since: int, limit: int, begun: int = 0) -> Page:
        self.asked.append(since)
        if self.cut_after is not None:
            if not self.cut_after:
                raise UnreachableError("cut")
            self.cut_after -= 1
        if self.broken:
            raise AnewError(self.broken)
        if self.met != (self.epoch, self.sight):
            raise AnewError("cursor-epoch" if self.met[0] != self.epoch else "cursor-sight")
        if since > self._head:
            raise AnewError("cursor-ahead")
        page = super().changes(since, limit, begun)
        return replace(page, rows=tuple(found for found in page.rows if self.is_seen(found[1])))

    def is_seen(self, row: object) -> bool:
        return getattr(row, "contact_id", getattr(row, "id", "")) not in self.hidden

    def hide(self, contact_id: str) -> None:
        self.hidden.add(contact_id)
        self.sight += 1

    def back_up(self) -> tuple[object, ...]:
        return (list(super().changes(0, limit=len(self._log) + 1).rows), self._head, dict(self._receipts))

    def restore_from(self, backup: tuple[object, ...]) -> None:
        rows, head, receipts = backup
        kept = self.epoch, self.sight, self.met, self.hidden, self.asked, self.now
        self.__init__()  # type: ignore[misc]
        self._rows.clear()
        self._log.clear()
        self._scopes.clear()
        assert isinstance(rows, list)
        assert isinstance(head, int)
        assert isinstance(receipts, dict)
        for rev, row in rows:
            self._keep(rev, row)
        self._head = head
        self._receipts.update(receipts)
        self.epoch, self.sight, self.met, self.hidden, self.asked, self.now = kept
        self.epoch += 1

    def hear(self, text: str, contact: Contact = MAI) -> None:
        self.now += 1
        self.submit(Issued(uid(), ReceiveMessage(contact.id, text, PHONE.id), GUEST, self.now))


class Desk:
    """A store and what keeps it in sync with the historian."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.there = Historian()
        self.store = Store(folder)
        self.refused: list[Refused] = []
        self.exchange = self.new_exchange()

    def new_exchange(self) -> Exchange:
        return Exchange(self.store, self.there, on_refused=self.refused.append)

    def restart(self) -> None:
        """The process is gone, and another one begins."""
        self.store.close()
        self.store = Store(self.folder)
        self.exchange = self.new_exchange()

    def run(self) -> None:
        """As the thread does it: after a failure it asks first how things stand."""
        try:
            self.exchange.run()
        except Exception:
            self.exchange.standing = None
            raise

    def give(self, command: Command) -> str:
        issued = Issued(uid(), command, BY_ANA, self.there.now)
        assert self.store.execute(issued) is not None
        return issued.id

    def texts(self, contact: Contact = MAI) -> list[str]:
        return [
            line.message.text for line in timeline_page(self.store.reader, contact.id, limit=500) if line.message.text
        ]

    def assert_like_new(self) -> None:
        """The store holds what one does that was filled only now."""
        assert_sound(self.store)
        with tempfile.TemporaryDirectory() as folder:
            fresh = Store(Path(folder))
            Exchange(fresh, self.there).run()
            assert rows_of(self.store) == rows_of(fresh)
            assert derived(self.store) == derived(fresh)
            fresh.close()


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    monkeypatch.setattr(exchange, "now_ms", lambda: desk.there.now)
    desk.run()
    yield desk
    desk.store.close()


# A restored authority


def test_what_a_restored_authority_never_had_goes_and_what_this_console_gave_leaves_again(desk: Desk) -> None:
    desk.there.hear("hello")
    desk.give(SendMessage(MAI.id, "before"))
    desk.run()
    backup = desk.there.back_up()
    desk.there.hear("lost")
    desk.give(SendMessage(MAI.id, "after"))
    desk.run()
    assert desk.texts() == ["hello", "before", "lost", "after"]
    desk.there.restore_from(backup)
    desk.run()
    assert sorted(desk.texts()) == ["after", "before", "hello"]
    assert desk.refused == []
    desk.assert_like_new()


def test_rows_stay_in_sight_while_all_of_them_come_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(20):
        desk.there.hear(f"message {number}")
    desk.run()
    monkeypatch.setattr(exchange, "PAGE_ROWS", 1)
    desk.there.epoch += 1
    seen: list[list[str]] = []
    desk.store.listen(lambda _: seen.append(desk.texts()))
    desk.exchange = desk.new_exchange()
    desk.run()
    assert seen
    assert all(len(texts) == 20 for texts in seen)
    desk.assert_like_new()


def test_a_command_given_while_rows_come_again_keeps_its_effect_and_leaves(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "PAGE_ROWS", 1)
    texts = [f"message {number}" for number in range(6)]
    for text in texts:
        desk.there.hear(text)
    desk.run()
    desk.there.epoch += 1
    desk.there.cut_after = 3
    desk.exchange = desk.new_exchange()
    with pytest.raises(UnreachableError):
        desk.run()
    assert desk.store.replica.rebuilding
    desk.give(SendMessage(MAI.id, "meanwhile"))
    assert desk.texts() == [*texts, "meanwhile"]
    desk.there.cut_after = None
    desk.run()
    assert desk.texts() == [*texts, "meanwhile"]
    desk.assert_like_new()


@pytest.mark.parametrize("pages", range(5))
def test_a_process_that_dies_while_rows_come_again_leaves_nothing_behind(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, pages: int
) -> None:
    for number in range(6):
        desk.there.hear(f"message {number}")
    backup = desk.there.back_up()
    desk.there.hear("lost", OMAR)
    desk.run()
    monkeypatch.setattr(exchange, "PAGE_ROWS", 1)
    monkeypatch.setattr(Store, "sweep", lambda self: False)
    desk.there.restore_from(backup)
    desk.there.cut_after = pages
    desk.exchange = desk.new_exchange()
    with pytest.raises(UnreachableError):
        desk.run()
    desk.restart()
    desk.there.cut_after = None
    desk.run()
    monkeypatch.undo()
    desk.restart()  # it died again before anything was swept
    assert desk.store.replica.sweeping
    assert desk.store.sweep(limit=1)
    desk.restart()
    desk.there.now += 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exchange, "now_ms", lambda: desk.there.now)
        desk.run()
    assert (desk.texts(OMAR), len(desk.texts())) == ([], 6)
    assert desk.store.replica.sweeping == 0
    desk.assert_like_new()


def test_what_is_dropped_can_not_be_found_any_more(desk: Desk) -> None:
    backup = desk.there.back_up()
    desk.there.hear("a pelican")
    desk.run()
    assert len(search_messages(desk.store.reader, "pelican", 5)) == 1
    desk.there.restore_from(backup)
    desk.run()
    assert search_messages(desk.store.reader, "pelican", 5) == []


def test_a_row_that_was_replaced_by_an_unsent_command_comes_back_as_the_new_history_has_it(desk: Desk) -> None:
    """The row that the command keeps to be put back has a higher revision than the new history ever gave it."""
    for number in range(5):
        desk.there.hear(f"message {number}")
    backup = desk.there.back_up()
    for number in range(50):
        desk.there.hear(f"later {number}")
    desk.run()
    desk.give(MarkRead(MAI.id, desk.there.now))
    desk.give(SendMessage(MAI.id, "unsent"))
    desk.there.restore_from(backup)
    desk.run()
    assert desk.texts() == [*(f"message {number}" for number in range(5)), "unsent"]
    desk.assert_like_new()


def test_a_place_ahead_of_the_authority_is_taken_for_a_lost_history(desk: Desk) -> None:
    backup = desk.there.back_up()
    desk.give(SendMessage(MAI.id, "hello"))
    desk.run()
    desk.there.restore_from(backup)
    desk.there.epoch -= 1  # it does not know that it was set back
    desk.run()
    assert desk.texts() == ["hello"]
    desk.assert_like_new()


def test_confirmed_commands_are_kept_for_thirty_days_and_without_the_rows_they_replaced(desk: Desk) -> None:
    desk.give(SendMessage(MAI.id, "hello"))
    desk.run()
    reader = desk.store.reader
    kept = "SELECT (SELECT count(*) FROM confirmed), (SELECT count(*) FROM outbox), (SELECT count(*) FROM outbox_image)"
    assert tuple(reader.execute(kept).fetchone()) == (1, 0, 0)
    desk.there.now += KEPT - MINUTE
    desk.new_exchange().run()
    assert tuple(reader.execute(kept).fetchone()) == (1, 0, 0)
    desk.there.now += 2 * MINUTE
    desk.new_exchange().run()
    assert tuple(reader.execute(kept).fetchone()) == (0, 0, 0)


# No loops


def test_an_authority_that_knows_no_place_is_asked_twice_and_then_the_agent_is(desk: Desk) -> None:
    desk.there.now += 2 * HOUR
    desk.there.broken = "cursor-too-old"
    desk.there.asked.clear()
    with pytest.raises(StuckError, match="ismsg sync --anew"):
        desk.run()
    assert len(desk.there.asked) == 2
    for _ in range(5):
        with pytest.raises(StuckError):
            desk.run()
    assert desk.store.replica.generation == 2  # the first filling, and this one
    desk.restart()
    with pytest.raises(StuckError):
        desk.run()
    assert desk.store.replica.generation == 2


def test_what_is_given_leaves_although_rows_can_not_come(desk: Desk) -> None:
    desk.there.now += 2 * HOUR
    desk.there.broken = "cursor-too-old"
    with pytest.raises(StuckError):
        desk.run()
    desk.give(SendMessage(MAI.id, "urgent"))
    with pytest.raises(StuckError):
        desk.run()
    assert outbox.counts(desk.store.reader).unsent == 0
    assert desk.texts() == ["urgent"]
    desk.there.broken = ""
    desk.run()
    desk.assert_like_new()


def test_once_asked_for_or_an_hour_later_it_is_tried_once_more(desk: Desk) -> None:
    desk.there.now += 2 * HOUR
    desk.there.broken = "cursor-too-old"
    for asked, later in ((False, 0), (True, 0), (False, HOUR + 1)):
        generation = desk.store.replica.generation
        desk.there.now += later
        if asked:
            desk.store.want_anew()
        for _ in range(2):
            with pytest.raises(StuckError):
                desk.run()
        assert desk.store.replica.generation == generation + 1
    desk.there.broken = ""
    desk.run()
    desk.assert_like_new()


def test_an_authority_that_is_restored_twice_is_followed_a_minute_after_the_first_time(desk: Desk) -> None:
    desk.there.now += 2 * HOUR
    backup = desk.there.back_up()
    desk.there.restore_from(backup)
    desk.run()
    desk.there.restore_from(backup)
    with pytest.raises(StuckError):
        desk.run()
    desk.there.now += MINUTE
    desk.run()
    assert desk.store.replica.epoch == "e3"
    desk.assert_like_new()


def test_what_is_given_to_another_history_stays_in_sight_until_that_is_here(desk: Desk) -> None:
    for text in ("one", "two", "three"):
        desk.there.hear(text)
    desk.run()
    desk.there.now += 2 * HOUR
    backup = Historian().back_up()
    for _ in range(2):
        desk.there.restore_from(backup)
        desk.give(SendMessage(MAI.id, f"answer {desk.there.epoch}"))
        desk.restart()
        with suppress(StuckError):
            desk.run()
        assert f"answer {desk.there.epoch}" in desk.texts()
    desk.there.now += MINUTE
    desk.run()
    assert sorted(desk.texts()) == ["answer 2", "answer 3"]
    desk.assert_like_new()


def test_a_clock_that_was_set_back_does_not_forbid_it_for_longer_than_an_hour(desk: Desk) -> None:
    desk.there.now += 48 * HOUR
    desk.there.epoch += 1
    desk.run()
    desk.there.now -= 24 * HOUR
    desk.there.epoch += 1
    desk.run()
    assert desk.store.replica.epoch == "e3"


def test_another_sight_is_followed_as_often_as_once_a_minute(desk: Desk) -> None:
    desk.there.hear("hello")
    for contact in (MAI, OMAR):
        desk.there.hide(contact.id)
        desk.there.now += 2 * MINUTE
        desk.run()
    desk.assert_like_new()
    desk.there.hidden.clear()
    desk.there.sight += 1
    with pytest.raises(StuckError):
        desk.run()
    desk.there.now += 2 * MINUTE
    desk.run()
    assert desk.texts() == ["hello"]


def test_another_version_that_keeps_more_asks_for_all_rows_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    generation = desk.store.replica.generation
    monkeypatch.setattr(exchange, "SHAPE", "another")
    monkeypatch.setattr("ismsg_tui.store.replica.SHAPE", "another")
    for _ in range(2):
        desk.new_exchange().run()
    assert desk.store.replica.generation == generation + 1


# Out of sight


def page_without(desk: Desk, contact: Contact) -> Page:
    at = desk.store.cursor
    return Page(at, at + 1, (), gone=(contact.id,))


def test_a_contact_that_goes_out_of_sight_takes_everything_along_but_what_was_typed(desk: Desk) -> None:
    desk.there.hear("a pelican")
    desk.run()
    desk.store.save_draft(ANA.id, MAI.id, Draft("typed"), desk.there.now)
    desk.store.apply(page_without(desk, MAI))
    assert all(MAI.id not in str(values) for rows in rows_of(desk.store).values() for values in rows)
    assert search_messages(desk.store.reader, "pelican", 5) == []
    assert read_draft(desk.store.reader, ANA.id, MAI.id) == Draft("typed")
    assert_sound(desk.store)


def test_what_waits_for_a_contact_out_of_sight_is_refused_and_what_may_have_left_is_not(desk: Desk) -> None:
    desk.there.hear("hello")
    desk.run()
    sent = desk.give(SendMessage(MAI.id, "sent"))
    desk.store.mark_sending(departures.ready(desk.store.reader, desk.there.now, 1))
    waiting = desk.give(SendMessage(MAI.id, "waiting"))
    desk.give(MarkUnread(MAI.id))
    told = desk.store.apply(page_without(desk, MAI))
    assert [issued.id for issued in told] == [waiting]
    states = {
        entry.issued.id: (entry.state, entry.problem) for entry in outbox.entries(desk.store.reader, *OutboxState)
    }
    assert states.keys() == {sent, waiting}
    assert states[sent][0] is OutboxState.SENDING
    state, problem = states[waiting]
    assert state is OutboxState.REFUSED
    assert problem is not None
    assert problem.code == "not-visible"
    desk.store.acknowledge(sent, 1)
    assert rows_of(desk.store)["message"] == []
    assert_sound(desk.store)


def test_pages_joined_to_one_say_what_they_say_one_after_the_other() -> None:
    line = Message(id=uid(), contact_id=MAI.id, kind=MessageKind.INCOMING, at=T0, text="hello")
    here = Page(0, 1, ((1, MAI), (1, line)), more=True)
    gone = Page(1, 2, (), more=True, gone=(MAI.id,))
    back = Page(2, 3, ((1, MAI), (1, line)))
    assert joined([here, replace(gone, more=False)]) == Page(0, 2, (), gone=(MAI.id,))
    assert joined([here, gone, back]) == Page(0, 3, back.rows)
    assert joined([gone, replace(gone, since=2, to=3)]) == Page(1, 3, (), more=True, gone=(MAI.id,))


# Whose store it is


def test_an_unused_store_becomes_that_of_a_user_and_no_other(tmp_path: Path) -> None:
    store = Store(tmp_path)
    own = User(id=uid(), name="me")
    store.adopt([replace(WORKSPACE, id=uid(), name="Local inbox"), own])
    join(store, WORKSPACE, ANA)
    assert (store.settings.workspace, list(store.settings.users)) == (WORKSPACE, [ANA.id])
    join(store, WORKSPACE, ANA)
    for workspace, user in ((replace(WORKSPACE, id=uid()), ANA), (WORKSPACE, own)):
        with pytest.raises(StoreInUseError, match="Hotel"):
            join(store, workspace, user)
    store.close()


def test_a_store_with_something_in_it_is_not_given_to_another_workspace(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.adopt([*SETTINGS, MAI])
    with pytest.raises(StoreInUseError, match="Hotel"):
        join(store, replace(WORKSPACE, id=uid()), ANA)
    assert store.settings.workspace == WORKSPACE
    store.close()


def test_an_authority_that_takes_the_user_for_another_is_told_nothing_and_believed_nothing(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    join(desk.store, WORKSPACE, ANA)
    with pytest.raises(ClientError, match="somebody else"):
        desk.run()
    assert desk.there.asked == []
    desk.store.close()


# Everything at once


class Restored(RuleBasedStateMachine):
    """A store whose authority is restored, hides contacts, and is cut off in the middle of pages, again and again."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.desk = Desk(Path(self.folder.name))
        self.backup = self.desk.there.back_up()
        self.lasting: list[str] = []
        """Texts that may never be lost again: this console gave them."""
        self.attempt(None)

    def teardown(self) -> None:
        try:
            self.desk.there.cut_after = None
            self.settle()
            self.desk.assert_like_new()
            hidden = self.desk.there.hidden
            shown = [*self.desk.texts(MAI), *self.desk.texts(OMAR)]
            refused = {getattr(told.issued.command, "text", "") for told in self.desk.refused}
            assert hidden or {text for text in self.lasting if text not in refused} <= set(shown)
            assert all(shown.count(text) <= 1 for text in self.lasting)
        finally:
            self.desk.store.close()
            self.folder.cleanup()

    def settle(self) -> None:
        for _ in range(4):
            self.desk.there.now += 2 * HOUR
            self.attempt(None)

    def attempt(self, pages: int | None) -> None:
        self.desk.there.cut_after = pages
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(exchange, "PAGE_ROWS", 2)
            patch.setattr(exchange, "now_ms", lambda: self.desk.there.now)
            patch.setattr(exchange, "ASK_AFTER", 1_000 * HOUR)
            with suppress(UnreachableError, StuckError):
                self.desk.run()
        self.desk.there.cut_after = None

    @rule(contact=st.sampled_from([MAI, OMAR]), comment=st.booleans())
    def the_agent_writes(self, contact: Contact, comment: bool) -> None:
        text = f"own {len(self.lasting)}"
        command = AddComment(contact.id, text) if comment else SendMessage(contact.id, text)
        self.desk.there.now += 1
        try:
            self.desk.give(command)
        except Exception:
            return  # the contact is out of sight
        self.lasting.append(text)

    @rule(contact=st.sampled_from([MAI, OMAR]))
    def a_contact_writes(self, contact: Contact) -> None:
        self.desk.there.hear(f"theirs {self.desk.there.now}", contact)

    @rule(pages=st.sampled_from([None, None, 0, 1, 2, 5]))
    def they_meet(self, pages: int | None) -> None:
        self.desk.there.now += 2 * HOUR
        self.attempt(pages)

    @rule()
    def a_backup_is_made(self) -> None:
        self.backup = self.desk.there.back_up()

    @rule()
    def the_backup_is_restored(self) -> None:
        self.desk.there.restore_from(self.backup)

    @rule(hide=st.booleans())
    def the_sight_changes(self, hide: bool) -> None:
        self.desk.there.hidden.clear()
        self.desk.there.sight += 1
        if hide:
            self.desk.there.hide(OMAR.id)

    @rule()
    def the_console_is_opened_again(self) -> None:
        self.desk.restart()

    @rule(limit=st.integers(1, 3))
    def a_little_is_swept(self, limit: int) -> None:
        self.desk.store.sweep(limit)

    @invariant()
    def every_unsent_command_stands_in_the_tables(self) -> None:
        waiting = outbox.entries(self.desk.store.reader, OutboxState.PENDING)
        shown = {*self.desk.texts(MAI), *self.desk.texts(OMAR)}
        known = {row["id"] for row in self.desk.store.reader.execute("SELECT id FROM contact")}
        texts = [
            entry.issued.command.text
            for entry in waiting
            if isinstance(entry.issued.command, SendMessage | AddComment) and entry.issued.command.contact_id in known
        ]
        assert set(texts) <= shown


def run(count: int, **more: Any) -> None:
    slow = list(HealthCheck)
    checked = settings(max_examples=count, stateful_step_count=20, suppress_health_check=slow, **more)
    run_state_machine_as_test(Restored, settings=checked)


def test_whatever_is_restored_hidden_or_cut_off_the_store_ends_as_one_that_was_filled_only_now() -> None:
    run(examples(40))


# That the property can fail: each of these faults is found.


def same_generation(connection: Connection, epoch: str, sight: int, head: int, at: int | None) -> None:
    connection.execute(
        "UPDATE replica SET cursor = 0, epoch = ?, sight = ?, shape = ?, rebuilding = ?, anew_at = ifnull(?, anew_at)",
        (epoch, sight, SHAPE, head, at),
    )


def forgotten(connection: Connection, n: int) -> None:
    outbox.remove(connection, n)


def nothing_again(connection: Connection) -> None:
    """What was acknowledged is taken for safe."""


FAULTS: dict[str, tuple[object, str, object]] = {
    "rows of the old history are as good as those of the new one": (following, "begin_generation", same_generation),
    "nothing is swept": (Store, "sweep", lambda self, limit=1: False),
    "confirmed commands are forgotten": (outbox, "confirm", forgotten),
    "acknowledged commands are not sent again": (outbox, "send_all_again", nothing_again),
    "the cursor stays where it was": (Store, "begin_anew", lambda self, *args, **more: None),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_property_finds_a_store_in_which(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, name, instead = FAULTS[fault]
    monkeypatch.setattr(owner, name, instead)
    with pytest.raises((AssertionError, CursorError, ClientError, AnewError)):
        run(200, derandomize=True, database=None, phases=[Phase.generate], report_multiple_bugs=False)
