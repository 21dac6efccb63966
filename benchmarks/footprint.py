"""What the console costs the machine: memory after some use, processor while nobody does anything."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.inbox_store import NoDataError, filled_folder
from benchmarks.measure import Result
from benchmarks.terminal import Terminal, bare_list, console

IDLE = 10.0
"""Seconds for which the processor is watched."""


def measure() -> Iterator[Result]:
    """Proportional set size in MiB, and the share of a core in per cent, each against a bare list."""
    try:
        folder = filled_folder()
        with bare_list() as bare:
            memory, share = _memory(bare), _share_of_core(bare)
        with console(folder) as ours:
            for key in "jjjjjGkkgl":
                ours.send(key)
                ours.rest(0.2)
            ours.rest(2.0)
            yield Result("memory", _memory(ours), memory, "MiB")
            yield Result("processor at rest", _share_of_core(ours), share, "% of a core")
    except NoDataError as error:
        yield Result.skipped("memory and processor at rest", str(error))


def _memory(terminal: Terminal) -> float:
    text = Path(f"/proc/{terminal.pid}/smaps_rollup").read_text()
    found = re.search(r"^Pss: +(\d+) kB", text, re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


def _share_of_core(terminal: Terminal) -> float:
    before, begin = _ticks(terminal.pid), time.perf_counter()
    terminal.rest(IDLE)
    seconds = (_ticks(terminal.pid) - before) / os.sysconf("SC_CLK_TCK")
    return 100 * seconds / (time.perf_counter() - begin)


def _ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
