"""When a snooze ends, said in an agent's words."""

from __future__ import annotations

import time as system_time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ismsg_tui.domain.snooze_times import moment_words, parse_snooze, presets

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 3, 25, 14, 10, 30, tzinfo=BERLIN)  # a Wednesday


@pytest.fixture
def berlin_system(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A system whose own zone is Berlin."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    system_time.tzset()
    yield
    monkeypatch.undo()
    system_time.tzset()


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("30m", "2026-03-25 14:40:30"),
        ("90 min", "2026-03-25 15:40:30"),
        ("2h", "2026-03-25 16:10:30"),
        ("1h30m", "2026-03-25 15:40:30"),
        ("in 2 hours", "2026-03-25 16:10:30"),
        ("3d", "2026-03-28 14:10:30"),
        ("16:30", "2026-03-25 16:30:00"),
        ("16.30", "2026-03-25 16:30:00"),
        ("4pm", "2026-03-25 16:00:00"),
        ("12am", "2026-03-26 00:00:00"),
        ("9:00", "2026-03-26 09:00:00"),
        ("tomorrow", "2026-03-26 09:00:00"),
        ("Tomorrow 8", "2026-03-26 08:00:00"),
        ("fri 9:00", "2026-03-27 09:00:00"),
        ("FRIDAY  at 9", "2026-03-27 09:00:00"),
        ("wed 15:00", "2026-03-25 15:00:00"),
        ("wed 14:00", "2026-04-01 14:00:00"),
        ("today 17:00", "2026-03-25 17:00:00"),
        ("2026-12-24", "2026-12-24 09:00:00"),
        ("2026-12-24 10:00", "2026-12-24 10:00:00"),
        ("2026-12-24T10:00", "2026-12-24 10:00:00"),
    ],
)
def test_what_an_agent_writes_means_what_he_thinks(text: str, meant: str) -> None:
    assert parse_snooze(text, NOW) == datetime.fromisoformat(meant).replace(tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Say until when"),
        ("soon", "not understood"),
        ("9", "not understood"),
        ("25:00", "no 25:00 on the clock"),
        ("13pm", "no 13pm on the clock"),
        ("today 9:00", "over already"),
        ("2025-01-01", "over already"),
        ("0m", "over already"),
        ("2026-02-30", "no day 2026-02-30"),
        ("2026-12-24 late", "no time of day"),
        ("999999d", "more than two years"),
        ("2999-01-01", "more than two years"),
    ],
)
def test_what_makes_no_sense_is_told_in_a_sentence(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as told:
        parse_snooze(text, NOW)
    assert str(told.value).endswith(".")


def test_a_clock_time_is_right_after_the_clocks_have_changed() -> None:
    assert parse_snooze("mon 9:00", NOW).astimezone(UTC) == datetime(2026, 3, 30, 7, tzinfo=UTC)


@pytest.mark.usefixtures("berlin_system")
def test_local_time_of_the_system_knows_its_summer_time() -> None:
    fixed = NOW.astimezone(UTC).astimezone()
    assert parse_snooze("mon 9:00", fixed).astimezone(UTC) == datetime(2026, 3, 30, 7, tzinfo=UTC)


def test_hours_are_hours_in_the_night_when_the_clocks_change() -> None:
    night = datetime(2026, 3, 29, 1, 30, tzinfo=BERLIN)
    assert parse_snooze("2h", night).astimezone(UTC) - night.astimezone(UTC) == timedelta(hours=2)


def test_the_presets_are_the_usual_four() -> None:
    assert [(name, moment_words(end, NOW)) for name, end in presets(NOW)] == [
        ("1 hour", "today 15:10"),
        ("4 hours", "today 18:10"),
        ("Tomorrow 09:00", "Thu 26 Mar 09:00"),
        ("Monday 09:00", "Mon 30 Mar 09:00"),
    ]


def test_on_a_sunday_tomorrow_and_monday_are_one_preset() -> None:
    sunday = datetime(2026, 3, 22, 14, tzinfo=BERLIN)
    assert [name for name, _ in presets(sunday)] == ["1 hour", "4 hours", "Tomorrow 09:00"]


def test_on_a_monday_morning_monday_is_the_next_one() -> None:
    monday = datetime(2026, 3, 23, 7, tzinfo=BERLIN)
    assert dict(presets(monday))["Monday 09:00"].date() == datetime(2026, 3, 30, tzinfo=BERLIN).date()


PIECES = "30 m 2 h d w min : 16:30 9 fri mon tom tomorrow today at in 2026-12-24 T am pm and x - ."
WORDS = st.sampled_from(PIECES.split())
MOMENTS = st.integers(946_684_800, 4_102_444_800).map(lambda at: datetime.fromtimestamp(at, BERLIN))


@given(
    st.one_of(st.text(), st.lists(WORDS, max_size=5).map(" ".join), st.lists(WORDS, max_size=5).map("".join)), MOMENTS
)
def test_any_text_is_a_moment_to_come_or_a_sentence(text: str, now: datetime) -> None:
    words = ""
    try:
        assert parse_snooze(text, now).astimezone(UTC) > now.astimezone(UTC)
    except ValueError as error:
        words = str(error)
    assert not words or words.endswith(".")


@given(MOMENTS)
def test_presets_lie_ahead_and_differ(now: datetime) -> None:
    ends = [end.astimezone(UTC) for _, end in presets(now)]
    assert ends == sorted(set(ends))
    assert ends[0] > now.astimezone(UTC)
