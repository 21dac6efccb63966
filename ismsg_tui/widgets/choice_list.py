"""A list of things to choose from, one line each, with what was typed marked in their names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.events import Click
from textual.message import Message

from ismsg_tui.domain.matching import Query
from ismsg_tui.widgets.line_list import LineList
from ismsg_tui.widgets.segments import fit, fitted, shown_line, wrapped

T = TypeVar("T")

_LABEL_SHARE = 0.45
_NOTE_SHARE = 0.25
_LEAST_DETAIL = 20
_LEAST_NOTE = 3


@dataclass(frozen=True, slots=True)
class Choice(Generic[T]):
    """One thing to choose."""

    value: T
    label: str
    note: str = ""
    """A short second column: a topic, a team, a time."""
    detail: str = ""
    """The rest of the line."""
    body: str = ""
    """Text in which a search looks beside label and note; what is shown is searched anyway."""
    mark: str = ""
    """A word at the end of the line, such as "now"."""


class ChoiceList(LineList, Generic[T]):
    """The choices that are shown, the cursor on one of them; a click takes one."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"list--cursor", "list--dim", "list--key", "list--empty"}
    DEFAULT_CSS = """
    ChoiceList {
        height: 1fr;
        background: $surface;
        scrollbar-size-vertical: 1;
        scrollbar-background: $surface;
        overflow-x: hidden;
        & .list--cursor { background: $block-cursor-background; color: $block-cursor-foreground; text-style: bold; }
        &.-inactive .list--cursor { background: $panel; color: $foreground; text-style: none; }
        & .list--dim { color: $text-muted; }
        & .list--key { color: $footer-key-foreground; text-style: bold; }
        & .list--empty { color: $text-muted; }
    }
    """

    class Taken(Message):
        """A row was clicked, after the cursor was put on it."""

    def __init__(self, *, numbered: bool = False, id: str | None = None) -> None:
        super().__init__(id=id)
        self.choices: Sequence[Choice[T]] = ()
        self.query_text = Query("")
        self.numbered = numbered
        self.chosen: Choice[T] | None = None
        """The choice that was made before, marked with a tick."""
        self.ticked: set[T] = set()
        """What is marked to be taken together."""
        self.empty_words = ""
        self._columns = (0, 0)

    @property
    def row_count(self) -> int:
        """How many choices are shown."""
        return len(self.choices)

    @property
    def highlighted(self) -> Choice[T] | None:
        """The choice under the cursor."""
        return self.choices[self.cursor] if self.cursor < len(self.choices) else None

    def show_choices(self, choices: Sequence[Choice[T]], query: Query | None = None, cursor: int = 0) -> None:
        """Show other choices, the cursor on one of them, and mark in them what was typed."""
        self.choices, self.query_text, self.cursor = choices, query or Query(""), cursor
        labels = max((cell_len(shown_line(choice.label, 80)) for choice in choices[:500]), default=0)
        notes = max((cell_len(shown_line(choice.note, 40)) for choice in choices[:500]), default=0)
        self._columns = (labels, notes)
        self.scroll_to(y=0, animate=False, force=True)
        self.refresh_rows()
        self.keep_cursor_visible()

    def set_active(self, active: bool) -> None:
        """Show whether the keys move this list's cursor."""
        self.set_class(not active, "-inactive")

    def on_focus(self) -> None:
        """Show the cursor as the one that keys move."""
        self.set_active(True)

    def on_blur(self) -> None:
        """Show that keys go elsewhere."""
        self.set_active(False)

    def mark_chosen(self, choice: Choice[T] | None) -> None:
        """Tick a choice."""
        self.chosen = choice
        self.refresh_rows()

    def empty_lines(self, width: int) -> list[list[Segment]]:
        """Say that nothing fits."""
        style = self.style_of("list--empty")
        return [[Segment("  " + line, style)] for line in wrapped(self.empty_words, max(1, width - 3))]

    def row_lines(self, index: int, width: int, *, selected: bool) -> list[list[Segment]]:
        """The label, the note and the detail in columns; marks say without colour what is chosen and where we are."""
        choice = self.choices[index]
        base = self.style_of("list--cursor") if selected else self.style_of()
        dim = base + Style(bold=False) if selected else self.style_of("list--dim")
        tick = "✓" if choice is self.chosen or (self.ticked and choice.value in self.ticked) else " "
        ticks = self.chosen is not None or bool(self.ticked)
        line = [
            Segment(
                ("▌" if selected and not self.has_class("-inactive") else " ") + (f"{tick} " if ticks else " "),
                base,
            )
        ]
        if self.numbered:
            key = base if selected else self.style_of("list--key")
            line.append(Segment(f"{index + 1}  " if index < 9 else "   ", key))
        mark = f" {shown_line(choice.mark, 12)} " if choice.mark else " "
        room = width - sum(cell_len(part.text) for part in line) - cell_len(mark)
        labels, notes, details = self._widths(room)
        line += self._label(choice.label, labels, base)
        if notes:
            line += [Segment("  ", base), fitted(choice.note, notes, dim)]
        if details:
            line += [Segment("  ", base), fitted(choice.detail, details, dim)]
        used = labels + sum(size + 2 for size in (notes, details) if size)
        line.append(Segment(" " * (room - used), base))
        return [[*line, Segment(mark, base)]]

    def _widths(self, room: int) -> tuple[int, int, int]:
        """How many cells label, note and detail get; a column that would say too little is left out."""
        labels, notes = self._columns
        detail = any(choice.detail for choice in self.choices[:50])
        beside = min(labels, int(room * _LABEL_SHARE)) + (min(notes, int(room * _NOTE_SHARE)) + 2 if notes else 0)
        if detail and room - beside - 2 >= _LEAST_DETAIL:
            labels, notes = min(labels, int(room * _LABEL_SHARE)), min(notes, int(room * _NOTE_SHARE))
            return labels, notes, room - labels - (notes + 2 if notes else 0) - 2
        notes = min(notes, max(room // 3, room - labels - 2))
        if notes < _LEAST_NOTE:
            return room, 0, 0
        return min(labels, room - notes - 2), notes, 0

    def _label(self, label: str, width: int, base: Style) -> list[Segment]:
        text = fit(label, width)
        parts: list[Segment] = []
        done = 0
        match = Style(underline=True, bold=True)
        for start, end in self.query_text.spans(text.rstrip()):
            parts += [Segment(text[done:start], base), Segment(text[start:end], base + match)]
            done = end
        return [*parts, Segment(text[done:], base)]

    def on_click(self, event: Click) -> None:
        """Take the row that was clicked."""
        event.prevent_default()  # in a list of contacts one click only moves
        row = self.row_under(event)
        if row is not None:
            self.move_to(row)
            self.post_message(self.Taken())
