"""Times in milliseconds as people and programs read them: local and short, or RFC 3339."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

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


def clock(at: int) -> str:
    """Hours and minutes."""
    return f"{local(at):%H:%M}"


def day(at: int, today: date) -> str:
    """The day in words: today, yesterday, a weekday within the last week, else a date."""
    when = local(at).date()
    distance = (today - when).days
    if distance == 0:
        return "Today"
    if distance == 1:
        return "Yesterday"
    if 1 < distance < 7:
        return f"{when:%A}"
    return f"{when:%a} {when.day} {when:%b}" + ("" if when.year == today.year else f" {when.year}")


def short(at: int, today: date) -> str:
    """For a list row, at most six characters: the clock today, else the day."""
    when = local(at)
    distance = abs((today - when.date()).days)
    if distance == 0:
        return f"{when:%H:%M}"
    if distance < 7:
        return f"{when:%a}"
    return f"{when.day} {when:%b}" if when.year == today.year else f"{when:%b %y}"


def moment(at: int, today: date) -> str:
    """A day and a time, the day left out today."""
    when = local(at)
    return f"{when:%H:%M}" if when.date() == today else f"{day(at, today)} {when:%H:%M}"
