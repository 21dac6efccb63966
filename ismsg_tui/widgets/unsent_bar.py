"""The bar over the composer about what was not sent: what it is, why, and what can be done; it does nothing itself."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.events import Key
from textual.geometry import Offset
from textual.message import Message
from textual.reactive import var
from textual.widgets import Static

from ismsg_tui.actions import Scope, action, bindings, key_label
from ismsg_tui.widgets.key_line import Key as KeyShown
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


class UnsentBar(Vertical, can_focus=True):
    """Title, the words with the reason, keys; not there while everything was sent."""

    # The keys are others once it has the focus: a click must not reach one that was not under it.
    FOCUS_ON_CLICK: ClassVar[bool] = False
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.UNSENT)]
    DEFAULT_CSS = """
    UnsentBar {
        display: none;
        height: auto;
        background: $surface;
        & StatusLine { color: $text-error; }
        & Static { height: auto; max-height: 2; margin: 0 2; display: none; }
        & #unsent-reason { color: $text-error; }
        & KeyLine { margin: 0 2; }
        &:focus Static { display: block; }
        &:focus .-empty { display: none; }
    }
    """

    view: var[UnsentView | None] = var(None)

    class Asked(Message):
        """A key or the mouse asks for an action on what is shown."""

        def __init__(self, action_id: str) -> None:
            super().__init__()
            self.action_id = action_id

    class Disarmed(Message):
        """Another key or place than the one that would have confirmed."""

    def compose(self) -> ComposeResult:
        """The lines."""
        yield StatusLine()
        yield Static(markup=False, id="unsent-words")
        yield Static(markup=False, id="unsent-reason")
        yield KeyLine()

    def watch_view(self, view: UnsentView | None) -> None:
        """Show it."""
        self.display = view is not None
        if view is None or not self.is_mounted:
            return
        status = self.query_one(StatusLine)
        status.left, status.right = view.title, view.note
        status.alarm = "bold $text-warning" if view.alarm else ""
        status.rule = "━" if self.has_focus else "─"
        for name, words in (("words", view.words), ("reason", view.reason)):
            line = self.query_one(f"#unsent-{name}", Static)
            line.update(words)
            line.set_class(not words, "-empty")
        elsewhere = (("next_unsent", ", ".join(word for _, word in view.keys[:3])),)
        self.query_one(KeyLine).keys = tuple(
            KeyShown(key_label(action(action_id).current_keys[0]), word, action_id)
            for action_id, word in (view.keys if self.has_focus else elsewhere)
        )

    def on_mount(self) -> None:
        """Show what came before the lines were there."""
        self.watch_view(self.view)

    def watch_has_focus(self, has_focus: bool) -> None:
        """Show whether keys come here, and park the terminal's cursor."""
        super().watch_has_focus(has_focus)
        self.watch_view(self.view)
        if has_focus:
            self.call_after_refresh(self._park_cursor)
        else:
            self.post_message(self.Disarmed())

    def on_resize(self) -> None:
        """Keep the terminal's cursor here, once the lines have their places."""
        self.call_after_refresh(self._park_cursor)

    def _park_cursor(self) -> None:
        if self.has_focus:
            words = self.query_one("#unsent-words", Static)
            self.app.cursor_position = Offset(words.region.x, words.region.y)
            words.refresh()

    def on_key(self, event: Key) -> None:
        """Whatever is not a confirmation is none."""
        if event.key not in action("discard_unsent").current_keys:
            self.post_message(self.Disarmed())

    @on(KeyLine.Pressed)
    async def _press(self, event: KeyLine.Pressed) -> None:
        event.stop()
        await self.run_action(event.action)

    async def action_next_unsent(self) -> None:
        """Go on, by the mouse."""
        await self.screen.run_action("next_unsent")

    def action_send_again(self) -> None:
        """Send it after all."""
        self.post_message(self.Asked("send_again"))

    def action_edit_unsent(self) -> None:
        """Take its words back."""
        self.post_message(self.Asked("edit_unsent"))

    def action_discard_unsent(self) -> None:
        """Let it go."""
        self.post_message(self.Asked("discard_unsent"))

    def action_leave_unsent(self) -> None:
        """Go back to where the agent came from."""
        self.post_message(self.Asked("leave_unsent"))
