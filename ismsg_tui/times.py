"""Times in milliseconds as the command line, the line mode and exports write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ismsg_tui.clock import now_ms
from ismsg_tui.domain.snooze_times import moment_words

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def local(at: int) -> datetime:
    """A time as local date and time."""
    return (_EPOCH + timedelta(milliseconds=at)).astimezone()


def when(at: int) -> str:
    """A time as people read it now, here: `today 16:30`, `Fri 28 Nov 09:00`."""
    return moment_words(local(at), local(now_ms()))


def rfc3339(at: int | None) -> str | None:
    """A time as RFC 3339 in UTC: `2026-01-02T03:04:05.678Z`; None for None."""
    if at is None:
        return None
    return (_EPOCH + timedelta(milliseconds=at)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
