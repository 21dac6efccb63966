"""How long until the console can be used, against the least that Textual takes to show anything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.inbox_store import NoDataError, empty_folder, filled_folder, size_words
from benchmarks.measure import Result, share
from benchmarks.terminal import running

RUNS = 7

_CONSOLE = ["-m", "ismsg_tui"]
_BARE = """
from textual.app import App
from textual.widgets import Static

class Bare(App):
    def compose(self):
        yield Static("bare and ready")

Bare().run()
"""


def measure() -> Iterator[Result]:
    """Milliseconds from the start of the process until keys and rows are drawn, the median of runs in turn."""
    with empty_folder() as folder:
        yield _compared("start, empty store", folder, "Help")
    try:
        folder = filled_folder()
        yield _compared(f"start, {size_words()}", folder, "Help", "Guest")
    except NoDataError as error:
        yield Result.skipped("start, large store", str(error))


def _compared(name: str, folder: Path, *words: str) -> Result:
    ours, bare = [], []
    _first_frame(_CONSOLE, folder, *words)  # compiles what is not compiled yet, and has the file system warm
    for _ in range(RUNS):
        bare.append(_first_frame(["-c", _BARE], folder, "bare and ready"))
        ours.append(_first_frame(_CONSOLE, folder, *words))
    return Result(name, 1000 * share(ours, 50), 1000 * share(bare, 50), "ms")


def _first_frame(arguments: list[str], folder: Path, *words: str) -> float:
    with running(arguments, folder) as terminal:
        return terminal.until_shown(*words)
