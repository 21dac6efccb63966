"""Finding choices and emoji by a few letters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ismsg_tui.domain.matching import INSIDE, LETTERS, Query
from ismsg_tui.domain.search_text import search_form
from ismsg_tui.domain.text import clean
from ismsg_tui.widgets import emojis


def found(query: str, *names: str, bodies: dict[str, str] | None = None, worst: int = LETTERS) -> list[str]:
    """The names that fit, in order of their fit."""
    texts = bodies or {}
    things = [([search_form(name)], search_form(texts.get(name, ""))) for name in names]
    return [names[index] for index in Query(query).rank(things, worst=worst)]


def test_the_name_comes_before_the_beginning_before_the_inside() -> None:
    names = ("unroom", "my room", "room key", "room")
    assert found("room", *names) == ["room", "room key", "my room", "unroom"]


def test_a_name_comes_before_a_text() -> None:
    assert found("refund", "deposit", "refund", bodies={"deposit": "the refund takes a week"}) == ["refund", "deposit"]


def test_what_fits_equally_well_keeps_its_order() -> None:
    assert found("check", "check-out", "check-in", "check list") == ["check-out", "check-in", "check list"]


def test_every_word_has_to_be_there() -> None:
    assert found("late check", "late check-out", "check-out", "late") == ["late check-out"]


def test_case_and_accents_make_no_difference() -> None:
    assert found("ANAIS", "Anaïs Petit") == ["Anaïs Petit"]


def test_scripts_without_spaces_are_found_by_their_characters() -> None:
    assert found("退款", "请退款谢谢", "谢谢") == ["请退款谢谢"]


def test_letters_in_order_are_found_where_nothing_fits_better() -> None:
    assert found("chkin", "check-in", "wifi") == ["check-in"]
    assert found("chkin", "check-in", "chkin") == ["chkin"]
    assert found("chkin", "check-in", worst=INSIDE) == []


@pytest.mark.parametrize(
    ("query", "name", "marked"),
    [("roo", "my Room", ["Roo"]), ("anais", "Anaïs", ["Anaïs"]), ("chk", "check", ["c", "h", "k"]), ("x", "abc", [])],
)
def test_what_was_typed_is_marked_in_the_name(query: str, name: str, marked: list[str]) -> None:
    assert [name[start:end] for start, end in Query(query).spans(name)] == marked


@given(st.text(max_size=20), st.text(max_size=40))
def test_spans_are_in_order_and_inside_the_name(query: str, name: str) -> None:
    ends = [0]
    for start, end in Query(query).spans(name):
        assert ends[-1] <= start < end <= len(name)
        ends.append(end)


@given(st.text(max_size=20), st.lists(st.text(max_size=20), max_size=8))
def test_ranking_names_each_thing_at_most_once(query: str, names: list[str]) -> None:
    ranked = Query(query).rank([([search_form(name)], "") for name in names])
    assert len(set(ranked)) == len(ranked)
    assert set(ranked) <= set(range(len(names)))


def test_every_emoji_is_found_by_each_of_its_names() -> None:
    for item in emojis.all_emojis():
        assert emojis.named(item.name) == item.char
        for alias in item.aliases:
            assert emojis.named(alias) is not None


def test_every_emoji_passes_the_cleaning_of_texts() -> None:
    assert [item.char for item in emojis.all_emojis() if clean(item.char) != item.char] == []


@pytest.mark.parametrize(
    ("query", "first"),
    [("thumbs", "👍"), ("smile", "😄"), ("tada", "🎉"), ("heart", "❤️"), ("pray", "🙏"), ("thumbs_up", "👍")],
)
def test_the_emoji_that_people_mean_comes_first(query: str, first: str) -> None:
    assert emojis.search(query, 5)[0].char == first


def test_skin_tones_are_shown_when_they_are_asked_for() -> None:
    assert not any(item.toned for item in emojis.search("thumbs up", 50))
    assert all(item.toned for item in emojis.search("thumbs up dark skin tone", 1))
