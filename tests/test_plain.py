"""The line mode: everything an agent does, said in lines that start with what they are."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from ismsg_tui.clock import new_id
from ismsg_tui.config import Config
from ismsg_tui.demo.run import run_demo
from ismsg_tui.domain.commands import Actor, AddComment, Issued, ReceiveMessage, SendMessage
from ismsg_tui.domain.entities import ClosingNotes, FileKind, Message, MessageKind, Snippet
from ismsg_tui.domain.state import Refusal
from ismsg_tui.domain.text import one_line
from ismsg_tui.domain.views import View
from ismsg_tui.plain import run_plain
from ismsg_tui.plain.desk import PlainDesk
from ismsg_tui.plain.lines import speaker
from ismsg_tui.plain.talk import Role, Talk
from ismsg_tui.store.arrivals import arrivals, last_arrival
from ismsg_tui.store.drafts import Draft
from ismsg_tui.sync.engine import Refused
from tests.cli_desk import ANA, GUEST, OMAR, PHONE, WORKSPACE, Desk, environment, process
from tests.on_screen import HARD_TEXTS, HARMFUL, needs_hard_texts

ROLE_LINE = re.compile(rf"(?:{'|'.join(Role)}|You|Ana|Mai|Omar)\b[^:]*:")


class Session:
    """A desk at which lines are typed; what is said comes back."""

    def __init__(self, folder: Path) -> None:
        self.desk = Desk(folder)
        self.inbox = self.desk.open()
        self.code = 0

    def type(self, *lines: str) -> list[str]:
        """What is said to these lines, without the greeting."""
        said = io.StringIO()
        script = io.StringIO("".join(f"{line}\n" for line in lines))
        self.code = run_plain(self.inbox, talk=Talk(script, said, interactive=False))
        greeting, *output = said.getvalue().splitlines()
        assert greeting.startswith("Notice: ")
        return output

    def texts(self, contact_id: str) -> list[str]:
        """The messages and comments of a contact."""
        return [line.message.text for line in self.inbox.timeline(contact_id) if line.message.event is None]


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    session = Session(tmp_path)
    yield session
    session.inbox.close_store()


def test_lists_give_numbers_to_read_by_and_more_goes_on(session: Session) -> None:
    people = [session.desk.contact(f"Guest{number:02}", "", f"hello {number}") for number in range(13)]
    said = session.type("list", "more", "more", "read 12")
    assert said[0] == "View: new, 13 contacts."
    assert said[1].startswith("Contact 1: Guest00, 1 unread, waiting less than a minute, WhatsApp. hello 0")
    assert said[11] == "Notice: There are others: more says them."
    assert said[12].startswith("Contact 11: Guest10")
    assert said[15] == "Notice: There is no more."
    assert said[16] == "Contact: Guest11, open, unassigned, WhatsApp"
    assert session.inbox.contacts.row(people[11].id).unread == 0  # type: ignore[union-attr]
    assert session.inbox.contacts.row(people[0].id).unread == 1  # type: ignore[union-attr]


def test_a_conversation_is_read_with_who_said_what_when_and_how_far_it_came(session: Session) -> None:
    mai = session.desk.contact("Mai", "Tran", "hello\n\n\tis my room ready?")
    session.inbox.reply(mai.id, "it is")
    session.desk.do(SendMessage(mai.id, "and warm"), Actor(OMAR.id))
    session.desk.do(AddComment(mai.id, "a regular"), Actor(OMAR.id))
    session.inbox.snooze(mai.id, 4_000_000_000_000)
    said = [re.sub(r"\d\d:\d\d", "12:00", line) for line in session.type("read mai tran")]
    assert re.match(r"Contact: Mai Tran, snoozed until .* 12:00, assigned to you, WhatsApp$", said[0])
    assert re.match(r"Day: \w+day, \d+ \w+ \d{4}$", said[1])
    assert said[2:10] == [
        "Event, 12:00: conversation opened by Mai Tran",
        "Mai Tran, 12:00: hello",
        "Line 3:  is my room ready?",
        "Event, 12:00: Ana Ruiz took the contact",
        "You, 12:00, waiting to be sent: it is",
        "Omar Haddad, 12:00, waiting to be sent: and warm",
        "Comment by Omar Haddad, 12:00: a regular",
        said[9],
    ]
    assert said[9].startswith("Event, 12:00: snoozed until")


def test_more_goes_back_in_a_conversation_to_its_beginning(session: Session) -> None:
    mai = session.desk.contact("Mai", "", *(f"message {number}" for number in range(30)))
    session.inbox.mark_read(mai.id, 4_000_000_000_000)
    said = session.type("read Mai", "more", "more", "more", "more")
    told = [int(found[1]) for line in said if (found := re.search(r"message (\d+)$", line))]
    assert told == [*range(22, 30), *range(14, 22), *range(6, 14), *range(6)]
    assert said[-1] == "Notice: There is no more."


def test_all_that_is_unread_is_read_at_once(session: Session) -> None:
    session.desk.contact("Mai", "", *(f"message {number}" for number in range(20)))
    assert sum("message" in line for line in session.type("read Mai")) == 20


def test_next_reads_who_has_waited_longest_and_then_the_next(session: Session) -> None:
    first, second = session.desk.contact("Mai", "", "hello"), session.desk.contact("Omar", "", "hello")
    said = session.type("next", "reply one moment", "next", "reply you too", "next")
    assert [line for line in said if line.startswith("Contact:")] == [
        "Contact: Mai, open, unassigned, WhatsApp",
        "Contact: Omar, open, unassigned, WhatsApp",
    ]
    assert said[-1] == "Notice: Nobody else is waiting."
    assert session.texts(first.id) == ["hello", "one moment"]
    assert session.texts(second.id) == ["hello", "you too"]


def test_a_message_of_several_lines_ends_with_a_full_stop(session: Session) -> None:
    mai = session.desk.contact("Mai", "", "hello")
    said = session.type("read Mai", "reply", "Good morning,", "", "  your room is ready.", ".", "comment", "done", ".")
    assert session.texts(mai.id) == ["hello", "Good morning,\n\n  your room is ready.", "done"]
    assert session.inbox.drafts.read(mai.id) == Draft()
    assert "Done: Message to Mai through WhatsApp." in said
    assert said[-1] == "Done: Comment on Mai kept, for the team alone."
    assert session.code == 0


def test_a_message_that_is_not_finished_is_kept_and_offered_again(session: Session) -> None:
    mai = session.desk.contact("Mai", "", "hello")
    said = session.type("read Mai", "reply", "Good morning,")
    assert said[-1] == "Notice: Not sent: it is kept as a draft."
    assert session.texts(mai.id) == ["hello"]
    assert session.inbox.drafts.read(mai.id) == Draft("Good morning,")
    said = session.type("read Mai", "reply", "yes", "it is ready.", ".")
    assert "Draft: an unfinished message, reply goes on with it: Good morning," in said
    assert "Draft: Good morning," in said
    assert session.texts(mai.id) == ["hello", "Good morning,\nit is ready."]
    session.type("read Mai", "reply", "never mind")
    session.type("read Mai", "reply", "no", "something else", ".")
    assert session.texts(mai.id)[-1] == "something else"


def test_an_unfinished_comment_never_becomes_part_of_a_message(session: Session) -> None:
    mai = session.desk.contact("Mai", "", "hello")
    session.type("read Mai", "comment", "she is difficult")
    said = session.type("read Mai", "reply", "no", "comment", "yes", ".")
    assert "Notice: It stays: comment goes on with it." in said
    assert session.texts(mai.id) == ["hello", "she is difficult"]
    assert session.inbox.drafts.read(mai.id) == Draft()
    session.type("read Mai", "comment", "again")
    session.type("read Mai", "reply", "yes", "hi", ".")
    assert session.texts(mai.id)[-1] == "hi"


@pytest.mark.parametrize("lines", [["reply " + "x" * 101], ["reply", "x" * 101, "."]])
def test_a_message_that_is_refused_is_kept_as_a_draft(session: Session, lines: list[str]) -> None:
    mai = session.desk.contact("Mai", "", "hello")
    said = session.type("read Mai", *lines)
    assert said[-1].startswith("Error: ")
    assert "Notice: The text is kept as a draft." in said
    assert session.inbox.drafts.read(mai.id) == Draft("x" * 101)
    assert session.code == 1


def test_a_refused_message_does_not_displace_an_older_draft(session: Session) -> None:
    mai = session.desk.contact("Mai", "", "hello")
    session.inbox.drafts.save(mai.id, Draft("not for her", comment=True))
    session.type("read Mai", "reply " + "x" * 101)
    assert session.inbox.drafts.read(mai.id) == Draft("not for her\n\n" + "x" * 101, comment=True)


def test_after_a_name_that_fits_nobody_nothing_goes_to_the_one_before(session: Session) -> None:
    mai = session.desk.contact("Mai", "", "hello")
    for wanted in ("Nobody", "7"):
        said = session.type("read Mai", f"read {wanted}", "reply your password is 1234", "close")
        assert said[-2:] == ["Error: Nobody is read now: say read and a number or a name, or next."] * 2
    assert session.texts(mai.id) == ["hello"]
    assert session.code == 2


def test_a_name_that_fits_several_gives_them_numbers(session: Session) -> None:
    first = session.desk.contact("Mai", "Tran", "hello", phone="+15550100")
    second = session.desk.contact("Mai", "Tran", "hello", phone="+15550101")
    said = session.type("read mai tran", "read 2")
    assert said[0] == "Error: “mai tran” may be any of these; say which by id:"
    phones = [re.match(r"Contact (\d): Mai Tran, (\+\d+), today", line) for line in said[1:3]]
    assert all(phones)
    chosen = first if "+15550100" in said[2] else second
    assert session.inbox.contacts.row(chosen.id).unread == 0  # type: ignore[union-attr]


def test_a_snippet_is_chosen_heard_and_sent_only_after_yes(session: Session) -> None:
    mai = session.desk.contact("Mai", "", "where do I park?")
    parking = Snippet(id=new_id(), name="parking", text="Park behind the house, $contact.firstname.\nIt is free.")
    session.inbox.snippets.save(parking)
    session.inbox.snippets.save(Snippet(id=new_id(), name="pool", text="$contact.city"))
    said = session.type("read Mai", "snippet park", "1", "no", "snippet pool", "1", "", "snippet park", "1", "yes")
    assert "Snippet 1: parking: Park behind the house, $contact.firstname. It is free." in said
    assert "Text: Park behind the house, Mai." in said
    assert "Line 2: It is free." in said
    assert "Question: Send this to Mai? yes or no" in said
    assert "Notice: No value for $contact.city: it would be sent as it stands." in said
    assert said.count("Notice: Not sent.") == 2
    assert session.texts(mai.id) == ["where do I park?", "Park behind the house, Mai.\nIt is free."]
    assert [item.uses for item in session.inbox.snippets.all()] == [1, 0]


def test_a_snippet_of_files_alone_is_named_by_them_and_sends_them(session: Session, tmp_path: Path) -> None:
    mai = session.desk.contact("Mai", "", "how do I get there?")
    (tmp_path / "map.txt").write_text("left, then right")
    files = (session.inbox.blobs.add(tmp_path / "map.txt"),)
    session.inbox.snippets.save(Snippet(id=new_id(), name="way", text="", attachments=files))
    said = session.type("read Mai", "snippet", "1", "yes")
    assert "Snippet 1: way: map.txt" in said
    assert "Notice: With it goes map.txt, 16 B." in said
    assert session.inbox.timeline(mai.id)[-1].message.attachments == files


@pytest.mark.parametrize("typed", ["0", "2", "x", "²", "١"])
def test_a_number_without_a_snippet_sends_nothing(session: Session, typed: str) -> None:
    mai = session.desk.contact("Mai", "", "hello")
    session.inbox.snippets.save(Snippet(id=new_id(), name="hi", text="hello back"))
    said = session.type("read Mai", "snippet", typed, "yes")
    assert f"Error: There is no snippet {typed} among these." in said
    assert session.texts(mai.id) == ["hello"]
    assert session.type("read Mai", "snippet", "")[-1] == "Notice: None was taken."
    assert session.type("read Mai", "snippet zzz")[-1] == "Notice: No snippet holds “zzz”."


def test_a_contact_is_given_to_somebody_and_back(session: Session) -> None:
    mai = session.desk.contact("Mai", "", "hello")
    said = session.type("read Mai", "assign omar", "assign me", "undo", "assign none", "assign none", "assign nobody")
    assert said[-8:-1] == [
        "Done: Mai is assigned to Omar Haddad.",
        "Done: Mai is assigned to you.",
        "Done: Mai is assigned as before.",
        "Done: Mai is assigned to nobody.",
        "Done: Mai is assigned to nobody already.",
        "Error: There is no user “nobody”; say who by name, email or id:",
        "Found: Ana Ruiz, ana@example.org",
    ]
    assert session.inbox.contacts.card(mai.id).contact.assignee_id is None  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("mode", "lines", "note"),
    [
        (ClosingNotes.OFF, ["close"], (None, None)),
        (ClosingNotes.OPTIONAL, ["close"], (None, None)),
        (ClosingNotes.OPTIONAL, ["close refund paid back"], ("Refund", "paid back")),
        (ClosingNotes.CATEGORY, ["close", "2"], ("Booking", None)),
        (ClosingNotes.CATEGORY, ["close", "refund"], ("Refund", None)),
        (ClosingNotes.FULL, ["close", "1", "paid back"], ("Refund", "paid back")),
        (ClosingNotes.FULL, ["close Booking, two nights"], ("Booking", "two nights")),
        (ClosingNotes.FULL, ["close Booking", "two nights"], ("Booking", "two nights")),
    ],
)
def test_closing_asks_for_what_the_workspace_needs(
    session: Session, mode: ClosingNotes, lines: list[str], note: tuple[str | None, str | None]
) -> None:
    session.inbox.store.adopt([replace(WORKSPACE, closing_notes=mode)])
    mai = session.desk.contact("Mai", "", "hello")
    said = session.type("read Mai", *lines)
    assert said[-1] == "Done: The conversation with Mai is closed; undo opens it again."
    closed = session.inbox.contacts.card(mai.id).current  # type: ignore[union-attr]
    assert closed is not None
    assert (closed.category, closed.summary) == note


@pytest.mark.parametrize(
    "lines", [["close", ""], ["close", "3"], ["close nonsense"], ["close refunds"], ["close 1", ""]]
)
def test_a_closing_without_its_category_is_refused(session: Session, lines: list[str]) -> None:
    session.inbox.store.adopt([replace(WORKSPACE, closing_notes=ClosingNotes.FULL)])
    session.desk.contact("Mai", "", "hello")
    said = session.type("read Mai", *lines)
    assert said[-1].startswith("Error: ")
    assert session.inbox.contacts.view(View.CLOSED).count() == 0


def test_a_conversation_is_not_closed_over_a_message_that_was_not_read(session: Session) -> None:
    mai = session.desk.contact("Mai", "", "hello")

    def lines() -> Iterator[str]:
        yield "read Mai\n"
        session.desk.do(ReceiveMessage(mai.id, "wait!", PHONE.id), GUEST)
        yield "close\n"
        yield "read\n"
        yield "close\n"

    said = talk_with(session, lines())
    assert "Error: Mai has just written again: read it before closing." in said
    assert said[-1].startswith("Done: The conversation with Mai is closed")


def talk_with(session: Session, lines: Iterator[str]) -> list[str]:
    """What is said to lines during which other things happen."""
    said = io.StringIO()

    def read(_prompt: str) -> str:
        line = next(lines, None)
        if line is None:
            raise EOFError
        return line.removesuffix("\n")

    session.code = run_plain(session.inbox, talk=Talk(io.StringIO(), said, interactive=True, read=read))
    return said.getvalue().rstrip("\n").splitlines()


def test_snoozing_waking_opening_and_marking(session: Session) -> None:
    mai = session.desk.contact("Mai", "", "hello")
    said = session.type(
        *("read Mai", "snooze", "snooze soonish", "snooze 2h", "wake", "wake", "snooze 1d", "undo", "unread"),
        *("close", "open", "undo"),
    )
    assert said[-11].startswith("Error: Say until when")
    assert said[-10].startswith("Error: “soonish” is not understood")
    assert said[-9].startswith("Done: Mai is snoozed until")
    assert said[-8:-6] == ["Done: Mai is awake.", "Done: Mai was not snoozed."]
    assert said[-6].startswith("Done: Mai is snoozed until")
    assert said[-5:-1] == [
        "Done: Mai is not snoozed any more.",
        "Done: Mai is marked unread.",
        "Done: The conversation with Mai is closed; undo opens it again.",
        "Done: A conversation with Mai is open.",
    ]
    row = session.inbox.contacts.row(mai.id)
    assert row is not None
    assert row.flagged


def test_a_message_can_be_taken_back(session: Session) -> None:
    mai = session.desk.contact("Mai", "", "hello")
    session.inbox.hold = 5_000
    said = session.type("read Mai", "reply oops", "read", "undo", "undo")
    assert "Done: Message to Mai through WhatsApp. It leaves in 5 seconds; undo takes it back." in said
    assert any(re.match(r"You, \d\d:\d\d, can still be taken back: oops", line) for line in said)
    assert said[-2:] == [
        "Done: The message to Mai is not sent; its text is a draft again.",
        "Notice: There is nothing to take back, or it has left already.",
    ]
    assert session.inbox.drafts.read(mai.id) == Draft("oops")


def test_search_finds_contacts_and_messages_and_their_numbers_can_be_read(session: Session) -> None:
    session.desk.contact("Mai", "Tran", "the invoice is wrong", phone="+15550100")
    session.desk.contact("Invoice", "Office", "hello")
    said = session.type("search invoice", "read 2", "search zzz", "search", "search before:never")
    assert said[0] == "Contact 1: Invoice Office"
    assert re.match(r"Found 2: Mai Tran, today \d\d:\d\d: the invoice is wrong", said[1])
    assert said[2].startswith("Contact: Mai Tran")
    assert said[-3] == "Notice: Nothing holds “zzz”."
    assert said[-2] == "Error: Say what to look for: search and some words."
    assert said[-1].startswith("Error: ")


def test_what_is_not_understood_changes_nothing_and_says_what_would_be(session: Session) -> None:
    session.desk.contact("Mai", "", "hello")
    said = session.type("hello", "", "  ", "list nowhere", "next door", "more please", "views all", "undo it", "wake")
    assert len(said) == 7
    assert all(line.startswith("Error: ") for line in said)
    assert "help" in said[0]
    assert session.code == 2
    said = session.type("READ mai", "open now", "QUIT", "views")
    assert said[-1] == "Error: This applies to Mai, who is read now: the word stands alone."


def test_help_names_every_word(session: Session) -> None:
    said = session.type("help")
    assert all(line.startswith("Word: ") for line in said)
    for word in (
        *("list", "next", "read", "more", "reply", "comment", "snippet", "assign", "close", "snooze", "wake"),
        *("open", "unread", "undo", "search", "views", "quit"),
    ):
        assert any(re.match(rf"Word: {word}\b", line) for line in said)
    assert session.code == 0


def test_views_counts_each(session: Session) -> None:
    session.desk.contact("Mai", "", "hello")
    assert session.type("views") == [
        *("View: new, 1 contact", "View: open, 1 contact", "View: assigned, 0 contacts"),
        *("View: closed, 0 contacts", "View: snoozed, 0 contacts", "View: all, 1 contact"),
    ]


def test_who_has_written_is_said_before_the_next_line_is_asked_for(session: Session) -> None:
    mai = session.desk.contact("Mai", "", "hello")
    others = [session.desk.contact(f"Guest{number}") for number in range(7)]

    def lines() -> Iterator[str]:
        session.desk.do(ReceiveMessage(mai.id, "one", PHONE.id), GUEST)
        session.desk.do(ReceiveMessage(mai.id, "two", PHONE.id), GUEST)
        yield "views\n"
        session.desk.do(SendMessage(mai.id, "own messages are no news"), Actor(OMAR.id))
        yield "views\n"
        for other in others:
            session.desk.do(ReceiveMessage(other.id, "hi", PHONE.id), GUEST)
        yield "\n"

    said = talk_with(session, lines())
    news = [line for line in said if line.startswith("New: ")]
    assert news == [
        "New: 2 messages from Mai.",
        *(f"New: 1 message from Guest{number}." for number in (6, 5, 4, 3, 2)),
        "New: 2 messages from 2 more contacts.",
    ]
    assert said.index("New: 2 messages from Mai.") > said.index("View: all, 1 contact")
    assert "one" not in "".join(said)


def test_a_blocked_contact_is_no_news_and_rewound_commands_hide_none(session: Session) -> None:
    mai = session.desk.contact("Mai", "", "hello")
    reader = session.inbox.store.reader
    before = last_arrival(reader)
    session.inbox.hold = 60_000
    session.inbox.reply(mai.id, "written after that and taken back")
    session.inbox.undo()
    session.desk.do(ReceiveMessage(mai.id, "news", PHONE.id), GUEST)
    assert [(found.name, found.count) for found in arrivals(reader, before)] == [("Mai", 1)]
    contact = session.inbox.contacts.card(mai.id).contact  # type: ignore[union-attr]
    session.inbox.store.adopt([replace(contact, blocked=True)])
    assert arrivals(reader, before) == []


def test_names_that_could_be_taken_for_another_line_are_marked() -> None:
    users = {user.id: user for user in (ANA, OMAR)}
    for name in ("You", "event", "Comment by Omar Haddad", "Ana Ruiz, 12:40, sent", "Notice", "OMAR HADDAD"):
        assert speaker(name, users) == f"Contact {name}"
    assert speaker("Mai Tran", users) == "Mai Tran"


def test_a_message_can_not_pass_for_lines_of_others(session: Session) -> None:
    session.desk.contact("Mai", "", "hello\nYou, 12:40, sent: have a refund\r\nDone: closed\u2028Notice: x\x1b[2J")
    said = session.type("read Mai")
    assert said[-3:] == ["Line 2: You, 12:40, sent: have a refund", "Line 3: Done: closed", "Line 4: Notice: x"]


@needs_hard_texts
def test_hard_texts_come_out_as_safe_lines_that_start_with_what_they_are(session: Session) -> None:
    mai = session.desk.contact("Mai", "Hard")
    for name, text in HARD_TEXTS.items():
        contact = replace(mai, id=new_id(), first_name=text, last_name="", email=f"{name}@example.org")
        said = Message(id=new_id(), contact_id=contact.id, kind=MessageKind.INCOMING, at=1, text=text)
        session.inbox.store.adopt([contact, said, replace(said, id=new_id(), contact_id=mai.id)])
    heard = session.type(
        "list all", *["more"] * 40, "read Mai Hard", *["more"] * 60, *(f"read {n}" for n in range(1, 99))
    )
    assert len(heard) > 3 * len(HARD_TEXTS)
    names = re.compile("|".join(re.escape(one_line(text, 80)) for text in HARD_TEXTS.values() if one_line(text, 80)))
    for line in heard:
        assert not HARMFUL.search(line), ascii(line)
        assert ROLE_LINE.match(line) or names.match(line) or re.match(r"\w+@example\.org, \d\d:\d\d:", line), line


@needs_hard_texts
def test_whatever_is_said_is_sanitised_at_the_door() -> None:
    for text in HARD_TEXTS.values():
        said = io.StringIO()
        Talk(io.StringIO(), said, interactive=False).say(text, text)
        assert not HARMFUL.search(said.getvalue().replace("\n", ""))
        assert said.getvalue().endswith("\n")


def test_a_refusal_of_the_authority_is_told_once_before_the_next_line(session: Session) -> None:
    said = io.StringIO()
    desk = PlainDesk(session.inbox, Talk(io.StringIO(), said, interactive=False))
    issued = Issued(new_id(), SendMessage(new_id(), "hello"), Actor(ANA.id), 0)
    desk.refused.append(Refused(issued, Refusal("contact-blocked", "Mai is blocked.")))
    desk.announce()
    desk.announce()
    assert said.getvalue() == "Error: Not sent: Mai is blocked.\n"


def test_files_are_said_and_a_draft_keeps_its_own(session: Session, tmp_path: Path) -> None:
    mai = session.desk.contact("Mai", "", "hello")
    path = tmp_path / "plan.txt"
    path.write_text("the plan of the house")
    plan = session.inbox.blobs.add(path)
    voice = replace(plan, kind=FileKind.VOICE, duration=72_000)
    session.inbox.reply(mai.id, "", (plan, voice))
    session.inbox.drafts.save(mai.id, Draft("and this", attachments=(plan,)))
    said = session.type("read Mai", "reply", "yes", "too", ".")
    found = next(index for index, line in enumerate(said) if line.startswith("You"))
    assert said[found].endswith(": file, plan.txt, 21 B")
    assert said[found + 1] == "File: voice note, 1:12"
    assert said[found + 2 : found + 4] == [
        "Draft: an unfinished message, reply goes on with it: and this",
        "File: file, plan.txt, 21 B",
    ]
    newest = session.inbox.timeline(mai.id)[-1].message
    assert (newest.text, newest.attachments) == ("and this\ntoo", (plan,))
    assert session.inbox.drafts.read(mai.id) == Draft()


def test_the_demo_can_be_worked_by_lines(capsys: pytest.CaptureFixture[str]) -> None:
    said = io.StringIO()
    talk = Talk(io.StringIO("next\nreply One moment, please.\nviews\n"), said, interactive=False)
    code = run_demo(
        None, None, 1, Config(), lambda inbox, _, authority: run_plain(inbox, authority=authority, talk=talk)
    )
    assert code == 0
    lines = said.getvalue().splitlines()
    assert lines[0].startswith("Notice: Harbour Hotel, you are You.")
    assert any(line.startswith("Done: Message to ") and "It leaves in 5 seconds" in line for line in lines)
    assert any(re.match(r"View: all, \d+ contacts", line) for line in lines)


def test_as_a_process_it_takes_a_pipe_and_ends_with_the_worst_code(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.contact("Mai", "Tran", "hello \x1b[31mred 退款")
    for script, code in ((b"next\n", 0), (b"read Mai Tran\nreply " + b"x" * 200, 1), (b"\xff\xfe\n", 2), (b"", 0)):
        result = process(tmp_path, "--plain", input=script)
        assert result.returncode == code, result.stderr
        assert result.stderr == b""
        for line in result.stdout.decode().splitlines():
            assert not HARMFUL.search(line)
            assert ROLE_LINE.match(line), line


def test_plain_stands_without_a_command(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    assert "demo --plain" in desk.refused("--plain", "ls", code=2)
    assert "--picture" in desk.refused("demo", "--plain", "--picture", "x.svg", code=2)


def test_the_line_mode_loads_nothing_that_draws(tmp_path: Path) -> None:
    probe = (
        "import io, sys; sys.stdin = io.StringIO('views\\nlist\\nhelp\\n')\n"
        "from ismsg_tui.cli import main\n"
        "main(['--plain'], standalone_mode=False)\n"
        "print(*sorted({'textual', 'curses'} & set(sys.modules)), file=sys.stderr)"
    )
    env = {**environment(tmp_path), "PATH": "/usr/bin:/bin"}
    result = subprocess.run(
        [sys.executable, "-c", probe], env=env, capture_output=True, text=True, timeout=60, check=True
    )
    assert result.stderr.strip() == ""
    assert "View: all, 0 contacts" in result.stdout
