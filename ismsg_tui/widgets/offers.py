"""The stored replies that may be offered while an agent writes to a contact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ismsg_tui.domain.entities import Snippet
from ismsg_tui.domain.search_text import search_form

_LONGEST = 300
"""Characters of a written text beyond which nobody waits for its end to be offered."""
_LEAST = 3
"""How much must be written, as it is searched, for a text that begins so to be offered."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A stored reply with its variables filled in."""

    snippet: Snippet
    text: str
    folded: str
    """The same, to be compared with what is written in whatever case."""

    @classmethod
    def of(cls, snippet: Snippet, text: str) -> Offer:
        """A snippet and its text for the contact."""
        return cls(snippet, text, text.casefold())


@dataclass(frozen=True, slots=True)
class Offers:
    """Every stored reply for one contact, those used most first, and the one that answers what was asked."""

    every: Sequence[Offer] = ()
    answer: Offer | None = None

    def going_on(self, written: str) -> tuple[Offer, str] | None:
        """The reply that begins with what is written, and the rest of it; quick enough for every key."""
        if not written:
            return (self.answer, self.answer.text) if self.answer else None
        if not self.every or len(written) > _LONGEST or len(search_form(written).strip()) < _LEAST:
            return None
        folded = written.casefold()
        found = [self.answer] if self.answer and self.answer.folded.startswith(folded) else []
        for offer in (*found, *self.every):
            if offer.folded.startswith(folded) and offer.text[: len(written)].casefold() == folded:
                rest = offer.text[len(written) :]
                return (offer, rest) if rest.strip() else None
        return None
