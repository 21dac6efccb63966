"""Completing `:emoji` and `@teammate` while typing: what fits the word at the cursor, and the list that shows it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from textual.content import Content
from textual.document._document import Location
from textual.events import Click
from textual.geometry import Offset
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from ismsg_tui.domain.entities import User
from ismsg_tui.domain.matching import INSIDE, WORD_STARTS, Query
from ismsg_tui.domain.search_text import search_form
from ismsg_tui.domain.text import one_line
from ismsg_tui.domain.words import NAME_LIMIT
from ismsg_tui.widgets import emojis
from ismsg_tui.widgets.segments import emoji_in_words, fit, style_of

ROWS = 6
"""The most suggestions to show."""

_EMOJI = re.compile(r"(?<![\w:/]):([^\W_][\w+'’-]+)\Z")
_EMOJI_DONE = re.compile(r"(?<![\w:/]):([\w+-][\w+'’-]*)\Z")
_MENTION = re.compile(r"(?<![\w@])@(\w[\w'’-]*(?: [\w'’-]+)?)\Z")


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One way to go on."""

    text: str
    """What takes the place of the word."""
    words: str
    """How it is shown."""


@dataclass(frozen=True, slots=True)
class Suggestions:
    """What fits the word before the cursor."""

    start: int
    """Where the word begins in its line, with its `:` or `@`."""
    entries: tuple[Suggestion, ...]


def suggest(before: str, users: Sequence[User]) -> Suggestions | None:
    """The suggestions for the end of `before`, the line up to the cursor; None if there are none.

    Teammates are suggested where `users` are given, which is in comments.
    """
    mention = _MENTION.search(before) if users else None
    if mention:
        entries = _teammates(mention[1], users)
        return Suggestions(mention.start(), entries) if entries else None
    name = _EMOJI.search(before)
    if name:
        found = emojis.search(name[1], ROWS, worst=INSIDE)
        picture = "" if emoji_in_words() else "{} "
        entries = tuple(Suggestion(item.char, f"{picture.format(item.char)}:{item.name}:") for item in found)
        return Suggestions(name.start(), entries) if entries else None
    return None


def finished_emoji(before: str) -> Suggestions | None:
    """The emoji whose exact name stands at the end of `before`, its closing colon about to be typed."""
    name = _EMOJI_DONE.search(before)
    char = emojis.named(name[1]) if name else None
    return Suggestions(name.start(), (Suggestion(char, char),)) if name and char else None


def _teammates(typed: str, users: Sequence[User]) -> tuple[Suggestion, ...]:
    active = sorted((user for user in users if user.active), key=lambda user: user.name.casefold())
    query = Query(typed)
    if not query:
        return ()
    ranked = query.rank((([search_form(user.name)], "") for user in active), worst=WORD_STARTS)
    names = [one_line(active[index].name, NAME_LIMIT) for index in ranked[:ROWS]]
    if any(typed.startswith(f"{name} ") for name in names):
        return ()
    # A name that is written out needs no suggestion, and Enter behind it is to send.
    return tuple(Suggestion(f"@{name} ", f"@{name}") for name in names if name and name.casefold() != typed.casefold())


class CompletionList(Widget):
    """The suggestions, directly above the word; the marked one is taken."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {"completion--cursor"}
    DEFAULT_CSS = """
    CompletionList {
        overlay: screen;
        display: none;
        background: $panel;
        color: $foreground;
        & .completion--cursor {
            background: $block-cursor-background;
            color: $block-cursor-foreground;
            text-style: bold;
        }
        &:nocolor .completion--cursor { text-style: reverse; }
    }
    """

    suggestions: reactive[Suggestions | None] = reactive(None)
    index: reactive[int] = reactive(0)

    class Clicked(Message):
        """A suggestion was clicked, which is the marked one now."""

    def __init__(self) -> None:
        super().__init__()
        self._at: Location | None = None
        """Where the cursor is when the suggestions fit."""
        self._dismissed: Location | None = None
        """Where the word begins for which nothing is to be suggested any more."""

    def look(self, before: str, at: Location, users: Sequence[User]) -> None:
        """Show what fits the end of `before`, the line up to the cursor, the first one marked; or hide the list."""
        found = suggest(before, users)
        if found is None:
            self._dismissed = None
        elif self._dismissed == (at[0], found.start):
            found = None
        self.suggestions, self.index, self._at = found, 0, at
        self.display = found is not None

    def close(self, *, dismissed: bool = False) -> None:
        """Hide the list; once dismissed it stays hidden for this word."""
        if dismissed and self.suggestions is not None and self._at is not None:
            self._dismissed = (self._at[0], self.suggestions.start)
        self.suggestions, self.index, self._at = None, 0, None
        self.display = False

    def open_at(self, cursor: Location) -> bool:
        """Whether there are suggestions, and for what stands before this place."""
        return self.suggestions is not None and self._at == cursor

    @property
    def marked(self) -> Suggestion | None:
        """The suggestion to take; None while the list is hidden."""
        return self.suggestions.entries[self.index] if self.suggestions else None

    def move(self, step: int) -> None:
        """Mark another suggestion, going round."""
        if self.suggestions:
            self.index = (self.index + step) % len(self.suggestions.entries)

    def place(self, word: Offset) -> None:
        """Lie above the place on screen where the word begins, or below it where there is no room."""
        if self.suggestions is None:
            return
        screen = self.app.size
        widest = max(cell_len(entry.words) for entry in self.suggestions.entries)
        width, height = min(widest + 4, screen.width), len(self.suggestions.entries)
        y = word.y - height if word.y >= height else word.y + 1
        x = max(0, min(word.x - 2, screen.width - width))
        self.styles.width, self.styles.height = width, height
        self.absolute_offset = Offset(x, y)
        self.refresh(layout=True)

    def render(self) -> Content:
        """One line a suggestion; a bar marks without colour."""
        entries = self.suggestions.entries if self.suggestions else ()
        marked = style_of(self, "completion--cursor")
        lines = [
            Content.styled(f"▌ {fit(entry.words, self.size.width - 3)} ", marked)
            if index == self.index
            else Content(f"  {fit(entry.words, self.size.width - 3)} ")
            for index, entry in enumerate(entries)
        ]
        return Content("\n").join(lines)

    def on_click(self, event: Click) -> None:
        """Take a suggestion."""
        event.stop()
        if self.suggestions and 0 <= event.y < len(self.suggestions.entries):
            self.index = event.y
            self.post_message(self.Clicked())
