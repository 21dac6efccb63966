"""Attaching files by the keys: chosen, pasted, kept in the draft, sent, refused, opened and saved."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from textual.events import Paste
from textual.pilot import Pilot

from ismsg_tui.app import IsmsgApp
from ismsg_tui.desktop.opener import OpenError, can_run, check_harmless, copy_for_opening
from ismsg_tui.desktop.recent_files import FILE_NAME, MOST, RecentFiles
from ismsg_tui.domain.entities import Attachment, FileKind, MessageKind
from ismsg_tui.files.handling import Cancelled, FileCancelledError, Progress
from ismsg_tui.inbox import Inbox
from ismsg_tui.screens.attach_picker import AttachPicker
from ismsg_tui.screens.conversation_pane import ConversationPane
from ismsg_tui.screens.file_dialogs import AttachQuestion
from ismsg_tui.screens.files_screen import FilesScreen
from ismsg_tui.store.drafts import Draft
from ismsg_tui.store.store import Store
from ismsg_tui.widgets.composer import Composer
from tests.desk_setup import (
    console,
    contact_named,
    on_screen,
    open_inbox,
    press,
    settle,
    settle_until,
    until_seen,
    write,
)
from tests.factories import ANA

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x02\x80\0\0\x01\xe0 and so on"


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a few files."""
    folder = tmp_path / "work"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / ".hidden").mkdir()
    (folder / "cat.png").write_bytes(PNG)
    (folder / "prices.txt").write_text("one night: 80\ntwo nights: 150\n")
    (folder / "deep" / "er" / "my invoice.pdf").write_bytes(b"%PDF-1.7 so much to pay")
    (folder / ".hidden" / "secret.txt").write_text("secret")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(tmp_path))
    return folder


def desk(tmp_path: Path) -> Inbox:
    """An inbox beside the working folder."""
    return open_inbox(tmp_path / "data")


async def until_idle(pilot: Pilot[int]) -> None:
    """Wait for the workers that are not waiting for somebody, and for the walk of the tree."""
    app = pilot.app

    def is_idle() -> bool:
        walking = isinstance(app.screen, AttachPicker) and (app.screen._finder.walking or app.screen._shown_for is None)
        busy = [worker for worker in app.workers if worker.group in ("attach", "find", "take", "look", "open")]
        return not walking and not any(worker.is_running for worker in busy)

    await settle_until(pilot, is_idle)


async def keys(pilot: Pilot[int], *names: str) -> None:
    """Press keys one by one, each when the one before has had its effect."""
    for name in names:
        await pilot.press(name)
        await until_idle(pilot)


async def typed(pilot: Pilot[int], text: str) -> None:
    """Type into a field that may search off the loop."""
    await write(pilot, text)
    await until_idle(pilot)


async def paste(pilot: Pilot[int], text: str) -> None:
    """Paste into what has the focus, and wait for what follows."""
    before = draft_of(pilot)
    pilot.app.post_message(Paste(text))
    await settle_until(pilot, lambda: draft_of(pilot) != before or isinstance(pilot.app.screen, AttachQuestion))


def draft_of(pilot: Pilot[int]) -> Draft:
    """What the composer holds."""
    app = pilot.app
    assert isinstance(app, IsmsgApp)
    return app.desk.query_one(Composer).draft


def said(pilot: Pilot[int]) -> str:
    """What was notified."""
    return "\n".join(note.message for note in pilot.app._notifications)


async def test_a_file_found_by_letters_goes_into_the_draft_and_is_sent_without_text(tmp_path: Path, tree: Path) -> None:
    inbox = desk(tmp_path)
    mai = contact_named(inbox, "Mai Tran")
    async with console(inbox) as pilot:
        await keys(pilot, "enter", "ctrl+o")
        await typed(pilot, "invo")
        assert "my invoice.pdf" in on_screen(pilot)
        await keys(pilot, "enter")
        assert "file my invoice.pdf 23 B ×" in on_screen(pilot)
        assert [file.name for file in inbox.drafts.read(mai).attachments] == ["my invoice.pdf"]
        await keys(pilot, "enter")
        sent = inbox.timeline(mai)[-1].message
        assert (sent.kind, sent.text) == (MessageKind.OUTGOING, "")
        (file,) = sent.attachments
        assert (file.name, file.kind, file.mime, file.size) == ("my invoice.pdf", FileKind.FILE, "application/pdf", 23)
        assert draft_of(pilot) == Draft()
        assert inbox.drafts.read(mai) == Draft()
        await keys(pilot, "escape", "3")
        assert "→ [file] my invoice.pdf" in on_screen(pilot)


async def test_several_files_are_marked_and_attached_together(tmp_path: Path, tree: Path) -> None:
    inbox = desk(tmp_path)
    async with console(inbox) as pilot:
        await keys(pilot, "enter", "ctrl+o", "space", "tab")
        assert "2 marked" in on_screen(pilot)
        await keys(pilot, "enter")
        assert [file.name for file in draft_of(pilot).attachments] == ["cat.png", "prices.txt"]


async def test_a_path_is_completed_by_tab_and_folders_are_entered_by_enter(tmp_path: Path, tree: Path) -> None:
    inbox = desk(tmp_path)
    async with console(inbox) as pilot:
        await keys(pilot, "enter", "ctrl+o")
        await typed(pilot, "~/wo")
        await keys(pilot, "tab")
        await typed(pilot, "de")
        await keys(pilot, "enter")
        await keys(pilot, "enter")
        assert "my invoice.pdf" in on_screen(pilot)
        await keys(pilot, "enter")
        assert [file.name for file in draft_of(pilot).attachments] == ["my invoice.pdf"]


async def test_the_preview_shows_what_a_file_is_and_hidden_files_are_left_out(tmp_path: Path, tree: Path) -> None:
    inbox = desk(tmp_path)
    async with console(inbox) as pilot:
        await keys(pilot, "ctrl+o")
        assert "640 × 480" in on_screen(pilot)
        await keys(pilot, "down")
        assert "two nights: 150" in on_screen(pilot)
        await typed(pilot, "secret")
        assert "secret.txt" not in on_screen(pilot)


async def test_a_file_used_before_comes_first(tmp_path: Path, tree: Path) -> None:
    inbox = desk(tmp_path)
    async with console(inbox) as pilot:
        await keys(pilot, "enter", "ctrl+o")
        await typed(pilot, "prices")
        await keys(pilot, "enter", "ctrl+o")
        assert "recent" in next(line for line in on_screen(pilot).splitlines() if "prices.txt" in line and "▌" in line)


async def test_files_used_before_are_known_after_a_restart_while_they_are_there(tmp_path: Path, tree: Path) -> None:
    inbox = desk(tmp_path)
    async with console(inbox) as pilot:
        await keys(pilot, "enter", "ctrl+o")
        await typed(pilot, "prices")
        await keys(pilot, "enter", "ctrl+o")
        await typed(pilot, "cat")
        await keys(pilot, "enter")
        assert len(draft_of(pilot).attachments) == 2
    inbox.close_store()
    (tree / "cat.png").unlink()
    inbox = Inbox(Store(tmp_path / "data"), ANA.id)
    async with console(inbox) as pilot:
        await keys(pilot, "enter", "ctrl+o")
        recent = [line for line in on_screen(pilot).splitlines() if "recent" in line]
        assert len(recent) == 1
        assert "prices.txt" in recent[0]
    assert [path.name for path in (tmp_path / "data").glob("recent-files*")] == ["recent-files"]


def test_the_files_used_last_are_remembered_whatever_they_are_called_and_only_so_many(tmp_path: Path) -> None:
    names = [b"a", "\u202eb\n".encode(), b"\xff\xfe", *(str(number).encode() for number in range(MOST))]
    paths = [tmp_path / os.fsdecode(name) for name in names]
    recent = RecentFiles(tmp_path)
    for path in paths[:3]:
        path.touch()
    recent.add(paths[:3])
    assert RecentFiles(tmp_path).there() == [str(path) for path in reversed(paths[:3])]
    recent.add(paths[:1])
    assert recent.there()[0] == str(paths[0])
    for path in paths[3:]:
        path.touch()
        recent.add([path])
    assert RecentFiles(tmp_path).there() == [str(path) for path in reversed(paths[3:])]
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("written", [b"", b"\0\0", b"\xff" * 200_000, b"../x\0" * 50])
def test_what_somebody_wrote_over_the_files_used_last_does_no_harm(tmp_path: Path, written: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(written)
    recent = RecentFiles(tmp_path)
    assert recent.there() == []
    file = tmp_path / "file"
    file.touch()
    recent.add([file])
    assert recent.there() == [str(file)]


def test_where_nothing_can_be_written_no_file_is_remembered(tmp_path: Path) -> None:
    recent = RecentFiles(tmp_path / "none")
    recent.add([tmp_path])
    assert recent.there() == []


async def test_a_dropped_file_is_attached_after_a_question(tmp_path: Path, tree: Path) -> None:
    inbox = desk(tmp_path)
    async with console(inbox) as pilot:
        await keys(pilot, "enter")
        await paste(pilot, f"'{tree}/cat.png' ")
        assert f"Attach cat.png ({len(PNG)} B)?" in on_screen(pilot)
        await keys(pilot, "y")
        assert [file.name for file in draft_of(pilot).attachments] == ["cat.png"]
        assert draft_of(pilot).text == ""


@pytest.mark.parametrize("answer", ["n", "escape"])
async def test_a_dropped_file_is_text_if_the_agent_says_so(tmp_path: Path, tree: Path, answer: str) -> None:
    inbox = desk(tmp_path)
    async with console(inbox) as pilot:
        await keys(pilot, "enter")
        await paste(pilot, f"{tree}/cat.png")
        await keys(pilot, answer)
        assert draft_of(pilot) == Draft(f"{tree}/cat.png")


async def test_a_pasted_path_of_no_file_is_text_without_a_question(tmp_path: Path, tree: Path) -> None:
    inbox = desk(tmp_path)
    async with console(inbox) as pilot:
        await keys(pilot, "enter")
        for text in (f"{tree}/none.png", f" {tree}/deep", f" {tree}/cat.png /none"):
            await paste(pilot, text)
        assert draft_of(pilot).text == f"{tree}/none.png {tree}/deep {tree}/cat.png /none"


async def test_what_the_channel_does_not_take_is_refused_at_once_and_nothing_is_lost(
    tmp_path: Path, tree: Path
) -> None:
    with (tree / "huge.png").open("wb") as file:
        file.write(PNG)
        file.truncate(200_000_000)
    inbox = desk(tmp_path)
    async with console(inbox) as pilot:
        await keys(pilot, "enter")
        await typed(pilot, "look")
        await paste(pilot, f"{tree}/huge.png")
        await keys(pilot, "y")
        assert "WhatsApp takes" in said(pilot)
        assert draft_of(pilot) == Draft("look")
        assert not (tmp_path / "data" / "blobs").exists()


async def test_a_pipe_is_neither_offered_nor_opened(tmp_path: Path, tree: Path) -> None:
    os.mkfifo(tree / "deep" / "pipe")
    inbox = desk(tmp_path)
    async with console(inbox) as pilot:
        await keys(pilot, "enter")
        await paste(pilot, f"{tree}/deep/pipe")
        assert draft_of(pilot).text == f"{tree}/deep/pipe"
        await keys(pilot, "ctrl+o")
        await typed(pilot, "pipe")
        assert "No file fits" in on_screen(pilot)


async def test_a_file_is_taken_out_of_the_draft_by_the_keys_that_are_shown_there(tmp_path: Path, tree: Path) -> None:
    inbox = desk(tmp_path)
    mai = contact_named(inbox, "Mai Tran")
    async with console(inbox) as pilot:
        await keys(pilot, "enter", "ctrl+o", "space", "tab", "enter")
        await keys(pilot, "shift+tab")
        assert "Enter Send  Del Remove  ← Left  → Right  Tab Text" in on_screen(pilot)
        await keys(pilot, "left", "delete", "tab")
        assert "Enter Send  / Snippet" in on_screen(pilot)
        await typed(pilot, "hi")
        await keys(pilot, "enter")
        sent = inbox.timeline(mai)[-1].message
        assert (sent.text, [file.name for file in sent.attachments]) == ("hi", ["prices.txt"])


async def test_a_file_is_taken_out_of_the_draft_by_the_mouse(tmp_path: Path, tree: Path) -> None:
    inbox = desk(tmp_path)
    async with console(inbox) as pilot:
        await keys(pilot, "enter", "ctrl+o", "space", "tab", "enter")
        lines = on_screen(pilot).splitlines()
        y = next(index for index, line in enumerate(lines) if "cat.png" in line and "×" in line)
        await pilot.click(offset=(lines[y].index("×"), y))
        await settle(pilot)
        assert [file.name for file in draft_of(pilot).attachments] == ["prices.txt"]


async def test_more_files_than_there_is_room_for_are_counted_and_the_keys_go_through_them(
    tmp_path: Path, tree: Path
) -> None:
    for number in range(9):
        (tree / f"enclosure {number} of a long list.txt").write_text(str(number))
    async with console(desk(tmp_path), size=(80, 24)) as pilot:
        await keys(pilot, "enter", "ctrl+o")
        await typed(pilot, "long list")
        await keys(pilot, *["tab"] * 9, "enter")
        assert "enclosure 8" in on_screen(pilot)
        assert "enclosure 0" not in on_screen(pilot)
        assert "9 files in all" in on_screen(pilot)
        await keys(pilot, "shift+tab", *["left"] * 8)
        assert "▌file enclosure 0" in on_screen(pilot)
        lines = on_screen(pilot).splitlines()
        y = next(index for index, line in enumerate(lines) if "enclosure 2" in line)
        await pilot.click(offset=(lines[y].index("×", lines[y].index("enclosure 2")), y))
        await settle_until(pilot, lambda: len(draft_of(pilot).attachments) == 8)
        assert "enclosure 2" not in "".join(file.name for file in draft_of(pilot).attachments)


async def test_the_files_of_a_draft_are_there_after_a_restart(tmp_path: Path, tree: Path) -> None:
    inbox = desk(tmp_path)
    async with console(inbox) as pilot:
        await keys(pilot, "enter", "ctrl+o")
        await typed(pilot, "cat")
        await keys(pilot, "enter", "escape", "j")
        assert "✎ draft: [image] cat.png" in on_screen(pilot)
    inbox.close_store()
    async with console(desk(tmp_path)) as pilot:
        assert "image cat.png" in on_screen(pilot)
        assert [file.name for file in draft_of(pilot).attachments] == ["cat.png"]


async def test_files_stay_for_the_reply_when_a_comment_is_saved(tmp_path: Path, tree: Path) -> None:
    inbox = desk(tmp_path)
    mai = contact_named(inbox, "Mai Tran")
    async with console(inbox) as pilot:
        await keys(pilot, "enter", "ctrl+o")
        await typed(pilot, "cat")
        await keys(pilot, "enter", "ctrl+n")
        assert "Files do not go with a comment" in on_screen(pilot)
        await keys(pilot, "enter")
        assert inbox.timeline(mai)[-1].message.kind is not MessageKind.COMMENT
        await typed(pilot, "look at this")
        await keys(pilot, "enter")
        comment = inbox.timeline(mai)[-1].message
        assert (comment.kind, comment.text, comment.attachments) == (MessageKind.COMMENT, "look at this", ())
        await keys(pilot, "escape", "j")
        assert [file.name for file in inbox.drafts.read(mai).attachments] == ["cat.png"]
        assert inbox.drafts.read(mai).text == ""


async def test_a_message_taken_back_brings_its_files_back(tmp_path: Path, tree: Path) -> None:
    inbox = open_inbox(tmp_path / "data", hold=60_000)
    async with console(inbox) as pilot:
        await keys(pilot, "enter", "ctrl+o")
        await typed(pilot, "cat")
        await keys(pilot, "enter", "enter")
        assert draft_of(pilot).attachments == ()
        await keys(pilot, "escape", "z")
        assert [file.name for file in draft_of(pilot).attachments] == ["cat.png"]


class Opened:
    """An opener that shows nothing and remembers everything."""

    def __init__(self) -> None:
        self.paths: list[Path] = []

    def __call__(self, path: Path) -> None:
        self.paths.append(path)


async def test_a_file_of_the_conversation_is_opened_under_its_own_name(tmp_path: Path, tree: Path) -> None:
    inbox = desk(tmp_path)
    mai = contact_named(inbox, "Mai Tran")
    inbox.reply(mai, "here", (inbox.blobs.add(tree / "cat.png"),))
    opened = Opened()
    async with console(inbox) as pilot:
        await press(pilot, "2")
        pilot.app.screen.query_one(ConversationPane).opener = opened
        await keys(pilot, "e")
        await keys(pilot, "enter")
        assert isinstance(pilot.app.screen, FilesScreen)
    (path,) = opened.paths
    assert path.name == "cat.png"
    assert path.read_bytes() == PNG
    assert not os.access(path, os.X_OK)


async def test_a_program_is_not_opened_but_can_be_saved(tmp_path: Path, tree: Path) -> None:
    (tree / "photo\u202egnp.sh").write_text("#!/bin/sh\necho hello\n")
    inbox = desk(tmp_path)
    mai = contact_named(inbox, "Mai Tran")
    inbox.reply(mai, "", (inbox.blobs.add(tree / "photo\u202egnp.sh"),))
    opened = Opened()
    async with console(inbox) as pilot:
        await press(pilot, "2")
        pilot.app.screen.query_one(ConversationPane).opener = opened
        assert "program  photognp.sh" in on_screen(pilot)
        await keys(pilot, "e", "enter")
        assert "is a program or may run as one" in said(pilot)
        assert opened.paths == []
        await keys(pilot, "ctrl+s")
        await typed(pilot, "saved")
        await keys(pilot, "enter")
        while any(worker.group == "save" for worker in pilot.app.workers):
            await settle(pilot)
        assert "Saved as ~/saved/photognp.sh" in said(pilot)
    saved = tmp_path / "saved" / "photognp.sh"
    assert saved.read_text().startswith("#!/bin/sh")
    assert not os.access(saved, os.X_OK)


@pytest.mark.parametrize(
    ("words", "saved"),
    [
        ("below/it", "offered/below/it"),
        ("{home}/elsewhere", "elsewhere"),
        ("~/elsewhere", "elsewhere"),
        ("", "offered"),
    ],
)
async def test_a_folder_is_typed_behind_the_one_on_offer_or_as_a_whole_path(
    tmp_path: Path, tree: Path, words: str, saved: str
) -> None:
    inbox = desk(tmp_path)
    inbox.reply(contact_named(inbox, "Mai Tran"), "", (inbox.blobs.add(tree / "prices.txt"),))
    async with console(inbox) as pilot:
        await press(pilot, "2")
        app = pilot.app
        assert isinstance(app, IsmsgApp)
        app.desk.pane.habits.save_in = tmp_path / "offered"
        await keys(pilot, "e", "ctrl+s")
        await typed(pilot, words.format(home=tmp_path))
        await settle_until(pilot, lambda: "This folder is not there yet: it will be made." in on_screen(pilot))
        await keys(pilot, "enter")
        await settle_until(pilot, lambda: "Saved as" in said(pilot))
    assert (tmp_path / saved / "prices.txt").is_file()


async def test_a_conversation_without_files_says_so(tmp_path: Path, tree: Path) -> None:
    async with console(desk(tmp_path)) as pilot:
        await keys(pilot, "e")
        assert "There are no files in this conversation." in said(pilot)


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("a.desktop", b"x"),
        ("a.EXE", b"x"),
        ("cat.png", b"MZ\x90\0"),
        ("cat.png", b"#!/bin/sh"),
        ("cat.png", b"\x7fELF"),
        ("note.txt", b"\xef\xbb\xbf\n[Desktop Entry]\nExec=true"),
        ("bill.docm", b"PK"),
        ("page.html", b"<p>"),
    ],
)
def test_what_may_run_is_told_by_name_and_by_content(tmp_path: Path, name: str, head: bytes) -> None:
    path = tmp_path / "blob"
    path.write_bytes(head)
    with pytest.raises(OpenError):
        check_harmless(path, name)


@pytest.mark.parametrize("name", ["cat.png", "bill.pdf", "note.txt", "exe", "voice.amr", "sh"])
@pytest.mark.parametrize("head", [b"harmless", b"#!AMR\n"])
def test_what_is_only_shown_may_be_opened(tmp_path: Path, name: str, head: bytes) -> None:
    path = tmp_path / "blob"
    path.write_bytes(head)
    check_harmless(path, name)
    assert not can_run(name)


def test_a_copy_for_opening_is_made_once_and_leaves_the_stored_file_alone(tmp_path: Path) -> None:
    blob = tmp_path / ("a" * 64)
    blob.write_bytes(b"bytes")
    first = copy_for_opening(blob, tmp_path / "opened", "../../x/na\u202eme.txt")
    assert copy_for_opening(blob, tmp_path / "opened", "../../x/na\u202eme.txt") == first
    assert first.is_relative_to(tmp_path / "opened")
    assert (first.name, first.read_bytes(), blob.read_bytes()) == ("name.txt", b"bytes", b"bytes")


class SlowAdd:
    """Stands where a file is copied in, and copies only when it is told to."""

    def __init__(self, inbox: Inbox) -> None:
        self._add = inbox.blobs.add
        self.go_on = threading.Event()

    def __call__(
        self, path: Path, *, kind: FileKind, mime: str, progress: Progress, cancelled: Cancelled
    ) -> Attachment:
        progress(1, 4)
        while not self.go_on.wait(0.01):
            if cancelled():
                raise FileCancelledError("Stopped.")
        return self._add(path, kind=kind, mime=mime)


async def test_a_copy_shows_its_progress_and_is_stopped_by_key(
    tmp_path: Path, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox = desk(tmp_path)
    monkeypatch.setattr(inbox.blobs, "add", SlowAdd(inbox))
    async with console(inbox) as pilot:
        await keys(pilot, "enter")
        await paste(pilot, f"{tree}/cat.png")
        await press(pilot, "y")
        await until_seen(pilot, "cat.png 25 % ×")
        await press(pilot, "enter")
        assert "still being added" in said(pilot)
        await press(pilot, "shift+tab", "delete")
        await until_idle(pilot)
        assert "cat.png" not in on_screen(pilot)
        assert draft_of(pilot) == Draft()


async def test_a_file_goes_to_the_contact_it_was_chosen_for(
    tmp_path: Path, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox = desk(tmp_path)
    slow = SlowAdd(inbox)
    monkeypatch.setattr(inbox.blobs, "add", slow)
    async with console(inbox) as pilot:
        await keys(pilot, "enter")
        await typed(pilot, "for Mai")
        await paste(pilot, f"{tree}/cat.png")
        await press(pilot, "y", "escape", "j")
        assert "cat.png" not in on_screen(pilot).split("Reply")[-1]
        slow.go_on.set()
        await until_idle(pilot)
        assert draft_of(pilot) == Draft()
        mai = inbox.drafts.read(contact_named(inbox, "Mai Tran"))
        assert (mai.text, [file.name for file in mai.attachments]) == ("for Mai", ["cat.png"])


async def test_leaving_the_console_stops_a_copy(tmp_path: Path, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inbox = desk(tmp_path)
    monkeypatch.setattr(inbox.blobs, "add", SlowAdd(inbox))
    async with console(inbox) as pilot:
        await keys(pilot, "enter")
        await paste(pilot, f"{tree}/cat.png")
        await press(pilot, "y")
        await until_seen(pilot, "cat.png 25 % ×")
        await press(pilot, "ctrl+q")
    assert inbox.drafts.read(contact_named(inbox, "Mai Tran")) == Draft()
