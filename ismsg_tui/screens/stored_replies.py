"""Which stored replies to offer to an agent who writes; worked out on another thread, from what the contact said."""

from __future__ import annotations

from ismsg_tui import times
from ismsg_tui.clock import now_ms
from ismsg_tui.domain.entities import MessageKind, Snippet
from ismsg_tui.domain.snippets import fill, values_for
from ismsg_tui.domain.suggestions import Suggestions
from ismsg_tui.domain.text import clean
from ismsg_tui.inbox import Inbox
from ismsg_tui.widgets.offers import Offer, Offers

HEARD = 20
"""Lines that are looked at for what waits for an answer."""


class StoredReplies:
    """The workspace's stored replies, read once and again when they have changed."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._snippets: list[Snippet] = []
        self._suggestions = Suggestions(())
        self.outdated = True
        """Whether they are to be read anew."""

    def offers_for(self, contact_id: str) -> Offers:
        """What to offer for a contact; may take a moment."""
        if self.outdated:
            self.outdated = False
            self._snippets = sorted(self._inbox.snippets.all(), key=lambda snippet: -snippet.uses)
            self._suggestions = Suggestions(self._snippets)
        card = self._inbox.contacts.card(contact_id)
        if card is None:
            return Offers()
        contact = card.contact
        assignee = self._inbox.users.get(contact.assignee_id or self._inbox.user_id)
        known = values_for(contact, assignee, times.local(now_ms()))
        values = {name: clean(value) for name, value in known.items()}
        every = [
            Offer.of(snippet, fill(clean(snippet.text), values).text) for snippet in self._snippets if snippet.text
        ]
        best = self._suggestions.best(self._unanswered(contact_id), contact.language)
        return Offers(every, next((offer for offer in every if offer.snippet is best), None))

    def _unanswered(self, contact_id: str) -> str:
        """What the contact has said since the last answer."""
        heard: list[str] = []
        for line in reversed(self._inbox.timeline(contact_id, limit=HEARD)):
            if line.message.kind is MessageKind.OUTGOING:
                break
            if line.message.kind is MessageKind.INCOMING:
                heard.insert(0, line.message.text)
        return "\n".join(heard)
