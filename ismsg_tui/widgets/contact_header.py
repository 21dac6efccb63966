"""The line above a conversation: who it is, through which channel, where things stand."""

from __future__ import annotations

from collections.abc import Mapping

from textual.content import Content

from ismsg_tui import times
from ismsg_tui.clock import now_ms
from ismsg_tui.domain.entities import Channel, Conversation, User
from ismsg_tui.domain.views import Standing, standing
from ismsg_tui.domain.words import span_words, user_name
from ismsg_tui.store.timeline import ContactCard
from ismsg_tui.widgets.segments import MUTED, shown_line
from ismsg_tui.widgets.words import Words


class ContactHeader(Words):
    """One line about the contact whose conversation is shown."""

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
            self.update(Content(), layout=False)
            return
        contact = card.contact
        parts: list[tuple[str, str]] = [(shown_line(contact.name, 60), "bold")]
        if company:
            parts.append((shown_line(company, 60), "bold $text-accent"))
        channel = channels.get(contact.channel_id or "")
        if channel is not None:
            parts.append((shown_line(channel.name, 30), MUTED))
        parts.append((_standing_words(card.current), MUTED))
        if contact.assignee_id is None:
            parts.append(("unassigned", MUTED))
        elif contact.assignee_id == user_id:
            parts.append(("yours", "$text-success"))
        else:
            parts.append((f"assigned to {shown_line(user_name(contact.assignee_id, users))}", "$text-warning"))
        if contact.blocked:
            parts.append(("blocked", "$text-error"))
        if card.current is not None and card.current.waiting_since is not None:
            waited = span_words(now_ms() - card.current.waiting_since)
            parts.append(("just wrote" if waited == "now" else f"waiting {waited}", "$text-warning"))
        pieces: list[Content | tuple[str, str]] = [(" ", "")]
        for index, part in enumerate(parts):
            pieces += [(" · ", MUTED), part] if index else [part]
        self.update(Content.assemble(*pieces), layout=False)


def _standing_words(conversation: Conversation | None) -> str:
    at = standing(conversation)
    if conversation is None or at is Standing.NONE:
        return "no conversation yet"
    if at is Standing.SNOOZED:
        return f"snoozed until {times.moment(conversation.snoozed_until or 0, times.local(now_ms()).date())}"
    if at is Standing.CLOSED:
        return f"closed {times.moment(conversation.closed_at or 0, times.local(now_ms()).date())}"
    opened = span_words(now_ms() - conversation.opened_at)
    return "open" if opened == "now" else f"open {opened}"
