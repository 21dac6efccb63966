"""A long list seen through a window: pages of rows are fetched as they come into sight and forgotten on change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from ismsg_tui.store.lists import ListPage, ListRow, Position

PAGE = 50
KEPT_PAGES = 8
"""How many pages are held at most; those farthest from the one just fetched go first."""


class RowSource(Protocol):
    """Where the rows come from; fast enough to be asked while painting."""

    def count(self) -> int:
        """How many rows there are."""
        ...

    def rows(self, contact_ids: list[str]) -> dict[str, ListRow]:
        """The rows of these contacts as they are now, whether the list still shows them or not."""
        ...

    def page(self, *, after: Position | None, before: Position | None, offset: int, limit: int) -> ListPage:
        """Consecutive rows after or before a place, or from an offset."""
        ...


class RowWindow:
    """Rows by their index, fetched in pages; neighbours of a page that is there are fetched by place, not offset."""

    def __init__(self, source: RowSource) -> None:
        self.source = source
        self.count = 0
        self._pages: dict[int, ListPage] = {}

    def refresh(self, indexes: Iterable[int] = ()) -> None:
        """Forget every page, count anew and fetch what is at these indexes."""
        self._pages.clear()
        self.count = self.source.count()
        for index in indexes:
            self.row(index)

    def row(self, index: int) -> ListRow | None:
        """The row at an index from the top; None beyond the end."""
        if not 0 <= index < self.count:
            return None
        number, place = divmod(index, PAGE)
        page = self._pages.get(number)
        if page is None:
            page = self._pages[number] = self._load(number)
            if len(self._pages) > KEPT_PAGES:
                del self._pages[max(self._pages, key=lambda held: abs(held - number))]
        return page.rows[place] if place < len(page.rows) else None

    def same_places(self, other: RowWindow, indexes: Iterable[int]) -> bool:
        """Whether the contacts at these indexes stand there in `other` too."""
        for index in indexes:
            mine, theirs = self.row(index), other.row(index)
            if mine is not None and (theirs is None or theirs.contact_id != mine.contact_id):
                return False
        return True

    def replace(self, fresh: Mapping[str, ListRow]) -> None:
        """Bring the rows that are held up to date by contact, each in its old place."""
        for number, page in self._pages.items():
            rows = [fresh.get(row.contact_id, row) for row in page.rows]
            self._pages[number] = ListPage(rows, page.first, page.last)

    def _load(self, number: int) -> ListPage:
        above, below = self._pages.get(number - 1), self._pages.get(number + 1)
        if above is not None and above.last is not None:
            return self.source.page(after=above.last, before=None, offset=0, limit=PAGE)
        if below is not None and below.first is not None:
            return self.source.page(after=None, before=below.first, offset=0, limit=PAGE)
        return self.source.page(after=None, before=None, offset=number * PAGE, limit=PAGE)
