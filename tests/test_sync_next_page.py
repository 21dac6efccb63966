"""The next page is fetched while one is taken in: nothing comes out of turn, and nothing stays of what was given up."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ismsg_tui.domain.changes import Page
from ismsg_tui.domain.commands import Issued, SendMessage
from ismsg_tui.store.store import Store
from ismsg_tui.sync import exchange
from ismsg_tui.sync.authority import Authority, UnreachableError
from ismsg_tui.sync.exchange import Exchange
from ismsg_tui.sync.next_page import NextPage
from ismsg_tui.sync.relay import Relay
from tests.factories import MAI
from tests.replicas import assert_sound
from tests.test_sync_anew import OMAR, Desk, Historian
from tests.waiting import PATIENCE


class Gate(Relay):
    """What stands before an authority: sees which pages are asked for, and may hold them up."""

    def __init__(self, real: Historian) -> None:
        self.real = real
        self.asked: list[int] = []
        self.answered: list[int] = []
        self.under_way = 0
        self.most = 0
        self.before: Callable[[int], object] = lambda _: None
        self._news = threading.Condition()

    def there(self) -> Authority:
        return self.real

    def changes(self, since: int, limit: int, begun: int = 0) -> Page:
        with self._news:
            self.asked.append(since)
            self.under_way += 1
            self.most = max(self.most, self.under_way)
            self._news.notify_all()
        try:
            self.before(since)
            return super().changes(since, limit, begun)
        finally:
            with self._news:
                self.under_way -= 1
                self.answered.append(since)
                self._news.notify_all()

    def is_asked(self, since: int) -> bool:
        """Whether a page is asked for, be it in a moment."""
        with self._news:
            return self._news.wait_for(lambda: since in self.asked, PATIENCE)

    def has_answered(self, since: int) -> bool:
        """Whether there was an answer, be it in a moment."""
        with self._news:
            return self._news.wait_for(lambda: since in self.answered, PATIENCE)


class GatedDesk(Desk):
    """A desk that is to be left when `stopping`."""

    stopping = False
    gate: Gate

    def new_exchange(self) -> Exchange:
        self.gate = Gate(self.there)
        return Exchange(self.store, self.gate, on_refused=self.refused.append, stopping=lambda: self.stopping)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GatedDesk]:
    """An empty store, and an authority of seven revisions of which each is a page."""
    monkeypatch.setattr(exchange, "PAGE_ROWS", 1)
    monkeypatch.setattr(exchange, "QUICK", 0.0)  # so that pages stay small
    desk = GatedDesk(tmp_path)
    monkeypatch.setattr(exchange, "now_ms", lambda: desk.there.now)
    for number in range(6):
        desk.there.hear(f"message {number}", OMAR if number % 2 else MAI)
    yield desk
    desk.store.close()


@pytest.fixture
def while_applying(desk: GatedDesk, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Lets something happen before a page is taken in, and after it."""

    def patch(before: Callable[[Page], object], after: Callable[[Page], object] = lambda _: None) -> None:
        apply = Store.apply

        def watched(self: Store, page: Page) -> list[Issued]:
            if self is not desk.store:  # one to compare with
                return apply(self, page)
            before(page)
            refused = apply(self, page)
            after(page)
            return refused

        monkeypatch.setattr(Store, "apply", watched)

    return patch


def test_the_next_page_is_fetched_while_one_is_taken_in(desk: GatedDesk, while_applying: Callable[..., None]) -> None:
    meanwhile: list[bool] = []
    while_applying(lambda page: meanwhile.append(not page.more or desk.gate.has_answered(page.to)))
    desk.run()
    assert meanwhile == [True] * 7
    desk.assert_like_new()


def test_pages_come_one_at_a_time_in_order_and_only_one_ahead(
    desk: GatedDesk, while_applying: Callable[..., None]
) -> None:
    taken_in: list[tuple[int, int]] = []
    ahead: list[int] = []
    while_applying(
        lambda page: page.more and desk.gate.has_answered(page.to),
        lambda page: taken_in.append((page.since, page.to)),
    )
    desk.gate.before = lambda since: ahead.append(since - len(taken_in))
    desk.run()
    assert taken_in == [(since, since + 1) for since in range(7)]
    assert desk.gate.asked == list(range(7))
    assert desk.gate.most == 1
    assert ahead == [0, *[1] * 6]


def test_a_page_that_fails_is_met_behind_those_before_it_and_asked_for_again(desk: GatedDesk) -> None:
    def cut(since: int) -> None:
        if since == 3:
            raise UnreachableError("cut")

    desk.gate.before = cut
    with pytest.raises(UnreachableError, match="cut"):
        desk.run()
    assert desk.store.cursor == 3
    desk.gate.before = lambda _: None
    desk.run()
    assert desk.gate.asked == [0, 1, 2, 3, 3, 4, 5, 6]
    desk.assert_like_new()


def test_whoever_leaves_waits_for_no_page_and_takes_none_in_that_comes_later(
    desk: GatedDesk, while_applying: Callable[..., None]
) -> None:
    freed = threading.Event()

    def leave(page: Page) -> None:
        if page.to == 3:
            desk.gate.is_asked(3)
            desk.stopping = True

    while_applying(leave)
    desk.gate.before = lambda since: since == 3 and freed.wait(2 * PATIENCE)
    thread = threading.Thread(target=desk.run, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    left = not thread.is_alive()
    freed.set()
    assert left
    assert desk.gate.has_answered(3)
    assert desk.store.cursor == 3
    desk.stopping = False
    desk.run()
    assert desk.gate.asked == [0, 1, 2, 3, 3, 4, 5, 6]
    desk.assert_like_new()


def restore(desk: GatedDesk, backup: tuple[object, ...]) -> None:
    desk.there.restore_from(backup)
    desk.there.hear("of the new history")


def hide(desk: GatedDesk, _: object) -> None:
    desk.there.hide(OMAR.id)


@pytest.mark.parametrize("change", [restore, hide])
@pytest.mark.parametrize("early", [True, False], ids=["the page ahead is older", "the page ahead is refused"])
def test_where_history_or_sight_change_between_two_pages_the_store_ends_as_one_filled_then(
    desk: GatedDesk,
    while_applying: Callable[..., None],
    change: Callable[[GatedDesk, tuple[object, ...]], None],
    *,
    early: bool,
) -> None:
    backup = desk.there.back_up()
    desk.there.hear("lost")
    changed = threading.Event()

    def happen(page: Page) -> None:
        if page.to == 3 and not changed.is_set():
            if early:
                desk.gate.has_answered(3)
            change(desk, backup)
            changed.set()

    while_applying(happen)
    if not early:
        desk.gate.before = lambda since: since == 3 and changed.wait(PATIENCE)
    desk.run()
    assert changed.is_set()
    assert desk.gate.asked.count(0) == 2, "it began anew"
    assert "lost" not in desk.texts() or change is hide
    desk.assert_like_new()


def test_what_fails_between_two_pages_leaves_no_page_behind(
    desk: GatedDesk, while_applying: Callable[..., None]
) -> None:
    """The page that was fetched before the failure is not taken for that of another history."""
    backup = desk.there.back_up()
    full = [OSError("the disk is full")]

    def fail(page: Page) -> None:
        if page.to == 3 and full:
            desk.gate.has_answered(3)
            raise full.pop()

    while_applying(fail)
    with pytest.raises(OSError, match="full"):
        desk.run()
    assert desk.store.cursor == 2
    restore(desk, backup)
    desk.run()
    desk.assert_like_new()


def test_a_process_that_dies_between_two_pages_goes_on_behind_the_last_that_was_taken_in(
    desk: GatedDesk, while_applying: Callable[..., None]
) -> None:
    deaths = [KeyboardInterrupt()]

    def die(page: Page) -> None:
        if page.to == 3 and deaths:
            desk.gate.has_answered(3)
            raise deaths.pop()

    while_applying(lambda _: None, die)
    with pytest.raises(KeyboardInterrupt):
        desk.run()
    desk.restart()
    desk.run()
    assert desk.gate.asked == [3, 4, 5, 6]
    desk.assert_like_new()


def test_a_command_given_while_a_page_is_fetched_ahead_stays_in_sight(
    desk: GatedDesk, while_applying: Callable[..., None]
) -> None:
    def give(page: Page) -> None:
        if page.to == 3:
            desk.gate.has_answered(3)
            desk.give(SendMessage(MAI.id, "meanwhile"))

    while_applying(give)
    missing: list[frozenset[str]] = []

    def look(changed: frozenset[str]) -> None:
        if desk.store.cursor >= 3 and "meanwhile" not in desk.texts():
            missing.append(changed)

    desk.store.listen(look)
    desk.run()
    desk.run()
    assert missing == []
    assert desk.texts().count("meanwhile") == 1
    desk.assert_like_new()


def test_a_page_that_is_not_the_one_is_waited_for_and_forgotten_with_its_failure(desk: GatedDesk) -> None:
    def cut(since: int) -> None:
        if since == 2:
            raise UnreachableError("cut")

    desk.exchange.meet()
    desk.gate.before = cut
    pages = NextPage(desk.gate)
    pages.begin(2, 1, 0)
    assert pages.get(4, 1, 0).since == 4
    assert (desk.gate.asked, desk.gate.most) == ([2, 4], 1)
    desk.gate.before = lambda _: None
    pages.begin(2, 1, 0)
    pages.drop()
    assert pages.get(2, 1, 7).since == 2
    assert desk.gate.asked == [2, 4, 2, 2]


# A store that is being filled


def test_a_store_that_dies_while_it_is_filled_is_whole_and_goes_on(
    desk: GatedDesk, while_applying: Callable[..., None], tmp_path: Path
) -> None:
    """What a dead process leaves is the file and the log beside it, which may be long by then."""
    left = tmp_path / "left"
    left.mkdir()

    def die(page: Page) -> None:
        if page.to == 5:
            for path in tmp_path.glob("ismsg.db*"):
                if not path.name.endswith("-shm"):
                    shutil.copy(path, left)

    while_applying(lambda _: None, die)
    desk.run()
    desk.store.close()
    desk.store = Store(left)
    assert desk.store.cursor == 5
    assert_sound(desk.store)
    desk.exchange = desk.new_exchange()
    desk.run()
    assert desk.gate.asked == [5, 6]
    desk.assert_like_new()


def test_once_all_rows_are_there_the_store_writes_as_ever(desk: GatedDesk, while_applying: Callable[..., None]) -> None:
    def checkpoint() -> int:
        pages: int = desk.store._writer.execute("PRAGMA wal_autocheckpoint").fetchone()[0]
        return pages

    usual = checkpoint()
    seen: list[bool] = []
    while_applying(lambda _: None, lambda page: seen.append(page.more is (checkpoint() > usual)))
    desk.run()
    assert seen == [True] * 7
    assert checkpoint() == usual
