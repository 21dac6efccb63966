"""Files in a conversation: what their lines say at any width, and that progress repaints nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from rich.cells import cell_len

from ismsg_tui.clock import new_id, now_ms
from ismsg_tui.desktop.folders import completed, entries_for, look_at, picture_size, walk
from ismsg_tui.domain.commands import Issued, ReceiveMessage
from ismsg_tui.domain.entities import Attachment, FileKind
from ismsg_tui.store.blobs import BlobState
from ismsg_tui.widgets.file_lines import LEVELS, clock, file_lines, fit_name, kind_word, state_words, waveform
from ismsg_tui.widgets.timeline import Timeline
from tests.desk_setup import CHANNEL, GUEST, console, contact_named, on_screen, open_inbox, press, settle, shown_by
from tests.factories import examples

FILE = Attachment(name="cat.png", kind=FileKind.IMAGE, mime="image/png", size=34_000, sha256="a" * 64)
VOICE = replace(FILE, name="voice.ogg", kind=FileKind.VOICE, mime="audio/ogg", duration=72_000, peaks=(0, 50, 100, 30))
NAMES = st.text(max_size=80)


def line(attachment: Attachment, state: BlobState, width: int = 90, *, mine: bool = False) -> str:
    """The first line of a file as text."""
    return "".join(piece.text for piece in file_lines(attachment, state, width, mine=mine)[0])


@pytest.mark.parametrize(
    ("state", "mine", "words"),
    [
        (BlobState(here=True, there=True), False, "here"),
        (BlobState(), False, "not here yet"),
        (BlobState(wanted=True), False, "being fetched"),
        (BlobState(here=True), True, "not uploaded yet"),
        (BlobState(here=True, done=40, total=100), True, "uploading 40 %"),
        (BlobState(done=40, total=100), False, "fetching 40 %"),
        (BlobState(here=True, error="The server is full."), True, "failed: The server is full"),
    ],
)
def test_a_file_says_in_words_where_it_is(state: BlobState, mine: bool, words: str) -> None:
    assert state_words(state, mine=mine) == words
    assert line(FILE, state, mine=mine) == f"image  cat.png  34 kB · {words}"


def test_a_voice_note_shows_its_length_and_its_waveform() -> None:
    assert line(VOICE, BlobState(here=True)) == "voice note  ▁▄█▃  voice.ogg  1:12 · 34 kB · here"


def test_a_second_line_shows_progress_only_while_bytes_move() -> None:
    assert len(file_lines(FILE, BlobState(here=True), 60, mine=True)) == 1
    bar = file_lines(FILE, BlobState(here=True, done=17_000, total=34_000), 60, mine=True)[1]
    assert bar[0].text.count("━") == bar[0].text.count("╌") == 12
    assert bar[0].text.endswith("17 kB of 34 kB")


@given(
    NAMES,
    st.integers(0, 130),
    st.sampled_from(FileKind),
    st.lists(st.integers(-5, 200), max_size=200).map(tuple),
    st.builds(BlobState, here=st.booleans(), done=st.integers(0, 200), total=st.integers(0, 100), error=NAMES),
)
@settings(max_examples=examples(300))
def test_no_line_of_a_file_is_wider_than_it_may_be(
    name: str, width: int, kind: FileKind, peaks: tuple[int, ...], state: BlobState
) -> None:
    attachment = replace(VOICE, name=name, kind=kind, peaks=peaks)
    for pieces in file_lines(attachment, state, width, mine=True):
        assert sum(cell_len(piece.text) for piece in pieces) <= width


@given(NAMES, st.sampled_from(["exe", "sh", "desktop"]), st.integers(12, 60))
@example("\x1bP", "exe", 12)
@settings(max_examples=examples(200))
def test_the_real_extension_of_a_cut_name_stays_in_sight(stem: str, extension: str, width: int) -> None:
    shown = fit_name(f"x{stem}.pdf{' ' * 200}.{extension}", width)
    assert shown.endswith(f".{extension}")
    assert cell_len(shown) <= width


def test_a_name_that_reads_backwards_is_shown_as_it_is() -> None:
    assert fit_name("photo\u202egnp.exe", 40) == "photognp.exe"
    assert kind_word(replace(FILE, name="photo\u202egnp.exe")) == "program"


@given(st.lists(st.integers(0, 100), min_size=1, max_size=300), st.integers(1, 60))
@settings(max_examples=examples(200))
def test_a_waveform_is_as_wide_as_there_is_room_and_keeps_its_loudest(peaks: list[int], columns: int) -> None:
    wave = waveform(peaks, columns)
    assert len(wave) == min(columns, len(peaks))
    assert max(LEVELS.index(block) for block in wave) == max(peaks) * 7 // 100


@pytest.mark.parametrize(("ms", "words"), [(0, "0:00"), (7_400, "0:07"), (750_000, "12:30"), (3_723_000, "1:02:03")])
def test_lengths_are_written_as_on_players(ms: int, words: str) -> None:
    assert clock(ms) == words


async def test_progress_repaints_only_the_line_of_its_file(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path, ("Mai Tran",))
    mai = contact_named(inbox, "Mai Tran")
    other = replace(FILE, name="dog.png", sha256="b" * 64)
    for attachment in (FILE, other):
        command = ReceiveMessage(mai, "", CHANNEL.id, attachments=(attachment,))
        inbox.store.execute(Issued(new_id(), command, GUEST, now_ms()))
    async with console(inbox) as pilot:
        assert "image  cat.png  34 kB · not here yet" in on_screen(pilot)
        assert "[image] dog.png" in on_screen(pilot)
        inbox.blobs.want(FILE.sha256, FILE.size)
        inbox.blobs.begin(FILE.sha256, FILE.size)
        inbox.blobs.moved(FILE.sha256, 0, FILE.size)
        await settle(pilot)
        assert "fetching 0 %" in on_screen(pilot)
        timeline = pilot.app.screen.query_one(Timeline)
        kept = dict(timeline._paint._strips)
        running = inbox.blobs._running[FILE.sha256]
        running.told = 0.0
        inbox.blobs.moved(FILE.sha256, 17_000, FILE.size)
        await settle(pilot)
        assert "fetching 50 %" in on_screen(pilot)
        changed = [key for key, strip in kept.items() if timeline._paint._strips.get(key) is not strip]
        assert {message_id for message_id, _ in changed} == {inbox.timeline(mai)[-2].message.id}
        inbox.blobs.set_error(FILE.sha256, "The server does not have it.")
        inbox.blobs.end(FILE.sha256)
        await settle(pilot)
        assert "failed: The server does not have it" in on_screen(pilot)


async def test_a_transfer_is_stopped_by_key(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path, ("Mai Tran",))
    mai = contact_named(inbox, "Mai Tran")
    command = ReceiveMessage(mai, "see", CHANNEL.id, attachments=(FILE,))
    inbox.store.execute(Issued(new_id(), command, GUEST, now_ms()))
    async with console(inbox) as pilot:
        await press(pilot, "e")
        await press(pilot, "enter")
        assert "being fetched" in on_screen(pilot)
        await press(pilot, "ctrl+x")
        assert "being fetched" not in on_screen(pilot)
        await press(pilot, "escape")
        assert "not here yet" in "".join(shown_by(pilot, Timeline))


async def test_a_file_that_was_stopped_or_failed_is_tried_again_by_the_same_key(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path / "data", ("Mai Tran",), hold=60_000)
    mai, path = contact_named(inbox, "Mai Tran"), tmp_path / "plan.txt"
    path.write_text("a plan")
    attachment = inbox.blobs.add(path)
    inbox.reply(mai, "see", (attachment,))
    async with console(inbox) as pilot:
        await press(pilot, "2")
        assert "about to leave" in "".join(shown_by(pilot, Timeline))
        await press(pilot, "e", "ctrl+x")
        assert "failed: Cancelled" in on_screen(pilot)
        await press(pilot, "ctrl+x")
        assert "not uploaded yet" in on_screen(pilot)
        inbox.blobs.set_error(attachment.sha256, "The workspace has no room for more files.")
        await settle(pilot)
        assert "failed: The workspace" in on_screen(pilot)
        await press(pilot, "escape")
        assert "waits for its file" in "".join(shown_by(pilot, Timeline))
        await press(pilot, "exclamation_mark")
        assert any("1 not left yet; nothing was refused." in note.message for note in pilot.app._notifications)
        await press(pilot, "e", "ctrl+x")
        assert inbox.blobs.state(attachment.sha256).error == ""
        await press(pilot, "escape", "z")
        assert inbox.drafts.read(mai).attachments == (attachment,)


def test_a_walk_finds_near_files_first_and_goes_into_no_link(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "loop").symlink_to(tmp_path)
    for name in ("a/b/deep.txt", "a/near.txt", "top.txt", "node_modules/x.js", ".hidden"):
        (tmp_path / name).write_text("x")
    found = [Path(path).relative_to(tmp_path).as_posix() for path in walk(tmp_path)]
    assert found == ["top.txt", "a/near.txt", "a/b/deep.txt"]
    assert list(walk(tmp_path, lambda: True)) == []


@pytest.mark.parametrize(
    ("typed", "longer"),
    [
        ("./Do", "./Documents"),
        ("./Documents", "./Documents"),
        ("./Documents-old/", "./Documents-old/only.txt"),
        ("./DOCUMENTS-", "./Documents-old/"),
        ("../", "../home/"),
        ("~", "~/"),
        ("./nothing", "./nothing"),
    ],
)
def test_a_typed_path_is_completed_as_far_as_there_is_no_choice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str, longer: str
) -> None:
    home = tmp_path / "home"
    (home / "Documents").mkdir(parents=True)
    (home / "Documents-old").mkdir()
    (home / "Documents-old" / "only.txt").write_text("x")
    monkeypatch.setenv("HOME", str(home))
    assert completed(typed, entries_for(typed, home)) == longer


@given(st.binary(max_size=64))
@settings(max_examples=examples(300))
def test_no_beginning_of_a_file_upsets_the_look_for_dimensions(tail: bytes) -> None:
    for head in (b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a"):
        size = picture_size(head + tail)
        assert size is None or len(size) == 2


def test_the_dimensions_of_a_jpeg_are_found_behind_its_other_segments() -> None:
    data = b"\xff\xd8\xff\xe0\x00\x10" + b"\0" * 14 + b"\xff\xc0\x00\x11\x08\x01\xe0\x02\x80"
    assert picture_size(data) == (640, 480)


def test_looking_at_what_is_no_file_says_why(tmp_path: Path) -> None:
    assert "folder" in look_at(str(tmp_path)).problem
    assert look_at(str(tmp_path / "none")).problem
    assert look_at("a\0b").problem
