"""The part of a conversation that is held: consecutive lines, laid out one below the other."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Container
from itertools import accumulate
from typing import Protocol

from ismsg_tui.store.timeline import Line, Place
from ismsg_tui.widgets.timeline_entries import Row, Surroundings, lay_out

PAGE = 40
KEPT = 400
"""How many lines are held at most; the far end is dropped beyond it and fetched again when needed."""

_Laid = tuple[Line | None, Line, Line | None, list[Row]]
"""A line with its neighbours, and the rows that it takes between them."""


class LineSource(Protocol):
    """Where the lines come from; fast enough to be called while scrolling."""

    def lines(self, *, before: Place | None = None, after: Place | None = None, limit: int = PAGE) -> list[Line]:
        """The newest lines, or those before or after a place, in order of time."""
        ...


class LineWindow:
    """Lines of a conversation and the rows that they take at a width; it grows at its ends. Empty without a source."""

    def __init__(self, source: LineSource | None, around: Surroundings | None, width: int) -> None:
        self.source, self.around, self.width = source, around, width
        self.lines: list[Line] = []
        self.tops: list[int] = [0]
        """On which row each line begins, and at the end how many rows there are."""
        self.at_start = self.at_end = True
        """Whether the first line that is held is the oldest there is, and the last the newest."""
        self._laid: dict[str, _Laid] = {}

    # What is held

    def load_newest(self, height: int) -> None:
        """Hold the newest lines, as many as fill a height and a page more."""
        self.lines = self.source.lines(limit=PAGE) if self.source else []
        self.at_start, self.at_end = len(self.lines) < PAGE, True
        self._measure()
        self.fill(height)

    def load_oldest(self) -> None:
        """Hold the very first lines."""
        self.lines = self.source.lines(after=(0, ""), limit=PAGE) if self.source else []
        self.at_start, self.at_end = True, len(self.lines) < PAGE
        self._measure()

    def load_at(self, place: Place) -> int:
        """Hold the lines before and after a place; returns the row on which the one at that place begins."""
        before = self.source.lines(before=place, limit=PAGE) if self.source else []
        after = self.source.lines(after=(place[0], place[1][:-1]), limit=PAGE) if self.source else []
        self.lines = before + [line for line in after if line.place >= place]
        self.at_start, self.at_end = len(before) < PAGE, len(after) < PAGE
        self._measure()
        return self.tops[max(0, min(len(before), len(self.lines) - 1))]

    def fill(self, height: int) -> None:
        """Load older lines until there is a page more than fills a height, or the beginning is reached."""
        while not self.at_start and self.tops[-1] < height + PAGE:
            self.load_older()

    def load_older(self) -> int:
        """Add a page above; returns by how many rows what was there moved down."""
        if self.source is None or self.at_start or not self.lines:
            return 0
        older = self.source.lines(before=self.lines[0].place, limit=PAGE)
        self.at_start = len(older) < PAGE
        if not older:
            return 0
        # What was first loses the day line that it had for want of a neighbour, so its end is what stays in place.
        end = self.tops[1]
        self.lines = older + self.lines
        if len(self.lines) > KEPT:
            self.lines, self.at_end = self.lines[:KEPT], False
        self._measure()
        return self.tops[len(older) + 1] - end

    def load_newer(self) -> bool:
        """Add a page below; returns whether there was anything to add."""
        if self.source is None or self.at_end or not self.lines:
            return False
        newer = self.source.lines(after=self.lines[-1].place, limit=PAGE)
        self.at_end = len(newer) < PAGE
        if not newer:
            return False
        self.lines += newer
        if len(self.lines) > KEPT:
            self.lines, self.at_start = self.lines[-KEPT:], False
        self._measure()
        return True

    def reread(self, around: Surroundings) -> bool:
        """Read the held lines anew; returns whether anything is other than it was."""
        if self.source is None:
            return False
        fresh = self.source.lines(limit=len(self.lines) + PAGE) if self.at_end else self._same_stretch(self.source)
        if self.lines and not self.at_start:
            fresh = [line for line in fresh if line.place >= self.lines[0].place]
        if fresh == self.lines and around == self.around:
            return False
        if around != self.around:
            self.around = around
            self._laid.clear()
        self.lines = fresh
        self._measure()
        return True

    def _same_stretch(self, source: LineSource) -> list[Line]:
        """The held lines as they are now, where they do not reach the newest."""
        if not self.lines:
            return []
        first, last = self.lines[0].place, self.lines[-1].place
        above = source.lines(before=first, limit=1)
        start = above[-1].place if above else (0, "")
        return [line for line in source.lines(after=start, limit=KEPT + PAGE) if line.place <= last]

    # Layout

    def fold(self, width: int) -> None:
        """Lay every line out for another width."""
        self.width = width
        self._laid.clear()
        self._measure()

    def files_changed(self, sha256s: Container[str] | None) -> list[int]:
        """Lay out anew the lines of these files, or of all files; returns which lines that are."""
        touched: list[int] = []
        for index, line in enumerate(self.lines):
            files = line.message.attachments
            if self.around is None or not any(sha256s is None or file.sha256 in sha256s for file in files):
                continue
            above, _, below, _ = self._laid[line.message.id]
            self._laid[line.message.id] = above, line, below, lay_out(line, above, below, self.around, self.width)
            touched.append(index)
        if touched:
            self._stack()
        return touched

    def _measure(self) -> None:
        """Lay out every line that is new or has other neighbours, and add up the heights."""
        if self.around is None:
            return
        neighbours: list[Line | None] = [None, *self.lines, None]
        laid: dict[str, _Laid] = {}
        for index, line in enumerate(self.lines):
            above, below = neighbours[index], neighbours[index + 2]
            known = self._laid.get(line.message.id)
            if known is None or known[:3] != (above, line, below):
                known = (above, line, below, lay_out(line, above, below, self.around, self.width))
            laid[line.message.id] = known
        self._laid = laid
        self._stack()

    def _stack(self) -> None:
        self.tops = [0, *accumulate(len(self.rows_of(line)) for line in self.lines)]

    # Where things are

    def rows_of(self, line: Line) -> list[Row]:
        """The rows that a line takes."""
        return self._laid[line.message.id][3]

    def index_of(self, message_id: str) -> int | None:
        """Which of the lines a message is; None if it is not held."""
        return next((index for index, line in enumerate(self.lines) if line.message.id == message_id), None)

    def at(self, row: int) -> tuple[int, int]:
        """The line on a row, which is the last one for any below, and how many of the rows from its top lie above."""
        index = min(bisect_right(self.tops, row) - 1, len(self.lines) - 1)
        return index, row - self.tops[index]
