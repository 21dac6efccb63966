"""How long to wait before something is tried again."""

from __future__ import annotations

import random


def backoff(attempts: int, first: float, longest: float) -> int:
    """Milliseconds to wait after so many failed attempts: twice as long each time, spread so that not all come at once.

    `first` and `longest` in seconds.
    """
    seconds = min(longest, first * 2.0 ** min(max(attempts - 1, 0), 30))
    return int(seconds * random.uniform(0.5, 1.0) * 1000)  # noqa: S311 - jitter, not a secret
