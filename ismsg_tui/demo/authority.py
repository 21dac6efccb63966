"""The authority of the demo: decides what is true in the workspace, in memory, by the same rules as any other."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec.structs import replace

from ismsg_tui.clock import now_ms
from ismsg_tui.demo.shelf import Shelf
from ismsg_tui.domain.changes import Answer, Page
from ismsg_tui.domain.commands import SNIPPETS, Issued, SendMessage, scope_of
from ismsg_tui.domain.entities import Channel, Contact, Entity, Message, Snippet, User, Workspace
from ismsg_tui.domain.rules import decide
from ismsg_tui.domain.state import Refusal, State
from ismsg_tui.domain.text import file_name
from ismsg_tui.domain.wire import Presence, PresenceNote
from ismsg_tui.files.handling import Cancelled, Progress
from ismsg_tui.sync.authority import FILE_MISSING, OnPresence, Standing

_Key = tuple[type[Entity], str]


class MemoryAuthority:
    """Implements `sync.authority.Authority`; customers and teammates come in by `submit`.

    Every command that changes something is one revision, and revisions have no holes. Any thread may call.
    """

    def __init__(self, clock: Callable[[], int] = now_ms, shelf: Shelf | None = None) -> None:
        """`clock` says when a command happens, in milliseconds; what the command says itself is not asked."""
        self.clock = clock
        self.shelf = shelf or Shelf()
        self._lock = threading.Lock()
        self._head = 0
        self._rows: dict[_Key, tuple[int, Entity]] = {}
        self._log: list[tuple[int, _Key]] = []
        self._workspace = Workspace(id="", name="")
        self._users: dict[str, User] = {}
        self._channels: dict[str, Channel] = {}
        self._scopes: dict[str, State] = {}
        self._last_at: dict[str, int] = {}
        self._receipts: dict[str, Answer] = {}
        self._hints: list[Callable[[], None]] = []
        self._presence: tuple[Presence, ...] = ()
        self._on_presence: list[OnPresence] = []

    # The port

    def meet(self) -> Standing:
        """How things stand; there is one history, and everybody sees everything."""
        with self._lock:
            return Standing(head=self._head, rows=len(self._rows), workspace_id=self._workspace.id)

    def push(self, commands: Sequence[Issued]) -> list[Answer]:
        """Carry out commands in order; one that was seen before is answered as then. One answer per command."""
        return self._carry_out(commands, at=self._moment)

    def changes(self, since: int, limit: int, begun: int = 0) -> Page:  # noqa: ARG002 - it forgets nothing
        """The rows that changed after revision `since`, about `limit` of them: a revision is never split."""
        with self._lock:
            rows: list[tuple[int, Entity]] = []
            to = since
            start = bisect_right(self._log, since, key=lambda entry: entry[0])
            for place in range(start, len(self._log)):
                rev, key = self._log[place]
                if rev > to and len(rows) >= limit:
                    return Page(since, to, tuple(rows), more=True)
                to = rev
                newest, row = self._rows[key]
                if newest == rev:
                    rows.append((rev, row))
            return Page(since, self._head, tuple(rows))

    def watch(self, hint: Callable[[], None], on_presence: OnPresence = lambda _: None) -> Callable[[], None]:
        """Have both called after each change, on the thread that made it; returns what ends it."""
        with self._lock:
            self._hints.append(hint)
            self._on_presence.append(on_presence)
        on_presence(self._presence)

        def unwatch() -> None:
            self._hints.remove(hint)
            self._on_presence.remove(on_presence)

        return unwatch

    def announce(self, note: PresenceNote) -> None:
        """Nobody is there to be told."""

    def has_blob(self, sha256: str) -> bool:
        """Whether it has the bytes of a file."""
        return self.shelf.has(sha256)

    def put_blob(self, sha256: str, path: Path, progress: Progress, cancelled: Cancelled) -> None:
        """Take the bytes of a file. Raises FileError, FileCancelledError."""
        self.shelf.take(sha256, path, progress, cancelled)

    def get_blob(self, sha256: str, to: Path, progress: Progress, cancelled: Cancelled) -> None:
        """Write the bytes of a file to `to`. Raises FileError, FileCancelledError."""
        self.shelf.give(sha256, to, progress, cancelled)

    # Those who are not at a console

    def submit(self, issued: Issued) -> Answer:
        """Carry out one command of a customer, a channel or a teammate."""
        return self.push([issued])[0]

    def record(self, issued: Issued) -> Answer:
        """Carry out a command of the past, at the time that it says itself."""
        return self._carry_out([issued], at=lambda past: past.at)[0]

    def show(self, presence: tuple[Presence, ...]) -> None:
        """The teammates do something else than before."""
        self._presence = presence
        for listener in tuple(self._on_presence):
            listener(presence)

    def seed(self, rows: Sequence[Entity]) -> None:
        """Write rows that no rule makes (workspace, users, channels, snippets) as one revision, if not yet there."""
        with self._lock:
            new = [row for row in rows if (type(row), row.id) not in self._rows]
            self._write(new)
        self._tell(bool(new))

    def rows(self) -> list[tuple[int, Entity]]:
        """Every row with its revision, in order of revision."""
        return list(self.changes(0, limit=len(self._log) + 1).rows)

    # Deciding

    def _carry_out(self, commands: Sequence[Issued], at: Callable[[Issued], int]) -> list[Answer]:
        answers: list[Answer] = []
        with self._lock:
            before = self._head
            for issued in commands:
                answer = self._receipts.get(issued.id)
                if answer is None:
                    answer = self._receipts[issued.id] = self._decide(replace(issued, at=at(issued)))
                answers.append(answer)
            changed = self._head > before
        self._tell(changed)
        return answers

    def _decide(self, issued: Issued) -> Answer:
        for attachment in issued.command.attachments if isinstance(issued.command, SendMessage) else ():
            if not self.shelf.has(attachment.sha256):
                name = file_name(attachment.name)
                return Answer(issued.id, refusal=Refusal(FILE_MISSING, f"{name} has not arrived: send it again."))
        outcome = decide(self._state(scope_of(issued.command)), issued)
        if isinstance(outcome, Refusal):
            return Answer(issued.id, refusal=outcome)
        self._write(outcome)
        return Answer(issued.id, self._head)

    def _moment(self, issued: Issued) -> int:
        # Lines of one contact are ordered by time, so no two of them share one, whatever the clock says.
        return max(self.clock(), self._last_at.get(scope_of(issued.command), 0) + 1)

    def _state(self, scope: str) -> State:
        """What is known of a scope, before the workspace's settings of this moment."""
        known = self._scopes.get(scope)
        if known is None:
            return State(workspace=self._workspace, users=self._users, channels=self._channels)
        return replace(known, workspace=self._workspace, users=self._users, channels=self._channels)

    def _write(self, rows: Sequence[Entity]) -> None:
        if rows:
            self._head += 1
            for row in rows:
                self._keep(self._head, row)

    def _keep(self, rev: int, row: Entity) -> None:
        key = (type(row), row.id)
        self._rows[key] = (rev, row)
        self._log.append((rev, key))
        match row:
            case Workspace():
                self._workspace = row
            case User():
                self._users = {**self._users, row.id: row}
            case Channel():
                self._channels = {**self._channels, row.id: row}
            case Snippet():
                self._scopes[SNIPPETS] = self._state(SNIPPETS).after([row])
            case _:
                scope = row.id if isinstance(row, Contact) else row.contact_id
                self._scopes[scope] = self._state(scope).after([row])
                if isinstance(row, Message):
                    self._last_at[scope] = max(row.at, self._last_at.get(scope, 0))

    def _tell(self, changed: bool) -> None:
        if changed:
            for hint in tuple(self._hints):
                hint()
