"""What the conversation pane says where a teammate is about to answer, or has answered since the agent began."""

from __future__ import annotations

from textual import on
from textual.containers import Vertical

from ismsg_tui.clock import now_ms
from ismsg_tui.domain.company import Company
from ismsg_tui.domain.entities import MessageKind
from ismsg_tui.domain.words import user_name
from ismsg_tui.inbox import Inbox
from ismsg_tui.store.timeline import ContactCard
from ismsg_tui.times import clock
from ismsg_tui.widgets.composer import Composer

LOOKED_THROUGH = 20
"""Newest lines among which a teammate's answer is looked for."""


class Collisions(Vertical):
    """The part of the conversation pane that looks at what teammates do with the contact."""

    _inbox: Inbox
    card: ContactCard | None
    company = Company()
    gone = False
    """Whether the contact went out of sight while it was shown."""
    _began: int | None = None
    """When what stands in the composer was begun, or typed last before it was shown; None while it is empty."""

    def show_header(self) -> None:
        """Write the header line."""
        raise NotImplementedError

    def show_company(self, company: Company) -> None:
        """Teammates do something else than before."""
        self.company = company
        self.show_header()
        self.show_caution()

    def begin_watching(self) -> None:
        """Another contact is shown: what stands in the composer was written when its draft was kept."""
        self._began = self._inbox.drafts.kept_at(self.card.contact.id) if self.card else None
        self.show_caution()

    @on(Composer.Edited)
    def _note_beginning(self, event: Composer.Edited) -> None:
        before = self._began
        self._began = None if event.draft.blank else before or now_ms()
        if (before is None) is not (self._began is None):
            self.show_caution()

    def show_caution(self) -> None:
        """Say above the text that somebody else answers, or has answered."""
        self.query_one(Composer).caution = self._caution()

    def _caution(self) -> str:
        if self.card is None:
            return ""
        if self.gone:
            return "out of sight, can't be sent"
        contact_id, began = self.card.contact.id, self._began
        if typing := self.company.typing(contact_id):
            return f"{typing} an answer" if " is " in typing else f"{typing} answers"
        if began is None:
            return ""
        lines = self._inbox.timeline(contact_id, limit=LOOKED_THROUGH)
        answers = (line.message for line in reversed(lines) if line.message.kind is MessageKind.OUTGOING)
        others = (message for message in answers if message.author_id not in (None, self._inbox.user_id))
        answer = next(others, None)
        if answer is None or answer.at <= began:
            return ""
        name = self.company.names.get(answer.author_id or "") or user_name(answer.author_id, self._inbox.users)
        return f"{name} answered at {clock(answer.at)}, after you began"
