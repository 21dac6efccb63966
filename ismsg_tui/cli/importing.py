"""Bringing conversations in: `import`, with a progress bar where somebody watches."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import click

from ismsg_tui.cli.errors import FailedError, say
from ismsg_tui.cli.session import Session, pass_session
from ismsg_tui.clock import now_ms
from ismsg_tui.domain.text import one_line
from ismsg_tui.importer.conversations import Sink, StoreSink, Tally, Watch, import_conversations
from ismsg_tui.importer.reading import Problem

REDRAW = 0.1
"""Seconds between two drawings of the progress bar."""

files_argument = click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))


@click.command("import")
@files_argument
@pass_session
def import_(session: Session, files: tuple[Path, ...]) -> None:
    """Bring conversations in from JSON Lines, compressed or not; the same file again changes nothing."""
    if session.account is not None:
        raise FailedError(
            "This inbox is a team's: “ismsg server import”, where the server runs, brings them in for all."
        )
    take_in(StoreSink(session.inbox.store), files)


def take_in(sink: Sink, files: tuple[Path, ...]) -> None:
    """Import conversation files and say how it went. Raises FailedError if anything was left out."""
    start = time.monotonic()
    with _progress(files) as show, _stop_on_interrupt() as stop:
        tally = import_conversations(sink, files, now_ms(), Watch(print_problem, show, stop))
    click.echo(_summary(tally, time.monotonic() - start))
    if tally.untimed:
        who = many(tally.untimed, "conversation")
        click.echo(f"{who} did not say when: they end now, their turns half a minute apart where they say nothing.")
    if tally.stopped:
        raise FailedError("Stopped. What is in stays; the same command goes on from there.")
    if tally.problems:
        raise left_out(tally.problems, rest=tally.conversations + tally.known)


def print_problem(problem: Problem) -> None:
    """Name a line that can't be used on stderr, as compilers do."""
    place = f"{problem.path}:{problem.line}" if problem.line else str(problem.path)
    say(f"{one_line(place, 1_000)}: {one_line(problem.reason, 500)}")


def _summary(tally: Tally, seconds: float) -> str:
    held = f"{many(tally.messages, 'message')}, {many(tally.comments, 'comment')}"
    words = f"{many(tally.conversations, 'conversation')} imported ({held}) in {seconds:.1f} s"
    return f"{words}; {tally.known:,} were there already." if tally.known else f"{words}."


def left_out(problems: int, *, rest: int) -> FailedError:
    """What to raise where parts of a file were of no use; `rest` is how many others are in now."""
    return FailedError(f"{many(problems, 'problem')}: {'the rest is in' if rest else 'nothing is in'}.")


def many(count: int, noun: str) -> str:
    """A count with its noun."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


@contextmanager
def _stop_on_interrupt() -> Iterator[Callable[[], bool]]:
    """Ask whether Ctrl+C was pressed; pressed twice, it interrupts as ever."""
    pressed = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield pressed.is_set
        return

    def note(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        pressed.set()

    before = signal.signal(signal.SIGINT, note)
    try:
        yield pressed.is_set
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _progress(files: tuple[Path, ...]) -> Iterator[Callable[[Path, Tally], None]]:
    """Draw how far the import has come, with rate and time left; nothing where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield lambda _path, _tally: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rate]:,.0f} messages/s", markup=False),
        TimeRemainingColumn(),
    )
    sizes = {path: path.stat().st_size for path in files if path.is_file()}
    start = time.monotonic()
    drawn = 0.0
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks = {
            path: bar.add_task(one_line(path.name, 40), total=size, visible=False, rate=0.0)
            for path, size in sizes.items()
        }

        def show(path: Path, tally: Tally) -> None:
            nonlocal drawn
            now = time.monotonic()
            if now - drawn >= REDRAW or tally.read == sizes[path]:
                drawn = now
                rate = tally.messages / max(now - start, REDRAW)
                bar.update(tasks[path], completed=tally.read, visible=True, rate=rate)

        yield show
