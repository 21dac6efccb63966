from __future__ import annotations

import json
from pathlib import Path

import pytest
import time_machine
from rich.cells import cell_len

from ismsg_tui.domain.commands import Actor, AddComment, AssignContact, CloseConversation, SendMessage
from tests.cli_desk import ANA, OMAR, Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.mark.parametrize("view", ["new", "open", "assigned", "closed", "snoozed", "all"])
def test_an_empty_view_says_so_in_a_sentence(desk: Desk, view: str) -> None:
    output = desk.good("ls", "--view", view)
    assert output.strip().endswith(".")
    assert len(output.splitlines()) == 1


def test_the_list_shows_who_waits_and_since_when(desk: Desk) -> None:
    mai = desk.contact("Mai", "Tran", "hello", "is my room ready? 🙏")
    (row,) = desk.objects("ls")
    assert row["id"] == mai.id
    assert (row["name"], row["channel"], row["assignee"]) == ("Mai Tran", "WhatsApp", None)
    assert (row["status"], row["unread"]) == ("open", 2)
    said = {"direction": "in", "text": "is my room ready? 🙏", "at": row["last_message"]["at"], "state": None}
    assert (row["last_message"], row["not_sent"]) == (said, None)
    assert row["waiting_since"] <= row["last_message"]["at"]
    assert row["waiting_since"].endswith("Z")
    assert len(row["waiting_since"]) == len("2026-01-02T03:04:05.678Z")
    text = desk.good("ls")
    assert "Mai Tran" in text
    assert "is my room ready? 🙏" in text


def test_each_view_lists_its_own_contacts(desk: Desk) -> None:
    new, mine, done, asleep = (desk.contact(name, "", "hi") for name in ("New", "Mine", "Done", "Asleep"))
    desk.good("assign", mine.id, "me")
    desk.good("close", done.id)
    desk.good("snooze", asleep.id, "2h")

    def ids(view: str) -> set[str]:
        return {row["id"] for row in desk.objects("ls", "--view", view)}

    assert ids("new") == {new.id}
    assert ids("open") == {new.id, mine.id}
    assert ids("assigned") == {mine.id}
    assert ids("closed") == {done.id}
    assert ids("snoozed") == {asleep.id}
    assert ids("all") == {new.id, mine.id, done.id, asleep.id}
    statuses = {row["name"]: row["status"] for row in desk.objects("ls", "--view", "all")}
    assert statuses == {"New": "open", "Mine": "open", "Done": "closed", "Asleep": "snoozed"}


def test_a_limited_list_says_how_many_more_there_are(desk: Desk) -> None:
    for number in range(3):
        desk.contact(f"Contact {number}", "", "hi")
    assert "1 more" in desk.good("ls", "--limit", "2")
    assert len(desk.objects("ls", "--limit", "2")) == 2
    desk.refused("ls", "--limit", "0", code=2)


@pytest.mark.parametrize("columns", [40, 60, 132])
def test_lists_fit_the_terminal_whatever_is_in_them(desk: Desk, columns: int) -> None:
    desk.env["COLUMNS"] = str(columns)
    contact = desk.contact("渡辺" * 30, "Tran", "退款" * 80, "one\ntwo\tthree " * 20, "👩‍👩‍👧‍👦" * 50)
    desk.good("snippets", "add", "long" * 20, "words " * 100)
    for command in (["ls"], ["show", contact.id], ["search", "退款"], ["snippets", "ls"]):
        for line in desk.good(*command).splitlines():
            assert cell_len(line) <= columns, command


def test_nothing_that_a_customer_writes_reaches_the_terminal_raw(desk: Desk) -> None:
    evil = "\x1b]0;owned\x07 \x1b[31mred\x1b[0m [bold]not bold[/] \u202eback \x9b2J refund"
    contact = desk.contact(f"Eve{evil}", "", evil)
    for command in (["ls"], ["show", contact.id], ["search", "refund"]):
        output = desk.good(*command)
        assert all(char.isprintable() or char == "\n" for char in output)
        assert "[bold]not bold[/]" in output
    assert desk.objects("show", contact.id)[-1]["text"].startswith(" red [bold]")


def test_a_timeline_tells_messages_comments_and_events_apart(desk: Desk) -> None:
    mai = desk.contact("Mai", "Tran", "hello")
    desk.do(SendMessage(mai.id, "Welcome!"), Actor(ANA.id))
    desk.do(AddComment(mai.id, "VIP"), Actor(OMAR.id))
    desk.do(CloseConversation(mai.id, "Refund", "paid back"), Actor(ANA.id))
    lines = desk.objects("show", "Mai Tran")
    assert [(line["kind"], line["direction"], line["author"]) for line in lines] == [
        ("event", None, "Mai Tran"),
        ("message", "in", "Mai Tran"),
        ("event", None, "Ana Ruiz"),
        ("message", "out", "Ana Ruiz"),
        ("comment", None, "Omar Haddad"),
        ("event", None, "Ana Ruiz"),
    ]
    assert [line["text"] for line in lines] == [
        "conversation opened by Mai Tran",
        "hello",
        "Ana Ruiz took the contact",
        "Welcome!",
        "VIP",
        "closed by Ana Ruiz · Refund · paid back",
    ]
    assert [line["status"] for line in lines] == [None, None, None, "pending", None, None]
    assert len({line["conversation_id"] for line in lines}) == 1
    assert lines[-1]["event"] == {
        "type": "closed",
        "source": "user",
        "assignee": None,
        "previous": None,
        "until": None,
        "category": "Refund",
        "summary": "paid back",
    }
    text = desk.good("show", "Mai Tran")
    assert "Mai Tran · WhatsApp · closed · assigned to Ana Ruiz" in text
    assert "comment: VIP" in text
    assert "waiting to be sent" in text


def test_the_newest_lines_come_where_not_all_are_wanted(desk: Desk) -> None:
    mai = desk.contact("Mai", "Tran", *(f"line {number}" for number in range(5)))
    assert [line["text"] for line in desk.objects("show", mai.id, "--limit", "2")] == ["line 3", "line 4"]


def test_a_contact_without_lines_is_shown_all_the_same(desk: Desk) -> None:
    contact = desk.contact("Quiet")
    output = desk.good("show", contact.id)
    assert "no conversation" in output
    assert "Nothing has been written yet." in output


@pytest.mark.parametrize("wanted", ["{id}", "{prefix}", "mai tran", "Mai Tran", "+15550100", "MAI@example.org"])
def test_a_contact_is_meant_by_id_prefix_name_phone_or_email(desk: Desk, wanted: str) -> None:
    mai = desk.contact("Mai", "Tran", "hello", phone="+15550100", email="mai@example.org")
    desk.contact("Omar", "", "hi")
    word = wanted.format(id=mai.id, prefix=mai.id[:30])
    assert desk.objects("show", word)[-1]["text"] == "hello"


def test_a_name_of_two_contacts_lists_both(desk: Desk) -> None:
    first, second = desk.contact("Mai", "Tran", "hello"), desk.contact("Mai", "Tran", "hi")
    said = desk.refused("show", "Mai Tran")
    assert first.id in said
    assert second.id in said


def test_part_of_a_name_lists_whom_it_may_mean(desk: Desk) -> None:
    mai = desk.contact("Mai", "Tran", "hello")
    said = desk.refused("send", "tran", "hello")
    assert mai.id in said
    assert "There is no contact “nobody”." in desk.refused("show", "nobody")


def test_a_search_finds_messages_and_comments_in_any_script(desk: Desk) -> None:
    mai = desk.contact("Mai", "Tran", "我要退款", "about the refund")
    desk.do(AddComment(mai.id, "refund approved"), Actor(OMAR.id))
    hits = desk.objects("search", "refund")
    assert [hit["text"] for hit in hits] == ["refund approved", "about the refund"]
    assert hits[0]["contact_id"] == mai.id
    assert (hits[0]["contact"], hits[0]["at"][-1]) == ("Mai Tran", "Z")
    assert hits[0]["message_id"] == desk.objects("show", mai.id)[-1]["id"]
    assert [hit["text"] for hit in desk.objects("search", "退款")] == ["我要退款"]
    assert len(desk.objects("search", "refund", "--limit", "1")) == 1
    assert "Nothing holds “zebra”." in desk.good("search", "zebra")


def test_a_search_shows_the_place_it_found_in_a_long_text(desk: Desk) -> None:
    desk.contact("Mai", "Tran", "lorem ipsum " * 40 + "the refund came")
    assert "the refund came" in desk.good("search", "refund")


def test_json_escapes_every_control_character(desk: Desk) -> None:
    desk.contact("Mai", "Tran", "line one\nline two\ttab")
    output = desk.good("ls", "--json")
    assert "\\n" in output
    assert output.count("\n") == 1
    assert json.loads(output)["last_message"]["text"] == "line one\nline two\ttab"


def test_an_assigned_contact_is_listed_with_its_assignee(desk: Desk) -> None:
    mai = desk.contact("Mai", "Tran", "hello")
    desk.do(AssignContact(mai.id, OMAR.id), Actor(ANA.id))
    (row,) = desk.objects("ls", "--view", "open")
    assert (row["assignee"], row["assignee_id"]) == ("Omar Haddad", OMAR.id)
    assert "Omar Haddad" in desk.good("ls", "--view", "open")


def test_a_snooze_that_is_over_ends_before_anything_is_listed(desk: Desk) -> None:
    mai = desk.contact("Mai", "Tran", "hello")
    desk.good("snooze", mai.id, "1h")
    inbox = desk.open()
    (conversation,) = inbox.contacts.card(mai.id).conversations  # type: ignore[union-attr]
    assert conversation.snoozed_until is not None
    inbox.close_store()

    with time_machine.travel(conversation.snoozed_until / 1000 + 1, tick=False):
        assert [row["id"] for row in desk.objects("ls")] == [mai.id]
        assert desk.objects("show", mai.id)[-1]["text"] == "woken: the snooze ended"
