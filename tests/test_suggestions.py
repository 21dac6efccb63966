"""Which stored reply fits what was said: in any language, predictably, and none rather than a wrong one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ismsg_tui.domain.entities import Snippet
from ismsg_tui.domain.suggestions import Suggestions
from tests.factories import examples
from tests.on_screen import HARD_TEXTS, needs_hard_texts
from tests.strategies import WORDS


def snippet(name: str, text: str = "Some words.", **more: object) -> Snippet:
    return replace(Snippet(id=name, name=name, text=text), **more)


HOTEL = (
    snippet("hello", "Hello $contact.firstname, how can we help?", topic="Greeting"),
    snippet("check-in", "Check-in is from 15:00. You can leave your luggage with us.", topic="Arrival"),
    snippet("parking", "There is parking behind the house, 12 € a night. The gate opens with your card."),
    snippet("late arrival", "The night porter lets you in: ring twice.", topic="Arrival"),
    snippet("cake", "For birthdays we bake cakes, order two days before."),
    snippet("wifi", "The network is HarbourGuest, the password is on the card."),
    snippet("dog", "Dogs are welcome."),
    snippet("lost and found", "We keep what guests leave behind for six months."),
    snippet("退款", "退款将在五个工作日内原路退回。", language="zh"),
    snippet("เงินคืน", "เราจะคืนเงินภายในห้าวันทำการ", language="th"),
    snippet("chien", "Les chiens sont les bienvenus.", language="fr"),
)
REPLIES = Suggestions(HOTEL)


def best(heard: str, language: str = "") -> str | None:
    found = REPLIES.best(heard, language)
    return found.name if found else None


@pytest.mark.parametrize(
    ("heard", "name"),
    [
        ("wifi is down?? room 207", "wifi"),
        ("hi\nwifi is down??\nor its me\ngot a call with my boss in nine minutes", "wifi"),
        ("Hello. I arrive on Thursday. I have a question about the parking. I drive a large van.", "parking"),
        ("do you do cakes?", "cake"),
        ("dog?", "dog"),
        ("I lost my scarf", "lost and found"),
        ("When can we check in?", "check-in"),
        ("Hello!", "hello"),
        ("WÍFÍ!!", "wifi"),
        ("你好，我想申请退款", "退款"),
        ("ขอเงินคืนได้ไหมครับ", "เงินคืน"),
    ],
)
def test_a_reply_whose_name_is_said_fits(heard: str, name: str) -> None:
    assert best(heard) == name


@pytest.mark.parametrize(
    "heard",
    [
        "",
        "ok",
        "👍",
        "12345",
        "Hello. I need more towels in room 351, please.",
        "Thank you for the lovely stay, we shall come again and bring the whole family with us.",
        "We were on the terrace with the children when somebody parked a red van in front of the gate and left.",
        "好的谢谢",
        "ขอบคุณครับ",
    ],
)
def test_where_nothing_fits_well_there_is_no_suggestion(heard: str) -> None:
    assert best(heard) is None


def test_a_reply_fits_where_most_of_what_is_said_stands_in_its_text() -> None:
    assert best("luggage, leave it here?") is None
    assert best("Can we leave the luggage at fifteen hundred, from check of luggage") in (None, "check-in")
    told = Suggestions([*HOTEL, snippet("x1", "We deliver furniture to Hanoi within three weeks.")])
    found = told.best("deliver furniture Hanoi?")
    assert found is not None
    assert found.name == "x1"


def test_a_reply_in_another_language_does_not_fit() -> None:
    assert best("le chien vient aussi", "fr-CA") == "chien"
    assert best("le chien vient aussi", "en") is None
    assert best("le chien vient aussi") == "chien"
    assert best("le chien vient aussi", "French, I think") == "chien"


def test_of_replies_that_fit_equally_the_one_used_most_is_suggested() -> None:
    twins = [snippet("refund", id="a"), snippet("refund!", id="b", uses=40)]
    found = Suggestions(twins).best("a refund please")
    assert found is not None
    assert found.id == "b"


def test_a_word_that_many_names_share_tells_nothing() -> None:
    crowd = [snippet(f"hotel matter {chr(97 + number)}") for number in range(20)]
    assert Suggestions([*crowd, snippet("sauna")]).best("which hotel matter is it") is None


def test_variables_are_no_words() -> None:
    assert (
        Suggestions([snippet("x9", "$contact.firstname {{delivery address}}")]).best("contact firstname city") is None
    )


texts = st.lists(st.one_of(st.sampled_from([*WORDS, "hello", "parking", "wifi", "?", "\n"]), st.text(max_size=6))).map(
    " ".join
)
shelves = st.lists(
    st.builds(snippet, texts, texts, topic=texts, uses=st.integers(0, 9), language=st.sampled_from(["", "en", "zh"])),
    max_size=8,
)


@settings(max_examples=examples(150))
@given(shelves, texts, st.sampled_from(["", "en", "th"]))
def test_a_suggestion_is_one_of_the_replies_and_always_the_same(
    shelf: list[Snippet], heard: str, language: str
) -> None:
    found = Suggestions(shelf).best(heard, language)
    assert found is None or found in shelf
    assert found == Suggestions(shelf).best(heard, language)
    assert found is None or {found.language, language} != {"en", "zh"} | {language} or found.language == language


@settings(max_examples=examples(50))
@given(shelves, st.text(alphabet="0123456789 .,?!👍\n", max_size=30))
def test_what_says_nothing_gets_no_suggestion(shelf: list[Snippet], heard: str) -> None:
    assert Suggestions(shelf).best(heard) is None


@needs_hard_texts
def test_no_text_is_too_hard() -> None:
    shelf = [snippet(f"{name} {text[:40]}", text) for name, text in HARD_TEXTS.items()]
    replies = Suggestions(shelf)
    for text in HARD_TEXTS.values():
        replies.best(text)
