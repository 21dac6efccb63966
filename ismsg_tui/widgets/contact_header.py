"""The line above a conversation: who it is, through which channel, where things stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rich.cells import cell_len
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from ismsg_tui import times
from ismsg_tui.clock import now_ms
from ismsg_tui.domain.entities import Channel, Conversation, User
from ismsg_tui.domain.views import ContactStatus, contact_status
from ismsg_tui.domain.words import span_words, user_name
from ismsg_tui.store.timeline import ContactCard
from ismsg_tui.widgets.segments import MUTED, fit, shown_line

LEAST_NAME = 16
"""Cells that a name keeps beside what must be said of the contact."""


class Part(NamedTuple):
    """A piece of the line."""

    text: str
    style: str
    worth: int
    """Where there is too little room the parts of the least worth go first; the name, of worth 0, stays."""


class ContactHeader(Widget):
    """One line about the contact whose conversation is shown; what matters most is there at every width."""

    parts: reactive[tuple[Part, ...]] = reactive(())

    def show(
        self,
        card: ContactCard | None,
        users: Mapping[str, User],
        channels: Mapping[str, Channel],
        user_id: str,
        company: str = "",
    ) -> None:
        """Say where things stand with a contact, and which teammates are there; nothing without a contact."""
        if card is None:
            self.parts = ()
            return
        contact = card.contact
        parts = [Part(shown_line(contact.name, 60), "bold", 0)]
        if company:
            parts.append(Part(shown_line(company, 60), "bold $text-accent", 2))
        channel = channels.get(contact.channel_id or "")
        if channel is not None:
            parts.append(Part(shown_line(channel.name, 30), MUTED, 6))
        parts.append(Part(_standing_words(card.current), MUTED, 5))
        if contact.assignee_id is None:
            parts.append(Part("unassigned", MUTED, 4))
        elif contact.assignee_id == user_id:
            parts.append(Part("yours", "$text-success", 3))
        else:
            assignee = shown_line(user_name(contact.assignee_id, users))
            parts.append(Part(f"assigned to {assignee}", "$text-warning", 3))
        if contact.blocked:
            parts.append(Part("blocked", "$text-error", 1))
        if card.current is not None and card.current.waiting_since is not None:
            waited = span_words(now_ms() - card.current.waiting_since)
            parts.append(Part("just wrote" if waited == "now" else f"waiting {waited}", "$text-warning", 1))
        self.parts = tuple(parts)

    def render(self) -> Content:
        """The parts for which there is room, in their order."""
        parts = fitting(self.parts, self.size.width - 2)
        pieces: list[Content | tuple[str, str]] = [(" ", "")]
        for index, part in enumerate(parts):
            pieces += [(" · ", MUTED), (part.text, part.style)] if index else [(part.text, part.style)]
        return Content.assemble(*pieces)


def fitting(parts: Sequence[Part], width: int) -> list[Part]:
    """The parts that fit side by side into a width, the name cut where it must be."""
    for most in range(max((part.worth for part in parts), default=0), -1, -1):
        kept = [part for part in parts if part.worth <= most]
        room = width - sum(cell_len(part.text) + 3 for part in kept[1:])
        if not kept or cell_len(kept[0].text) <= room:
            return kept
        # Others go before the name is cut, but not what must be said.
        if most == 0 or (most == 1 and room >= LEAST_NAME):
            return [kept[0]._replace(text=fit(kept[0].text, max(0, room)).rstrip()), *kept[1:]]
    return []


def _standing_words(conversation: Conversation | None) -> str:
    at = contact_status(conversation)
    if conversation is None or at is ContactStatus.NONE:
        return "no conversation yet"
    if at is ContactStatus.SNOOZED:
        return f"snoozed until {times.moment(conversation.snoozed_until or 0, times.local(now_ms()).date())}"
    if at is ContactStatus.CLOSED:
        return f"closed {times.moment(conversation.closed_at or 0, times.local(now_ms()).date())}"
    opened = span_words(now_ms() - conversation.opened_at)
    return "open" if opened == "now" else f"open {opened}"
