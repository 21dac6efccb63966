"""Going to any contact by a few letters."""

from __future__ import annotations

from collections.abc import Sequence

from ismsg_tui import times
from ismsg_tui.clock import now_ms
from ismsg_tui.domain.matching import ELSEWHERE, Query
from ismsg_tui.domain.text import one_line
from ismsg_tui.domain.views import View
from ismsg_tui.domain.words import NAME_LIMIT
from ismsg_tui.inbox import Inbox
from ismsg_tui.screens.picker import Picker
from ismsg_tui.store.lists import ListRow
from ismsg_tui.widgets.choice_list import Choice
from ismsg_tui.widgets.chooser import forms_of

RECENT = 300
"""How many contacts, those heard of last, are found by letters that are not side by side."""
SHOWN = 50


class Switcher(Picker[str, str]):
    """Contacts heard of last come first; every contact is found by part of its name, phone or email."""

    def __init__(self, inbox: Inbox, visited: Sequence[str]) -> None:
        """`visited` are the contacts looked at before, the last one first; they head the list."""
        self._inbox = inbox
        recent = [row.contact_id for row in inbox.contacts.view(View.ALL).page(limit=RECENT).rows]
        order = list(dict.fromkeys([*visited, *recent]))
        rows = inbox.contacts.rows(order)
        self._recent = [_choice(rows[contact_id]) for contact_id in order if contact_id in rows]
        self._forms = [forms_of(choice) for choice in self._recent]
        super().__init__("Jump to", self._recent[:SHOWN], take="Jump", what="contact", search=self._find)

    def result(self, value: str) -> str:
        """The contact's id."""
        return value

    def _find(self, text: str) -> Sequence[Choice[str]]:
        query = Query(text)
        if not query:
            return self._recent[:SHOWN]
        near = [self._recent[index] for index in query.rank(self._forms, worst=ELSEWHERE)]
        known = {choice.value for choice in near}
        found = [contact.id for contact in self._inbox.contacts.search(text, SHOWN) if contact.id not in known]
        rows = self._inbox.contacts.rows(found)
        far = [_choice(rows[contact_id]) for contact_id in found if contact_id in rows]
        if not near and not far:
            near = [self._recent[index] for index in query.rank(self._forms)]
        return [*near, *far][:SHOWN]


def _choice(row: ListRow) -> Choice[str]:
    today = times.local(now_ms()).date()
    return Choice(
        row.contact_id,
        one_line(row.name, NAME_LIMIT),
        note=one_line(row.phone or row.email, 40),
        detail=one_line(row.last_text or "", 100),
        body=f"{row.phone} {row.email}",
        mark=times.short(row.last_at, today),
    )
