"""Webhooks: what is told of what happens, signed, until it gets through, and never in anybody's way."""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ismsg_tui.clock import new_id
from ismsg_tui.domain.commands import (
    Actor,
    AddComment,
    AssignContact,
    CloseConversation,
    Command,
    CreateContact,
    Issued,
    MarkRead,
    OpenConversation,
    ReceiveMessage,
)
from ismsg_tui.domain.entities import Contact, Source
from ismsg_tui.server.database import Database
from ismsg_tui.server.errors import ProblemError
from ismsg_tui.server.webhook_events import EVENTS
from ismsg_tui.server.webhooks import DAY, DISABLE, GIVE_UP, SIGNATURE, Webhooks
from tests.channel_server import Answer, HangUp, Posted, channel_server, event
from tests.channel_server import Channel as Receiver
from tests.desk_server import CHANNEL, command, desk_on
from tests.office import Office
from tests.waiting import PATIENCE, until


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with channel_server() as receiver:
        yield receiver


@pytest.fixture
def office(server_database: Database, tmp_path: Path, receiver: Receiver) -> Office:
    return Office(server_database, tmp_path, receiver)


@pytest.fixture
def small_office(sqlite_database: Database, tmp_path: Path, receiver: Receiver) -> Office:
    return Office(sqlite_database, tmp_path, receiver)


class Told:
    """Webhooks of an office, and what the receiver was told."""

    def __init__(self, office: Office, *events: str, url: str = "") -> None:
        self.office = office
        self.webhooks = Webhooks(office.database, office.ledger, timeout=httpx.Timeout(PATIENCE), clock=office.clock)
        self.hook = self.webhooks.add(office.workspace.id, url or f"{office.shop.address}/hook", events or EVENTS)

    def do(self, command: Command, actor: Actor | None = None) -> None:
        """Carry out a command, by Ana unless said otherwise."""
        issued = Issued(new_id(), command, actor or Actor(self.office.ana.id), 0)
        assert self.office.ledger.submit(self.office.workspace.id, issued).refusal is None

    def comment(self, text: str = "look") -> None:
        self.do(AddComment(self.office.mai.id, text))

    def run(self) -> None:
        """Make the calls that are due."""
        while self.webhooks.step():
            pass

    def bodies(self) -> list[dict[str, Any]]:
        """What the receiver was told, after everything that is due."""
        self.run()
        return [posted.body for posted in self.office.shop.posted]

    def events(self) -> list[str]:
        return [body["event_type"] for body in self.bodies()]


def status(code: int) -> Callable[[Posted], Answer]:
    return lambda _: Answer(code)


# What is told


def test_a_whole_conversation_is_told_in_order(office: Office) -> None:
    told = Told(office)
    tom = Contact(id=new_id(), first_name="Tom", email="tom@example.org", country="AT", tags=("vip",))
    told.do(CreateContact(tom), CHANNEL)
    told.do(ReceiveMessage(tom.id, "hello", office.account.channel_id), CHANNEL)
    office.send("good morning", tom)
    told.do(AddComment(tom.id, "nice one"))
    told.do(MarkRead(tom.id, office.now))
    told.do(CloseConversation(tom.id, "Booking", "came and went"))
    told.do(AssignContact(tom.id, None, office.ana.id))
    assert told.events() == [
        "contact.created",
        "conversation.opened",
        "message.received",
        "contact.assignee.updated",
        "message.sent",
        "comment.created",
        "conversation.closed",
        "contact.assignee.updated",
    ]
    created, opened, received, assigned, sent, commented, closed, unassigned = told.bodies()
    assert created["contact"] == {
        "id": tom.id,
        "firstName": "Tom",
        "lastName": "",
        "phone": None,
        "email": "tom@example.org",
        "language": None,
        "countryCode": "AT",
        "status": "closed",
        "assignee": None,
        "tags": ["vip"],
        "custom_fields": [],
        "created_at": office.now // 1000,
    }
    assert (opened["contact"]["status"], opened["conversation"]["source"]) == ("open", "contact")
    assert received["message"]["traffic"] == "incoming"
    assert received["message"]["message"] == {"type": "text", "text": "hello"}
    assert received["channel"] == {"id": office.account.channel_id, "name": "Shop", "source": "custom_channel"}
    assert assigned["contact"]["assignee"]["email"] == "ana@example.org"
    assert (sent["message"]["traffic"], sent["message"]["sender"]["userId"]) == ("outgoing", office.ana.id)
    assert (commented["comment"]["text"], commented["comment"]["author"]["firstName"]) == ("nice one", "Ana")
    conversation = closed["conversation"]
    assert (conversation["category"], conversation["summary"]) == ("Booking", "came and went")
    assert conversation["closedBy"]["id"] == office.ana.id
    assert conversation["resolutionTime"] == conversation["closedTime"] - conversation["openedTime"]
    assert closed["contact"]["status"] == "closed"
    assert unassigned["contact"]["assignee"] is None
    assert len({body["event_id"] for body in told.bodies()}) == 8


def test_a_call_is_signed_over_the_bytes_that_are_sent(office: Office) -> None:
    told = Told(office)
    told.comment("naïve “quotes” 🚢")
    told.run()
    (posted,) = office.shop.posted
    wanted = base64.b64encode(hmac.new(told.hook.key.encode(), posted.raw, hashlib.sha256).digest()).decode()
    assert posted.headers[SIGNATURE.lower()] == wanted
    assert posted.headers["content-type"] == "application/json"
    assert posted.path == "/hook"


def test_each_address_is_told_what_it_asked_for(office: Office) -> None:
    told = Told(office, "comment.created")
    other = told.webhooks.add(office.workspace.id, f"{office.shop.address}/other", ["comment.created", "message.sent"])
    told.comment()
    office.send("hello")
    told.run()
    paths = [(posted.path, posted.body["event_type"]) for posted in office.shop.posted]
    assert sorted(paths) == [("/hook", "comment.created"), ("/other", "comment.created"), ("/other", "message.sent")]
    assert told.webhooks.remove(other.id)
    assert not told.webhooks.remove(other.id)
    office.send("hello again")
    told.run()
    assert len(office.shop.posted) == 3


def test_what_is_refused_or_changes_nothing_or_is_written_by_the_house_is_not_told(office: Office) -> None:
    told = Told(office)
    refused = Issued(new_id(), OpenConversation(office.mai.id), Actor(office.ana.id), 0)
    assert office.ledger.submit(office.workspace.id, refused).refusal is not None
    again = Issued(new_id(), AddComment(office.mai.id, "once"), Actor(office.ana.id), 0)
    for _ in range(2):
        office.ledger.submit(office.workspace.id, again)
    office.ledger.seed(office.workspace.id, [Contact(id=new_id(), first_name="Imported")])
    assert told.events() == ["comment.created"]


def test_files_are_named_but_not_given_away(office: Office) -> None:
    told = Told(office, "message.sent")
    file = office.file()
    office.send("see", files=(file,))
    message = told.bodies()[0]["message"]
    assert message["message"]["type"] == "attachment"
    assert message["attachments"][0]["fileName"] == file.name
    assert "url" not in message["attachments"][0]


def test_an_echo_is_told_as_such(office: Office) -> None:
    told = Told(office, "message.sent")
    office.post(event("message_echo", message={"type": "text", "text": "from the phone"}))
    assert told.bodies()[0]["message"]["sender"] == {"source": Source.ECHO.value, "userId": None}


@pytest.mark.parametrize(
    ("url", "events"),
    [
        ("", ["message.sent"]),
        ("ftp://example.org", ["message.sent"]),
        ("https://", ["message.sent"]),
        ("https://example.org/a b", ["message.sent"]),
        ("https://example.org", []),
        ("https://example.org", ["message.eaten"]),
    ],
)
def test_a_webhook_that_can_not_be_is_refused(small_office: Office, url: str, events: list[str]) -> None:
    webhooks = Webhooks(small_office.database, small_office.ledger)
    with pytest.raises(ProblemError) as refused:
        webhooks.add(small_office.workspace.id, url, events)
    assert refused.value.status == 422
    assert webhooks.all(small_office.workspace.id) == []


def test_the_key_is_shown_once(small_office: Office) -> None:
    told = Told(small_office)
    assert len(told.hook.key) > 30
    (listed,) = told.webhooks.all(small_office.workspace.id)
    assert (listed.id, listed.url, listed.events, listed.key) == (told.hook.id, told.hook.url, EVENTS, "")


# What does not get through


def refuses(posted: Posted) -> Answer:
    raise HangUp


@pytest.mark.parametrize("code", [0, 301, 400, 404, 500])
def test_a_call_is_repeated_unchanged_until_it_gets_through(office: Office, code: int) -> None:
    told = Told(office)
    office.shop.answer = status(code) if code else refuses
    told.comment()
    told.run()
    told.run()
    assert len(office.shop.posted) == 1, "not at once"
    office.shop.answer = status(204)
    office.now += 10_000
    told.run()
    office.now += DAY
    told.run()
    first, second = office.shop.posted
    assert first.raw == second.raw
    assert told.webhooks.waiting() == 0
    assert told.webhooks.all(office.workspace.id)[0].failing_since is None


def test_one_call_that_is_never_taken_does_not_hold_up_the_others(office: Office) -> None:
    told = Told(office)
    office.shop.answer = lambda posted: Answer(400 if posted.body["comment"]["text"] == "poison" else 200)
    told.comment("poison")
    for number in range(3):
        told.comment(f"fine {number}")
        told.run()
    texts = [posted.body["comment"]["text"] for posted in office.shop.posted]
    assert texts == ["poison", "fine 0", "fine 1", "fine 2"]
    for _ in range(20):
        office.now += DAY // 4
        told.comment("fine")
        told.run()
    assert told.webhooks.waiting() == 0, "it is given up in the end"
    assert told.webhooks.all(office.workspace.id)[0].disabled_at is None


def test_an_address_where_nothing_gets_through_is_called_ever_less_and_then_no_more(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    told = Told(office)
    office.shop.answer = status(500)
    for _ in range(50):
        told.comment()
    told.run()
    assert len(office.shop.posted) < 5, "one look after the other tells that it is down"
    while told.webhooks.all(office.workspace.id)[0].disabled_at is None:
        office.now += DAY // 2
        told.comment()
        told.run()
        assert office.now < told.hook.created_at + DISABLE + 3 * DAY
    assert "switched off" in caplog.text
    assert told.webhooks.waiting() == 0
    told.comment()
    assert told.webhooks.waiting() == 0


def test_a_call_is_dropped_after_days(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    told = Told(office)
    office.shop.answer = status(500)
    told.comment()
    told.run()
    office.now += GIVE_UP + 1
    told.run()
    assert told.webhooks.waiting() == 0
    assert "is dropped" in caplog.text


def test_two_processes_make_a_call_once(office: Office) -> None:
    told = Told(office)
    told.comment()
    second = Webhooks(office.database, office.ledger, clock=office.clock)
    claimed = [told.webhooks._claim(), second._claim()]
    assert [call is None for call in claimed] == [False, True]


def test_commands_do_not_wait_for_an_address_that_hangs(
    sqlite_database: Database, tmp_path: Path, receiver: Receiver
) -> None:
    over = threading.Event()

    def hangs(_: Posted) -> Answer:
        over.wait(PATIENCE)
        return Answer(200)

    receiver.answer = hangs
    with desk_on(sqlite_database, tmp_path) as desk:
        desk.server.webhooks.add(desk.workspace.id, receiver.address, EVENTS)
        contact = desk.contact()
        until(lambda: len(receiver.posted) > 0)
        pushed = desk.console().push(command("comment.add", contact_id=contact.id, text="still here", mentions=[]))
        assert pushed.json()["results"][0]["refusal"] is None
        over.set()
        until(lambda: desk.server.webhooks.waiting() == 0)
    assert "comment.created" in [posted.body["event_type"] for posted in receiver.posted]


def test_many_addresses_that_hang_hold_up_neither_another_nor_the_end(
    small_office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ismsg_tui.server.webhooks.STOPPING", 0.0)
    over, shop = threading.Event(), small_office.shop

    def answer(posted: Posted) -> Answer:
        if posted.path.startswith("/hangs"):
            over.wait(PATIENCE)
        return Answer(200)

    def answered() -> int:
        return sum(posted.path == "/answers" for posted in shop.posted)

    shop.answer = answer
    told = Told(small_office, "comment.created", url=f"{shop.address}/hangs-0")
    for path in (*(f"hangs-{number}" for number in range(1, 5)), "answers"):
        told.webhooks.add(small_office.workspace.id, f"{shop.address}/{path}", ["comment.created"])
    told.webhooks.start()
    try:
        for text in ("one", "two", "three"):
            told.comment(text)
        until(lambda: answered() == 3)
        until(lambda: len({posted.path for posted in shop.posted}) == 6)
        assert len(shop.posted) == 8  # each of those that hang is called once
        told.webhooks.stop()
    finally:
        over.set()
        until(lambda: not told.webhooks._under_way)
    assert told.webhooks.waiting() == 10


def test_only_so_many_addresses_are_called_at_once(small_office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ismsg_tui.server.webhooks.AT_ONCE", 2)
    over = threading.Event()

    def hangs(_: Posted) -> Answer:
        over.wait(PATIENCE)
        return Answer(200)

    small_office.shop.answer = hangs
    told = Told(small_office, "comment.created")
    for number in range(2):
        told.webhooks.add(small_office.workspace.id, f"{small_office.shop.address}/{number}", ["comment.created"])
    told.comment()
    try:
        assert [told.webhooks._begin() for _ in range(3)] == [True, True, False]
    finally:
        over.set()
    until(lambda: told.webhooks.waiting() == 1)
    told.webhooks.start()
    until(lambda: told.webhooks.waiting() == 0)
    told.webhooks.stop()


def test_an_address_that_hangs_does_not_hold_up_another(small_office: Office) -> None:
    over = threading.Event()

    def answer(posted: Posted) -> Answer:
        if posted.path == "/hangs":
            over.wait(PATIENCE)
        return Answer(200)

    def paths() -> list[str]:
        return sorted(posted.path for posted in small_office.shop.posted)

    small_office.shop.answer = answer
    told = Told(small_office, "comment.created", url=f"{small_office.shop.address}/hangs")
    told.webhooks.add(small_office.workspace.id, f"{small_office.shop.address}/answers", ["comment.created"])
    told.comment("one")
    told.comment("two")
    beside = threading.Thread(target=told.run)
    beside.start()
    try:
        until(lambda: "/hangs" in paths())
        told.run()
        assert paths() == ["/answers", "/answers", "/hangs"]
    finally:
        over.set()
        beside.join(PATIENCE)
    assert told.webhooks.waiting() == 0
