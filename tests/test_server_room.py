"""What the disk of a server has room for: files that were announced count, and a full disk is told as one."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import httpx
import pytest

from ismsg_tui.files.blob_folder import BlobFolder
from ismsg_tui.server.blobs import BlobLimits
from tests.desk_server import Console, Desk, desk

__all__ = ["desk"]

FULL = Path("/dev/full")


def announce(console: Console, content: bytes) -> httpx.Response:
    return console.post("/uploads", {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)})


def send(console: Console, location: str, content: bytes) -> int:
    return console.http.patch(location, content=content, headers={"Upload-Offset": "0"}).status_code


def put(console: Console, content: bytes) -> httpx.Response:
    return console.http.put(f"{console.base}/blobs/{hashlib.sha256(content).hexdigest()}", content=content)


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def files(desk: Desk) -> list[Path]:
    folder = desk.server.blobs.folder(desk.workspace.id).path
    return [path for path in folder.rglob("*") if path.is_file()]


def test_what_was_announced_has_its_room_until_it_has_come_or_was_given_up(desk: Desk) -> None:
    desk.server.blobs.limits = BlobLimits(largest=1000, quota=1000)
    console = desk.console()
    first, second = b"1" * 400, b"2" * 400
    places = [announce(console, content).headers["location"] for content in (first, second)]
    assert code(announce(console, b"3" * 400)) == (507, "quota")
    assert code(put(console, b"4" * 201)) == (507, "quota")
    assert put(console, b"5" * 200).status_code == 201
    assert send(console, places[0], first) == 204
    assert code(announce(console, b"6")) == (507, "quota")
    assert console.http.delete(places[1]).status_code == 204
    assert announce(console, b"7" * 400).status_code == 201


def test_an_upload_that_is_refused_or_never_begins_leaves_nothing_behind(desk: Desk) -> None:
    desk.server.blobs.limits = BlobLimits(largest=1000, quota=1000)
    console = desk.console()
    assert announce(console, b"1" * 1000).status_code == 201
    assert code(announce(console, b"2")) == (507, "quota")
    assert files(desk) == []


# A full disk


@pytest.fixture
def on_a_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    if not FULL.exists() or sys.platform != "linux":
        pytest.skip("there is no disk here that is always full")

    @contextmanager
    def scratch(_: BlobFolder) -> Iterator[tuple[BinaryIO, Path]]:
        with FULL.open("wb", buffering=0) as file:
            yield file, FULL

    monkeypatch.setattr(BlobFolder, "scratch", scratch)


@pytest.mark.usefixtures("on_a_full_disk")
def test_a_file_for_which_the_disk_has_no_room_is_refused_as_that(desk: Desk) -> None:
    console = desk.console()
    assert code(put(console, b"x" * 100)) == (507, "disk-full")
    location = announce(console, b"x" * 100).headers["location"]
    assert send(console, location, b"x" * 100) == 507
    assert console.get("/hello").status_code == 200


@pytest.mark.usefixtures("on_a_full_disk")
def test_a_piece_for_which_the_disk_has_no_room_is_refused_as_that_and_can_be_sent_again(desk: Desk) -> None:
    console, content = desk.console(), b"x" * 100
    location = announce(console, content).headers["location"]
    part = desk.server.blobs.folder(desk.workspace.id).part(location.rpartition("/")[2])
    part.symlink_to(FULL)
    assert send(console, location, content[:50]) == 507
    part.unlink()
    assert send(console, location, content[:50]) == 204
