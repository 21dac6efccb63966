"""The line mode at a real terminal: what is typed, interrupted and ended there."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from ismsg_tui.domain.commands import ReceiveMessage
from ismsg_tui.domain.entities import Contact
from ismsg_tui.store.drafts import Draft
from tests.cli_desk import ANA, GUEST, PHONE, Desk
from tests.terminal import Terminal, ismsg, tokens


class Seat:
    """Ana in front of a terminal, with one contact who has written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.desk = Desk(folder / "data")
        self.mai: Contact = self.desk.contact("Mai", "Tran", "hello")

    def draft(self) -> Draft:
        inbox = self.desk.open()
        found = inbox.drafts.read(self.mai.id)
        inbox.close_store()
        return found

    def texts(self) -> list[str]:
        inbox = self.desk.open()
        found = [line.message.text for line in inbox.timeline(self.mai.id) if line.message.event is None]
        inbox.close_store()
        return found


@pytest.fixture
def seat(tmp_path: Path) -> Seat:
    return Seat(tmp_path)


@pytest.fixture
def terminal(seat: Seat) -> Iterator[Terminal]:
    with ismsg(seat.folder, "--data", str(seat.desk.folder), "--user", ANA.name, "--plain") as terminal:
        terminal.wait_for("Command:")
        yield terminal


def asked(terminal: Terminal, prompt: str = "Command") -> None:
    """Wait for a prompt: the terminal itself would show what is typed before."""
    terminal.wait_for(lambda: terminal.cursor_line.startswith(prompt))


def interrupt(terminal: Terminal, words: str) -> None:
    """Press Ctrl+C until it is heard: Python's line editor misses one that comes while it works on the key before."""
    for _ in range(20):
        terminal.send("\x03")
        with suppress(AssertionError):
            return terminal.wait_for(words, seconds=2)
    raise AssertionError(f"Nothing hears Ctrl+C:\n{terminal.text}")


def test_nothing_is_drawn_and_every_line_starts_with_what_it_is(terminal: Terminal) -> None:
    terminal.send("list\r")
    terminal.wait_for("Contact 1:")
    asked(terminal)
    terminal.send("next\r")
    terminal.wait_for("Command, Mai Tran:")
    terminal.send("help\r")
    terminal.wait_for("Word: quit")
    asked(terminal)
    terminal.send("quit\r")
    assert terminal.wait() == 0
    for kind, value in tokens(terminal.output):
        # The one sequence that a line editor may send asks for pasted text to be marked: it shows and moves nothing.
        assert kind == "text" or value in ("\r", "\n", "?2004h", "?2004l"), ascii(value)
    lines = re.sub(r"\x1b\[\?2004[hl]\r?", "", terminal.output).splitlines()
    roles = r"(Notice|View|Contact \d|Contact|Command|Command, Mai Tran|Day|Event, \d\d|Mai Tran, \d\d|Word)"
    assert [line for line in lines if not re.match(rf"{roles}:", line)] == []


def test_ctrl_c_cancels_what_is_typed_and_nothing_else(seat: Seat, terminal: Terminal) -> None:
    terminal.send("next\r")
    terminal.wait_for("Command, Mai Tran:")
    terminal.send("reply half of")
    terminal.wait_for("reply half of")
    interrupt(terminal, "Notice: Cancelled.")
    asked(terminal)
    terminal.send("reply whole\r")
    terminal.wait_for("Done: Message to Mai Tran")
    asked(terminal)
    terminal.send("\x04")
    assert terminal.wait() == 0
    assert seat.texts() == ["hello", "whole"]


def test_ctrl_c_leaves_a_message_as_a_draft_that_is_offered_again(seat: Seat, terminal: Terminal) -> None:
    terminal.send("next\r")
    terminal.wait_for("Command, Mai Tran:")
    terminal.send("reply\r")
    terminal.wait_for("Line 1:")
    terminal.send("Good morning,\r")
    terminal.wait_for("Line 2:")
    interrupt(terminal, "Notice: Not sent: it is kept as a draft.")
    assert seat.draft() == Draft("Good morning,")
    asked(terminal)
    terminal.send("reply\r")
    terminal.wait_for("Draft: Good morning,")
    asked(terminal, "yes or no")
    terminal.send("yes\r")
    asked(terminal, "Line 2")
    terminal.send("it is ready.\r.\r")
    terminal.wait_for("Done: Message to Mai Tran")
    assert seat.texts() == ["hello", "Good morning,\nit is ready."]
    assert seat.draft() == Draft()


@pytest.mark.parametrize("which", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_what_was_typed_survives_however_the_program_ends(
    seat: Seat, terminal: Terminal, which: signal.Signals
) -> None:
    terminal.send("next\r")
    terminal.wait_for("Command, Mai Tran:")
    terminal.send("reply\r")
    terminal.wait_for("Line 1:")
    terminal.send("Good morning,\r")
    terminal.wait_for("Line 2:")
    terminal.kill(which)
    assert terminal.wait() == (-which if which is signal.SIGKILL else 128 + which)
    assert seat.draft() == Draft("Good morning,")


def test_news_waits_until_the_line_is_typed(seat: Seat, terminal: Terminal) -> None:
    terminal.send("view")
    terminal.wait_for("Command: view")
    seat.desk.do(ReceiveMessage(seat.mai.id, "are you there?", PHONE.id), GUEST)
    terminal.send("s\r")
    terminal.wait_for("New: 1 message from Mai Tran.")
    assert "Command: views" in terminal.text
    assert terminal.text.index("View: all") < terminal.text.index("New: 1 message")
    assert "are you there" not in terminal.text


def test_the_demo_runs_at_a_terminal_too(tmp_path: Path) -> None:
    with ismsg(tmp_path, "demo", "--plain") as terminal:
        terminal.wait_for("Command:")
        terminal.send("next\r")
        terminal.wait_for("Command, ")
        asked(terminal)
        terminal.send("\x04")
        assert terminal.wait() == 0
