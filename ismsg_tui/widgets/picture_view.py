"""A picture below what is known of its file."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import ClassVar, Protocol, cast

from rich.console import Console
from textual import work
from textual.app import App
from textual.color import Color
from textual.content import Content
from textual.geometry import Region
from textual.strip import Strip
from textual.style import Style
from textual.widget import Widget
from textual.widgets import Static

from ismsg_tui.widgets.graphics import Graphics, Pixels, kitty_forget, kitty_picture, new_number, sixel_rows
from ismsg_tui.widgets.pictures import HALF, Cell, Colour, PictureError, half_blocks

FRAME = 4
"""Columns of a preview that are its border, its padding and its scrollbar."""


class DrawsPictures(Protocol):
    """The application, as far as pictures need it."""

    async def graphics(self) -> tuple[Graphics, Pixels | None]:
        """How pictures are drawn here, and the size of a cell, if that is known."""

    def to_terminal(self, sequence: str) -> None:
        """Write a raw sequence to the terminal, in its turn after what is painted."""


class SixelStrip(Strip):
    """Blank cells with a row of a picture over them.

    A strip that is cut because something lies before a part of it is only blank, so that no picture is ever drawn over
    anything else; what is drawn once is wiped out by whatever is painted there next.
    """

    def __init__(self, blank: Strip, sixels: str) -> None:
        super().__init__(list(blank), blank.cell_length)
        self._sixels = sixels

    def render(self, console: Console) -> str:
        """The blank cells, the picture from the first of them on, and the cursor behind the last."""
        return f"\x1b7{super().render(console)}\x1b8{self._sixels}\x1b8\x1b[{self.cell_length}C"

    def crop(self, start: int, end: int | None = None) -> Strip:
        """Where only the first cells are painted anew, the others are this strip's too: paint it all."""
        if start <= 0 and (end is None or end > 0):
            return self
        return super().crop(start, end)


class PictureView(Static):
    """Shows one picture as well as the terminal can, or a dim line that says why not.

    Nothing where colours or pictures are unwanted.
    """

    ALLOW_SELECT = False
    SCOPED_CSS: ClassVar[bool] = False
    DEFAULT_CSS = """
    PictureView { height: auto; margin-top: 1; text-wrap: wrap; }
    .-narrow #preview { layout: horizontal; }
    .-narrow #preview > #preview-text { width: 1fr; }
    .-narrow #preview > PictureView { width: 50%; margin: 0 0 0 1; }
    """

    def __init__(self) -> None:
        super().__init__(markup=False)
        self.display = False
        self._drawn: tuple[Path | None, int, int] = (None, 0, 0)
        self._number = 0
        """That of the picture which the terminal holds by the graphics of kitty, 0 if it holds none."""
        self._sixels: list[str] = []

    def on_mount(self) -> None:
        """Draw again what a terminal forgets while the console is suspended."""
        self.app.app_resume_signal.subscribe(self, lambda _: self._draw_again())

    def on_unmount(self) -> None:
        """Leave nothing behind in the terminal."""
        self._forget()

    def show(self, path: Path | None) -> None:
        """Show the picture in a file, or nothing."""
        if self.app.no_color or self._drawn == (path, *self._room):
            return
        self._drawn = (path, *self._room)
        self.display = path is not None
        self.workers.cancel_group(self, "picture")
        self._forget()
        self.update("")
        if path is not None and min(self._room) > 0:
            self._draw(path, self._room)

    def on_resize(self) -> None:
        """Draw it again where there is another room for it now."""
        self.show(self._drawn[0])

    def _draw_again(self) -> None:
        path, self._drawn = self._drawn[0], (None, 0, 0)
        self.show(path)

    @property
    def _artist(self) -> DrawsPictures:
        app: App[object] = self.app
        return cast(DrawsPictures, app)

    @property
    def _room(self) -> tuple[int, int]:
        """Columns and rows; the same with a scrollbar and without, so that neither brings about the other."""
        frame = self.parent
        if not isinstance(frame, Widget):
            return 0, 0
        columns, rows = frame.outer_size.width - FRAME, frame.outer_size.height
        if frame.layout.name == "horizontal":  # beside the words
            return max(columns // 2 - 1, 0), max(rows - 1, 0)
        return max(columns, 0), rows * 2 // 3

    @work(group="picture", exclusive=True, description="show a picture")
    async def _draw(self, path: Path, room: tuple[int, int]) -> None:
        way, cell = await self._artist.graphics()
        background = self.background_colors[1].rgb
        try:
            if way is Graphics.KITTY:
                number = new_number()
                sent, texts = await asyncio.to_thread(kitty_picture, path, number, room, background, cell, os.environ)
                if self._drawn != (path, *room):  # a cancellation can come too late to end this worker
                    return
                self._forget()
                self._number = number
                self._artist.to_terminal(sent)
                # The colour is the number of the picture.
                style = Style(foreground=Color(number >> 16, number >> 8 & 255, number & 255))
                self.update(Content("\n").join(Content.styled(text, style) for text in texts))
            elif way is Graphics.SIXEL:
                (columns, rows), self._sixels = await asyncio.to_thread(sixel_rows, path, room, background, cell)
                self.update(Content("\n".join([" " * columns] * rows)))
            elif way is Graphics.BLOCKS:
                lines = await asyncio.to_thread(half_blocks, path, *room, background)
                self.update(Content("\n").join(_line(cells) for cells in lines))
        except PictureError as error:
            self.update(Content.styled(str(error), "dim"))

    def _forget(self) -> None:
        self._sixels = []
        if self._number:
            self._artist.to_terminal(kitty_forget(self._number, os.environ))
            self._number = 0

    def render_lines(self, crop: Region) -> list[Strip]:
        """The lines, those of a picture in sixels with what draws them."""
        strips = super().render_lines(crop)
        if crop.x or crop.width < self.size.width:
            return strips
        sixels = dict(enumerate(self._sixels))
        return [
            SixelStrip(strip, sixels[y]) if y in sixels else strip
            for y, strip in zip(crop.line_range, strips, strict=True)
        ]


def _line(cells: list[Cell]) -> Content:
    return Content.assemble(*((HALF, _style(*cell)) for cell in cells))


def _style(upper: Colour, lower: Colour) -> Style:
    return Style(foreground=Color(*upper), background=Color(*lower))
