"""Files to a server and from it over a line that is cut everywhere and a server that can not count."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from ismsg_tui.domain.commands import SendMessage
from ismsg_tui.domain.wire import LARGEST_PIECE
from ismsg_tui.files.handling import FileCancelledError, FileError
from ismsg_tui.sync import remote_files
from ismsg_tui.sync.authority import ClientError, SignedOutError, UnreachableError
from tests.bad_line import BadLine, Rule, Speak, answer, problem, raw
from tests.factories import ANA, WORKSPACE
from tests.on_a_bad_line import ana, line, team
from tests.team import OMAR, Console, Team

__all__ = ["ana", "line", "team"]

W = f"/v1/w/{WORKSPACE.id}"
WRONG = (UnreachableError, ClientError, SignedOutError)


PIECE = 1 << 20


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_files, "PIECE", PIECE)
    monkeypatch.setattr(remote_files, "LARGEST_PIECE", PIECE)


def a_file(ana: Console, size: int = 3 * PIECE + 5) -> str:
    """A file that waits to be sent."""
    path = ana.folder / "large.bin"
    path.write_bytes(bytes(number % 251 for number in range(4096)) * (size // 4096) + b"." * (size % 4096))
    file = ana.inbox.blobs.add(path)
    ana.act(SendMessage(OMAR.id, "", attachments=(file,)))
    return file.sha256


CUTS = [{"cut_request": at} for at in (0, 1, 700, PIECE - 1, PIECE, PIECE + 1)] + [
    {"cut_reply": at} for at in (0, 1, 50, 150)
]


@pytest.mark.parametrize("cut", CUTS, ids=str)
@pytest.mark.usefixtures("small_pieces")
def test_a_file_arrives_wherever_the_line_is_cut(ana: Console, line: BadLine, cut: dict[str, int]) -> None:
    sha256 = a_file(ana)
    line.rules = [Rule(f"PATCH {W}/uploads", **cut)]  # type: ignore[arg-type]
    with pytest.raises(WRONG):
        ana.sync.transfers.exchange()
    line.rules = []
    ana.sync.transfers.exchange()
    assert ana.inbox.blobs.state(sha256).word == "here"
    ana.sync.exchange()
    assert ana.counts.unsent == 0


@pytest.mark.usefixtures("small_pieces")
def test_another_process_goes_on_with_a_file_where_the_first_was_cut_off(
    team: Team, ana: Console, line: BadLine
) -> None:
    sha256 = a_file(ana)
    line.rules = [Rule(f"PATCH {W}/uploads", cut_request=PIECE // 2)]
    with pytest.raises(UnreachableError):
        ana.sync.transfers.exchange()
    line.rules = []
    again = Console(team, ana.folder, ANA, address=line.address)
    team.consoles.append(again)
    again.sync.transfers.exchange()
    assert line.times(f"POST {W}/uploads") == 1
    assert again.inbox.blobs.state(sha256).word == "here"
    assert list((ana.folder / "uploads").iterdir()) == []


@pytest.mark.usefixtures("small_pieces")
def test_a_half_sent_file_that_the_server_has_forgotten_is_sent_anew(ana: Console, line: BadLine) -> None:
    sha256 = a_file(ana)
    line.rules = [Rule(f"PATCH {W}/uploads", problem(410, "upload-gone"))]
    with pytest.raises(UnreachableError):
        ana.sync.transfers.exchange()
    line.rules = [Rule(f"HEAD {W}/uploads", answer(410))]
    ana.sync.transfers.exchange()
    assert ana.inbox.blobs.state(sha256).word == "here"


@pytest.mark.parametrize(
    "speak",
    [
        answer(
            409,
            b'{"type":"","title":"","status":409,"code":"offset-mismatch","params":{"offset":-5}}',
            kind="application/problem+json",
        ),
        answer(409, b"no"),
        answer(204, Upload_Offset="99999999999"),
        answer(204),
        problem(409, "offset-mismatch"),
    ],
    ids=["below zero", "no problem", "too much", "nothing", "no place"],
)
@pytest.mark.usefixtures("small_pieces")
def test_a_server_that_can_not_count_a_file_is_not_believed(ana: Console, line: BadLine, speak: Speak) -> None:
    a_file(ana)
    line.rules = [Rule(f"PATCH {W}/uploads", speak)]
    with pytest.raises(ClientError):
        ana.sync.transfers.exchange()


@pytest.mark.usefixtures("small_pieces")
def test_a_server_that_sends_us_back_and_forth_is_left_in_the_end(ana: Console, line: BadLine) -> None:
    a_file(ana)
    body = b'{"type":"","title":"","status":409,"code":"offset-mismatch","params":{"offset":0}}'
    line.rules = [Rule(f"PATCH {W}/uploads", answer(409, body, kind="application/problem+json"))]
    with pytest.raises(ClientError, match="agree"):
        ana.sync.transfers.exchange()
    assert line.times("PATCH") < 10


@pytest.mark.parametrize("status", [413, 422, 507])
def test_a_file_that_is_never_taken_is_said_to_have_failed(ana: Console, line: BadLine, status: int) -> None:
    sha256 = a_file(ana, 5_000)
    line.rules = [Rule(f"PUT {W}/blobs", problem(status, "too-large"))]
    ana.sync.transfers.exchange()
    assert ana.inbox.blobs.state(sha256).error == "Because of too-large."


def sent_by_ana(team: Team, ana: Console, size: int = 3 * PIECE + 5) -> tuple[Console, str]:
    """A file that Ben wants."""
    sha256 = a_file(ana, size)
    ana.sync.transfers.exchange()
    ana.sync.exchange()
    ben = team.console("other", address=ana.credentials.account.url)
    ben.sync.exchange()
    ben.inbox.blobs.want(sha256, size)
    return ben, sha256


@pytest.mark.parametrize("at", [0, 200, 5_000, PIECE, 3 * PIECE])
def test_a_file_that_comes_goes_on_where_the_line_was_cut(team: Team, ana: Console, line: BadLine, at: int) -> None:
    ben, sha256 = sent_by_ana(team, ana)
    line.rules = [Rule(f"GET {W}/blobs", cut_reply=at)]
    with pytest.raises(UnreachableError):
        ben.sync.transfers.exchange()
    line.rules = []
    ben.sync.transfers.exchange()
    assert ben.inbox.blobs.state(sha256).word == "here"
    ranges = [asked.headers.get("range") for asked in line.asked if asked.path.startswith(f"{W}/blobs")]
    assert at < 5_000 or any(found and found != "bytes=0-" for found in ranges)


@pytest.mark.parametrize(
    "speak",
    [
        answer(206, b"x" * 10, Content_Range="bytes 5-14/100"),
        answer(206, b"x" * 10, Content_Range="nonsense"),
        raw(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 100),
        answer(200, b"<html>"),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc"),
    ],
    ids=["another part", "no range", "no length", "another file", "half of it"],
)
def test_other_bytes_than_were_asked_for_never_become_a_file(
    team: Team, ana: Console, line: BadLine, speak: Speak
) -> None:
    ben, sha256 = sent_by_ana(team, ana, 5_000)
    line.rules = [Rule(f"GET {W}/blobs", speak)]
    with suppress(*WRONG):
        ben.sync.transfers.exchange()
    assert ben.inbox.blobs.path(sha256) is None
    line.rules = []
    for _ in range(2):  # the first time what has come before may turn out to be wrong
        ben.inbox.blobs.want(sha256, 5_000)
        ben.sync.transfers.exchange()
    assert ben.inbox.blobs.path(sha256) is not None


def test_a_file_that_is_gone_is_said_to_be(team: Team, ana: Console, line: BadLine) -> None:
    ben, sha256 = sent_by_ana(team, ana, 5_000)
    line.rules = [Rule(f"GET {W}/blobs", problem(404, "unknown-blob"))]
    ben.sync.transfers.exchange()
    assert "not to be had" in ben.inbox.blobs.state(sha256).error


def test_a_transfer_can_be_stopped_in_the_middle(ana: Console, tmp_path: Path) -> None:
    path = tmp_path / "large.bin"
    path.write_bytes(b"x" * (LARGEST_PIECE + 1))
    for stop_at in (0, 3):
        asked: list[int] = []

        def stopped(asked: list[int] = asked, stop_at: int = stop_at) -> bool:
            asked.append(1)
            return len(asked) > stop_at

        with pytest.raises(FileCancelledError):
            ana.authority.put_blob("a" * 64, path, lambda *_: None, stopped)


def test_a_file_that_has_become_shorter_is_not_sent(ana: Console, tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_bytes(b"x" * 100)

    def shorten(_done: int, _total: int) -> None:
        path.write_bytes(b"")

    with pytest.raises((FileError, httpx.HTTPError, UnreachableError)):
        ana.authority._files._send_whole("a" * 64, path, 3 << 20, shorten, lambda: False)
