"""The stage in memory: what it decides, when, and in which pages it tells of it."""

from __future__ import annotations

from ismsg_tui.clock import new_id
from ismsg_tui.demo.memory_stage import MemoryStage
from ismsg_tui.domain.commands import (
    Actor,
    AssignContact,
    Command,
    CreateContact,
    Issued,
    ReceiveMessage,
    SendMessage,
)
from ismsg_tui.domain.entities import (
    Channel,
    Contact,
    Conversation,
    Entity,
    Message,
    Snippet,
    Source,
    User,
    Workspace,
)
from ismsg_tui.domain.ids import content_id

ANA, BEN = (User(id=content_id(0, name), name=name) for name in ("Ana", "Ben"))
CHANNEL = Channel(id=content_id(0, "sms"), kind="sms", name="SMS", text_limit=320)
MAI = Contact(id=content_id(0, "mai"), first_name="Mai", channel_id=CHANNEL.id)
SNIPPET = Snippet(id=content_id(0, "hello"), name="hello", text="Hello!")
WORKSPACE = Workspace(id=content_id(0, "here"), name="Here")
GUEST = Actor(None, Source.CONTACT)
LONG_AGO = 1_000_000


def issued(command: Command, actor: Actor = GUEST, at: int = LONG_AGO) -> Issued:
    return Issued(new_id(), command, actor, at)


def a_stage() -> MemoryStage:
    stage = MemoryStage(lambda: 5_000_000)
    stage.seed([WORKSPACE, ANA, BEN, CHANNEL, SNIPPET])
    stage.submit(issued(CreateContact(MAI)))
    return stage


def rows_of(stage: MemoryStage, kind: type[Entity]) -> list[Entity]:
    return [row for _, row in stage.rows() if isinstance(row, kind)]


def test_all_rows_of_a_command_share_one_revision_and_revisions_have_no_holes() -> None:
    stage = a_stage()
    first = stage.submit(issued(ReceiveMessage(MAI.id, "hello")))
    second = stage.submit(issued(SendMessage(MAI.id, "good day"), Actor(ANA.id)))
    page = stage.changes(0, 1_000)
    assert (first.seq, second.seq, page.to) == (3, 4, 4)
    assert {type(row) for rev, row in page.rows if rev == second.seq} >= {Contact, Conversation, Message}
    assert {rev for rev, _ in page.rows} == {1, 3, 4}  # revision 2 made a contact that 4 has changed again


def test_a_command_that_changes_nothing_makes_no_revision() -> None:
    stage = a_stage()
    head = stage.changes(0, 1_000).to
    answer = stage.submit(issued(AssignContact(MAI.id, None), Actor(ANA.id)))
    assert (answer.seq, answer.refusal) == (head, None)
    assert stage.changes(head, 1_000).rows == ()


def test_the_stage_says_when_things_happen() -> None:
    stage = a_stage()
    for text in ("one", "two"):
        stage.submit(issued(ReceiveMessage(MAI.id, text)))
    times = [row.at for row in rows_of(stage, Message) if isinstance(row, Message) and row.text]
    assert times[0] >= 5_000_000
    assert times[0] < times[1]


def test_what_is_recorded_keeps_its_own_time() -> None:
    stage = a_stage()
    stage.record(issued(ReceiveMessage(MAI.id, "long ago")))
    assert {row.at for row in rows_of(stage, Message) if isinstance(row, Message)} == {LONG_AGO}


def test_a_page_never_splits_a_revision_and_pages_together_are_the_whole() -> None:
    stage = a_stage()
    for number in range(20):
        stage.submit(issued(ReceiveMessage(MAI.id, f"message {number}")))
        stage.submit(issued(SendMessage(MAI.id, f"answer {number}"), Actor(ANA.id)))
    whole = stage.changes(0, 10_000)
    for limit in (1, 2, 3, 7):
        since, more, pages = 0, True, []
        while more:
            page = stage.changes(since, limit)
            assert page.since == since
            assert page.to > since
            pages.append(page)
            since, more = page.to, page.more
        assert since == whole.to
        assert tuple(row for page in pages for row in page.rows) == whole.rows
        revisions = [{rev for rev, _ in page.rows} for page in pages]
        assert sum(len(revs) for revs in revisions) == len(set().union(*revisions))


def test_a_row_comes_once_in_its_newest_state() -> None:
    stage = a_stage()
    for _ in range(3):
        stage.submit(issued(ReceiveMessage(MAI.id, "hello")))
    page = stage.changes(0, 1_000)
    assert len({(type(row), row.id) for _, row in page.rows}) == len(page.rows)
    assert [row.incoming_count for _, row in page.rows if isinstance(row, Conversation)] == [3]


def test_whoever_watches_is_told_of_every_change_until_he_stops() -> None:
    stage = a_stage()
    hints: list[int] = []
    unwatch = stage.watch(lambda: hints.append(stage.changes(0, 1_000).to))
    answer = stage.submit(issued(ReceiveMessage(MAI.id, "hello")))
    stage.submit(issued(AssignContact(MAI.id, None), Actor(ANA.id)))
    unwatch()
    stage.submit(issued(ReceiveMessage(MAI.id, "again")))
    assert hints == [answer.seq]
