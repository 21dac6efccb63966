"""The bar over the composer about what was not sent: what it is, why, and what can be done; it does nothing itself."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.reactive import var
from textual.widget import Widget
from textual.widgets import Static

from ismsg_tui.actions import Scope
from ismsg_tui.widgets.bar import Bar, asking
from ismsg_tui.widgets.key_line import KeyLine
from ismsg_tui.widgets.status_line import StatusLine


class UnsentView(NamedTuple):
    """What the bar shows of one thing that was not sent."""

    title: str
    """What has not become of it, and how many there are."""
    note: str
    """What stands at the right end."""
    words: str
    """What it said."""
    reason: str
    keys: tuple[tuple[str, str], ...]
    """Action and word of each key, while the bar has the focus."""
    alarm: bool = False
    """Whether `note` is a warning."""


class UnsentBar(Bar):
    """Title, the words with the reason, keys; not there while everything was sent."""

    BINDINGS: ClassVar[list[BindingType]] = asking(Scope.UNSENT)
    CONFIRMED_BY: ClassVar[tuple[str, ...]] = ("discard_unsent",)
    DEFAULT_CSS = """
    UnsentBar {
        & StatusLine { color: $text-error; }
        & Static { height: auto; max-height: 2; margin: 0 2; display: none; }
        & #unsent-reason { color: $text-error; }
        &:focus Static { display: block; }
        &:focus .-empty { display: none; }
    }
    """

    view: var[UnsentView | None] = var(None)

    class Asked(Bar.Asked):
        """A key or the mouse asks for an action on what was not sent."""

    class Disarmed(Bar.Disarmed):
        """What asked to be confirmed is not."""

    def compose(self) -> ComposeResult:
        """The lines."""
        yield StatusLine()
        yield Static(markup=False, id="unsent-words")
        yield Static(markup=False, id="unsent-reason")
        yield KeyLine()

    def draw(self) -> None:
        """Show things as they stand."""
        view = self.view
        self.display = view is not None
        if view is None or not self.is_mounted:
            return
        self.show_status(view.title, view.note, alarm=view.alarm)
        for name, words in (("words", view.words), ("reason", view.reason)):
            line = self.query_one(f"#unsent-{name}", Static)
            line.update(words)
            line.set_class(not words, "-empty")
        elsewhere = (("next_unsent", ", ".join(word for _, word in view.keys[:-2])),)
        self.show_keys(view.keys if self.has_focus else elsewhere)

    def cursor_line(self) -> Widget:
        """The words that were not sent."""
        return self.query_one("#unsent-words")
