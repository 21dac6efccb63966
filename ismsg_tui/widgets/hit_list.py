"""Messages that a search found, those of one contact together, what was looked for marked in them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment

from ismsg_tui import times
from ismsg_tui.clock import now_ms
from ismsg_tui.domain.entities import MessageKind
from ismsg_tui.domain.search_text import find_spans
from ismsg_tui.store.search import Hit
from ismsg_tui.widgets.line_list import LineList
from ismsg_tui.widgets.segments import fit, fitted, segment, shown_line, wrapped

_BEFORE = 24
"""How many characters are shown before the first match of a long message."""

_SIGNS = {MessageKind.OUTGOING: "→ ", MessageKind.COMMENT: "✎ "}
"""What stands before the words of those who work here, as in the list of contacts."""
_COLUMN = 20
"""Cells for what stands before a tab in the words of an empty list, where they are told in two columns."""


class HitList(LineList):
    """Two lines a hit: the contact where it changes, the message below."""

    ROW_HEIGHT: ClassVar[int] = 2
    COMPONENT_CLASSES: ClassVar[set[str]] = {"list--cursor", "list--dim", "list--found", "list--name"}
    DEFAULT_CSS = """
    HitList {
        height: 1fr;
        background: $surface;
        scrollbar-size-vertical: 1;
        overflow-x: hidden;
        & .list--cursor { background: $block-cursor-background; color: $block-cursor-foreground; }
        & .list--dim { color: $text-muted; }
        & .list--name { color: $text-primary; text-style: bold; }
        & .list--found { color: $text-warning; text-style: bold underline; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self.hits: Sequence[Hit] = ()
        self.words = ""
        self.empty_words = ""

    @property
    def row_count(self) -> int:
        """How many hits there are."""
        return len(self.hits)

    @property
    def highlighted(self) -> Hit | None:
        """The hit under the cursor."""
        return self.hits[self.cursor] if self.cursor < len(self.hits) else None

    def show_hits(self, hits: Sequence[Hit], words: str, at: str = "") -> None:
        """Show what was found, the cursor on the message `at`; contacts stand in the order of their newest hit."""
        order = {contact_id: place for place, contact_id in enumerate(dict.fromkeys(hit.contact_id for hit in hits))}
        self.hits = sorted(hits, key=lambda hit: (order[hit.contact_id], -hit.at))
        self.words = words
        self.cursor = next((index for index, hit in enumerate(self.hits) if hit.message_id == at), 0)
        self.scroll_to(y=0, animate=False, force=True)
        self.refresh_rows()
        self.keep_cursor_visible()

    def empty_lines(self, width: int) -> list[list[Segment]]:
        """Say what can be searched for, or that nothing was found."""
        style = self.style_of("list--dim")
        lines: list[str] = []
        for line in self.empty_words.split("\n"):
            name, tab, meaning = line.partition("\t")
            column = min(_COLUMN, width // 3 + 2) if tab else 0
            folded = wrapped(meaning if tab else line, max(1, width - 3 - column))
            labels = [name] if tab else []
            lines += [f"{label:<{column}}{part}" for label, part in zip_longest(labels, folded, fillvalue="")]
        return [[Segment("  " + line, style)] for line in lines]

    def row_lines(self, index: int, width: int, *, selected: bool) -> list[list[Segment]]:
        """Who and when above, the message below."""
        hit = self.hits[index]
        base = ("list--cursor",) if selected else ()
        plain = self.style_of(*base)
        again = index > 0 and self.hits[index - 1].contact_id == hit.contact_id
        at = f" {times.moment(hit.at, times.local(now_ms()).date())} "
        mark = "▌ " if selected else "  "
        name = fitted("" if again else hit.contact, width - cell_len(at) - 2, self.style_of(*base, "list--name"))
        return [
            [Segment(mark, plain), name, Segment(at, self.style_of(*base, "list--dim"))],
            [Segment("    ", plain), *self._text(hit, width - 5, base)],
        ]

    def _text(self, hit: Hit, width: int, base: tuple[str, ...]) -> list[Segment]:
        line = shown_line(hit.words, 2_000)
        spans = find_spans(line, self.words) if self.words else []
        if spans and spans[0][0] > width - 12:
            line = "…" + line[max(0, spans[0][0] - _BEFORE) :]
            spans = find_spans(line, self.words)
        sign = _SIGNS.get(hit.kind, "")
        line = fit(line, width - cell_len(sign))
        plain, found = self.style_of(*base), self.style_of(*base, "list--found")
        parts, done = [Segment(sign, self.style_of(*base, "list--dim"))], 0
        for start, end in spans:
            if end > len(line):
                break
            parts += [segment(line[done:start], plain), segment(line[start:end], found)]
            done = end
        return [*parts, segment(line[done:], plain)]
