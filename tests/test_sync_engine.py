"""The sync thread against an authority that fails in every way it can."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from ismsg_tui.domain.changes import Answer, Page
from ismsg_tui.domain.commands import (
    AssignContact,
    Command,
    Issued,
    ReceiveMessage,
    SendMessage,
    SetDelivery,
)
from ismsg_tui.domain.entities import Delivery, Message
from ismsg_tui.domain.ids import Part, derived_id
from ismsg_tui.domain.state import Refusal
from ismsg_tui.domain.wire import PresenceNote
from ismsg_tui.files.handling import Cancelled, Progress
from ismsg_tui.store import outbox
from ismsg_tui.store.drafts import Draft, read_draft
from ismsg_tui.store.outbox import Counts, OutboxState
from ismsg_tui.store.store import Store
from ismsg_tui.store.timeline import timeline_page
from ismsg_tui.sync import engine, exchange
from ismsg_tui.sync.authority import (
    BusyError,
    ClientError,
    OnPresence,
    SignedOutError,
    Standing,
    UnreachableError,
)
from ismsg_tui.sync.engine import Refused, Sync, SyncState, SyncStatus
from ismsg_tui.sync.exchange import Exchange
from tests.factories import ANA, BEN, BOT, BY_ANA, BY_BEN, GUEST, HOUR, MAI, SETTINGS, T0, uid
from tests.memory_authority import MemoryAuthority
from tests.replicas import rows_in, rows_of
from tests.waiting import PATIENCE, until

NO = Refusal("text-too-long", "The authority knows better.")


class Line:
    """The line to an authority: it can be cut, lose answers, break, and let nobody speak."""

    def __init__(self, authority: MemoryAuthority) -> None:
        self.authority = authority
        self.cut = False
        self.trouble: Exception | None = None
        self.lose_answers = 0
        self.broken: Exception | None = None
        self.refuse: set[str] = set()
        self.pushed: list[str] = []
        self.asked = threading.Event()
        self.times_asked = 0

    def push(self, commands: Sequence[Issued]) -> list[Answer]:
        self.check()
        if self.broken is not None:
            raise self.broken
        self.pushed += [issued.id for issued in commands]
        kept = self.authority.push([issued for issued in commands if issued.id not in self.refuse])
        answers = {answer.command_id: answer for answer in kept}
        if self.lose_answers:
            self.lose_answers -= 1
            raise UnreachableError("no answer")
        return [answers.get(issued.id, Answer(issued.id, refusal=NO)) for issued in commands]

    def changes(self, since: int, limit: int, begun: int = 0) -> Page:
        self.check()
        return self.authority.changes(since, limit, begun)

    def meet(self) -> Standing:
        self.check()
        return self.authority.meet()

    def watch(self, hint: Callable[[], None], on_presence: OnPresence) -> Callable[[], None]:
        self.check()
        return self.authority.watch(hint, on_presence)

    def announce(self, note: PresenceNote) -> None:
        self.check()
        self.authority.announce(note)

    def has_blob(self, sha256: str) -> bool:
        self.check()
        return self.authority.has_blob(sha256)

    def put_blob(self, sha256: str, path: Path, progress: Progress, cancelled: Cancelled) -> None:
        self.check()
        self.authority.put_blob(sha256, path, progress, cancelled)

    def get_blob(self, sha256: str, to: Path, progress: Progress, cancelled: Cancelled) -> None:
        self.check()
        self.authority.get_blob(sha256, to, progress, cancelled)

    def check(self) -> None:
        self.times_asked += 1
        self.asked.set()
        if self.cut:
            raise UnreachableError("cut")
        if self.trouble is not None:
            raise self.trouble


class Awaited(threading.Event):
    """An event that tells how often somebody began to wait for it."""

    def __init__(self) -> None:
        super().__init__()
        self.waits = 0

    def wait(self, timeout: float | None = None) -> bool:
        self.waits += 1
        return super().wait(timeout)


class Desk:
    """A store with one contact in it and a line to where that came from."""

    def __init__(self, folder: Path) -> None:
        self.now = T0
        self.authority = MemoryAuthority(lambda: self.now)
        self.authority.seed([*SETTINGS, MAI])
        self.line = Line(self.authority)
        self.store = Store(folder)
        self.refused: list[Refused] = []
        self.told: list[SyncStatus] = []
        self.heard = threading.Condition()
        self.sync = self.new_sync()
        self.sync.exchange()

    def new_sync(self) -> Sync:
        return Sync(self.store, self.line, on_state=self.on_state, on_refused=self.refused.append)

    def on_state(self, status: SyncStatus) -> None:
        with self.heard:
            self.told.append(status)
            self.heard.notify_all()

    def wait_for(self, state: SyncState, unsent: int = 0) -> SyncStatus:
        """Wait until things stand so, as last told."""
        with self.heard:
            assert self.heard.wait_for(lambda: self.stands(state, unsent), PATIENCE), self.told
            return self.told[-1]

    def stands(self, state: SyncState, unsent: int) -> bool:
        return bool(self.told) and (self.told[-1].state, self.told[-1].counts.unsent) == (state, unsent)

    def wait_for_attempts(self, times: int) -> None:
        """Wait until the authority was asked that often."""
        until(lambda: self.line.times_asked >= times, seen=lambda: self.line.times_asked)

    def give(self, command: Command, hold: int = 0) -> str:
        issued = Issued(uid(), command, BY_ANA, self.now)
        assert self.store.execute(issued, hold_until=self.now + hold if hold else 0) is not None
        return issued.id

    def texts(self) -> list[str]:
        return [line.message.text for line in timeline_page(self.store.reader, MAI.id) if line.message.text]

    def there(self) -> list[str]:
        """The texts that the authority has."""
        return [row.text for _, row in self.authority.rows() if isinstance(row, Message) and row.text]

    def draft(self) -> Draft:
        return read_draft(self.store.reader, ANA.id, MAI.id)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    monkeypatch.setattr(engine, "now_ms", lambda: desk.now)
    monkeypatch.setattr(exchange, "now_ms", lambda: desk.now)
    monkeypatch.setattr(engine, "FIRST_RETRY", 0.001)
    monkeypatch.setattr(engine, "LONGEST_RETRY", 0.01)
    desk.sync = desk.new_sync()
    yield desk
    desk.sync.stop()
    desk.store.close()


def test_what_was_sent_while_the_line_was_cut_leaves_in_order_when_it_is_back(desk: Desk) -> None:
    desk.line.cut = True
    for text in ("one", "two", "three"):
        desk.give(SendMessage(MAI.id, text))
    with pytest.raises(UnreachableError):
        desk.sync.exchange()
    assert desk.texts() == ["one", "two", "three"]
    desk.line.cut = False
    desk.sync.exchange()
    assert desk.there() == desk.texts() == ["one", "two", "three"]
    assert not outbox.any_in_play(desk.store.reader)


def test_a_console_that_was_too_slow_is_refused_and_left_with_the_truth(desk: Desk) -> None:
    desk.authority.submit(Issued(uid(), AssignContact(MAI.id, BEN.id), BY_BEN, desk.now))
    desk.give(AssignContact(MAI.id, ANA.id))
    desk.sync.exchange()
    assert [found.refusal.code for found in desk.refused] == ["assignment-conflict"]
    assert rows_of(desk.store) == rows_in(row for _, row in desk.authority.rows())


def test_a_lost_answer_makes_no_second_message(desk: Desk) -> None:
    desk.line.lose_answers = 2
    desk.give(SendMessage(MAI.id, "once"))
    for _ in range(2):
        with pytest.raises(UnreachableError):
            desk.sync.exchange()
    desk.sync.exchange()
    assert len(desk.line.pushed) == 3
    assert desk.there() == desk.texts() == ["once"]


def test_a_refused_text_stays_in_the_timeline_with_the_reason_and_out_of_the_draft(desk: Desk) -> None:
    refused = desk.give(SendMessage(MAI.id, "too long"))
    desk.line.refuse.add(refused)
    desk.store.save_draft(ANA.id, MAI.id, Draft("typed since"), desk.now)
    desk.sync.exchange()
    (line,) = timeline_page(desk.store.reader, MAI.id)
    assert (line.message.text, line.state, line.problem) == ("too long", "refused", NO.reason)
    assert desk.draft() == Draft("typed since")
    assert [(told.issued.id, told.refusal) for told in desk.refused] == [(refused, NO)]
    assert [entry.problem for entry in outbox.entries(desk.store.reader, OutboxState.REFUSED)] == [NO]


def test_several_refused_texts_stay_in_the_order_in_which_they_were_sent(desk: Desk) -> None:
    desk.line.refuse = {desk.give(SendMessage(MAI.id, text)) for text in ("one", "two", "three")}
    desk.sync.exchange()
    assert desk.texts() == ["one", "two", "three"]


def test_a_refusal_takes_the_later_commands_of_the_contact_along_as_far_as_they_need_it(desk: Desk) -> None:
    first = desk.give(AssignContact(MAI.id, ANA.id))
    desk.line.refuse.add(first)
    desk.give(SendMessage(MAI.id, "hello"))
    desk.sync.exchange()
    assert [told.issued.id for told in desk.refused] == [first]
    assert desk.texts() == ["hello"]


# Holding and taking back


def test_a_held_command_leaves_only_after_its_hold(desk: Desk) -> None:
    desk.give(SendMessage(MAI.id, "held"), hold=5_000)
    desk.sync.exchange()
    assert desk.line.pushed == []
    desk.now += 5_000
    desk.sync.exchange()
    assert desk.there() == ["held"]


def test_a_clock_that_was_set_back_holds_nothing_back_for_long(desk: Desk) -> None:
    desk.give(SendMessage(MAI.id, "held"), hold=5_000)
    desk.now -= 6 * HOUR
    desk.sync.exchange()
    assert desk.there() == ["held"]


@pytest.mark.parametrize("jump", [24 * HOUR, -24 * HOUR])
def test_a_clock_that_was_set_by_a_day_asks_about_what_waits(desk: Desk, jump: int) -> None:
    desk.give(SendMessage(MAI.id, "good evening"))
    desk.now += jump
    desk.sync.exchange()
    assert desk.line.pushed == []
    assert outbox.counts(desk.store.reader).asking == 1


def test_commands_of_the_same_contact_wait_behind_a_held_one_and_others_do_not(desk: Desk) -> None:
    other = MAI.__class__(id=uid(), first_name="Omar", channel_id=MAI.channel_id)
    desk.authority.seed([other])
    desk.sync.exchange()
    desk.give(SendMessage(MAI.id, "held"), hold=5_000)
    desk.give(SendMessage(MAI.id, "behind"))
    free = desk.give(SendMessage(other.id, "free"))
    desk.sync.exchange()
    assert desk.line.pushed == [free]
    desk.now += 5_000
    desk.sync.exchange()
    assert desk.there() == ["free", "held", "behind"]


def test_a_command_can_be_withdrawn_until_it_is_sent_and_not_afterwards(desk: Desk) -> None:
    held = desk.give(SendMessage(MAI.id, "oops"), hold=5_000)
    assert desk.store.withdraw(held, desk.now) is not None
    assert (desk.texts(), desk.draft().text) == ([], "oops")
    sent = desk.give(SendMessage(MAI.id, "sent"))
    desk.line.lose_answers = 1
    with pytest.raises(UnreachableError):
        desk.sync.exchange()
    assert desk.store.withdraw(sent, desk.now) is None
    assert desk.texts() == ["sent"]


def test_a_command_withdrawn_just_before_it_would_leave_does_not_leave(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    oops = desk.give(SendMessage(MAI.id, "oops"))
    mark_sending = desk.store.mark_sending

    def too_late(entries: list[outbox.OutboxEntry]) -> list[outbox.OutboxEntry]:
        desk.store.withdraw(oops, desk.now)
        return mark_sending(entries)

    monkeypatch.setattr(desk.store, "mark_sending", too_late)
    desk.sync.exchange()
    assert desk.line.pushed == []
    assert desk.draft().text == "oops"


# Catching up


def tell_a_long_story(desk: Desk) -> str:
    """Ana answers; before she hears of it, much else happens to the contact and to her message."""
    desk.authority.submit(Issued(uid(), ReceiveMessage(MAI.id, "hello", MAI.channel_id), GUEST, desk.now))
    sent = desk.give(SendMessage(MAI.id, "at your service"))
    desk.line.lose_answers = 1
    with pytest.raises(UnreachableError):
        Exchange(desk.store, desk.line).push()
    line = derived_id(sent, Part.MAIN)
    for command in (
        SetDelivery(MAI.id, line, Delivery.SENT),
        ReceiveMessage(MAI.id, "thanks", MAI.channel_id),
        SetDelivery(MAI.id, line, Delivery.READ),
    ):
        desk.authority.submit(Issued(uid(), command, BOT, desk.now))
    return sent


def page_by_page(self: Exchange) -> None:
    more = True
    while more:
        page = self._authority.changes(self._store.cursor, exchange.PAGE_ROWS)
        self._store.apply(page)
        more = page.more


@pytest.mark.parametrize("pull", [Exchange.pull, page_by_page])
def test_an_accepted_message_stays_in_sight_while_the_newest_rows_come_in_small_pages(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, pull: Callable[[Exchange], None]
) -> None:
    monkeypatch.setattr(exchange, "PAGE_ROWS", 1)
    monkeypatch.setattr(Exchange, "pull", pull)
    tell_a_long_story(desk)
    missing: list[frozenset[str]] = []
    desk.store.listen(lambda changed: None if "at your service" in desk.texts() else missing.append(changed))
    desk.sync.exchange()
    assert desk.texts() == ["hello", "at your service", "thanks"]
    assert bool(missing) is (pull is page_by_page), "taking in page by page is what loses it"


def test_many_pages_are_taken_in_though_commands_are_unconfirmed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "PAGE_ROWS", 1)
    monkeypatch.setattr(exchange, "MOST_PAGES", 2)
    tell_a_long_story(desk)
    desk.sync.exchange()
    assert desk.texts() == ["hello", "at your service", "thanks"]


# The thread


def test_the_thread_pushes_what_is_given_and_pulls_what_is_hinted_at(desk: Desk) -> None:
    desk.sync.start()
    desk.wait_for(SyncState.SYNCED)
    left = threading.Event()
    desk.authority.watch(left.set)
    desk.give(SendMessage(MAI.id, "hi"))
    assert left.wait(PATIENCE)
    assert desk.there() == ["hi"]
    arrived = threading.Event()
    desk.store.listen(lambda _: arrived.set() if "hello" in desk.texts() else None)
    desk.authority.submit(Issued(uid(), ReceiveMessage(MAI.id, "hello"), GUEST, desk.now))
    assert arrived.wait(PATIENCE)


def test_the_thread_lets_a_held_command_go_when_its_hold_is_over(desk: Desk) -> None:
    left = threading.Event()
    desk.give(SendMessage(MAI.id, "held"), hold=5_000)
    desk.sync.start()
    desk.wait_for(SyncState.SYNCED, unsent=1)
    assert desk.there() == []
    desk.authority.watch(left.set)
    desk.now += 5_000
    desk.store.save_draft(ANA.id, MAI.id, Draft("a"), desk.now)
    assert left.wait(PATIENCE)
    assert desk.there() == ["held"]


def test_the_thread_begins_offline_and_carries_on_once_the_authority_can_be_reached(desk: Desk) -> None:
    desk.line.cut = True
    desk.give(SendMessage(MAI.id, "patience"))
    desk.sync.start()
    desk.wait_for_attempts(3)
    offline = desk.wait_for(SyncState.OFFLINE, unsent=1)
    assert [status.since for status in desk.told if status.state is SyncState.OFFLINE] == [offline.since]
    desk.line.cut = False
    desk.wait_for(SyncState.SYNCED)
    assert desk.there() == ["patience"]


def test_an_unforeseen_error_is_told_and_tried_again_and_rows_still_come(
    desk: Desk, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("ismsg_tui"), "propagate", True)
    desk.line.broken = RuntimeError("a fault of the line")
    desk.give(SendMessage(MAI.id, "stuck"))
    desk.authority.submit(Issued(uid(), ReceiveMessage(MAI.id, "hello"), GUEST, desk.now))
    desk.sync.start()
    desk.wait_for_attempts(6)
    desk.wait_for(SyncState.FAILED, unsent=1)
    assert desk.line.broken in [record.exc_info[1] for record in caplog.records if record.exc_info]
    assert "hello" in desk.texts()
    desk.line.broken = None
    desk.wait_for(SyncState.SYNCED)
    assert "stuck" in desk.there()


def test_a_listener_that_fails_stops_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: object) -> None:
        raise RuntimeError("a fault of the screen")

    desk.store.listen(fails)
    sync = Sync(desk.store, desk.line, on_state=fails, on_refused=fails)
    desk.line.refuse.add(desk.give(SendMessage(MAI.id, "no")))
    sent = threading.Event()
    desk.authority.watch(sent.set)
    sync.start()
    desk.give(SendMessage(MAI.id, "yes"))
    assert sent.wait(PATIENCE)
    sync.stop()
    assert desk.there() == ["yes"]


def test_a_typed_letter_does_not_cut_the_wait_after_a_failure_short(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "FIRST_RETRY", 1_000.0)
    desk.line.cut = True
    desk.sync = desk.new_sync()
    spoken = desk.sync._hinted = Awaited()
    desk.sync.start()
    desk.wait_for(SyncState.OFFLINE)
    until(lambda: spoken.waits == 1)  # nothing else can end this wait
    desk.store.save_draft(ANA.id, MAI.id, Draft("a"), desk.now)
    assert desk.sync._wake.is_set(), "the letter was noticed"
    assert not spoken.is_set()
    desk.line.asked.clear()
    desk.sync.try_now()
    assert desk.line.asked.wait(PATIENCE)


def test_a_typed_letter_asks_the_authority_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "LOOK", 0.01)
    work = desk.sync._wake = Awaited()
    desk.sync.start()
    desk.wait_for(SyncState.SYNCED)
    desk.line.asked.clear()
    desk.store.save_draft(ANA.id, MAI.id, Draft("a"), desk.now)
    waits = work.waits
    until(lambda: work.waits >= waits + 2)  # in between it has looked at what there is to do
    assert not desk.line.asked.is_set()


def test_patience_that_the_authority_asks_for_is_kept_and_rows_still_come(desk: Desk) -> None:
    ended = desk.sync._stopped = Awaited()
    desk.line.broken = BusyError("Wait a moment.", retry_after=1_000)
    desk.give(SendMessage(MAI.id, "later"))
    desk.authority.submit(Issued(uid(), ReceiveMessage(MAI.id, "hello"), GUEST, desk.now))
    desk.sync.start()
    with desk.heard:
        assert desk.heard.wait_for(lambda: any(status.reason for status in desk.told), PATIENCE)
    assert (desk.told[-1].state, desk.told[-1].reason) == (SyncState.SYNCING, "Wait a moment.")
    assert "hello" in desk.texts()
    until(lambda: ended.waits == 1)  # nothing else can end this wait
    desk.line.asked.clear()
    desk.sync.try_now()
    assert desk.sync._hinted.is_set()
    assert not desk.line.asked.is_set()


@pytest.mark.parametrize(
    ("trouble", "state"),
    [
        (SignedOutError("Sign in again."), SyncState.SIGNED_OUT),
        (ClientError("It answers in riddles."), SyncState.FAILED),
        (UnreachableError("It is away."), SyncState.OFFLINE),
    ],
)
def test_a_trouble_is_told_once_with_its_reason_and_tried_again(
    desk: Desk, trouble: Exception, state: SyncState
) -> None:
    desk.line.trouble = trouble
    desk.sync.start()
    desk.wait_for_attempts(5)
    assert desk.wait_for(state).reason == str(trouble)
    assert [status.state for status in desk.told].count(state) == 1
    desk.line.trouble = None
    desk.wait_for(SyncState.SYNCED)


def test_what_waits_and_what_was_refused_is_counted(desk: Desk) -> None:
    desk.line.refuse.add(desk.give(SendMessage(MAI.id, "no")))
    desk.sync.start()
    desk.wait_for(SyncState.SYNCED)
    assert desk.told[-1].counts == Counts(unsent=0, refused=1, asking=0)
    desk.give(SendMessage(MAI.id, "held"), hold=5_000)
    assert desk.wait_for(SyncState.SYNCED, unsent=1).counts == Counts(unsent=1, refused=1, asking=0)


def test_stopping_is_quick_even_while_waiting_for_the_next_attempt(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "FIRST_RETRY", 1_000.0)
    desk.line.cut = True
    desk.sync = desk.new_sync()
    desk.sync.start()
    desk.wait_for(SyncState.OFFLINE)
    desk.sync.stop()
    assert not desk.sync._thread.is_alive()


def test_a_sync_that_was_never_started_can_be_stopped(desk: Desk) -> None:
    desk.sync.stop()


def test_an_authority_that_answers_nothing_is_not_asked_without_end(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.give(SendMessage(MAI.id, "hi"))
    monkeypatch.setattr(desk.line, "push", lambda _: [])
    with pytest.raises(UnreachableError):
        desk.sync.exchange()


def test_a_message_of_a_colleague_and_a_reply_given_before_it_was_seen_both_stand(desk: Desk) -> None:
    desk.give(SendMessage(MAI.id, "from Ana"))
    desk.authority.submit(Issued(uid(), SendMessage(MAI.id, "from Ben"), BY_BEN, desk.now))
    desk.sync.exchange()
    assert desk.texts() == desk.there() == ["from Ben", "from Ana"]
