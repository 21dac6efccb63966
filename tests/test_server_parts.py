"""The parts of the server that need no network: rates, threads, places, presence, waiting, the journal."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ismsg_tui.domain.wire import Availability, Presence, PresenceNote
from ismsg_tui.server.app import ServerSettings
from ismsg_tui.server.database import Database
from ismsg_tui.server.errors import ProblemError
from ismsg_tui.server.hub import Hub
from ismsg_tui.server.journal import JsonLines
from ismsg_tui.server.limits import Places, Rate, Threads
from ismsg_tui.server.presence import PresenceBoard
from tests.desk_server import desk_on


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


# Rates


@given(st.lists(st.tuples(st.floats(0, 30), st.integers(1, 10)), max_size=60))
@example([(0.01, 1), (0.0, 9), (0.0, 4)])
def test_nobody_gets_more_than_the_rate_allows(steps: list[tuple[float, int]]) -> None:
    clock = Clock()
    rate = Rate(2, 10, clock)
    had = 0
    for seconds, amount in steps:
        clock.now += seconds
        try:
            rate.take("ana", amount)
        except ProblemError as error:
            clock.now += error.retry_after
            rate.take("ana", amount)  # whoever waits as long as is said gets it
        had += amount
        assert had <= 10 + 2 * clock.now + 1e-3


def test_one_client_does_not_use_up_what_another_has() -> None:
    rate = Rate(1, 3, Clock())
    rate.take("ana", 3)
    rate.take("ben", 3)
    with pytest.raises(ProblemError) as refused:
        rate.take("ana")
    assert (refused.value.status, refused.value.retry_after) == (429, 1)


def test_only_what_was_refused_for_its_password_counts_as_a_failure() -> None:
    rate = Rate(1, 1, Clock())
    with rate.failures("ana"):
        pass
    with pytest.raises(ProblemError, match="busy"), rate.failures("ana"):
        raise ProblemError(503, "busy", "busy")
    with pytest.raises(ProblemError, match="wrong"), rate.failures("ana"):
        raise ProblemError(401, "wrong-password", "wrong")
    with pytest.raises(ProblemError, match="Too many"), rate.failures("ana"):
        pytest.fail("it may not be tried")


def test_clients_that_were_quiet_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ismsg_tui.server.limits._MOST_KEYS", 100)
    clock = Clock()
    rate = Rate(1, 5, clock)
    for number in range(1_000):
        clock.now += 0.1
        rate.take(number)
    assert len(rate._left) <= 101


# Threads and places


async def test_so_many_calls_wait_and_no_more() -> None:
    threads = Threads(most=1, waiting=1)
    go = threading.Event()
    calls = [asyncio.create_task(threads.run(go.wait, 10)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(ProblemError) as refused:
        await threads.run(lambda: None)
    assert (refused.value.status, refused.value.code, refused.value.retry_after) == (503, "busy", 1)
    go.set()
    assert await asyncio.gather(*calls) == [True, True]
    await threads.run(lambda: None)


def test_a_newcomer_gets_the_oldest_place() -> None:
    places = Places(2)
    rung: list[str] = []
    with (
        places.enter("device", lambda: rung.append("first")) as first,
        places.enter("device", lambda: rung.append("second")) as second,
        places.enter("other", lambda: rung.append("other")),
    ):
        assert rung == []
        with places.enter("device", lambda: rung.append("third")):
            assert rung == ["first"]
            assert (first.taken, second.taken) == (True, False)
    assert places._places == {}


# Presence


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def board(clock: Clock) -> PresenceBoard:
    return PresenceBoard(60, clock)


def note(state: str = "online", viewing: str | None = None) -> PresenceNote:
    return PresenceNote(Availability(state), viewing)


def test_a_note_is_news_once(board: PresenceBoard) -> None:
    assert board.note("w", "d", "ana", note())
    assert not board.note("w", "d", "ana", note())
    assert board.note("w", "d", "ana", note("busy"))
    assert board.of("w") == [Presence("ana", Availability.BUSY)]
    assert board.of("other") == []


def test_a_note_lasts_for_a_minute_and_longer_when_it_is_repeated(board: PresenceBoard, clock: Clock) -> None:
    board.note("w", "d", "ana", note())
    clock.now = 50
    board.note("w", "d", "ana", note())
    clock.now = 100
    assert len(board.of("w")) == 1
    assert board.forget_old() == []
    clock.now = 110
    assert board.of("w") == []
    assert board.forget_old() == ["w"]
    assert board.forget_old() == []


def test_the_device_in_use_speaks_for_its_user(board: PresenceBoard) -> None:
    board.note("w", "desk", "ana", note("online", "mai"))
    board.note("w", "laptop", "ana", note("away"))
    assert board.of("w") == [Presence("ana", Availability.ONLINE, "mai")]
    board.note("w", "laptop", "ana", note("busy"))
    assert board.of("w") == [Presence("ana", Availability.BUSY)]
    assert board.leave("laptop") == ["w"]
    assert board.of("w") == [Presence("ana", Availability.ONLINE, "mai")]
    assert board.leave("laptop") == []


# Waiting


async def test_whoever_watches_is_rung_once_however_much_happens(sqlite_database: Database) -> None:
    hub = Hub(sqlite_database, Threads(1, 10), look_every=3600)
    hub.start()
    with hub.watch("w") as watch, hub.watch("other") as other:
        for seq in range(1, 1_000):
            hub.mark("w", seq)
        assert await watch.wait(10)
        assert not await other.wait(0)
        watch.silence()
        hub.mark("w", 5)  # an old revision is no news
        assert not await watch.wait(0.01)
        threading.Thread(target=hub.mark, args=("w", 1_000)).start()
        assert await watch.wait(10)
        watch.silence()
        hub.close()
        assert await watch.wait(10)
        assert hub.closing
    assert hub._watches == {}
    await hub.stop()
    hub.mark("w", 2_000)  # whoever commits after the end of the loop is not disturbed


# When something goes wrong


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """The journal of what the server itself says."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    logger = logging.getLogger("ismsg_tui")
    logger.addHandler(handler)
    yield stream
    logger.removeHandler(handler)


def test_a_fault_is_a_problem_with_an_id_and_its_words_stay_secret(
    sqlite_database: Database, tmp_path: Path, lines: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrote = "my card number is 4711"
    with desk_on(sqlite_database, tmp_path) as desk:

        def fail(viewer: object) -> None:
            raise KeyError(wrote)

        monkeypatch.setattr(desk.server.ledger, "hello", fail)
        answer = desk.console().get("/hello")
    assert answer.status_code == 500
    body = answer.json()
    assert (body["code"], body["instance"]) == ("internal", answer.headers["request-id"])
    assert "4711" not in answer.text
    [line] = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert line["request"] == body["instance"]
    assert line["level"] == "error"
    assert "KeyError" in line["trace"]
    assert "in fail" in line["trace"]
    assert "4711" not in lines.getvalue()


def test_a_server_with_too_much_to_do_says_so(sqlite_database: Database, tmp_path: Path) -> None:
    with desk_on(sqlite_database, tmp_path, ServerSettings(threads=1, waiting=0)) as desk:
        console = desk.console()
        go, running = threading.Event(), threading.Event()

        def hold() -> None:
            running.set()
            go.wait(10)

        loop = desk.server.hub._loop
        assert loop is not None
        held = asyncio.run_coroutine_threadsafe(desk.server.offload(hold), loop)
        running.wait(10)
        answer = console.get("/hello")
        assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "busy", "1")
        go.set()
        held.result()
        assert console.get("/hello").status_code == 200
