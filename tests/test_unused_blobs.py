"""Files that nothing refers to are cleared away after a day, and no others."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ismsg_tui import app
from ismsg_tui.app import IsmsgApp
from ismsg_tui.clock import new_id, now_ms
from ismsg_tui.config import Config
from ismsg_tui.domain.commands import Issued, ReceiveMessage
from ismsg_tui.domain.entities import Attachment, Message, MessageKind, Snippet, Source
from ismsg_tui.files.blob_folder import BlobFolder
from ismsg_tui.inbox import Inbox
from ismsg_tui.store import outbox
from ismsg_tui.store.blobs import SCOPE, BlobState
from ismsg_tui.store.connection import Connection
from ismsg_tui.store.drafts import Draft
from ismsg_tui.store.unused_blobs import KEPT, clear_unused
from tests.desk_setup import CHANNEL, GUEST, contact_named, open_inbox, settle_until
from tests.factories import BEN

HOLD = 60_000


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[Inbox]:
    inbox = open_inbox(tmp_path / "data", ("Mai Tran",), hold=HOLD)
    yield inbox
    inbox.close_store()


def added(inbox: Inbox, content: bytes = b"a file", *, days: float = 3.0) -> Attachment:
    """A file in the store that came some days ago."""
    path = inbox.store.path.parent / "source.txt"
    path.write_bytes(content)
    file = inbox.blobs.add(path)
    place = inbox.blobs.path(file.sha256)
    assert place is not None
    came = time.time() - days * 24 * 3_600
    os.utime(place, (came, came))
    return file


def is_here(inbox: Inbox, file: Attachment) -> bool:
    here = inbox.blobs.path(file.sha256) is not None
    assert inbox.blobs.state(file.sha256).here is here
    return here


def cleared(inbox: Inbox) -> int:
    return clear_unused(inbox.store, time.time())


def run(inbox: Inbox, statement: str) -> None:
    def write(writer: Connection) -> set[str]:
        writer.execute(statement)
        return set()

    inbox.store.change(write)


def received(inbox: Inbox, file: Attachment) -> None:
    command = ReceiveMessage(contact_named(inbox, "Mai Tran"), "", CHANNEL.id, attachments=(file,))
    inbox.store.execute(Issued(new_id(), command, GUEST, now_ms()))
    run(inbox, "DELETE FROM outbox")
    run(inbox, "DELETE FROM outbox_image")


def sent(inbox: Inbox, file: Attachment) -> None:
    inbox.reply(contact_named(inbox, "Mai Tran"), "", (file,))
    run(inbox, "DELETE FROM message")


def confirmed(inbox: Inbox, file: Attachment) -> None:
    sent(inbox, file)
    entry = outbox.entries(inbox.store.reader, outbox.OutboxState.PENDING)[-1]

    def confirm(writer: Connection) -> set[str]:
        outbox.confirm(writer, entry.n)
        return set()

    inbox.store.change(confirm)


def kept_as_snippet(inbox: Inbox, file: Attachment) -> None:
    inbox.store.adopt([Snippet(id=new_id(), name="way", text="", attachments=(file,))])


def changed_since(inbox: Inbox, file: Attachment) -> None:
    """A snippet had the file before a change that may still be taken back."""
    snippet = Snippet(id=new_id(), name="way", text="x", attachments=(file,))
    inbox.store.adopt([snippet])
    inbox.snippets.save(Snippet(id=snippet.id, name="way", text="x"))


def mine(inbox: Inbox, file: Attachment) -> None:
    inbox.drafts.save(contact_named(inbox, "Mai Tran"), Draft(attachments=(file,)))


def a_teammates(inbox: Inbox, file: Attachment) -> None:
    inbox.store.save_draft(BEN.id, contact_named(inbox, "Mai Tran"), Draft(attachments=(file,)), now_ms())


def test_a_file_that_nothing_refers_to_goes_and_listeners_hear_of_it(inbox: Inbox) -> None:
    file = added(inbox)
    heard: set[str] = set()
    inbox.store.listen(heard.update)
    assert cleared(inbox) == 1
    assert not is_here(inbox, file)
    assert inbox.blobs.state(file.sha256) == BlobState()
    assert SCOPE + file.sha256 in heard
    assert cleared(inbox) == 0


@pytest.mark.parametrize("refer", [received, sent, confirmed, kept_as_snippet, changed_since, mine, a_teammates])
def test_a_file_that_something_refers_to_stays(inbox: Inbox, refer: Callable[[Inbox, Attachment], None]) -> None:
    file, other = added(inbox), added(inbox, b"another")
    refer(inbox, file)
    assert cleared(inbox) == 1
    assert is_here(inbox, file)
    assert not is_here(inbox, other)


def test_a_message_taken_back_and_thrown_away_frees_its_file(inbox: Inbox) -> None:
    file = added(inbox)
    mai = contact_named(inbox, "Mai Tran")
    inbox.reply(mai, "", (file,))
    inbox.undo()
    assert cleared(inbox) == 0
    inbox.drafts.save(mai, Draft())
    assert cleared(inbox) == 1


def test_what_came_within_a_day_stays(inbox: Inbox) -> None:
    file = added(inbox, days=0.9)
    assert cleared(inbox) == 0
    assert clear_unused(inbox.store, time.time() + KEPT / 5) == 1
    assert not is_here(inbox, file)


def test_a_file_that_is_added_again_meanwhile_stays(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    file = added(inbox)
    remove = BlobFolder.remove

    def add_first(folder: BlobFolder, sha256: str, before: float) -> bool:
        monkeypatch.setattr(BlobFolder, "remove", remove)
        with inbox.blobs.open(file.sha256) as content:
            folder.copy_in(content, file.size, None, None)
        return folder.remove(sha256, before)

    monkeypatch.setattr(BlobFolder, "remove", add_first)
    assert cleared(inbox) == 0
    assert is_here(inbox, file)


def test_what_a_crash_left_without_a_row_goes_and_strange_files_stay(inbox: Inbox) -> None:
    file = added(inbox)
    run(inbox, "DELETE FROM blob")
    folder = inbox.blobs.folder.path
    strange = folder / file.sha256[:2] / "notes.txt"
    strange.write_text("mine")
    os.utime(strange, (0, 0))
    assert cleared(inbox) == 1
    assert [path for path in folder.rglob("*") if path.is_file()] == [strange]


def test_nothing_goes_while_the_store_is_filled_anew(inbox: Inbox) -> None:
    file = added(inbox)
    inbox.store.begin_anew("another history", 0, 1)
    assert cleared(inbox) == 0
    assert is_here(inbox, file)


def test_a_damaged_list_of_files_keeps_nothing_else(inbox: Inbox) -> None:
    added(inbox)
    line = Message(
        id=new_id(), contact_id=contact_named(inbox, "Mai Tran"), kind=MessageKind.INCOMING, at=1, source=Source.CONTACT
    )
    inbox.store.adopt([line])
    run(inbox, "UPDATE message SET attachments = '[{}]'")
    assert cleared(inbox) == 1


async def test_the_console_clears_them_away_while_it_runs(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "TIDY_AFTER", 0.01)
    file = added(inbox)
    async with IsmsgApp(inbox, Config()).run_test() as pilot:
        await settle_until(pilot, lambda: not is_here(inbox, file))
