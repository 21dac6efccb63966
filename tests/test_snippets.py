"""Snippets: their variables and rules; and mentions in comments."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ismsg_tui.domain import snippet_rules
from ismsg_tui.domain.commands import Actor, DeleteSnippet, SaveSnippet, UseSnippet
from ismsg_tui.domain.entities import Contact, Snippet, User
from ismsg_tui.domain.mentions import mentioned
from ismsg_tui.domain.snippets import blanks, fill, values_for, without_blanks
from tests.factories import ANA, BEN, GONE, MAI, Book, code, examples, uid

NOW = datetime(2027, 1, 5, 9, 7, 3)  # noqa: DTZ001 - the local time of a workspace
GUEST = replace(MAI, email="mai@example.org", country="VN", fields={"City": "Huế", "loyalty-level": "gold"})
WELCOME = Snippet(id=uid(), name="Welcome", text="Hello $contact.firstname")


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("Hello $contact.name!", "Hello Mai Tran!"),
        ("Hello {{$contact.firstname}}_", "Hello Mai_"),
        ("{{ $contact.lastname }}", "Tran"),
        ("$contact.email, $contact.phone", "mai@example.org, +15550100"),
        ("in $contact.city ($contact.country)", "in Huế (VN)"),
        ("$contact.loyalty_level", "gold"),
        ("$assignee.name is $assignee.firstname $assignee.lastname", "Ana Silva is Ana Silva"),
        ("$system.current_datetime", "2027-01-05 09:07:03"),
        ("$system.current_date at $system.current_time.", "2027-01-05 at 09:07."),
        ("$CONTACT.name costs $5 and $contact", "$CONTACT.name costs $5 and $contact"),
        ("$contact.NAME", "Mai Tran"),
        ("您好$contact.firstname您好", "您好Mai您好"),
        ("{{$contact.firstname}} {{ }} {{}} {x}", "Mai {{ }} {{}} {x}"),
    ],
)
def test_variables_are_replaced_in_both_forms(template: str, text: str) -> None:
    filled = fill(template, values_for(GUEST, ANA, NOW))
    assert (filled.text, filled.missing) == (text, ())


def test_a_variable_without_a_value_stays_and_is_told_once_with_every_place() -> None:
    filled = fill("$contact.country {{$contact.x}} $contact.country", values_for(MAI, None, NOW))
    assert filled.text == "$contact.country {{$contact.x}} $contact.country"
    assert filled.missing == ("$contact.country", "$contact.x")
    assert [filled.text[blank.start : blank.end] for blank in filled.blanks] == [
        "$contact.country",
        "{{$contact.x}}",
        "$contact.country",
    ]


def test_a_value_that_looks_like_a_variable_is_not_replaced_again() -> None:
    sly = replace(MAI, first_name="$assignee.email")
    assert fill("$contact.firstname", values_for(sly, ANA, NOW)).text == "$assignee.email"


def test_a_custom_field_cannot_pose_as_a_built_in_one() -> None:
    sly = replace(MAI, fields={"phone": "0900", "Name": "Somebody"})
    assert fill("$contact.phone $contact.name", values_for(sly, None, NOW)).text == "+15550100 Mai Tran"


def test_a_contact_without_a_name_leaves_the_name_to_be_filled_in() -> None:
    assert fill("$contact.name", values_for(Contact(id=uid()), None, NOW)).missing == ("$contact.name",)


@settings(max_examples=examples(100))
@given(st.text(alphabet="$c{} .ontactname_x", max_size=30), st.text(max_size=5))
def test_filling_any_text_gives_a_place_for_each_missing_variable(template: str, value: str) -> None:
    filled = fill(template, {"contact.name": value})
    assert filled.blanks == tuple(blank for blank in blanks(filled.text) if blank in filled.blanks)
    for blank in filled.blanks:
        assert filled.text[blank.start : blank.end].strip("{} ") == blank.label
        assert blank.label in {known.label for known in blanks(template)}


def test_words_in_double_braces_are_a_blank_that_no_value_fills() -> None:
    filled = fill("On {{date}} at {{ the time }}, $contact.firstname", {"contact.firstname": "Mai", "date": "never"})
    assert filled.text == "On {{date}} at {{ the time }}, Mai"
    assert filled.missing == ("date", "the time")
    assert [filled.text[blank.start : blank.end] for blank in filled.blanks] == ["{{date}}", "{{ the time }}"]


def test_a_text_that_people_write_has_no_blanks() -> None:
    for text in ("costs $5 {{}} {a} {{\n}}", "if (x) {{ return; }", "$contact", "{{$5}}", "100 % of {{{{"):
        assert blanks(text) == ()


@settings(max_examples=examples(100))
@given(st.text(alphabet="$c{} .ontactname_x\n", max_size=60))
def test_blanks_stand_in_order_on_one_line_each_and_nothing_else_is_taken_away(text: str) -> None:
    found = blanks(text)
    assert [blank.start for blank in found] == sorted({blank.start for blank in found})
    assert all("\n" not in text[blank.start : blank.end] and blank.label for blank in found)
    rest = "".join(char for at, char in enumerate(text) if not any(b.start <= at < b.end for b in found))
    assert without_blanks(text).replace(" ", "") == rest.replace(" ", "")


# Rules


def test_a_snippet_is_kept_under_a_name_of_its_own() -> None:
    book = Book()
    book.do(SaveSnippet(replace(WELCOME, name="  Welcome ")))
    assert book.all(Snippet) == [WELCOME]
    assert code(book.do(SaveSnippet(replace(WELCOME, id=uid(), name="WELCOME")))) == "name-taken"


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"name": " "}, "bad-name"),
        ({"name": "n" * (snippet_rules.SNIPPET_NAME_LIMIT + 1)}, "bad-name"),
        ({"text": "\n"}, "bad-text"),
        ({"text": "t" * (snippet_rules.SNIPPET_TEXT_LIMIT + 1)}, "bad-text"),
    ],
)
def test_a_snippet_needs_a_name_and_a_text_of_bearable_length(changes: dict[str, str], refusal: str) -> None:
    assert code(Book().do(SaveSnippet(replace(WELCOME, **changes)))) == refusal


def test_editing_a_snippet_keeps_how_often_it_was_used() -> None:
    book = Book()
    book.do(SaveSnippet(WELCOME))
    book.do(UseSnippet(WELCOME.id))
    book.do(UseSnippet(WELCOME.id))
    book.do(SaveSnippet(replace(WELCOME, text="Hi", uses=0)))
    assert book.all(Snippet) == [replace(WELCOME, text="Hi", uses=2)]


def test_a_deleted_snippet_gives_its_name_free_and_cannot_be_used() -> None:
    book = Book()
    book.do(SaveSnippet(WELCOME))
    book.do(DeleteSnippet(WELCOME.id))
    assert code(book.do(UseSnippet(WELCOME.id))) == "unknown-snippet"
    assert code(book.do(SaveSnippet(replace(WELCOME, id=uid())))) == ""


def test_a_workspace_holds_only_so_many_snippets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snippet_rules, "SNIPPETS_LIMIT", 1)
    book = Book()
    book.do(SaveSnippet(WELCOME))
    assert code(book.do(SaveSnippet(replace(WELCOME, id=uid(), name="Second")))) == "too-many"
    assert code(book.do(SaveSnippet(replace(WELCOME, text="edited")))) == ""


def test_a_user_who_has_left_cannot_change_snippets() -> None:
    assert code(Book().do(SaveSnippet(WELCOME), Actor(GONE.id))) == "unknown-user"


# Mentions

ANA_TOO = User(id=uid(), name="Ana Lima")
STRASSE = User(id=uid(), name="Anke Weiß")
NAMELESS = User(id=uid(), name=" ")


@pytest.mark.parametrize(
    ("text", "who"),
    [
        ("@Ben please", [BEN]),
        ("@ben okoye, @BEN", [BEN]),
        ("ask @Ana Silva", [ANA]),
        ("ask @Ana", []),
        ("mail me at me@Ben or @Benno", []),
        ("@Cy Gone", []),
        ("@Anke Weiß", [STRASSE]),
        ("see you @ 5", []),
        ("(@Ben) and @Ana Lima!", [ANA_TOO, BEN]),
    ],
)
def test_a_comment_mentions_by_full_name_or_unmistakable_first_name(text: str, who: list[User]) -> None:
    assert mentioned(text, [ANA, BEN, GONE, ANA_TOO, STRASSE, NAMELESS]) == tuple(user.id for user in who)


def test_of_two_users_with_the_same_full_name_both_are_mentioned() -> None:
    twin = replace(BEN, id=uid())
    assert set(mentioned("@Ben Okoye", [BEN, twin])) == {BEN.id, twin.id}
    assert mentioned("@Ben", [BEN, twin]) == ()
