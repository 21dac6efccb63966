"""Search over all messages as one types."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.timer import Timer
from textual.widgets import Input

from ismsg_tui.domain.search_query import FILTERS, SearchError, parse_search
from ismsg_tui.inbox import Inbox
from ismsg_tui.key_names import key_label
from ismsg_tui.screens.dialog import Dialog
from ismsg_tui.screens.faults import TellsFaults
from ismsg_tui.store.search import Hit
from ismsg_tui.widgets.hit_list import HitList
from ismsg_tui.widgets.key_line import Key
from ismsg_tui.widgets.line_list import LineList
from ismsg_tui.widgets.text_fields import PlainInput

PAUSE = 0.06
"""Seconds without a key after which the search begins."""
SHOWN = 200

_HELP = "\n".join(
    [
        "Every word must be there: three letters find any part of a word, two its beginning or end.",
        "",
        "Narrow it down with:",
        *(f"{example}\t{meaning}" for _, meaning, example in FILTERS),
    ]
)


class SearchScreen(Dialog[tuple[Hit, str]], TellsFaults):
    """Type, and see what fits; the result is the message to go to and what was asked."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,ctrl+n", "move(1)", "Down", show=False),
        Binding("up,ctrl+p", "move(-1)", "Up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
    ]
    DEFAULT_CSS = """
    SearchScreen > Vertical { max-width: 110; width: 94%; height: 90%; }
    SearchScreen PlainInput { margin: 0 0 1 0; }
    """

    def __init__(self, inbox: Inbox, asked: str = "", at: str = "") -> None:
        """`asked` is what was asked the last time, `at` the message that it led to."""
        super().__init__(
            "Search",
            [
                Key(key_label("enter"), "Show in the conversation", "take"),
                Key(f"{key_label('up')}{key_label('down')}", "Move", ""),
                Key(key_label("escape"), "Back", "cancel"),
            ],
        )
        self._inbox = inbox
        self._asked, self._at = asked, at
        self._timer: Timer | None = None

    def body(self) -> ComposeResult:
        """The field above the hits."""
        yield PlainInput(self._asked, placeholder="Words, and filters such as from:mai or in:open")
        yield HitList()

    def on_mount(self) -> None:
        """Start to type at once."""
        super().on_mount()
        self.query_one(HitList).can_focus = False
        self.query_one(HitList).empty_words = _HELP
        self.set_focus(self.query_one(PlainInput))
        if self._asked:
            self.query_one(PlainInput).action_select_all()
            self._search()

    @on(Input.Changed)
    def _wait_for_more(self, event: Input.Changed) -> None:
        event.stop()
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(PAUSE, self._search)

    @work(group="search", exclusive=True, exit_on_error=False, description="search")
    async def _search(self) -> None:
        asked = self.query_one(PlainInput).value
        hits = self.query_one(HitList)
        try:
            wanted = parse_search(asked)
            found = await asyncio.to_thread(self._inbox.search, asked, SHOWN)
        except SearchError as error:
            hits.empty_words = str(error)
            hits.show_hits((), "")
            self.say_below("")
            return
        hits.empty_words = _HELP if wanted.says_nothing else f"Nothing found for “{asked.strip()}”."
        hits.show_hits(found, wanted.words, self._at if asked == self._asked else "")
        counted = f"the {SHOWN} newest" if len(found) == SHOWN else f"{len(found)} found"
        self.say_below("" if wanted.says_nothing else counted)

    @on(Input.Submitted)
    def _submit(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_take()

    @on(LineList.Selected)
    def _click(self, event: LineList.Selected) -> None:
        event.stop()
        self.action_take()

    def action_take(self) -> None:
        """Go to the hit under the cursor."""
        hit = self.query_one(HitList).highlighted
        if hit is not None:
            self.leave((hit, self.query_one(PlainInput).value))

    def action_move(self, step: int) -> None:
        """Move the cursor by some hits."""
        hits = self.query_one(HitList)
        hits.move_to(hits.cursor + step)

    def action_page(self, step: int) -> None:
        """Move the cursor by some pages."""
        self.action_move(step * self.query_one(HitList).page_rows)
