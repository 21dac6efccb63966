"""A field to type into and the choices that fit: the keys stay in the field while the cursor moves in the list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Generic, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.events import Key
from textual.message import Message
from textual.widgets import Input, Static

from ismsg_tui.domain.matching import Forms, Query
from ismsg_tui.domain.search_text import search_form
from ismsg_tui.domain.text import one_line
from ismsg_tui.widgets.choice_list import Choice, ChoiceList
from ismsg_tui.widgets.text_fields import PlainInput

T = TypeVar("T")


class _Filter(PlainInput):
    """The field of a chooser; where choices are numbered, a digit in the empty field is no text."""

    class Digit(Message):
        """A digit was typed that means a choice."""

        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

    numbered = False

    def on_key(self, event: Key) -> None:
        """Tell digits from text."""
        if self.numbered and not self.value and event.character and event.character in "123456789":
            event.stop()
            event.prevent_default()
            self.post_message(self.Digit(int(event.character)))


class Chooser(Vertical, Generic[T]):
    """Type to filter, arrows to move, Enter or a click to take; digits take at once where choices are numbered."""

    DEFAULT_CSS = """
    Chooser {
        height: 1fr;
        & > Horizontal { height: 1; }
        & > Horizontal > Static { width: 2; color: $text-muted; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,ctrl+n", "move(1)", "Down", show=False),
        Binding("up,ctrl+p", "move(-1)", "Up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
    ]

    class Moved(Message):
        """The cursor is on another choice, or on none; see `highlighted`."""

    class Taken(Message):
        """The choice under the cursor was taken; see `highlighted`, which is None where nothing fits."""

    def __init__(
        self,
        choices: Sequence[Choice[T]],
        *,
        placeholder: str = "Type to filter",
        what: str = "choice",
        numbered: bool = False,
        cursor: int = 0,
        search: Callable[[str], Sequence[Choice[T]]] | None = None,
    ) -> None:
        """`what` names one choice in "No … fits"; `search` finds choices in another way than by filtering them."""
        super().__init__()
        self.choices = choices
        self._placeholder, self._what, self._numbered, self._cursor = placeholder, what, numbered, cursor
        self._search = search
        self._forms: list[Forms] | None = None

    def compose(self) -> ComposeResult:
        """The field above the list."""
        with Horizontal():
            yield Static("› ", markup=False)
            field = _Filter(placeholder=self._placeholder)
            field.numbered = self._numbered
            yield field
        yield ChoiceList[T](numbered=self._numbered)

    @property
    def input(self) -> PlainInput:
        """The field."""
        return self.query_one(PlainInput)

    @property
    def rows(self) -> ChoiceList[T]:
        """The list."""
        return self.query_one(ChoiceList)

    @property
    def highlighted(self) -> Choice[T] | None:
        """The choice under the cursor."""
        return self.rows.highlighted

    def on_mount(self) -> None:
        """Show everything; the list needs no focus of its own."""
        self.rows.can_focus = False
        self.rows.empty_words = f"There is no {self._what} yet."
        self.rows.show_choices(self.choices, cursor=self._cursor)

    def _fitting(self, text: str) -> Sequence[Choice[T]]:
        """The choices that fit, the best first; all in their order if nothing was typed."""
        if self._search is not None:
            return self._search(text)
        query = Query(text)
        if not query:
            return self.choices
        if self._forms is None:
            self._forms = [forms_of(choice) for choice in self.choices]
        return [self.choices[index] for index in query.rank(self._forms)]

    def renew(self, choices: Sequence[Choice[T]]) -> None:
        """Show the same things as they are now, the cursor staying where it is."""
        self.choices, self._forms = choices, None
        self.rows.choices = self._fitting(self.input.value)
        self.rows.refresh_rows()
        self.post_message(self.Moved())

    def on_descendant_focus(self) -> None:
        """Show that keys move the cursor here."""
        self.rows.set_active(True)

    def on_descendant_blur(self) -> None:
        """Show that keys go elsewhere."""
        self.rows.set_active(False)

    @on(Input.Changed)
    def _filter(self, event: Input.Changed) -> None:
        event.stop()
        query = Query(event.value)
        if self.choices or self._search:
            self.rows.empty_words = f"No {self._what} fits “{one_line(event.value, 40)}”. Esc goes back."
        blank = not query and self._search is None
        self.rows.show_choices(self._fitting(event.value), query, cursor=self._cursor if blank else 0)
        self.post_message(self.Moved())

    @on(Input.Submitted)
    def _submit(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Taken())

    @on(ChoiceList.Taken)
    def _click(self, event: ChoiceList.Taken) -> None:
        event.stop()
        self.post_message(self.Taken())

    @on(ChoiceList.Highlighted)
    def _highlight(self, event: ChoiceList.Highlighted) -> None:
        event.stop()
        self.post_message(self.Moved())

    @on(_Filter.Digit)
    def _number(self, event: _Filter.Digit) -> None:
        event.stop()
        self.take_number(event.number)

    def take_number(self, number: int) -> None:
        """Take the choice of a number, from 1 on; nothing happens if there is none."""
        if number <= self.rows.row_count:
            self.rows.move_to(number - 1)
            self.post_message(self.Taken())

    def keep(self) -> None:
        """Tick the choice under the cursor and show all again, for a list that stays after a choice."""
        kept = self.highlighted
        self._cursor = self.choices.index(kept) if kept in self.choices else 0
        self.input.value = ""
        self.rows.chosen = kept
        self.rows.show_choices(self.choices, cursor=self._cursor)

    def action_move(self, step: int) -> None:
        """Move the cursor by some rows."""
        self.rows.move_to(self.rows.cursor + step)

    def action_page(self, step: int) -> None:
        """Move the cursor by some pages."""
        self.rows.move_to(self.rows.cursor + step * self.rows.page_rows)


def forms_of(choice: Choice[T]) -> Forms:
    """A choice as `Query.rank` compares it."""
    body = choice.body or choice.detail
    return [search_form(choice.label)], search_form(f"{choice.note} {body}")
