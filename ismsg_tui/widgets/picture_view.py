"""A picture below what is known of its file."""

from __future__ import annotations

import asyncio
from pathlib import Path

from textual import work
from textual.color import Color
from textual.content import Content
from textual.style import Style
from textual.widget import Widget
from textual.widgets import Static

from ismsg_tui.pictures import HALF, Cell, Colour, PictureError, half_blocks

FRAME = 4
"""Columns of a preview that are its border, its padding and its scrollbar."""


class PictureView(Static):
    """Shows one picture as half blocks, or a dim line that says why not; nothing where colours are unwanted."""

    DEFAULT_CSS = """
    PictureView { height: auto; margin-top: 1; text-wrap: wrap; }
    """

    def __init__(self) -> None:
        super().__init__(markup=False)
        self._drawn: tuple[Path | None, int, int] = (None, 0, 0)

    def show(self, path: Path | None) -> None:
        """Show the picture in a file, or nothing."""
        if self.app.no_color or self._drawn == (path, *self._room):
            return
        self._drawn = (path, *self._room)
        self.workers.cancel_group(self, "picture")
        self.update("")
        if path is not None and min(self._room) > 0:
            self._draw(path, *self._room)

    def on_resize(self) -> None:
        """Draw it again where there is another room for it now."""
        self.show(self._drawn[0])

    @property
    def _room(self) -> tuple[int, int]:
        """Columns and rows; the same with a scrollbar and without, so that neither brings about the other."""
        frame = self.parent
        if not isinstance(frame, Widget):
            return 0, 0
        return max(frame.outer_size.width - FRAME, 0), frame.outer_size.height * 2 // 3

    @work(group="picture", exclusive=True, description="show a picture")
    async def _draw(self, path: Path, columns: int, rows: int) -> None:
        try:
            lines = await asyncio.to_thread(half_blocks, path, columns, rows, self.background_colors[1].rgb)
        except PictureError as error:
            self.update(Content.styled(str(error), "dim"))
        else:
            self.update(Content("\n").join(_line(cells) for cells in lines))


def _line(cells: list[Cell]) -> Content:
    return Content.assemble(*((HALF, _style(*cell)) for cell in cells))


def _style(upper: Colour, lower: Colour) -> Style:
    return Style(foreground=Color(*upper), background=Color(*lower))
