"""Random commands, sensible and not, for every property that needs some."""

from __future__ import annotations

from collections.abc import Sequence

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
from ismsg_tui.domain.entities import Contact, Delivery, Message, Snippet, Source
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

contact_ids = st.sampled_from([*(contact.id for contact in CONTACTS), STRANGER])
user_ids = st.sampled_from([ANA.id, BEN.id, GONE.id, STRANGER, None])
moments = st.integers(0, 5).map(lambda hours: T0 + hours * HOUR)
texts = st.one_of(
    st.lists(st.sampled_from(WORDS), max_size=4).map(" ".join),
    st.sampled_from(["", " \n", "x" * (PHONE.text_limit + 1), "y" * (WEB.text_limit + 1), "\x1b[31mred\x07"]),
    st.text(max_size=8),
).map(clean)
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
)
simple_commands: st.SearchStrategy[Command] = st.one_of(
    st.builds(ReceiveMessage, contact_ids, texts, channel_ids),
    st.builds(SendMessage, contact_ids, texts, channel_ids),
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


def fitting(book: Book) -> st.SearchStrategy[Command]:
    """Commands that suit what stands in the book, so that long stories come about."""
    here = [contact.id for contact in book.all(Contact)]
    sent = [line for line in book.all(Message) if line.status is not None]
    known = st.sampled_from(here)
    fits: list[st.SearchStrategy[Command]] = [
        st.builds(ReceiveMessage, known, texts, st.just(PHONE.id)),
        st.builds(SendMessage, known, st.sampled_from(WORDS)),
        known.flatmap(
            lambda contact_id: st.builds(
                AssignContact, st.just(contact_id), user_ids, st.just(book.contact(contact_id).assignee_id)
            )
        ),
        st.builds(CloseConversation, known, st.just(CATEGORIES[0].name), st.just("solved")),
        st.builds(SnoozeConversation, known, st.just(book.now + HOUR)),
    ]
    if sent:
        report = st.builds(
            lambda line, status: SetDelivery(line.contact_id, line.id, status),
            st.sampled_from(sent),
            st.sampled_from(Delivery),
        )
        fits.append(report)
    return st.one_of(*fits)


def commands(book: Book) -> st.SearchStrategy[Command]:
    """Any command: one that suits the book, or one that may be nonsense."""
    return st.one_of(simple_commands, fitting(book), fitting(book))


def steps(forward: Sequence[int] = (0, 0, 1, 1_000, HOUR)) -> st.SearchStrategy[int]:
    """Milliseconds between two commands; a clock may stand still."""
    return st.sampled_from(forward)
