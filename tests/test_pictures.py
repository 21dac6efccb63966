"""Pictures as half blocks: their colours and proportions, what is refused, and where they are shown."""

from __future__ import annotations

import struct
import sys
import zlib
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from PIL import Image
from textual.pilot import Pilot

from ismsg_tui.app import IsmsgApp
from ismsg_tui.clock import new_id, now_ms
from ismsg_tui.config import Config
from ismsg_tui.domain.commands import Issued, ReceiveMessage
from ismsg_tui.inbox import Inbox
from ismsg_tui.widgets.picture_view import PictureView
from ismsg_tui.widgets.pictures import MOST_BYTES, Cell, PictureError, half_blocks
from tests.desk_setup import (
    CHANNEL,
    GUEST,
    console,
    contact_named,
    on_screen,
    open_inbox,
    press,
    settle,
    settle_until,
    write,
)
from tests.factories import examples

RED, GREEN, BLUE, GREY = (255, 0, 0), (0, 255, 0), (0, 0, 255), (10, 20, 30)
HINT = "install the Python package pillow"


def png(width: int, height: int, rows: list[list[tuple[int, int, int, int]]]) -> bytes:
    """A PNG whose header claims a size, whatever the rows hold."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    raw = b"".join(b"\0" + b"".join(bytes(pixel) for pixel in row) for row in rows)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")


def shown(path: Path, columns: int = 20, rows: int = 10) -> list[list[Cell]]:
    return half_blocks(path, columns, rows, GREY)


def refused(path: Path) -> str:
    with pytest.raises(PictureError) as caught:
        shown(path)
    return str(caught.value)


def test_a_cell_is_two_pixels_and_what_is_transparent_shows_the_background(tmp_path: Path) -> None:
    path = tmp_path / "tiny.png"
    rows = [[(*RED, 255), (*GREEN, 255)], [(*BLUE, 255), (0, 0, 0, 0)], [(*GREEN, 255), (*RED, 255)]]
    path.write_bytes(png(2, 3, rows))
    assert shown(path) == [[(RED, BLUE), (GREEN, GREY)], [(GREEN, GREY), (RED, GREY)]]


@pytest.mark.parametrize(
    ("size", "cells"), [((400, 100), (20, 3)), ((100, 400), (5, 10)), ((300, 300), (20, 10)), ((6, 4), (6, 2))]
)
def test_a_picture_keeps_its_proportions_and_is_never_enlarged(
    tmp_path: Path, size: tuple[int, int], cells: tuple[int, int]
) -> None:
    path = tmp_path / "picture.png"
    Image.new("RGB", size, RED).save(path)
    lines = shown(path)
    assert (len(lines[0]), len(lines)) == cells
    assert lines[0][0] == (RED, RED)


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 40), st.integers(1, 20))
@settings(max_examples=examples(60))
def test_no_picture_is_larger_than_its_room(
    tmp_path_factory: pytest.TempPathFactory, width: int, height: int, columns: int, rows: int
) -> None:
    path = tmp_path_factory.mktemp("room") / "picture.png"
    Image.new("L", (width, height)).save(path)
    lines = shown(path, columns, rows)
    assert 1 <= len(lines) <= rows
    assert {len(line) for line in lines} <= set(range(1, columns + 1))


@pytest.mark.parametrize(
    ("mode", "ending"),
    [("RGB", "jpg"), ("CMYK", "jpg"), ("L", "jpg"), ("P", "gif"), ("1", "bmp"), ("LA", "png"), ("RGB", "webp")],
)
def test_pictures_of_every_kind_are_shown(tmp_path: Path, mode: str, ending: str) -> None:
    path = tmp_path / f"picture.{ending}"
    Image.new("RGB", (64, 64), (255, 255, 255)).convert(mode).save(path)
    assert {channel for line in shown(path) for cell in line for colour in cell for channel in colour} <= {254, 255}


def test_a_photo_is_turned_as_the_camera_was_held(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    picture = Image.new("RGB", (200, 100), RED)
    exif = picture.getexif()
    exif[0x0112] = 6
    picture.save(path, exif=exif)
    lines = shown(path)
    assert (len(lines[0]), len(lines)) == (10, 10)


def test_of_an_animation_the_first_frame_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "moving.gif"
    Image.new("RGB", (4, 4), RED).save(path, save_all=True, append_images=[Image.new("RGB", (4, 4), BLUE)])
    assert shown(path)[0][0] == (RED, RED)


@pytest.mark.parametrize(("width", "height"), [(60_000, 60_000), (10_000, 10_000), (8_000, 5_001)])
def test_a_bomb_is_refused_before_anything_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, width: int, height: int
) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png(width, height, [[(*RED, 255)]]))
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda self: pytest.fail("it was decoded"))
    assert "40 megapixels" in refused(path)


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.png"
    with path.open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    assert "is more than the 30 MB" in refused(path)


def test_what_is_broken_cut_short_or_no_picture_is_refused_in_words(tmp_path: Path) -> None:
    whole = tmp_path / "whole.png"
    Image.effect_noise((200, 200), 50).save(whole)
    path = tmp_path / "broken.png"
    for data in (b"", b"hello", png(3, 3, [])[:40], whole.read_bytes()[:9_000], b"%!PS-Adobe-3.0 EPSF-3.0\n"):
        path.write_bytes(data)
        assert "broken" in refused(path)
    assert "no file" in refused(tmp_path / "missing.png")


@given(st.binary(max_size=80), st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\xff\xd8\xff\xe0", b"BM"]))
@settings(max_examples=examples(100))
def test_no_bytes_upset_it(tmp_path_factory: pytest.TempPathFactory, data: bytes, head: bytes) -> None:
    path = tmp_path_factory.mktemp("noise") / "noise"
    path.write_bytes(head + data)
    with suppress(PictureError):
        assert shown(path)


def with_picture(folder: Path, *, here: bool = True) -> Inbox:
    """An inbox in which Mai has sent a red picture."""
    path = folder / "red.png"
    Image.new("RGB", (40, 40), RED).save(path)
    inbox = open_inbox(folder / "data", ("Mai Tran",))
    attachment = inbox.blobs.add(path)
    if not here:
        attachment = replace(attachment, sha256="a" * 64)
    command = ReceiveMessage(contact_named(inbox, "Mai Tran"), "", CHANNEL.id, attachments=(attachment,))
    inbox.store.execute(Issued(new_id(), command, GUEST, now_ms()))
    return inbox


async def drawn(pilot: Pilot[int]) -> str:
    """The screen when no picture is being decoded any more."""

    def is_drawing() -> bool:
        groups = "picture", "look", "find"
        return any(worker.group in groups and worker.is_running for worker in pilot.app.workers)

    await settle_until(pilot, lambda: not is_drawing())
    await settle(pilot)
    return on_screen(pilot)


async def test_the_list_of_files_shows_a_picture_that_is_here(tmp_path: Path) -> None:
    async with console(with_picture(tmp_path)) as pilot:
        await press(pilot, "e")
        screen = await drawn(pilot)
        assert "red.png" in screen
        assert "▀▀▀▀" in screen


@pytest.mark.parametrize("size", [(60, 24), (80, 24), (99, 30), (120, 36)])
@pytest.mark.parametrize("key", ["e", "ctrl+o"])
async def test_the_whole_picture_is_in_sight_in_every_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], key: str
) -> None:
    inbox = with_picture(tmp_path)
    monkeypatch.chdir(tmp_path)
    async with console(inbox, size) as pilot:
        await press(pilot, "2", key)
        await write(pilot, "red")
        screen = await drawn(pilot)
        view = pilot.app.screen.query_one(PictureView)
        assert pilot.app.screen.query_one("#preview").region.contains_region(view.region)
        assert screen.count("▀▀▀▀") >= 2 * view.size.height >= 8


async def test_a_picture_that_is_not_here_is_not_drawn(tmp_path: Path) -> None:
    async with console(with_picture(tmp_path, here=False)) as pilot:
        await press(pilot, "e")
        assert "▀" not in await drawn(pilot)


async def test_nothing_is_drawn_where_colours_are_unwanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with console(with_picture(tmp_path)) as pilot:
        await press(pilot, "e")
        screen = await drawn(pilot)
        assert "red.png" in screen
        assert "▀" not in screen
        assert HINT not in screen


async def test_nothing_is_drawn_where_pictures_are_unwanted(tmp_path: Path) -> None:
    app = IsmsgApp(with_picture(tmp_path), Config(pictures="off"))
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await press(pilot, "e")
        screen = await drawn(pilot)
        assert "red.png" in screen
        assert "▀" not in screen


async def test_without_pillow_a_line_says_how_to_have_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inbox = with_picture(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] == "PIL"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "PIL", None)
    async with console(inbox) as pilot:
        await press(pilot, "e")
        screen = await drawn(pilot)
        assert HINT in screen
        assert "▀" not in screen
        await press(pilot, "escape")
        assert "Mai Tran" in on_screen(pilot)


async def test_a_file_about_to_be_attached_is_shown_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inbox = with_picture(tmp_path)
    monkeypatch.chdir(tmp_path)
    async with console(inbox) as pilot:
        await press(pilot, "ctrl+o")
        for letter in "red":
            await press(pilot, letter)
        assert "▀▀▀▀" in await drawn(pilot)
