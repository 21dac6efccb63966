"""How many snapshots a server keeps, and what becomes of a console that was fetching one that is gone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ismsg_tui.clock import now_ms
from ismsg_tui.domain.entities import Message, MessageKind, Source
from ismsg_tui.server.app import ServerSettings
from ismsg_tui.server.snapshots import Snapshot, SnapshotBuilder
from ismsg_tui.store.migrations import SCHEMA_VERSION
from ismsg_tui.store.snapshot import build
from ismsg_tui.sync.authority import UnreachableError
from ismsg_tui.sync.exchange import Exchange
from tests.bad_line import BadLine, Rule
from tests.factories import MAI, WORKSPACE, uid
from tests.replicas import assert_sound, rows_of
from tests.team import Console, Team, a_team, made_snapshot

W = f"/v1/w/{WORKSPACE.id}"
ASKED = f"GET {W}/snapshot"


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Team]:
    settings = ServerSettings(snapshot_builder=SnapshotBuilder(SCHEMA_VERSION, build))
    with a_team(tmp_path / "team", settings) as team:
        rows = [
            Message(
                id=uid(),
                contact_id=MAI.id,
                kind=MessageKind.INCOMING,
                at=now_ms() + number,
                text=os.urandom(300).hex(),
                source=Source.IMPORT,
            )
            for number in range(500)
        ]
        team.server.ledger.seed(WORKSPACE.id, rows)
        yield team


def made_anew(team: Team) -> Snapshot:
    """The next one, after all that were made have become too old to be given out to those who begin."""
    for path in made_snapshot(team).path.parent.glob("*.gz"):
        about = path.stat()
        os.utime(path, (about.st_atime - 1_000, about.st_mtime - 1_000))
    team.hear("one more thing")
    return made_snapshot(team)


def run(console: Console) -> None:
    Exchange(console.store, console.authority, many_rows=1).run()


def test_the_two_newest_are_kept_and_one_that_is_being_read_is_read_to_its_end(team: Team) -> None:
    first = made_snapshot(team)
    content = first.path.read_bytes()
    with first.path.open("rb") as file:
        begun = file.read(1_000)
        second = made_anew(team)
        third = made_anew(team)
        assert {path.name for path in first.path.parent.glob("*.gz")} == {second.path.name, third.path.name}
        assert begun + file.read() == content


def test_a_console_whose_snapshot_is_gone_begins_anew(team: Team) -> None:
    first, names = made_snapshot(team), ("where another is at hand", "where none is")
    begun = {name: given_up(team, name) for name in names}
    assert all(0 < size < first.size for size in begun.values())
    for _ in range(2):
        newest = made_anew(team)
    paged = team.console("paged")
    paged.sync.exchange()
    for name, pages in zip(names, (0, 1), strict=True):
        if pages:
            newest.path.unlink()
        with closing(BadLine(team.address)) as line:
            console = team.console(name, address=line.address)
            run(console)
            [asked] = [asked for asked in line.asked if asked.path.startswith(f"{W}/snapshot")]
            assert (asked.headers["range"], asked.headers["if-range"]) == (f"bytes={begun[name]}-", f'"{first.sha256}"')
            assert line.times(f"GET {W}/changes?since=0") == pages
            assert rows_of(console.store) == rows_of(paged.store)
            assert_sound(console.store)


def given_up(team: Team, name: str) -> int:
    """Have a console be cut off from its snapshot and end; returns how much of it has come, in bytes."""
    with closing(BadLine(team.address)) as line:
        console = team.console(name, address=line.address)
        line.rules = [Rule(ASKED, cut_reply=30_000), Rule(f"GET {W}/changes", cut_reply=0)]
        with pytest.raises(UnreachableError):
            run(console)
        console.close()
        team.consoles.remove(console)
        return (console.folder / "snapshot.part").stat().st_size
