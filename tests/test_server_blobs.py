"""Files on the server: sent whole or in pieces over connections that break, seen by those whom they concern."""

from __future__ import annotations

import hashlib
import random
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from sqlalchemy import Connection, text

from ismsg_tui.clock import new_id
from ismsg_tui.domain.commands import Actor, CreateContact, Issued, SaveSnippet, SendMessage
from ismsg_tui.domain.entities import Attachment, Channel, Contact, FileKind, Snippet, Workspace
from ismsg_tui.domain.media import media_of
from ismsg_tui.domain.state import Refusal
from ismsg_tui.domain.wire import LARGEST_PIECE, UploadRequest
from ismsg_tui.server.accounts import Viewer
from ismsg_tui.server.admin import Admin
from ismsg_tui.server.blobs import HOUR, BlobLimits, Blobs
from ismsg_tui.server.database import Database
from ismsg_tui.server.errors import ProblemError
from ismsg_tui.server.ledger import FILE_MISSING, Ledger
from ismsg_tui.server.uploads import Uploads
from tests.desk_server import CHANNEL, Console, Desk, command, desk_on, small_desk
from tests.factories import ANA, T0
from tests.waiting import PATIENCE, until

__all__ = ["small_desk"]

WEB = Channel(id=new_id(), kind="web", name="Website", text_limit=500, media=media_of("web"))


def octets(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def attachment(content: bytes, name: str = "plan.bin") -> Attachment:
    return Attachment(
        name=name, kind=FileKind.FILE, mime="application/octet-stream", size=len(content), sha256=sha256(content)
    )


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


@pytest.fixture
def desk(server_database: Database, tmp_path: Path) -> Iterator[Desk]:
    with desk_on(server_database, tmp_path / "server") as desk:
        desk.server.ledger.seed(desk.workspace.id, [WEB])
        yield desk


def place(console: Console, content: bytes) -> str:
    return f"{console.base}/blobs/{sha256(content)}"


def put(console: Console, content: bytes) -> httpx.Response:
    return console.http.put(place(console, content), content=content)


def begin(console: Console, content: bytes) -> str:
    answer = console.post("/uploads", {"sha256": sha256(content), "size": len(content)})
    assert answer.status_code == 201
    assert answer.headers["upload-offset"] == "0"
    return str(answer.headers["location"])


def patch(console: Console, location: str, offset: int, piece: bytes) -> httpx.Response:
    return console.http.patch(location, content=piece, headers={"Upload-Offset": str(offset)})


def offset_of(console: Console, location: str) -> int:
    return int(console.http.head(location).headers["upload-offset"])


class OpenRequest:
    """A request that is written by hand, so that it can stop anywhere."""

    def __init__(self, console: Console, location: str, offset: int, length: int) -> None:
        where = urlsplit(str(console.http.base_url))
        self.socket = socket.create_connection((where.hostname, where.port), timeout=PATIENCE)
        head = (
            f"PATCH {location} HTTP/1.1\r\nHost: {where.netloc}\r\nUpload-Offset: {offset}\r\n"
            f"Authorization: {console.http.headers['authorization']}\r\nContent-Length: {length}\r\n\r\n"
        )
        self.socket.sendall(head.encode())

    def send(self, piece: bytes) -> None:
        self.socket.sendall(piece)

    def cut(self) -> None:
        self.socket.close()

    def status(self) -> int:
        with self.socket, self.socket.makefile("rb") as answer:
            return int(answer.readline().split()[1])


# Whole files


def test_a_file_comes_back_as_it_was_sent(desk: Desk) -> None:
    console, content = desk.console(), octets(300_000)
    assert console.http.head(place(console, content)).status_code == 404
    assert put(console, content).status_code == 201
    assert put(console, content).status_code == 204
    looked = console.http.head(place(console, content))
    assert (looked.status_code, looked.headers["content-length"]) == (200, "300000")
    answer = console.http.get(place(console, content))
    assert answer.content == content
    assert answer.headers["etag"] == f'"{sha256(content)}"'
    assert "immutable" in answer.headers["cache-control"]


@pytest.mark.parametrize(
    ("wanted", "span"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=10-19", (10, 20)),
        ("bytes=990-", (990, 1000)),
        ("bytes=-5", (995, 1000)),
        ("bytes=-5000", (0, 1000)),
        ("bytes=900-5000", (900, 1000)),
        ("bytes=20-10", (0, 1000)),
        ("bytes=0-1,4-5", (0, 1000)),
        ("lines=0-1", (0, 1000)),
    ],
)
def test_a_range_of_a_file_can_be_asked_for(small_desk: Desk, wanted: str, span: tuple[int, int]) -> None:
    content = octets(1000)
    console = small_desk.console()
    put(console, content)
    answer = console.http.get(place(console, content), headers={"Range": wanted})
    start, stop = span
    assert answer.content == content[start:stop]
    if span == (0, 1000):
        assert answer.status_code == 200
    else:
        assert answer.status_code == 206
        assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/1000"


def test_a_range_beyond_the_end_is_refused_with_the_size(small_desk: Desk) -> None:
    console, content = small_desk.console(), octets(1000)
    put(console, content)
    answer = console.http.get(place(console, content), headers={"Range": "bytes=1000-"})
    assert code(answer) == (416, "range")
    assert answer.headers["content-range"] == "bytes */1000"


def test_who_has_the_file_is_told_so_and_who_has_another_gets_all_of_it(small_desk: Desk) -> None:
    console, content = small_desk.console(), octets(1000)
    put(console, content)
    etag = f'"{sha256(content)}"'
    assert console.http.get(place(console, content), headers={"If-None-Match": etag}).status_code == 304
    stale = console.http.get(place(console, content), headers={"Range": "bytes=5-", "If-Range": '"other"'})
    assert (stale.status_code, stale.content) == (200, content)


def test_other_bytes_than_the_name_says_are_refused_and_not_kept(small_desk: Desk) -> None:
    console, content = small_desk.console(), octets(1000)
    assert code(console.http.put(place(console, content), content=content + b"!")) == (422, "digest-mismatch")
    assert console.http.head(place(console, content)).status_code == 404
    assert code(console.http.put(f"{console.base}/blobs/../../etc", content=b"x"))[0] == 404
    assert code(console.http.put(f"{console.base}/blobs/{'Z' * 64}", content=b"x")) == (422, "digest-mismatch")
    folder = small_desk.server.blobs.folder(small_desk.workspace.id).path
    assert [path for path in folder.rglob("*") if path.is_file()] == []


def test_a_file_that_is_too_large_for_one_go_is_refused(small_desk: Desk) -> None:
    console, content = small_desk.console(), octets(LARGEST_PIECE + 1)
    assert code(put(console, content)) == (413, "too-large")


def test_a_workspace_without_room_takes_no_more_files(server_database: Database, tmp_path: Path) -> None:
    with desk_on(server_database, tmp_path / "server") as desk:
        desk.server.blobs.limits = BlobLimits(largest=5000, quota=1500)
        console = desk.console()
        assert put(console, octets(1000)).status_code == 201
        assert code(put(console, octets(501))) == (507, "quota")
        assert code(console.post("/uploads", {"sha256": "0" * 64, "size": 501})) == (507, "quota")
        assert code(console.post("/uploads", {"sha256": "0" * 64, "size": 5001})) == (413, "too-large")
        assert put(console, octets(500)).status_code == 201


# Who may see them


def test_a_file_is_for_its_sender_and_for_those_who_see_a_contact_that_has_it(desk: Desk) -> None:
    olga, ana, content = desk.console(), desk.console(desk.ana), octets(1000)
    contact = desk.contact()
    put(olga, content)
    assert ana.http.head(place(ana, content)).status_code == 404
    file = {"name": "a.bin", "kind": "file", "mime": "text/plain", "size": 1000, "sha256": sha256(content)}
    sent = olga.push(command("message.send", contact_id=contact.id, text="", channel_id=WEB.id, attachments=[file]))
    assert sent.json()["results"][0]["refusal"] is None
    assert code(ana.http.get(place(ana, content))) == (404, "unknown-file")
    olga.push(command("contact.assign", contact_id=contact.id, assignee_id=desk.ana.id, expected_id=desk.olga.id))
    assert ana.http.get(place(ana, content)).content == content


def test_the_files_of_a_snippet_are_for_everybody_until_it_lets_go_of_them(desk: Desk) -> None:
    olga, ana, content = desk.console(), desk.console(desk.ana), octets(1000)
    put(olga, content)
    snippet = {"id": new_id(), "name": "map", "text": "", "attachments": []}
    file = {"name": "a.bin", "kind": "file", "mime": "text/plain", "size": 1000, "sha256": sha256(content)}
    olga.push(command("snippet.save", snippet={**snippet, "attachments": [file]}))
    assert ana.http.get(place(ana, content)).content == content
    olga.push(command("snippet.save", snippet={**snippet, "text": "no map any more"}))
    assert ana.http.get(place(ana, content)).status_code == 404


def test_files_of_another_workspace_are_nowhere(desk: Desk, tmp_path: Path) -> None:
    console, content = desk.console(), octets(1000)
    put(console, content)
    other = desk.admin.create_workspace(Workspace(id=new_id(), name="Another"))
    stranger = desk.admin.add_user(other.id, ANA, "correct horse battery")
    session = desk.server.accounts.issue_local(other.id, stranger.id, "x")
    base = {"Authorization": f"Bearer {session.access}"}
    assert desk.client(**base).get(f"/v1/w/{other.id}/blobs/{sha256(content)}").status_code == 404
    assert desk.client(**base).get(place(console, content)).status_code in (403, 404)


def test_two_who_send_the_same_file_at_the_same_time_both_have_it(desk: Desk) -> None:
    content = octets(400_000)
    consoles = [desk.console(), desk.console(desk.ana)] * 2
    answers: list[int] = []

    def send(console: Console) -> None:
        answers.append(put(console, content).status_code)

    threads = [threading.Thread(target=send, args=(console,)) for console in consoles]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(answers) <= {201, 204}
    assert len(answers) == 4
    for console in consoles:
        assert console.http.get(place(console, content)).content == content


# In pieces


CUTS = [1, 65_535, 65_536, 65_537, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 2_499_999]
UNREAD = 1 << 17
"""What the web server may hold of a request that breaks, and throw away with it."""


@pytest.mark.parametrize("cut", CUTS)
def test_an_upload_that_was_cut_off_goes_on_from_where_it_is(desk: Desk, cut: int) -> None:
    console, content = desk.console(), octets(2_500_000)
    location = begin(console, content)
    request = OpenRequest(console, location, 0, len(content))
    request.send(content[:cut])
    request.cut()
    if cut > UNREAD:
        until(lambda: offset_of(console, location) > 0)
    offset = offset_of(console, location)
    assert cut - UNREAD <= offset <= cut
    answer = patch(console, location, offset, content[offset:])
    if answer.status_code == 409:
        offset = answer.json()["params"]["offset"]
        answer = patch(console, location, offset, content[offset:])
    assert (answer.status_code, answer.headers["upload-offset"]) == (204, str(len(content)))
    assert console.http.get(place(console, content)).content == content


def test_pieces_of_any_size_make_the_file(small_desk: Desk) -> None:
    console, content = small_desk.console(), octets(100_003)
    location = begin(console, content)
    for start, stop in [(0, 1), (1, 2), (2, 65_536), (65_536, 65_537), (65_537, 65_537), (65_537, 100_003)]:
        answer = patch(console, location, start, content[start:stop])
        assert (answer.status_code, answer.headers["upload-offset"]) == (204, str(stop))
        assert console.http.head(place(console, content)).status_code == (200 if stop == len(content) else 404)
    assert offset_of(console, location) == len(content)
    assert patch(console, location, len(content), b"").status_code == 204, "the last answer may have got lost"
    assert code(patch(console, location, len(content), b"!")) == (422, "upload-overrun")
    assert console.http.get(place(console, content)).content == content


def test_a_piece_at_the_wrong_place_is_told_the_right_one(desk: Desk) -> None:
    console, content = desk.console(), octets(1000)
    location = begin(console, content)
    patch(console, location, 0, content[:600])
    for wrong in (0, 599, 601, 1000):
        answer = patch(console, location, wrong, content[wrong:])
        assert code(answer) == (409, "offset-mismatch")
        assert answer.json()["params"] == {"offset": 600}
    assert patch(console, location, 600, content[600:]).status_code == 204


def test_a_new_piece_takes_over_from_one_that_hangs_and_that_can_harm_nothing_later(desk: Desk) -> None:
    console, content = desk.console(), octets(4_000_000)
    location = begin(console, content)
    hanging = OpenRequest(console, location, 0, len(content))
    hanging.send(content[:2_000_000])
    part = desk.server.uploads._path(desk.workspace.id, location.rpartition("/")[2])
    until(lambda: part.exists() and part.stat().st_size > 0)
    assert patch(console, location, 0, content).status_code == 204
    hanging.send(b"x" * 2_000_000)
    assert hanging.status() == 409
    assert console.http.get(place(console, content)).content == content


def test_bytes_that_are_not_the_announced_file_are_refused_and_forgotten(desk: Desk) -> None:
    console, content = desk.console(), octets(1000)
    location = begin(console, content)
    assert code(patch(console, location, 0, octets(1001)[:1000])) == (422, "digest-mismatch")
    assert console.http.head(location).status_code == 410
    assert console.http.head(place(console, content)).status_code == 404
    location = begin(console, content)
    assert code(patch(console, location, 0, content + b"!")) == (422, "upload-overrun")
    assert offset_of(console, location) == 0


def test_an_upload_is_its_users_own_and_can_be_given_up(desk: Desk) -> None:
    console, ana, content = desk.console(), desk.console(desk.ana), octets(1000)
    location = begin(console, content)
    assert ana.http.head(location).status_code == 410
    assert code(patch(ana, location, 0, content)) == (410, "upload-gone")
    assert console.http.delete(location).status_code == 204
    assert code(patch(console, location, 0, content)) == (410, "upload-gone")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"sha256": "0" * 63, "size": 5}, "/sha256"),
        ({"sha256": "A" * 64, "size": 5}, "/sha256"),
        ({"sha256": "0" * 64, "size": 0}, "/size"),
        ({"sha256": "0" * 64, "size": -1}, "/size"),
        ({"sha256": "0" * 64}, "/size"),
    ],
)
def test_an_upload_of_what_can_be_no_file_is_refused_by_the_field(
    small_desk: Desk, body: dict[str, object], pointer: str
) -> None:
    answer = small_desk.console().post("/uploads", body)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


@pytest.mark.parametrize("offset", ["-1", "one", "", "1" * 40])
def test_an_offset_that_is_no_number_is_refused(small_desk: Desk, offset: str) -> None:
    console, content = small_desk.console(), octets(1000)
    location = begin(console, content)
    answer = console.http.patch(location, content=content, headers={"Upload-Offset": offset})
    assert 400 <= answer.status_code < 500
    assert offset_of(console, location) == 0


LARGE = """
import hashlib, resource, sys
from pathlib import Path
from ismsg_tui.server.database import Database
from tests.desk_server import desk_on

folder, size, piece = Path(sys.argv[1]), 200_000_000, 8 << 20
database = Database(f"sqlite:///{folder}/server.db")
database.migrate()
block = bytes(range(256)) * 4096
whole = hashlib.sha256()
left = size
while left:
    whole.update(block[:left])
    left -= min(left, len(block))

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

with desk_on(database, folder) as desk:
    console = desk.console()
    http, base = console.http, console.base
    location = console.post("/uploads", {"sha256": whole.hexdigest(), "size": size}).headers["location"]
    offset, before = 0, 0
    while offset < size:
        content = (block * 8)[: min(piece, size - offset)]
        answer = http.patch(location, content=content, headers={"Upload-Offset": str(offset)}, timeout=120)
        assert answer.status_code == 204, answer.text
        offset = int(answer.headers["upload-offset"])
        before = before or peak()
    got = hashlib.sha256()
    with http.stream("GET", f"{base}/blobs/{whole.hexdigest()}") as answer:
        for some in answer.iter_bytes():
            got.update(some)
    assert got.hexdigest() == whole.hexdigest()
    print(peak() - before)
database.close()
"""


def test_a_file_of_two_hundred_megabytes_costs_no_more_memory_than_a_small_one(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LARGE, str(tmp_path)],
        check=False,
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 60_000, "kilobytes"


# What is taken away


class Storeroom:
    """Files and a ledger with a clock of its own."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.now = T0
        self.ledger = Ledger(database, clock=self.clock)
        self.blobs = Blobs(database, folder / "blobs", self.ledger, clock=self.clock)
        self.uploads = Uploads(database, self.blobs, clock=self.clock)
        admin = Admin(database, self.ledger)
        self.workspace = admin.create_workspace(Workspace(id=new_id(), name="Hotel"))
        self.ledger.seed(self.workspace.id, [WEB])
        self.user = admin.add_user(self.workspace.id, ANA, "correct horse battery")
        self.contact = Contact(id=new_id(), first_name="Mai", channel_id=WEB.id)
        self.ledger.submit(self.workspace.id, Issued(new_id(), CreateContact(self.contact), CHANNEL, 0))
        self.viewer = Viewer(
            self.workspace.id, self.user.id, "device", self.user.role, self.user.visibility, "", 0, "epoch", 0
        )

    def clock(self) -> int:
        return self.now

    def keep(self, content: bytes) -> None:
        with self.blobs.receive(self.workspace.id, 10_000) as incoming:
            incoming.write(content)
            self.blobs.keep_sent(self.viewer, sha256(content), incoming)

    def send(self, content: bytes) -> Refusal | None:
        """Send a message with a file."""
        sent = SendMessage(self.contact.id, "", None, (attachment(content),))
        return self.ledger.submit(self.workspace.id, Issued(new_id(), sent, Actor(self.user.id), 0)).refusal

    def is_there(self, content: bytes) -> bool:
        try:
            self.blobs.find(self.viewer, sha256(content))
        except ProblemError as error:
            return error.status != 404
        return True


@pytest.fixture
def storeroom(server_database: Database, tmp_path: Path) -> Storeroom:
    return Storeroom(server_database, tmp_path)


def test_what_nobody_refers_to_is_taken_away_after_a_day(storeroom: Storeroom) -> None:
    storeroom.keep(b"forgotten")
    storeroom.keep(b"sent")
    assert storeroom.send(b"sent") is None
    storeroom.now += 24 * HOUR
    assert storeroom.blobs.vacuum() == 0
    storeroom.now += 1
    assert storeroom.blobs.vacuum() == 1
    assert not storeroom.is_there(b"forgotten")
    assert storeroom.is_there(b"sent")
    left = [path for path in storeroom.blobs.folder(storeroom.workspace.id).path.rglob("*") if path.is_file()]
    assert [path.name for path in left] == [sha256(b"sent")]


def test_who_looks_for_a_file_has_another_day_to_send_it(storeroom: Storeroom) -> None:
    storeroom.keep(b"looked for")
    storeroom.now += 25 * HOUR
    assert storeroom.is_there(b"looked for")
    assert storeroom.blobs.vacuum() == 0
    assert storeroom.send(b"looked for") is None


def test_a_command_whose_file_was_taken_away_is_refused_and_good_once_it_is_there_again(storeroom: Storeroom) -> None:
    storeroom.keep(b"lost")
    storeroom.now += 25 * HOUR
    assert storeroom.blobs.vacuum() == 1
    refusal = storeroom.send(b"lost")
    assert refusal is not None
    assert refusal.code == FILE_MISSING
    storeroom.keep(b"lost")
    assert storeroom.send(b"lost") is None


def test_a_file_stays_while_a_command_that_refers_to_it_is_carried_out(
    storeroom: Storeroom, server_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    storeroom.keep(b"contested")
    storeroom.now += 25 * HOUR
    gone: list[int] = []
    broom = threading.Thread(target=lambda: gone.append(storeroom.blobs.vacuum()))
    write, at_the_door = server_database.write, threading.Event()

    def knock() -> AbstractContextManager[Connection]:
        if threading.current_thread() is broom:
            at_the_door.set()
        return write()

    def is_waiting() -> bool:
        if server_database.is_sqlite:  # where a single one writes, and this is not the broom now
            return at_the_door.is_set()
        with server_database.read() as connection:
            return bool(connection.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))

    def sweep_now(*_: object) -> None:
        if broom.ident is None:
            broom.start()
            until(lambda: is_waiting() or gone)

    monkeypatch.setattr(server_database, "write", knock)

    storeroom.ledger.after_effects.insert(0, sweep_now)
    assert storeroom.send(b"contested") is None
    broom.join()
    assert gone == [0]
    assert storeroom.is_there(b"contested")


def test_a_file_whose_bytes_are_gone_is_not_there_and_can_be_sent_again(storeroom: Storeroom) -> None:
    storeroom.keep(b"damaged")
    path = storeroom.blobs.find(storeroom.viewer, sha256(b"damaged")).path
    path.unlink()
    assert not storeroom.is_there(b"damaged")
    assert storeroom.send(b"damaged") is not None
    storeroom.keep(b"damaged")
    assert path.read_bytes() == b"damaged"


def test_a_deleted_snippet_keeps_no_files(storeroom: Storeroom) -> None:
    storeroom.keep(b"map")
    snippet = Snippet(id=new_id(), name="map", text="", attachments=(attachment(b"map"),))
    for saved in (snippet, Snippet(id=snippet.id, name="map", text="gone")):
        done = storeroom.ledger.submit(storeroom.workspace.id, Issued(new_id(), SaveSnippet(saved), CHANNEL, 0))
        assert done.refusal is None
        storeroom.now += 25 * HOUR
        assert storeroom.blobs.vacuum() == (0 if saved is snippet else 1)


def test_an_upload_that_nobody_goes_on_with_is_forgotten(storeroom: Storeroom) -> None:
    made = storeroom.uploads.create(storeroom.viewer, UploadRequest(sha256(b"half"), 4))
    piece = storeroom.uploads.open(storeroom.viewer, made.id, 0)
    piece.write(b"ha")
    storeroom.uploads.finish(storeroom.viewer, made.id, piece)
    storeroom.now += 23 * HOUR
    storeroom.uploads.sweep()
    assert storeroom.uploads.state(storeroom.viewer, made.id).offset == 2
    storeroom.now += 2 * HOUR
    with pytest.raises(ProblemError, match="not there any more"):
        storeroom.uploads.state(storeroom.viewer, made.id)
    storeroom.uploads.sweep()
    assert [path for path in storeroom.blobs.folder(storeroom.workspace.id).path.rglob("*") if path.is_file()] == []
