"""Choosing a stored reply, with a look at what it will say to this contact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.content import Content

from ismsg_tui.domain.entities import Snippet
from ismsg_tui.domain.snippets import Filled, fill
from ismsg_tui.domain.text import clean, file_name, one_line
from ismsg_tui.screens.picker import Picker
from ismsg_tui.widgets.attachments import file_words
from ismsg_tui.widgets.choice_list import Choice
from ismsg_tui.widgets.segments import MUTED, shown, shown_line


@dataclass(frozen=True, slots=True)
class ChosenSnippet:
    """The snippet that was taken and its text with the variables replaced."""

    snippet: Snippet
    filled: Filled


class SnippetPicker(Picker[Snippet, ChosenSnippet]):
    """Snippets in the given order; the preview marks variables that have no value."""

    HAS_PREVIEW: ClassVar[bool] = True

    def __init__(self, snippets: Sequence[Snippet], values: Mapping[str, str]) -> None:
        """`values` is what `domain.snippets.values_for` gives for the contact."""
        super().__init__("Snippets", [_choice(snippet) for snippet in snippets], take="Insert", what="snippet")
        self._values = {name: clean(value) for name, value in values.items()}

    def result(self, value: Snippet) -> ChosenSnippet:
        """The snippet with its text filled in."""
        return ChosenSnippet(value, fill(clean(value.text), self._values))

    def preview(self, value: Snippet) -> Content:
        """The text as it will be inserted, above it what it lacks, below it the files that go with it."""
        files = "\n".join(f"[{file_words(file)}]" for file in value.attachments)
        gap = "\n\n" if value.text and files else ""
        return Content.assemble(self._text(value), gap, (files, MUTED))

    def _text(self, value: Snippet) -> Content:
        filled = self.result(value).filled
        parts: list[tuple[str, str]] = []
        done = 0
        for blank in filled.blanks:
            parts.append((shown(filled.text[done : blank.start]), ""))
            parts.append((shown(filled.text[blank.start : blank.end]), "reverse $text-warning"))
            done = blank.end
        text = Content.assemble(*parts, shown(filled.text[done:]))
        if not filled.missing:
            return text
        names = shown_line(", ".join(filled.missing), 300)
        return Content.assemble((f"To fill in, Tab goes there: {names}.\n\n", "$text-warning"), text)


def _choice(snippet: Snippet) -> Choice[Snippet]:
    names = " ".join(file_name(file.name) for file in snippet.attachments)
    line = one_line(snippet.text) or names
    text = f"{clean(snippet.text)} {names}"
    return Choice(snippet, one_line(snippet.name, 128), one_line(snippet.topic, 40), line, text)
