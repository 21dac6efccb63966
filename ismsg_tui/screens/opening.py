"""When the contact under the cursor is opened: at once after a step, and not at all while the cursor runs past it."""

from __future__ import annotations

import time
from collections.abc import Callable

from textual.timer import Timer
from textual.widget import Widget

PASSING = 0.15
"""Seconds: who steps again within them is passing contacts by."""
REST = 0.08
"""Seconds that the cursor must rest on a contact, after others were passed by, for it to be opened."""


class Opening:
    """What is still to be opened, once the cursor is painted where it stands now."""

    def __init__(self, widget: Widget, open_now: Callable[[], None]) -> None:
        """`open_now` opens what the cursor is on, and calls `done`; the time is that of `widget`."""
        self._widget, self._open_now = widget, open_now
        self.waiting = False
        self._timer: Timer | None = None
        self._stepped = 0.0

    def soon(self) -> None:
        """The cursor has moved."""
        now = time.monotonic()
        passing, self._stepped, self.waiting = now - self._stepped < PASSING, now, True
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        if passing:
            self._timer = self._widget.set_timer(REST, self.at_last)
        else:
            self._widget.call_after_refresh(self.at_last)

    def at_last(self) -> None:
        """Open what is still to be opened."""
        if self.waiting:
            self._open_now()

    def done(self) -> None:
        """Something is open now, be it this or another."""
        self.waiting = False
