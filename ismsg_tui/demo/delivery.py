"""How an agent's message travels: which steps each kind of channel reports, and how long they take."""

from __future__ import annotations

from collections.abc import Callable

from ismsg_tui.demo.player import Player
from ismsg_tui.domain.commands import Actor, SetDelivery
from ismsg_tui.domain.entities import Delivery, Message, Source

REPORTS_READING = frozenset({"whatsapp", "messenger", "web"})
REPORTS_ARRIVAL = REPORTS_READING | {"sms"}
"""Channels of every other kind tell only that they have taken a message."""

UNREACHABLE = "The number can't be reached just now."
CHANNEL = Actor(None, Source.API)

READING_SPEED = 25
"""Characters a second, for people who are in no hurry."""


def last_step(kind: str) -> Delivery:
    """The last step that channels of this kind report."""
    if kind in REPORTS_READING:
        return Delivery.READ
    return Delivery.DELIVERED if kind in REPORTS_ARRIVAL else Delivery.SENT


def is_under_way(message: Message, kind: str) -> bool:
    """Whether a channel of this kind has something left to report of a message."""
    return message.status not in (None, Delivery.FAILED, last_step(kind))


def deliver(
    player: Player, message: Message, kind: str, read: Callable[[Message], None], *, lost: bool = False
) -> None:
    """Carry a message through a channel of this kind; `read` is called when the contact has read it.

    A message that is `lost` is reported as failed and never read.
    """
    rng = player.rng

    def report(status: Delivery, error: str = "") -> None:
        player.act(CHANNEL, SetDelivery(message.contact_id, message.id, status, error))

    def sent() -> None:
        report(Delivery.SENT)
        if lost:
            player.later(rng.uniform(2, 4), lambda: report(Delivery.FAILED, UNREACHABLE))
        else:
            player.later(rng.uniform(0.5, 1.5), arrived)

    def arrived() -> None:
        if last_step(kind) is not Delivery.SENT:
            report(Delivery.DELIVERED)
        player.later(rng.uniform(1, 3) + min(len(message.text), 250) / READING_SPEED, seen)

    def seen() -> None:
        if last_step(kind) is Delivery.READ:
            report(Delivery.READ)
        read(message)

    player.later(rng.uniform(0.3, 0.9), sent)
