from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.cli_desk import ANA, OMAR, Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def last(desk: Desk, contact_id: str) -> dict[str, object]:
    return desk.objects("show", contact_id)[-1]


def test_a_message_is_kept_to_be_sent_and_takes_an_unassigned_contact(desk: Desk) -> None:
    mai = desk.contact("Mai", "Tran", "hello")
    output = desk.good("send", "Mai Tran", "Welcome!\nWhen do you land?")
    assert "waiting to be sent" in output
    assert "WhatsApp" in output
    line = last(desk, mai.id)
    assert (line["text"], line["direction"], line["status"]) == ("Welcome!\nWhen do you land?", "out", "pending")
    assert desk.objects("ls", "--view", "assigned")[0]["assignee"] == "Ana Ruiz"


def test_a_dash_reads_the_text_from_standard_input(desk: Desk) -> None:
    mai = desk.contact("Mai", "Tran", "hello")
    desk.good("send", mai.id, "-", input="one\ntwo\n")
    assert last(desk, mai.id)["text"] == "one\ntwo"
    desk.good("comment", mai.id, "-", input=b"na\xc3\xafve \xff\n")
    assert last(desk, mai.id)["text"] == "naïve \ufffd"


def test_a_snippet_is_sent_with_its_variables_filled_and_counted(desk: Desk) -> None:
    mai = desk.contact("Mai", "Tran", "hello")
    desk.good("snippets", "add", "hi", "Hello $contact.firstname, this is $assignee.firstname.")
    desk.good("send", mai.id, "--snippet", "HI")
    assert last(desk, mai.id)["text"] == "Hello Mai, this is Ana."
    desk.good("send", mai.id, "PS: soon", "--snippet", "hi")
    assert last(desk, mai.id)["text"] == "Hello Mai, this is Ana.\n\nPS: soon"
    assert desk.objects("snippets", "ls")[0]["uses"] == 2


def test_a_snippet_with_a_missing_value_is_sent_only_when_allowed(desk: Desk) -> None:
    mai = desk.contact("Mai", "Tran", "hello")
    desk.good("snippets", "add", "from", "You are from $contact.country?")
    assert "$contact.country" in desk.refused("send", mai.id, "--snippet", "from")
    assert last(desk, mai.id)["text"] == "hello"
    desk.good("send", mai.id, "--snippet", "from", "--allow-missing")
    assert last(desk, mai.id)["text"] == "You are from $contact.country?"


def test_what_a_rule_refuses_is_said_in_its_words(desk: Desk) -> None:
    mai = desk.contact("Mai", "Tran", "hello")
    assert "100 characters" in desk.refused("send", mai.id, "x" * 101)
    assert "nothing to send" in desk.refused("send", mai.id, "  ")
    assert "already has an open conversation" in desk.refused("open", mai.id)
    assert "“Other”" in desk.refused("close", mai.id, "--category", "Other")
    assert "There is no snippet" in desk.refused("send", mai.id, "--snippet", "none")
    desk.refused("send", mai.id, code=2)


def test_a_comment_tells_whom_it_mentions(desk: Desk) -> None:
    mai = desk.contact("Mai", "Tran", "hello")
    desk.good("comment", mai.id, "ask @Omar")
    inbox = desk.open()
    (message,) = [line.message for line in inbox.timeline(mai.id) if line.message.text == "ask @Omar"]
    inbox.close_store()
    assert message.mentions == (OMAR.id,)


@pytest.mark.parametrize("word", ["Omar Haddad", "omar haddad", "omar@example.org", OMAR.id, "omar"], ids=range(5))
def test_a_contact_is_given_to_a_user_by_name_email_or_id(desk: Desk, word: str) -> None:
    mai = desk.contact("Mai", "Tran", "hello")
    desk.good("assign", mai.id, word)
    assert desk.objects("ls", "--view", "open")[0]["assignee"] == "Omar Haddad"


def test_me_and_none_assign_to_oneself_and_to_nobody(desk: Desk) -> None:
    mai = desk.contact("Mai", "Tran", "hello")
    desk.good("assign", mai.id, "me")
    assert desk.objects("ls", "--view", "assigned")[0]["assignee_id"] == ANA.id
    assert "already" in desk.good("assign", mai.id, "me")
    desk.good("assign", mai.id, "none")
    assert desk.objects("ls")[0]["assignee"] is None


def test_an_unknown_user_is_answered_with_those_there_are(desk: Desk) -> None:
    mai = desk.contact("Mai", "Tran", "hello")
    said = desk.refused("assign", mai.id, "Zoe")
    assert "There is no user “Zoe”" in said
    assert "Omar Haddad · omar@example.org" in said


def test_a_conversation_is_closed_with_a_note_and_opened_again(desk: Desk) -> None:
    mai = desk.contact("Mai", "Tran", "hello")
    desk.good("close", mai.id, "--category", "Refund", "--summary", "paid back")
    event = last(desk, mai.id)["event"]
    assert isinstance(event, dict)
    assert (event["type"], event["category"], event["summary"]) == ("closed", "Refund", "paid back")
    assert "no open conversation" in desk.refused("close", mai.id)
    desk.good("open", mai.id)
    assert last(desk, mai.id)["text"] == "conversation opened by Ana Ruiz"


def test_a_conversation_is_snoozed_until_a_time_and_woken(desk: Desk) -> None:
    mai = desk.contact("Mai", "Tran", "hello")
    desk.good("snooze", mai.id, "tomorrow")
    (row,) = desk.objects("ls", "--view", "snoozed")
    end = datetime.fromisoformat(row["snoozed_until"]).astimezone()
    assert (end.hour, end.minute) == (9, 0)
    assert end.date() == (datetime.now().astimezone() + timedelta(days=1)).date()
    desk.good("wake", mai.id)
    assert desk.objects("ls")[0]["status"] == "open"
    assert "was not snoozed" in desk.good("wake", mai.id)


@pytest.mark.parametrize("until", ["1h", "4h", "30m", "2d", "monday", "2099-01-02T03:04"])
def test_snoozes_end_when_their_words_say(desk: Desk, until: str) -> None:
    mai = desk.contact("Mai", "Tran", "hello")
    result = desk.run("snooze", mai.id, until)
    if until.startswith("2099"):
        assert result.exit_code == 2  # further away than anybody means
    else:
        assert result.exit_code == 0
        assert desk.objects("ls", "--view", "snoozed")[0]["id"] == mai.id


def test_a_time_that_is_none_is_a_wrong_command_line(desk: Desk) -> None:
    mai = desk.contact("Mai", "Tran", "hello")
    assert "not understood" in desk.refused("snooze", mai.id, "soonish", code=2)


def test_snippets_are_added_listed_and_removed(desk: Desk) -> None:
    desk.good("snippets", "add", "thanks", "-", "--topic", "general", "--language", "en", input="Thank you!\n")
    desk.good("snippets", "add", "Bye", "Goodbye")
    assert desk.objects("snippets", "ls") == [
        {"name": "Bye", "topic": "", "language": "", "text": "Goodbye", "uses": 0, "attachments": []},
        {"name": "thanks", "topic": "general", "language": "en", "text": "Thank you!", "uses": 0, "attachments": []},
    ]
    assert "Thank you!" in desk.good("snippets", "ls")
    assert "already a snippet" in desk.refused("snippets", "add", "THANKS", "again")
    desk.good("snippets", "rm", "thanks")
    assert [item["name"] for item in desk.objects("snippets", "ls")] == ["Bye"]
    assert "There is no snippet" in desk.refused("snippets", "rm", "thanks")


def test_a_user_who_is_new_to_the_workspace_is_told_so_once(desk: Desk) -> None:
    desk.env["ISMSG_USER"] = "Lena Fischer"
    assert desk.run("ls").stderr == "Lena Fischer is new in this workspace.\n"
    assert desk.run("ls").stderr == ""


def test_the_first_user_of_a_folder_is_told_nothing(tmp_path: Path) -> None:
    desk = Desk.__new__(Desk)
    desk.folder, desk.env = tmp_path / "new" / "folder", {}
    assert desk.run("ls").stderr == ""


def test_the_settings_name_who_acts_where_nothing_else_does(desk: Desk) -> None:
    mai = desk.contact("Mai", "Tran", "hello")
    (desk.folder / "config.toml").write_text('user = "Omar Haddad"\n', encoding="utf-8")
    desk.env["ISMSG_USER"] = ""
    desk.good("assign", mai.id, "me")
    assert desk.objects("ls", "--view", "assigned")[0]["assignee"] == "Omar Haddad"
    assert desk.objects("--user", "Ana Ruiz", "ls", "--view", "assigned") == []
