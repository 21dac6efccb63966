"""Asking for the next page while the one before it is taken in.

Which page comes next follows from the one that is there, so an authority can be asked for it meanwhile. Nothing else
changes: pages are asked for one at a time and in the same order, at most one is held, and what went wrong with one is
met by whoever comes for it, when everything before is in the store.
"""

from __future__ import annotations

from concurrent.futures import Future, wait

from ismsg_tui.aside import aside
from ismsg_tui.domain.changes import Page
from ismsg_tui.sync.authority import Authority

Place = tuple[int, int]
"""The revision that a page goes on from, and `begun` of `Authority.changes`."""


class NextPage:
    """Pages of an authority, one of which may be asked for beforehand; for one thread."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        self._asked: tuple[Place, Future[Page]] | None = None

    def begin(self, since: int, limit: int, begun: int) -> None:
        """Ask for a page, on a thread of its own, in the place of any that was asked for before."""
        self.drop()
        self._asked = (since, begun), aside("next page", lambda: self._authority.changes(since, limit, begun))

    def get(self, since: int, limit: int, begun: int) -> Page:
        """The page after a revision: the one that was asked for beforehand where it is that, else asked for now.

        Raises whatever the authority raises.
        """
        if self._asked is not None and self._asked[0] == (since, begun):
            page, self._asked = self._asked[1], None
            return page.result()
        self.drop()
        return self._authority.changes(since, limit, begun)

    def drop(self, *, patient: bool = True) -> None:
        """Forget what was asked for, and what went wrong with it; the patient wait for its end, as it is one at a time.

        Whoever is not must ask for nothing more.
        """
        if self._asked is not None and patient:
            wait([self._asked[1]])
        self._asked = None
