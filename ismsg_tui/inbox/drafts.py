"""What the user has typed and not sent."""

from __future__ import annotations

from ismsg_tui.clock import now_ms
from ismsg_tui.store.drafts import Draft, drafted_at, read_draft
from ismsg_tui.store.store import Store


class Drafts:
    """The drafts of one user, one for each contact."""

    def __init__(self, store: Store, user_id: str) -> None:
        self._store, self._user_id = store, user_id

    def read(self, contact_id: str) -> Draft:
        """What is typed for a contact; an empty draft if there is nothing."""
        return read_draft(self._store.reader, self._user_id, contact_id)

    def kept_at(self, contact_id: str) -> int | None:
        """When that was kept last, in milliseconds; None if there is nothing."""
        return drafted_at(self._store.reader, self._user_id, contact_id)

    def save(self, contact_id: str, draft: Draft) -> None:
        """Keep what is typed."""
        self._store.save_draft(self._user_id, contact_id, draft, now_ms())
