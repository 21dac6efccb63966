"""The teammates: they take guests, answer those who are theirs, and leave alone whom somebody else has taken."""

from __future__ import annotations

from functools import partial

from ismsg_tui.demo.guest import GuestPart
from ismsg_tui.demo.hotel import Hotel
from ismsg_tui.demo.player import Player, in_hand
from ismsg_tui.demo.scene import Take
from ismsg_tui.domain.commands import Actor, AssignContact, SendMessage
from ismsg_tui.domain.entities import EventType, Message, MessageKind
from ismsg_tui.domain.text import clean
from ismsg_tui.domain.wire import Availability, Presence

TYPING = 7.0
"""Seconds for which a teammate is seen writing before an answer comes."""
SOONEST, LATEST = 15, 40
"""Seconds that a teammate takes to answer a guest of theirs for whom no words are set down."""


class Teammates:
    """Everybody in the hotel but the person who tries the demo."""

    def __init__(self, player: Player, hotel: Hotel) -> None:
        self._player = player
        self._hotel = hotel
        self._takes = {take.scene: take for take in hotel.content.takes}
        self._writing: set[str] = set()
        """Contacts whom a teammate is about to answer."""
        self._taken: set[str] = set()
        """Contacts for whom the moment of their take has come."""
        self._presence = {user_id: Presence(user_id, Availability.ONLINE) for user_id in hotel.teammates}
        player.show(tuple(self._presence.values()))

    def has_arrived(self, guest: GuestPart) -> None:
        """Somebody may take a guest who has said what they came with."""
        take = self._takes.get(guest.scene.id)
        if take is not None and self._told(guest, take) == 0:
            self._player.later(take.after, partial(self._take, guest, take), since=self._player.start_at)

    def notice(self, guest: GuestPart, line: Message) -> None:
        """A guest was given to a teammate."""
        if line.event is not None and line.event.type is EventType.ASSIGNED:
            self.look_after(guest)

    def look_after(self, guest: GuestPart) -> None:
        """Whoever holds a guest who waits gets down to an answer."""
        user_id = self._holder(guest)
        if user_id is None or guest.contact_id in self._writing:
            return
        take = self._take_of(guest, user_id)
        told = self._told(guest, take)
        if take is None:
            delay = self._player.rng.uniform(SOONEST, LATEST)
        elif told < len(take.says) and (told > 0 or guest.contact_id in self._taken):
            delay = take.says[told].after
        else:
            return
        self._writing.add(guest.contact_id)
        typing = partial(self._show, user_id, guest.contact_id, typing=True)
        self._player.later(max(0.0, delay - TYPING), typing, since=self._player.start_at)
        self._player.later(delay, partial(self._answer, guest, user_id), since=self._player.start_at)

    def _take(self, guest: GuestPart, take: Take) -> None:
        contact = self._player.contact(guest.contact_id)
        self._taken.add(guest.contact_id)
        if contact is not None and contact.assignee_id is None and self._waits(guest):
            user_id = self._hotel.users[take.user]
            self._player.act(Actor(user_id), AssignContact(guest.contact_id, user_id))
        else:
            self.look_after(guest)

    def _answer(self, guest: GuestPart, user_id: str) -> None:
        self._writing.discard(guest.contact_id)
        self._show(user_id, guest.contact_id)
        if self._holder(guest) != user_id or guest.is_speaking:
            return
        text = self._next_line(guest, user_id)
        if text is not None:
            self._player.act(Actor(user_id), SendMessage(guest.contact_id, text))

    def _show(self, user_id: str, contact_id: str, *, typing: bool = False) -> None:
        """Let everybody see what a teammate does."""
        self._presence[user_id] = Presence(user_id, Availability.ONLINE, contact_id, typing)
        self._player.show(tuple(self._presence.values()))

    def _next_line(self, guest: GuestPart, user_id: str) -> str | None:
        """What comes next of the words set down for this guest, or of those for all; None if everything is said."""
        take = self._take_of(guest, user_id)
        told = self._told(guest, take)
        if take is not None:
            return take.says[told].text if told < len(take.says) else None
        *lines, goodbye = self._hotel.content.teammate_lines
        if guest.is_done:
            return None if self._has_told(guest, goodbye) else goodbye
        return lines[told] if told < len(lines) else None

    def _holder(self, guest: GuestPart) -> str | None:
        """The teammate who is to answer: the guest is theirs and waits, and nobody else has begun to answer."""
        contact = self._player.contact(guest.contact_id)
        holder = contact.assignee_id if contact else None
        if holder not in self._hotel.teammates or not self._waits(guest):
            return None
        return holder if in_hand(holder, guest.lines) == holder else None

    def _waits(self, guest: GuestPart) -> bool:
        conversation = self._player.open_conversation(guest.contact_id)
        return (
            conversation is not None
            and conversation.waiting_since is not None
            and conversation.last_incoming_at is not None
        )

    def _take_of(self, guest: GuestPart, user_id: str) -> Take | None:
        take = self._takes.get(guest.scene.id)
        return take if take is not None and self._hotel.users[take.user] == user_id else None

    def _told(self, guest: GuestPart, take: Take | None) -> int:
        """How many of a teammate's lines the guest has been told."""
        lines = [line.text for line in take.says] if take else self._hotel.content.teammate_lines
        return sum(self._has_told(guest, line) for line in lines)

    def _has_told(self, guest: GuestPart, text: str) -> bool:
        return any(line.kind is MessageKind.OUTGOING and clean(line.text) == clean(text) for line in guest.lines)
