"""The server that a console runs for itself."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from ismsg_tui.clock import new_id, now_ms
from ismsg_tui.domain.commands import Actor, CreateContact, Issued, ReceiveMessage
from ismsg_tui.domain.entities import Channel, Contact, Message, MessageKind, Source, User, Workspace
from ismsg_tui.inbox import Inbox, enter_workspace
from ismsg_tui.own_server import FOLDER, OwnAuthority, OwnServer
from ismsg_tui.store import outbox
from ismsg_tui.store.export import adopted_rows
from ismsg_tui.store.store import Store
from ismsg_tui.sync.authority import ClientError, UnreachableError
from ismsg_tui.sync.engine import Sync
from tests.replicas import assert_sound, rows_of

WEB = Channel(id=new_id(), kind="web", name="Website", text_limit=500)
MAI = Contact(id=new_id(), first_name="Mai", channel_id=WEB.id)
SAID = Message(
    id=new_id(), contact_id=MAI.id, kind=MessageKind.INCOMING, at=now_ms(), text="hello", source=Source.CONTACT
)


@contextmanager
def opened(folder: Path, name: str = "ana") -> Iterator[tuple[Inbox, Sync]]:
    """A console's inbox and what keeps it in sync with its own server."""
    with closing(Store(folder)) as store:
        me = enter_workspace(store, name)
        with closing(OwnAuthority(store, me.id)) as authority:
            yield Inbox(store, me.id, hold=0), Sync(store, authority)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A store with a contact that was imported."""
    with closing(Store(tmp_path)) as store:
        enter_workspace(store, "ana")
        store.adopt([WEB, MAI, SAID])
    return tmp_path


def texts(inbox: Inbox) -> list[str]:
    return [line.message.text for line in inbox.timeline(MAI.id) if line.message.text]


def test_what_was_imported_and_what_was_done_before_reaches_the_server(folder: Path) -> None:
    with opened(folder) as (inbox, sync):
        inbox.reply(MAI.id, "good morning")
        sync.exchange()
        assert texts(inbox) == ["hello", "good morning"]
        assert outbox.counts(inbox.store.reader).unsent == 0
        assert inbox.store.replica.adopted == 0
        assert_sound(inbox.store)


def test_what_was_changed_before_the_server_began_is_decided_there_once(folder: Path) -> None:
    with opened(folder) as (inbox, sync):
        inbox.assign(MAI.id, inbox.user_id)
        before = [row for rows in adopted_rows(inbox.store) for row in rows]
        assert next(row for row in before if isinstance(row, Contact)).assignee_id is None
        assert not [row for row in before if isinstance(row, Message) and row.event]
        sync.exchange()
        events = [line.message.event for line in inbox.timeline(MAI.id) if line.message.event]
        assert [event.type.value for event in events] == ["assigned"]


def test_everything_is_there_the_next_time_and_a_new_store_gets_it_all(folder: Path, tmp_path: Path) -> None:
    with opened(folder) as (inbox, sync):
        inbox.reply(MAI.id, "good morning")
        sync.exchange()
        held = rows_of(inbox.store)
    with opened(folder) as (inbox, sync):
        sync.exchange()
        assert rows_of(inbox.store) == held


def test_what_is_imported_later_is_handed_over_too(folder: Path) -> None:
    omar = Contact(id=new_id(), first_name="Omar", channel_id=WEB.id)
    with opened(folder) as (inbox, sync):
        sync.exchange()
        inbox.store.adopt([omar])
        inbox.reply(omar.id, "we have not met")
        sync.exchange()
        assert outbox.counts(inbox.store.reader).unsent == 0
        assert not outbox.counts(inbox.store.reader).refused


def test_when_the_folder_of_the_server_is_lost_everything_is_there_again(folder: Path) -> None:
    with opened(folder) as (inbox, sync):
        inbox.reply(MAI.id, "good morning")
        sync.exchange()
        held = rows_of(inbox.store)
    shutil.rmtree(folder / FOLDER)
    with opened(folder) as (inbox, sync):
        inbox.comment(MAI.id, "written meanwhile")
        sync.exchange()
        assert texts(inbox) == ["hello", "good morning", "written meanwhile"]
    with opened(folder) as (inbox, sync):
        sync.exchange()
        assert set(held["message"]) < set(rows_of(inbox.store)["message"])


def test_a_command_of_somebody_else_from_the_shell_is_carried_out_in_his_name(folder: Path) -> None:
    with opened(folder) as (inbox, sync):
        sync.exchange()
        ben = enter_workspace(inbox.store, "ben")
        Inbox(inbox.store, ben.id, hold=0).comment(MAI.id, "she called")
        inbox.comment(MAI.id, "I know")
        sync.exchange()
        authors = {line.message.text: line.message.author_id for line in inbox.timeline(MAI.id)}
        assert (authors["she called"], authors["I know"]) == (ben.id, inbox.user_id)


def test_who_creates_the_workspace_owns_it_and_those_who_come_later_do_not(folder: Path) -> None:
    with opened(folder) as (inbox, sync):
        enter_workspace(inbox.store, "ben")
        sync.exchange()
        roles = {user.name: user.role.value for user in inbox.store.settings.users.values()}
        assert roles == {"ana": "owner", "ben": "agent"}


def test_a_customer_reaches_the_store_through_the_server(folder: Path) -> None:
    with opened(folder) as (inbox, sync):
        sync.exchange()
        server = sync._authority._running()  # type: ignore[attr-defined]
        lena = Contact(id=new_id(), first_name="Lena", channel_id=WEB.id)
        for command in (CreateContact(lena), ReceiveMessage(lena.id, "are you open?", WEB.id)):
            issued = Issued(new_id(), command, Actor(None, Source.CONTACT), now_ms())
            assert server.server.ledger.submit(server.workspace_id, issued).refusal is None
        sync.exchange()
        assert [line.message.text for line in inbox.timeline(lena.id) if line.message.text] == ["are you open?"]


def test_what_is_written_while_the_store_is_handed_over_is_left_to_its_command(folder: Path) -> None:
    with opened(folder) as (inbox, _):
        handed = adopted_rows(inbox.store)
        first = next(handed)
        inbox.reply(MAI.id, "good morning")
        rows = [*first, *(row for rows in handed for row in rows)]
        assert [row.text for row in rows if isinstance(row, Message)] == ["hello"]


@pytest.mark.parametrize("name", ["AAA Hotel", "zzz Hotel"])
def test_another_workspace_in_the_folder_gets_nothing_of_this_one(folder: Path, name: str) -> None:
    other = Workspace(id=new_id(), name=name)
    with closing(OwnServer(folder / FOLDER, other.id)) as server:
        server.take_in([other])
        head = server.server.ledger.head(other.id)
    with opened(folder) as (inbox, sync):
        inbox.reply(MAI.id, "good morning")
        sync.exchange()
        assert outbox.counts(inbox.store.reader).unsent == 0
    with closing(OwnServer(folder / FOLDER, other.id)) as server:
        assert server.server.ledger.head(other.id) == head


def test_a_workspace_of_the_same_name_in_the_folder_is_told(folder: Path) -> None:
    with opened(folder) as (inbox, sync):
        other = replace(inbox.store.settings.workspace, id=new_id())
        with closing(OwnServer(folder / FOLDER, other.id)) as server:
            server.take_in([other])
        inbox.reply(MAI.id, "good morning")
        with pytest.raises(ClientError, match="already a workspace"):
            sync.exchange()
        assert outbox.counts(inbox.store.reader).unsent == 1


def test_a_damaged_database_of_the_server_is_told_with_what_to_do(folder: Path) -> None:
    (folder / FOLDER).mkdir()
    (folder / FOLDER / "server.db").write_bytes(b"no database at all" * 1000)
    with opened(folder) as (inbox, sync):
        inbox.reply(MAI.id, "good morning")
        with pytest.raises(ClientError, match="damaged"):
            sync.exchange()
        (folder / FOLDER).rename(folder / "away")
        sync.exchange()
        assert texts(inbox) == ["hello", "good morning"]


def test_a_database_of_a_later_version_is_told_with_what_to_do(folder: Path) -> None:
    with opened(folder) as (_, sync):
        sync.exchange()
    with closing(sqlite3.connect(folder / FOLDER / "server.db")) as database, database:
        database.execute("UPDATE alembic_version SET version_num = 'later'")
    with opened(folder) as (_, sync), pytest.raises(ClientError, match="upgrade ismsg"):
        sync.exchange()


def test_a_server_that_was_ended_does_not_begin_again(folder: Path) -> None:
    with closing(Store(folder)) as store:
        authority = OwnAuthority(store, enter_workspace(store, "ana").id)
        authority.close()
        with pytest.raises(UnreachableError):
            authority.meet()
        assert not (folder / FOLDER / "server.db").exists()


def test_a_server_whose_schema_is_up_to_date_does_without_the_library_of_migrations(tmp_path: Path) -> None:
    OwnServer(tmp_path, "w").close()
    began = (
        "from pathlib import Path; from ismsg_tui.own_server import OwnServer; "
        "OwnServer(Path(sys.argv[1]), 'w').close()"
    )
    loaded = "print('alembic' in sys.modules)"
    command = [sys.executable, "-c", f"import sys; {began}; {loaded}"]
    for folder, expected in ((tmp_path, "False\n"), (tmp_path / "new", "True\n")):
        found = subprocess.run([*command, str(folder)], capture_output=True, text=True, check=True)
        assert found.stdout == expected


def test_only_one_process_runs_the_server_of_a_folder(folder: Path) -> None:
    with closing(OwnServer(folder / FOLDER, "w")), pytest.raises(UnreachableError, match="Another server"):
        OwnServer(folder / FOLDER, "w")


def test_a_user_is_known_to_the_server_before_he_does_anything(folder: Path) -> None:
    with opened(folder, "cem") as (inbox, sync):
        sync.exchange()
        assert isinstance(inbox.me, User)
        assert inbox.store.replica.cursor > 0
