"""The closing note: a category and a summary, as much of it as the workspace asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.events import DescendantFocus
from textual.events import Key as KeyEvent
from textual.message import Message
from textual.widgets import Input, Static, TextArea

from ismsg_tui.actions import action
from ismsg_tui.domain.conversation_rules import CATEGORY_LIMIT, SUMMARY_LIMIT
from ismsg_tui.domain.entities import Category, ClosingNotes
from ismsg_tui.domain.text import clean, one_line
from ismsg_tui.domain.words import NAME_LIMIT
from ismsg_tui.key_names import key_label
from ismsg_tui.screens.dialog import Dialog
from ismsg_tui.widgets.choice_list import Choice
from ismsg_tui.widgets.chooser import Chooser
from ismsg_tui.widgets.key_line import Key, KeyLine
from ismsg_tui.widgets.text_fields import PlainArea, PlainInput

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
    """The summary: Enter is done with it, and keys that make a new line in the composer make one here."""

    TALLEST: ClassVar[int] = 5

    class Done(Message):
        """The agent has written what there is to say."""

    def on_key(self, event: KeyEvent) -> None:
        """Tell being done from a new line."""
        newline = event.key in action("newline").keys.split(",")
        if newline or event.key == "enter":
            event.stop()
            event.prevent_default()
            if newline:
                self.insert("\n", maintain_selection_offset=False)
            else:
                self.post_message(self.Done())


class CloseDialog(Dialog[ClosingNote]):
    """First the category, by number or by typing, then the summary; Enter goes on and, in the summary, closes."""

    DEFAULT_CSS = """
    CloseDialog {
        & > Vertical { max-width: 84; }
        & #asked { color: $text-muted; }
        & #asked.-wrong { color: $text-warning; text-style: bold; }
        & Chooser { height: auto; }
        & ChoiceList { height: auto; max-height: 9; }
        & #count { width: 1fr; text-align: right; color: $text-muted; }
        & #summary-line { height: 1; }
        & #summary-line > .label { width: auto; color: $text-muted; }
        & #summary, & #category { padding: 0 1; background: $panel; }
        &.-high #asked, &.-high Chooser, &.-high #category, &.-high #summary { margin-bottom: 1; }
        &.-low #asked { display: none; }
        &.-low #asked.-wrong { display: block; }
        &.-low ChoiceList { max-height: 1; }
    }
    """

    def __init__(
        self,
        contact_name: str,
        categories: Sequence[Category],
        mode: ClosingNotes,
        then_next: bool = False,
        *,
        category: str = "",
        summary: str = "",
    ) -> None:
        """`then_next` says that the next waiting contact comes up afterwards; the last two are what was said before."""
        super().__init__(f"Close · {one_line(contact_name, NAME_LIMIT)}", ())
        self._mode, self._close_word = mode, "Close, next" if then_next else "Close"
        self._text = summary
        choices = [
            Choice(item.name, one_line(item.name, CATEGORY_LIMIT), detail=one_line(item.description))
            for item in categories
        ]
        self._needs_category = mode in (ClosingNotes.CATEGORY, ClosingNotes.FULL)
        if choices and not self._needs_category:
            choices.insert(0, _NONE)
        self._before = category
        cursor = next((index for index, choice in enumerate(choices) if choice.value == category), 0)
        self._chooser = Chooser[str](choices, what="category", numbered=True, cursor=cursor) if choices else None

    def body(self) -> ComposeResult:
        """What is asked for, the categories or a field for one, and the summary."""
        yield Static(_ASKED[self._mode], id="asked", markup=False)
        if self._chooser is not None:
            yield self._chooser
        else:
            yield PlainInput(self._before, placeholder="Category, in your own words", id="category")
        with Horizontal(id="summary-line"):
            yield Static("Summary", classes="label", markup=False)
            yield Static(id="count", markup=False)
        yield _Summary(self._text, placeholder="What it was about and how it ended", id="summary")

    def on_mount(self) -> None:
        """Start with the category."""
        self._count()
        self.set_focus(self._category_field)

    @property
    def _category_field(self) -> PlainInput:
        return self._chooser.input if self._chooser is not None else self.query_one("#category", PlainInput)

    @property
    def summary(self) -> str:
        """What was typed as the summary so far."""
        return clean(self.query_one("#summary", _Summary).text).strip()

    @property
    def category(self) -> str:
        """The category that was chosen or typed so far."""
        if self._chooser is None:
            return clean(self._category_field.value).strip()
        return self._chooser.rows.chosen.value if self._chooser.rows.chosen else ""

    @on(DescendantFocus)
    def _show_keys(self) -> None:
        in_summary = self.query_one("#summary").has_focus
        enter = Key(key_label("enter"), self._close_word if in_summary else "Choose", "go_on")
        newline = [Key(key_label(action("newline").keys.split(",")[0]), "New line", "")] if in_summary else []
        other = Key("Tab", "Category" if in_summary else "Summary", "app.focus_next")
        self.query_one(KeyLine).keys = (enter, other, *newline, Key(key_label("escape"), "Back", "cancel"))

    @on(Chooser.Taken)
    def _choose(self) -> None:
        if self._chooser is not None and self._chooser.highlighted is not None:
            self._chooser.keep()
            self._to_summary()

    @on(Input.Submitted, "#category")
    def _to_summary(self) -> None:
        self._say(_ASKED[self._mode])
        self.set_focus(self.query_one("#summary"))

    @on(TextArea.Changed)
    def _count(self) -> None:
        length = len(self.summary)
        over = length - SUMMARY_LIMIT
        words = f"{over:,} too long · " if over > 0 else ""
        self.query_one("#count", Static).update(f"{words}{length}/{SUMMARY_LIMIT}")

    @on(PlainArea.Refused)
    def _refuse(self, event: PlainArea.Refused) -> None:
        self._say(f"Not inserted: {event.length:,} characters; a summary takes {SUMMARY_LIMIT}.", wrong=True)

    def _say(self, words: str, *, wrong: bool = False) -> None:
        line = self.query_one("#asked", Static)
        line.update(words)
        line.set_class(wrong, "-wrong")

    async def action_go_on(self) -> None:
        """Take the category, or close."""
        if self.query_one("#summary").has_focus:
            self._close()
        else:
            await self._category_field.action_submit()

    @on(_Summary.Done)
    def _close(self) -> None:
        category, summary = self.category, self.summary
        if self._needs_category and not category:
            self._say("A category is needed: choose one.", wrong=True)
            self.set_focus(self._category_field)
        elif len(category) > CATEGORY_LIMIT:
            self._say(f"A category takes {CATEGORY_LIMIT} characters.", wrong=True)
            self.set_focus(self._category_field)
        elif len(summary) > SUMMARY_LIMIT:
            self._say(f"The summary is {len(summary) - SUMMARY_LIMIT:,} characters too long.", wrong=True)
        elif self._mode is ClosingNotes.FULL and not summary:
            self._say("A summary is needed: say what it was about.", wrong=True)
        else:
            self.leave(ClosingNote(category, summary))
