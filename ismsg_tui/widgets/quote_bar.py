"""The line above the composer that says which message a reply quotes."""

from __future__ import annotations

from rich.cells import cell_len
from textual.content import Content
from textual.events import Click
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from ismsg_tui.actions import action
from ismsg_tui.domain.words import QUOTE_SIGN
from ismsg_tui.key_names import key_label
from ismsg_tui.widgets.segments import MUTED, fit


class QuoteBar(Widget):
    """The quoted message in one line, and how to be rid of it."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    QuoteBar { display: none; height: 1; padding: 0 2; color: $text; }
    """

    words: reactive[str] = reactive("")
    """Who wrote it and how it begins; empty where nothing is quoted."""

    class Removed(Message):
        """Nothing is to be quoted."""

    def watch_words(self, words: str) -> None:
        """Show the bar only where something is quoted."""
        self.display = bool(words)

    @property
    def _tail(self) -> str:
        tail = f" {key_label(action('leave_composer').current_keys[0])} removes ×"
        return tail if cell_len(tail) * 2 < self.size.width else " ×"

    def render(self) -> Content:
        """The words, as far as there is room, and the way out at the right."""
        room = self.size.width - cell_len(QUOTE_SIGN) - cell_len(self._tail)
        return Content.assemble((QUOTE_SIGN, "bold"), fit(self.words, room), (self._tail, MUTED))

    def on_click(self, event: Click) -> None:
        """The cross takes the quote away."""
        at = event.get_content_offset(self)
        if at is not None and at.x >= self.size.width - cell_len(self._tail):
            self.post_message(self.Removed())
