"""How late the event loop is during a minute of work, against a bare list in which the cursor moves."""

from __future__ import annotations

import itertools
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.inbox_store import NoDataError, filled_folder
from benchmarks.measure import Result, shares
from benchmarks.terminal import Terminal, running

SECONDS = 60.0
BARE_SECONDS = 10.0
_STEP = 0.08
"""Seconds between two keys."""
_MOVING = ["j", "j", "j", "k", "J", "J", "K", "\x1b[6~", "j", "G", "k", "g"]
_TALKING = ["l", "k", "k", "\x1b[5~", "g", "G", "h", "j"]
_TYPING = ["r", *"Thank you, I will look into it at once", "\x1b", "h"]
_VIEWS = ["1", "2", "3", "4", "5", "6"]
_SEARCHING = ["/", *"booking", "\x1b"]
_WORK = [*_MOVING, *_VIEWS, *_TALKING, *_SEARCHING, *_MOVING, *_TYPING]


def measure() -> Iterator[Result]:
    """Milliseconds: moving, opening, reading, typing, switching views and searching over and over."""
    try:
        folder = filled_folder()
        with tempfile.TemporaryDirectory() as scratch:
            misses = Path(scratch) / "misses.json"
            with running(["-m", "benchmarks.bare_list", str(misses)]) as bare:
                bare.until_shown("row 20")
                baseline = _misses(bare, ["j", "j", "k", "J", "K"], BARE_SECONDS, misses)
            with running(["-m", "benchmarks.watched_console", str(misses)], folder) as ours:
                ours.until_shown("Help", "Guest")
                values = _misses(ours, _WORK, SECONDS, misses)
    except NoDataError as error:
        yield Result.skipped("lateness of the loop", str(error))
        return
    yield from shares("lateness of the loop", values, baseline, (50, 95, 99, 100))


def _misses(terminal: Terminal, keys: list[str], seconds: float, path: Path) -> list[float]:
    """Press keys for some time, end the program and read what was noted."""
    terminal.rest(1.0)
    end = time.perf_counter() + seconds
    for key in itertools.cycle(keys):
        if time.perf_counter() > end:
            break
        terminal.send(key)
        terminal.rest(_STEP)
    terminal.send("\x1b")
    terminal.rest(0.3)
    terminal.finish("\x11")
    values: list[float] = json.loads(path.read_text())
    return values
