from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ismsg_tui.domain.entities import Delivery, Event, EventType, Message, MessageKind, Source, User
from ismsg_tui.domain.words import author_words, delivery_words, event_words, span_words
from tests.factories import ANA, BEN, MINUTE, T0, uid

USERS = {user.id: user for user in (ANA, BEN)}
GONE = uid()


def when(at: int) -> str:
    return f"{datetime.fromtimestamp(at / 1000, UTC):%a %H:%M}"


def words(type_: EventType, source: Source = Source.USER, author: User | None = ANA, **event: str | int | None) -> str:
    message = Message(
        id=uid(),
        contact_id=uid(),
        kind=MessageKind.EVENT,
        at=T0,
        source=source,
        author_id=author.id if author else None,
        event=Event(type=type_, source=source, **event),  # type: ignore[arg-type]
    )
    return event_words(message, USERS, "Mai Tran", when)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (words(EventType.OPENED, Source.CONTACT, None), "conversation opened by Mai Tran"),
        (words(EventType.OPENED), "conversation opened by Ana Silva"),
        (words(EventType.OPENED, Source.WORKFLOW, None), "conversation opened by a workflow"),
        (words(EventType.ASSIGNED, assignee_id=ANA.id), "Ana Silva took the contact"),
        (words(EventType.ASSIGNED, author=BEN, assignee_id=ANA.id), "assigned to Ana Silva by Ben Okoye"),
        (
            words(EventType.ASSIGNED, assignee_id=ANA.id, previous_id=BEN.id),
            "Ana Silva took the contact (was Ben Okoye)",
        ),
        (words(EventType.ASSIGNED, Source.API, None, assignee_id=ANA.id), "assigned to Ana Silva by the API"),
        (words(EventType.ASSIGNED, assignee_id=GONE), "assigned to somebody by Ana Silva"),
        (words(EventType.UNASSIGNED, previous_id=BEN.id), "unassigned by Ana Silva (was Ben Okoye)"),
        (words(EventType.UNASSIGNED, previous_id=ANA.id), "Ana Silva gave the contact back"),
        (words(EventType.UNASSIGNED, Source.CLOSE_LEGACY, previous_id=BEN.id), "unassigned on closing (was Ben Okoye)"),
        (words(EventType.CLOSED, category="Refund", summary="paid\nback"), "closed by Ana Silva · Refund · paid back"),
        (words(EventType.CLOSED, Source.IMPORT, None), "closed by the import"),
        (words(EventType.SNOOZED, until=T0), f"snoozed until {when(T0)} by Ana Silva"),
        (words(EventType.WOKEN, Source.CONTACT, None), "woken by a new message"),
        (words(EventType.WOKEN, Source.TIMER, None), "woken: the snooze ended"),
        (words(EventType.WOKEN), "woken by Ana Silva"),
    ],
)
def test_an_event_is_told_in_a_short_sentence(said: str, expected: str) -> None:
    assert said == expected


@pytest.mark.parametrize("source", list(Source))
@pytest.mark.parametrize("type_", list(EventType))
def test_every_event_has_words_on_one_line(type_: EventType, source: Source) -> None:
    said = words(type_, source, None, category="a\x1b[31m\nb", summary="c\td")
    assert said
    assert said.isprintable()


def test_a_line_that_is_no_event_has_no_event_words() -> None:
    message = Message(id=uid(), contact_id=uid(), kind=MessageKind.INCOMING, at=T0, text="hello")
    assert event_words(message, USERS, "Mai Tran", when) == ""


def test_an_author_is_the_contact_a_user_or_a_kind_of_automation() -> None:
    def author(kind: MessageKind, source: Source, author_id: str | None = None) -> str:
        message = Message(id=uid(), contact_id=uid(), kind=kind, at=T0, source=source, author_id=author_id)
        return author_words(message, USERS, "Mai\nTran")

    assert author(MessageKind.INCOMING, Source.CONTACT) == "Mai Tran"
    assert author(MessageKind.OUTGOING, Source.USER, ANA.id) == "Ana Silva"
    assert author(MessageKind.OUTGOING, Source.USER, GONE) == "somebody"
    assert author(MessageKind.OUTGOING, Source.BOT) == "Bot"
    assert author(MessageKind.EVENT, Source.CONTACT) == "Mai Tran"


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [(-5, "now"), (0, "now"), (1, "1 min"), (59, "59 min"), (60, "1 h"), (47 * 60, "47 h"), (48 * 60, "2 d")],
)
def test_a_span_is_as_short_as_a_list_needs_it(minutes: int, expected: str) -> None:
    assert span_words(minutes * MINUTE) == expected


@pytest.mark.parametrize("status", list(Delivery))
def test_every_delivery_has_words(status: Delivery) -> None:
    assert delivery_words(status)
