"""Pictures in the pixels of a terminal: which way is taken where, and what is written, byte by byte."""

from __future__ import annotations

import re
import sys
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from rich.console import Console
from textual.strip import Strip

from ismsg_tui.clock import new_id, now_ms
from ismsg_tui.domain.commands import Issued, ReceiveMessage
from ismsg_tui.widgets import graphics
from ismsg_tui.widgets.graphics import Graphics, graphics_for, kitty_forget, kitty_picture, new_number, sixel_rows
from ismsg_tui.widgets.picture_view import SixelStrip
from ismsg_tui.widgets.pictures import PictureError, in_cells
from tests.desk_setup import CHANNEL, GUEST, contact_named, had_done, open_inbox
from tests.factories import ANA, examples
from tests.programs import on_linux, programs
from tests.terminal import Terminal, isolated, tokens

CELL, GREY = (10, 20), (10, 20, 30)
RED, BLUE = (255, 0, 0), (0, 0, 255)
KITTY = {"TERM": "xterm-kitty"}
Canvas = Image.Image


# Which way


@pytest.mark.parametrize(
    ("env", "way"),
    [
        ({"TERM": "xterm-ghostty"}, Graphics.KITTY),
        ({"TERM": "foot-extra"}, Graphics.SIXEL),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, Graphics.SIXEL),
        ({"TERM": "xterm-256color", "KONSOLE_VERSION": "220400"}, Graphics.SIXEL),
        ({"TERM": "xterm-256color", "KONSOLE_VERSION": "211203"}, Graphics.BLOCKS),
        ({"TERM": "xterm-256color", "KONSOLE_VERSION": "new"}, Graphics.BLOCKS),
        ({"TERM": "xterm-256color"}, Graphics.BLOCKS),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm", "TMUX": "/tmp/t,1,0"}, Graphics.BLOCKS),
        ({"TERM": "screen.foot", "STY": "1.x"}, Graphics.BLOCKS),
        ({}, Graphics.BLOCKS),
    ],
)
async def test_what_a_terminal_knows_is_told_by_its_environment(env: dict[str, str], way: Graphics) -> None:
    assert await graphics_for("auto", env, CELL) is way


async def test_no_sixels_where_the_size_of_a_cell_is_not_known() -> None:
    assert await graphics_for("auto", {"TERM": "foot"}, None) is Graphics.BLOCKS


@pytest.mark.parametrize("way", Graphics)
async def test_the_setting_has_the_last_word(way: Graphics) -> None:
    assert await graphics_for(way.value, {"TERM": "foot", "TMUX": "x"}, None) is way


@on_linux
@pytest.mark.parametrize(
    ("script", "way"),
    [
        ("echo 'kitty 0.28.0 created by somebody'", Graphics.KITTY),
        ("echo 'kitty 1.2.3'", Graphics.KITTY),
        ("echo 'kitty 0.26.5 created by somebody'", Graphics.BLOCKS),
        ("echo 'kitty 0.41.1'; exit 1", Graphics.BLOCKS),
        ("echo 'no idea'", Graphics.BLOCKS),
        ("exec sleep 600", Graphics.BLOCKS),
    ],
)
async def test_kitty_is_taken_for_new_if_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, way: Graphics
) -> None:
    if "sleep" in script:
        monkeypatch.setattr(graphics, "KITTY_PATIENCE", 0.2)
    env = programs(tmp_path, kitty=script) | KITTY
    assert await graphics_for("auto", env, CELL) is way
    assert await graphics_for("auto", env | {"SSH_CONNECTION": "x"}, CELL) is Graphics.BLOCKS
    assert await graphics_for("auto", {**KITTY, "PATH": str(tmp_path / "nothing")}, CELL) is Graphics.BLOCKS


# What is written


def picture(folder: Path, width: int, height: int, *, noise: bool = False) -> Path:
    path = folder / "picture.png"
    made = Image.linear_gradient("L").resize((width, height)).convert("RGB")
    if noise:
        made = Image.merge("RGB", [Image.effect_noise((width, height), 90) for _ in range(3)])
    made.paste(RED, (0, 0, width // 2, height // 2))
    made.save(path)
    return path


def kitty_png(commands: str) -> tuple[dict[str, str], Canvas]:
    """The keys of the first command, and the picture that all of them bring."""
    found = re.findall(r"\x1b_G([a-zA-Z0-9=,]*);([A-Za-z0-9+/=]*)\x1b\\", commands)
    assert "".join(f"\x1b_G{keys};{data}\x1b\\" for keys, data in found) == commands
    assert max(len(data) for _, data in found) <= 4_096
    keys = [dict(item.split("=") for item in words.split(",")) for words, _ in found]
    assert [int(item["m"]) for item in keys] == [1] * (len(keys) - 1) + [0]
    assert {item["q"] for item in keys} == {"2"}
    return keys[0], Image.open(BytesIO(b64decode("".join(data for _, data in found)))).convert("RGB")


def drawn(sixels: str) -> Canvas:
    """What a terminal makes of a sixel image; fails on anything that is no sixel."""
    found = re.fullmatch(r'\x1bP0;1q"1;1;(\d+);(\d+)([#0-9;!?-~$-]*)\x1b\\', sixels)
    assert found
    size = int(found[1]), int(found[2])
    canvas, palette, colour, x, top = Image.new("RGBA", size), {}, "", 0, 0
    for word in re.findall(r"#\d+;2;\d+;\d+;\d+|#\d+|!\d+[?-~]|[?-~]|[$]|-", found[3]):
        match word[0]:
            case "#" if ";" in word:
                number, _, *parts = word[1:].split(";")
                palette[number] = tuple(round(int(part) * 2.55) for part in parts)
            case "#":
                colour = word[1:]
            case "$":
                x = 0
            case "-":
                x, top = 0, top + 6
            case _:
                bits, times = ord(word[-1]) - 63, int(word[1:-1] or 1) if word[0] == "!" else 1
                for y in range(6):
                    if bits >> y & 1:
                        assert x + times <= size[0]
                        assert top + y < size[1]
                        canvas.paste((*palette[colour], 255), (x, top + y, x + times, top + y + 1))
                x += times
    assert canvas.getchannel("A").getextrema() == (255, 255)
    return canvas.convert("RGB")


def furthest(one: Canvas, other: Canvas) -> int:
    """The largest difference of two pictures in one colour of one pixel."""
    assert one.size == other.size
    return max(abs(a - b) for a, b in zip(one.tobytes(), other.tobytes(), strict=True))


def test_kitty_is_given_the_pixels_and_each_cell_says_which_piece_it_shows(tmp_path: Path) -> None:
    path = picture(tmp_path, 105, 60)
    sent, lines = kitty_picture(path, 77, (30, 10), GREY, CELL, {})
    keys, got = kitty_png(sent)
    assert {name: keys[name] for name in "aUifcr"} == {"a": "T", "U": "1", "i": "77", "f": "100", "c": "11", "r": "3"}
    assert furthest(got, in_cells(path, 30, 10, GREY, CELL)) == 0
    assert got.getpixel((109, 0)) == GREY
    cells = [re.findall("\U0010eeee(.)(.)", line) for line in lines]
    assert [len(line) for line in cells] == [11] * 3
    # The protocol's own marks for 0, 1, 2.
    assert [row[0][0] for row in cells] == ["\u0305", "\u030d", "\u030e"]
    assert [column for _, column in cells[2]][:3] == ["\u0305", "\u030d", "\u030e"]
    assert len({column for _, column in cells[0]}) == 11


def test_every_row_and_column_has_a_mark_of_its_own() -> None:
    assert len(set(graphics._NUMBERS)) == len(graphics._NUMBERS) > 100


def test_in_tmux_kitty_is_spoken_to_through_it(tmp_path: Path) -> None:
    sent, _ = kitty_picture(picture(tmp_path, 30, 30), 7, (30, 10), GREY, CELL, {"TMUX": "x"})
    inner = re.findall(r"\x1bPtmux;((?:\x1b\x1b|[^\x1b])*)\x1b\\", sent)
    assert "".join(f"\x1bPtmux;{piece}\x1b\\" for piece in inner) == sent
    kitty_png("".join(inner).replace("\x1b\x1b", "\x1b"))


def test_no_picture_takes_long_to_send_and_it_still_fills_its_cells(tmp_path: Path) -> None:
    path = picture(tmp_path, 1_000, 750, noise=True)
    sent, lines = kitty_picture(path, 7, (60, 20), GREY, (18, 38), {})
    assert len(sent) < graphics.MOST_SENT * 1.01 + 20 * 70
    keys, got = kitty_png(sent)
    assert (int(keys["c"]), int(keys["r"])) == (lines[0].count("\U0010eeee"), len(lines))
    assert abs(got.width / got.height - int(keys["c"]) * 18 / (int(keys["r"]) * 38)) < 0.01
    size, rows = sixel_rows(path, (60, 20), GREY, (18, 38))
    assert sum(map(len, rows)) <= graphics.MOST_SIXELS
    assert size[1] == len(rows) > 4


def test_sixels_are_the_pixels_row_by_row(tmp_path: Path) -> None:
    path = picture(tmp_path, 105, 55)
    size, rows = sixel_rows(path, (30, 10), GREY, CELL)
    assert size == (11, 3)
    wanted = in_cells(path, 30, 10, GREY, CELL).quantize(graphics.COLOURS).convert("RGB")
    for number, row in enumerate(rows):
        assert furthest(drawn(row), wanted.crop((0, 20 * number, 110, 20 * number + 20))) <= 2


@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 9), st.integers(1, 5), st.integers(2, 23))
@settings(max_examples=examples(40))
def test_pictures_of_every_size_keep_within_their_room(
    tmp_path_factory: pytest.TempPathFactory, width: int, height: int, columns: int, lines: int, cell: int
) -> None:
    path = picture(tmp_path_factory.mktemp("room"), width, height)
    size, rows = sixel_rows(path, (columns, lines), GREY, (cell, 2 * cell))
    assert 1 <= size[0] <= columns
    assert 1 <= size[1] <= lines
    assert {drawn(row).size for row in rows} == {(size[0] * cell, 2 * cell)}
    sent, texts = kitty_picture(path, new_number(), (columns, lines), GREY, (cell, 2 * cell), {})
    assert (len(texts[0]) // 3, len(texts)) == size
    assert kitty_png(sent)[1].size == (size[0] * cell, size[1] * 2 * cell)


def test_what_is_no_picture_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    path = tmp_path / "broken.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n \x1b]0;owned\x07")
    with pytest.raises(PictureError):
        kitty_picture(path, 7, (9, 9), GREY, CELL, {})
    with pytest.raises(PictureError):
        sixel_rows(path, (9, 9), GREY, CELL)


def test_a_row_that_lies_partly_behind_something_is_blank() -> None:
    console = Console(color_system="truecolor")
    strip = SixelStrip(Strip.blank(9), "PIXELS")
    assert strip.render(console) == "\x1b7" + " " * 9 + "\x1b8PIXELS\x1b8\x1b[9C"
    assert [part.render(console) for part in strip.divide([4, 9])] == [" " * 4, " " * 5]
    assert strip.crop(2, 9).render(console) == " " * 7
    assert strip.divide([9])[0].crop(0, 5) is strip
    assert strip.crop(0, 0).render(console) == ""


# In a terminal

MARK = "INTRUDER"
HOSTILE = f"\x1b]0;{MARK}\x07\x1b_Ga=d;\x1b\\\x1bPq#0!9~\x1b\\{MARK}"
ESCAPE, CTRL_Q, CTRL_S, DOWN = "\x1b", "\x11", "\x13", "\x1b[B"
needs_pty = pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals here")


@contextmanager
def console(
    folder: Path, env: Mapping[str, str], *, cell: tuple[int, int] = CELL, pictures: str = "auto"
) -> Iterator[Terminal]:
    """The console on an inbox in which Mai has sent two pictures that mean harm, the list of them open."""
    inbox = open_inbox(folder / "data", ("Mai Tran",))
    for name, colour in (("blue.png", BLUE), ("red.png", RED)):
        words = PngInfo()
        words.add_text("Comment", HOSTILE)
        path = folder / name
        Image.new("RGB", (300, 100), colour).save(path, pnginfo=words, icc_profile=HOSTILE.encode())
        file = inbox.blobs.add(path, name=HOSTILE + name)
        received = ReceiveMessage(contact_named(inbox, "Mai Tran"), "", CHANNEL.id, attachments=(file,))
        had_done(inbox.store, Issued(new_id(), received, GUEST, now_ms()))
    inbox.close_store()
    config = folder / "config.toml"
    config.write_text(f'pictures = "{pictures}"\n')
    command = [sys.executable, "-m", "ismsg_tui", "--data", str(folder / "data"), "--user", ANA.id]
    env = {**isolated(folder), "ISMSG_CONFIG": str(config), **env}
    with Terminal(command, env, cell=cell) as terminal:
        terminal.wait_for("Mai Tran")
        terminal.send("e")
        terminal.wait_for("Files · Mai Tran")
        yield terminal


def strings(terminal: Terminal) -> list[str]:
    """The strings of control that were written, whole."""
    return [
        f"\x1b{'_' if token.kind == 'apc' else 'P'}{token.value}\x1b\\"
        for token in tokens(terminal.output)
        if token.kind in ("apc", "dcs")
    ]


def rectangle(cells: set[tuple[int, int]]) -> tuple[int, int]:
    """The rows and columns of cells that are a rectangle, and nothing but one."""
    rows, columns = {y for y, _ in cells}, {x for _, x in cells}
    assert len(cells) == len(rows) * len(columns)
    return len(rows), len(columns)


def leave(terminal: Terminal) -> None:
    """Close the list, and find the screen clean."""
    terminal.send(ESCAPE)
    terminal.wait_for(lambda: "Files of" not in terminal.text and not terminal.pictured)
    terminal.send(CTRL_Q)
    assert terminal.wait() == 0


@needs_pty
def test_in_kitty_a_picture_is_shown_and_forgotten_and_nothing_of_its_file_gets_out(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    path = programs(tmp_path / "bin", kitty="echo 'kitty 0.41.1'")["PATH"]
    with console(tmp_path, {**KITTY, "PATH": path}) as terminal:
        terminal.wait_for(lambda: bool(terminal.pictured))
        assert rectangle(terminal.pictured) == (5, 30)
        keys, got = kitty_png(strings(terminal)[0])
        assert got.getextrema() == tuple((value, value) for value in RED)
        terminal.send(DOWN)
        terminal.wait_for(lambda: len(strings(terminal)) == 3 and bool(terminal.pictured))
        assert strings(terminal)[1] == kitty_forget(int(keys["i"]), {})
        again, got = kitty_png(strings(terminal)[2])
        assert got.getextrema() == tuple((value, value) for value in BLUE)
        leave(terminal)
        assert strings(terminal)[3:] == [kitty_forget(int(again["i"]), {})]
        assert f"\x1b]0;{MARK}" not in terminal.output


@needs_pty
def test_sixels_lie_where_the_picture_is_and_nowhere_else(tmp_path: Path) -> None:
    with console(tmp_path, {"TERM_PROGRAM": "WezTerm"}) as terminal:
        terminal.wait_for(lambda: bool(terminal.pictured))
        place = terminal.pictured
        assert rectangle(place) == (5, 30)
        assert {drawn(row).getextrema() for row in strings(terminal)} == {((255, 255), (0, 0), (0, 0))}
        terminal.send(CTRL_S)
        terminal.wait_for("Tab Complete")
        assert terminal.pictured == set()
        terminal.send(ESCAPE)
        terminal.wait_for(lambda: terminal.pictured == place)
        terminal.send(DOWN)
        terminal.wait_for(lambda: BLUE in {drawn(row).getpixel((0, 0)) for row in strings(terminal)[-5:]})
        terminal.wait_for(lambda: terminal.pictured == place)
        leave(terminal)
        assert all(drawn(row).size == (300, 20) for row in strings(terminal))
        assert f"\x1b]0;{MARK}" not in terminal.output


@needs_pty
@pytest.mark.parametrize(
    ("env", "cell", "pictures"),
    [
        ({}, CELL, "auto"),
        ({"TERM": "foot"}, (0, 0), "auto"),
        ({"TERM": "xterm-ghostty", "COLORTERM": ""}, CELL, "auto"),
        ({"TERM": "foot"}, CELL, "blocks"),
    ],
)
def test_elsewhere_pictures_are_half_blocks(
    tmp_path: Path, env: dict[str, str], cell: tuple[int, int], pictures: str
) -> None:
    with console(tmp_path, env, cell=cell, pictures=pictures) as terminal:
        terminal.wait_for("▀▀▀▀")
        assert strings(terminal) == []
        leave(terminal)
