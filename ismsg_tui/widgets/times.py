"""Times as an agent reads them: local, short, in words."""

from __future__ import annotations

from datetime import date, datetime


def local(at: int) -> datetime:
    """A time in milliseconds as local date and time."""
    return datetime.fromtimestamp(at / 1000).astimezone()


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
    distance = (today - when.date()).days
    if distance <= 0:
        return f"{when:%H:%M}"
    if distance < 7:
        return f"{when:%a}"
    return f"{when.day} {when:%b}" if when.year == today.year else f"{when:%b %y}"


def moment(at: int, today: date) -> str:
    """A day and a time, the day left out today."""
    when = local(at)
    return f"{when:%H:%M}" if when.date() == today else f"{day(at, today)} {when:%H:%M}"
