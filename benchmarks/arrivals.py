"""Customers who write, in another process: `python -m benchmarks.arrivals FOLDER` stores messages until it is ended.

It is the process that keeps the store in sync, as a second console would be; the one that is measured only looks on.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec.structs import replace

from benchmarks.inbox_store import CONTACTS, START, contact_id, message, open_inbox, texts
from ismsg_tui.domain.entities import MessageKind
from ismsg_tui.inbox import Inbox
from ismsg_tui.store.connection import lock_file
from ismsg_tui.sync.engine import LOCK_FILE

PER_SECOND = 50
_LIMIT = START + 599 * 86_400_000
"""Whoever wrote after this stays at the top of the list."""


@contextmanager
def arriving(folder: Path) -> Iterator[None]:
    """Messages arrive in the inbox in `folder`."""
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.arrivals", str(folder)], stdout=subprocess.PIPE)
    try:
        if process.stdout is None or not process.stdout.readline():
            raise RuntimeError("nobody writes")
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def main(folder: Path) -> None:
    """One message after the other, each in a transaction of its own, at PER_SECOND if the disk keeps up."""
    with lock_file(folder / LOCK_FILE) as alone:
        if not alone:
            raise RuntimeError("another process keeps the store in sync")
        _arrive(open_inbox(folder))


def _arrive(inbox: Inbox) -> None:
    store, said = inbox.store, texts()
    at: int = store.reader.execute("SELECT max(last_at) FROM inbox WHERE last_at < ?", (_LIMIT,)).fetchone()[0]
    dice = random.Random(at)
    due = time.perf_counter()
    print("ready", flush=True)
    while True:
        number = dice.randrange(2, CONTACTS)
        at += 10
        card = inbox.contacts.card(contact_id(number))
        if card is None or card.current is None:
            raise LookupError(f"contact {number} has gone")
        came = message(number, at, at, MessageKind.INCOMING, dice.choice(said))
        talk = card.current
        changed = replace(talk, last_incoming_at=at, waiting_since=talk.waiting_since or at)
        store.adopt([changed, came] if talk.closed_at is None else [came])
        due += 1 / PER_SECOND
        time.sleep(max(0.0, due - time.perf_counter()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
