"""No text of anybody's does anything to the terminal: what the console and the commands write is looked at, byte by
byte, while they show texts that mean harm.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from rich.cells import cell_len

from ismsg_tui.app import IsmsgApp
from ismsg_tui.config import Config
from ismsg_tui.domain.text import clean
from tests.desk_setup import open_inbox
from tests.harmless import PLAIN_COLOURS, assert_harmless, harm
from tests.hostile_desk import MARK, OWN, TEXTS, HostileDesk, some
from tests.on_screen import HARMFUL
from tests.terminal import Terminal, ismsg, isolated, width_on_screen

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals here")

LARGE, SMALL = (120, 40), (80, 24)
DOWN, F2, CTRL_K, BACKSPACE = "\x1b[B", "\x1bOQ", "\x0b", "\x7f"
BORDER = 40
"""The first column of the conversation in a large terminal."""
TIMELINE = slice(3, 27)
"""The rows in which a large terminal shows the lines of the conversation."""

RUN_ALL = """
import json, sys
from ismsg_tui.cli import main
for arguments in json.load(open(sys.argv[1])):
    try:
        main(arguments, prog_name="ismsg")
    except SystemExit:
        pass
"""

# A terminal lets no escape characters through when something is pasted: with them it could be made to type.
_NOT_PASTED = ("long", "wide", "marks", "halves", "links")
PASTED = (
    "\x1b[200~"
    + "".join(text for name, text in OWN.items() if name not in _NOT_PASTED).replace("\x1b", "")
    + "pasted to the end\x1b[201~"
)
"""Everything hostile, as a terminal pastes it."""


def mark(index: int) -> str:
    """The word that names a text."""
    return f"{MARK}{index:03}"


@contextmanager
def desk(folder: Path, texts: Iterable[str], size: tuple[int, int], *, unclean: bool = False) -> Iterator[Terminal]:
    """The console on a desk of these texts, all contacts in the list; nothing that it writes until it is left harms."""
    hostile = HostileDesk(folder / "data", list(texts), unclean=unclean)
    with ismsg(folder, "--data", str(hostile.folder), "--user", hostile.users[0].id, size=size) as terminal:
        terminal.wait_for("Reply")
        terminal.send("6")
        terminal.wait_for(f"All {len(hostile.texts)}")
        yield terminal
        terminal.send("\x11")
        assert terminal.wait() == 0
        assert_harmless(terminal)


def test_a_live_sequence_would_be_noticed() -> None:
    harmless = {"eight bits", "markup", "broken markup", "variables", "long", "wide", "marks", "nothing", "halves"}
    for name, text in OWN.items():
        raw = text.encode("utf-8", "replace").decode()
        assert harm(raw, LARGE) or name in harmless - {"eight bits", "nothing"}, name
    assert not harm("\x1b[1;38;2;1;2;3;48;2;4;5;6mname\x1b[0m\x1b[40;120H\r\n\x1b[?2026h", LARGE)
    assert harm("\x1b[41;1H", LARGE)


def test_nothing_that_list_conversation_and_card_show_reaches_a_large_terminal_alive(tmp_path: Path) -> None:
    texts = some(9)
    with desk(tmp_path, texts, LARGE, unclean=True) as terminal:
        terminal.send("p")
        terminal.wait_for(mark(0))
        terminal.wait_for("Earlier conversations")
        for index in range(1, len(texts)):
            terminal.ask("j", mark(index))


def test_nothing_that_list_and_conversation_show_reaches_a_small_terminal_alive(tmp_path: Path) -> None:
    texts = some(15)
    with desk(tmp_path, texts, SMALL) as terminal:
        for index in range(len(texts)):
            terminal.ask("jl" if index else "l", mark(index))
            terminal.ask("h", "▌")


def downs(lines: int) -> list[str]:
    """The keys for so many lines down a list, of which some more are in sight each time."""
    return [DOWN * 3] * (lines // 3) + [DOWN] * (lines % 3)


@pytest.mark.parametrize(("size", "unclean"), [(LARGE, True), (SMALL, False)])
def test_nothing_that_pickers_dialogs_and_notices_show_reaches_the_terminal_alive(
    tmp_path: Path, size: tuple[int, int], unclean: bool
) -> None:
    with desk(tmp_path, OWN.values(), size, unclean=unclean) as terminal:
        terminal.send(F2)
        terminal.wait_for("─ Snippets ─")
        for _ in range(len(OWN) - 1):
            terminal.ask(DOWN, MARK)
        terminal.send("\r")
        terminal.wait_for(lambda: "─ Snippets ─" not in terminal.text and MARK in terminal.text)
        terminal.send(PASTED)
        terminal.wait_for("pasted to the end")
        terminal.ask("\x1b", "▌")
        for step in (2, 7, 12, 17):
            terminal.send("a")
            terminal.wait_for("─ Assign · ")
            terminal.ask(DOWN * step, "▌")
            terminal.ask("\r", "Assigned to")
            terminal.wait_for(lambda: "─ Assign · " not in terminal.text)
        terminal.send("c")
        terminal.wait_for("─ Close · ")
        for keys in downs(len(OWN)):
            terminal.ask(keys, "▌")
        terminal.ask("\r", "New line")
        terminal.send(PASTED)
        terminal.wait_for("too long")
        terminal.send(BACKSPACE * 200)
        terminal.wait_for(lambda: "too long" not in terminal.text)
        terminal.ask("\r", "Closed: ")
        terminal.wait_for(lambda: "─ Close · " not in terminal.text)
        terminal.send("/")
        terminal.wait_for("─ Search ─")
        terminal.ask("too", " found")
        terminal.ask(PASTED, "Nothing found")
        terminal.send("\x1b")
        terminal.wait_for(lambda: "─ Search ─" not in terminal.text)
        terminal.send(CTRL_K)
        terminal.wait_for("─ Jump to ─")
        for keys in downs(len(OWN) - 1):
            terminal.ask(keys, "▌")
        terminal.ask(PASTED, "fits")
        terminal.send("\x1b")
        terminal.wait_for(lambda: "─ Jump to ─" not in terminal.text)


async def test_a_notice_is_one_line_of_plain_text(tmp_path: Path) -> None:
    app = IsmsgApp(open_inbox(tmp_path), Config())
    async with app.run_test(size=LARGE, notifications=True) as pilot:
        for name, text in OWN.items():
            app.notify(text, title=text)
            await pilot.pause()
            strips = app.screen._compositor.render_strips()
            assert not any(HARMFUL.search(strip.text) for strip in strips), name
            assert name != "markup" or any("[bold red]loud[/]" in strip.text for strip in strips)
            app.clear_notifications()


def is_stable(text: str) -> bool:
    """Whether terminals agree how wide each part of a text is, whether they look at characters or at clusters."""
    return all(width_on_screen(line) == cell_len(line) == sum(map(cell_len, line)) for line in text.split("\n"))


def test_the_border_between_list_and_conversation_stays_in_its_column(tmp_path: Path) -> None:
    texts = [text for text in some(25) if is_stable(clean(text))]
    with desk(tmp_path, texts, LARGE) as terminal:
        terminal.wait_for(mark(0))
        behind = terminal.backgrounds(BORDER)[TIMELINE.start]
        for index in range(1, len(texts)):
            terminal.ask("j", mark(index))
            assert set(terminal.backgrounds(BORDER)[TIMELINE]) == {behind}, ascii(texts[index])
            assert behind not in terminal.backgrounds(BORDER - 1)[TIMELINE], ascii(texts[index])


def test_nothing_that_the_commands_print_reaches_the_terminal_alive(tmp_path: Path) -> None:
    hostile = HostileDesk(tmp_path / "data", list(TEXTS.values()), unclean=True)
    asked = [
        ["ls", "--view", "all", "--limit", "1000"],
        *(["show", hostile.contact_id(index)] for index in range(len(TEXTS))),
        ["search", "--limit", "1000", "too"],
        ["snippets", "ls"],
    ]
    for text in OWN.values():
        asked += [
            ["search", "--", text],
            ["show", "--", text],
            ["assign", hostile.contact_id(0), text],
            ["comment", hostile.contact_id(0), text],
            ["snippets", "rm", "--", text],
        ]
    common = ["--data", str(hostile.folder), "--user", hostile.users[0].id]
    script = tmp_path / "asked.json"
    script.write_text(json.dumps([[*common, *words] for words in asked]))
    with Terminal([sys.executable, "-c", RUN_ALL, str(script)], isolated(tmp_path), LARGE) as terminal:
        assert terminal.wait() == 0
        assert "fault of its own" not in terminal.output
        assert_harmless(terminal, PLAIN_COLOURS)
