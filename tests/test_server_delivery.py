"""Messages that go out through channels: in order, tried again where that is safe, never sent twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import msgspec
import pytest
from sqlalchemy import Connection

from ismsg_tui.clock import new_id, now_ms
from ismsg_tui.domain.commands import Actor, CreateContact, Issued, SendMessage
from ismsg_tui.domain.entities import Attachment, Channel, Contact, Delivery, Message, Source
from ismsg_tui.domain.ids import Part, derived_id
from ismsg_tui.domain.media import media_of
from ismsg_tui.server.app import ServerSettings
from ismsg_tui.server.blobs import HOUR
from ismsg_tui.server.channels.custom import CustomChannel
from ismsg_tui.server.channels.delivery import GIVE_UP, LEASE
from ismsg_tui.server.channels.service import Channels
from ismsg_tui.server.database import Database
from ismsg_tui.server.errors import ProblemError
from tests.channel_server import Answer, HangUp, Line, Posted, accepted, channel_server, event
from tests.channel_server import Channel as Shop
from tests.desk_server import CHANNEL, Desk, desk_on
from tests.office import Office
from tests.waiting import PATIENCE, until


@pytest.fixture
def shop() -> Iterator[Shop]:
    with channel_server() as shop:
        yield shop


@pytest.fixture
def office(server_database: Database, tmp_path: Path, shop: Shop) -> Office:
    return Office(server_database, tmp_path, shop)


@pytest.fixture
def small_office(sqlite_database: Database, tmp_path: Path, shop: Shop) -> Office:
    return Office(sqlite_database, tmp_path, shop)


def hang_up(_: Posted) -> Answer:
    raise HangUp


def in_turn(*answers: Callable[[Posted], Answer]) -> Callable[[Posted], Answer]:
    """Answers one after the other, the last one for ever."""
    left = list(answers)

    def answer(posted: Posted) -> Answer:
        return (left.pop(0) if len(left) > 1 else left[0])(posted)

    return answer


def says(status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> Callable[[Posted], Answer]:
    return lambda _: Answer(status, body, headers or {})


# What is sent


def test_a_message_goes_out_as_the_channel_expects_it(office: Office) -> None:
    office.shop.answer = says(200, b'{"mId": "out-1"}')
    sent = office.send("your room is ready")
    office.run()
    (posted,) = office.shop.posted
    assert posted.path == "/api/message"
    assert posted.headers["authorization"] == f"Bearer {office.account.token}"
    assert posted.headers["content-type"] == "application/json"
    assert posted.body == {
        "channelId": office.account.channel_id,
        "contactId": "+84901",
        "messageId": f"{sent}.0",
        "message": {"type": "text", "text": "your room is ready"},
    }
    assert office.status(sent) == (Delivery.SENT, "")


def test_an_answer_quotes_by_the_id_that_the_channel_knows(office: Office) -> None:
    office.send("this one", reply_to=office.message_of("first +84901"))
    office.run()
    assert office.shop.posted[0].body["message"]["replyToMessageId"] == "first +84901"


def test_text_and_files_go_out_one_after_the_other(office: Office) -> None:
    sent = office.send("two files", files=(office.file(b"one", "a.pdf"), office.file(b"two", "b.pdf")))
    office.send("and now?")
    office.run()
    contents = [posted.body["message"] for posted in office.shop.posted]
    assert [content["type"] for content in contents] == ["text", "attachment", "attachment", "text"]
    first = contents[1]["attachment"]
    assert (first["type"], first["fileName"], first["mime"], first["size"]) == ("file", "a.pdf", "application/pdf", 3)
    assert first["url"].startswith("https://inbox.example.org/v1/files/")
    assert office.status(sent) == (Delivery.SENT, "")


def test_the_address_of_a_file_leads_to_it_for_a_day_and_no_other_does(small_office: Office) -> None:
    office = small_office
    office.send("", files=(office.file(b"the plan", "plan\r\n…ü.pdf"),))
    office.run()
    token = office.shop.posted[0].body["message"]["attachment"]["url"].rpartition("/")[2]
    with desk_on(office.database, office.folder) as desk:
        desk.server.links._clock = office.clock
        client = desk.client()
        answer = client.get(f"/v1/files/{token}")
        assert answer.content == b"the plan"
        assert answer.headers["content-type"] == "application/pdf"
        assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''plan%20%E2%80%A6%C3%BC.pdf"
        assert answer.headers["content-security-policy"] == "sandbox"
        assert client.get(f"/v1/files/{token}", headers={"Range": "bytes=4-"}).content == b"plan"
        for wrong in (token[:-1], token + "A", "x", "%00"):
            assert client.get(f"/v1/files/{wrong}").status_code in (404, 422)
        office.now += 25 * HOUR
        assert client.get(f"/v1/files/{token}").status_code == 404


def test_of_a_message_with_files_nothing_goes_out_where_the_server_does_not_know_its_address(
    small_office: Office,
) -> None:
    small_office.channels.deliveries.public_url = ""
    sent = small_office.send("look", files=(small_office.file(),))
    small_office.run()
    assert small_office.shop.posted == []
    status, error = small_office.status(sent)
    assert status is Delivery.FAILED
    assert error.startswith("Files can't be sent")
    assert "--public-url" in error


def test_who_never_wrote_is_reached_by_his_phone_and_his_answer_comes_from_him(office: Office) -> None:
    tom = Contact(id=new_id(), first_name="Tom", phone="+1 (555) 010-0", channel_id=office.account.channel_id)
    office.ledger.submit(office.workspace.id, Issued(new_id(), CreateContact(tom), CHANNEL, 0))
    office.send("hello Tom", tom)
    office.run()
    assert office.shop.posted[0].body["contactId"] == "+15550100"
    assert office.contact("+15550100").id == tom.id


def test_who_never_wrote_and_has_no_phone_is_not_reached(office: Office) -> None:
    tom = Contact(id=new_id(), first_name="Tom", phone="reception", channel_id=office.account.channel_id)
    office.ledger.submit(office.workspace.id, Issued(new_id(), CreateContact(tom), CHANNEL, 0))
    sent = office.send("hello Tom", tom)
    office.run()
    status, error = office.status(sent)
    assert (status, "no phone number" in error) == (Delivery.FAILED, True)


def test_a_channel_without_an_address_says_so(small_office: Office) -> None:
    small_office.move_channel("")
    sent = small_office.send("hello")
    small_office.run()
    status, error = small_office.status(sent)
    assert (status, "only takes messages in" in error) == (Delivery.FAILED, True)


def test_a_channel_that_is_only_a_name_sends_nothing(small_office: Office) -> None:
    web = Channel(id=new_id(), kind="web", name="Website", text_limit=500, media=media_of("web"))
    small_office.ledger.seed(small_office.workspace.id, [web])
    sent = small_office.send("hello", channel_id=web.id)
    small_office.run()
    assert small_office.status(sent) == (Delivery.PENDING, "")
    assert small_office.shop.posted == []


# Order


def test_messages_to_a_contact_arrive_in_the_order_in_which_they_were_said(office: Office) -> None:
    office.shop.answer = in_turn(says(503), accepted)
    for text in ("one", "two", "three"):
        office.send(text)
    tom = office.contact("+84902")
    office.send("meanwhile", tom)
    office.run()
    assert office.shop.texts() == ["one", "meanwhile"], "what is tried again holds up those after it, no one else"
    office.now += 2_000
    office.run()
    assert office.shop.texts() == ["one", "meanwhile", "one", "two", "three"]


def test_several_processes_share_the_work_and_send_everything_once(office: Office) -> None:
    everybody = [office.contact(f"+8490{number}") for number in range(4)]
    for number in range(5):
        for contact in everybody:
            office.send(f"{contact.id} {number}", contact)
    others = [office.process(office.folder) for _ in range(3)]

    def work(channels: Channels) -> None:
        while channels.deliveries.waiting():
            channels.deliveries.step()

    threads = [threading.Thread(target=work, args=(channels,)) for channels in [office.channels, *others]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(office.shop.texts()) == 20
    for contact in everybody:
        mine = [text for text in office.shop.texts() if text.startswith(contact.id)]
        assert mine == [f"{contact.id} {number}" for number in range(5)]


# What is tried again


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_channel_is_asked_again(office: Office, status: int) -> None:
    office.shop.answer = in_turn(says(status), says(status, b"<html>"), accepted)
    sent = office.send("hello")
    for attempts in (1, 2, 3):
        office.run()
        assert len(office.shop.posted) == attempts
        assert office.status(sent)[0] is (Delivery.SENT if attempts == 3 else Delivery.PENDING)
        office.now += 5_000
    references = {posted.body["messageId"] for posted in office.shop.posted}
    assert references == {f"{sent}.0"}, "by which a channel can tell that it is the same"


def test_a_busy_channel_says_when(office: Office) -> None:
    office.shop.answer = in_turn(says(429, headers={"Retry-After": "60"}), accepted)
    office.send("hello")
    office.run()
    office.now += 59_000
    office.run()
    assert len(office.shop.posted) == 1
    office.now += 1_000
    office.run()
    assert len(office.shop.posted) == 2


def test_a_channel_that_is_away_is_tried_for_a_day(office: Office) -> None:
    with channel_server() as gone:
        pass
    office.move_channel(gone.address)
    sent, later = office.send("hello"), office.send("still there?")
    office.run()
    assert office.status(sent) == (Delivery.PENDING, "")
    office.move_channel(office.shop.address)
    office.now += HOUR
    office.run()
    assert office.shop.texts() == ["hello", "still there?"]
    assert office.status(later)[0] is Delivery.SENT

    office.move_channel(gone.address)
    lost = office.send("anybody?")
    office.now += GIVE_UP + 1
    office.run()
    assert office.status(lost) == (Delivery.FAILED, "The channel can't be reached. It was tried for a day.")


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (400, b'{"error": {"message": "No such \\u001b[31mnumber"}}', "No such number"),
        (403, b"", "The channel has refused it (HTTP 403)."),
        (422, b'{"error": "text"}', "The channel has refused it (HTTP 422)."),
        (404, b"[" * 100_000, "The channel has refused it (HTTP 404)."),
        (301, b"", "The address of the channel has moved. “ismsg server channel set” gives it another one."),
    ],
    ids=lambda value: str(value)[:3],
)
def test_what_the_channel_refuses_is_failed_for_its_reason(
    small_office: Office, status: int, body: bytes, reason: str
) -> None:
    small_office.shop.answer = in_turn(says(status, body, {"Location": "/elsewhere"}), accepted)
    refused, fine = small_office.send("hello"), small_office.send("and this?")
    small_office.run()
    assert small_office.status(refused) == (Delivery.FAILED, reason)
    assert small_office.status(fine)[0] is Delivery.SENT
    small_office.now += GIVE_UP
    small_office.run()
    assert small_office.shop.texts() == ["hello", "and this?"]


# What nobody knows


@pytest.mark.parametrize("status", [0, 500, 502, 504])
def test_what_may_have_arrived_is_uncertain_and_never_sent_again(small_office: Office, status: int) -> None:
    small_office.shop.answer = in_turn(says(status, b'{"mId": "x"}') if status else hang_up, accepted)
    doubtful, next_one = small_office.send("hello"), small_office.send("and this?")
    small_office.run()
    small_office.now += LEASE + GIVE_UP
    small_office.run()
    became, error = small_office.status(doubtful)
    assert became is Delivery.UNCERTAIN
    assert error.startswith("It may have arrived: ")
    assert small_office.status(next_one)[0] is Delivery.SENT
    assert small_office.shop.texts() == ["hello", "and this?"]


@pytest.mark.parametrize(
    "body", [b"<html>welcome</html>", b"{}", b'{"mId": ""}', b'{"mId": null}', b'{"mId": true}', b""]
)
def test_an_answer_without_an_id_leaves_doubt(small_office: Office, body: bytes) -> None:
    small_office.shop.answer = in_turn(says(200, body), accepted)
    doubtful, next_one = small_office.send("hello"), small_office.send("and this?")
    small_office.run()
    assert small_office.status(doubtful)[0] is Delivery.UNCERTAIN
    assert small_office.status(next_one)[0] is Delivery.SENT
    assert small_office.shop.texts() == ["hello", "and this?"]


def test_an_id_that_is_longer_than_ours_may_be_counts_as_sent(small_office: Office) -> None:
    small_office.shop.answer = says(200, b'{"mId": "' + b"w" * 80 + b'"}')
    sent = small_office.send("hello")
    small_office.run()
    assert small_office.status(sent)[0] is Delivery.SENT


def test_a_channel_that_never_answers_leaves_doubt(small_office: Office) -> None:
    over = threading.Event()

    def sleeps(_: Posted) -> Answer:
        over.wait(PATIENCE)
        return Answer(200)

    small_office.shop.answer = sleeps
    patient = httpx.Timeout(PATIENCE, read=0.3)
    small_office.channels.registry._adapters[CustomChannel.kind] = CustomChannel(timeout=patient)
    doubtful = small_office.send("hello")
    small_office.run()
    over.set()
    expected = "It may have arrived: the channel was given it and has not answered."
    assert small_office.status(doubtful) == (Delivery.UNCERTAIN, expected)


def test_doubt_about_a_part_keeps_the_rest_back(office: Office) -> None:
    office.shop.answer = in_turn(hang_up, accepted)
    doubtful = office.send("a file", files=(office.file(),))
    office.run()
    assert len(office.shop.posted) == 1
    status, error = office.status(doubtful)
    assert status is Delivery.UNCERTAIN
    assert error.endswith("What comes after it was not sent.")
    office.post(event("message_status", "out-1", status="delivered", messageId=f"{doubtful}.0"))
    office.run()
    assert len(office.shop.posted) == 2
    assert office.status(doubtful) == (Delivery.SENT, "")


@pytest.mark.parametrize("status", [429, 503])
def test_what_waits_to_be_tried_again_is_not_once_a_receipt_says_that_it_has_arrived(
    office: Office, status: int
) -> None:
    office.shop.answer = in_turn(says(status), accepted)
    sent, later = office.send("hello"), office.send("and this?")
    office.run()
    assert office.shop.texts() == ["hello"]
    office.post(event("message_status", "out-1", status="delivered", messageId=f"{sent}.0"))
    office.now += HOUR
    office.run()
    assert office.shop.texts() == ["hello", "and this?"]
    assert office.status(sent) == (Delivery.DELIVERED, "")
    assert office.status(later)[0] is Delivery.SENT


def test_an_echo_of_what_waits_to_be_tried_again_is_the_message(office: Office) -> None:
    office.shop.answer = in_turn(says(503), accepted)
    sent = office.send("hello")
    office.run()
    office.post(event("message_echo", "out-1", messageId=f"{sent}.0", message={"type": "text", "text": "hello"}))
    office.now += HOUR
    office.run()
    assert office.shop.texts() == ["hello"]
    assert office.status(sent) == (Delivery.SENT, "")


def test_a_receipt_for_a_part_that_waits_settles_that_part_and_the_rest_still_goes(office: Office) -> None:
    office.shop.answer = in_turn(says(503), accepted)
    sent = office.send("two files", files=(office.file(b"one", "a.pdf"), office.file(b"two", "b.pdf")))
    office.run()
    for _ in range(2):
        office.post(event("message_status", "out-1", status="delivered", messageId=f"{sent}.0"))
    assert office.status(sent) == (Delivery.PENDING, "")
    office.now += HOUR
    office.run()
    contents = [posted.body["message"] for posted in office.shop.posted]
    assert [content.get("text") or content["attachment"]["fileName"] for content in contents] == [
        "two files",
        "a.pdf",
        "b.pdf",
    ]
    assert office.status(sent) == (Delivery.SENT, "")


@pytest.mark.parametrize("answer", [says(503), says(500), says(422)], ids=["later", "doubt", "refused"])
def test_a_receipt_that_overtakes_the_answer_counts_and_the_answer_does_not(
    office: Office, answer: Callable[[Posted], Answer]
) -> None:
    def overtaken(posted: Posted) -> Answer:
        office.post(event("message_status", "out-1", status="sent", messageId=posted.body["messageId"]))
        return answer(posted)

    office.shop.answer = in_turn(overtaken, accepted)
    sent = office.send("a file", files=(office.file(),))
    office.run()
    office.now += HOUR
    office.run()
    assert [posted.body["messageId"] for posted in office.shop.posted] == [f"{sent}.0", f"{sent}.1"]
    assert office.status(sent) == (Delivery.SENT, "")


# A database that can't be written


class Locked:
    """Keeps everybody from writing to an office's database, from now on or after a channel has answered."""

    def __init__(self, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
        self._write = office.database.write
        self.held = False
        monkeypatch.setattr(office.database, "write", self._refusing)

    @contextmanager
    def _refusing(self) -> Iterator[Connection]:
        if self.held:
            raise ProblemError(503, "busy", "The server has too much to do: try again.", retry_after=1)
        with self._write() as connection:
            yield connection

    def after(self, answer: Callable[[Posted], Answer]) -> Callable[[Posted], Answer]:
        """The same answer, and nothing can be written any more."""

        def locking(posted: Posted) -> Answer:
            self.held = True
            return answer(posted)

        return locking


def test_what_could_not_be_got_ready_is_sent_once_later_and_leaves_no_doubt(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, create = Locked(office, monkeypatch), office.links.create

    def locked(workspace_id: str, attachment: Attachment) -> str:
        lock.held = True
        return create(workspace_id, attachment)

    sent = office.send("", files=(office.file(),))
    monkeypatch.setattr(office.links, "create", locked)
    for _ in range(2):
        with pytest.raises(ProblemError):
            office.run()
    monkeypatch.undo()
    office.run()
    assert office.shop.posted == []
    office.now += LEASE + 1
    office.run()
    assert len(office.shop.posted) == 1
    assert office.status(sent) == (Delivery.SENT, "")


@pytest.mark.parametrize(
    ("answer", "became", "posted"),
    [
        (says(503), (Delivery.SENT, ""), 2),
        (says(422), (Delivery.FAILED, "The channel has refused it (HTTP 422)."), 1),
        (accepted, (Delivery.SENT, ""), 1),
        (hang_up, (Delivery.UNCERTAIN, "It may have arrived: the connection broke after the channel was given it."), 1),
    ],
    ids=["busy", "refused", "taken", "unknown"],
)
def test_what_became_of_a_message_is_written_down_once_the_database_can_be(
    office: Office,
    monkeypatch: pytest.MonkeyPatch,
    answer: Callable[[Posted], Answer],
    became: tuple[Delivery, str],
    posted: int,
) -> None:
    lock = Locked(office, monkeypatch)
    office.shop.answer = in_turn(lock.after(answer), accepted)
    sent = office.send("hello")
    for _ in range(3):
        with pytest.raises(ProblemError):
            office.run()
        office.now += LEASE + 1
    lock.held = False
    office.run()
    office.now += HOUR
    office.run()
    assert office.status(sent) == became
    assert len(office.shop.posted) == posted


def test_what_became_of_a_message_is_written_down_as_the_server_ends(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = Locked(office, monkeypatch)
    office.shop.answer = lock.after(accepted)
    sent, other = office.send("hello"), office.send("are you there?", office.contact("+84902"))
    for _ in range(2):
        with pytest.raises(ProblemError):
            office.run()
    lock.held = False
    office.channels.stop()
    monkeypatch.undo()
    assert office.status(sent) == (Delivery.SENT, "")
    office.channels = office.process(office.folder)
    office.now += LEASE + 1
    office.run()
    assert office.status(other) == (Delivery.SENT, "")
    assert len(office.shop.posted) == 2


# A channel that is removed


def test_what_waits_for_a_channel_that_is_removed_fails_with_that_reason(office: Office) -> None:
    office.shop.answer = says(503)
    waits = office.send("hello")
    office.run()
    office.channels.registry.remove(office.workspace.id, office.account.channel_id)
    office.run()
    later = office.send("still there?")
    office.run()
    for sent in (waits, later):
        assert office.status(sent) == (Delivery.FAILED, "The channel is not connected any more.")
    assert office.shop.texts() == ["hello"]


def doubted(office: Office, text: str = "hello") -> str:
    office.shop.answer = in_turn(hang_up, accepted)
    sent = office.send(text)
    office.run()
    assert office.status(sent)[0] is Delivery.UNCERTAIN
    return sent


def test_a_receipt_with_our_id_settles_the_doubt(office: Office) -> None:
    first, second = doubted(office), doubted(office)
    office.post(event("message_status", "out-2", status="delivered", messageId=f"{second}.0"))
    assert office.status(second) == (Delivery.DELIVERED, "")
    assert office.status(first)[0] is Delivery.UNCERTAIN
    office.post(event("message_status", "out-2", status="read"))
    assert office.status(second) == (Delivery.READ, "")


def test_a_receipt_settles_the_only_doubt_there_is_but_guesses_nothing(office: Office) -> None:
    first, second = doubted(office), doubted(office)
    office.post(event("message_status", "out-1", status="delivered"))
    assert {office.status(sent)[0] for sent in (first, second)} == {Delivery.UNCERTAIN}
    office.post(event("message_status", "out-2", status="delivered", messageId=f"{first}.0"))
    office.post(event("message_status", "out-3", status="failed"))
    assert office.status(second)[0] is Delivery.FAILED


def test_an_echo_of_the_same_text_settles_the_doubt_and_is_no_second_message(office: Office) -> None:
    sent = doubted(office, "see you")
    office.post(event("message_echo", "e-1", message={"type": "text", "text": "something else"}))
    assert office.status(sent)[0] is Delivery.UNCERTAIN
    for _ in range(2):
        office.post(event("message_echo", "e-2", message={"type": "text", "text": "see you"}))
    assert office.status(sent) == (Delivery.SENT, "")
    office.post(event("message_status", "e-2", status="read"))
    assert office.status(sent) == (Delivery.READ, "")


def test_the_echo_of_what_was_surely_sent_is_no_second_message(office: Office) -> None:
    office.shop.answer = says(200, b'{"mId": "out-1"}')
    sent = office.send("hello")
    office.run()
    before = office.ledger.head(office.workspace.id)
    office.post(event("message_echo", "out-1", message={"type": "text", "text": "hello"}))
    office.post(event("message_echo", "other", messageId=f"{sent}.0", message={"type": "text", "text": "hello"}))
    assert office.ledger.head(office.workspace.id) == before


def test_a_process_that_dies_while_it_sends_leaves_doubt_and_another_settles_it(office: Office) -> None:
    def dies(*_: object) -> str:
        raise KeyboardInterrupt

    other = office.process(office.folder)
    adapter = office.channels.registry.adapter(CustomChannel.kind)
    sent, later = office.send("hello"), office.send("and this?")
    adapter.send = dies  # type: ignore[method-assign, assignment]
    with pytest.raises(KeyboardInterrupt):
        office.step()
    assert not other.deliveries.step(), "it may still be at it"
    office.now += LEASE + 1
    while other.deliveries.step():
        pass
    status, error = office.status(sent)
    assert (status, "was stopped" in error) == (Delivery.UNCERTAIN, True)
    assert office.status(later)[0] is Delivery.SENT
    assert office.shop.texts() == ["and this?"]


SERVE = """
import sys
from pathlib import Path
from ismsg_tui.server.app import Server
from ismsg_tui.server.database import Database

server = Server(Database(sys.argv[1]), Path(sys.argv[2]))
server.start()
sys.stdin.read()
"""


def test_a_message_whose_server_is_killed_by_its_arrival_is_never_sent_twice(office: Office) -> None:
    url = office.database.url.render_as_string(hide_password=False)
    home = Path(__file__).parent.parent
    program = [sys.executable, "-c", SERVE, url, str(office.folder)]
    office.now = now_ms()
    sent = office.send("hello")
    with subprocess.Popen(program, stdin=subprocess.PIPE, cwd=home) as server:

        def kills(posted: Posted) -> Answer:
            os.kill(server.pid, signal.SIGKILL)
            return accepted(posted)

        office.shop.answer = kills
        server.wait(PATIENCE)
    assert office.shop.texts() == ["hello"]
    assert office.status(sent) == (Delivery.PENDING, "")
    office.now = now_ms() + LEASE + 1
    office.shop.answer = accepted
    office.run()
    assert office.status(sent)[0] is Delivery.UNCERTAIN
    assert office.shop.texts() == ["hello"]


# The whole server


def test_a_running_server_sends_what_agents_answer(server_database: Database, tmp_path: Path, shop: Shop) -> None:
    with desk_on(server_database, tmp_path, ServerSettings()) as desk:
        line = Line(desk, desk.server.channels.registry.add_custom(desk.workspace.id, "Shop", shop.address))
        line.say("question")
        (contact,) = _contacts(desk)
        sent = SendMessage(contact.id, "answer", line.account.channel_id)
        issued = Issued(new_id(), sent, Actor(desk.olga.id, Source.USER), 0)
        desk.server.ledger.submit(desk.workspace.id, issued)
        message_id = derived_id(issued.id, Part.MAIN)

        def arrived() -> bool:
            message = desk.server.ledger.read(desk.workspace.id, "message", message_id)
            return isinstance(message, Message) and message.status is Delivery.SENT

        until(arrived)
    assert shop.texts() == ["answer"]


def _contacts(desk: Desk) -> list[Contact]:
    console = desk.console()
    page = console.get("/changes", **{**console.cursor(0), "limit": 5000}).json()
    return [msgspec.convert(row, Contact) for _, kind, row in page["rows"] if kind == "contact"]
