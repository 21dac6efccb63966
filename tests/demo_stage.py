"""The demo on a stage for tests: a set clock, a real store, and an agent who answers by script."""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path

from ismsg_tui.clock import new_id
from ismsg_tui.demo.content import load_workspace
from ismsg_tui.demo.enclosures import attachment, content_of
from ismsg_tui.demo.guest import GuestPart
from ismsg_tui.demo.hotel import Hotel
from ismsg_tui.demo.player import Player, StageClock
from ismsg_tui.demo.run import stage_hotel
from ismsg_tui.demo.scene import Scene
from ismsg_tui.demo.team import Teammates
from ismsg_tui.domain.commands import Actor, Command, Issued
from ismsg_tui.domain.entities import Contact, Delivery, Entity, Message, MessageKind
from ismsg_tui.domain.views import View
from ismsg_tui.inbox import Inbox
from ismsg_tui.store.lists import ListRow
from ismsg_tui.store.rows import table_of
from ismsg_tui.store.store import Store
from ismsg_tui.sync.engine import Sync
from tests.memory_authority import MemoryAuthority

_KEPT: dict[Path, MemoryAuthority] = {}
"""What the authority of each folder knows, as its server's database would keep it."""
NOON = 1_790_000_000_000
LONG_AGO = 1 << 50
"""The clock here is not that of the machine: no message is ever too old to be sent, in milliseconds."""
STEP = 5_000
"""How often the scripted agent looks at the screen, in milliseconds."""


class Stage:
    """A console's store and the demo behind it, moved on by hand."""

    def __init__(self, folder: Path, scenes: list[Scene], *, at: int = NOON, seed: int = 1) -> None:
        self.clock = StageClock(at)
        self.hotel = Hotel(load_workspace())
        self.store = Store(folder)
        if (known := _KEPT.get(folder)) is None:
            self.authority = _KEPT[folder] = MemoryAuthority(self.clock)
            for file in (file for scene in scenes for file in scene.files):
                self.authority.shelf.lay(attachment(file).sha256, content_of(file.name))
            self.player = stage_hotel(self.authority, self.hotel, scenes, clock=self.clock, rng=random.Random(seed))
        else:
            self.authority = known
            self.authority.clock = self.clock
            self.player = Player(known, clock=self.clock, rng=random.Random(seed))
            team = Teammates(self.player, self.hotel)
            self.player.join([GuestPart(self.player, self.hotel, team, scene) for scene in scenes])
            self.player.play_until(self.clock())
        self._finish()

    def _finish(self) -> None:
        self.sync = Sync(self.store, self.authority, ask_after=LONG_AGO)
        self.sync.exchange()
        self.inbox = Inbox(self.store, self.hotel.me)

    def act(self, command: Command) -> None:
        """Do something at the console, without waiting for the authority."""
        self.store.execute(Issued(new_id(), command, Actor(self.inbox.user_id), self.clock()))

    def go_on(self, seconds: float) -> None:
        """Let time pass, then synchronise."""
        self.sync.exchange()
        self.player.play_until(self.clock() + round(seconds * 1000))
        self.sync.exchange()

    def waiting(self) -> list[ListRow]:
        """The contacts who wait for the agent: nobody has them, or the agent has."""
        rows = self.inbox.contacts.view(View.OPEN).page(limit=200).rows
        return [row for row in rows if row.waiting_since and row.assignee_id in (None, self.inbox.user_id)]

    def lines(self, contact_id: str) -> list[Message]:
        """A contact's timeline."""
        return [line.message for line in self.inbox.timeline(contact_id, limit=500)]

    def said(self, contact_id: str) -> list[str]:
        """What a contact has said."""
        return [line.text for line in self.lines(contact_id) if line.kind is MessageKind.INCOMING]

    def close(self) -> None:
        """Put the console away, as at the end of the demo."""
        self.sync.exchange()
        self.store.close()


def contact_named(authority: MemoryAuthority, name: str) -> Contact:
    """The contact of that first name."""
    return next(row for _, row in authority.rows() if isinstance(row, Contact) and row.first_name == name)


def outgoing(rows: Iterable[Message]) -> list[Message]:
    """The messages that agents sent."""
    return [row for row in rows if row.kind is MessageKind.OUTGOING]


def stored_form(rows: Iterable[Entity]) -> set[tuple[object, ...]]:
    """Rows as a store holds them: cleaned, and comparable."""
    return {(type(row).__name__, *table_of(row).encode(row)) for row in rows}


def has_failed(message: Message) -> bool:
    """Whether a message did not get through."""
    return message.status is Delivery.FAILED


__all__ = ["NOON", "STEP", "Player", "Stage", "contact_named", "has_failed", "outgoing", "stored_form"]
