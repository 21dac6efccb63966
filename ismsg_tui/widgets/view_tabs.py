"""The views with their counts, one line."""

from __future__ import annotations

from collections.abc import Mapping

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message

from ismsg_tui.domain.views import Sort, View
from ismsg_tui.widgets.words import Words

TITLES = {
    View.NEW: "New",
    View.OPEN: "Open",
    View.ASSIGNED: "Assigned",
    View.CLOSED: "Closed",
    View.SNOOZED: "Snoozed",
    View.ALL: "All",
}
SORT_TITLES = {
    Sort.NEWEST: "newest first",
    Sort.OLDEST: "oldest first",
    Sort.WAITING: "longest waiting",
    Sort.WAKING: "next to wake",
    Sort.CLOSED: "last closed first",
}
NOBODY = {
    View.NEW: ("Nobody is waiting.", "New customers appear here until somebody takes them."),
    View.OPEN: ("No open conversation.", "A conversation opens when a contact writes; “o” opens one by hand."),
    View.ASSIGNED: ("Nothing assigned to you.", "Answer somebody in New and the contact becomes yours."),
    View.CLOSED: ("Nothing closed yet.", "“c” closes a conversation with a note of what it was about."),
    View.SNOOZED: ("Nothing snoozed.", "“s” hides a conversation until a time, or until the contact writes."),
    View.ALL: ("No contacts yet.", "“ismsg import FILE” brings conversations in, “ismsg demo” shows a lively inbox."),
}
"""What an empty view says: how things are, and what to do about it."""
NOBODY_IN_TEAM = {
    **NOBODY,
    View.ALL: ("No contacts yet.", "Whoever writes to the team, and is yours to see, is here."),
}
"""The same on a team's server, into which a console imports nothing."""
NOT_ALL_HERE = ("Not everybody is here yet.", "They come from the server; the title says how far it is.")
"""What an empty view of a team says while the store is being filled."""


class ViewTab(Words):
    """One view; a click shows it."""

    class Chosen(Message):
        """The agent wants to see a view."""

        def __init__(self, view: View) -> None:
            super().__init__()
            self.view = view

    def __init__(self, view: View) -> None:
        super().__init__(id=f"tab-{view}")
        self.view = view

    def on_click(self) -> None:
        """Choose this view."""
        self.post_message(self.Chosen(self.view))


class ViewTabs(Horizontal):
    """All views in a row, the one that is shown marked, then the order of the list."""

    def compose(self) -> ComposeResult:
        """One tab a view."""
        for view in TITLES:
            yield ViewTab(view)
        yield Words(id="sort")

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._labels: dict[View, str] = {}
        self._current = View.NEW
        self._orders: list[str] = []
        """The words for the order of the list and what it holds back, the longest first."""

    def on_resize(self) -> None:
        """Where there is no room for all views show the current one alone; say of the order what fits beside them."""
        room = self.size.width - sum(len(label) + 2 for label in self._labels.values())
        self.set_class(room < 0, "-tight")
        if room < 0:
            room = self.size.width - len(self._labels[self._current]) - 2
        order = next((words for words in self._orders if len(words) + 2 <= room), "")
        self.query_one("#sort", Words).update(Content(order), layout=False)

    def show(self, current: View, counts: Mapping[View, int], sort: Sort, *, held_back: bool = False) -> None:
        """Mark the current view, show the counts, and whether the list holds back what would move it."""
        self._labels = {
            view: f"{title} {counts[view]:,}" if counts.get(view) else title for view, title in TITLES.items()
        }
        for view, label in self._labels.items():
            tab = self.query_one(f"#tab-{view}", ViewTab)
            tab.update(Content(label))
            tab.set_class(view is current, "-current")
        self._current, order = current, SORT_TITLES[sort]
        held = "changed, moves with you"
        self._orders = [f"{held} · {order}", held, "changed"] if held_back else [order]
        self.on_resize()
