"""One store, several threads and processes."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest
from msgspec.structs import replace

from ismsg_tui.domain.commands import Issued, ReceiveMessage
from ismsg_tui.domain.entities import Role
from ismsg_tui.inbox import enter_workspace
from ismsg_tui.store.connection import lock_file
from ismsg_tui.store.drafts import Draft, read_draft
from ismsg_tui.store.store import Store
from ismsg_tui.store.timeline import contact_card, timeline_page
from tests.at_work import Done, another_process, at_once, read_done, write_on_threads
from tests.factories import ANA, BEN, GUEST, MAI, PHONE, SETTINGS, T0, uid
from tests.replicas import assert_sound


def test_threads_and_processes_write_beside_each_other_and_see_it(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.adopt([*SETTINGS, MAI])
    assert store.settings.users[BEN.id].name == "Ben Okoye"
    version, foreign = store.data_version, store.foreign_version
    with another_process("write", tmp_path) as child:
        write_on_threads(store, "parent", 8, 12)
        assert read_done(child) == Done("written")
    assert store.data_version != version
    assert store.foreign_version != foreign
    assert store.settings.users[BEN.id].name == "Ben Renamed"
    heard = [line.message.text for line in timeline_page(store.reader, MAI.id, limit=1_000) if line.message.text]
    writers = [f"parent {number}" for number in range(8)] + [f"child {number}" for number in range(4)]
    expected = [f"{writer} {turn}" for writer in writers for turn in range(12)]
    assert sorted(heard) == sorted(expected)
    card = contact_card(store.reader, MAI.id)
    assert card is not None
    assert [item.incoming_count for item in card.conversations] == [len(expected)]
    for number in range(4):
        assert read_draft(store.reader, ANA.id, f"child{number}").text == f"child {number} 11"
    assert_sound(store)
    store.close()


def test_the_version_of_the_data_tells_of_writes_by_another_process(tmp_path: Path) -> None:
    mine, other = Store(tmp_path), Store(tmp_path)
    mine.adopt([*SETTINGS, MAI])
    before = mine.data_version
    assert mine.data_version == before
    other.execute(Issued(uid(), ReceiveMessage(MAI.id, "hello", PHONE.id), GUEST, T0))
    assert mine.data_version != before
    mine.close()
    other.close()


def test_a_brand_new_store_opened_by_four_processes_at_once_is_created_once(tmp_path: Path) -> None:
    with ExitStack() as stack:
        children = [stack.enter_context(another_process("open", tmp_path / "new")) for _ in range(4)]
        for child in children:
            assert child.stdin is not None
            child.stdin.write(b"go\n")
            child.stdin.flush()
        opened = [read_done(child) for child in children]
    assert len({done.text for done in opened if done is not None}) == 1
    assert None not in opened
    store = Store(tmp_path / "new")
    counts = {
        table: store.reader.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        for table in ("workspace", "user", "replica", "_sqlite_migrations")
    }
    assert counts == {"workspace": 1, "user": 1, "replica": 1, "_sqlite_migrations": 1}
    assert_sound(store)
    store.close()


def test_a_brand_new_store_opened_by_eight_threads_at_once_works_in_all(tmp_path: Path) -> None:
    def work(number: int) -> None:
        store = Store(tmp_path)
        store.save_draft(ANA.id, f"contact {number}", Draft("typed"), T0)
        assert read_draft(store.reader, ANA.id, f"contact {number}").text == "typed"
        store.close()

    at_once(8, work)


def test_who_names_nobody_acts_as_nobody_that_is_known(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.adopt([*SETTINGS, replace(BEN, email="")])
    agent = enter_workspace(store, " ")
    assert agent.name == "Agent"
    assert enter_workspace(store, "") == agent
    assert enter_workspace(store, "ANA SILVA").id == ANA.id
    store.close()


def test_who_creates_a_local_workspace_owns_it(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert enter_workspace(store, "Ana").role is Role.OWNER
    assert enter_workspace(store, "Ben").role is Role.AGENT
    assert enter_workspace(store, "ana").role is Role.OWNER
    store.close()


def test_a_store_that_was_closed_says_so(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.close()
    with pytest.raises(Exception, match="closed"):
        store.save_draft(ANA.id, MAI.id, Draft("typed"), T0)


def test_a_lock_file_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with lock_file(path) as first, lock_file(path) as second:
        assert (first, second) == (True, False)
    with lock_file(path) as again:
        assert again


def test_ones_own_writing_does_not_look_like_that_of_another_process(tmp_path: Path) -> None:
    store = Store(tmp_path)
    before = store.foreign_version
    store.adopt([MAI])
    assert store.foreign_version == before
    store.close()
