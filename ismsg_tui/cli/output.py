"""Printing: JSON for programs, aligned lines that fit the terminal for people."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ismsg_tui.clock import now_ms
from ismsg_tui.domain.snooze_times import moment_words

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

Command = TypeVar("Command", bound=Callable[..., Any])

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")


def limit_option(default: int) -> Callable[[Command], Command]:
    """How many lines a list shows at most."""
    return click.option(
        "--limit",
        type=click.IntRange(min=1),
        metavar="N",
        default=default,
        show_default=True,
        help="Show at most so many.",
    )


def print_json(thing: Mapping[str, object]) -> None:
    """Print an object as one line of ASCII, control characters escaped."""
    click.echo(json.dumps(thing, ensure_ascii=True).replace("\x7f", "\\u007f"))


def rfc3339(at: int | None) -> str | None:
    """A time in milliseconds as RFC 3339 in UTC: `2026-01-02T03:04:05.678Z`."""
    if at is None:
        return None
    return (_EPOCH + timedelta(milliseconds=at)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def local(at: int) -> datetime:
    """A time in milliseconds as local date and time."""
    return (_EPOCH + timedelta(milliseconds=at)).astimezone()


def when(at: int) -> str:
    """A time in milliseconds as people read it now, here."""
    return moment_words(local(at), local(now_ms()))


def console() -> Console:
    """Where lines for people go: as wide as the terminal, in colour only where that is seen and wanted."""
    from rich.console import Console

    return Console(width=shutil.get_terminal_size().columns, highlight=False, markup=False, emoji=False)


def lines_table(*columns: str) -> Table:
    """A table without rules whose cells keep to one line; the last column takes what is left of the width."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), expand=True, header_style="dim")
    for column in columns[:-1]:
        table.add_column(column, no_wrap=True, overflow="ellipsis", max_width=24)
    table.add_column(columns[-1], no_wrap=True, overflow="ellipsis", ratio=1)
    return table


def print_lines(thing: RenderableType) -> None:
    """Print a table or a text for people."""
    console().print(thing)
