"""Writing in another editor: the text goes there and comes back, and nothing is lost on the way."""

from __future__ import annotations

import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ismsg_tui.desktop.editor import EditorError, edited, editor_command
from ismsg_tui.inbox import Inbox
from ismsg_tui.store.drafts import Draft
from ismsg_tui.store.store import Store
from tests.desk_setup import add_snippets, console, contact_named, on_screen, open_inbox, press, write
from tests.factories import ANA
from tests.terminal import AT_REST, Terminal, isolated

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals here")

LIMIT = 1_000
CTRL_G, CTRL_Q, CTRL_C = "\x07", "\x11", "\x03"

Script = Callable[[str], list[str]]


@pytest.fixture
def script(tmp_path: Path) -> Script:
    """Makes an editor of a few lines of shell; its file is `$1`."""

    def make(lines: str) -> list[str]:
        path = tmp_path / "my editor"
        path.write_text(f"#!/bin/sh\n{lines}\n")
        path.chmod(0o700)
        return [str(path)]

    return make


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the text lies while it is edited."""
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


# Which editor


@pytest.mark.parametrize(
    ("environment", "command"),
    [
        ({"VISUAL": "code --wait", "EDITOR": "vi"}, ["code", "--wait"]),
        ({"EDITOR": "emacs -nw"}, ["emacs", "-nw"]),
        ({"VISUAL": "  ", "EDITOR": "'/opt/my editor/run' \"-x y\""}, ["/opt/my editor/run", "-x y"]),
        ({"EDITOR": "vi; rm -rf $HOME"}, ["vi;", "rm", "-rf", "$HOME"]),
    ],
)
def test_the_environment_names_the_editor_and_no_shell_reads_it(
    environment: dict[str, str], command: list[str]
) -> None:
    assert editor_command(environment) == command


def test_without_a_name_a_usual_editor_is_looked_for_and_else_it_is_said_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(EditorError, match="set EDITOR"):
        editor_command({"PATH": str(tmp_path)})
    for name in ("vi", "nano"):
        (tmp_path / name).touch(mode=0o700)
        assert editor_command({"PATH": str(tmp_path)}) == [name]


def test_a_name_that_cannot_be_read_is_said_to_be_wrong() -> None:
    with pytest.raises(EditorError, match=r"\$EDITOR can't be understood: No closing quotation"):
        editor_command({"EDITOR": "vi 'x"})


# What becomes of the text


def test_the_text_comes_back_as_the_editor_leaves_it(script: Script, folder: Path) -> None:
    command = script(f'cat "$1" > {folder}/saw; stat -c %a "$1" > {folder}/mode; printf "und Grüße\\n" >> "$1"')
    assert edited("退款\nDear Mai, ", command, folder, LIMIT) == "退款\nDear Mai, und Grüße"
    assert (folder / "saw").read_text() == "退款\nDear Mai, "
    assert (folder / "mode").read_text() == "600\n"
    assert sorted(path.name for path in folder.iterdir()) == ["mode", "saw"]


def test_what_an_editor_leaves_beside_the_file_goes_with_it(script: Script, folder: Path) -> None:
    command = script('cp "$1" "$1~"; echo new > "$1.tmp"; mv "$1.tmp" "$1"')
    assert edited("old", command, folder, LIMIT) == "new"
    assert list(folder.iterdir()) == []


def test_a_text_that_ends_a_line_keeps_its_end_and_one_that_does_not_gets_none(script: Script, folder: Path) -> None:
    command = script('[ -z "$(tail -c1 "$1")" ] || echo >> "$1"')
    assert edited("one\n", command, folder, LIMIT) == "one\n"
    assert edited("one", command, folder, LIMIT) == "one"


def test_what_comes_back_is_safe_for_the_terminal(script: Script, folder: Path) -> None:
    command = script("""printf '\\357\\273\\277a\\033[31mb\\r\\nc\\007' > "$1" """)
    assert edited("", command, folder, LIMIT) == "ab\nc"


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ('printf "much work" > "$1"; exit 3', "ended with an error"),
        ('printf "much \\377 work" > "$1"', "no UTF-8"),
        ('head -c 5000 /dev/zero | tr "\\0" x > "$1"', "5,000 characters are far too many"),
    ],
)
def test_what_was_written_and_cannot_be_taken_stays_in_its_file_and_is_named(
    script: Script, folder: Path, lines: str, words: str
) -> None:
    with pytest.raises(EditorError, match=words) as raised:
        edited("draft", script(lines), folder, LIMIT)
    path = Path(str(raised.value).rpartition(" is in ")[2].rstrip("."))
    assert path.read_bytes()[:4] in (b"much", b"xxxx")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("lines", "words"),
    [("exit 1", "ended with an error"), ("kill -9 $$", "ended with an error"), ('rm "$1"', "no text")],
)
def test_an_editor_that_fails_without_writing_leaves_nothing_behind(
    script: Script, folder: Path, lines: str, words: str
) -> None:
    with pytest.raises(EditorError, match=words):
        edited("draft", script(lines), folder, LIMIT)
    assert list(folder.iterdir()) == []


def test_an_editor_that_is_not_there_is_named(folder: Path) -> None:
    with pytest.raises(EditorError, match="no-such-editor can't be started: No such file"):
        edited("draft", ["/nowhere/no-such-editor"], folder, LIMIT)
    assert list(folder.iterdir()) == []


def test_a_folder_that_takes_no_file_is_said_to(tmp_path: Path) -> None:
    with pytest.raises(EditorError, match="can't be put into a file"):
        edited("draft", ["true"], tmp_path / "nowhere", LIMIT)


# In the console


async def test_where_the_terminal_cannot_be_handed_over_it_is_said(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    add_snippets(inbox)
    async with console(inbox) as pilot:
        await press(pilot, "enter")
        await write(pilot, "mine")
        await press(pilot, "ctrl+g")
        assert any("can't be handed to an editor" in note.message for note in pilot.app._notifications)
        assert "mine" in on_screen(pilot)


def in_terminal(tmp_path: Path, data: Path, **environment: str) -> Terminal:
    """The console in a terminal of its own."""
    command = [sys.executable, "-m", "ismsg_tui", "--data", str(data), "--user", ANA.email]
    return Terminal(command, {**isolated(tmp_path), **environment})


def test_a_draft_goes_to_the_editor_and_back_and_the_terminal_with_it(
    tmp_path: Path, folder: Path, script: Script
) -> None:
    inbox = open_inbox(folder, ("Mai Tran",))
    mai = contact_named(inbox, "Mai Tran")
    inbox.close_store()
    (editor,) = script(
        'trap "" INT; stty -a | grep -o "\\-\\?icanon" > "$0.tty"; echo EDITING; read word; echo "and $word" >> "$1"'
    )
    with in_terminal(tmp_path, folder, EDITOR=f"'{editor}'") as terminal:
        terminal.wait_for("hello, this is Mai")
        terminal.send("\r")
        terminal.wait_for_cursor("Reply to Mai Tran")
        terminal.send(f"first {CTRL_G}")
        terminal.wait_for("EDITING")
        assert terminal.modes == AT_REST
        store = Store(folder)  # a crash in the editor loses nothing
        assert Inbox(store, ANA.id).drafts.read(mai) == Draft("first ")
        store.close()
        terminal.send(f"{CTRL_C}")
        terminal.send("second\n")
        terminal.wait_for(lambda: 1049 in terminal.modes and "first and second" in terminal.cursor_line)
        terminal.send("\x1a")  # undone in one step
        terminal.wait_for(lambda: "second" not in terminal.text and "first" in terminal.cursor_line)
        terminal.send(f"!{CTRL_Q}")
        assert terminal.wait() == 0
        assert terminal.modes == AT_REST
    assert Path(f"{editor}.tty").read_text() == "icanon\n"
    again = Inbox(Store(folder), ANA.id)
    assert again.drafts.read(mai) == Draft("first !")
    again.close_store()
    assert not [path for path in folder.iterdir() if path.name.startswith("edit-")]


def test_an_editor_that_fails_gives_the_terminal_back_and_says_so(tmp_path: Path, folder: Path, script: Script) -> None:
    open_inbox(folder, ("Mai Tran",)).close_store()
    (editor,) = script("echo BROKEN; exit 4")
    with in_terminal(tmp_path, folder, VISUAL=f"'{editor}'") as terminal:
        terminal.wait_for("hello, this is Mai")
        terminal.send("\r")
        terminal.wait_for_cursor("Reply to Mai Tran")
        terminal.send(f"precious{CTRL_G}")
        terminal.wait_for("ended with an error (4)")
        terminal.wait_for_cursor("precious")
        terminal.send(CTRL_Q)
        assert terminal.wait() == 0


def test_without_any_editor_it_is_said_what_to_set(tmp_path: Path, folder: Path) -> None:
    open_inbox(folder, ("Mai Tran",)).close_store()
    with in_terminal(tmp_path, folder, PATH=str(tmp_path / "nowhere")) as terminal:
        terminal.wait_for("hello, this is Mai")
        terminal.send(CTRL_G)
        terminal.wait_for("set EDITOR")
        terminal.send(CTRL_Q)
        assert terminal.wait() == 0
