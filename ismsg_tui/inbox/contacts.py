"""The contacts that a user sees: by view, by id, and by what is known of them."""

from __future__ import annotations

from ismsg_tui.domain.entities import Contact
from ismsg_tui.domain.views import Sort, View
from ismsg_tui.store.lists import (
    ListPage,
    ListRow,
    Position,
    list_page,
    list_position,
    next_unread,
    rows_for,
    view_count,
)
from ismsg_tui.store.search import resolve_contact, search_contacts
from ismsg_tui.store.store import Store
from ismsg_tui.store.timeline import ContactCard, contact_card


class ViewRows:
    """What a view shows in one order."""

    def __init__(self, store: Store, user_id: str, view: View, sort: Sort | None, only: str) -> None:
        self._store, self._user_id = store, user_id
        self._view, self._sort, self._only = view, sort, only

    def count(self) -> int:
        """How many contacts the view shows."""
        return view_count(self._store.reader, self._view, self._user_id, self._only)

    def position(self, contact_id: str) -> int | None:
        """How many rows stand above a contact; None if it is not there."""
        return list_position(
            self._store.reader, self._view, self._user_id, contact_id, sort=self._sort, only=self._only
        )

    def rows(self, contact_ids: list[str]) -> dict[str, ListRow]:
        """The rows of these contacts as they are now, whether the view still shows them or not."""
        return rows_for(self._store.reader, self._user_id, contact_ids)

    def page(
        self, *, after: Position | None = None, before: Position | None = None, offset: int = 0, limit: int = 50
    ) -> ListPage:
        """Consecutive rows; see `store.lists.list_page`."""
        return list_page(
            self._store.reader,
            self._view,
            self._user_id,
            sort=self._sort,
            after=after,
            before=before,
            offset=offset,
            limit=limit,
            only=self._only,
        )


class Contacts:
    """The contacts of a workspace as one user sees them."""

    def __init__(self, store: Store, user_id: str) -> None:
        self._store, self._user_id = store, user_id

    def view(self, view: View, *, sort: Sort | None = None, only: str = "") -> ViewRows:
        """A view in an order, its usual one if none is named; `only` are words that a contact must hold to be shown."""
        return ViewRows(self._store, self._user_id, view, sort, only)

    def next_unread(self, view: View, *, sort: Sort | None = None, after: str | None = None) -> str | None:
        """The next contact of a view with something unread; may take a moment in a long list."""
        return next_unread(self._store.reader, view, self._user_id, sort=sort, after=after)

    def rows(self, contact_ids: list[str]) -> dict[str, ListRow]:
        """The list rows of these contacts by id."""
        return rows_for(self._store.reader, self._user_id, contact_ids)

    def row(self, contact_id: str) -> ListRow | None:
        """The list row of one contact."""
        return self.rows([contact_id]).get(contact_id)

    def card(self, contact_id: str) -> ContactCard | None:
        """The contact with its newest conversations."""
        return contact_card(self._store.reader, contact_id)

    def search(self, query: str, limit: int = 50) -> list[Contact]:
        """Contacts whose name, phone or email holds every word of `query`."""
        return search_contacts(self._store.reader, query, limit)

    def resolve(self, wanted: str) -> list[Contact]:
        """The contacts that an id, the start of one, or a whole name, phone or email may mean."""
        return resolve_contact(self._store.reader, wanted)
