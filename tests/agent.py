"""A console as a process of its own, at which dice work; run as `python -m tests.agent FOLDER SEED`.

On its standard input it is told, line by line, `work N` (give so many commands), `rest` (wait until all of them are
settled) and `meet HEAD` (wait until everything up to that revision is here). It says what it is about to give, what it
has given, and that it is done.
"""

from __future__ import annotations

import logging
import random
import sys
import threading
from pathlib import Path

from ismsg_tui.clock import new_id, now_ms
from ismsg_tui.domain.commands import (
    Actor,
    AddComment,
    AssignContact,
    CloseConversation,
    Command,
    Issued,
    OpenConversation,
    SendMessage,
    SnoozeConversation,
    UseSnippet,
)
from ismsg_tui.domain.wire import Availability, PresenceNote
from ismsg_tui.store import outbox
from ismsg_tui.store.store import RefusedError, Store
from ismsg_tui.sync import engine, live, remote_files, transfers
from ismsg_tui.sync.credentials import Credentials
from ismsg_tui.sync.engine import Sync
from ismsg_tui.sync.remote import RemoteAuthority
from ismsg_tui.sync.transfers import to_fetch, to_send
from tests.at_work import say
from tests.factories import HOUR
from tests.waiting import until

WILL, DID, WORKED, RESTED, MET = "will", "did", "worked", "rested", "met"
PATIENCE = 180.0
"""Seconds after which a console that does not come to rest gives up."""
KINDS = {"send": 8, "comment": 4, "file": 4, "assign": 2, "close": 1, "snooze": 1, "open": 2, "use": 3}
"""What the dice choose among, and how often."""
PAUSE = 0.05
"""Seconds between two commands, at most."""
PIECE = 1 << 16
LARGEST = 300_000
"""Bytes of the largest file."""


class Agent:
    """The dice and their desk."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.dice = random.Random(seed)
        self.pause = threading.Event()
        credentials = Credentials(folder)
        self.user_id = credentials.account.user_id
        self.store = Store(folder)
        self.sync = Sync(self.store, RemoteAuthority(credentials.account.url, credentials))
        self.sync.start()

    def work(self, count: int) -> None:
        """Give commands, and say which before and after."""
        for _ in range(count):
            self.pause.wait(self.dice.uniform(0, PAUSE))  # that they leave one by one, and are hit one by one
            id_, kind = new_id(), self.dice.choices(list(KINDS), list(KINDS.values()))[0]
            command = self._command(kind, f"{kind} {id_}")
            if command is None:
                continue
            say(WILL, f"{kind} {id_}")
            try:
                given = self.store.execute(Issued(id_, command, Actor(self.user_id), now_ms()))
            except RefusedError:
                continue
            if given is not None:
                say(DID, f"{kind} {id_}")
        say(WORKED)

    def _command(self, kind: str, text: str) -> Command | None:
        """A command about some contact; what can be read carries `text`."""
        contact_id, assignee_id = self._some("SELECT id, assignee_id FROM contact") or ("", "")
        self.sync.announce(PresenceNote(Availability.ONLINE, contact_id))
        match kind:
            case "use":
                snippet = self._some("SELECT id FROM snippet")
                return UseSnippet(snippet[0]) if snippet else None
            case _ if not contact_id:
                return None
            case "send":
                return SendMessage(contact_id, text)
            case "file":
                path = self.folder / "attached.bin"
                path.write_bytes(self.dice.randbytes(self.dice.randint(PIECE, LARGEST)))
                return SendMessage(contact_id, text, attachments=(self.store.blobs.add(path),))
            case "comment":
                return AddComment(contact_id, text)
            case "assign":
                user = self._some("SELECT id FROM user")
                return AssignContact(contact_id, user[0] if user else None, assignee_id)
            case "close":
                return CloseConversation(contact_id, summary=text)
            case "snooze":
                return SnoozeConversation(contact_id, now_ms() + HOUR)
            case _:
                return OpenConversation(contact_id)

    def _some(self, query: str) -> tuple[str, ...] | None:
        rows = self.store.reader.execute(f"{query} ORDER BY id").fetchall()
        return tuple(self.dice.choice(rows)) if rows else None

    def rest(self) -> None:
        """Wait until every command is settled, by what the console does by itself."""
        reader = self.store.reader
        until(lambda: not outbox.any_in_play(reader) and not to_send(reader, now_ms()), PATIENCE)
        say(RESTED)

    def meet(self, head: int) -> None:
        """Wait until all rows up to a revision are here, and the files that go with them."""
        until(lambda: self.store.cursor >= head and not to_fetch(self.store.reader), PATIENCE)
        say(MET, str(self.store.cursor))


def hurry() -> None:
    """Try again at once, and do not ask for rows that nobody hints at: a hint that is missing is to be noticed."""
    for module in (engine, live, transfers):
        for name, seconds in (("FIRST_RETRY", 0.02), ("LONGEST_RETRY", 0.2)):
            setattr(module, name, seconds)
    engine.LONGEST_QUIET = 10 * PATIENCE


def in_pieces() -> None:
    """Let small files travel as large ones do."""
    for name in ("PIECE", "LARGEST_PIECE"):
        setattr(remote_files, name, PIECE)


def main(folder: Path, seed: int) -> None:
    """Do what is asked until there is nothing more."""
    logging.basicConfig(level=logging.ERROR)  # that a line is bad is no news
    hurry()
    if seed % 2:
        in_pieces()
    agent = Agent(folder, seed)
    for line in sys.stdin:
        match line.split():
            case ["work", count]:
                agent.work(int(count))
            case ["rest"]:
                agent.rest()
            case ["meet", head]:
                agent.meet(int(head))
            case unknown:
                sys.exit(f"an agent knows no {unknown}")
    agent.sync.stop()
    agent.store.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
