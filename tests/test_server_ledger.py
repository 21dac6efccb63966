"""The ledger: commands in one transaction each, receipts, and pages of what changed."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ismsg_tui.clock import new_id
from ismsg_tui.demo.memory_stage import MemoryStage
from ismsg_tui.domain.commands import (
    Actor,
    AddComment,
    AssignContact,
    CloseConversation,
    Command,
    CreateContact,
    Issued,
    MarkRead,
    OpenConversation,
    ReceiveMessage,
    SaveSnippet,
    SendMessage,
    SetDelivery,
    SnoozeConversation,
    UseSnippet,
    WakeConversation,
)
from ismsg_tui.domain.entities import (
    Contact,
    Conversation,
    Entity,
    EventType,
    Message,
    MessageKind,
    ReadMark,
    Snippet,
    Source,
    User,
)
from ismsg_tui.domain.wire import KIND_OF
from ismsg_tui.server.accounts import Viewer
from ismsg_tui.server.database import Database
from ismsg_tui.server.errors import ProblemError
from ismsg_tui.server.ledger import FILE_MISSING
from ismsg_tui.server.receipts import digest
from ismsg_tui.server.seeding import SEED_ROWS
from tests.factories import ANA, BEN, GUEST, HOUR, MAI, PHONE, SETTINGS, T0, WEB, WORKSPACE, Story, examples, uid
from tests.server_office import Office, Replica, issued
from tests.servers import sqlite_url
from tests.strategies import CONTACTS, FILE, Fitting, Plan, plans

HELLO = ReceiveMessage(MAI.id, "hello", PHONE.id)
SNIPPET = Snippet(id=uid(), name="Hi", text="Hello there")


@pytest.fixture
def office(server_database: Database) -> Office:
    return Office(server_database)


@pytest.fixture
def ana(office: Office) -> Viewer:
    return office.viewer(ANA)


# Carrying out


def test_all_rows_of_a_command_are_one_revision_and_revisions_have_no_holes(office: Office, ana: Viewer) -> None:
    before = office.head()
    assert office.submit(HELLO).seq == before + 1
    assert office.push(ana, SendMessage(MAI.id, "hi")).seq == before + 2
    revisions = [rev for rev, _ in office.pull(ana).values()]
    assert revisions.count(before + 1) == 2  # what was overwritten by the answer has its revision
    assert revisions.count(before + 2) == 5
    assert office.head() == before + 2


def test_a_command_that_comes_again_is_answered_as_then(office: Office, ana: Viewer) -> None:
    office.submit(HELLO)
    first = office.push(ana, SendMessage(MAI.id, "hi"), id := uid())
    office.submit(HELLO)
    head = office.head()
    assert office.push(ana, SendMessage(MAI.id, "hi"), id) == first
    assert office.push(office.viewer(ANA), SendMessage(MAI.id, "hi"), id) == first
    assert office.head() == head


def test_a_use_of_a_snippet_that_comes_again_counts_once(office: Office, ana: Viewer) -> None:
    office.push(ana, SaveSnippet(SNIPPET))
    for _ in range(3):
        office.push(ana, UseSnippet(SNIPPET.id), SNIPPET.id)
    assert [snippet.uses for snippet in office.all(Snippet)] == [1]


def test_a_refused_command_stays_refused_whatever_comes_later(office: Office, ana: Viewer) -> None:
    refused = office.push(ana, CloseConversation(MAI.id), id := uid())
    assert refused.refusal
    assert refused.refusal.code == "not-open"
    office.submit(HELLO)
    assert office.push(ana, CloseConversation(MAI.id), id) == refused
    assert office.all(Conversation)[0].closed_at is None


@pytest.mark.parametrize(
    ("user", "command"),
    [(ANA, SendMessage(MAI.id, "something else")), (ANA, AddComment(MAI.id, "hi")), (BEN, SendMessage(MAI.id, "hi"))],
)
def test_another_command_under_an_id_that_was_used_is_a_problem(office: Office, user: User, command: Command) -> None:
    office.push(office.viewer(ANA), SendMessage(MAI.id, "hi"), id := uid())
    head = office.head()
    with pytest.raises(ProblemError) as problem:
        office.push(office.viewer(user), command, id)
    assert (problem.value.status, problem.value.code) == (422, "command-reuse")
    assert office.head() == head


def test_a_command_is_known_again_by_a_later_version_whose_commands_have_more_fields() -> None:
    command = Issued(uid(), SendMessage(MAI.id, "hi", attachments=(replace(FILE, peaks=(1, 2)),)), Actor(ANA.id), 5)
    sent = {
        "contact_id": MAI.id,
        "text": "hi",
        "attachments": [
            {
                "name": "your bill.pdf",
                "kind": "file",
                "mime": "application/pdf",
                "size": 9_000,
                "sha256": "0f" * 32,
                "peaks": [1, 2],
            }
        ],
    }
    said = [ANA.id, "user", {"type": "message.send", **sent}]
    assert digest(command) == hashlib.sha256(msgspec.json.encode(said, order="deterministic")).hexdigest()
    assert digest(replace(command, id=uid(), at=6)) == digest(command)


def test_what_was_done_before_a_problem_is_told(office: Office, ana: Viewer) -> None:
    office.push(ana, SendMessage(MAI.id, "hi"), used := uid())
    texts = [issued(SendMessage(MAI.id, "one")), issued(AddComment(MAI.id, "two"), used), issued(HELLO)]
    results = office.ledger.push(ana, texts)
    assert [result.id for result in results.results] == [texts[0].id]
    assert results.head == office.head()
    with pytest.raises(ProblemError):
        office.ledger.push(ana, texts[1:])


def test_a_command_after_a_refused_one_is_carried_out(office: Office, ana: Viewer) -> None:
    commands = [issued(CloseConversation(MAI.id)), issued(SendMessage(MAI.id, "hi"))]
    results = office.ledger.push(ana, commands).results
    assert [result.refusal is None for result in results] == [False, True]


def test_what_changes_nothing_is_answered_with_the_newest_revision(office: Office, ana: Viewer) -> None:
    office.submit(HELLO)
    office.push(ana, MarkRead(MAI.id, T0))
    head = office.head()
    assert office.push(ana, MarkRead(MAI.id, T0)).seq == head
    assert office.head() == head


def test_the_servers_clock_says_when_and_lines_of_a_contact_never_share_a_moment(office: Office, ana: Viewer) -> None:
    for _ in range(3):
        office.submit(HELLO)
    office.push(ana, SendMessage(MAI.id, "hi"))
    lines = sorted(office.all(Message), key=lambda line: (line.at, line.id))
    assert [line.kind for line in lines][-2:] == [MessageKind.EVENT, MessageKind.OUTGOING]
    assert [line.at - T0 for line in lines if line.kind is MessageKind.INCOMING] == [0, 1, 2]
    office.now -= HOUR
    office.submit(HELLO)
    assert max(line.at for line in office.all(Message)) == T0 + 4


def test_who_is_signed_in_acts_whoever_the_command_names(office: Office) -> None:
    command = replace(issued(SendMessage(MAI.id, "hi")), actor=Actor(ANA.id, Source.API))
    office.ledger.push(office.viewer(BEN), [command])
    (line,) = [line for line in office.all(Message) if line.kind is MessageKind.OUTGOING]
    assert (line.author_id, line.source) == (BEN.id, Source.USER)


def test_the_end_of_a_snooze_stays_the_timers(office: Office, ana: Viewer) -> None:
    office.submit(HELLO)
    office.push(ana, SnoozeConversation(MAI.id, T0 + HOUR))
    timer = replace(issued(WakeConversation(MAI.id)), actor=Actor(None, Source.TIMER))
    office.ledger.push(ana, [timer])
    assert office.all(Conversation)[0].snoozed_until == T0 + HOUR
    office.now += 2 * HOUR
    office.ledger.push(ana, [replace(timer, id=uid())])
    woken = [line.event for line in office.all(Message) if line.event and line.event.type is EventType.WOKEN]
    assert [event.source for event in woken] == [Source.TIMER]


def test_a_contact_is_created_once(office: Office) -> None:
    contact = Contact(id=uid(), first_name="New", channel_id=PHONE.id)
    seq = office.submit(CreateContact(contact)).seq
    assert office.submit(CreateContact(contact)).seq == seq
    assert office.contact(contact.id).created_at == T0


def test_an_unknown_contact_is_refused_and_leaves_nothing(office: Office, ana: Viewer) -> None:
    for command in (SendMessage(uid(), "hi"), CreateContact(Contact(id=uid()))):
        assert office.push(ana, command).refusal is not None
    assert len(office.all(Contact)) == 1


def test_an_unknown_workspace_is_a_problem(office: Office) -> None:
    with pytest.raises(ProblemError) as problem:
        office.ledger.submit(uid(), issued(HELLO))
    assert problem.value.status == 404


def test_a_command_knows_the_settings_of_this_moment(office: Office, ana: Viewer) -> None:
    office.ledger.seed(WORKSPACE.id, [replace(ANA, active=False)])
    result = office.push(ana, SendMessage(MAI.id, "hi"))
    assert result.refusal
    assert result.refusal.code == "unknown-user"


# What goes with a command


def test_a_hook_sees_the_rows_and_is_part_of_the_transaction(office: Office, ana: Viewer) -> None:
    seen: list[tuple[str, int, int]] = []

    def note(connection: sa.Connection, ws: str, seq: int, command: Issued | None, rows: Sequence[Entity]) -> None:
        seen.append((ws, seq, len(rows)))
        if len(seen) == 2:
            raise RuntimeError("no")

    office.ledger.after_effects.append(note)
    head = office.submit(HELLO).seq
    with pytest.raises(RuntimeError):
        office.push(ana, SendMessage(MAI.id, "hi"), id := uid())
    assert office.head() == head
    assert office.push(ana, SendMessage(MAI.id, "hi"), id).seq == head + 1
    assert seen == [(WORKSPACE.id, head, 3), (WORKSPACE.id, head + 1, 5), (WORKSPACE.id, head + 1, 5)]


def test_what_a_channel_writes_with_a_command_is_written_with_it_or_not_at_all(office: Office) -> None:
    calls = []

    def within(connection: sa.Connection) -> None:
        calls.append(connection.in_transaction())
        if len(calls) == 1:
            raise RuntimeError("no")

    command = replace(issued(HELLO), actor=GUEST)
    head = office.head()
    with pytest.raises(RuntimeError):
        office.ledger.submit(WORKSPACE.id, command, within=within)
    assert office.head() == head
    for _ in range(2):  # the second time there is a receipt
        assert office.ledger.submit(WORKSPACE.id, command, within=within).seq == head + 1
    refused = replace(issued(OpenConversation(MAI.id)), actor=Actor(None, Source.BOT))
    assert office.ledger.submit(WORKSPACE.id, refused, within=within).refusal
    assert calls == [True, True]


def test_a_message_waits_for_its_files_and_may_then_come_again(office: Office, ana: Viewer) -> None:
    there: set[str] = set()
    office.ledger.blob_check = lambda connection, ws, sha256, reader: sha256 in there
    snippet = replace(SNIPPET, attachments=(FILE,))
    for command in (SendMessage(MAI.id, "", WEB.id, (FILE,)), SaveSnippet(snippet)):
        there.clear()
        refused = office.push(ana, command, id := uid())
        assert refused.refusal
        assert refused.refusal.code == FILE_MISSING
        there.add(FILE.sha256)
        assert office.push(ana, command, id).refusal is None


def test_listeners_hear_of_what_is_committed_and_of_nothing_else(office: Office, ana: Viewer) -> None:
    heard: list[int] = []

    def listen(ws: str, seq: int) -> None:
        heard.append(seq)
        assert office.head() == seq
        raise RuntimeError("whatever")

    office.ledger.on_commit(listen)
    head = office.head()
    office.submit(HELLO)
    office.push(ana, MarkRead(MAI.id, 0))
    office.push(ana, CloseConversation(MAI.id, "no such category"))
    office.ledger.seed(WORKSPACE.id, [PHONE])
    office.push(ana, SendMessage(MAI.id, "hi"))
    assert heard == [head + 1, head + 2, head + 3]


# Seeds


def test_what_is_there_already_is_not_written_again(office: Office) -> None:
    head = office.head()
    assert office.ledger.seed(WORKSPACE.id, [*SETTINGS, MAI]) == head
    assert office.ledger.seed(WORKSPACE.id, [*SETTINGS, replace(MAI, first_name="May")]) == head + 1
    assert office.contact().first_name == "May"


def test_a_thousand_rows_are_one_revision_and_history_is_kept_from_hooks(office: Office) -> None:
    told: list[int] = []
    office.ledger.after_effects.append(lambda connection, ws, seq, command, rows: told.append(len(rows)))
    people = [Contact(id=new_id(), first_name=str(number)) for number in range(SEED_ROWS * 2 + 1)]
    head = office.head()
    assert office.ledger.seed(WORKSPACE.id, people[1:], past=True) == head + 2
    assert told == []
    office.ledger.seed(WORKSPACE.id, people)
    assert told == [1]


def test_seeded_history_is_gone_on_with(office: Office, ana: Viewer) -> None:
    contact = Contact(id=uid(), first_name="Old", channel_id=PHONE.id, assignee_id=BEN.id)
    story = Story(contact)
    for _ in range(2):
        story.hear()
        story.close()
    story.hear()
    office.ledger.seed(WORKSPACE.id, list(story.rows.values()), past=True)
    assert office.push(ana, OpenConversation(contact.id)).refusal is not None
    assert office.push(ana, CloseConversation(contact.id, "Booking")).refusal is None
    assert office.push(ana, OpenConversation(contact.id)).refusal is None
    assert max(line.at for line in office.all(Message)) > max(line.at for line in story.lines(contact.id))


# Pages


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 5_000])
def test_pages_of_any_size_hold_everything_once_and_never_split_a_revision(
    office: Office, ana: Viewer, limit: int
) -> None:
    for _ in range(3):
        office.submit(HELLO)
        office.push(ana, SendMessage(MAI.id, "hi"))
    everything = office.pull(ana)
    replica = Replica(office, ana, limit)
    revisions: set[int] = set()
    more = True
    while more:
        before = dict(replica.rows)
        more = replica.take_page()
        new = {rev for key, (rev, _) in replica.rows.items() if before.get(key) != replica.rows[key]}
        assert not new & revisions
        revisions |= new
    assert replica.rows == everything
    assert office.ledger.hello(ana).rows == len(everything)


def test_a_page_is_empty_once_everything_is_there(office: Office, ana: Viewer) -> None:
    hello = office.ledger.hello(ana)
    page = office.ledger.changes(ana, hello.head, hello.epoch, hello.sight, 10)
    assert (page.rows, page.gone, page.to, page.more) == ([], [], hello.head, False)


@pytest.mark.parametrize(
    ("since", "epoch", "sight", "code"),
    [
        (0, "another", 0, "cursor-epoch"),
        (0, "", 1, "cursor-sight"),
        (1, "", 0, "cursor-ahead"),
    ],
)
def test_a_cursor_that_does_not_stand_in_this_history_is_gone(
    office: Office, ana: Viewer, since: int, epoch: str, sight: int, code: str
) -> None:
    hello = office.ledger.hello(ana)
    with pytest.raises(ProblemError) as problem:
        office.ledger.changes(ana, since and hello.head + since, epoch or hello.epoch, hello.sight + sight, 10)
    assert (problem.value.status, problem.value.code) == (410, code)


# What may come from outside

nasty = st.one_of(st.text(max_size=40), st.sampled_from(["\0", "x\0y", uid(), "' OR 1=1 --", "💥" * 300]))
numbers = st.integers(-(2**63), 2**64 - 1)
hostile: st.SearchStrategy[Command] = st.one_of(
    st.builds(SendMessage, st.just(MAI.id), nasty, st.none() | nasty, st.just(()), st.none() | nasty),
    st.builds(SendMessage, nasty, nasty),
    st.builds(AddComment, st.just(MAI.id), nasty, st.lists(nasty, max_size=3).map(tuple)),
    st.builds(AssignContact, st.just(MAI.id), nasty, nasty),
    st.builds(SetDelivery, st.just(MAI.id), nasty, st.just("sent")),
    st.builds(SnoozeConversation, st.just(MAI.id), numbers),
    st.builds(MarkRead, st.just(MAI.id), numbers),
    st.builds(UseSnippet, nasty),
    st.builds(SaveSnippet, st.builds(Snippet, id=nasty, name=nasty, text=nasty, uses=numbers)),
)


@settings(max_examples=examples(60))
@given(data=st.data())
def test_nothing_that_comes_from_outside_is_more_than_refused(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        database = Database(sqlite_url(Path(folder)))
        _try_hostile(data, Office(database))
        database.close()


def test_nothing_that_comes_from_outside_upsets_postgresql(postgres_database: Database) -> None:
    office = Office(postgres_database)

    @settings(max_examples=examples(100))
    @given(data=st.data())
    def attempt(data: st.DataObject) -> None:
        _try_hostile(data, office)

    attempt()


def _try_hostile(data: st.DataObject, office: Office) -> None:
    command = Issued(data.draw(nasty | st.just(new_id())), data.draw(hostile), Actor(data.draw(nasty)), 0)
    viewer = office.viewer(ANA)
    try:
        office.ledger.push(viewer, [command])
    except ProblemError as problem:
        if problem.code not in ("malformed", "command-reuse"):
            raise
    for _, row in office.pull(viewer).values():
        if isinstance(row, ReadMark):
            assert abs(row.at) <= 2**53


@settings(max_examples=examples(30))
@given(stories=st.lists(plans, max_size=8))
def test_the_server_and_the_demo_decide_the_same(stories: list[list[Plan]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        database = Database(sqlite_url(Path(folder)))
        office = Office(database, [*SETTINGS, *CONTACTS[:-1]])
        memory = MemoryStage(lambda: office.now)
        memory.seed([WORKSPACE])
        memory.seed([*SETTINGS, *CONTACTS[:-1]])
        for plan in [plan for story in stories for plan in story]:
            if isinstance(plan.command, Fitting):
                continue
            office.now += plan.after
            command = Issued(uid(), plan.command, plan.actor, 0)
            result = office.ledger.submit(WORKSPACE.id, command)
            assert memory.submit(command).refusal == result.refusal
        pulled = office.pull(office.viewer(ANA))
        assert pulled == {(KIND_OF[type(row)], row.id): (rev, row) for rev, row in memory.rows()}
        database.close()
