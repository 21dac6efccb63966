"""A picture from the clipboard: which helper is asked, that none can do harm, how it comes into the draft."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image
from textual.pilot import Pilot

from ismsg_tui.desktop import clipboard_picture
from ismsg_tui.desktop.clipboard_picture import NoPictureError, picture_on_clipboard
from ismsg_tui.domain.entities import FileKind
from ismsg_tui.screens.file_dialogs import PictureQuestion
from ismsg_tui.store.drafts import Draft
from ismsg_tui.widgets.composer import Composer
from tests.desk_setup import console, contact_named, on_screen, open_inbox, press, settle_until, until_seen, write
from tests.programs import XTERM, has_ended, on_linux, programs

REMOTE = ("SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY")
pytestmark = on_linux


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "source.png"
    Image.new("RGB", (64, 48), (255, 0, 0)).save(path)
    return path


def content(path: Path) -> bytes:
    return path.read_bytes()


def left_in(folder: Path) -> list[Path]:
    """Temporary folders of the program."""
    return list(folder.glob("ismsg-*"))


def offering(*types: str, then: str) -> str:
    """A helper that offers some types of data and does something when it is asked for one."""
    listing = f"case \"$*\" in *TARGETS*|*--list-types*) printf '%s\\n' {' '.join(types)}; exit;; esac"
    return f'{listing}\necho "$@" >> "$OUT"\n{then}'


async def refused(env: dict[str, str]) -> str:
    with pytest.raises(NoPictureError) as caught:
        await picture_on_clipboard(env)
    return str(caught.value)


@pytest.mark.parametrize(
    ("helper", "desktop", "asked"),
    [
        ("wl_paste", {"WAYLAND_DISPLAY": "wayland-0"}, "--no-newline --type image/png"),
        ("xclip", {"DISPLAY": ":0"}, "-selection clipboard -o -t image/png"),
    ],
)
async def test_the_helper_of_the_desktop_is_asked_for_the_best_format_on_offer(
    tmp_path: Path, picture: Path, helper: str, desktop: dict[str, str], asked: str
) -> None:
    script = offering("TIMESTAMP", "image/bmp", "image/jpeg", "image/png", then=f"cat {picture}")
    env = programs(tmp_path, **{helper: script}) | desktop
    assert await picture_on_clipboard(env) == (content(picture), ".png")
    assert (tmp_path / "out").read_text() == asked + "\n"


async def test_what_a_picture_is_told_by_its_bytes(tmp_path: Path, picture: Path) -> None:
    photo = tmp_path / "photo"
    Image.open(picture).save(photo, "JPEG")
    env = programs(tmp_path, xclip=offering("image/png", then=f"cat {photo}")) | {"DISPLAY": ":0"}
    assert (await picture_on_clipboard(env))[1] == ".jpg"
    env = programs(tmp_path, xclip=offering("image/png", then="echo '<svg onload=x>'")) | {"DISPLAY": ":0"}
    assert "is no picture of a kind that can be sent" in await refused(env)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (offering("UTF8_STRING", "text/plain", then="echo text"), "The clipboard holds no picture."),
        (offering("image/png", then="exit 0"), "The clipboard holds no picture."),
        ("printf 'Nothing is \\033[31mcopied\\n' >&2; exit 1", "xclip failed (Nothing is copied)."),
        (offering("image/png", then="exit 4"), "xclip failed (exit code 4)."),
    ],
)
async def test_a_clipboard_without_a_picture_is_told_in_a_sentence(tmp_path: Path, script: str, words: str) -> None:
    env = programs(tmp_path, xclip=script) | {"DISPLAY": ":0"}
    assert (await refused(env)).endswith(words)


@pytest.mark.parametrize("name", REMOTE)
async def test_over_ssh_no_helper_is_asked_and_the_reason_is_told(tmp_path: Path, name: str) -> None:
    env = programs(tmp_path, xclip='echo "$@" >> "$OUT"') | {"DISPLAY": "localhost:10.0", name: "x"}
    assert (await refused(env)).startswith("Over SSH the clipboard of your own machine can't be asked")
    assert not (tmp_path / "out").exists()


async def test_without_a_helper_or_a_desktop_it_is_said_what_to_do(tmp_path: Path) -> None:
    bare = XTERM | {"PATH": str(tmp_path)}
    assert "install wl-clipboard." in await refused(bare | {"WAYLAND_DISPLAY": "w", "DISPLAY": ":0"})
    assert "install xclip." in await refused(bare | {"DISPLAY": ":0"})
    assert "There is no desktop here" in await refused(bare)


async def test_a_helper_that_brings_too_much_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clipboard_picture, "MOST", 2_000_000)
    script = offering("image/png", then='echo $$ > "$OUT"; exec cat /dev/zero')
    env = programs(tmp_path, xclip=script) | {"DISPLAY": ":0"}
    assert "xclip brought more than 2 MB" in await refused(env)
    assert has_ended(int((tmp_path / "out").read_text()))


async def test_a_helper_that_hangs_is_stopped_with_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clipboard_picture, "PATIENCE", 0.5)
    script = offering("image/png", then='sleep 600 & echo $! > "$OUT"; wait')
    env = programs(tmp_path, xclip=script) | {"DISPLAY": ":0"}
    assert "xclip did not answer" in await refused(env)
    assert has_ended(int((tmp_path / "out").read_text()))


async def test_a_helper_that_is_not_waited_for_any_more_ends(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "begun")
    script = offering("image/png", then=f'echo $$ > "$OUT"; echo > {tmp_path}/begun; exec sleep 600')
    env = programs(tmp_path, xclip=script) | {"DISPLAY": ":0"}
    asking = asyncio.create_task(picture_on_clipboard(env))
    await asyncio.to_thread((tmp_path / "begun").read_text)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert has_ended(int((tmp_path / "out").read_text().splitlines()[-1]))


async def test_on_a_mac_what_the_system_brings_with_it_will_do(
    tmp_path: Path, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    digits = content(picture).hex().upper()
    env = programs(tmp_path, osascript=f"echo '«data PNGf{digits}»'")
    assert await picture_on_clipboard(env) == (content(picture), ".png")
    env = programs(tmp_path, osascript="exit 1", pngpaste=f'[ "$1" = - ] && cat {picture}')
    assert await picture_on_clipboard(env) == (content(picture), ".png")


async def test_in_windows_linux_the_windows_clipboard_is_asked(tmp_path: Path, picture: Path) -> None:
    env = programs(tmp_path, **{"powershell.exe": f"cat {picture}"}) | {"WSL_DISTRO_NAME": "Debian"}
    assert await picture_on_clipboard(env) == (content(picture), ".png")


# In the console


@contextmanager
def desktop(folder: Path, script: str) -> Iterator[None]:
    """A desktop whose clipboard is a script."""
    with pytest.MonkeyPatch.context() as patch:
        env = programs(folder, xclip=script)
        patch.setenv("PATH", env["PATH"])
        patch.setenv("OUT", env["OUT"])
        patch.setenv("DISPLAY", ":0")
        patch.setenv("TMPDIR", str(folder))
        for name in (*REMOTE, "WAYLAND_DISPLAY"):
            patch.delenv(name, raising=False)
        yield


def draft(pilot: Pilot[int]) -> Draft:
    return pilot.app.screen_stack[0].query_one(Composer).draft


async def test_the_picture_is_shown_and_goes_into_the_draft_once_the_agent_says_so(
    tmp_path: Path, picture: Path
) -> None:
    inbox = open_inbox(tmp_path / "data")
    with desktop(tmp_path, offering("image/png", then=f"cat {picture}")):
        async with console(inbox) as pilot:
            await press(pilot, "enter")
            await write(pilot, "look")
            await press(pilot, "f5")
            await until_seen(pilot, "▀▀▀▀")
            assert "64 × 48" in on_screen(pilot)
            await press(pilot, "enter")
            await until_seen(pilot, "image Picture")
            await until_seen(pilot, ".png")
            (file,) = draft(pilot).attachments
            assert (draft(pilot).text, file.kind, file.mime) == ("look", FileKind.IMAGE, "image/png")
            place = inbox.blobs.path(file.sha256)
            assert place is not None
            assert content(place) == content(picture)
            await settle_until(pilot, lambda: not left_in(tmp_path))
            await press(pilot, "enter")
            assert inbox.timeline(contact_named(inbox, "Mai Tran"))[-1].message.attachments == (file,)


@pytest.mark.parametrize("answer", ["n", "escape"])
async def test_the_picture_is_left_alone_if_the_agent_says_so(tmp_path: Path, picture: Path, answer: str) -> None:
    with desktop(tmp_path, offering("image/png", then=f"cat {picture}")):
        async with console(open_inbox(tmp_path / "data")) as pilot:
            await press(pilot, "f5")
            await until_seen(pilot, "Attach the picture")
            await press(pilot, answer)
            assert not isinstance(pilot.app.screen, PictureQuestion)
            assert draft(pilot) == Draft()
            assert not (tmp_path / "data" / "blobs").exists()


async def test_a_picture_that_the_channel_does_not_take_is_refused(tmp_path: Path, picture: Path) -> None:
    padded = f"cat {picture}; head -c 5000000 /dev/zero"
    with desktop(tmp_path, offering("image/png", then=padded)):
        async with console(open_inbox(tmp_path / "data")) as pilot:
            await press(pilot, "f5")
            await until_seen(pilot, "Attach the picture")
            await press(pilot, "y")
            await until_seen(pilot, "WhatsApp takes")
            assert draft(pilot) == Draft()


async def test_where_there_is_no_picture_a_sentence_says_so_and_what_is_typed_stays(tmp_path: Path) -> None:
    with desktop(tmp_path, offering("text/plain", then="exit 1")):
        async with console(open_inbox(tmp_path / "data")) as pilot:
            await press(pilot, "enter")
            await write(pilot, "look")
            await press(pilot, "f5")
            await until_seen(pilot, "The clipboard holds no picture.")
            assert draft(pilot) == Draft("look")
