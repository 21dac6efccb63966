"""What other processes do to a store while a test looks on; run as `python -m tests.at_work WHAT FOLDER ...`.

Each says on its standard output, line by line, what it has done: what is said there must not get lost.
"""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, Popen

import msgspec
from msgspec.structs import replace

from ismsg_tui.clock import now_ms
from ismsg_tui.domain.commands import Issued, ReceiveMessage
from ismsg_tui.domain.entities import Contact, Message, MessageKind, Source
from ismsg_tui.domain.ids import content_id
from ismsg_tui.domain.views import ContactStatus
from ismsg_tui.inbox import Inbox
from ismsg_tui.store.drafts import Draft
from ismsg_tui.store.store import Store
from ismsg_tui.sync.transfers import Transfers
from tests.factories import ANA, BEN, GUEST, MAI, PHONE, SETTINGS
from tests.memory_authority import MemoryAuthority, Shelf
from tests.waiting import PATIENCE, listening_to

FILLER = "and so on, as people do when they explain at length "


class Done(msgspec.Struct, tag=True, frozen=True):
    """Something that a process says it has done."""

    what: str
    text: str = ""


def say(what: str, text: str = "") -> None:
    """Report something done; a single write, so that no half of it is read."""
    sys.stdout.buffer.write(msgspec.json.encode(Done(what, text)) + b"\n")
    sys.stdout.buffer.flush()


def at_once(count: int, task: Callable[[int], None]) -> None:
    """Run a task on as many threads, and raise what one of them raised."""
    failed: list[BaseException] = []

    def run(number: int) -> None:
        try:
            task(number)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


def write_on_threads(store: Store, name: str, threads: int, each: int) -> None:
    """Messages and drafts from several threads of one store."""

    def write(number: int) -> None:
        for turn in range(each):
            text = f"{name} {number} {turn}"
            issued = Issued(content_id(now_ms(), text), ReceiveMessage(MAI.id, text, PHONE.id), GUEST, now_ms())
            assert store.execute(issued) is not None
            store.save_draft(ANA.id, f"{name}{number}", Draft(text), now_ms())

    at_once(threads, write)


def open_store(folder: Path) -> None:
    """Open a store when told to."""
    sys.stdin.readline()
    inbox = Inbox.open(folder, "Ana Silva")
    say("opened", inbox.user_id)
    inbox.close_store()


def write(folder: Path) -> None:
    """Write beside somebody else, and change the settings at the end."""
    store = Store(folder)
    write_on_threads(store, "child", 4, 12)
    store.adopt([replace(BEN, name="Ben Renamed")])
    say("written")
    store.close()


def work(folder: Path, seed: int) -> None:
    """Type, send, close and import until killed; whoever worked here before has left off anywhere."""
    dice = random.Random(seed)
    inbox = Inbox.open(folder, ANA.id)
    text, turn = inbox.drafts.read(MAI.id).text, 0
    while True:
        turn += 1
        match dice.choices(["type", "send", "close", "import"], [10, 3, 1, 1])[0]:
            case "type":
                text += f"{seed}.{turn} {FILLER}"
                text = text if len(text) < 2_000 else f"{seed}.{turn} "
                inbox.drafts.save(MAI.id, Draft(text))
                say("typed", text)
            case "send":
                sent = f"sent {seed}.{turn}"
                inbox.reply(MAI.id, sent, drop_draft=True)
                text = ""
                say("sent", sent)
            case "close":
                row = inbox.contacts.row(MAI.id)
                if row is None or row.status is not ContactStatus.OPEN:
                    inbox.open_conversation(MAI.id)
                inbox.close(MAI.id, summary=f"closed {seed}.{turn}")
                say("closed", f"closed {seed}.{turn}")
            case "import":
                inbox.store.adopt(list(imported(seed, turn)))
                say("imported", f"{seed}.{turn}")


def send_files(folder: Path, seed: int) -> None:
    """Attach and send files, and move them to an authority in the same folder, until killed."""
    inbox = Inbox.open(folder / "here", ANA.id)
    authority = MemoryAuthority(shelf=Shelf(folder / "there"))
    authority.seed([*SETTINGS, MAI])
    transfers = Transfers(inbox.store, authority)
    transfers.start()
    dice, turn = random.Random(seed), 0
    while True:
        turn += 1
        path = folder / f"file {seed}"
        path.write_bytes(dice.randbytes(1 << 20) * 3)
        text = f"file {seed}.{turn}"
        inbox.reply(MAI.id, text, (inbox.blobs.add(path),))
        say("sent", text)


IMPORTED = 40
"""Lines that belong to one contact that is imported."""


def imported(seed: int, turn: int) -> Iterator[Contact | Message]:
    """A contact with its history."""
    contact_id = content_id(0, "imported", f"{seed}.{turn}")
    yield Contact(id=contact_id, first_name=f"Imported {seed}.{turn}", channel_id=PHONE.id)
    for number in range(IMPORTED):
        line = content_id(number, contact_id, str(number))
        yield Message(
            id=line,
            contact_id=contact_id,
            kind=MessageKind.INCOMING,
            at=number + 1,
            text=f"line {seed}.{turn}.{number}",
            source=Source.CONTACT,
        )


@contextmanager
def another_process(*words: object) -> Iterator[Popen[bytes]]:
    """A process that does what is asked; it is not left behind."""
    arguments = [sys.executable, "-m", "tests.at_work", *map(str, words)]
    process = Popen(arguments, stdin=PIPE, stdout=PIPE, cwd=Path(__file__).parents[1])
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def read_done(process: Popen[bytes], seconds: float = PATIENCE) -> Done | None:
    """The next thing that a process says; None at its end, and where it died in the middle of a word.

    One that says nothing for so many seconds is killed.
    """
    assert process.stdout is not None
    with listening_to(process, seconds):
        line = process.stdout.readline()
    return msgspec.json.decode(line, type=Done) if line.endswith(b"\n") else None


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["open", where]:
            open_store(Path(where))
        case ["write", where]:
            write(Path(where))
        case ["send_files", where, number]:
            send_files(Path(where), int(number))
        case ["work", where, number]:
            work(Path(where), int(number))
        case unknown:
            sys.exit(f"at_work knows no {unknown}")
