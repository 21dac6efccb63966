"""Runs the measurements named on the command line, or all."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

from benchmarks import (
    commands,
    first_sync,
    footprint,
    import_rate,
    keys,
    list_page,
    live,
    loop,
    searching,
    start,
    voice,
)
from benchmarks.measure import Result

MEASUREMENTS: dict[str, Callable[[], Iterator[Result]]] = {
    "start": start.measure,
    "keys": keys.measure,
    "loop": loop.measure,
    "searching": searching.measure,
    "list_page": list_page.measure,
    "import_rate": import_rate.measure,
    "footprint": footprint.measure,
    "voice": voice.measure,
    "first_sync": first_sync.measure,
    "commands": commands.measure,
    "live": live.measure,
}


def main(names: list[str]) -> int:
    """Print a line per result as it comes; returns the exit code."""
    unknown = [name for name in names if name not in MEASUREMENTS]
    if unknown:
        print(f"No such benchmark: {', '.join(unknown)}. There are {', '.join(MEASUREMENTS)}.", file=sys.stderr)
        return 2
    print("name | value | baseline | ratio")
    for name in names or MEASUREMENTS:
        for result in MEASUREMENTS[name]():
            print(result.line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
