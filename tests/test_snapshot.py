"""A console that begins with all rows as one file: it holds what pages would have brought, whatever is in its way."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from msgspec.structs import replace

from ismsg_tui.clock import new_id, now_ms
from ismsg_tui.domain.commands import CloseConversation, SendMessage
from ismsg_tui.domain.entities import Contact, Entity, Message, MessageKind, Source, Visibility
from ismsg_tui.inbox import Inbox
from ismsg_tui.plain.desk import PlainDesk
from ismsg_tui.plain.talk import Talk
from ismsg_tui.server.app import ServerSettings
from ismsg_tui.server.database import Database
from ismsg_tui.server.snapshots import SnapshotBuilder
from ismsg_tui.sqlite import sqlite3
from ismsg_tui.store import departures, snapshot
from ismsg_tui.store.connection import Connection, open_writer
from ismsg_tui.store.drafts import Draft, read_draft
from ismsg_tui.store.migrations import SCHEMA_VERSION, migrate
from ismsg_tui.store.search import search_messages
from ismsg_tui.store.snapshot import SnapshotError, build, check
from ismsg_tui.sync.authority import BusyError, UnreachableError
from ismsg_tui.sync.exchange import Exchange
from ismsg_tui.sync.status import Progress
from tests.bad_line import BadLine, Rule, Speak, answer, problem
from tests.desk_server import desk_on
from tests.factories import ANA, BEN, MAI, WEB, WORKSPACE
from tests.on_a_bad_line import line
from tests.replicas import assert_sound, derived, rows_of
from tests.team import Console, Team, a_team, made_snapshot

__all__ = ["line"]

W = f"/v1/w/{WORKSPACE.id}"
ASKED = f"GET {W}/snapshot"
LINES = 1_500


def nothing_comes(target: Path, pages: object) -> None:
    """A builder that fails."""
    raise RuntimeError("there is no room")


def settings(builder: SnapshotBuilder | None) -> ServerSettings:
    return ServerSettings(commands_burst=10_000, commands_per_second=10_000, snapshot_builder=builder)


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """A workspace with some history, of which there is a snapshot; something has happened since."""
    builder = SnapshotBuilder(SCHEMA_VERSION, build)
    with a_team(tmp_path_factory.mktemp("team"), settings(builder)) as team:
        rows: list[Entity] = []
        for number in range(LINES):
            text = f"hotel {hashlib.sha256(str(number).encode()).hexdigest() * 3} \u00e9t\u00e9"
            kind = MessageKind.INCOMING if number % 2 else MessageKind.OUTGOING
            rows.append(
                Message(
                    id=new_id(), contact_id=MAI.id, kind=kind, at=now_ms() + number, text=text, source=Source.IMPORT
                )
            )
        team.server.ledger.seed(WORKSPACE.id, rows)
        team.hear("good morning")
        made_snapshot(team)
        team.hear("are you there?")
        yield team


@pytest.fixture
def fresh(team: Team, line: BadLine) -> Console:
    """A console that has nothing yet."""
    return team.console(f"fresh {new_id()}", address=line.address)


@pytest.fixture
def paged(team: Team) -> Console:
    """A console that took pages."""
    console = team.console(f"paged {new_id()}")
    Exchange(console.store, console.authority).run()
    return console


def run(console: Console, progress: Callable[[Progress], None] = lambda _: None) -> None:
    """One exchange of a console that finds a snapshot worth while for few rows already."""
    Exchange(console.store, console.authority, many_rows=1, on_progress=progress).run()


def assert_same(console: Console, paged: Console) -> None:
    """Two consoles hold the same, find the same, and nothing is left beside the store."""
    assert rows_of(console.store) == rows_of(paged.store)
    assert derived(console.store) == derived(paged.store)
    for word in ("hotel", "\u00e9t\u00e9", "morning", "there"):
        found = [[hit.message_id for hit in search_messages(one.store.reader, word, 9_999)] for one in (console, paged)]
        assert sorted(found[0]) == sorted(found[1]) != [], word
    place, other = console.store.replica, paged.store.replica
    assert (place.cursor, place.epoch, place.sight, place.shape) == (
        other.cursor,
        other.epoch,
        other.sight,
        other.shape,
    )
    assert not place.rebuilding
    assert not place.sweeping
    assert_sound(console.store)


def left_over(console: Console) -> list[str]:
    return sorted(path.name for path in console.folder.glob("snapshot*"))


def test_a_console_that_begins_with_a_snapshot_holds_what_pages_would_have_brought(
    team: Team, fresh: Console, line: BadLine, paged: Console
) -> None:
    told: list[Progress] = []
    run(fresh, told.append)
    assert_same(fresh, paged)
    assert line.times(f"GET {W}/changes?since=0") == 0
    assert left_over(fresh) == []
    assert told
    assert all(progress.done <= progress.total for progress in told)


def test_what_comes_later_and_what_the_agent_does_goes_on_as_ever(team: Team, fresh: Console, paged: Console) -> None:
    run(fresh)
    team.hear("one more thing about the hotel")
    fresh.act(SendMessage(MAI.id, "certainly"))
    for console in (fresh, paged, fresh, paged):
        run(console)
    assert fresh.texts()[-2:] == ["one more thing about the hotel", "certainly"]
    assert_same(fresh, paged)


def test_few_rows_come_by_pages(fresh: Console, line: BadLine, paged: Console) -> None:
    fresh.sync.exchange()
    assert line.times(ASKED) == 0
    assert_same(fresh, paged)


def test_who_does_not_see_everything_takes_pages(team: Team, line: BadLine) -> None:
    ben = team.console(f"ben {new_id()}", BEN, address=line.address)
    team.change(replace(BEN, visibility=Visibility.OWN))
    try:
        run(ben)
        assert line.times(ASKED) == 1
        assert ben.texts() == []
        assert left_over(ben) == []
        headers = {"Authorization": f"Bearer {ben.credentials.tokens().access}"}
        refused = httpx.get(f"{team.address}{W}/snapshot", params={"schema": SCHEMA_VERSION}, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (404, "no-snapshot")
    finally:
        team.change(BEN)


@pytest.mark.parametrize("cut", [70_000, 100_001, 131_072 + 600])
def test_a_line_that_is_cut_again_and_again_is_gone_on_with(
    fresh: Console, line: BadLine, paged: Console, cut: int
) -> None:
    line.rules = [Rule(ASKED, cut_reply=cut)]
    run(fresh)
    ranges = [asked.headers.get("range") for asked in line.asked if asked.path.startswith(f"{W}/snapshot")]
    assert ranges[0] is None
    assert len(ranges) > 1
    assert all(ranges[1:])
    assert len(set(ranges)) == len(ranges)
    assert line.times(f"GET {W}/changes?since=0") == 0
    assert_same(fresh, paged)


@pytest.mark.parametrize("cut", [0, 300, 900, 20_000, 60_000])
def test_a_part_is_gone_on_with_after_a_restart(
    team: Team, fresh: Console, line: BadLine, paged: Console, cut: int
) -> None:
    line.rules = [Rule(ASKED, cut_reply=cut), Rule(f"GET {W}/changes", cut_reply=0)]
    with pytest.raises(UnreachableError):
        run(fresh)
    assert fresh.store.cursor == 0
    there = fresh.folder / "snapshot.part"
    begun = there.stat().st_size if there.exists() else 0
    assert begun or cut < 1_000
    line.rules, line.asked = [], []
    fresh.close()
    team.consoles.remove(fresh)
    fresh = team.console(fresh.folder.name, address=line.address)
    run(fresh)
    ranges = [asked.headers.get("range") for asked in line.asked if asked.path.startswith(f"{W}/snapshot")]
    assert ranges == [f"bytes={begun}-" if begun else None]
    assert_same(fresh, paged)
    assert left_over(fresh) == []


@pytest.fixture
def begun_by_pages(fresh: Console, line: BadLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The snapshot of a fresh console was cut off, and the console was left after the first page."""
    monkeypatch.setattr("ismsg_tui.sync.exchange.PAGE_ROWS", 2)
    line.rules = [Rule(ASKED, cut_reply=60_000)]
    Exchange(fresh.store, fresh.authority, many_rows=1, stopping=lambda: fresh.store.cursor > 0).run()
    assert fresh.store.replica.rebuilding
    assert "snapshot.part" in left_over(fresh)
    line.rules, line.asked = [], []


def test_a_filling_that_pages_began_goes_on_with_the_snapshot_after_a_restart(
    begun_by_pages: None, fresh: Console, line: BadLine, paged: Console
) -> None:
    begun = (fresh.folder / "snapshot.part").stat().st_size
    told: list[Progress] = []
    run(fresh, told.append)
    ranges = [asked.headers.get("range") for asked in line.asked if asked.path.startswith(f"{W}/snapshot")]
    assert ranges == [f"bytes={begun}-"]
    assert told
    assert all(progress.total for progress in told)
    assert_same(fresh, paged)
    assert left_over(fresh) == []


def test_what_came_after_the_snapshot_is_counted_on_top_of_the_rows_in_it(
    team: Team, fresh: Console, paged: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ismsg_tui.sync.exchange.PAGE_ROWS", 1)
    monkeypatch.setattr("ismsg_tui.sync.exchange.MOST_PAGES", 2)
    for number in range(4):
        team.hear(f"line {number}")
    told: list[Progress] = []
    run(fresh, told.append)
    after = [progress for progress in told if progress.done > LINES]
    assert len(after) >= 4
    assert [progress.done for progress in after] == sorted({progress.done for progress in after})
    assert all(LINES < progress.done <= progress.total for progress in after)
    assert after[-1].total >= sum(map(len, rows_of(fresh.store).values()))
    run(paged)
    assert_same(fresh, paged)


def test_pages_after_a_restart_say_how_many_rows_there_are_and_leave_no_part_of_a_snapshot(
    begun_by_pages: None, fresh: Console, paged: Console
) -> None:
    told: list[Progress] = []
    Exchange(fresh.store, fresh.authority, on_progress=told.append).run()
    assert told
    assert all(0 < progress.done <= progress.total for progress in told)
    assert_same(fresh, paged)
    assert left_over(fresh) == []


def test_a_part_of_another_snapshot_is_not_gone_on_with(fresh: Console, line: BadLine, paged: Console) -> None:
    part = fresh.folder / "snapshot.part"
    part.write_bytes(b"x" * 5_000)
    note = '{"etag":"\\"other\\"","sha256":"00","snapshot":{"epoch":"e","revision":1}}'
    (fresh.folder / "snapshot.part.json").write_text(note)
    run(fresh)
    assert line.times(f"GET {W}/changes?since=0") == 0
    assert_same(fresh, paged)


# What it may be instead


def served(body: bytes, team: Team, **other: str) -> Speak:
    """An answer that brings a snapshot, as a server would send it."""
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    headers = {
        "ETag": f'"{hashlib.sha256(body).hexdigest()}"',
        "Repr_Digest": f"sha-256=:{digest}:",
        "Ismsg_Snapshot_Epoch": made_snapshot(team).epoch,
        "Ismsg_Snapshot_Revision": str(made_snapshot(team).revision),
        **other,
    }
    return answer(200, body, kind="application/octet-stream", **headers)


def changed(team: Team, folder: Path, change: Callable[[Connection], object]) -> bytes:
    """The snapshot as somebody else has made it, packed."""
    path = folder / "changed.db"
    path.write_bytes(gzip.decompress(made_snapshot(team).path.read_bytes()))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        change(connection)
    return gzip.compress(path.read_bytes(), 1)


def statements(*lines: str) -> Callable[[Connection], object]:
    def change(connection: Connection) -> None:
        for statement in lines:
            connection.execute(statement)

    return change


A_MESSAGE = "(SELECT id FROM message WHERE kind = 'incoming' LIMIT 1)"
HOSTILE = {
    "a trigger": "CREATE TRIGGER t AFTER INSERT ON message BEGIN DELETE FROM outbox; END",
    "a trigger on a table of ours": "CREATE TRIGGER t AFTER DELETE ON draft BEGIN DELETE FROM outbox; END",
    "a view": "CREATE VIEW v AS SELECT writefile('/tmp/x', 'y')",
    "another table": "CREATE TABLE other (x)",
    "a virtual table": "CREATE VIRTUAL TABLE other USING fts5 (x)",
    "an index over an expression": "CREATE INDEX i ON message (abs(at))",
    "another version": "PRAGMA user_version = 99",
    "a file that is written to by reading": "PRAGMA journal_mode = WAL",
    "an escape sequence": f"UPDATE message SET text = char(27) || ']0;x' || char(7) WHERE id = {A_MESSAGE}",
    "an override of direction": f"UPDATE message SET text = char(8238) WHERE id = {A_MESSAGE}",
    "an escape sequence in a name": "UPDATE contact SET first_name = char(27) || '[2J'",
    "bytes for text": f"UPDATE message SET text = x'fffe' WHERE id = {A_MESSAGE}",
    "text that is none": f"UPDATE message SET text = CAST(x'fffe' AS TEXT) WHERE id = {A_MESSAGE}",
    "an unknown kind": f"UPDATE message SET kind = 'rumour' WHERE id = {A_MESSAGE}",
    "an event that is none": f"UPDATE message SET event = '{{' WHERE id = {A_MESSAGE}",
    "an event with more in it": "UPDATE message SET event = substr(event, 1, length(event) - 1) || ',\"more\":1}' "
    "WHERE n = (SELECT max(n) FROM message WHERE kind = 'event')",
    "an event in bytes": "UPDATE message SET event = CAST(event AS BLOB) "
    "WHERE n = (SELECT max(n) FROM message WHERE kind = 'event')",
    "deep nesting": f"UPDATE message SET mentions = '{'[' * 5_000}' WHERE id = {A_MESSAGE}",
    "a time that is none": f"UPDATE message SET at = 'soon' WHERE id = {A_MESSAGE}",
    "an id that is none": f"UPDATE message SET id = 'x' WHERE id = {A_MESSAGE}",
    "an id with more behind its end": f"UPDATE message SET id = id || char(0) || 'x' WHERE id = {A_MESSAGE}",
    "a revision from the future": f"UPDATE message SET rev = 1 << 50 WHERE id = {A_MESSAGE}",
    "a contact of the wrong kind": "UPDATE contact SET fields = '[]'",
    "another list": "UPDATE inbox SET status = 'none'",
    "a list with more": "INSERT INTO inbox SELECT 'x', status, assignee_id, blocked, conversation_id, waiting_since, "
    "waiting_key, snoozed_until, closed_at, opened_at, last_id, last_at FROM inbox LIMIT 1",
    "another revision": "UPDATE replica SET cursor = cursor + 1",
    "settings of the index": "INSERT INTO message_search (message_search, rank) VALUES ('rank', 'other(1)')",
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_snapshot_is_left_alone_and_pages_are_taken(
    team: Team, fresh: Console, line: BadLine, paged: Console, tmp_path: Path, what: str
) -> None:
    body = changed(team, tmp_path, statements(HOSTILE[what]))
    line.rules = [Rule(ASKED, served(body, team))]
    run(fresh)
    assert line.times(ASKED) == 1
    assert line.times(f"GET {W}/changes?since=0") == 1
    assert_same(fresh, paged)
    assert left_over(fresh) == []


def test_one_that_somebody_else_has_made_without_harm_is_taken(
    team: Team, fresh: Console, line: BadLine, paged: Console, tmp_path: Path
) -> None:
    line.rules = [Rule(ASKED, served(changed(team, tmp_path, statements("VACUUM")), team))]
    run(fresh)
    assert line.times(f"GET {W}/changes?since=0") == 0
    assert_same(fresh, paged)


def test_a_builder_that_is_killed_is_no_harm(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    builder = SnapshotBuilder(SCHEMA_VERSION, build)
    with a_team(tmp_path / "team", settings(builder)) as team:
        run(team.console("one"))
        process = team.server.snapshots._process
        assert process is not None
        process.kill()
        team.server.snapshots._attending.join()
        assert "its process ended" in caplog.text
        fresh = team.console("two")
        run(fresh)
        assert fresh.store.cursor == team.server.ledger.head(WORKSPACE.id)


def test_a_damaged_search_index_is_noticed(team: Team, tmp_path: Path) -> None:
    if sqlite3.sqlite_version_info < (3, 44):
        pytest.skip("this SQLite looks at search indexes only when asked to, by writing")
    body = changed(team, tmp_path, statements("UPDATE message_search_data SET block = x'00' WHERE id > 100"))
    path = tmp_path / "plain.db"
    path.write_bytes(gzip.decompress(body))
    with closing(open_writer(tmp_path / "own.db")) as own:
        migrate(own)
        with pytest.raises(SnapshotError):
            check(path, own, made_snapshot(team).revision)


def test_faults_of_every_kind_end_in_pages(
    team: Team, line: BadLine, paged: Console, caplog: pytest.LogCaptureFixture
) -> None:
    whole = made_snapshot(team).path.read_bytes()
    altered = bytearray(whole)
    altered[len(whole) // 2] ^= 1
    right = base64.b64encode(hashlib.sha256(whole).digest()).decode()
    plain = bytearray(gzip.decompress(whole))
    plain[5 * 4096 : 6 * 4096] = os.urandom(4096)
    faults: dict[str, Speak] = {
        "an altered byte": served(bytes(altered), team, Repr_Digest=f"sha-256=:{right}:"),
        "garbage": served(os.urandom(50_000), team),
        "garbage in gzip": served(gzip.compress(os.urandom(50_000)), team),
        "half of it": served(whole[: len(whole) // 2], team),
        "nothing": served(b"", team),
        "a damaged page": served(gzip.compress(bytes(plain), 1), team),
        "a bomb": served(gzip.compress(bytes(40 << 20)), team),
        "another history": served(whole, team, Ismsg_Snapshot_Epoch="another"),
        "another revision": served(whole, team, Ismsg_Snapshot_Revision="1"),
        "no digest": served(whole, team, Repr_Digest="md5=:x:"),
        "no revision": served(whole, team, Ismsg_Snapshot_Revision="-3"),
        "none": problem(404, "no-snapshot"),
        "another schema": problem(406, "snapshot-schema"),
        "a page of HTML": answer(200, b"<html>", kind="text/html"),
        "a range that nobody asked for": answer(206, b"x", Content_Range="bytes 0-0/1"),
        "a fault": answer(500, b"oops", kind="text/plain"),
        "too much at once": problem(429, "too-many-requests", Retry_After="0"),
        "away": answer(503, Retry_After="0"),
    }
    for what, speak in faults.items():
        console = team.console(f"fault {new_id()}", address=line.address)
        line.rules = [Rule(ASKED, speak)]
        caplog.clear()
        with caplog.at_level(logging.WARNING, "ismsg_tui.sync.shortcut"):
            run(console)
        assert [record.name for record in caplog.records] == ["ismsg_tui.sync.shortcut"], what
        assert rows_of(console.store) == rows_of(paged.store), what
        assert left_over(console) == [], what


def test_a_full_disk_ends_in_pages(fresh: Console, paged: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    def on_a_small_disk(path: Path) -> Connection:
        connection = open_writer(path)
        connection.execute("PRAGMA max_page_count = 60")
        return connection

    monkeypatch.setattr(snapshot, "open_writer", on_a_small_disk)
    run(fresh)
    assert_same(fresh, paged)
    assert left_over(fresh) == []


# What is here already


def test_commands_that_wait_and_drafts_survive(team: Team, line: BadLine, paged: Console) -> None:
    ana = team.console(f"ana {new_id()}", address=line.address)
    run(ana)
    line.rules = [Rule(f"POST {W}/commands", problem(503, "busy", Retry_After="0"))]
    waiting = [ana.act(SendMessage(MAI.id, "not sent yet")), ana.act(CloseConversation(MAI.id))]
    ana.store.save_draft(ANA.id, MAI.id, Draft("half a thought"), now_ms())
    before = rows_of(ana.store)
    ana.store.want_anew()
    line.asked = []
    with pytest.raises(BusyError):
        run(ana)
    assert line.times(ASKED) == 1
    assert line.times(f"GET {W}/changes?since=0") == 0
    assert rows_of(ana.store) == before
    assert ana.texts()[-1] == "not sent yet"
    assert [entry.issued.id for entry in departures.ready(ana.store.reader, now_ms(), 9)] == waiting
    draft = read_draft(ana.store.reader, ANA.id, MAI.id)
    assert draft is not None
    assert draft.text == "half a thought"
    assert_sound(ana.store)
    line.rules = []
    for console in (ana, paged, ana):
        run(console)
    assert ana.counts.unsent == 0
    assert_same(ana, paged)


def test_rows_of_another_history_go_and_what_was_taken_there_is_sent_again(team: Team, tmp_path: Path) -> None:
    builder = SnapshotBuilder(SCHEMA_VERSION, build)
    with a_team(tmp_path / "other", settings(builder)) as other:
        from tests.team import back_up

        ana = other.console("ana")
        backup = back_up(other)
        run(ana)
        ana.act(SendMessage(MAI.id, "after the backup"))
        other.hear("lost with the server")
        run(ana)
        other.restore(backup)
        made_snapshot(other)
        ana.authority.close()
        ana = ana.again()
        run(ana)
        assert ana.texts() == ["after the backup"]
        assert ana.counts.unsent == 0
        page = other.console("paged")
        page.sync.exchange()
        assert rows_of(ana.store) == rows_of(page.store)
        assert_sound(ana.store)


def test_rows_that_were_adopted_are_not_lost(fresh: Console, line: BadLine) -> None:
    fresh.store.adopt([Contact(id=new_id(), first_name="Adopted")])
    run(fresh)
    assert line.times(f"GET {W}/changes?since=0") == 1
    names = [row["first_name"] for row in fresh.store.reader.execute("SELECT first_name FROM contact")]
    assert "Adopted" in names


# The server


def test_it_is_described_and_read_from_anywhere(team: Team) -> None:
    session = team.server.accounts.issue_local(WORKSPACE.id, ANA.id, "test")
    with httpx.Client(base_url=team.address, headers={"Authorization": f"Bearer {session.access}"}) as client:
        whole = client.get(f"{W}/snapshot", params={"schema": SCHEMA_VERSION})
        found = made_snapshot(team)
        assert whole.status_code == 200
        assert whole.content == found.path.read_bytes()
        digest = base64.b64encode(hashlib.sha256(whole.content).digest()).decode()
        assert whole.headers["repr-digest"] == f"sha-256=:{digest}:"
        assert whole.headers["ismsg-snapshot-epoch"] == found.epoch
        assert int(whole.headers["ismsg-snapshot-revision"]) == found.revision < team.server.ledger.head(WORKSPACE.id)
        assert int(whole.headers["ismsg-snapshot-schema"]) == SCHEMA_VERSION
        etag = whole.headers["etag"]
        for if_range, status, size in ((etag, 206, 11), ('"other"', 200, found.size)):
            part = client.get(
                f"{W}/snapshot",
                params={"schema": SCHEMA_VERSION},
                headers={"Range": "bytes=100-110", "If-Range": if_range},
            )
            assert (part.status_code, len(part.content)) == (status, size)
        other = client.get(f"{W}/snapshot", params={"schema": SCHEMA_VERSION + 1})
        assert (other.status_code, other.json()["code"]) == (406, "snapshot-schema")
        assert client.get(f"{W}/snapshot").status_code == 422
        assert httpx.get(f"{team.address}{W}/snapshot", params={"schema": 1}).status_code == 401


def test_it_is_made_from_whatever_database_there_is(server_database: Database, tmp_path: Path) -> None:
    with desk_on(server_database, tmp_path, settings(SnapshotBuilder(SCHEMA_VERSION, build))) as desk:
        mai = desk.contact("good morning")
        viewer = desk.server.accounts.viewer(desk.console().session.access, desk.workspace.id)
        snapshots = desk.server.snapshots
        while (found := snapshots.find(viewer, SCHEMA_VERSION)) is None:
            snapshots._attending.join()
        plain = tmp_path / "plain.db"
        plain.write_bytes(gzip.decompress(found.path.read_bytes()))
        with closing(sqlite3.connect(plain)) as connection:
            assert connection.execute("SELECT contact_id, text FROM message WHERE kind = 'incoming'").fetchall() == [
                (mai.id, "good morning")
            ]
        assert found.revision == viewer.head
        assert sorted(path.name for path in found.path.parent.iterdir()) == [found.path.name, "making.lock"]


def test_it_is_given_up_when_the_console_is_left(fresh: Console, line: BadLine) -> None:
    left = iter([False] * 3)
    exchange = Exchange(fresh.store, fresh.authority, many_rows=1, stopping=lambda: next(left, True))
    exchange.run()
    assert fresh.store.cursor == 0
    begun = (fresh.folder / "snapshot.part").stat().st_size
    line.asked = []
    run(fresh)
    ranges = [asked.headers.get("range") for asked in line.asked if asked.path.startswith(f"{W}/snapshot")]
    assert ranges == [f"bytes={begun}-" if begun else None]
    assert fresh.texts()


def test_an_old_one_is_made_anew_and_kept_for_who_is_fetching_it(tmp_path: Path) -> None:
    builder = SnapshotBuilder(SCHEMA_VERSION, build)
    with a_team(tmp_path / "team", settings(builder)) as team:
        fresh = team.console("fresh")
        run(fresh)  # it is only begun to be made: nobody waits for it
        assert fresh.texts() == []
        assert fresh.store.cursor == team.server.ledger.head(WORKSPACE.id)
        first = made_snapshot(team)
        team.hear("hello")
        assert made_snapshot(team) == first
        os.utime(first.path, (first.made_at - 1_000, first.made_at - 1_000))
        second = made_snapshot(team)
        assert second.revision > first.revision
        session = team.server.accounts.issue_local(WORKSPACE.id, ANA.id, "test")
        viewer = team.server.accounts.viewer(session.access, WORKSPACE.id)
        held = team.server.snapshots.find(viewer, SCHEMA_VERSION, first.sha256)
        assert held is not None
        assert held.sha256 == first.sha256


@pytest.mark.parametrize("builder", [None, SnapshotBuilder(SCHEMA_VERSION, nothing_comes)])
def test_a_server_without_a_snapshot_gives_pages(
    tmp_path: Path, builder: SnapshotBuilder | None, caplog: pytest.LogCaptureFixture
) -> None:
    with a_team(tmp_path / "team", settings(builder)) as team:
        run(team.console("one"))
        if builder is not None:
            team.server.snapshots._attending.join()
            assert "there is no room" in caplog.text
        fresh = team.console("two")
        run(fresh)
        assert fresh.store.cursor == team.server.ledger.head(WORKSPACE.id)
        assert WEB.id in fresh.store.settings.channels


def test_the_line_mode_does_not_announce_as_new_what_a_snapshot_brings(team: Team, fresh: Console) -> None:
    said = io.StringIO()
    desk = PlainDesk(Inbox(fresh.store, ANA.id), Talk(io.StringIO(), said, interactive=False))
    run(fresh)
    desk.announce()
    assert said.getvalue() == "Notice: Everything was fetched from the server: list says who waits.\n"
    team.hear("and now?")
    run(fresh)
    desk.announce()
    assert said.getvalue().splitlines()[1:] == ["New: 1 message from Mai Tran."]
