"""Whether what was written to a terminal is what Textual and Rich write of their own accord, and nothing more."""

from __future__ import annotations

import re
from collections import Counter

from tests.on_screen import HARMFUL
from tests.terminal import Terminal, Token, tokens

MODES = {7, 25, 1000, 1003, 1004, 1006, 1015, 1049, 2004, 2026, 2048}
"""The private modes that Textual sets and unsets."""
OFTEN = 2026
"""The one that it sets for each frame."""
OWN_STRINGS = re.compile(r"22;default|2;(\(\d+\) )?ismsg")
"""The shape of the mouse pointer, and the title with the number of waiting customers."""
KEEP_TITLE, GIVE_TITLE_BACK = "22;2t", "23;2t"
"""The terminal remembers its title at the start and has it again at the end."""
WIPE = "\x1b[K"
"""The last of all, once the console has ended: the words that said that it opens are taken away."""
COLOURS = re.compile(r"(?:(?:[34]8;2;\d+;\d+;\d+|[012347]|9)(?:;|(?=m)))*m")
"""Attributes and colours as Textual writes them to a terminal of true colour."""
PLAIN_COLOURS = re.compile(r"(?:(?:[012347]|3[0-7]|9[0-7])(?:;|(?=m)))*m")
"""The same as Rich writes them for the commands."""


def harm(output: str, size: tuple[int, int], colours: re.Pattern[str] = COLOURS) -> set[Token]:
    """Everything in what was written that Textual and Rich do not write of their own accord."""
    columns, rows = size
    found = set()
    for token in tokens(output.removesuffix(WIPE)):
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
                bad = value not in ("?2026$p", "?2048$p", ">25u", "<u", KEEP_TITLE, GIVE_TITLE_BACK)
            case _:  # whole pictures, which nobody asked for here
                bad = True
        if bad:
            found.add(token)
    return found


def assert_harmless(terminal: Terminal, colours: re.Pattern[str] = COLOURS) -> None:
    """What was written is of the form that Textual and Rich give it, and no mode was changed but at start and end."""
    assert harm(terminal.output, (terminal.columns, terminal.rows), colours) == set()
    changed = Counter(
        token.value for token in tokens(terminal.output) if token.kind == "csi" and token.value[0] in "<>?"
    )
    assert {value: count for value, count in changed.items() if count > 2 and not value.startswith(f"?{OFTEN}")} == {}
