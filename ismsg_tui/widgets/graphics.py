"""Pictures in the pixels of a terminal: by the graphics protocol of kitty, or as sixels.

Which of them a terminal knows is told by its environment, when the first picture is wanted: to ask the terminal itself
would cost every start a moment, and an answer that comes late would be taken for keys. What is written here is made of
pixels that Pillow has decoded, never of a file's own bytes.
"""

from __future__ import annotations

import os
import re
import struct
import sys
from base64 import b64encode
from collections.abc import Mapping
from contextlib import suppress
from enum import StrEnum
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from ismsg_tui.desktop.helper_programs import HelperError, is_remote, take
from ismsg_tui.widgets.pictures import Colour, in_cells

if TYPE_CHECKING:
    from PIL.Image import Image

if sys.platform != "win32":
    import fcntl
    import termios

Pixels = tuple[int, int]
"""Width and height."""

USUAL_CELL = (10, 20)
"""The size of a cell where the terminal does not tell it; that of the VT340, which some terminals keep to."""
KITTY_PATIENCE = 2.0
"""Seconds within which kitty must have told its version."""
MOST_SENT = 250_000
"""Bytes that are sent of one picture, at most: a slow line must not hold up the keys for long."""
MOST_SIXELS = 500_000
"""Bytes of one picture in sixels, which are longer and can't be enlarged by the terminal: it is drawn smaller."""
COLOURS = 128
"""So many colours a picture in sixels has at most."""

_WITH_SIXEL = frozenset({"WezTerm", "iTerm.app", "contour", "rio"})
"""Values of TERM_PROGRAM."""
_KITTY = (0, 28)
"""The first version of kitty that knows pictures placed by text, which lie among other text and go with it."""
_KONSOLE = 220_400
"""The first version of Konsole that knows sixels."""
_CHUNK = 4_096
_PLACEHOLDER = "\U0010eeee"
_NUMBERS = "".join(
    "".join(map(chr, range(first, last + 1)))
    for first, last in (
        *((0x305, 0x305), (0x30D, 0x30E), (0x310, 0x310), (0x312, 0x312), (0x33D, 0x33F), (0x346, 0x346)),
        *((0x34A, 0x34C), (0x350, 0x352), (0x357, 0x357), (0x35B, 0x35B), (0x363, 0x36F), (0x483, 0x487)),
        *((0x592, 0x595), (0x597, 0x599), (0x59C, 0x5A1), (0x5A8, 0x5A9), (0x5AB, 0x5AC), (0x5AF, 0x5AF)),
        *((0x5C4, 0x5C4), (0x610, 0x617), (0x657, 0x65B), (0x65D, 0x65E), (0x6D6, 0x6DC), (0x6DF, 0x6E2)),
        *((0x6E4, 0x6E4), (0x6E7, 0x6E8), (0x6EB, 0x6EC), (0x730, 0x730), (0x732, 0x733), (0x735, 0x736)),
        *((0x73A, 0x73A), (0x73D, 0x73D), (0x73F, 0x741), (0x743, 0x743), (0x745, 0x745), (0x747, 0x747)),
        *((0x749, 0x74A), (0x7EB, 0x7F1), (0x7F3, 0x7F3), (0x816, 0x819), (0x81B, 0x823), (0x825, 0x827)),
    )
)
"""The marks by which kitty's protocol numbers rows and columns, from 0 on."""
_numbers = count(os.getpid() << 8)


class Graphics(StrEnum):
    """How pictures are drawn."""

    KITTY = "kitty"
    SIXEL = "sixel"
    BLOCKS = "blocks"
    """Half blocks, in any terminal with colours."""
    OFF = "off"


async def graphics_for(setting: str, env: Mapping[str, str], cell: Pixels | None) -> Graphics:
    """How to draw, by the setting: `auto`, or one of `Graphics`; `cell` is the size of a cell, if that is known."""
    if setting != "auto":
        return Graphics(setting)
    term, program = env.get("TERM", ""), env.get("TERM_PROGRAM", "")
    if "TMUX" in env or "STY" in env or term.startswith(("tmux", "screen")):
        return Graphics.BLOCKS  # which stand between, and pass on pictures only where they are told to
    if term == "xterm-ghostty" or (term == "xterm-kitty" and await _is_new_kitty(env)):
        return Graphics.KITTY
    konsole = env.get("KONSOLE_VERSION", "")
    new_konsole = konsole.isdecimal() and int(konsole) >= _KONSOLE
    knows_sixel = program in _WITH_SIXEL or term.startswith(("foot", "mlterm")) or new_konsole
    return Graphics.SIXEL if knows_sixel and cell else Graphics.BLOCKS


async def _is_new_kitty(env: Mapping[str, str]) -> bool:
    """Whether kitty knows pictures that are placed by text; over SSH there is nobody to ask."""
    if is_remote(env):
        return False
    try:
        said = await take(("kitty", "--version"), env, KITTY_PATIENCE, 1_000)
    except HelperError:
        return False
    version = re.match(rb"kitty (\d+)\.(\d+)", said)
    return version is not None and (int(version[1]), int(version[2])) >= _KITTY


def cell_size() -> Pixels | None:
    """The size of a cell in pixels, as the terminal driver knows it; None where nobody has told it."""
    told = bytes(8)
    if sys.platform != "win32" and sys.__stdin__ is not None:
        with suppress(OSError, ValueError):
            told = fcntl.ioctl(sys.__stdin__.fileno(), termios.TIOCGWINSZ, told)
    rows, columns, width, height = struct.unpack("HHHH", told)
    size = (width // columns, height // rows) if rows and columns else (0, 0)
    return size if 2 <= size[0] <= 200 and 2 <= size[1] <= 200 else None


# kitty


def new_number() -> int:
    """A number for a picture in this terminal: 24 bits, as many as a colour has."""
    return next(_numbers) & 0xFFFFFF or next(_numbers) & 0xFFFFFF


def kitty_picture(
    path: Path, number: int, room: tuple[int, int], background: Colour, cell: Pixels | None, env: Mapping[str, str]
) -> tuple[str, list[str]]:
    """The picture of a file within so many columns and rows: what to send first, and the lines that show it.

    The lines are text of which each character says which piece of the picture it is; its colour, `number`, says of
    which. Takes long. Raises PictureError.
    """
    columns, rows = (min(side, len(_NUMBERS)) for side in room)
    width, height = cell or USUAL_CELL
    picture = in_cells(path, columns, rows, background, (width, height))
    columns, rows = picture.width // width, picture.height // height
    data = b64encode(_png(picture)).decode("ascii")
    chunks = [data[at : at + _CHUNK] for at in range(0, len(data), _CHUNK)]
    # Without an answer (q=2): it would be taken for keys.
    keys = [f"a=T,U=1,i={number},f=100,c={columns},r={rows},q=2", *["q=2"] * (len(chunks) - 1)]
    more = [1] * (len(chunks) - 1) + [0]
    sent = "".join(_command(f"{keys},m={m}", chunk, env) for keys, m, chunk in zip(keys, more, chunks, strict=True))
    lines = ["".join(_PLACEHOLDER + _NUMBERS[y] + _NUMBERS[x] for x in range(columns)) for y in range(rows)]
    return sent, lines


def kitty_forget(number: int, env: Mapping[str, str]) -> str:
    """What lets the terminal forget a picture."""
    return _command(f"a=d,d=I,i={number},q=2", "", env)


def _command(keys: str, data: str, env: Mapping[str, str]) -> str:
    command = f"\x1b_G{keys};{data}\x1b\\"
    if "TMUX" in env:
        return "\x1bPtmux;" + command.replace("\x1b", "\x1b\x1b") + "\x1b\\"
    return command


def _png(picture: Image) -> bytes:
    """The picture as a PNG within `MOST_SENT` as base64: with fewer colours, and then smaller, if it must be."""
    made = picture
    while True:
        file = BytesIO()
        made.save(file, "PNG")
        if file.tell() * 4 // 3 <= MOST_SENT or max(made.size) < 16:
            return file.getvalue()
        if made.mode == "RGB":
            made = made.quantize(256)
        else:
            picture = picture.resize((max(picture.width * 2 // 3, 1), max(picture.height * 2 // 3, 1)))
            made = picture.quantize(256)


# sixel


def sixel_rows(
    path: Path, room: tuple[int, int], background: Colour, cell: Pixels | None
) -> tuple[tuple[int, int], list[str]]:
    """The picture of a file within so many columns and rows: its size in cells, and what draws each row of it.

    Each is drawn from the place of the cursor on and lies within its row. Takes long. Raises PictureError.
    """
    width, height = cell or USUAL_CELL
    picture = in_cells(path, *room, background, (width, height)).quantize(COLOURS)
    rows = [_sixels(picture.crop((0, top, picture.width, top + height))) for top in range(0, picture.height, height)]
    size = picture.width // width, len(rows)
    length = sum(map(len, rows))
    if length > MOST_SIXELS and min(size) > 2:
        smaller = 0.95 * (MOST_SIXELS / length) ** 0.5
        return sixel_rows(path, (int(size[0] * smaller), int(size[1] * smaller)), background, cell)
    return size, rows


def _sixels(picture: Image) -> str:
    """A picture of few colours as one sixel image."""
    import numpy as np

    pixels = np.asarray(picture)
    palette = picture.getpalette() or []
    out = [f'\x1bP0;1q"1;1;{picture.width};{picture.height}']
    # A colour has the same number in every row: some terminals have one palette for all that they show.
    for colour in np.unique(pixels).tolist():
        red, green, blue = (round(part / 2.55) for part in palette[3 * colour : 3 * colour + 3])
        out.append(f"#{colour};2;{red};{green};{blue}")
    bits = np.array([1, 2, 4, 8, 16, 32])
    for top in range(0, picture.height, 6):
        band = pixels[top : top + 6]
        lines = []
        for colour in np.unique(band).tolist():
            sixels = (bits[: len(band)] @ (band == colour) + 63).astype(np.uint8).tobytes().rstrip(b"?")
            lines.append(f"#{colour}{_RUN.sub(_shorter, sixels).decode('ascii')}")
        out.append("$".join(lines) + "-")
    out[-1] = out[-1].removesuffix("-")
    return "".join(out) + "\x1b\\"


_RUN = re.compile(rb"(.)\1{3,}")


def _shorter(run: re.Match[bytes]) -> bytes:
    return b"!%d%c" % (len(run[0]), run[1])
