"""One line of keys with what they do; a click does the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from textual.content import Content
from textual.events import Click, Leave, MouseMove
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget


class Key(NamedTuple):
    """One entry of a key line."""

    label: str
    word: str
    action: str
    """The name of the action that a click asks for; "" where the mouse has other means."""


class KeyLine(Widget):
    """Keys in the order of their worth: those for which there is no room are left out."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    KeyLine { height: 1; width: 1fr; color: $text-muted; }
    """

    keys: reactive[tuple[Key, ...]] = reactive((), layout=True)
    _hovered: reactive[int | None] = reactive(None)

    class Pressed(Message):
        """An entry was clicked."""

        def __init__(self, line: KeyLine, action: str) -> None:
            super().__init__()
            self.line = line
            self.action = action

        @property
        def control(self) -> KeyLine:
            """The line."""
            return self.line

    def __init__(self, keys: Sequence[Key] = (), *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.set_reactive(KeyLine.keys, tuple(keys))

    def _spans(self) -> list[tuple[int, int]]:
        """The first cell of each entry that fits and the one after its last."""
        spans: list[tuple[int, int]] = []
        start = 0
        for key in self.keys:
            end = start + Content(f"{key.label} {key.word}").cell_length
            if end > self.size.width:
                break
            spans.append((start, end))
            start = end + 2
        return spans

    def render(self) -> Content:
        """The entries side by side, the key in the colour of keys."""
        parts: list[Content | tuple[str, str]] = []
        for index, key in enumerate(self.keys[: len(self._spans())]):
            hover = " underline" if index == self._hovered and key.action else ""
            if parts:
                parts.append(("  ", ""))
            parts += [(key.label, f"$footer-key-foreground bold{hover}"), (f" {key.word}", hover.strip())]
        return Content.assemble(*parts)

    def _at(self, x: int) -> int | None:
        for index, (start, end) in enumerate(self._spans()):
            if start <= x < end:
                return index
        return None

    def on_mouse_move(self, event: MouseMove) -> None:
        """Show what a click would do."""
        self._hovered = self._at(event.get_content_offset_capture(self).x)

    def on_leave(self, event: Leave) -> None:  # noqa: ARG002
        """Forget the mouse."""
        self._hovered = None

    def on_click(self, event: Click) -> None:
        """Ask for the action of the entry."""
        index = self._at(event.get_content_offset_capture(self).x)
        if index is not None and self.keys[index].action:
            self.post_message(self.Pressed(self, self.keys[index].action))
