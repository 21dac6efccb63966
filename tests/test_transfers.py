"""The files of messages on their way to an authority and from it, over a line that fails in every way it can."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from ismsg_tui.clock import now_ms
from ismsg_tui.domain.commands import CloseConversation, Issued, ReceiveMessage, SendMessage
from ismsg_tui.domain.entities import Attachment, FileKind, Message, MessageKind
from ismsg_tui.files.handling import CHUNK, Cancelled, FileError, Progress
from ismsg_tui.inbox import Inbox, RefusedError
from ismsg_tui.store import outbox
from ismsg_tui.store.blobs import CANCELLED, SCOPE, BlobState
from ismsg_tui.store.outbox import OutboxState
from ismsg_tui.store.store import Store
from ismsg_tui.sync import transfers
from ismsg_tui.sync.authority import UnreachableError
from ismsg_tui.sync.engine import Sync
from ismsg_tui.sync.transfers import FETCHED_UNASKED, RECENT, to_fetch, want_new
from tests.at_work import another_process, read_done
from tests.factories import ANA, GUEST, MAI, SETTINGS, WEB, examples, uid
from tests.memory_authority import MemoryAuthority, Shelf
from tests.waiting import PATIENCE

LONG = bytes(range(256)) * (CHUNK // 64)
"""Four pieces."""


class Authority(MemoryAuthority):
    """One whose line can be cut in the middle of a file."""

    def __init__(self, shelf: Shelf) -> None:
        super().__init__(shelf=shelf)
        self.cut_at: int | None = None
        """Bytes after which the line is cut, None while it holds."""
        self.on_piece: Callable[[int], None] = lambda _: None
        self.puts: list[str] = []
        self.moved: list[int] = []
        self.never: str = ""

    def put_blob(self, sha256: str, path: Path, progress: Progress, cancelled: Cancelled) -> None:
        self.puts.append(sha256)
        if self.never:
            raise FileError(self.never)
        super().put_blob(sha256, path, self._watched(progress), cancelled)

    def get_blob(self, sha256: str, to: Path, progress: Progress, cancelled: Cancelled) -> None:
        super().get_blob(sha256, to, self._watched(progress), cancelled)

    def _watched(self, progress: Progress) -> Progress:
        def piece(done: int, total: int) -> None:
            self.moved.append(done)
            progress(done, total)
            self.on_piece(done)
            if self.cut_at is not None and done >= self.cut_at:
                raise UnreachableError("cut")

        return piece


class Desk:
    """Ana's inbox and the authority it belongs to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = Authority(Shelf(folder / "there"))
        self.authority.seed([*SETTINGS, MAI])
        self.store = Store(folder / "here")
        self.inbox = Inbox(self.store, ANA.id)
        self.sync = Sync(self.store, self.authority)
        self.sync.exchange()

    def file(self, content: bytes = LONG, name: str = "guide.bin") -> Attachment:
        path = self.folder / name
        path.write_bytes(content)
        return self.inbox.blobs.add(path)

    def send(self, text: str, *files: Attachment) -> str:
        issued = self.inbox.reply(MAI.id, text, files)
        assert issued is not None
        return issued.id

    def receive(self, content: bytes, *, size: int | None = None, lay: bool = True) -> Attachment:
        """Have Mai send a file."""
        name = sha256(content).hexdigest()
        if lay:
            self.authority.shelf.lay(name, content)
        file = Attachment(name="a.bin", kind=FileKind.FILE, mime="x/y", size=size or len(content), sha256=name)
        command = ReceiveMessage(MAI.id, "", WEB.id, (file,))
        assert self.authority.submit(Issued(uid(), command, GUEST, now_ms())).refusal is None
        return file

    def there(self) -> list[str]:
        """The texts that the authority has."""
        rows = (row for _, row in self.authority.rows() if isinstance(row, Message))
        return [row.text for row in rows if row.kind is MessageKind.OUTGOING]

    def state(self, file: Attachment) -> BlobState:
        return self.inbox.blobs.state(file.sha256)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setattr(transfers, "FIRST_RETRY", 0.001)
    monkeypatch.setattr(transfers, "LONGEST_RETRY", 0.01)
    desk = Desk(tmp_path)
    yield desk
    desk.sync.stop()
    desk.store.close()


# Out


def test_a_message_leaves_when_its_files_are_there_and_other_messages_go_past_it(desk: Desk) -> None:
    file = desk.file()
    desk.send("the guide", file)
    desk.send("and a word")
    desk.sync.exchange()
    assert desk.there() == ["and a word"]
    desk.sync.transfers.exchange()
    assert desk.state(file).word == "here"
    desk.sync.exchange()
    assert desk.there() == ["and a word", "the guide"]
    assert outbox.entries(desk.store.reader, *OutboxState) == []
    assert [line.message.text for line in desk.inbox.timeline(MAI.id) if line.message.text][-1] == "the guide"


def test_a_closing_waits_for_the_files_before_it_and_what_follows_waits_for_the_closing(desk: Desk) -> None:
    desk.send("hello")
    desk.sync.exchange()
    desk.send("the guide", desk.file())
    desk.inbox.close(MAI.id)
    desk.send("one more thing")
    desk.sync.exchange()
    assert desk.there() == ["hello"]
    desk.sync.transfers.exchange()
    desk.sync.exchange()
    assert desk.there() == ["hello", "the guide", "one more thing"]
    assert outbox.entries(desk.store.reader, *OutboxState) == []


def test_a_message_can_be_taken_back_until_its_files_are_there(desk: Desk) -> None:
    file = desk.file()
    desk.send("the guide", file)
    desk.sync.exchange()
    undone = desk.inbox.undo()
    assert undone is not None
    assert desk.inbox.drafts.read(MAI.id).attachments == (file,)
    desk.sync.transfers.exchange()
    desk.sync.exchange()
    assert (desk.there(), desk.authority.puts) == ([], [])


def test_files_of_a_held_message_do_not_leave(desk: Desk) -> None:
    desk.inbox.hold = 3_600_000
    desk.send("the guide", desk.file())
    desk.sync.transfers.exchange()
    assert desk.authority.puts == []


def test_a_file_that_the_authority_has_is_not_sent_again(desk: Desk) -> None:
    desk.send("once", desk.file(name="a.bin"))
    desk.sync.transfers.exchange()
    desk.send("twice", desk.file(name="b.bin"))
    desk.sync.transfers.exchange()
    desk.sync.exchange()
    assert len(desk.authority.puts) == 1
    assert desk.there() == ["once", "twice"]


def test_a_file_goes_on_where_the_line_was_cut(desk: Desk) -> None:
    file = desk.file()
    desk.send("the guide", file)
    desk.authority.cut_at = 2 * CHUNK
    with pytest.raises(UnreachableError):
        desk.sync.transfers.exchange()
    assert desk.state(file).word == "sending"
    desk.authority.cut_at = None
    desk.authority.moved.clear()
    desk.sync.transfers.exchange()
    assert desk.authority.moved[0] >= 2 * CHUNK
    assert desk.authority.shelf.has(file.sha256)


def test_progress_is_told_to_listeners_and_ends_with_the_transfer(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ismsg_tui.store.blobs.TOLD_EVERY", 0.0)
    file = desk.file()
    desk.send("the guide", file)
    seen: list[tuple[int, int]] = []

    def look(scopes: frozenset[str]) -> None:
        if SCOPE + file.sha256 in scopes:
            state = desk.state(file)
            seen.append((state.done, state.total))

    desk.store.listen(look)
    desk.sync.transfers.exchange()
    assert [done for done, total in seen if total] == sorted(done for done, total in seen if total)
    assert (len(LONG), len(LONG)) in seen
    assert seen[-1] == (0, 0)


def test_a_cancelled_transfer_stops_and_goes_on_when_it_is_wanted_again(desk: Desk) -> None:
    file = desk.file()
    desk.send("the guide", file)
    desk.authority.on_piece = lambda done: desk.inbox.blobs.cancel(file.sha256) if done == CHUNK else None
    desk.sync.transfers.exchange()
    assert desk.state(file).error == CANCELLED
    assert max(desk.authority.moved) < len(LONG)
    desk.sync.exchange()
    assert desk.there() == []
    desk.authority.on_piece = lambda _: None
    desk.inbox.blobs.want(file.sha256)
    desk.sync.transfers.exchange()
    desk.sync.exchange()
    assert desk.there() == ["the guide"]


def test_a_file_that_is_never_taken_is_said_to_have_failed_and_is_not_tried_again(desk: Desk) -> None:
    file = desk.file()
    desk.send("the guide", file)
    desk.authority.never = "The server takes no guides."
    desk.sync.transfers.exchange()
    desk.sync.transfers.exchange()
    assert (desk.state(file).word, desk.state(file).error) == ("failed", "The server takes no guides.")
    assert len(desk.authority.puts) == 1


def test_a_file_that_vanished_between_choice_and_sending_is_not_sent(desk: Desk) -> None:
    file = desk.file()
    place = desk.inbox.blobs.path(file.sha256)
    assert place is not None
    place.unlink()
    with pytest.raises(RefusedError, match="attach it again"):
        desk.send("the guide", file)


def test_a_file_that_vanished_after_sending_is_said_to_have_failed(desk: Desk) -> None:
    file = desk.file()
    desk.send("the guide", file)
    place = desk.inbox.blobs.path(file.sha256)
    assert place is not None
    place.unlink()
    desk.sync.transfers.exchange()
    assert "not here any more" in desk.state(file).error


def test_a_message_whose_files_the_authority_has_lost_is_kept_and_can_be_sent_again(desk: Desk) -> None:
    file = desk.file()
    desk.send("the guide", file)
    desk.sync.transfers.exchange()
    (desk.folder / "there" / file.sha256).unlink()
    desk.sync.exchange()
    (refused,) = outbox.entries(desk.store.reader, OutboxState.REFUSED)
    command = refused.issued.command
    assert isinstance(command, SendMessage)
    assert (command.text, command.attachments) == ("the guide", (file,))
    desk.send(command.text, *command.attachments)
    desk.sync.transfers.exchange()
    desk.sync.exchange()
    assert desk.there() == ["the guide"]


def test_without_an_authority_the_message_waits_and_the_file_stays(desk: Desk) -> None:
    file = desk.file()
    desk.send("the guide", file)
    assert desk.state(file).word == "sending"
    assert [entry.state for entry in outbox.entries(desk.store.reader, *OutboxState)] == [OutboxState.PENDING]


# In


def test_a_small_file_that_arrives_is_fetched_at_once(desk: Desk) -> None:
    file = desk.receive(b"a picture")
    desk.sync.exchange()
    assert desk.state(file).word == "wanted"
    desk.sync.transfers.exchange()
    assert desk.state(file).word == "here"
    with desk.inbox.blobs.open(file.sha256) as content:
        assert content.read() == b"a picture"


def test_a_large_or_an_old_file_is_fetched_when_somebody_wants_it(desk: Desk) -> None:
    file = desk.receive(b"a film", size=FETCHED_UNASKED + 1)
    desk.sync.exchange()
    assert desk.state(file).word == "away"
    rows = [row for _, row in desk.authority.rows()]
    desk.receive(b"a letter")
    letters = [row for _, row in desk.authority.rows() if row not in rows]
    want_new(desk.store, letters, now_ms() + 2 * RECENT)
    assert to_fetch(desk.store.reader) == []
    desk.inbox.blobs.want(file.sha256, file.size)
    desk.sync.transfers.exchange()
    assert desk.state(file).word == "here"


def test_what_arrives_goes_on_where_the_line_was_cut_and_is_checked(desk: Desk) -> None:
    file = desk.receive(LONG)
    desk.inbox.blobs.want(file.sha256)
    desk.authority.cut_at = CHUNK
    with pytest.raises(UnreachableError):
        desk.sync.transfers.exchange()
    desk.authority.cut_at = None
    desk.authority.moved.clear()
    desk.sync.transfers.exchange()
    assert desk.authority.moved[0] >= CHUNK
    assert desk.state(file).word == "here"


def test_wrong_bytes_are_thrown_away_and_told(desk: Desk) -> None:
    file = desk.receive(LONG)
    desk.inbox.blobs.part(file.sha256).write_bytes(b"something else")
    desk.inbox.blobs.want(file.sha256)
    desk.sync.transfers.exchange()
    assert "not the file" in desk.state(file).error
    desk.inbox.blobs.want(file.sha256)
    desk.sync.transfers.exchange()
    assert desk.state(file).word == "here"


def test_a_file_that_is_not_to_be_had_is_told(desk: Desk) -> None:
    file = desk.receive(b"lost", lay=False)
    desk.sync.exchange()
    desk.sync.transfers.exchange()
    assert desk.state(file).word == "failed"


# The thread


def test_on_its_own_thread_files_move_while_everything_else_goes_on(desk: Desk) -> None:
    arrived, hold = threading.Event(), threading.Event()

    def wait(_: int) -> None:
        hold.wait(PATIENCE)

    desk.authority.on_piece = wait
    desk.authority.watch(lambda: arrived.set() if "the guide" in desk.there() else None)
    said = threading.Event()
    desk.authority.watch(lambda: said.set() if "and a word" in desk.there() else None)
    desk.send("the guide", desk.file())
    desk.sync.start()
    desk.send("and a word")
    assert said.wait(PATIENCE)
    assert not arrived.is_set()
    hold.set()
    assert arrived.wait(PATIENCE)


def test_the_thread_tries_again_after_an_outage_and_after_a_fault(desk: Desk) -> None:
    arrived = threading.Event()
    desk.authority.watch(lambda: arrived.set() if "the guide" in desk.there() else None)
    failures = iter([UnreachableError("cut"), RuntimeError("broken")])

    def fail(_: int) -> None:
        if (failure := next(failures, None)) is not None:
            raise failure

    desk.authority.on_piece = fail
    desk.send("the guide", desk.file())
    desk.sync.start()
    assert arrived.wait(PATIENCE)


def test_stopping_ends_a_transfer_within_a_piece_and_loses_nothing(desk: Desk) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def wait(done: int) -> None:
        begun.set()
        go_on.wait(PATIENCE)

    desk.authority.on_piece = wait
    file = desk.file()
    desk.send("the guide", file)
    thread = desk.sync.transfers
    thread.start()
    assert begun.wait(PATIENCE)
    thread._stopping = True
    go_on.set()
    thread.stop()
    assert desk.state(file).word == "sending"
    assert len(desk.authority.moved) <= 2


# kill -9


def test_killing_the_process_while_it_copies_and_sends_loses_no_message_and_sends_none_twice(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.store.close()
    dice, reported = random.Random(), set[str]()
    for life in range(examples(8)):
        with another_process("send_files", tmp_path, life) as child:
            for _ in range(dice.randint(1, 3)):
                said = read_done(child)
                assert said is not None, "it ended by itself"
                reported.add(said.text)
            killer = threading.Timer(dice.uniform(0, 0.05), child.kill)
            killer.start()
            while (said := read_done(child)) is not None:
                reported.add(said.text)
            killer.join()
    survivor = Desk(tmp_path)
    survivor.sync.transfers.exchange()
    survivor.sync.exchange()
    sent = survivor.there()
    assert reported <= set(sent)
    assert len(sent) == len(set(sent))
    for line in survivor.inbox.timeline(MAI.id, limit=500):
        for file in line.message.attachments:
            assert survivor.authority.shelf.has(file.sha256)
            place = survivor.inbox.blobs.path(file.sha256)
            assert place is not None
            assert sha256(place.read_bytes()).hexdigest() == file.sha256
    survivor.store.close()


def test_a_closing_alone_is_not_held_up(desk: Desk) -> None:
    desk.send("hello")
    desk.inbox.close(MAI.id)
    desk.sync.exchange()
    commands = [entry.issued.command for entry in outbox.entries(desk.store.reader, *OutboxState)]
    assert not any(isinstance(command, CloseConversation) for command in commands)
