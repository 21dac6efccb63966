from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import time_machine

from ismsg_tui.clock import now_ms
from ismsg_tui.config import Config
from ismsg_tui.demo.content import DemoError, load_workspace
from ismsg_tui.demo.run import LOCK, THROWAWAY, run_demo
from ismsg_tui.domain.views import View
from ismsg_tui.inbox import Inbox
from ismsg_tui.store.store import Store
from ismsg_tui.sync.authority import Authority


class Console:
    """Stands in for the console: looks at what it is given, replies to somebody, and ends."""

    def __init__(self, reply: str = "") -> None:
        self.reply = reply
        self.seen: dict[str, object] = {}

    def __call__(self, inbox: Inbox, config: Config, authority: Authority) -> int:
        self.seen = {
            "workspace": inbox.workspace.name,
            "me": inbox.me.name,
            "new": inbox.contacts.view(View.NEW).count(),
            "all": inbox.contacts.view(View.ALL).count(),
            "hold": inbox.hold,
            "folder": inbox.store.path.parent,
            "head": authority.changes(0, 10).to,
        }
        if self.reply:
            inbox.reply(inbox.contacts.view(View.NEW).page().rows[0].contact_id, self.reply)
        return 3


def test_the_demo_opens_on_a_busy_desk_and_leaves_nothing_behind(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console()
    assert run_demo(None, None, 1, Config(undo_seconds=7), console) == 3
    assert console.seen["workspace"] == load_workspace().name
    assert console.seen["me"] == "You"
    assert console.seen["hold"] == 7000
    assert isinstance(console.seen["new"], int)
    assert console.seen["new"] > 5
    folder = console.seen["folder"]
    assert isinstance(folder, Path)
    assert not folder.exists()
    assert capsys.readouterr().out == ""


KILLED = """
from ismsg_tui.config import Config
from ismsg_tui.demo.run import run_demo

run_demo(None, None, 1, Config(), lambda inbox, *_: [print(inbox.store.path.parent, flush=True), input()])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="files that are open can't be removed there")
def test_a_demo_clears_away_what_killed_ones_left_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    elsewhere, link = tmp_path / "mine", tmp_path / f"{THROWAWAY}link"
    unlocked, stranger = tmp_path / f"{THROWAWAY}new", tmp_path / "ismsg-other"
    for folder in (elsewhere, unlocked, stranger):
        folder.mkdir()
        (folder / "file").touch()
    for folder in (elsewhere, stranger):
        (folder / LOCK).touch()
    link.symlink_to(elsewhere)
    with subprocess.Popen([sys.executable, "-c", KILLED], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as demo:
        assert demo.stdout
        left = Path(demo.stdout.readline().decode().strip())
        beside = Console()
        run_demo(None, None, 1, Config(), beside)
        assert (left / "ismsg.db").exists()  # it is alive
        demo.kill()
    assert left.parent == tmp_path
    assert left.exists()
    run_demo(None, None, 1, Config(), Console())
    assert sorted(tmp_path.iterdir()) == sorted((elsewhere, link, unlocked, stranger))
    assert all((folder / "file").exists() for folder in (elsewhere, unlocked, stranger))


def test_a_kept_demo_is_found_again_with_what_was_done_in_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "hotel"
    first, second = Console("Good day, one moment please."), Console()
    run_demo(folder, None, 1, Config(undo_seconds=0), first)
    assert str(folder) in capsys.readouterr().out
    run_demo(folder, None, 1, Config(), second)
    assert second.seen["new"] == int(str(first.seen["new"])) - 1
    store = Store(folder)
    assert Inbox(store, "").unsent() == 0
    assert [hit.text for hit in Inbox(store, "").search("one moment please") if hit.text == first.reply] == [
        first.reply
    ]
    store.close()


def test_a_message_that_is_still_held_at_the_end_leaves_the_next_time(tmp_path: Path) -> None:
    run_demo(tmp_path, None, 1, Config(undo_seconds=60), Console("Held for a moment"))
    store = Store(tmp_path)
    assert Inbox(store, "").unsent() == 1
    with time_machine.travel((now_ms() + 120_000) / 1000):
        run_demo(tmp_path, None, 1, Config(), Console())
    assert Inbox(store, "").unsent() == 0
    store.close()


def test_a_folder_that_holds_another_workspace_is_left_alone(tmp_path: Path) -> None:
    Inbox.open(tmp_path, "ana").close_store()
    console = Console()
    with pytest.raises(DemoError, match="Local inbox"):
        run_demo(tmp_path, None, 1, Config(), console)
    assert console.seen == {}


def test_a_kept_demo_can_be_open_only_once_at_a_time(tmp_path: Path) -> None:
    refused: list[str] = []

    def open_again(inbox: Inbox, config: Config, authority: Authority) -> int:
        with pytest.raises(DemoError, match="close it first"):
            run_demo(tmp_path, None, 1, Config(), Console())
        refused.append("second")
        return 0

    run_demo(tmp_path, None, 1, Config(), open_again)
    run_demo(tmp_path, None, 1, Config(), Console())
    assert refused == ["second"]


def test_whoever_tries_the_demo_goes_by_his_own_name(tmp_path: Path) -> None:
    console = Console()
    name = r"HOTEL\una \1"  # some logins are written like that
    run_demo(tmp_path, None, 1, Config(), console, me=name)
    assert console.seen["me"] == name
    comments = Store(tmp_path).reader.execute("SELECT text FROM message WHERE kind = 'comment'").fetchall()
    assert any(f"@{name} " in text for (text,) in comments)


def test_a_recording_is_opened_and_its_bad_lines_are_named_afterwards(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "talk.jsonl"
    good = {"id": "1", "source": "TEST", "turns": [{"who": "customer", "text": "hello", "t": 0}], "meta": {}}
    path.write_text(json.dumps(good) + "\n" + "broken\n" * 7)
    console = Console()
    assert run_demo(None, path, 100, Config(), console) == 3
    assert console.seen["workspace"] == "Replay"
    errors = capsys.readouterr().err.splitlines()
    assert errors[0].startswith(f"{path}:2: ")
    assert errors[-1].startswith("2 more lines")
