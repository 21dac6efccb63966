"""The live stream over a line that lies: what is lost, repeated or endless changes nothing of what comes of it."""

from __future__ import annotations

import msgspec
import pytest

from ismsg_tui.domain.changes import Page
from ismsg_tui.domain.wire import PageBody
from ismsg_tui.sync import live
from ismsg_tui.sync.live import Ahead
from ismsg_tui.sync.pages import read_page
from ismsg_tui.sync.status import SyncState
from tests.bad_line import BadLine, Rule, answer, endless
from tests.factories import WORKSPACE
from tests.on_a_bad_line import ana, line, team
from tests.team import Console, Team, in_both, quick
from tests.waiting import until

__all__ = ["ana", "line", "team"]

W = f"/v1/w/{WORKSPACE.id}"


def test_streams_that_die_early_are_replaced_by_asking(
    team: Team, line: BadLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick(monkeypatch)
    ana = team.console("ana", address=line.address)
    line.rules = [Rule(f"GET {W}/live", answer(200, b": hello\n\n", kind="text/event-stream"))]
    ana.sync.start()
    ana.wait_for(SyncState.SYNCED)
    until(lambda: any("wait=" in asked.path for asked in line.asked))
    team.hear("still heard")
    ana.wait(lambda: ana.texts() == ["still heard"])
    assert line.times(f"GET {W}/live") == 3


def test_an_event_without_an_end_ends_the_stream_and_not_the_console(
    team: Team, line: BadLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick(monkeypatch)
    ana = team.console("ana", address=line.address)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nevent: changes\ndata: "
    line.rules = [Rule(f"GET {W}/live", endless(head, b"x" * 65_536, 400))]
    ana.sync.start()
    ana.wait_for(SyncState.SYNCED)
    until(lambda: line.times(f"GET {W}/live") >= 2)
    line.rules = []
    team.hear("hello")
    ana.wait(lambda: ana.texts() == ["hello"])


FRAMES = [Page(0, 2, ()), Page(2, 3, ()), Page(3, 7, ())]


def test_pages_that_came_by_themselves_are_given_out_in_order_and_only_where_they_go_on() -> None:
    ahead = Ahead()
    for frame in (*FRAMES, FRAMES[2]):
        ahead.offer(frame)
    assert [ahead.take(since) for since in (0, 2, 3)] == [
        *(msgspec.structs.replace(frame, more=True) for frame in FRAMES)
    ]
    assert ahead.take(7) is None  # the one that came twice


@pytest.mark.parametrize("since", [1, 3, 5, 9])
def test_pages_behind_a_gap_are_forgotten(since: int) -> None:
    ahead = Ahead()
    ahead.offer(FRAMES[0])
    ahead.offer(FRAMES[2])
    found = ahead.take(since)
    assert found == (FRAMES[2] if since == 3 else None)
    assert ahead.take(3) is None


def test_too_many_pages_ahead_are_none() -> None:
    ahead = Ahead()
    for number in range(live.MOST_AHEAD + 1):
        ahead.offer(Page(number, number + 1, ()))
    assert ahead.take(0) is None


@pytest.mark.parametrize("order", [(1, 0), (0, 0, 1), (1, 1), (0,)])
def test_frames_that_are_lost_repeated_or_in_disorder_lead_to_the_same_rows(
    team: Team, ana: Console, order: tuple[int, ...]
) -> None:
    start = ana.store.cursor
    for text in ("one", "two"):
        team.hear(text)
    first = ana.authority._http.ask("GET", f"{W}/changes", params={**ana.authority._query(start), "limit": 1}).body
    to = msgspec.json.decode(first, type=PageBody).to
    second = ana.authority._http.ask("GET", f"{W}/changes", params=ana.authority._query(to)).body
    end = ana.authority.watch(lambda: None, lambda _: None)
    assert ana.authority._live is not None
    for number in order:
        ana.authority._live.ahead.offer(read_page((first, second)[number]))
    ana.sync.exchange()
    ana.sync.exchange()
    end()
    assert in_both(ana) == ["one", "two"]
