"""Random commands, sensible and not, for every property that needs some."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import strategies as st
from msgspec.structs import replace

from ismsg_tui.domain.commands import (
    Actor,
    AddComment,
    AssignContact,
    CloseConversation,
    Command,
    CreateContact,
    DeleteSnippet,
    Issued,
    MarkRead,
    MarkUnread,
    OpenConversation,
    ReceiveMessage,
    SaveSnippet,
    SendMessage,
    SetDelivery,
    SnoozeConversation,
    UseSnippet,
    WakeConversation,
)
from ismsg_tui.domain.entities import Attachment, Contact, Delivery, FileKind, Message, MessageKind, Snippet, Source
from ismsg_tui.domain.text import clean
from tests.factories import ANA, BEN, CATEGORIES, GONE, HOUR, PHONE, T0, WEB, Book, uid

CONTACTS = [
    Contact(id=uid(), first_name="Mai", last_name="Tran", phone="+15550100", channel_id=PHONE.id),
    Contact(id=uid(), first_name="Omar", email="omar@example.org", channel_id=WEB.id, fields={"city": "Amman"}),
    Contact(id=uid(), first_name="Blocked", channel_id=PHONE.id, blocked=True),
    Contact(id=uid(), first_name="Late", channel_id=PHONE.id),
]
"""The last one is not there until a command creates it."""
SNIPPET_IDS = [uid() for _ in range(3)]
STRANGER = uid()
WORDS = ("refund", "退款", "Zürich", "ok", "invoice 42", "👍🏽", "ขอบคุณ", "null", "1")

FILE = Attachment(name="your bill.pdf", kind=FileKind.FILE, mime="application/pdf", size=9_000, sha256="0f" * 32)

contact_ids = st.sampled_from([*(contact.id for contact in CONTACTS), STRANGER])
user_ids = st.sampled_from([ANA.id, BEN.id, GONE.id, STRANGER, None])
moments = st.integers(0, 5).map(lambda hours: T0 + hours * HOUR)
texts = st.one_of(
    st.lists(st.sampled_from(WORDS), max_size=4).map(" ".join),
    st.sampled_from(["", " \n", "x" * (PHONE.text_limit + 1), "y" * (WEB.text_limit + 1), "\x1b[31mred\x07"]),
    st.text(max_size=8),
).map(clean)
files = st.sampled_from([(), (FILE,)])
channel_ids = st.sampled_from([None, PHONE.id, WEB.id, STRANGER])
people = st.sampled_from([Actor(ANA.id), Actor(ANA.id), Actor(BEN.id), Actor(GONE.id), Actor(None)])
others = st.sampled_from([Actor(None, source) for source in Source if source is not Source.USER])
actors = st.one_of(people, others)
snippets = st.builds(
    Snippet,
    id=st.sampled_from(SNIPPET_IDS),
    name=st.sampled_from(["Welcome", " welcome", "Bye", ""]),
    text=texts,
    uses=st.integers(0, 3),
    deleted=st.booleans(),
    attachments=files,
)
simple_commands: st.SearchStrategy[Command] = st.one_of(
    st.builds(ReceiveMessage, contact_ids, texts, channel_ids, files),
    st.builds(SendMessage, contact_ids, texts, channel_ids, files),
    st.builds(AddComment, contact_ids, texts, st.lists(st.sampled_from([ANA.id, BEN.id]), max_size=2).map(tuple)),
    st.builds(OpenConversation, contact_ids),
    st.builds(
        CloseConversation,
        contact_ids,
        st.sampled_from(["", CATEGORIES[0].name, "no such"]),
        texts,
        st.one_of(st.none(), moments),
    ),
    st.builds(SnoozeConversation, contact_ids, moments),
    st.builds(WakeConversation, contact_ids),
    st.builds(AssignContact, contact_ids, user_ids, user_ids),
    st.builds(MarkRead, contact_ids, moments),
    st.builds(MarkUnread, contact_ids),
    st.sampled_from([CreateContact(replace(contact, assignee_id=ANA.id)) for contact in CONTACTS]),
    st.builds(SaveSnippet, snippets),
    st.builds(DeleteSnippet, st.sampled_from(SNIPPET_IDS)),
    st.builds(UseSnippet, st.sampled_from(SNIPPET_IDS)),
)


class Fitting(NamedTuple):
    """A plan for a command that suits whatever stands in a book by then, so that long stories come about."""

    what: str
    contact: int
    choice: int


class Plan(NamedTuple):
    """Somebody wants something, some milliseconds after what was before; the clock may stand still."""

    command: Command | Fitting
    actor: Actor
    after: int

    def issue(self, book: Book) -> Issued:
        """The command, once it is known what there is."""
        command = fit(self.command, book) if isinstance(self.command, Fitting) else self.command
        return Issued(uid(), command, self.actor, book.now)


def fit(plan: Fitting, book: Book) -> Command:
    """The command that a plan comes to."""
    here = [contact.id for contact in book.all(Contact)]
    sent = [line for line in book.all(Message) if line.status is not None]
    known = here[plan.contact % len(here)]
    match plan.what:
        case "hear":
            return ReceiveMessage(known, WORDS[plan.choice], PHONE.id)
        case "send":
            return SendMessage(known, WORDS[plan.choice], WEB.id, (FILE,)[: plan.choice % 2])
        case "quote" if said := [line for line in book.all(Message) if line.kind is not MessageKind.EVENT]:
            line = said[plan.choice % len(said)]
            return SendMessage(line.contact_id, WORDS[plan.choice], WEB.id, reply_to=line.id)
        case "read":
            return MarkRead(known, book.now)
        case "close":
            return CloseConversation(known, CATEGORIES[0].name, "solved")
        case "snooze":
            return SnoozeConversation(known, book.now + HOUR)
        case "report" if sent:
            line = sent[plan.choice % len(sent)]
            return SetDelivery(line.contact_id, line.id, list(Delivery)[plan.contact])
        case _:
            wanted = (ANA.id, BEN.id, None)[plan.choice % 3]
            return AssignContact(known, wanted, book.contact(known).assignee_id)


fittings = st.builds(
    Fitting,
    st.sampled_from(["hear", "send", "quote", "read", "close", "snooze", "report", "assign"]),
    st.sampled_from([0, 0, 0, 1, 2, 3]),
    st.integers(0, len(WORDS) - 1),
)
steps = st.sampled_from([0, 0, 1, 1_000, HOUR])
unsteady_steps = st.sampled_from([0, 1, 1_000, HOUR, -1, -1_000, -HOUR])
wishes: st.SearchStrategy[Command | Fitting] = st.one_of(simple_commands, fittings, fittings)
plans = st.lists(st.builds(Plan, wishes, actors, steps), min_size=1, max_size=4)
unsteady_plans = st.lists(st.builds(Plan, wishes, actors, unsteady_steps), min_size=1, max_size=4)
own_plans = st.lists(
    st.builds(Plan, wishes, st.sampled_from([Actor(ANA.id), Actor(ANA.id), Actor(None, Source.TIMER)]), steps),
    min_size=1,
    max_size=3,
)
