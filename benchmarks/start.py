"""How long until the console can be used, against the least that Textual takes to show anything."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Result

RUNS = 5
SIZE = (40, 120)
"""Rows and columns of the terminal."""
PATIENCE = 30.0
"""Seconds after which a start counts as failed."""

_BARE = """
from textual.app import App
from textual.widgets import Static

class Bare(App):
    def compose(self):
        yield Static("bare and ready")

Bare().run()
"""


def measure() -> Iterator[Result]:
    """Milliseconds from the start of the process to the first frame with the marker on it, the median of some runs."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ,
            "TERM": "xterm-256color",
            "ISMSG_DATA": folder,
            "ISMSG_USER": "benchmark",
            "ISMSG_CONFIG": str(Path(folder) / "config.toml"),
        }
        ours = [sys.executable, "-m", "ismsg_tui"]
        bare = [sys.executable, "-c", _BARE]
        subprocess.run([*ours, "ls"], env=environment, check=True, capture_output=True)
        try:
            baseline = _median(bare, b"bare and ready", environment)
            value = _median(ours, b"Help", environment)
        except TimeoutError as error:
            yield Result.skipped("start", str(error))
            return
    yield Result("start", value, baseline, "ms")


def _median(command: list[str], marker: bytes, environment: dict[str, str]) -> float:
    return sorted(_first_frame(command, marker, environment) for _ in range(RUNS))[RUNS // 2] * 1000


def _first_frame(command: list[str], marker: bytes, environment: dict[str, str]) -> float:
    """Seconds until a program in a terminal of its own has drawn the marker. Raises TimeoutError."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", *SIZE, 0, 0))
    start = time.perf_counter()
    process = subprocess.Popen(
        [*command], stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
    )
    os.close(theirs)
    seen = b""
    try:
        while marker not in seen:
            left = start + PATIENCE - time.perf_counter()
            if left <= 0 or not select.select([ours], [], [], left)[0]:
                raise TimeoutError(f"{' '.join(command[1:3])} did not show {marker.decode()} in {PATIENCE:.0f} s")
            try:
                seen += os.read(ours, 65_536)
            except OSError as error:  # what a terminal says whose program has ended
                raise TimeoutError(f"{' '.join(command[1:3])} ended without showing {marker.decode()}") from error
        return time.perf_counter() - start
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        os.close(ours)
