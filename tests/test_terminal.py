"""The console in a terminal of its own: started as people start it, and left in every way there is."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from ismsg_tui.inbox import Inbox
from ismsg_tui.logs import FILE_NAME
from ismsg_tui.store.drafts import Draft
from ismsg_tui.store.store import Store
from tests.desk_setup import contact_named, had_received, open_inbox
from tests.factories import ANA
from tests.terminal import AT_REST, Terminal, ismsg

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals here")

HEARD = "my passport is 4711"
TYPED = "we will look after it"
# What was heard is written backwards, since a log may quote the program's own lines.
FAULT = f"""
from ismsg_tui.screens.desk import Desk

def broken(self):
    raise ValueError({HEARD[::-1]!r}[::-1], self.pane.query_one("Composer").draft)

Desk.action_help = broken
"""
F1 = "\x1bOP"


def in_list(terminal: Terminal, name: str) -> bool:
    """Whether the contact list, which takes the left part of the screen, shows a name."""
    return any(name in line[:34] for line in terminal.lines)


def assert_restored(terminal: Terminal) -> None:
    """The terminal is as the program found it: screen, cursor, wrapping, mouse, paste, focus, keyboard, line."""
    assert terminal.modes == AT_REST
    assert terminal.keyboards == 0
    assert terminal.settings_now == terminal.settings


def prepare(folder: Path) -> Path:
    """A data folder with one contact in it who has written."""
    inbox = open_inbox(folder, ("Mai Tran",))
    had_received(inbox.store, contact_named(inbox, "Mai Tran"), HEARD)
    inbox.close_store()
    return folder


def begin_to_write(terminal: Terminal) -> None:
    """Open the first contact and type."""
    terminal.wait_for(HEARD)
    assert {1000, 1004, 1006, 1049, 2004} <= terminal.modes
    assert 25 not in terminal.modes
    assert terminal.keyboards == 1
    assert terminal.settings_now != terminal.settings
    terminal.send("\r")
    terminal.wait_for_cursor("Reply to Mai Tran")
    terminal.send(TYPED)
    terminal.wait_for(TYPED)


def draft_in(folder: Path) -> Draft:
    """What the store has kept of what was typed for the contact."""
    inbox = Inbox(Store(folder), ANA.id)
    draft = inbox.drafts.read(contact_named(inbox, "Mai Tran"))
    inbox.close_store()
    return draft


def test_the_demo_is_answered_by_the_keyboard_and_leaves_the_terminal_and_the_disk_as_they_were(
    tmp_path: Path,
) -> None:
    with ismsg(tmp_path, "demo") as terminal:
        terminal.wait_for(lambda: "New" in terminal.text and "waiting" in terminal.text)
        terminal.send("\r")
        terminal.wait_for_cursor("Reply to ")
        name = terminal.cursor_line.partition("Reply to ")[2].partition("…")[0]
        assert in_list(terminal, name)
        terminal.send("Good day, I shall see to it at once.")
        terminal.wait_for_cursor("at once.")
        terminal.send("\r")
        terminal.wait_for(lambda: "Reply to " in terminal.cursor_line and "▎ Good day, I shall see" in terminal.text)
        terminal.wait_for(lambda: not in_list(terminal, name))
        terminal.send("\x1b")
        terminal.wait_for(lambda: "Reply to " not in terminal.cursor_line)
        terminal.send("3")
        terminal.wait_for(lambda: in_list(terminal, name))
        terminal.send("\x11")
        assert terminal.wait() == 0
        assert_restored(terminal)
        assert terminal.text.strip() == ""
    assert list((tmp_path / "scratch").iterdir()) == []


def test_while_the_demo_comes_the_terminal_says_so_and_nothing_of_it_is_left_behind(tmp_path: Path) -> None:
    words = "One moment: the guests of the demo are coming in"
    with ismsg(tmp_path, "demo", size=(80, 24)) as terminal:
        terminal.wait_for(words)
        assert 1049 not in terminal.modes
        terminal.wait_for(lambda: "waiting" in terminal.text)
        assert words not in terminal.text
        terminal.send("\x11")
        assert terminal.wait() == 0
        assert terminal.output.endswith("\x1b[K")
        assert not terminal.text.strip()


WITHOUT_A_SIZE = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSWINSZ, bytes(8))"


def test_a_terminal_without_a_size_is_painted_as_one_of_80_columns_and_then_left_alone(tmp_path: Path) -> None:
    prepare(tmp_path)
    with ismsg(tmp_path, "--data", str(tmp_path), size=(80, 25), before=WITHOUT_A_SIZE) as terminal:
        terminal.wait_for("Mai Tran")
        for key, words in (("3", "Nothing assigned"), ("1", "Mai Tran"), ("5", "Nothing snoozed"), ("1", "Mai Tran")):
            terminal.send(key)
            terminal.wait_for(words)
        terminal.send("\x11")
        assert terminal.wait() == 0
        assert terminal.output.count("Harbour Hotel") < 20
        assert_restored(terminal)


def test_going_to_another_contact_paints_that_contacts_conversation(tmp_path: Path) -> None:
    open_inbox(tmp_path / "data").close_store()
    with ismsg(tmp_path, "--data", str(tmp_path / "data"), "--user", ANA.email) as terminal:
        terminal.wait_for("▎ hello, this is Mai")
        for first in ("Omar", "Lena"):
            terminal.send("j")
            # Both conversations are equally long, so nothing but their words differs.
            terminal.wait_for(f"▎ hello, this is {first}")
            assert "▎ hello, this is Mai" not in terminal.text


def test_what_is_typed_in_one_burst_goes_where_slow_typing_would_have_gone(tmp_path: Path) -> None:
    open_inbox(tmp_path / "data").close_store()
    with ismsg(tmp_path, "--data", str(tmp_path / "data"), "--user", ANA.email) as terminal:
        terminal.wait_for_cursor("▌ Mai Tran")
        terminal.send("\x0bfisch\rrgood evening")
        terminal.wait_for_cursor("good evening")
        assert "▎ hello, this is Lena" in terminal.text


def test_the_newest_message_stays_in_sight_while_the_reply_grows(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path / "data", ("Mai Tran",))
    for number in range(60):
        had_received(inbox.store, contact_named(inbox, "Mai Tran"), f"message number {number}")
    inbox.close_store()
    with ismsg(tmp_path, "--data", str(tmp_path / "data"), "--user", ANA.email) as terminal:
        terminal.wait_for("message number 59")
        terminal.send("\r")
        terminal.wait_for_cursor("Reply to ")
        terminal.send("one\ntwo\nthree\nfour\nfive")
        terminal.wait_for(lambda: "five" in terminal.cursor_line and "one" in terminal.text)
        terminal.wait_for("message number 59")


def test_the_terminals_cursor_stands_where_the_keys_go(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path / "data")
    for name in ("Omar Haddad", "Lena Fischer"):
        inbox.drafts.save(contact_named(inbox, name), Draft(f"two lines\nfor {name}"))
    inbox.close_store()
    with ismsg(tmp_path, "--data", str(tmp_path / "data"), "--user", ANA.email) as terminal:
        terminal.wait_for_cursor("▌ Mai Tran")
        terminal.send("c")
        terminal.wait_for_cursor("Type to filter")
        terminal.send("\x1b")
        terminal.wait_for_cursor("▌ Mai Tran")
        terminal.send("\r")
        terminal.wait_for_cursor("Reply to Mai Tran")
        terminal.send("\x1b")
        terminal.wait_for_cursor("▌ Mai Tran")
        for name in ("Omar Haddad", "Lena Fischer"):
            terminal.send("j")
            terminal.wait_for(f"for {name}")
            terminal.wait_for_cursor(f"▌ {name}")


@pytest.mark.parametrize("way", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_restores_the_terminal_and_keeps_what_was_typed(tmp_path: Path, way: signal.Signals) -> None:
    folder = prepare(tmp_path / "data")
    with ismsg(tmp_path, "--data", str(folder), "--user", ANA.email) as terminal:
        begin_to_write(terminal)
        terminal.kill(way)
        assert terminal.wait() == 0
        assert_restored(terminal)
    assert draft_in(folder) == Draft(TYPED)


def test_quitting_keeps_what_was_typed_in_the_same_moment(tmp_path: Path) -> None:
    folder = prepare(tmp_path / "data")
    with ismsg(tmp_path, "--data", str(folder), "--user", ANA.email) as terminal:
        begin_to_write(terminal)
        terminal.send(" indeed\x11")
        assert terminal.wait() == 0
        assert_restored(terminal)
    assert draft_in(folder) == Draft(f"{TYPED} indeed")


def test_a_closed_window_ends_the_console_and_keeps_what_was_typed(tmp_path: Path) -> None:
    folder = prepare(tmp_path / "data")
    with ismsg(tmp_path, "--data", str(folder), "--user", ANA.email) as terminal:
        begin_to_write(terminal)
        terminal.close()
        terminal.wait_unseen()
    assert draft_in(folder) == Draft(TYPED)


def test_a_fault_restores_the_terminal_keeps_what_was_typed_and_says_where_everything_is(tmp_path: Path) -> None:
    folder = prepare(tmp_path / "data")
    with ismsg(tmp_path, "--data", str(folder), "--user", ANA.email, before=FAULT) as terminal:
        begin_to_write(terminal)
        terminal.send(F1)
        assert terminal.wait() == 1
        assert_restored(terminal)
        said = "".join(terminal.text.split())
    assert f"keptin{folder}and" in said
    assert f"writtenin{folder / FILE_NAME}." in said
    assert "passport" not in said
    assert draft_in(folder) == Draft(TYPED)
    log = (folder / FILE_NAME).read_text()
    assert "ValueError" in log
    assert "broken" in log
    for words in ("4711", "passport", "look after", "Mai", "Tran"):
        assert words not in log
