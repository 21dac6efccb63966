"""The player: an agenda of what happens when, and everybody who is not at the console.

A player is a replica like a console: it pulls rows from its stage and gives its parts each new line to hear, and
what the parts do are commands. It runs on a thread of its own, or is moved on by hand where time is set.
"""

from __future__ import annotations

import heapq
import logging
import random
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from ismsg_tui.clock import now_ms
from ismsg_tui.demo.stage import Stage
from ismsg_tui.domain.changes import Answer
from ismsg_tui.domain.commands import Actor, Command, Issued
from ismsg_tui.domain.entities import Contact, Conversation, ConversationStatus, EventType, Message, MessageKind
from ismsg_tui.domain.ids import content_id
from ismsg_tui.domain.state import newness
from ismsg_tui.domain.wire import Presence

log = logging.getLogger(__name__)

PAGE_ROWS = 500

Action = Callable[[], object]


class StageClock:
    """The time in milliseconds: the real one, or the one that is set while the past is played."""

    def __init__(self, set_to: int | None = None) -> None:
        self.set_to = set_to

    def __call__(self) -> int:
        """The time now."""
        return now_ms() if self.set_to is None else self.set_to


class Part(Protocol):
    """What one contact of the demo does. Nothing here may wait; what takes time goes to `Player.later`."""

    contact_id: str

    def begin(self, lines: Sequence[Message]) -> None:
        """Take up the part where the contact's timeline stands."""
        ...

    def notice(self, line: Message) -> None:
        """A new line stands in the timeline: the contact's own, an agent's, or an event."""
        ...

    def read(self, message: Message) -> None:
        """The contact has an agent's message before their eyes."""
        ...


def in_hand(assignee_id: str | None, lines: Sequence[Message]) -> str | None:
    """The user who has a contact in hand: the last to answer since it was opened or assigned, else the assignee."""
    for line in reversed(lines):
        if line.kind is MessageKind.OUTGOING:
            return line.author_id
        if line.event is not None and line.event.type in (EventType.ASSIGNED, EventType.OPENED):
            break
    return assignee_id


class Player:
    """Plays parts on a stage. Only one thread may move it on."""

    def __init__(
        self,
        stage: Stage,
        *,
        clock: StageClock | None = None,
        rng: random.Random | None = None,
        start_at: int | None = None,
    ) -> None:
        self.stage = stage
        self.clock = clock or StageClock()
        self.rng = rng or random.Random()
        self.start_at = self.clock() if start_at is None else start_at
        """When the demo begins, in milliseconds; before, the past is played."""
        self._speed = 1.0
        self._agenda: list[tuple[int, int, Action]] = []
        self._entries = 0
        self._cursor = 0
        self._contacts: dict[str, Contact] = {}
        self._conversations: dict[str, Conversation] = {}
        self._heard: set[str] = set()
        self._parts: dict[str, Part] = {}
        self._presence: tuple[Presence, ...] = ()
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="player", daemon=True)

    # For the parts

    @property
    def now(self) -> int:
        """The time in milliseconds."""
        return self.clock()

    def later(self, seconds: float, action: Action, *, since: int | None = None) -> None:
        """Do something in so many seconds of playing time, counted from `since` if that is yet to come."""
        begin = self.now if since is None else max(since, self.now)
        self._entries += 1
        heapq.heappush(self._agenda, (begin + round(seconds * 1000 / self._speed), self._entries, action))

    def act(self, actor: Actor, command: Command) -> Answer:
        """Have somebody do something now."""
        name = content_id(self.now, "demo", str(self.rng.getrandbits(64)))
        return self.stage.submit(Issued(name, command, actor, self.now))

    def show(self, presence: tuple[Presence, ...]) -> None:
        """Let the console know what the teammates do."""
        self._presence = presence
        self.stage.show(presence)

    def contact(self, contact_id: str) -> Contact | None:
        """A contact as the player last heard of it."""
        return self._contacts.get(contact_id)

    def open_conversation(self, contact_id: str) -> Conversation | None:
        """A contact's open conversation as the player last heard of it."""
        conversation = self._conversations.get(contact_id)
        return conversation if conversation and conversation.status is ConversationStatus.OPEN else None

    # Playing

    def join(self, parts: Sequence[Part]) -> None:
        """Give parts to play; each begins where its contact's timeline stands."""
        lines: dict[str, list[Message]] = {}
        for line in sorted(self._pull(), key=lambda line: (line.at, line.id)):
            lines.setdefault(line.contact_id, []).append(line)
        for part in parts:
            self._parts[part.contact_id] = part
            part.begin(lines.get(part.contact_id, []))

    def move_to(self, stage: Stage, cursor: int) -> None:
        """Go on with another stage that holds all that was played, up to revision `cursor`."""
        self._listen()
        self.stage, self._cursor = stage, cursor
        stage.show(self._presence)

    def set_speed(self, speed: float) -> None:
        """How many times faster than life it goes from now on, what is on the agenda included."""
        now, ratio = self.now, self._speed / speed
        self._agenda = [(now + round((due - now) * ratio), entry, action) for due, entry, action in self._agenda]
        heapq.heapify(self._agenda)
        self._speed = speed

    def tick(self) -> int | None:
        """Hear what is new and do all that is due; returns when the next thing is, None if nothing is to come."""
        self._listen()
        while self._agenda and self._agenda[0][0] <= self.now:
            action = heapq.heappop(self._agenda)[2]
            action()
            self._listen()
        return self._agenda[0][0] if self._agenda else None

    def play_until(self, end: int) -> None:
        """Move the set clock on to `end`, stopping wherever something is due."""
        while (due := self.tick()) is not None and due <= end:
            self.clock.set_to = max(due, self.now)
        self.clock.set_to = max(end, self.now)
        self.tick()

    def start(self) -> None:
        """Play by the real clock, on a thread of its own."""
        self.clock.set_to = None
        self._thread.start()

    def stop(self) -> None:
        """End after what is being done now."""
        self._stopping = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def _run(self) -> None:
        unwatch = self.stage.watch(self._wake.set)
        try:
            while not self._stopping:
                self._wake.clear()
                try:
                    due = self.tick()
                except Exception:
                    log.exception("a part of the demo failed and goes on without its last action")
                    continue
                self._wake.wait(None if due is None else max(0, due - self.now) / 1000)
        finally:
            unwatch()

    def _listen(self) -> None:
        for line in self._pull():
            if line.contact_id in self._parts:
                self._parts[line.contact_id].notice(line)

    def _pull(self) -> list[Message]:
        """Take in every new row; returns the lines not heard of before, in the order in which they were written."""
        fresh: list[Message] = []
        more = True
        while more:
            page = self.stage.changes(self._cursor, PAGE_ROWS)
            self._cursor, more = page.to, page.more
            for _, row in page.rows:
                match row:
                    case Contact():
                        self._contacts[row.id] = row
                    case Conversation():
                        newest = self._conversations.get(row.contact_id)
                        if newest is None or row.id == newest.id or newness(row) > newness(newest):
                            self._conversations[row.contact_id] = row
                    case Message() if row.id not in self._heard:
                        self._heard.add(row.id)
                        fresh.append(row)
        return fresh
