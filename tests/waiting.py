"""Waiting for what happens on other threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


def until(happened: Callable[[], bool], seconds: float = 20.0) -> None:
    """Return once something has happened; fail where it has not after so many seconds."""
    pause, end = threading.Event(), time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it has not happened"
        pause.wait(0.01)
