"""The stage on which the past is played: all rows in memory, decided by the same rules as anywhere."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from ismsg_tui.clock import now_ms
from ismsg_tui.domain.changes import Answer, Page
from ismsg_tui.domain.commands import SNIPPETS, Issued, scope_of
from ismsg_tui.domain.entities import Channel, Contact, Entity, Message, Snippet, User, Workspace
from ismsg_tui.domain.rules import decide
from ismsg_tui.domain.state import Refusal, State
from ismsg_tui.domain.wire import Presence

_Key = tuple[type[Entity], str]


class MemoryStage:
    """Implements `stage.Stage`: every command that changes something is one revision, and revisions have no holes."""

    def __init__(self, clock: Callable[[], int] = now_ms) -> None:
        """`clock` says when a command happens, in milliseconds; what the command says itself is not asked."""
        self.clock = clock
        self._head = 0
        self._rows: dict[_Key, tuple[int, Entity]] = {}
        self._log: list[tuple[int, _Key]] = []
        self._workspace = Workspace(id="", name="")
        self._users: dict[str, User] = {}
        self._channels: dict[str, Channel] = {}
        self._scopes: dict[str, State] = {}
        self._last_at: dict[str, int] = {}
        self._hints: list[Callable[[], None]] = []

    def submit(self, issued: Issued) -> Answer:
        """Carry out one command now."""
        # Lines of one contact are ordered by time, so no two of them share one, whatever the clock says.
        at = max(self.clock(), self._last_at.get(scope_of(issued.command), 0) + 1)
        return self.record(replace(issued, at=at))

    def record(self, issued: Issued) -> Answer:
        """Carry out a command of the past, at the time that it says itself."""
        outcome = decide(self._state(scope_of(issued.command)), issued)
        if isinstance(outcome, Refusal):
            return Answer(issued.id, refusal=outcome)
        self._write(outcome)
        return Answer(issued.id, self._head)

    def seed(self, rows: Sequence[Entity]) -> None:
        """Write rows that no rule makes (workspace, users, channels, snippets) as one revision, if not yet there."""
        self._write([row for row in rows if (type(row), row.id) not in self._rows])

    def rows(self) -> list[tuple[int, Entity]]:
        """Every row with its revision, in order of revision."""
        return list(self.changes(0, limit=len(self._log) + 1).rows)

    def changes(self, since: int, limit: int) -> Page:
        """The rows that changed after revision `since`, about `limit` of them: a revision is never split."""
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

    def watch(self, hint: Callable[[], None]) -> Callable[[], None]:
        """Have `hint` called after each change; returns what ends it."""
        self._hints.append(hint)
        return lambda: self._hints.remove(hint)

    def show(self, presence: tuple[Presence, ...]) -> None:
        """Nobody looks on while the past is played."""

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
            for hint in tuple(self._hints):
                hint()

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
