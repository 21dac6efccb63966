"""Printing: JSON for programs, aligned lines that fit the terminal for people."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ismsg_tui.export import json_text

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

Command = TypeVar("Command", bound=Callable[..., Any])

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
    click.echo(json_text(thing))


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
