"""Old traces are dropped, and who has not heard of them begins anew: at the ledger, and at consoles that slept."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import get_args

import httpx
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ismsg_tui.clock import new_id, now_ms
from ismsg_tui.domain.commands import (
    Actor,
    AddComment,
    AssignContact,
    Command,
    DeleteSnippet,
    Issued,
    ReceiveMessage,
    SaveSnippet,
    SendMessage,
)
from ismsg_tui.domain.entities import Contact, Entity, Message, Role, Snippet, User, Visibility
from ismsg_tui.server import ledger as ledger_module
from ismsg_tui.server import snapshots as snapshots_module
from ismsg_tui.server import tables, traces
from ismsg_tui.server.accounts import Viewer
from ismsg_tui.server.database import Database
from ismsg_tui.server.errors import ProblemError
from ismsg_tui.server.receipts import KEPT as RECEIPTS_KEPT
from ismsg_tui.server.snapshots import SnapshotBuilder, Snapshots
from ismsg_tui.server.states import Standing, read_standing
from ismsg_tui.server.traces import KEPT, drop_old_traces
from ismsg_tui.store.drafts import Draft, read_draft
from ismsg_tui.store.outbox import OutboxState, entries
from ismsg_tui.store.snapshot import build
from ismsg_tui.sync import exchange
from tests.factories import ANA, BEN, HOUR, MAI, PHONE, SETTINGS, WEB, WORKSPACE, examples, uid
from tests.replicas import assert_sound, rows_in, rows_of
from tests.server_office import Office, Replica
from tests.servers import postgres_url, sqlite_url
from tests.town import TEAM, Console, Town

CEM = User(id=uid(), name="Cem", role=Role.AGENT, visibility=Visibility.OWN)
DAY = 24 * HOUR
BY_ANA = Actor(ANA.id)


@pytest.fixture
def office(server_database: Database) -> Office:
    """A workspace in which Mai is with Cem, who sees his own contacts alone."""
    return Office(server_database, [*SETTINGS, CEM, replace(MAI, assignee_id=CEM.id)])


@pytest.fixture
def ana(office: Office) -> Viewer:
    return office.viewer(ANA)


def standing(office: Office) -> Standing:
    with office.database.read() as connection:
        return read_standing(connection, WORKSPACE.id)


def drop(office: Office) -> int:
    """Drop old traces as of now; returns how many."""
    return drop_old_traces(office.database, office.now)


def ids(office: Office) -> set[str]:
    """The ids of all rows."""
    with office.database.read() as connection:
        return set(connection.scalars(sa.select(tables.row.c.id)))


def save(office: Office, viewer: Viewer, name: str = "map", text: str = "a map") -> Snippet:
    snippet = Snippet(id=uid(), name=name, text=text)
    assert office.push(viewer, SaveSnippet(snippet)).refusal is None
    return snippet


def remove(office: Office, viewer: Viewer, snippet: Snippet) -> int:
    """Delete a snippet; returns the revision."""
    done = office.push(viewer, DeleteSnippet(snippet.id))
    assert done.refusal is None
    return done.seq


def deleted(office: Office, viewer: Viewer) -> tuple[Snippet, int]:
    """A snippet that is no more, and the revision at which it went."""
    snippet = save(office, viewer, f"name {new_id()}")
    return snippet, remove(office, viewer, snippet)


def assign(office: Office, user: User | None, contact: Contact = MAI) -> int:
    """Give a contact to somebody; returns the revision."""
    before = office.contact(contact.id).assignee_id
    done = office.submit(AssignContact(contact.id, user.id if user else None, before), BY_ANA)
    assert done.refusal is None
    return done.seq


def ask(office: Office, viewer: Viewer, since: int, begun: int = 0) -> str:
    """What a console that stands at a revision is told: the code of the problem, if there is one."""
    hello = office.ledger.hello(viewer)
    try:
        office.ledger.changes(viewer, since, hello.epoch, hello.sight, 10, begun)
    except ProblemError as problem:
        return problem.code
    return ""


# What is dropped, and when


def test_traces_older_than_ninety_days_are_dropped_and_the_floor_rises_to_the_newest_of_them(
    office: Office, ana: Viewer
) -> None:
    old, _ = deleted(office, ana)
    moved = assign(office, BEN)
    assert drop(office) == 0
    office.now += KEPT + HOUR
    young, _ = deleted(office, ana)
    assign(office, CEM)
    assert drop(office) == 2
    assert standing(office).floor == moved == office.ledger.hello(ana).floor
    assert old.id not in ids(office)
    assert young.id in ids(office)
    with office.database.read() as connection:
        assert len(connection.execute(sa.select(tables.move)).all()) == 1


def test_what_was_done_less_than_ninety_days_ago_stays(office: Office, ana: Viewer) -> None:
    snippet, _ = deleted(office, ana)
    office.now += KEPT
    office.push(ana, SendMessage(MAI.id, "hello"))
    assert drop(office) == 0
    assert snippet.id in ids(office)
    assert standing(office).floor == 0


def test_dropping_twice_is_dropping_once_and_with_nothing_to_drop_no_console_is_troubled(
    office: Office, ana: Viewer
) -> None:
    save(office, ana)
    office.now += 100 * DAY
    assert drop(office) == 0
    assert standing(office).floor == 0
    _, revision = deleted(office, ana)
    for _ in range(3):
        office.submit(ReceiveMessage(MAI.id, "hello", PHONE.id))
    office.now += 100 * DAY
    assert [drop(office) for _ in range(3)] == [1, 0, 0]
    assert standing(office).floor == revision
    office.now += 100 * DAY
    office.submit(ReceiveMessage(MAI.id, "hello", PHONE.id))
    assert drop(office) == 0
    assert standing(office).floor == revision


def test_a_server_that_was_away_for_longer_than_receipts_are_kept_drops_the_traces_too(
    office: Office, ana: Viewer
) -> None:
    snippet, revision = deleted(office, ana)
    office.now += RECEIPTS_KEPT + DAY
    office.admin.tidy()
    assert snippet.id not in ids(office)
    assert standing(office).floor == revision


@pytest.mark.parametrize("text", ['"deleted":true', '{"deleted":true}', '\\"deleted\\":true', 'deleted":true,"'])
def test_a_snippet_that_speaks_of_deletion_is_not_taken_for_deleted(office: Office, ana: Viewer, text: str) -> None:
    snippet = save(office, ana, name=text[:40], text=text)
    office.now += 100 * DAY
    assert drop(office) == 0
    assert snippet.id in ids(office)


def test_snippets_are_the_only_kind_of_row_that_is_marked_as_deleted() -> None:
    assert [kind for kind in get_args(Entity) if "deleted" in kind.__struct_fields__] == [Snippet]


def test_each_workspace_has_its_own_floor(office: Office, ana: Viewer) -> None:
    other = office.admin.create_workspace(replace(WORKSPACE, id=new_id(), name="Another"))
    _, revision = deleted(office, ana)
    office.now += 100 * DAY
    assert drop(office) == 1
    assert standing(office).floor == revision
    with office.database.read() as connection:
        assert read_standing(connection, other.id).floor == 0


def test_a_running_server_drops_old_traces_by_itself(tmp_path: Path) -> None:
    from tests.team import Team, a_team  # a whole server takes a while to import

    def age(team: Team) -> None:
        with team.database.write() as connection:
            connection.execute(sa.update(tables.receipt).values(at=now_ms() - 100 * DAY))

    with a_team(tmp_path) as team:
        ana = team.server.accounts.issue_local(WORKSPACE.id, ANA.id, "test")
        viewer = team.server.accounts.viewer(ana.access, WORKSPACE.id)
        snippet = Snippet(id=new_id(), name="map", text="a map")
        for command in (SaveSnippet(snippet), DeleteSnippet(snippet.id)):
            team.server.ledger.push(viewer, [Issued(new_id(), command, BY_ANA, now_ms())])
        age(team)
        team.server.channels._sweep()
        hello = team.server.ledger.hello(viewer)
        assert hello.floor == hello.head
        signed_in = {"Authorization": f"Bearer {ana.access}"}
        with httpx.Client(base_url=team.address, headers=signed_in, timeout=30) as client:
            for path in ("changes", "live"):
                place: dict[str, str | int] = {"since": 1, "epoch": hello.epoch, "sight": hello.sight}
                answer = client.get(f"/v1/w/{WORKSPACE.id}/{path}", params=place)
                assert (answer.status_code, answer.json()["code"]) == (410, "cursor-too-old")
                filling = {**place, "begun": hello.head}
                with client.stream("GET", f"/v1/w/{WORKSPACE.id}/{path}", params=filling) as going_on:
                    assert going_on.status_code == 200


def test_snippets_are_saved_and_deleted_while_traces_are_dropped(office: Office, ana: Viewer) -> None:
    problems: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for round_ in range(8):
                snippet = Snippet(id=new_id(), name=f"{number} {round_}", text="x")
                assert office.push(ana, SaveSnippet(snippet), new_id()).refusal is None
                assert office.push(ana, DeleteSnippet(snippet.id), new_id()).refusal is None
        except BaseException as problem:
            problems.append(problem)

    def sweep() -> None:
        try:
            for _ in range(12):
                drop_old_traces(office.database, office.now + 100 * DAY)
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    threads += [threading.Thread(target=sweep) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    drop_old_traces(office.database, office.now + 100 * DAY)
    assert standing(office).floor == office.head()
    assert office.all(Snippet) == []


# Who begins anew


def test_a_console_at_the_floor_goes_on_and_one_below_begins_anew(office: Office, ana: Viewer) -> None:
    cem = office.viewer(CEM)
    deleted(office, ana)
    floor = assign(office, BEN)
    office.submit(ReceiveMessage(MAI.id, "hello", PHONE.id))
    office.now += 100 * DAY
    drop(office)
    for viewer in (ana, cem):
        assert ask(office, viewer, floor - 1) == "cursor-too-old"
        assert ask(office, viewer, 1) == "cursor-too-old"
        for since in range(floor, office.head() + 1):
            assert ask(office, viewer, since) == ""
        assert ask(office, viewer, 0) == ""
        assert ask(office, viewer, office.head() + 1) == "cursor-ahead"


def test_what_went_is_gone_for_who_begins_anew_and_for_who_begins(office: Office, ana: Viewer) -> None:
    snippet = save(office, ana)
    replicas = [Replica(office, office.viewer(user), limit) for user in (ANA, CEM) for limit in (1, 5_000)]
    for replica in replicas:
        replica.catch_up()
        assert {("snippet", snippet.id), ("contact", MAI.id)} <= replica.rows.keys()
    remove(office, ana, snippet)
    assign(office, BEN)
    office.now += 100 * DAY
    assert drop(office) == 2
    save(office, ana, "newer")
    for replica in replicas:
        replica.catch_up()
        assert replica.reasons == ["cursor-too-old"]
        assert replica.rows == office.pull(replica.viewer)
        assert ("snippet", snippet.id) not in replica.rows
        assert (("contact", MAI.id) in replica.rows) is (replica.viewer.user_id == ANA.id)
    for replica in replicas:  # and they are not troubled again
        office.now += 100 * DAY
        office.submit(ReceiveMessage(MAI.id, "hello", PHONE.id))
        drop(office)
        replica.catch_up()
        assert len(replica.reasons) == 1


def test_a_filling_that_passes_below_the_floor_goes_on_unless_it_was_begun_below(office: Office, ana: Viewer) -> None:
    early = Replica(office, office.viewer(CEM), limit=1)
    early.take_page()
    deleted(office, ana)
    assign(office, BEN)
    assign(office, CEM)
    office.now += 100 * DAY
    drop(office)
    late = Replica(office, office.viewer(CEM), limit=1)
    late.take_page()
    floor = standing(office).floor
    assert early.cursor == late.cursor < floor
    assert (ask(office, early.viewer, early.cursor, early.head), ask(office, late.viewer, late.cursor, late.head)) == (
        "cursor-too-old",
        "",
    )
    assert ask(office, late.viewer, late.cursor, floor) == ""
    assert ask(office, late.viewer, late.cursor, floor - 1) == "cursor-too-old"
    for replica in (early, late):
        replica.catch_up()
        assert replica.rows == office.pull(late.viewer)
    assert (early.begun, late.begun) == (2, 1)


def test_a_page_that_others_were_given_before_brings_nothing_back(office: Office, ana: Viewer) -> None:
    snippet, _ = deleted(office, ana)
    assert ("snippet", snippet.id) in office.pull(ana)
    office.now += 100 * DAY
    drop(office)
    assert ("snippet", snippet.id) not in office.pull(ana)


def test_a_half_fetched_snapshot_is_not_gone_on_with_after_a_day(office: Office, ana: Viewer, tmp_path: Path) -> None:
    snapshots = Snapshots(office.database, tmp_path, office.ledger, SnapshotBuilder(1, build))
    snapshots.stop()  # none is made
    key, held = snapshots_module._key(WORKSPACE.id, ana.epoch, 1), "0" * 64
    path = tmp_path / f"{key}-1-{held}.gz"
    path.write_bytes(b"x")
    for age, found in ((snapshots_module.LIFE + 60, True), (snapshots_module.KEPT + 60, False)):
        made = time.time() - age
        os.utime(path, (made, made))
        assert (snapshots.find(ana, 1, held) is not None) is found


# Whatever happens


PEOPLE = [Contact(id=uid(), first_name=f"Guest {number}", channel_id=PHONE.id) for number in range(3)]
NAMES = ("map", "menu")
MEMORY = Path("/dev/shm")
"""A disk in memory, where there is one: no power cut is tried here."""
WATCHERS = (ANA, CEM)
Step = tuple[str, int, User | None]
events = st.one_of(
    st.tuples(st.just("assign"), st.integers(0, len(PEOPLE) - 1), st.sampled_from([CEM, BEN, None])),
    st.tuples(st.just("hear"), st.integers(0, len(PEOPLE) - 1), st.none()),
    st.tuples(st.just("save"), st.integers(0, len(NAMES) - 1), st.none()),
    st.tuples(st.just("remove"), st.integers(0, len(NAMES) - 1), st.none()),
    st.tuples(st.just("wait"), st.sampled_from([1, 100]), st.none()),
    st.tuples(st.just("pull"), st.integers(0, len(WATCHERS) - 1), st.none()),
    st.tuples(st.just("pull"), st.integers(0, len(WATCHERS) - 1), st.none()),
)


@settings(max_examples=examples(15))
@given(
    steps=st.lists(events, min_size=10, max_size=40),
    limits=st.tuples(*[st.sampled_from([1, 3, 5_000])] * len(WATCHERS)),
)
def test_whatever_was_dropped_everybody_holds_what_he_may_see(steps: list[Step], limits: tuple[int, ...]) -> None:
    live_through(steps, limits)


def live_through(steps: Sequence[Step], limits: tuple[int, ...]) -> None:
    """Let things happen; at the end every console that catches up holds what one does that begins."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        database = Database(sqlite_url(Path(folder)))
        office = Office(database, [*SETTINGS, CEM, *PEOPLE])
        ana = office.viewer(ANA)
        replicas = [Replica(office, office.viewer(user), limit) for user, limit in zip(WATCHERS, limits, strict=True)]
        snippets = [Snippet(id=uid(), name=name, text="x") for name in NAMES]
        for what, place, user in steps:
            match what:
                case "assign":
                    before = office.contact(PEOPLE[place].id).assignee_id
                    office.submit(AssignContact(PEOPLE[place].id, user.id if user else None, before), BY_ANA)
                case "hear":
                    office.submit(ReceiveMessage(PEOPLE[place].id, "hello", WEB.id))
                case "save":
                    office.push(ana, SaveSnippet(replace(snippets[place], text=uid())))
                case "remove":
                    office.push(ana, DeleteSnippet(snippets[place].id))
                case "wait":
                    office.now += place * DAY
                    drop(office)
                case "pull":
                    replicas[place].take_page()
        for replica in replicas:
            held = {key: row for key, (_, row) in replica.catch_up().items()}
            there = {key: row for key, (_, row) in office.pull(replica.viewer).items()}
            assert without_deleted(held) == without_deleted(there)
        database.close()


def without_deleted(rows: dict[tuple[str, str], Entity]) -> dict[tuple[str, str], Entity]:
    """Who has heard that a snippet was deleted may keep the mark for longer than the server."""
    return {key: row for key, row in rows.items() if not (isinstance(row, Snippet) and row.deleted)}


def _drop_and_leave_the_floor(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(traces, "raise_floor", lambda *_: None)


def _stop_one_short(patch: pytest.MonkeyPatch) -> None:
    true = traces.raise_floor
    patch.setattr(traces, "raise_floor", lambda connection, ws, to: true(connection, ws, to - 1))


def _believe_everybody_is_filling(patch: pytest.MonkeyPatch) -> None:
    true = ledger_module._check_cursor

    def check(standing: Standing, since: int, epoch: str, sight: int, now_sight: int, begun: int) -> None:
        true(standing, since, epoch, sight, now_sight, standing.head if begun else 0)

    patch.setattr(ledger_module, "_check_cursor", check)


def _believe_nobody_is_filling(patch: pytest.MonkeyPatch) -> None:
    true = ledger_module._check_cursor

    def check(standing: Standing, since: int, epoch: str, sight: int, now_sight: int, begun: int) -> None:
        true(standing, since, epoch, sight, now_sight, 0)

    patch.setattr(ledger_module, "_check_cursor", check)


ASLEEP: tuple[Step, ...] = (
    ("assign", 0, CEM),
    ("pull", 1, None),
    ("assign", 0, BEN),
    ("wait", 100, None),
)
"""Cem's console has not heard that a contact was taken from him."""
FILLING: tuple[Step, ...] = (
    ("save", 0, None),
    ("assign", 0, CEM),
    ("assign", 0, BEN),
    ("remove", 0, None),
    ("wait", 100, None),
)
"""Consoles that begin after that pass below the floor if their pages are small."""


@pytest.mark.parametrize(
    "fault",
    [_drop_and_leave_the_floor, _stop_one_short, _believe_everybody_is_filling, _believe_nobody_is_filling],
)
def test_it_would_be_noticed_if_the_server_were_to(
    fault: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def all_is_well() -> None:
        live_through(ASLEEP, (5_000, 5_000))
        live_through(FILLING, (1, 1))

    all_is_well()
    fault(monkeypatch)
    with pytest.raises(AssertionError):
        all_is_well()


# Consoles that slept


@pytest.fixture(params=["sqlite", "postgres"])
def town(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Town]:
    """A server, and three customers of whom each agent has one."""
    town = Town(tmp_path / "server", postgres_url() if request.param == "postgres" else "")
    for contact, user in zip((MAI, OMAR, LENA), TEAM, strict=True):
        town.writes_in(contact, "hello")
        assert town.submit(Actor(OLGA.id), AssignContact(contact.id, user.id)).refusal is None
    yield town
    town.close()


OMAR = Contact(id=uid(), first_name="Omar", channel_id=WEB.id)
LENA = Contact(id=uid(), first_name="Lena", channel_id=PHONE.id)
OLGA, _, OWN_ONLY = TEAM


def console(town: Town, user: User, name: str) -> Console:
    made = Console(town, user, town.folder / name)
    assert made.exchange()
    return made


def give(console: Console, command: Command, *, days_ago: int = 0) -> str:
    issued = Issued(new_id(), command, Actor(console.user.id), now_ms() - days_ago * DAY)
    assert console.store.execute(issued) is not None
    return issued.id


def assert_in_step(town: Town, console: Console) -> None:
    """The console holds what the server shows its user, deleted snippets apart."""
    held, there = rows_of(console.store), rows_in(town.rows(console.user.id))
    gone = [row["id"] for row in console.store.reader.execute("SELECT id FROM snippet WHERE deleted")]
    held["snippet"] = [row for row in held["snippet"] if not set(gone) & set(row)]
    there["snippet"] = [row for row in there["snippet"] if not set(gone) & set(row)]
    assert held == there
    assert_sound(console.store)
    assert (console.store.replica.rebuilding, console.store.replica.sweeping) == (0, 0)


def texts(console: Console, contact: Contact) -> set[str]:
    rows = console.store.reader.execute("SELECT text FROM message WHERE contact_id = ?", (contact.id,))
    return {row["text"] for row in rows}


def test_a_console_that_slept_for_a_hundred_and_twenty_days_begins_anew_and_loses_nothing_of_its_own(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "PAGE_ROWS", 3)
    snippet = Snippet(id=uid(), name="map", text="a map")
    town.submit(Actor(OLGA.id), SaveSnippet(snippet))
    town.submit(Actor(OLGA.id), AssignContact(MAI.id, OWN_ONLY.id, OLGA.id))
    asleep = console(town, OWN_ONLY, "asleep")
    awake = console(town, OWN_ONLY, "awake")
    assert texts(asleep, MAI)
    said = give(asleep, SendMessage(LENA.id, "I will look"), days_ago=120)
    give(asleep, AddComment(LENA.id, "a regular"), days_ago=120)
    give(asleep, AddComment(MAI.id, "hers"), days_ago=120)
    asleep.store.save_draft(OWN_ONLY.id, LENA.id, Draft("half a sent"), now_ms())
    asleep.store.save_draft(OWN_ONLY.id, MAI.id, Draft("of Mai"), now_ms())

    town.submit(Actor(OLGA.id), DeleteSnippet(snippet.id))
    town.submit(Actor(OLGA.id), AssignContact(MAI.id, OLGA.id, OWN_ONLY.id))
    awake.exchange()
    generation = awake.store.replica.generation
    town.pass_days(120)
    town.writes_in(LENA, "are you there?")
    awake.exchange()
    assert awake.store.replica.generation == generation, "who heard of it all goes on"

    assert asleep.exchange()
    assert asleep.store.replica.generation == 2
    assert read_draft(asleep.store.reader, OWN_ONLY.id, LENA.id).text == "half a sent"
    assert read_draft(asleep.store.reader, OWN_ONLY.id, MAI.id).text == "of Mai"
    (refused,) = entries(asleep.store.reader, OutboxState.REFUSED)
    assert refused.issued.command == AddComment(MAI.id, "hers")
    (asking,) = entries(asleep.store.reader, OutboxState.ASKING)
    assert asking.issued.id == said
    asleep.store.confirm(said, now_ms())
    assert asleep.exchange()
    truth = [row.text for row in town.rows(OLGA.id) if isinstance(row, Message) and row.contact_id == LENA.id]
    assert truth.count("I will look") == truth.count("a regular") == 1
    assert awake.exchange()
    for each in (asleep, awake):
        assert_in_step(town, each)
        assert texts(each, MAI) == set()
        assert each.store.reader.execute("SELECT 1 FROM snippet WHERE deleted = 0").fetchone() is None
        each.close()


def test_a_filling_that_was_cut_off_goes_on_where_it_was_although_the_floor_is_above(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "PAGE_ROWS", 1)
    town.submit(Actor(OLGA.id), AssignContact(MAI.id, OWN_ONLY.id, OLGA.id))
    town.submit(Actor(OLGA.id), AssignContact(MAI.id, OLGA.id, OWN_ONLY.id))
    town.pass_days(100)
    town.writes_in(MAI, "hello again")
    floor = town.ledger.hello(town.viewer(OLGA.id)).floor
    begun = Console(town, OLGA, town.folder / "begun")
    standing = begun.line.meet()
    begun.store.begin_anew(standing.epoch, standing.sight, standing.head)
    begun.store.apply(begun.line.changes(0, 1))
    assert 0 < begun.store.cursor < floor
    begun.close()
    begun.open()
    assert begun.exchange()
    assert begun.store.replica.generation == 1
    assert_in_step(town, begun)
    begun.close()


def test_a_filling_that_was_cut_off_before_the_floor_rose_is_begun_again(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "PAGE_ROWS", 1)
    snippet = Snippet(id=uid(), name="map", text="a map")
    town.submit(Actor(OLGA.id), SaveSnippet(snippet))
    begun = Console(town, OLGA, town.folder / "begun")
    standing = begun.line.meet()
    begun.store.begin_anew(standing.epoch, standing.sight, standing.head)
    page = begun.line.changes(0, 1_000)
    begun.store.apply(replace(page, to=page.to - 1, rows=page.rows[:-1], more=True))
    town.submit(Actor(OLGA.id), DeleteSnippet(snippet.id))
    town.pass_days(100)
    assert begun.exchange()
    assert begun.store.replica.generation == 2
    assert_in_step(town, begun)
    begun.close()
