"""From a key to the repaint it causes, in list and timeline, against a bare list; at rest and while messages arrive."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from functools import partial
from pathlib import Path

from benchmarks.arrivals import PER_SECOND, arriving
from benchmarks.inbox_store import FEW_END, MANY_END, NoDataError, filled_folder
from benchmarks.measure import Result, share, shares
from benchmarks.terminal import Piece, Terminal, bare_list, console

KEYS = 100
BETWEEN = 0.04
"""Seconds between a repaint and the next key."""
OPENINGS = 15
_PERCENTS = (50, 95, 99)
_MARK = "▌".encode()
_TIMELINE = (20, 41)
"""A row and the first column of the timeline that are painted whenever it scrolls."""


def measure() -> Iterator[Result]:
    """Milliseconds; also the time to open a contact with very many messages, against one with a few."""
    try:
        folder = filled_folder()
        yield from _keys(folder)
        yield _opening(folder)
    except NoDataError as error:
        yield Result.skipped("keys", str(error))


def _keys(folder: Path) -> Iterator[Result]:
    for name, arrivals in (("at rest", False), (f"{PER_SECOND} messages a second", True)):
        with arriving(folder) if arrivals else nullcontext():
            with bare_list() as bare:
                moved, scrolled = _moves(bare), _scrolls(bare, "J", "K", (20, 1))
            with console(folder) as ours:
                yield from shares(f"key in list, {name}", _moves(ours), moved, _PERCENTS)
            with console(folder) as ours:
                ours.send("l")
                ours.rest(0.5)
                yield from shares(f"key in timeline, {name}", _scrolls(ours, "k", "j", _TIMELINE), scrolled, _PERCENTS)


def _moves(terminal: Terminal) -> list[float]:
    """Times to move the cursor to the next row and back, in the middle of the screen and away from the top.

    There the cursor keeps its line when rows come in above, so that a key always moves it to another.
    """
    for key in "j" * 25 + "k" * 5:
        terminal.send(key)
        terminal.rest(BETWEEN)
    terminal.send("j")
    terminal.rest(0.5)
    place = _marked(terminal.pieces())
    times = []
    for number in range(KEYS):
        terminal.send("kj"[number % 2])
        times.append(terminal.until(partial(_is_elsewhere, place)))
        terminal.rest(BETWEEN)
        place = _marked(terminal.pieces())
    return times


def _is_elsewhere(place: int | None, pieces: list[Piece]) -> bool:
    return _marked(pieces) not in (None, place)


def _marked(pieces: list[Piece]) -> int | None:
    """The row on which the cursor was drawn last."""
    return next((row for row, _, text in reversed(pieces) if _MARK in text), None)


def _scrolls(terminal: Terminal, there: str, back: str, place: tuple[int, int]) -> list[float]:
    """Times to scroll by a line there and back, some lines away from the end."""
    for _ in range(8):
        terminal.send(there)
        terminal.rest(0.1)
    times = []
    for number in range(KEYS):
        terminal.send((there, back)[number % 2])
        times.append(terminal.until(lambda pieces: _drawn_at(pieces, place)))
        terminal.rest(BETWEEN)
    return times


def _drawn_at(pieces: list[Piece], place: tuple[int, int]) -> bool:
    return any(row == place[0] and column >= place[1] for row, column, _ in pieces)


def _opening(folder: Path) -> Result:
    """From the key to the timeline of the contact with very many messages, against that of one with a few."""
    many, few = [], []
    with console(folder) as terminal:
        for _ in range(OPENINGS):
            terminal.send("j")
            few.append(terminal.until(lambda pieces: _shown_in_timeline(pieces, FEW_END)))
            terminal.rest(0.3)
            terminal.send("k")
            many.append(terminal.until(lambda pieces: _shown_in_timeline(pieces, MANY_END)))
            terminal.rest(0.3)
    return Result("open a contact with 100,000 messages", 1000 * share(many, 50), 1000 * share(few, 50), "ms")


def _shown_in_timeline(pieces: list[Piece], words: str) -> bool:
    return any(column >= _TIMELINE[1] and words.encode() in text for _, column, text in pieces)
