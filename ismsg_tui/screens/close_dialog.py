"""The closing note: a category and a summary, as much of it as the workspace asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static, TextArea

from ismsg_tui.actions import key_label
from ismsg_tui.domain.entities import Category, ClosingNotes
from ismsg_tui.domain.rules import CATEGORY_LIMIT, SUMMARY_LIMIT
from ismsg_tui.domain.text import clean, one_line
from ismsg_tui.domain.words import NAME_LIMIT
from ismsg_tui.screens.dialog import Dialog
from ismsg_tui.widgets.choice_list import Choice
from ismsg_tui.widgets.chooser import Chooser
from ismsg_tui.widgets.key_line import Key
from ismsg_tui.widgets.text_fields import PlainArea

_ASKED = {
    ClosingNotes.OPTIONAL: "Category and summary may stay empty.",
    ClosingNotes.CATEGORY: "A category is needed; the summary may stay empty.",
    ClosingNotes.FULL: "Category and summary are needed.",
    ClosingNotes.OFF: "",
}
_NONE = Choice("", "No category")


@dataclass(frozen=True, slots=True)
class ClosingNote:
    """What the agent said about a conversation; either part may be empty where the workspace allows it."""

    category: str
    summary: str


class _Summary(PlainArea):
    """The summary: Enter is the dialog's, not a new line."""

    TALLEST: ClassVar[int] = 5


class CloseDialog(Dialog[ClosingNote]):
    """First the category, by number or by typing, then the summary; Enter goes on and, in the summary, closes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "go_on", "Go on", show=False, priority=True),
        Binding("ctrl+j,shift+enter", "newline", "New line", show=False, priority=True),
        Binding("tab,shift+tab", "switch", "Category or summary", show=False, priority=True),
    ]
    DEFAULT_CSS = """
    CloseDialog {
        & > Vertical { max-width: 84; }
        & #asked { color: $text-muted; }
        & Chooser { height: auto; & ChoiceList { height: auto; max-height: 9; } }
        & #note-label { height: 1; color: $text-muted; }
        & #note-label.-wrong { color: $text-warning; text-style: bold; }
        & _Summary { padding: 0 1; background: $panel; }
        &.-high #asked, &.-high Chooser, &.-high _Summary { margin-bottom: 1; }
        &.-low #asked { display: none; }
        &.-low Chooser ChoiceList { max-height: 1; }
    }
    """
