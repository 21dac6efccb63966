"""The store's promises one by one: drafts, outbox, timeline, settings, failures, and what lies in the file."""

from __future__ import annotations

import ast
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

import ismsg_tui
from ismsg_tui.domain.changes import Page
from ismsg_tui.domain.commands import (
    AddComment,
    AssignContact,
    Command,
    CreateContact,
    Issued,
    ReceiveMessage,
    SendMessage,
    SetDelivery,
    SnoozeConversation,
    UseSnippet,
)
from ismsg_tui.domain.entities import (
    Contact,
    Conversation,
    ConversationStatus,
    Delivery,
    Message,
    MessageKind,
    Snippet,
    Source,
)
from ismsg_tui.domain.ids import Part, derived_id
from ismsg_tui.domain.state import Refusal
from ismsg_tui.domain.views import ContactStatus, View
from ismsg_tui.store import departures, outbox
from ismsg_tui.store.connection import OperationalError, wal_is_safe
from ismsg_tui.store.drafts import Draft, read_draft
from ismsg_tui.store.lists import UNREAD_CAP, due_to_wake, list_page, list_position, rows_for, view_count
from ismsg_tui.store.migrations import SCHEMA_VERSION, StoreTooNewError
from ismsg_tui.store.outbox import OutboxState
from ismsg_tui.store.search import resolve_contact, search_messages
from ismsg_tui.store.store import CursorError, RefusedError, Store
from ismsg_tui.store.timeline import contact_card, timeline_page
from tests.factories import ANA, BEN, BY_ANA, GUEST, HOUR, MAI, PHONE, SETTINGS, T0, uid
from tests.replicas import assert_sound
from tests.waiting import PATIENCE

NO = Refusal("no", "No.")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path)
    store.adopt([*SETTINGS, MAI])
    yield store
    store.close()


def give(store: Store, command: Command, at: int = T0, hold_until: int = 0) -> Issued:
    actor = GUEST if isinstance(command, ReceiveMessage | CreateContact | SetDelivery) else BY_ANA
    issued = Issued(uid(), command, actor, at)
    assert store.execute(issued, hold_until=hold_until) is not None
    return issued


def hear(store: Store, text: str = "hello", at: int = T0) -> None:
    give(store, ReceiveMessage(MAI.id, text, PHONE.id), at)


def texts(store: Store) -> list[str]:
    return [line.message.text for line in timeline_page(store.reader, MAI.id) if line.message.text]


# Drafts


def test_a_draft_is_kept_per_user_and_contact(store: Store) -> None:
    store.save_draft(ANA.id, MAI.id, Draft("for Mai", comment=True), T0)
    assert read_draft(store.reader, ANA.id, MAI.id) == Draft("for Mai", comment=True)
    assert read_draft(store.reader, BEN.id, MAI.id) == Draft()


@pytest.mark.parametrize("nothing", ["", "\x00\x1b[31m"])
def test_a_draft_of_which_nothing_is_left_is_forgotten(store: Store, nothing: str) -> None:
    hear(store)
    store.save_draft(ANA.id, MAI.id, Draft("something"), T0)
    store.save_draft(ANA.id, MAI.id, Draft(nothing), T0)
    assert rows_for(store.reader, ANA.id, [MAI.id])[MAI.id].draft is None


def test_sending_drops_the_draft_in_the_same_moment(store: Store) -> None:
    store.save_draft(ANA.id, MAI.id, Draft("hi"), T0)
    store.execute(Issued(uid(), SendMessage(MAI.id, "hi"), BY_ANA, T0), drop_draft=True)
    assert read_draft(store.reader, ANA.id, MAI.id) == Draft()


def test_a_refused_sending_keeps_the_draft(store: Store) -> None:
    store.save_draft(ANA.id, MAI.id, Draft("hi"), T0)
    with pytest.raises(RefusedError, match="too long"):
        store.execute(Issued(uid(), SendMessage(MAI.id, "x" * 999), BY_ANA, T0), drop_draft=True)
    assert read_draft(store.reader, ANA.id, MAI.id) == Draft("hi")
    assert not outbox.any_in_play(store.reader)


# Outbox and timeline


def test_the_timeline_shows_how_far_a_command_has_come(store: Store) -> None:
    sent = give(store, SendMessage(MAI.id, "hi"), hold_until=T0 + 5_000)
    line = timeline_page(store.reader, MAI.id)[-1]
    assert (line.outbox, line.held_until) == (OutboxState.PENDING, T0 + 5_000)
    store.mark_sending(departures.ready(store.reader, T0 + 5_000, 10))
    assert timeline_page(store.reader, MAI.id)[-1].outbox is OutboxState.SENDING
    store.acknowledge(sent.id, 1)
    assert timeline_page(store.reader, MAI.id)[-1].outbox is None


def test_the_timeline_is_paged_in_both_directions_without_loss(store: Store) -> None:
    for number in range(25):
        hear(store, f"message {number}", T0 + number // 3)
    every = timeline_page(store.reader, MAI.id, limit=100)
    newest = timeline_page(store.reader, MAI.id, limit=10)
    older = timeline_page(store.reader, MAI.id, limit=100, before=newest[0].place)
    newer = timeline_page(store.reader, MAI.id, limit=100, after=every[3].place)
    assert older + newest == every
    assert newer == every[4:]


def test_taking_back_the_creation_of_a_contact_takes_it_out_of_every_list(store: Store) -> None:
    new = Contact(id=uid(), first_name="New", channel_id=PHONE.id)
    created = give(store, CreateContact(new))
    give(store, ReceiveMessage(new.id, "hello", PHONE.id))
    assert view_count(store.reader, View.NEW, ANA.id) == 1
    assert store.withdraw(created.id, T0) is not None
    assert list_page(store.reader, View.ALL, ANA.id).rows == []
    assert view_count(store.reader, View.ALL, ANA.id) == 0
    assert list_position(store.reader, View.NEW, ANA.id, new.id) is None


def test_a_command_is_carried_out_once_however_often_it_is_given(store: Store) -> None:
    welcome = Snippet(id=uid(), name="Welcome", text="Hello")
    store.adopt([welcome])
    used = Issued(uid(), UseSnippet(welcome.id), BY_ANA, T0)
    assert store.execute(used) is not None
    assert store.execute(used) is None
    assert store.reader.execute("SELECT uses FROM snippet").fetchone()[0] == 1


def test_withdrawing_one_of_many_leaves_the_others_as_if_it_had_never_been(store: Store) -> None:
    first = give(store, SendMessage(MAI.id, "one"))
    give(store, SendMessage(MAI.id, "two"))
    store.withdraw(first.id, T0)
    assert texts(store) == ["two"]
    card = contact_card(store.reader, MAI.id)
    assert card is not None
    assert card.current is not None
    assert (card.current.outgoing_count, card.current.opened_by) == (1, ANA.id)


def test_an_import_below_unconfirmed_commands_is_not_undone_with_them(store: Store) -> None:
    sent = give(store, SendMessage(MAI.id, "hi"))
    store.adopt([replace(MAI, last_name="Imported")])
    assert contact_card(store.reader, MAI.id) is not None
    store.withdraw(sent.id, T0)
    card = contact_card(store.reader, MAI.id)
    assert card is not None
    assert (card.contact.last_name, card.contact.assignee_id) == ("Imported", None)


def test_history_that_is_newer_than_the_open_conversation_does_not_hide_it(store: Store) -> None:
    still_open = Conversation(id=uid(), contact_id=MAI.id, opened_at=T0, opened_source=Source.CONTACT)
    closed = replace(still_open, id=uid(), status=ConversationStatus.CLOSED, opened_at=T0 + HOUR)
    store.adopt([still_open, closed])
    assert rows_for(store.reader, ANA.id, [MAI.id])[MAI.id].status is ContactStatus.OPEN
    give(store, SendMessage(MAI.id, "hi"), T0 + 2 * HOUR)
    card = contact_card(store.reader, MAI.id)
    assert card is not None
    assert card.current is not None
    assert (card.current.id, len(card.conversations)) == (still_open.id, 2)


def test_a_refused_command_is_kept_with_its_reason_until_it_is_forgotten(store: Store) -> None:
    sent = give(store, AddComment(MAI.id, "note"))
    store.refuse(sent.id, NO)
    (entry,) = outbox.entries(store.reader, OutboxState.REFUSED)
    assert entry.problem == NO
    store.acknowledge(sent.id, 5)
    assert store.refuse(sent.id, NO) is None
    store.forget(sent.id)
    assert outbox.find(store.reader, sent.id) is None


# Pages


def test_a_page_that_leaves_a_gap_is_not_taken_in(store: Store) -> None:
    with pytest.raises(CursorError):
        store.apply(Page(3, 5, ((5, replace(MAI, first_name="Later")),)))
    assert store.cursor == 0


def test_an_older_page_changes_nothing(store: Store) -> None:
    store.apply(Page(0, 5, ((5, replace(MAI, first_name="Later")),)))
    store.apply(Page(0, 4, ((4, replace(MAI, first_name="Earlier")),)))
    card = contact_card(store.reader, MAI.id)
    assert card is not None
    assert (card.contact.first_name, store.cursor) == ("Later", 5)


def test_what_people_wrote_is_made_safe_at_the_stores_door(store: Store) -> None:
    evil = "\x1b]52;c;aGVsbG8=\x07hi\u202e"
    store.apply(
        Page(
            0,
            1,
            (
                (1, replace(MAI, first_name=evil, tags=(evil,), fields={evil: evil})),
                (1, Message(id=uid(), contact_id=MAI.id, kind=MessageKind.INCOMING, at=T0, text=evil, error=evil)),
            ),
        )
    )
    lying = [
        str(tuple(row)) for table in ("contact", "message") for row in store.reader.execute(f"SELECT * FROM {table}")
    ]
    assert all("\\x1b" not in row and "\\u202e" not in row and "u001b" not in row for row in lying)
    assert texts(store) == ["hi"]


# Lists


def test_unread_is_counted_for_the_open_conversation_up_to_a_cap(store: Store) -> None:
    for number in range(UNREAD_CAP + 1):
        hear(store, at=T0 + number)
    assert rows_for(store.reader, ANA.id, [MAI.id])[MAI.id].unread == UNREAD_CAP
    give(store, SendMessage(MAI.id, "hi"), T0)
    assert rows_for(store.reader, ANA.id, [MAI.id])[MAI.id].unread == 0
    assert rows_for(store.reader, BEN.id, [MAI.id])[MAI.id].unread == UNREAD_CAP


def test_a_row_tells_the_last_message_its_delivery_and_the_draft(store: Store) -> None:
    hear(store)
    sent = give(store, SendMessage(MAI.id, "hi"), T0 + 1)
    give(store, SetDelivery(MAI.id, derived_id(sent.id, Part.MAIN), Delivery.READ), T0 + 2)
    give(store, AddComment(MAI.id, "not a message"), T0 + 3)
    store.save_draft(ANA.id, MAI.id, Draft("typing", comment=True), T0)
    row = rows_for(store.reader, ANA.id, [MAI.id])[MAI.id]
    assert (row.last_text, row.last_kind, row.last_status) == ("hi", MessageKind.OUTGOING, Delivery.READ)
    assert (row.draft, row.draft_is_comment) == ("typing", True)


def test_snoozed_contacts_are_due_when_their_time_has_come(store: Store) -> None:
    hear(store)
    give(store, SnoozeConversation(MAI.id, T0 + HOUR), T0 + 1)
    assert due_to_wake(store.reader, T0 + HOUR - 1) == []
    assert due_to_wake(store.reader, T0 + HOUR) == [MAI.id]


def test_a_hostile_search_finds_nothing_and_breaks_nothing(store: Store) -> None:
    for query in ('"', "\ud800", "a OR", "NEAR(", "*", "\x00", "x" * 10_000):
        assert search_messages(store.reader, query) == []
        assert resolve_contact(store.reader, query) == []


# Threads, listeners, failures


def test_settings_can_be_read_while_another_thread_writes(store: Store) -> None:
    writing, done = threading.Event(), threading.Event()

    def write_for_long() -> None:
        with store._transaction():
            writing.set()
            done.wait(PATIENCE)

    writer = threading.Thread(target=write_for_long)
    writer.start()
    assert writing.wait(PATIENCE)
    seen: list[str] = []
    reader = threading.Thread(target=lambda: seen.append(store.settings.workspace.name))
    reader.start()
    reader.join(PATIENCE)
    waited = reader.is_alive()
    done.set()
    writer.join(PATIENCE)
    assert (seen, waited) == (["Hotel"], False)


def test_settings_are_fresh_after_a_change(store: Store) -> None:
    assert ANA.id in store.settings.users
    store.adopt([replace(ANA, name="Ana Lima")])
    assert store.settings.users[ANA.id].name == "Ana Lima"
    store.apply(Page(0, 1, ((1, replace(ANA, active=False)),)))
    with pytest.raises(RefusedError):
        store.execute(Issued(uid(), SendMessage(MAI.id, "hi"), BY_ANA, T0))


def test_listeners_hear_of_what_changed_after_the_commit_and_never_of_what_did_not(store: Store) -> None:
    heard: list[frozenset[str]] = []
    unlisten = store.listen(heard.append)
    hear(store)
    with pytest.raises(RefusedError):
        store.execute(Issued(uid(), SendMessage(MAI.id, ""), BY_ANA, T0))
    assert store.execute(Issued(uid(), AssignContact(MAI.id, None), BY_ANA, T0)) is None
    unlisten()
    hear(store)
    assert heard == [{MAI.id}]


def test_a_listener_that_fails_does_not_make_a_command_look_failed(
    store: Store, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("ismsg_tui"), "propagate", True)
    heard: list[frozenset[str]] = []

    def fails(_: frozenset[str]) -> None:
        raise RuntimeError("a fault of the screen")

    store.listen(fails)
    store.listen(heard.append)
    give(store, SendMessage(MAI.id, "hi"))
    assert texts(store) == ["hi"]
    assert heard == [{MAI.id}]
    assert "a listener failed" in caplog.text


def test_a_full_disk_refuses_loses_nothing_and_is_forgotten_once_there_is_room(store: Store) -> None:
    give(store, SendMessage(MAI.id, "before"))
    pages = store._writer.execute("PRAGMA page_count").fetchone()[0]
    store._writer.execute(f"PRAGMA max_page_count = {pages}")
    store.save_draft(ANA.id, MAI.id, Draft("still fits"), T0)
    with pytest.raises(OperationalError, match="full"):
        store.save_draft(ANA.id, MAI.id, Draft("long " * 20_000), T0)
    assert read_draft(store.reader, ANA.id, MAI.id).text == "still fits"
    with pytest.raises(OperationalError, match="full"):
        store.adopt([replace(MAI, id=uid(), first_name="New " * 100) for _ in range(200)])
    assert texts(store) == ["before"]
    store._writer.execute("PRAGMA max_page_count = 1000000")
    give(store, SendMessage(MAI.id, "after"))
    assert texts(store) == ["before", "after"]
    assert_sound(store)


def test_a_commit_that_fails_leaves_the_store_usable(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    real = store._writer

    class FailsOnce:
        failed = False

        def execute(self, statement: str, *values: Any) -> object:
            if statement == "COMMIT" and not self.failed:
                self.failed = True
                raise OperationalError("disk I/O error")
            return real.execute(statement, *values)

        def __getattr__(self, name: str) -> object:
            return getattr(real, name)

    monkeypatch.setattr(store, "_writer", FailsOnce())
    with pytest.raises(OperationalError, match="disk"):
        give(store, SendMessage(MAI.id, "lost, and said so"))
    give(store, SendMessage(MAI.id, "kept"))
    assert texts(store) == ["kept"]


# The file


def test_a_store_of_a_later_version_is_not_touched(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store._writer.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    store.close()
    with pytest.raises(StoreTooNewError, match=f"schema {SCHEMA_VERSION + 1}"):
        Store(tmp_path)


def test_the_file_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    store = Store(tmp_path / "new")
    assert store.path.stat().st_mode & 0o077 == 0
    store.close()


def test_a_reading_connection_cannot_write(store: Store) -> None:
    with pytest.raises(OperationalError, match="readonly"):
        store.reader.execute("DELETE FROM contact")


@pytest.mark.parametrize(
    ("version", "safe"),
    [
        ((3, 40, 1), False),
        ((3, 44, 5), False),
        ((3, 44, 6), True),
        ((3, 45, 3), False),
        ((3, 50, 6), False),
        ((3, 50, 7), True),
        ((3, 51, 0), False),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
        ((3, 52, 0), True),
        ((4, 0, 0), True),
    ],
)
def test_releases_with_the_wal_reset_fault_are_known(version: tuple[int, ...], safe: bool) -> None:
    assert wal_is_safe(version) is safe


def test_only_one_module_chooses_the_sqlite_library() -> None:
    root = Path(ismsg_tui.__file__).parent
    users = set()
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if {name.split(".")[0] for name in names} & {"sqlite3", "pysqlite3", "apsw"}:
                users.add(path.relative_to(root).as_posix())
    assert users == {"sqlite.py"}
