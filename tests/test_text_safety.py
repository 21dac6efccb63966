"""No text of anybody's does anything to the terminal: what the console and the commands write is looked at, byte by
byte, while they show texts that mean harm.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.cells import cell_len

from ismsg_tui.domain.text import clean
from tests.desk_setup import console, open_inbox, settle
from tests.hostile_desk import MARK, OWN, TEXTS, HostileDesk
from tests.on_screen import HARMFUL, assert_screen_is_safe
from tests.terminal import Terminal, Token, ismsg, tokens, width_on_screen

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals here")

LARGE, SMALL = (120, 40), (80, 24)
DOWN, F2 = "\x1b[B", "\x1bOQ"

MODES = {7, 25, 1000, 1003, 1004, 1006, 1015, 1049, 2004, 2026, 2048}
"""The private modes that Textual sets and unsets."""
OFTEN = 2026
"""The one that it sets for each frame."""
OWN_STRINGS = re.compile(r"22;default|2;(\(\d+\) )?ismsg")
"""The shape of the mouse pointer, and the title with the number of waiting customers."""
COLOURS = re.compile(r"(?:(?:[34]8;2;\d+;\d+;\d+|[012347]|9)(?:;|(?=m)))*m")
"""Attributes and colours as Textual writes them to a terminal of true colour."""
PLAIN_COLOURS = re.compile(r"(?:(?:[012347]|3[0-7]|9[0-7])(?:;|(?=m)))*m")
"""The same as Rich writes them for the commands."""


def harm(output: str, size: tuple[int, int], colours: re.Pattern[str] = COLOURS) -> set[Token]:
    """Everything in what was written that Textual and Rich do not write of their own accord."""
    columns, rows = size
    found = set()
    for token in tokens(output):
        match token:
            case Token("text", words):
                bad = HARMFUL.search(words) is not None
            case Token("control", character):
                bad = character not in "\r\n"
            case Token("osc", payload):
                bad = not OWN_STRINGS.fullmatch(payload)
            case Token("csi", value) if value[-1] == "H":
                place = re.fullmatch(r"(\d+);(\d+)H", value)
                bad = place is None or not (int(place[1]) <= rows and int(place[2]) <= columns)
            case Token("csi", value) if value[-1] == "m":
                bad = not colours.fullmatch(value)
            case Token("csi", value) if value[0] == "?" and value[-1] in "hl":
                bad = not value[1:-1].isdigit() or int(value[1:-1]) not in MODES
            case Token("csi", value):
                bad = value not in ("?2026$p", "?2048$p", ">25u", "<u")
        if bad:
            found.add(token)
    return found


def assert_harmless(terminal: Terminal, colours: re.Pattern[str] = COLOURS) -> None:
    """What was written is of the form that Textual and Rich give it, and no mode was changed but at start and end."""
    assert harm(terminal.output, (terminal.columns, terminal.rows), colours) == set()
    changed = Counter(token.value for token in tokens(terminal.output) if token.kind == "csi" and token.value[0] in "<>?")
    assert {value: count for value, count in changed.items() if count > 2 and not value.startswith(f"?{OFTEN}")} == {}


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
    with desk(tmp_path, TEXTS.values(), LARGE, unclean=True) as terminal:
        terminal.send("p")
        terminal.wait_for(mark(0))
        terminal.wait_for("Earlier conversations")
        for index in range(1, len(TEXTS)):
            terminal.ask("j", mark(index))


def test_nothing_that_list_and_conversation_show_reaches_a_small_terminal_alive(tmp_path: Path) -> None:
    changed = [text for text in TEXTS.values() if clean(text) != text or "[" in text]
    with desk(tmp_path, changed, SMALL) as terminal:
        for index in range(len(changed)):
            terminal.ask("jl" if index else "l", mark(index))
            terminal.ask("h", "▌")


@pytest.mark.parametrize(("size", "unclean"), [(LARGE, True), (SMALL, False)])
def test_nothing_that_pickers_dialogs_and_notices_show_reaches_the_terminal_alive(
    tmp_path: Path, size: tuple[int, int], unclean: bool
) -> None:
    pasted = "".join(OWN.values()).encode("utf-8", "replace").decode().replace("\x1b[201~", "")
    with desk(tmp_path, OWN.values(), size, unclean=unclean) as terminal:
        terminal.send(F2)
        terminal.wait_for("Insert")
        for _ in OWN:
            terminal.ask(DOWN + UP + DOWN, MARK)
        terminal.send("\r")
        terminal.wait_for(lambda: "Insert" not in terminal.text and "Reply" in terminal.text)
        terminal.send(f"\x1b[200~{pasted}\x1b[201~")
        terminal.wait_for("surrogates")
        terminal.send("\x1b")
        for step in (1, 5, 9, 13, 17):
            terminal.send("a")
            terminal.wait_for("Assign to")
            terminal.ask(DOWN * step, "▌")
            terminal.ask("\r", "Assigned to")
        terminal.send("c")
        terminal.wait_for("Category and summary may stay empty.")
        for _ in OWN:
            terminal.ask(DOWN, "▌")
        terminal.ask("\r", "New line")
        terminal.send(f"\x1b[200~{pasted}\x1b[201~")
