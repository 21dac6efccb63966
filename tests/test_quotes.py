"""Replies that quote a message: the rule, the store, the command line, the line mode, documents."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from ismsg_tui.domain.commands import AddComment, CreateContact, ReceiveMessage, SendMessage
from ismsg_tui.domain.entities import Attachment, FileKind, Message, MessageKind
from ismsg_tui.domain.words import QUOTE_LIMIT, quote_words
from ismsg_tui.export import Format, document
from ismsg_tui.inbox import Inbox
from ismsg_tui.store import departures
from ismsg_tui.store.drafts import Draft
from ismsg_tui.store.store import RefusedError, Store
from ismsg_tui.store.timeline import Line, timeline_page
from tests.cli_desk import Desk
from tests.desk_setup import contact_named, open_inbox
from tests.factories import ANA, BEN, GUEST, MAI, PHONE, T0, Story, code, uid
from tests.on_screen import HARD_TEXTS, HARMFUL, needs_hard_texts
from tests.test_plain import Session

USERS = {user.id: user for user in (ANA, BEN)}


# The rule


def test_a_reply_quotes_a_message_of_either_side() -> None:
    story = Story()
    story.hear("is it ready?")
    asked = story.lines()[-1].id
    story.do(SendMessage(MAI.id, "it is", reply_to=asked))
    answered = story.lines()[-1].id
    story.do(SendMessage(MAI.id, "and warm", reply_to=answered))
    assert [line.reply_to for line in story.lines() if line.kind is MessageKind.OUTGOING] == [asked, answered]


def test_what_is_no_message_of_the_contact_cannot_be_quoted() -> None:
    story = Story()
    other = replace(MAI, id=uid())
    story.do(CreateContact(other), GUEST)
    story.do(ReceiveMessage(other.id, "somebody else's", PHONE.id), GUEST)
    story.hear("mine")
    story.comment("for the team alone")
    foreign = story.lines(other.id)[-1].id
    opened, comment = story.lines()[0].id, story.lines()[-1].id
    for wrong in (foreign, opened, comment, uid(), ""):
        assert code(story.do(SendMessage(MAI.id, "hi", reply_to=wrong))) == "unknown-message"
    assert story.texts()[-1] == "for the team alone"


# The store


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[Inbox]:
    inbox = open_inbox(tmp_path, ("Mai Tran",), hold=60_000)
    yield inbox
    inbox.close_store()


def heard(inbox: Inbox) -> str:
    """The id of the message that came in."""
    lines = inbox.timeline(contact_named(inbox, "Mai Tran"))
    return next(line.message.id for line in lines if line.message.kind is MessageKind.INCOMING)


def test_the_timeline_has_the_message_that_is_quoted_however_far_up_it_stands(inbox: Inbox) -> None:
    mai, asked = contact_named(inbox, "Mai Tran"), heard(inbox)
    for number in range(5):
        inbox.comment(mai, f"note {number}")
    inbox.reply(mai, "yes", reply_to=asked)
    (line,) = timeline_page(inbox.store.reader, mai, limit=1)
    assert line.quoted is not None
    assert (line.message.reply_to, line.quoted.text) == (asked, "hello, this is Mai")


def test_a_message_that_is_taken_back_returns_to_the_draft_with_its_quote(inbox: Inbox) -> None:
    mai, asked = contact_named(inbox, "Mai Tran"), heard(inbox)
    inbox.reply(mai, "yes", reply_to=asked)
    inbox.undo()
    assert inbox.drafts.read(mai) == Draft("yes", reply_to=asked)


def test_a_draft_keeps_its_quote_even_before_anything_is_written(inbox: Inbox) -> None:
    mai, asked = contact_named(inbox, "Mai Tran"), heard(inbox)
    inbox.drafts.save(mai, Draft(reply_to=asked))
    again = Store(inbox.store.path.parent)
    assert Inbox(again, ANA.id).drafts.read(mai) == Draft(reply_to=asked)
    again.close()
    row = inbox.contacts.row(mai)
    assert row is not None
    assert not row.draft  # the list speaks of texts
    inbox.drafts.save(mai, Draft())
    assert inbox.drafts.read(mai) == Draft()


def test_a_reply_to_a_message_whose_files_are_on_their_way_waits_for_it(inbox: Inbox) -> None:
    mai, asked = contact_named(inbox, "Mai Tran"), heard(inbox)
    picture = Attachment(name="a.png", kind=FileKind.IMAGE, mime="image/png", size=3, sha256="ab" * 32)
    store = inbox.store
    inbox.hold = 0
    slow = inbox.act(SendMessage(mai, "look", attachments=(picture,)))
    assert slow is not None
    message = inbox.timeline(mai)[-1].message.id
    inbox.act(SendMessage(mai, "I mean this", reply_to=message))
    inbox.act(SendMessage(mai, "and this", reply_to=inbox.timeline(mai)[-1].message.id))
    inbox.act(SendMessage(mai, "unlike this", reply_to=asked))
    ready = [entry.issued.command for entry in departures.ready(store.reader, T0 * 2, 10)]
    assert [command.text for command in ready if isinstance(command, SendMessage)] == ["unlike this"]


def test_a_quote_of_a_message_that_is_gone_is_refused_and_the_text_is_kept(inbox: Inbox) -> None:
    mai = contact_named(inbox, "Mai Tran")
    inbox.drafts.save(mai, Draft("yes", reply_to=uid()))
    with pytest.raises(RefusedError, match="not there any more"):
        inbox.reply(mai, "yes", reply_to=uid(), drop_draft=True)
    assert inbox.drafts.read(mai).text == "yes"


# In words


def test_a_quote_is_one_line_that_says_who_and_what() -> None:
    said = Message(id=uid(), contact_id=MAI.id, kind=MessageKind.INCOMING, at=T0, text="one\ntwo " + "x" * 500)
    words = quote_words(said, USERS, "Mai\nTran")
    assert words.startswith("Mai Tran: one two xxx")
    assert len(words) <= QUOTE_LIMIT + len("Mai Tran: ")
    picture = Attachment(name="a.png", kind=FileKind.IMAGE, mime="image/png", size=3, sha256="ab" * 32)
    assert quote_words(replace(said, text="", attachments=(picture,)), USERS, "Mai") == "Mai: picture, a.png, 3 B"
    assert quote_words(None, USERS, "Mai") == "a message that is not here"


@needs_hard_texts
def test_no_quoted_text_brings_anything_harmful() -> None:
    for text in HARD_TEXTS.values():
        said = Message(id=uid(), contact_id=MAI.id, kind=MessageKind.INCOMING, at=T0, text=text)
        words = quote_words(said, USERS, text)
        assert not HARMFUL.search(words)
        assert "\n" not in words


@pytest.mark.parametrize("form", list(Format))
def test_every_document_says_what_was_answered(inbox: Inbox, form: Format) -> None:
    mai, asked = contact_named(inbox, "Mai Tran"), heard(inbox)
    inbox.reply(mai, "yes", reply_to=asked)
    card = inbox.contacts.card(mai)
    assert card is not None
    written = "".join(document(form, card, inbox.timeline(mai), inbox.users, inbox.channels))
    assert (asked if form is Format.JSON else "Mai Tran: hello, this is Mai") in written.replace("\\", "")


def test_a_document_of_a_quote_that_is_not_here_is_made_all_the_same(inbox: Inbox) -> None:
    mai = contact_named(inbox, "Mai Tran")
    card = inbox.contacts.card(mai)
    assert card is not None
    lost = Message(id=uid(), contact_id=mai, kind=MessageKind.OUTGOING, at=T0, text="yes", reply_to=uid())
    written = "".join(document(Format.HTML, card, [Line(lost)], inbox.users, inbox.channels))
    assert "a message that is not here" in written


# The command line


def test_the_command_line_quotes_by_id_and_shows_what_was_quoted(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    mai = desk.contact("Mai", "Tran", "is it ready?")
    asked = desk.objects("show", mai.id)[-1]
    assert asked["reply_to"] is None
    desk.good("send", mai.id, "yes, it is", "--reply-to", asked["id"])
    assert desk.objects("show", mai.id)[-1]["reply_to"] == asked["id"]
    assert "↳ Mai Tran: is it ready?" in desk.good("show", mai.id)
    assert "not there any more" in desk.refused("send", mai.id, "no", "--reply-to", "nothing")


# The line mode


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    session = Session(tmp_path)
    yield session
    session.inbox.close_store()


def quotes(session: Session, contact_id: str) -> list[str]:
    """What each message to a contact quotes."""
    lines = session.inbox.timeline(contact_id)
    return [line.quoted.text if line.quoted else "" for line in lines if line.message.kind is MessageKind.OUTGOING]


def test_in_the_line_mode_the_next_reply_quotes_and_the_one_after_does_not(session: Session) -> None:
    mai = session.desk.contact("Mai", "Tran", "is it ready?", "and the cot?")
    said = session.type("read mai tran", "quote", "reply yes", "reply it is", "read mai tran")
    assert "Quote: the reply will quote Mai Tran: and the cot?" in said
    assert quotes(session, mai.id) == ["and the cot?", ""]
    assert "Quote: Mai Tran: and the cot?" in said


def test_in_the_line_mode_words_choose_what_is_quoted_and_none_takes_it_away(session: Session) -> None:
    mai = session.desk.contact("Mai", "Tran", "is it READY?", "and the cot?")
    said = session.type(
        "read mai tran", "quote ready", "quote none", "reply no", "quote ready", "quote zebra", "reply yes"
    )
    assert "Quote: the reply will quote Mai Tran: is it READY?" in said
    assert "Notice: There is no message that holds “zebra” to quote." in said
    assert quotes(session, mai.id) == ["", "is it READY?"]
    assert session.type("read mai tran", "quote ?!")[-1].startswith("Error: Say quote")
    assert session.code == 2


def test_in_the_line_mode_a_comment_leaves_the_quote_to_the_reply(session: Session) -> None:
    mai = session.desk.contact("Mai", "Tran", "is it ready?")
    said = session.type("read mai tran", "quote", "comment", "ask upstairs", ".", "read mai tran", "reply", "yes", ".")
    assert said.count("Quote: the reply will quote Mai Tran: is it ready?") == 2
    assert quotes(session, mai.id) == ["is it ready?"]
    assert session.inbox.drafts.read(mai.id) == Draft()


def test_in_the_line_mode_a_snippet_goes_with_the_quote(session: Session) -> None:
    mai = session.desk.contact("Mai", "Tran", "is it ready?")
    session.desk.good("snippets", "add", "yes", "Yes, it is.")
    session.type("read mai tran", "quote", "snippet", "1", "yes")
    assert quotes(session, mai.id) == ["is it ready?"]
    assert session.inbox.drafts.read(mai.id) == Draft()


def test_a_comment_alone_is_nothing_to_quote(session: Session) -> None:
    mai = session.desk.contact("Mai", "Tran")
    session.inbox.act(AddComment(mai.id, "a regular"))
    assert "Notice: There is no message to quote." in session.type("read mai tran", "quote")
