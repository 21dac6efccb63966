"""Files on their way into the store and out of it."""

from __future__ import annotations

import errno
import json
import os
import socket
import stat
import tracemalloc
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from ismsg_tui.domain.entities import Attachment, FileKind
from ismsg_tui.files import blob_folder, handling
from ismsg_tui.files.handling import CHUNK, UNKNOWN, examine, media_type
from ismsg_tui.store.blobs import SCOPE, Blobs, FileCancelledError, FileError
from ismsg_tui.store.store import Store

HARD_TEXT = Path(__file__).parents[2] / "shared/data/hard-text.jsonl"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "data")
    yield store
    store.close()


@pytest.fixture
def kept(store: Store) -> Blobs:
    return store.blobs


def made(folder: Path, name: str, content: bytes = PNG) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def folder_of(kept: Blobs) -> Path:
    return kept.part("0" * 64).parents[1]


def left_behind(kept: Blobs) -> list[Path]:
    """Every file in the blobs' folder."""
    return [path for path in folder_of(kept).rglob("*") if path.is_file()]


# In


def test_a_file_is_kept_whole_under_its_hash_for_its_owner_alone(kept: Blobs, tmp_path: Path) -> None:
    found = kept.add(made(tmp_path, "cat.png"))
    assert found == Attachment(
        name="cat.png", kind=FileKind.IMAGE, mime="image/png", size=len(PNG), sha256=sha256(PNG).hexdigest()
    )
    place = kept.path(found.sha256)
    assert place == folder_of(kept) / found.sha256[:2] / found.sha256
    assert place.read_bytes() == PNG
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert left_behind(kept) == [place]
    state = kept.state(found.sha256)
    assert (state.here, state.there, state.word) == (True, False, "sending")


def test_the_same_bytes_are_kept_once(kept: Blobs, tmp_path: Path) -> None:
    first, second = kept.add(made(tmp_path, "a.png")), kept.add(made(tmp_path, "b.png"))
    assert (first.sha256, second.name) == (second.sha256, "b.png")
    assert len(left_behind(kept)) == 1


def test_what_is_known_of_a_recording_goes_with_it(kept: Blobs, tmp_path: Path) -> None:
    take = made(tmp_path, "take.ogg", b"OggS and so on")
    found = kept.add(take, name="voice", kind=FileKind.VOICE, mime="audio/ogg; codecs=opus", duration=1_500, peaks=(1,))
    assert (found.name, found.kind, found.mime, found.duration, found.peaks) == (
        "voice",
        FileKind.VOICE,
        "audio/ogg; codecs=opus",
        1_500,
        (1,),
    )


def test_progress_is_told_to_the_end(kept: Blobs, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    size = 2 * CHUNK + 1
    kept.add(made(tmp_path, "long", bytes(size)), progress=lambda *step: told.append(step))
    assert told == [(CHUNK, size), (2 * CHUNK, size), (size, size)]


def test_a_cancelled_copy_leaves_nothing(kept: Blobs, tmp_path: Path) -> None:
    with pytest.raises(FileCancelledError):
        kept.add(made(tmp_path, "long", bytes(3 * CHUNK)), cancelled=lambda: True)
    assert left_behind(kept) == []


def test_a_large_file_costs_no_more_memory_than_a_piece_of_it(kept: Blobs, tmp_path: Path) -> None:
    large = tmp_path / "large.bin"
    with large.open("wb") as file:
        file.truncate(200_000_000)
    tracemalloc.start()
    found = kept.add(large)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.size == 200_000_000
    assert peak < 8 * CHUNK


# What can't be taken


def refused(kept: Blobs, path: Path) -> str:
    with pytest.raises(FileError) as caught:
        kept.add(path)
    assert str(caught.value).endswith((".", "?"))
    assert left_behind(kept) == []
    return str(caught.value)


def test_an_empty_file_is_refused(kept: Blobs, tmp_path: Path) -> None:
    assert refused(kept, made(tmp_path, "none.txt", b"")) == "none.txt is empty: there is nothing to send."


def test_a_missing_file_is_refused(kept: Blobs, tmp_path: Path) -> None:
    assert "no file" in refused(kept, tmp_path / "gone.txt")


def test_a_folder_is_refused(kept: Blobs, tmp_path: Path) -> None:
    assert refused(kept, tmp_path) == f"{tmp_path.name} is a folder: choose the files in it."


def test_a_pipe_is_refused_without_waiting_for_a_writer(kept: Blobs, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "is a pipe" in refused(kept, tmp_path / "pipe")


def test_a_device_and_a_socket_are_refused(kept: Blobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "is a device" in refused(kept, Path("/dev/null"))
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        assert refused(kept, tmp_path / "socket").startswith("socket ")


def test_a_file_without_permission_is_refused(kept: Blobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = made(tmp_path, "secret.txt")
    opened = os.open

    def denied(name: Any, *rest: Any, **more: Any) -> int:
        if Path(name) == path:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return opened(name, *rest, **more)

    monkeypatch.setattr(os, "open", denied)
    assert "permission" in refused(kept, path)


def test_a_name_that_no_file_can_have_is_refused(kept: Blobs) -> None:
    assert "can't be opened" in refused(kept, Path("a\0b"))


def test_a_full_disk_is_told_and_leaves_nothing(kept: Blobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(blob_folder, "copy_hashing", full)
    assert "disk is full" in refused(kept, made(tmp_path, "a.txt"))


def test_a_file_that_grows_while_it_is_read_is_refused(kept: Blobs, tmp_path: Path) -> None:
    path = made(tmp_path, "log.txt", bytes(2 * CHUNK))

    def grow(done: int, _: int) -> None:
        if done == CHUNK:
            with path.open("ab") as file:
                file.write(b"more")

    with pytest.raises(FileError, match="has changed"):
        kept.add(path, progress=grow)
    assert not any(path.is_file() and path.stat().st_size for path in (folder_of(kept) / "tmp").iterdir())


# What a file is


@pytest.mark.parametrize(
    ("head", "name", "mime"),
    [
        (PNG, "cat.txt", "image/png"),
        (b"\xff\xd8\xff\xe0", "a", "image/jpeg"),
        (b"%PDF-1.7", "a", "application/pdf"),
        (b"RIFF\0\0\0\0WAVE", "a", "audio/wav"),
        (b"\0\0\0\x20ftypisom", "a.mp4", "video/mp4"),
        (b"\0\0\0\x20ftypisom", "a.m4a", "audio/mp4"),
        (b"\0\0\0\x20ftypM4A ", "a", "audio/mp4"),
        (b"ID3\x04", "a", "audio/mpeg"),
        (b"hello", "a.txt", "text/plain"),
        (b"hello", "a", UNKNOWN),
        (b"MZ\x90", "cat.png", UNKNOWN),
    ],
)
def test_what_a_file_is_is_told_by_its_first_bytes_before_its_name(head: bytes, name: str, mime: str) -> None:
    assert media_type(head, name) == mime


def test_a_file_is_looked_at_without_being_copied(kept: Blobs, tmp_path: Path) -> None:
    found = examine(made(tmp_path, "cat.png"))
    assert (found.name, found.size, found.sha256) == ("cat.png", len(PNG), "")
    assert left_behind(kept) == []


# Out


def saved_as(kept: Blobs, tmp_path: Path, name: str) -> Path:
    found = kept.add(made(tmp_path, "source"))
    return kept.save(Attachment(**{**_fields(found), "name": name}), tmp_path / "out")


def _fields(attachment: Attachment) -> dict[str, Any]:
    return {name: getattr(attachment, name) for name in attachment.__struct_fields__}


def test_saving_never_overwrites(kept: Blobs, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    made(tmp_path / "out", "a.txt", b"mine")
    assert saved_as(kept, tmp_path, "a.txt").name == "a (2).txt"
    assert saved_as(kept, tmp_path, "a.txt").name == "a (3).txt"
    assert (tmp_path / "out/a.txt").read_bytes() == b"mine"
    assert len(list((tmp_path / "out").iterdir())) == 3


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd", "passwd"),
        ("..\\..\\run.exe", "run.exe"),
        ("/etc/cron.d/job", "job"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("a\x1b[2Jb.txt", "ab.txt"),
        (".bashrc", "bashrc"),
        ("photo.jpg.sh", "photo.jpg.sh"),
        ("", "file"),
        ("..", "file"),
    ],
)
def test_a_deceptive_name_is_saved_as_what_it_is_and_can_not_be_run(
    kept: Blobs, tmp_path: Path, name: str, safe: str
) -> None:
    place = saved_as(kept, tmp_path, name)
    assert (place.parent, place.name) == (tmp_path / "out", safe)
    assert not place.stat().st_mode & 0o111


def test_names_from_real_life_are_saved_inside_the_folder(kept: Blobs, tmp_path: Path) -> None:
    if not HARD_TEXT.exists():
        pytest.skip("no hard texts here")
    texts = [json.loads(line) for line in HARD_TEXT.read_text(encoding="utf-8").splitlines()]
    names = [value for item in texts for value in item.values() if isinstance(value, str)]
    for name in names:
        place = saved_as(kept, tmp_path, name)
        assert place.parent == tmp_path / "out"
        assert place.read_bytes() == PNG
        assert place.name.isprintable() or not any(ord(char) < 32 for char in place.name)


def test_a_link_in_the_way_is_not_followed(kept: Blobs, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/a.txt").symlink_to(tmp_path / "elsewhere")
    assert saved_as(kept, tmp_path, "a.txt").name == "a (2).txt"
    assert not (tmp_path / "elsewhere").exists()


def test_saving_where_nothing_can_be_saved_says_so(kept: Blobs, tmp_path: Path) -> None:
    found = kept.add(made(tmp_path, "source"))
    with pytest.raises(FileError, match=r"was not saved: .*source is no folder"):
        kept.save(found, tmp_path / "source")


def test_a_hash_that_is_a_path_leads_nowhere(kept: Blobs, tmp_path: Path) -> None:
    hostile = "../../../etc/passwd"
    assert kept.path(hostile) is None
    kept.want(hostile)
    assert kept.state(hostile).word == "away"
    with pytest.raises(FileError):
        kept.take(hostile, made(tmp_path, "part"))


def test_a_file_that_is_not_here_can_not_be_opened_or_saved(kept: Blobs, tmp_path: Path) -> None:
    away = Attachment(name="a", kind=FileKind.FILE, mime=UNKNOWN, size=1, sha256="a" * 64)
    with pytest.raises(FileError, match="not here yet"):
        kept.open(away.sha256)
    with pytest.raises(FileError, match="not here yet"):
        kept.save(away, tmp_path)


# What is known


def test_who_wants_a_file_hears_of_it_and_can_stop_wanting_it(store: Store, kept: Blobs) -> None:
    heard: list[str] = []
    store.listen(heard.extend)
    wanted = "b" * 64
    kept.want(wanted, 10)
    assert (kept.state(wanted).word, heard) == ("wanted", [SCOPE + wanted])
    kept.want(wanted, 10)
    assert len(heard) == 1
    kept.cancel(wanted)
    assert kept.state(wanted).word == "away"


def test_wrong_bytes_never_become_a_blob(kept: Blobs, tmp_path: Path) -> None:
    part = made(tmp_path, "part", b"not what was sent")
    with pytest.raises(FileError, match="not the file"):
        kept.take("c" * 64, part)
    assert not part.exists()
    assert kept.path("c" * 64) is None


def test_copies_of_dead_processes_are_cleared_away(kept: Blobs, tmp_path: Path) -> None:
    kept.add(made(tmp_path, "a.txt"))
    old, new = made(folder_of(kept) / "tmp", "old.copy"), made(folder_of(kept) / "tmp", "new.copy")
    os.utime(old, (0, 0))
    kept.add(made(tmp_path, "b.txt"))
    assert (old.exists(), new.exists()) == (False, True)


def test_pieces_are_read_and_not_files(monkeypatch: pytest.MonkeyPatch, kept: Blobs, tmp_path: Path) -> None:
    monkeypatch.setattr(handling, "CHUNK", 7)
    content = bytes(range(256))
    found = kept.add(made(tmp_path, "a.bin", content))
    with kept.open(found.sha256) as file:
        assert file.read() == content
