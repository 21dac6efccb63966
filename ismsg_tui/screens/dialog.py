"""What all dialogs share: a frame in the middle of the screen that fits every size, and a line of keys at its foot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Generic, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen

from ismsg_tui.screens.newest_size import NewestSize
from ismsg_tui.widgets.key_line import Key, KeyLine
from ismsg_tui.widgets.segments import shown_line

R = TypeVar("R")


class Dialog(NewestSize, ModalScreen[R | None], Generic[R]):
    """A modal frame with a title; Esc leaves it with nothing, so its result is `R` or None."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 - as Textual declares it
    VERTICAL_BREAKPOINTS = [(0, "-low"), (14, "-high")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "Back", show=False)]
    DEFAULT_CSS = """
    Dialog {
        align: center middle;
        & > Vertical {
            width: 90%;
            max-width: 76;
            height: auto;
            max-height: 90%;
            padding: 0 1;
            background: $surface;
            border: round $primary;
            border-title-color: $text;
            border-title-style: bold;
            border-subtitle-color: $text-muted;
        }
        &.-low > Vertical {
            border: none;
            padding: 0;
            width: 100%;
            max-width: 100%;
            height: 100% !important;
            max-height: 100%;
        }
    }
    """

    TITLE_LIMIT: ClassVar[int] = 60

    def __init__(self, title: str, keys: Sequence[Key]) -> None:
        super().__init__()
        self._heading = shown_line(title, self.TITLE_LIMIT)
        self._keys = keys

    def compose(self) -> ComposeResult:
        """The frame, what the dialog holds, and the keys."""
        with Vertical(id="frame"):
            yield from self.body()
            yield KeyLine(self._keys)

    def body(self) -> ComposeResult:
        """What the dialog holds."""
        raise NotImplementedError

    def on_mount(self) -> None:
        """Write the title."""
        self.query_one("#frame").border_title = Content(self._heading)

    def say_below(self, words: str) -> None:
        """Write something into the lower edge of the frame."""
        self.query_one("#frame").border_subtitle = Content(words)

    @on(KeyLine.Pressed)
    async def _press(self, event: KeyLine.Pressed) -> None:
        event.stop()
        await self.run_action(event.action)

    def leave(self, result: R | None) -> None:
        """Close the dialog with a result."""
        _ = self.dismiss(result)  # awaited by nobody: its own handlers must have ended first

    def action_cancel(self) -> None:
        """Leave without a result."""
        self.leave(None)
