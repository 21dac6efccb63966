"""Files on the command line: sent, shown, listed and saved."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

import pytest

from ismsg_tui.domain.commands import ReceiveMessage
from ismsg_tui.domain.entities import Attachment, FileKind
from ismsg_tui.store.blobs import Blobs
from tests.cli_desk import GUEST, PHONE, Desk

PNG = b"\x89PNG\r\n\x1a\n" + bytes(992)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path / "data")
    desk.contact("Mai", "Tran", "hello")
    return desk


@pytest.fixture
def cat(tmp_path: Path) -> Path:
    path = tmp_path / "cat.png"
    path.write_bytes(PNG)
    return path


def receive(desk: Desk, name: str, content: bytes, *, here: bool = True) -> Attachment:
    """Have Mai send a file, and have it fetched already if it is `here`."""
    digest = sha256(content).hexdigest()
    file = Attachment(name=name, kind=FileKind.VOICE, mime="audio/ogg", size=len(content), sha256=digest, duration=1500)
    inbox = desk.open()
    (mai,) = inbox.contacts.resolve("Mai Tran")
    if here:
        part = inbox.blobs.part(digest)
        part.write_bytes(content)
        inbox.blobs.take(digest, part)
    inbox.close_store()
    desk.do(ReceiveMessage(mai.id, "", PHONE.id, (file,)), GUEST)
    return file


def test_files_go_with_a_text_or_alone(desk: Desk, cat: Path) -> None:
    other = cat.with_name("note.txt")
    other.write_text("hello")
    assert "waiting to be sent" in desk.good("send", "Mai Tran", "look", "--attach", str(cat), "--attach", str(other))
    desk.good("send", "Mai Tran", "--attach", str(cat))
    both, alone = [line for line in desk.objects("show", "Mai Tran") if line["attachments"]]
    assert [file["name"] for file in both["attachments"]] == ["cat.png", "note.txt"]
    assert (both["text"], alone["text"]) == ("look", "")
    assert alone["attachments"] == [
        {
            "name": "cat.png",
            "kind": "image",
            "mime": "image/png",
            "size": 1000,
            "sha256": sha256(PNG).hexdigest(),
            "duration": None,
            "state": "sending",
        }
    ]


def test_people_see_files_between_brackets(desk: Desk, cat: Path) -> None:
    desk.good("send", "Mai Tran", "look", "--attach", str(cat))
    assert "[image cat.png 1 kB]" in desk.good("show", "Mai Tran")
    assert "[image cat.png 1 kB]" in desk.good("files", "Mai Tran")


def test_a_file_that_the_channel_does_not_take_is_refused_before_it_is_copied(
    desk: Desk, cat: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def add(*_: object, **__: object) -> None:
        raise AssertionError("it was copied")

    monkeypatch.setattr(Blobs, "add", add)
    large = cat.with_name("large.png")
    with large.open("wb") as file:
        file.write(PNG)
        file.truncate(5_000_001)
    words = desk.refused("send", "Mai Tran", "look", "--attach", str(large))
    assert "large.png has 5,000,001 bytes; WhatsApp takes pictures up to 5,000,000 bytes." in words
    assert not any(line["text"] == "look" for line in desk.objects("show", "Mai Tran"))


def test_a_file_exactly_at_the_limit_is_sent(desk: Desk, cat: Path) -> None:
    with cat.open("r+b") as file:
        file.truncate(5_000_000)
    desk.good("send", "Mai Tran", "--attach", str(cat))


@pytest.mark.parametrize(
    ("name", "words"), [("gone", "no file"), ("folder", "is a folder"), ("empty", "is empty"), ("pipe", "is a pipe")]
)
def test_what_is_no_file_is_refused_and_nothing_is_sent(desk: Desk, tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty").touch()
    os.mkfifo(tmp_path / "pipe")
    assert words in desk.refused("send", "Mai Tran", "look", "--attach", str(tmp_path / name))
    assert not any(line["text"] == "look" for line in desk.objects("show", "Mai Tran"))


def test_there_has_to_be_something_to_send(desk: Desk) -> None:
    assert "--attach" in desk.refused("send", "Mai Tran", code=2)


def test_durations_are_seconds(desk: Desk) -> None:
    receive(desk, "voice.ogg", b"OggS")
    assert desk.objects("show", "Mai Tran")[-1]["attachments"][0]["duration"] == 1.5


def test_every_file_of_a_contact_is_saved_once(desk: Desk, cat: Path, tmp_path: Path) -> None:
    desk.good("send", "Mai Tran", "--attach", str(cat))
    receive(desk, "../cat.png", b"another")
    out = tmp_path / "out"
    for _ in range(2):
        assert f"2 files in {out}" in desk.good("files", "Mai Tran", "--to", str(out)).replace("\n", "")
        assert {path.read_bytes() for path in out.iterdir()} == {PNG, b"another"}
        assert all(path.parent == out and not path.stat().st_mode & 0o111 for path in out.iterdir())


def test_a_file_that_is_not_here_yet_is_named_and_asked_for(desk: Desk, cat: Path, tmp_path: Path) -> None:
    desk.good("send", "Mai Tran", "--attach", str(cat))
    away = receive(desk, "voice.ogg", b"OggS", here=False)
    assert "voice.ogg 4 B] away" in desk.good("files", "Mai Tran")
    words = desk.refused("files", "Mai Tran", "--to", str(tmp_path / "out"))
    assert "voice.ogg is not here yet." in words
    assert "1 file could not be saved." in words
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["cat.png"]
    states = {file["name"]: file["state"] for file in desk.objects("files", "Mai Tran")}
    assert states == {"cat.png": "sending", away.name: "wanted"}


def test_programs_hear_where_files_were_saved(desk: Desk, cat: Path, tmp_path: Path) -> None:
    desk.good("send", "Mai Tran", "--attach", str(cat))
    (saved,) = desk.objects("files", "Mai Tran", "--to", str(tmp_path / "out"))
    assert Path(saved["path"]).read_bytes() == PNG


def test_a_contact_without_files_has_none(desk: Desk) -> None:
    assert desk.good("files", "Mai Tran") == "No files were sent.\n"


def test_names_from_outside_do_no_harm(desk: Desk) -> None:
    receive(desk, "in\u202evoice\x1b[2J\n.ogg", b"OggS")
    for command in ("files", "show"):
        output = desk.good(command, "Mai Tran")
        assert "invoice" in output
        assert not {"\u202e", "\x1b"} & set(output)
