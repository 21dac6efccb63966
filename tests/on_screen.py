"""What stands on the screen of an app under test, and whether a terminal could come to harm by it."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.screen import ModalScreen
from textual.widgets import Static

DATA = Path(__file__).parents[2] / "shared" / "data"
HARD_TEXTS: dict[str, str] = (
    {line["name"]: line["text"] for line in map(json.loads, (DATA / "hard-text.jsonl").read_text().splitlines())}
    if (DATA / "hard-text.jsonl").exists()
    else {}
)
needs_hard_texts = pytest.mark.skipif(not HARD_TEXTS, reason="the hard texts are not here")

SIZES = [(80, 24), (120, 40), (60, 20), (20, 5), (1, 1)]
"""Screens on which everything has to work, or at least not to break."""

R = TypeVar("R")

HARMFUL = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u200b\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufdd0-\ufdef\ufeff\ufff9-\ufffb\ufffe\uffff]"
)


def screen_lines(app: App[Any]) -> list[str]:
    """The lines of the screen that is on top, as they would be written."""
    return [strip.text for strip in app.screen._compositor.render_strips()]


def screen_text(app: App[Any]) -> str:
    """The same as one text."""
    return "\n".join(screen_lines(app))


def assert_screen_is_safe(app: App[Any]) -> None:
    """No control character reaches the terminal, and no line is wider than the screen or shorter."""
    for strip in app.screen._compositor.render_strips():
        assert not HARMFUL.search(strip.text), ascii(strip.text)
        assert strip.cell_length == app.size.width


class Host(App[None]):
    """Something to be seen behind a dialog."""

    ENABLE_COMMAND_PALETTE = False

    def compose(self) -> ComposeResult:
        yield Static("behind", markup=False)


@asynccontextmanager
async def shown(
    dialog: ModalScreen[R], size: tuple[int, int] = (80, 24)
) -> AsyncIterator[tuple[Host, Pilot[None], list[R | None]]]:
    """A dialog over an app, and the list of what it has given, empty as long as it is open."""
    app = Host()
    given: list[R | None] = []
    async with app.run_test(size=size) as pilot:
        await app.push_screen(dialog, given.append)
        await pilot.pause()
        yield app, pilot, given
