from __future__ import annotations

import threading
from pathlib import Path

from ismsg_tui.clock import new_id
from ismsg_tui.demo.authority import MemoryAuthority
from ismsg_tui.domain.commands import (
    Actor,
    AssignContact,
    Command,
    CreateContact,
    Issued,
    ReceiveMessage,
    SendMessage,
    UseSnippet,
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
from ismsg_tui.store.store import Store
from ismsg_tui.sync.engine import Refused, Sync
from tests.replicas import rows_in
from tests.replicas import rows_of as rows_of_store

ANA, BEN = (User(id=content_id(0, name), name=name) for name in ("Ana", "Ben"))
CHANNEL = Channel(id=content_id(0, "sms"), kind="sms", name="SMS", text_limit=320)
MAI = Contact(id=content_id(0, "mai"), first_name="Mai", channel_id=CHANNEL.id)
SNIPPET = Snippet(id=content_id(0, "hello"), name="hello", text="Hello!")
WORKSPACE = Workspace(id=content_id(0, "here"), name="Here")
GUEST = Actor(None, Source.CONTACT)
LONG_AGO = 1_000_000


def issued(command: Command, actor: Actor = GUEST, at: int = LONG_AGO) -> Issued:
    return Issued(new_id(), command, actor, at)


def an_authority() -> MemoryAuthority:
    authority = MemoryAuthority(lambda: 5_000_000)
    authority.seed([WORKSPACE, ANA, BEN, CHANNEL, SNIPPET])
    authority.submit(issued(CreateContact(MAI)))
    return authority


def rows_of(authority: MemoryAuthority, kind: type[Entity]) -> list[Entity]:
    return [row for _, row in authority.rows() if isinstance(row, kind)]


def test_all_rows_of_a_command_share_one_revision_and_revisions_have_no_holes() -> None:
    authority = an_authority()
    first = authority.submit(issued(ReceiveMessage(MAI.id, "hello")))
    second = authority.submit(issued(SendMessage(MAI.id, "good day"), Actor(ANA.id)))
    page = authority.changes(0, 1_000)
    assert (first.seq, second.seq, page.to) == (3, 4, 4)
    assert {type(row) for rev, row in page.rows if rev == second.seq} >= {Contact, Conversation, Message}
    assert {rev for rev, _ in page.rows} == {1, 3, 4}  # revision 2 made a contact that 4 has changed again


def test_a_command_that_changes_nothing_makes_no_revision() -> None:
    authority = an_authority()
    head = authority.changes(0, 1_000).to
    answer = authority.submit(issued(AssignContact(MAI.id, None), Actor(ANA.id)))
    assert (answer.seq, answer.refusal) == (head, None)
    assert authority.changes(head, 1_000).rows == ()


def test_the_same_command_again_is_answered_as_the_first_time() -> None:
    authority = an_authority()
    use = issued(UseSnippet(SNIPPET.id), Actor(ANA.id))
    take = issued(AssignContact(MAI.id, BEN.id, expected_id=ANA.id), Actor(ANA.id))
    answers = authority.push([use, take])
    authority.submit(issued(ReceiveMessage(MAI.id, "hello")))
    assert authority.push([use, take]) == answers
    assert answers[1].refusal is not None
    assert [row.uses for row in rows_of(authority, Snippet) if isinstance(row, Snippet)] == [1]


def test_the_authority_says_when_things_happen() -> None:
    authority = an_authority()
    for text in ("one", "two"):
        authority.submit(issued(ReceiveMessage(MAI.id, text)))
    times = [row.at for row in rows_of(authority, Message) if isinstance(row, Message) and row.text]
    assert times[0] >= 5_000_000
    assert times[0] < times[1]


def test_what_is_recorded_keeps_its_own_time() -> None:
    authority = an_authority()
    authority.record(issued(ReceiveMessage(MAI.id, "long ago")))
    assert {row.at for row in rows_of(authority, Message) if isinstance(row, Message)} == {LONG_AGO}


def test_a_page_never_splits_a_revision_and_pages_together_are_the_whole() -> None:
    authority = an_authority()
    for number in range(20):
        authority.submit(issued(ReceiveMessage(MAI.id, f"message {number}")))
        authority.submit(issued(SendMessage(MAI.id, f"answer {number}"), Actor(ANA.id)))
    whole = authority.changes(0, 10_000)
    for limit in (1, 2, 3, 7):
        since, more, pages = 0, True, []
        while more:
            page = authority.changes(since, limit)
            assert page.since == since
            assert page.to > since
            pages.append(page)
            since, more = page.to, page.more
        assert since == whole.to
        assert tuple(row for page in pages for row in page.rows) == whole.rows
        revisions = [{rev for rev, _ in page.rows} for page in pages]
        assert sum(len(revs) for revs in revisions) == len(set().union(*revisions))


def test_a_row_comes_once_in_its_newest_state() -> None:
    authority = an_authority()
    for _ in range(3):
        authority.submit(issued(ReceiveMessage(MAI.id, "hello")))
    page = authority.changes(0, 1_000)
    assert len({(type(row), row.id) for _, row in page.rows}) == len(page.rows)
    assert [row.incoming_count for _, row in page.rows if isinstance(row, Conversation)] == [3]


def test_whoever_watches_is_told_of_every_change_until_he_stops() -> None:
    authority = an_authority()
    hints: list[int] = []
    unwatch = authority.watch(lambda: hints.append(authority.changes(0, 1_000).to))
    answer = authority.submit(issued(ReceiveMessage(MAI.id, "hello")))
    authority.submit(issued(AssignContact(MAI.id, None), Actor(ANA.id)))
    unwatch()
    authority.submit(issued(ReceiveMessage(MAI.id, "again")))
    assert hints == [answer.seq]


def test_many_threads_at_once_leave_neither_holes_nor_lost_rows() -> None:
    authority = an_authority()
    begin = threading.Barrier(8)

    def write(who: int) -> None:
        begin.wait()
        for number in range(50):
            authority.submit(issued(ReceiveMessage(MAI.id, f"{who} {number}")))
            authority.changes(number, 10)

    threads = [threading.Thread(target=write, args=(who,)) for who in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    page = authority.changes(0, 10_000)
    texts = {row.text for _, row in page.rows if isinstance(row, Message) and row.text}
    assert texts == {f"{who} {number}" for who in range(8) for number in range(50)}
    assert page.to == 2 + 400
    assert [row.incoming_count for _, row in page.rows if isinstance(row, Conversation)] == [400]


def test_a_console_that_was_too_slow_is_refused_and_left_with_the_truth(tmp_path: Path) -> None:
    authority = an_authority()
    store = Store(tmp_path)
    refused: list[Refused] = []
    sync = Sync(store, authority, on_refused=refused.append)
    sync.exchange()
    authority.submit(issued(AssignContact(MAI.id, BEN.id), Actor(BEN.id)))
    store.execute(issued(AssignContact(MAI.id, ANA.id), Actor(ANA.id)))
    sync.exchange()
    assert [found.refusal.code for found in refused] == ["assignment-conflict"]
    assert rows_of_store(store) == rows_in(row for _, row in authority.rows())
    store.close()
