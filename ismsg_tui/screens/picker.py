"""Choosing one of many by a few typed letters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Generic, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Container, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from ismsg_tui.key_names import key_label
from ismsg_tui.screens.dialog import Dialog
from ismsg_tui.widgets.choice_list import Choice
from ismsg_tui.widgets.chooser import Chooser
from ismsg_tui.widgets.key_line import Key

T = TypeVar("T")
R = TypeVar("R")

_LEAST, _MOST = 3, 24
"""The fewest and the most rows of choices in sight."""


class Picker(Dialog[R], Generic[T, R]):
    """A list of choices that is filtered while one types; its result is what `result` makes of the choice taken."""

    HAS_PREVIEW: ClassVar[bool] = False
    DEFAULT_CSS = """
    Picker {
        & > Vertical { max-height: 80%; }
        &.-preview > Vertical { max-width: 124; max-height: 90%; height: 30; }
        & Container { height: 1fr; layout: horizontal; }
        & #preview { height: 100%; width: 1fr; padding: 0 1; scrollbar-size-vertical: 1; }
        & #preview { scrollbar-background: $surface; border-left: solid $border-blurred; }
        &.-wide.-preview Chooser { width: 4fr; }
        &.-wide.-preview #preview { width: 3fr; }
        &.-narrow Container { layout: vertical; }
        &.-narrow #preview { width: 100%; height: 40%; padding: 0; }
        &.-narrow #preview { border-left: none; border-top: solid $border-blurred; }
        &.-low #preview { display: none; }
    }
    """

    def __init__(
        self,
        title: str,
        choices: Sequence[Choice[T]],
        *,
        take: str,
        what: str,
        cursor: int = 0,
        search: Callable[[str], Sequence[Choice[T]]] | None = None,
    ) -> None:
        """`take` is what Enter does, `what` names one choice; see `Chooser` for the others."""
        super().__init__(
            title,
            [
                Key(key_label("enter"), take, "take"),
                Key(f"{key_label('up')}{key_label('down')}", "Move", ""),
                Key(key_label("escape"), "Back", "cancel"),
            ],
        )
        self._counts = search is None
        self._chooser = Chooser[T](choices, what=what, cursor=cursor, search=search)

    def body(self) -> ComposeResult:
        """The chooser, and beside or below it what the choice looks like."""
        with Container():
            yield self._chooser
            if self.HAS_PREVIEW:
                with VerticalScroll(id="preview", can_focus=False):
                    yield Static(id="preview-text")
                    yield from self.below_preview()

    def on_mount(self) -> None:
        """Start to type at once."""
        self.set_class(self.HAS_PREVIEW, "-preview")
        if not self.HAS_PREVIEW:
            # As tall as all of its choices, whatever is typed: a frame that changes while one types is no rest.
            self.query_one("#frame").styles.height = max(_LEAST, min(len(self._chooser.choices), _MOST)) + 4
        self.set_focus(self._chooser.input)
        self._moved()

    def result(self, value: T) -> R:
        """What taking a value gives."""
        raise NotImplementedError

    def preview(self, value: T) -> Content:  # noqa: ARG002
        """What a value looks like, where the picker has a preview."""
        return Content("")

    def below_preview(self) -> ComposeResult:
        """What a preview holds besides words; `highlight` keeps it right."""
        return ()

    def highlight(self, value: T | None) -> None:
        """React to another choice under the cursor; None where nothing fits."""

    @on(Chooser.Moved)
    def _moved(self) -> None:
        choice = self._chooser.highlighted
        value = choice.value if choice else None
        shown, total = self._chooser.rows.row_count, len(self._chooser.choices)
        if self._counts:
            self.say_below(f"{shown:,} of {total:,}" if shown < total else f"{total:,}")
        if self.HAS_PREVIEW:
            self.query_one("#preview-text", Static).update(self.preview(value) if value is not None else "")
            self.query_one("#preview").scroll_home(animate=False)
        self.highlight(value)

    @on(Chooser.Taken)
    def action_take(self) -> None:
        """Leave with the choice under the cursor; where nothing fits, stay."""
        choice = self._chooser.highlighted
        if choice is not None:
            self.take(choice.value)

    def take(self, value: T) -> None:
        """Leave with what taking a value gives; a picker that stays open does something with it."""
        self.leave(self.result(value))
