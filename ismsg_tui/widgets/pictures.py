"""Pictures decoded, and as half blocks for any terminal with colours: each cell is two pixels, one above the other.

Pillow decodes them; it is an extra of the package and is imported only here, when a picture is first wanted. Pictures
come from strangers: only common formats are tried, and what would fill the memory is refused before it is decoded.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ismsg_tui.domain.media import size_words
from ismsg_tui.files.handling import FileError, open_file

if TYPE_CHECKING:
    from PIL.Image import Image

Colour = tuple[int, int, int]
"""Red, green and blue, each from 0 to 255."""
Cell = tuple[Colour, Colour]
"""The colours of the upper and of the lower half: foreground and background of `HALF`."""

HALF = "▀"
MOST_PIXELS = 40_000_000
MOST_BYTES = 30_000_000
FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP")
SAMPLES, ENOUGH = 8, 2_000
"""So many pixels in each direction are averaged into one at most; those between them are skipped. Where a side has
enough, two will do."""


class PictureError(Exception):
    """A picture can't be shown; the sentence says why."""


def half_blocks(path: Path, columns: int, rows: int, background: Colour) -> list[list[Cell]]:
    """The picture of a file in its own proportions, as large as `columns` by `rows` cells allow and never enlarged.

    Of an animation it is the first frame; what is transparent shows `background`. Takes long: belongs on a thread.
    Raises PictureError, also where Pillow is not installed.
    """
    picture = _opened(path, max(columns, 1), max(rows, 1) * 2)
    lines = _on(background, picture, picture.width, picture.height + picture.height % 2)
    data = lines.tobytes()
    pixels: list[Colour] = list(zip(data[::3], data[1::3], data[2::3], strict=True))
    drawn = [pixels[start : start + lines.width] for start in range(0, len(pixels), lines.width)]
    return [list(zip(upper, lower, strict=True)) for upper, lower in zip(drawn[::2], drawn[1::2], strict=True)]


def in_cells(path: Path, columns: int, rows: int, background: Colour, cell: tuple[int, int]) -> Image:
    """The same in pixels, of which a cell has so many across and down; the picture fills whole cells, without a rest.

    Raises PictureError.
    """
    width, height = cell
    picture = _opened(path, max(columns, 1) * width, max(rows, 1) * height)
    return _on(background, picture, -(-picture.width // width) * width, -(-picture.height // height) * height)


def _opened(path: Path, width: int, height: int) -> Image:
    """The picture of a file within `width` by `height` pixels. Raises PictureError."""
    try:
        import PIL.Image  # noqa: F401
    except ImportError as error:
        raise PictureError("install the Python package pillow to see pictures here") from error
    try:
        with open_file(path) as file:
            size = os.fstat(file.fileno()).st_size
            if size > MOST_BYTES:
                limit = size_words(MOST_BYTES)
                raise PictureError(
                    f"Not shown here: {size_words(size)} is more than the {limit} of a preview. Open it."
                )
            return _decoded(file, width, height)
    except FileError as error:
        raise PictureError(str(error)) from error


def _decoded(file: BinaryIO, width: int, height: int) -> Image:
    """The first frame with transparency, within `width` by `height` pixels."""
    from PIL import Image, ImageOps

    # Our own limit is lower than the one that Pillow warns of.
    warnings.simplefilter("ignore", Image.DecompressionBombWarning)
    try:
        with Image.open(file, formats=FORMATS) as image:
            _check_pixels(*image.size)
            # Skipping pixels first needs no second picture of full size, whatever its mode.
            side = max(width, height)
            room = max(2 * side, min(SAMPLES * side, ENOUGH))
            image.thumbnail((room, room), Image.Resampling.NEAREST)
            picture = ImageOps.exif_transpose(image).convert("RGBA")
        picture.thumbnail((width, height), Image.Resampling.BOX, reducing_gap=None)
    except PictureError:
        raise
    except Image.DecompressionBombError as error:
        raise PictureError(f"Not shown here: it has far more than {_megapixels(MOST_PIXELS)}.") from error
    except Exception as error:  # decoders fail on broken data in every way there is
        raise PictureError("Not shown here: its data is broken, incomplete or of an unknown format.") from error
    return picture


def _check_pixels(width: int, height: int) -> None:
    if width * height > MOST_PIXELS:
        raise PictureError(
            f"Not shown here: {width:,} × {height:,} is more than the {_megapixels(MOST_PIXELS)} of a preview."
        )


def _megapixels(pixels: int) -> str:
    return f"{pixels // 1_000_000} megapixels"


def _on(background: Colour, picture: Image, width: int, height: int) -> Image:
    """A picture in the upper left corner of a ground without transparency."""
    from PIL import Image

    ground = Image.new("RGBA", (width, height), (*background, 255))
    ground.alpha_composite(picture)
    return ground.convert("RGB")
