"""What the bars over the composer share: they take the keys for a while, and tell the desk what is asked of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import ClassVar

from textual import on
from textual.binding import BindingType
from textual.containers import Vertical
from textual.events import Key
from textual.geometry import Offset
from textual.message import Message
from textual.widget import Widget

from ismsg_tui.actions import Scope, action, bindings
from ismsg_tui.key_names import key_label
from ismsg_tui.widgets.key_line import Key as KeyShown
from ismsg_tui.widgets.key_line import KeyLine
from ismsg_tui.widgets.status_line import StatusLine


def asking(scope: Scope) -> list[BindingType]:
    """The keys of a bar: the desk does what they ask for."""
    return [replace(binding, action=f"ask('{binding.action}')") for binding in bindings(scope)]


class Bar(Vertical, can_focus=True):
    """A bar that is there while its `view` is something to show; it has a status line and a line of keys."""

    # The keys are others once it has the focus: a click must not reach one that was not under it.
    FOCUS_ON_CLICK: ClassVar[bool] = False
    CONFIRMED_BY: ClassVar[tuple[str, ...]] = ()
    """The actions that ask for a second press; any other key is none."""
    DEFAULT_CSS = """
    Bar {
        display: none;
        height: auto;
        background: $surface;
        & KeyLine { margin: 0 2; }
    }
    """

    class Asked(Message):
        """A key or the mouse asks for an action on what is shown."""

        def __init__(self, action_id: str) -> None:
            super().__init__()
            self.action_id = action_id

    class Disarmed(Message):
        """Another key or place than the one that would have confirmed."""

    def draw(self) -> None:
        """Show things as they stand."""
        raise NotImplementedError

    def cursor_line(self) -> Widget:
        """The line at whose start the terminal's cursor is parked."""
        raise NotImplementedError

    def show_status(self, title: str, note: str, *, alarm: bool) -> None:
        """Show the status line; `alarm` makes the note a warning."""
        status = self.query_one(StatusLine)
        status.left, status.right = title, note
        status.alarm = "bold $text-warning" if alarm else ""
        status.rule = "━" if self.has_focus else "─"

    def show_keys(self, keys: Iterable[tuple[str, str]]) -> None:
        """Show actions and the words for them."""
        self.query_one(KeyLine).keys = tuple(
            KeyShown(key_label(action(action_id).current_keys[0]), word, action_id) for action_id, word in keys
        )

    def watch_view(self) -> None:
        """Show what is new."""
        self.draw()

    def on_mount(self) -> None:
        """Show what came before the lines were there."""
        self.draw()

    def watch_has_focus(self, has_focus: bool) -> None:
        """Show whether keys come here, and park the terminal's cursor."""
        super().watch_has_focus(has_focus)
        self.draw()
        if has_focus:
            # It may have come into being with the key that brought the focus: where it stands is not known yet.
            self.call_after_refresh(self._park_cursor)
        else:
            self.post_message(self.Disarmed())

    def on_resize(self) -> None:
        """Keep the terminal's cursor here, once the lines have their places."""
        self.call_after_refresh(self._park_cursor)

    def _park_cursor(self) -> None:
        if self.has_focus:
            line = self.cursor_line()
            self.app.cursor_position = Offset(line.region.x, line.region.y)
            line.refresh()

    def on_key(self, event: Key) -> None:
        """Whatever is not a confirmation is none."""
        if not any(event.key in action(name).current_keys for name in self.CONFIRMED_BY):
            self.post_message(self.Disarmed())

    def action_ask(self, action_id: str) -> None:
        """Tell what is asked for."""
        self.post_message(self.Asked(action_id))

    @on(KeyLine.Pressed)
    def _press(self, event: KeyLine.Pressed) -> None:
        event.stop()
        self.action_ask(event.action)
