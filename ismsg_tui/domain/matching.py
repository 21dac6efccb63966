"""Finding a choice by a few typed letters: how well a text fits, and which of its letters did.

Case and accents make no difference, and every script is found, because everything is compared in the search form of
`domain.text`. Pure functions, quick enough to run over thousands of texts at every key.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ismsg_tui.domain.search_text import find_spans, search_form

EXACT, START, WORD_STARTS, INSIDE, ELSEWHERE, LETTERS = range(6)
"""Grades of a fit, the best first: the whole name, its beginning, beginnings of its words, anywhere in it, somewhere in
what belongs to it, and at last the typed letters in their order with others between."""

Forms = tuple[Sequence[str], str]
"""A thing's names and its other text, all in their search form."""


class Query:
    """What somebody typed to find something."""

    def __init__(self, text: str) -> None:
        self.text = text.strip()
        self._form = search_form(text).strip()
        self._words = self._form.split()

    def __bool__(self) -> bool:
        """Whether there is anything to look for."""
        return bool(self._words)

    def rank(self, things: Iterable[Forms], *, worst: int = LETTERS) -> list[int]:
        """The indexes of the things that fit no worse than a grade, the best first, else in the given order.

        Those that only have the letters in their order count where nothing fits better.
        """
        graded: list[tuple[int, int]] = []
        for index, (names, body) in enumerate(things):
            grades = [grade for name in names if (grade := self._grade(name, body)) is not None]
            if grades and min(grades) <= worst:
                graded.append((min(grades), index))
        graded.sort()
        good = [index for grade, index in graded if grade < LETTERS]
        return good or [index for _, index in graded]

    def _grade(self, name: str, body: str) -> int | None:
        if name == f" {self._form} ":
            return EXACT
        if name.startswith(f" {self._form}"):
            return START
        if all(f" {word}" in name for word in self._words):
            return WORD_STARTS
        if all(word in name for word in self._words):
            return INSIDE
        if body and all(word in name or word in body for word in self._words):
            return ELSEWHERE
        if len(self._words) == 1 and _in_order(self._form, name) is not None:
            return LETTERS
        return None

    def spans(self, name: str) -> list[tuple[int, int]]:
        """Where a name, as shown, has what was typed: (start, end) in characters, sorted, not overlapping."""
        if not self:
            return []
        found = find_spans(name, self.text)
        if found or len(self._words) > 1:
            return found
        places = _in_order(self.text.casefold(), name.casefold()) if len(name.casefold()) == len(name) else None
        return [(place, place + 1) for place in places or []]


def _in_order(letters: str, text: str) -> list[int] | None:
    """The first places at which `text` has the letters one after the other; fewer than three letters fit too much."""
    if len(letters) < 3:
        return None
    places: list[int] = []
    start = 0
    for letter in letters:
        place = text.find(letter, start)
        if place < 0:
            return None
        places.append(place)
        start = place + 1
    return places
