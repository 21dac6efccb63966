"""When a snooze ends, in the words of whoever types it: `30m`, `2h`, `16:30`, `fri 9:00`, `2026-12-24 10:00`."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, timezone

MORNING = time(9)
"""The time of day that is meant where only a day was said."""

LONGEST = timedelta(days=366 * 2)
EXAMPLES = "30m, 2h, 3d, 16:30, fri 9:00 or 2026-12-24 10:00"

_UNITS = {"w": timedelta(weeks=1), "d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1)}
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_PART = r"(\d{1,6})\s*(w|weeks?|d|days?|h|hrs?|hours?|m|mins?|minutes?)"
_SPAN = re.compile(rf"(?:in\s+)?{_PART}(?:\s*(?:and\s+)?{_PART})*", re.ASCII)
_CLOCK = re.compile(r"(?:at\s+)?(\d{1,2})(?:[:.](\d{2}))?\s*(am|pm)?", re.ASCII)
_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[t\s]+(.+))?", re.ASCII)


def parse_snooze(text: str, now: datetime) -> datetime:
    """The moment that `text` means, after `now`, in the time zone of `now`, which must be aware.

    A time of day alone is its next occurrence; a day alone means 09:00. Raises ValueError with a sentence for whoever
    typed it.
    """
    words = " ".join(text.casefold().split())
    if not words:
        raise ValueError(f"Say until when: {EXAMPLES}.")
    moment = _span(words, now) or _dated(words, now) or _on_day(words, now)
    if moment is None:
        clock = _clock(words)
        if clock is None:
            raise ValueError(f"“{text.strip()[:40]}” is not understood. Write {EXAMPLES}.")
        moment = _wall(now.date(), clock, now)
        if moment <= now:
            moment = _wall(now.date() + timedelta(days=1), clock, now)
    if moment <= now:
        raise ValueError(f"{moment_words(moment, now)} is over already.")
    if moment - now > LONGEST:
        raise ValueError("That is more than two years away.")
    return moment


def presets(now: datetime) -> list[tuple[str, datetime]]:
    """The usual ends of a snooze with their names, soonest first; none twice."""
    monday = now.date() + timedelta(days=7 - now.weekday())
    named = {
        "1 hour": _later(now, timedelta(hours=1)),
        "4 hours": _later(now, timedelta(hours=4)),
        "Tomorrow 09:00": parse_snooze("tomorrow", now),
        "Monday 09:00": _wall(monday, MORNING, now),
    }
    ends = sorted(named.items(), key=lambda item: item[1])
    return [item for index, item in enumerate(ends) if item[1] not in [end for _, end in ends[:index]]]


def moment_words(moment: datetime, now: datetime) -> str:
    """A moment as an agent reads it, seen from `now`: `today 16:30`, `Fri 28 Nov 09:00`."""
    if moment.date() == now.date():
        return f"today {moment:%H:%M}"
    year = "" if moment.year == now.year else f" {moment.year}"
    return f"{moment:%a} {moment.day} {moment:%b}{year} {moment:%H:%M}"


def _span(words: str, now: datetime) -> datetime | None:
    if not _SPAN.fullmatch(words):
        return None
    try:
        span = sum((int(count) * _UNITS[unit[0]] for count, unit in re.findall(_PART, words)), timedelta())
        if span > LONGEST:
            raise OverflowError
        return _later(now, span)
    except OverflowError:
        raise ValueError("That is more than two years away.") from None


def _later(now: datetime, span: timedelta) -> datetime:
    # Through UTC: hours are hours, also in the night when the clocks change.
    return (now.astimezone(UTC) + span).astimezone(now.tzinfo)


def _dated(words: str, now: datetime) -> datetime | None:
    found = _DATE.fullmatch(words)
    if not found:
        return None
    try:
        day = date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        raise ValueError(f"There is no day {found[1]}-{found[2]}-{found[3]}.") from None
    clock = _clock(found[4], bare=True) if found[4] else MORNING
    if clock is None:
        raise ValueError(f"“{found[4][:40]}” is no time of day. Write for instance {day} 10:00.")
    return _wall(day, clock, now)


def _on_day(words: str, now: datetime) -> datetime | None:
    name, _, rest = words.partition(" ")
    clock = _clock(rest, bare=True) if rest else MORNING
    if clock is None:
        return None
    if name == "today" and rest:
        return _wall(now.date(), clock, now)
    if len(name) < 3:
        return None
    if "tomorrow".startswith(name):
        return _wall(now.date() + timedelta(days=1), clock, now)
    for index, day in enumerate(_DAYS):
        if day.startswith(name):
            moment = _wall(now.date() + timedelta(days=(index - now.weekday()) % 7), clock, now)
            return moment if moment > now else _wall(moment.date() + timedelta(days=7), clock, now)
    return None


def _clock(words: str, *, bare: bool = False) -> time | None:
    """A time of day; None if the words are none. A bare number is an hour where that is clear, as after a day."""
    found = _CLOCK.fullmatch(words)
    if not found or not (found[2] or found[3] or bare):
        return None
    hour, minute = int(found[1]), int(found[2] or 0)
    if found[3] and not 1 <= hour <= 12:
        raise ValueError(f"There is no {words} on the clock.")
    if found[3]:
        hour = hour % 12 + (12 if found[3] == "pm" else 0)
    try:
        return time(hour, minute)
    except ValueError:
        raise ValueError(f"There is no {words} on the clock.") from None


def _wall(day: date, clock: time, now: datetime) -> datetime:
    wall = datetime.combine(day, clock)
    if isinstance(now.tzinfo, timezone) and now.tzinfo is not UTC and now.utcoffset() == now.astimezone().utcoffset():
        # A fixed offset is what `astimezone()` gives for local time: only the system knows its summer time.
        return wall.astimezone()
    return wall.replace(tzinfo=now.tzinfo)
