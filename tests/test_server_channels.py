"""Custom channels: what their servers post becomes contacts and messages, once, whatever is in it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ismsg_tui.clock import new_id
from ismsg_tui.domain import wire
from ismsg_tui.domain.commands import Actor, Issued, SendMessage
from ismsg_tui.domain.entities import Channel as ChannelRow
from ismsg_tui.domain.entities import Contact, Conversation, Delivery, FileKind, Message, MessageKind, Source, Workspace
from ismsg_tui.domain.media import media_of
from ismsg_tui.domain.text import clean
from ismsg_tui.domain.wire import page_of
from ismsg_tui.server.admin import Admin
from ismsg_tui.server.blobs import BlobLimits, Blobs
from ismsg_tui.server.channels.fetch import Fetcher, FetchError, is_public
from ismsg_tui.server.channels.service import Channels
from ismsg_tui.server.database import Database
from ismsg_tui.server.errors import ProblemError
from ismsg_tui.server.file_links import FileLinks
from ismsg_tui.server.ledger import Ledger
from tests.channel_server import Answer, Channel, Line, channel_server, event
from tests.desk_server import Desk, desk, small_desk
from tests.factories import examples
from tests.waiting import until

__all__ = ["desk", "small_desk"]

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 100


@pytest.fixture
def channel() -> Iterator[Channel]:
    with channel_server() as channel:
        yield channel


def connect(desk: Desk, base_url: str = "") -> Line:
    return Line(desk, desk.server.channels.registry.add_custom(desk.workspace.id, "Shop", base_url))


def rows(desk: Desk, since: int = 0) -> list[Any]:
    """Every row of the workspace, in the order in which it was last changed."""
    console = desk.console()
    answer = console.get("/changes", **console.cursor(since), limit=5000)
    return [row for _, row in page_of(msgspec.json.decode(answer.content, type=wire.PageBody)).rows]


def contacts(desk: Desk) -> list[Contact]:
    return [row for row in rows(desk) if isinstance(row, Contact)]


def lines(desk: Desk, since: int = 0) -> list[Message]:
    """What was said, in order."""
    found = [row for row in rows(desk, since) if isinstance(row, Message) and row.kind is not MessageKind.EVENT]
    return sorted(found, key=lambda line: (line.at, line.id))


def texts(desk: Desk) -> list[str]:
    return [line.text for line in lines(desk)]


# Who writes


def test_somebody_new_becomes_a_contact_with_an_open_conversation(desk: Desk) -> None:
    line = connect(desk)
    profile = {"firstName": "Mai", "lastName": "Tran", "countryCode": "vn", "email": "m@example.org", "phone": None}
    for contact in ("+84901234567", "web/visitor_1="):
        assert line.say("hello", by=contact).status_code == 200
    assert line.post(event("message", message={"type": "text", "text": "hey"}), by="@mai", contact=profile).is_success
    known = {contact.phone or contact.first_name: contact for contact in contacts(desk)}
    assert set(known) == {"+84901234567", "", "Mai"}
    mai = known["Mai"]
    assert (mai.name, mai.email, mai.country) == ("Mai Tran", "m@example.org", "VN")
    assert mai.channel_id == line.account.channel_id
    assert len([row for row in rows(desk) if isinstance(row, Conversation)]) == 3


def test_the_same_contact_comes_back_to_his_conversation(desk: Desk) -> None:
    line = connect(desk)
    for text in ("one", "two", "three"):
        line.say(text)
    assert len(contacts(desk)) == 1
    assert texts(desk) == ["one", "two", "three"]
    (conversation,) = [row for row in rows(desk) if isinstance(row, Conversation)]
    assert conversation.incoming_count == 3
    assert conversation.opened_source is Source.CONTACT


def test_who_is_known_by_name_already_is_no_second_contact(desk: Desk) -> None:
    line, known = connect(desk), desk.contact()
    desk.server.channels.reception.introduce(line.account, "+84905", known.id)
    line.say("it is me", by="+84905")
    assert [contact.id for contact in contacts(desk)] == [known.id]


def test_a_channel_of_the_workspace_can_be_connected_and_keeps_its_token(desk: Desk) -> None:
    registry = desk.server.channels.registry
    phone = ChannelRow(id=new_id(), kind="whatsapp", name="WhatsApp", text_limit=4096, media=media_of("whatsapp"))
    desk.server.ledger.seed(desk.workspace.id, [phone])
    first = registry.connect(desk.workspace.id, phone, "http://one.example.org")
    second = registry.connect(desk.workspace.id, phone, "http://two.example.org")
    assert (first.token, first.channel_id) == (second.token, phone.id)
    assert registry.by_token(first.token).base_url == "http://two.example.org"
    assert Line(desk, second).say("hello").status_code == 200
    (listed,) = registry.all(desk.workspace.id)
    assert (listed.name, listed.base_url) == ("WhatsApp", "http://two.example.org")


def test_a_new_token_is_the_only_one_that_works(desk: Desk) -> None:
    line, registry = connect(desk, "http://one.example.org"), desk.server.channels.registry
    changed = registry.change(desk.workspace.id, line.account.channel_id, new_token=True)
    assert changed.token != line.account.token
    assert changed.base_url == "http://one.example.org"
    assert line.say("with the old one").status_code == 401
    assert Line(desk, changed).say("with the new one").status_code == 200
    assert texts(desk) == ["with the new one"]


def test_a_removed_channel_takes_nothing_in_and_what_was_said_stays(desk: Desk) -> None:
    line, other, registry = connect(desk), connect(desk), desk.server.channels.registry
    line.say("before")
    registry.remove(desk.workspace.id, line.account.channel_id)
    assert line.say("after").status_code == 401
    assert other.say("elsewhere", by="+6017001").status_code == 200
    assert texts(desk) == ["before", "elsewhere"]
    assert [item.id for item in registry.all(desk.workspace.id)] == [other.account.channel_id]
    with pytest.raises(ProblemError, match="no such channel"):
        registry.remove(desk.workspace.id, line.account.channel_id)
    with pytest.raises(ProblemError, match="no such channel"):
        registry.change(desk.workspace.id, line.account.channel_id, new_token=True)
    with pytest.raises(ProblemError, match="no such channel"):
        registry.remove("another workspace", other.account.channel_id)


def test_the_same_id_on_two_channels_is_two_contacts(desk: Desk) -> None:
    connect(desk).say("one")
    connect(desk).say("two")
    assert len(contacts(desk)) == 2


def test_what_is_posted_again_is_taken_once(desk: Desk) -> None:
    line = connect(desk)
    for _ in range(3):
        assert line.say("hello", "m-1").status_code == 200
    assert line.say("hello", "m-2").status_code == 200
    assert texts(desk) == ["hello", "hello"]


def test_what_is_posted_many_times_at_the_same_time_is_taken_once(desk: Desk) -> None:
    line = connect(desk)
    statuses: list[int] = []

    def post() -> None:
        statuses.extend(line.say(f"text {number}", f"m-{number}").status_code for number in range(3))

    threads = [threading.Thread(target=post) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(statuses) == {200}
    assert sorted(texts(desk)) == ["text 0", "text 1", "text 2"]
    assert len(contacts(desk)) == 1


def test_a_stranger_without_the_token_is_turned_away(small_desk: Desk) -> None:
    line = connect(small_desk)
    for token in ("wrong", "x" * 5_000, small_desk.console().session.access):
        line.http.headers["Authorization"] = f"Bearer {token}"
        assert line.say("hello").status_code == 401
    assert contacts(small_desk) == []


# What is said


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"type": "text", "text": "  two\nlines "}, "  two\nlines "),
        ({"type": "text", "text": ""}, "(an empty message)"),
        ({"type": "text", "text": "\u200b\u202e"}, "(an empty message)"),
        ({"type": "text", "text": "red \x1b[31mtext\x1b[0m\x07 \x00 end"}, "red text  end"),
        ({"type": "location", "latitude": 10.7769, "longitude": 106.7009}, "Location: 10.77690, 106.70090"),
        (
            {"type": "location", "latitude": "10.5", "longitude": "-1", "address": "Pier\n3", "name": "Harbour"},
            "Location: Harbour, Pier 3 (10.50000, -1.00000)",
        ),
        (
            {"type": "location", "latitude": 100, "longitude": 1},
            '(a message of the kind “location”) {"latitude":100,"longitude":1}',
        ),
        ({"type": "quick_reply", "title": "Which?", "replies": ["Tea", "Coffee"]}, "Which?\n· Tea\n· Coffee"),
        ({"type": "quick_reply", "text": "Tea"}, "Tea"),
        ({"type": "story_reply", "text": "Nice!"}, "(a message of the kind “story_reply”) Nice!"),
        ({"type": "card", "rows": [1, 2]}, '(a message of the kind “card”) {"rows":[1,2]}'),
        ({"type": "sticker"}, "(a message of the kind “sticker”)"),
    ],
)
def test_every_kind_of_message_becomes_something_to_read(small_desk: Desk, message: dict[str, Any], text: str) -> None:
    line = connect(small_desk)
    assert line.post(event("message", message=message)).status_code == 200
    assert texts(small_desk) == [text]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"channelId": "another"}, "/channelId"),
        ({"channelId": None}, "/channelId"),
        ({"contactId": ""}, "/contactId"),
        ({"contactId": "x" * 51}, "/contactId"),
        ({"contactId": "a b"}, "/contactId"),
        ({"contactId": "a\n"}, "/contactId"),
        ({"contactId": 5}, "/contactId"),
        ({"events": []}, "/events"),
        ({"events": {}}, "/events"),
        ({"events": [{}] * 101}, "/events"),
        ({"contact": []}, "/contact"),
        ({"contact": {"firstName": 5}}, "/contact/firstName"),
        ({"events": [5]}, "/events/0"),
        ({"events": [{"type": "typing"}]}, "/events/0/type"),
        ({"events": [event("message")]}, "/events/0/message"),
        ({"events": [event("message", "x" * 51, message={"type": "text", "text": ""})]}, "/events/0/mId"),
        ({"events": [event("message", "a\x07", message={"type": "text", "text": ""})]}, "/events/0/mId"),
        ({"events": [{**event("message"), "timestamp": 1_800_000_000}]}, "/events/0/timestamp"),
        ({"events": [{**event("message"), "timestamp": "now"}]}, "/events/0/timestamp"),
        ({"events": [event("message", message={})]}, "/events/0/message/type"),
        ({"events": [event("message", message={"type": "text"})]}, "/events/0/message/text"),
        ({"events": [event("message", message={"type": "attachment"})]}, "/events/0/message/attachment"),
        (
            {"events": [event("message", message={"type": "attachment", "attachment": {"url": "file:///etc/passwd"}})]},
            "/events/0/message/attachment/url",
        ),
        ({"events": [event("message", message={"type": "text", "text": "x" * 65_537})]}, "/events/0/message/text"),
        ({"events": [event("message_status")]}, "/events/0/status"),
        ({"events": [event("message_status", status="eaten")]}, "/events/0/status/value"),
        ({"events": [event("message_status", status={"value": 5})]}, "/events/0/status/value"),
    ],
)
def test_what_can_not_be_is_refused_by_the_field_and_nothing_is_taken(
    small_desk: Desk, change: dict[str, Any], pointer: str
) -> None:
    line = connect(small_desk)
    good = event("message", message={"type": "text", "text": "fine"})
    if "events" in change and isinstance(change["events"], list) and 0 < len(change["events"]) < 100:
        change = {"events": [*change["events"], good]}
    body = {"channelId": line.account.channel_id, "contactId": "me", "events": [good], **change}
    answer = line.http.post("/custom/channel/webhook/", json=body)
    assert answer.status_code == 422, answer.text
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert contacts(small_desk) == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000, b'{"contactId": "\\ud800"}'])
def test_a_body_that_is_no_json_is_refused(small_desk: Desk, body: bytes) -> None:
    answer = connect(small_desk).http.post("/custom/channel/webhook/", content=body)
    assert answer.status_code in (400, 422)


SMALL = st.text(max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | SMALL,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(SMALL, inner, max_size=3),
    max_leaves=8,
)
MESSAGES = st.fixed_dictionaries(
    {"type": st.sampled_from(["text", "attachment", "location", "quick_reply", "card"]) | SMALL},
    optional=dict.fromkeys(("text", "title", "replies", "latitude", "longitude", "attachment", "url"), VALUES),
)


@given(message=MESSAGES)
@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_in_a_message_it_is_taken_clean_or_refused(small_desk: Desk, message: dict[str, Any]) -> None:
    found = small_desk.server.channels.registry.all(small_desk.workspace.id)
    line = connect(small_desk) if not found else Line(small_desk, account_of(small_desk, found[0].id))
    body = msgspec.json.encode(
        {"channelId": line.account.channel_id, "contactId": "me", "events": [event("message", message=message)]}
    )
    before = small_desk.server.ledger.head(small_desk.workspace.id)
    answer = line.http.post("/custom/channel/webhook/", content=body)
    assert answer.status_code in (200, 422)
    if answer.status_code == 200 and message["type"] != "attachment":
        (said,) = lines(small_desk, before)
        assert said.text == clean(said.text)
        assert said.text.strip()


def account_of(desk: Desk, channel_id: str) -> Any:
    return desk.server.channels.registry.by_id(channel_id)


# Files


def attachment(url: str, **rest: Any) -> dict[str, Any]:
    return event("message", message={"type": "attachment", "attachment": {"type": "image", "url": url, **rest}})


def test_a_file_is_fetched_and_comes_with_its_message(desk: Desk, channel: Channel) -> None:
    channel.files["/pictures/cat%20one.png?size=5"] = Answer(200, PNG)
    line = connect(desk, channel.address)
    assert line.post(attachment(f"{channel.address}/pictures/cat%20one.png?size=5")).status_code == 200
    until(lambda: len(lines(desk)) == 1)
    (message,) = lines(desk)
    (file,) = message.attachments
    assert (file.name, file.kind, file.mime, file.size) == ("cat one.png", FileKind.IMAGE, "image/png", len(PNG))
    console = desk.console()
    assert console.get(f"/blobs/{file.sha256}").content == PNG
    assert desk.console(desk.ana).get(f"/blobs/{file.sha256}").status_code == 404


def test_a_recording_comes_as_a_voice_note_with_its_waveform(small_desk: Desk, channel: Channel) -> None:
    channel.files["/a.ogg"] = Answer(200, b"OggS" + b"\0" * 50)
    line = connect(small_desk, channel.address)
    sound = {"voice": True, "duration": 1500, "waveform": [0, 50, 100, 101, "x"]}
    line.post(attachment(f"{channel.address}/a.ogg", **sound))
    until(lambda: len(lines(small_desk)) == 1)
    (file,) = lines(small_desk)[0].attachments
    assert (file.kind, file.duration, file.peaks) == (FileKind.VOICE, 1500, (0, 50, 100))


@pytest.mark.parametrize("odd", [{"voice": "yes"}, {"duration": -1}, {"duration": True}, {"waveform": [1] * 201}])
def test_oddities_of_a_recording_are_left_out(small_desk: Desk, channel: Channel, odd: dict[str, Any]) -> None:
    channel.files["/a.ogg"] = Answer(200, b"OggS" + b"\0" * 50)
    line = connect(small_desk, channel.address)
    line.post(attachment(f"{channel.address}/a.ogg", **odd))
    until(lambda: len(lines(small_desk)) == 1)
    (file,) = lines(small_desk)[0].attachments
    assert (file.kind, file.duration, file.peaks) == (FileKind.AUDIO, None, ())


def test_what_is_said_after_a_file_comes_after_it(desk: Desk, channel: Channel) -> None:
    channel.files["/a.png"] = Answer(200, PNG)
    line = connect(desk, channel.address)
    line.post(
        attachment(f"{channel.address}/a.png", fileName="../../first.png", caption="look"),
        event("message", message={"type": "text", "text": "did you see it?"}),
    )
    line.say("hello?")
    until(lambda: len(lines(desk)) == 3)
    assert texts(desk) == ["look", "did you see it?", "hello?"]
    assert lines(desk)[0].attachments[0].name == "first.png"


def test_a_file_is_fetched_once_however_often_it_is_posted(desk: Desk, channel: Channel) -> None:
    channel.files["/a.png"] = Answer(200, PNG)
    line = connect(desk, channel.address)
    posted = attachment(f"{channel.address}/a.png")
    for _ in range(3):
        assert line.post(posted).status_code == 200
    line.say("end")
    until(lambda: len(lines(desk)) == 2)
    assert channel.fetched == ["/a.png"]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(404), "HTTP 404"),
        (Answer(200, b""), "it is empty"),
        (Answer(302, b"", {"Location": "http://10.1.2.3/secret"}), "private network"),
        (Answer(302, b"", {"Location": "/b.png"}), "private network"),
        (Answer(302, b"", {"Location": "ftp://example.org/a"}), "its address is none"),
    ],
)
def test_a_file_that_can_not_be_had_leaves_a_line_that_says_so(
    small_desk: Desk, channel: Channel, answer: Answer, reason: str
) -> None:
    channel.files["/a.png"] = answer
    line = connect(small_desk, channel.address)
    line.post(attachment(f"{channel.address}/a.png", caption="look"))
    until(lambda: len(lines(small_desk)) == 1)
    (text,) = texts(small_desk)
    assert text.startswith("look\n(")
    assert reason in text
    assert f"{channel.address}/a.png" in text


def test_a_file_that_is_too_large_is_not_kept(small_desk: Desk, channel: Channel) -> None:
    small_desk.server.blobs.limits = BlobLimits(largest=50)
    channel.files["/a.png"] = Answer(200, PNG)
    line = connect(small_desk, channel.address)
    line.post(attachment(f"{channel.address}/a.png"))
    until(lambda: len(lines(small_desk)) == 1)
    assert "too large" in texts(small_desk)[0]


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "127.1", "2130706433", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"]
)
def test_no_address_leads_into_the_network_of_the_server(channel: Channel, host: str) -> None:
    port = channel.address.rpartition(":")[2]
    channel.files["/"] = Answer(200, b"secret")
    taken: list[bytes] = []
    with pytest.raises(FetchError):
        Fetcher().fetch(f"http://{host}:{port}/", taken.append)
    with pytest.raises(FetchError):
        Fetcher().fetch(f"http://user:{host}@{host}:{port}/", taken.append)
    assert (taken, channel.fetched) == ([], [])


def test_what_is_private_can_be_allowed_by_name_and_by_network(channel: Channel) -> None:
    channel.files["/"] = Answer(200, b"fine")
    port = channel.address.rpartition(":")[2]
    for fetcher, url in [
        (Fetcher(["localhost"]), f"http://localhost:{port}/"),
        (Fetcher(["127.0.0.1/8"]), f"{channel.address}/"),
    ]:
        taken: list[bytes] = []
        fetcher.fetch(url, taken.append)
        assert taken == [b"fine"]


def test_the_channels_own_host_is_trusted_on_its_own_port_and_for_the_first_address_only(channel: Channel) -> None:
    taken: list[bytes] = []
    with channel_server() as neighbour:
        own = f"{channel.address}/ismsg"
        channel.files |= {
            "/a": Answer(200, b"fine"),
            "/there": Answer(302, b"", {"Location": f"{neighbour.address}/secret"}),
            "/back": Answer(302, b"", {"Location": "/a"}),
        }
        neighbour.files |= {
            "/secret": Answer(200, b"secret"),
            "/here": Answer(302, b"", {"Location": f"{channel.address}/a"}),
        }
        Fetcher().fetch(f"{channel.address}/a", taken.append, own=own)
        assert taken == [b"fine"]
        for address in (f"{neighbour.address}/secret", f"{channel.address}/there", f"{channel.address}/back"):
            with pytest.raises(FetchError, match="private network"):
                Fetcher().fetch(address, taken.append, own=own)
        with pytest.raises(FetchError, match="private network"):
            Fetcher(["localhost"]).fetch(
                f"{neighbour.address}/here".replace("127.0.0.1", "localhost"), taken.append, own=own
            )
        assert taken == [b"fine"]
        assert neighbour.fetched == ["/here"]


def test_a_file_whose_address_leads_in_a_circle_is_given_up(channel: Channel) -> None:
    channel.files["/a.png"] = Answer(302, b"", {"Location": "/a.png"})
    with pytest.raises(FetchError, match="from one place to the next"):
        Fetcher(["127.0.0.0/8"]).fetch(f"{channel.address}/a.png", lambda _: None)
    assert len(channel.fetched) == 4


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("::ffff:8.8.8.8", True),
        ("64:ff9b::808:808", True),
        ("10.0.0.1", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("224.0.0.1", False),
        ("fe80::1", False),
        ("fc00::1", False),
        ("::ffff:169.254.169.254", False),
        ("64:ff9b::a00:1", False),
        ("2002:a00:1::", False),
        ("::", False),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(ip_address(address)) is public


def test_a_fetch_that_a_dead_process_has_begun_is_gone_on_with(
    sqlite_database: Database, tmp_path: Path, channel: Channel
) -> None:
    """The events of a channel are in the database before it gets its answer."""
    now = [1_800_000_000_000]

    def process() -> Channels:
        ledger = Ledger(sqlite_database)
        blobs = Blobs(sqlite_database, tmp_path, ledger)
        return Channels(sqlite_database, ledger, blobs, FileLinks(sqlite_database, blobs), clock=lambda: now[0])

    first = process()
    ledger = Ledger(sqlite_database)
    workspace = Admin(sqlite_database, ledger).create_workspace(Workspace(id=new_id(), name="Hotel"))
    account = first.registry.add_custom(workspace.id, "Shop", channel.address)
    body = {"channelId": account.channel_id, "contactId": "me", "events": [attachment(f"{channel.address}/a.png")]}
    first.reception.take(account, msgspec.json.encode(body))

    def dies(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    first.reception._fetcher.fetch = dies  # type: ignore[assignment, method-assign]
    with pytest.raises(KeyboardInterrupt):
        first.reception.step()

    first.registry.remove(workspace.id, account.channel_id)  # what was taken in stays
    channel.files["/a.png"] = Answer(200, PNG)
    second = process()
    assert not second.reception.step(), "the lease of the dead one is good for a while"
    now[0] += 200_000
    assert second.reception.step()
    assert channel.fetched == ["/a.png"]
    assert not second.reception.step()


# Echoes and receipts


def answered(desk: Desk, line: Line, contact: Contact, text: str = "our answer") -> Message:
    """An answer of Olga's, before anybody has sent it."""
    issued = Issued(new_id(), SendMessage(contact.id, text, line.account.channel_id), Actor(desk.olga.id), 0)
    assert desk.server.ledger.submit(desk.workspace.id, issued).refusal is None
    return next(message for message in lines(desk) if message.text == text)


def test_what_was_sent_elsewhere_is_shown_as_outgoing_and_sent_nowhere(desk: Desk, channel: Channel) -> None:
    line = connect(desk, channel.address)
    line.say("question")
    echo = event("message_echo", message={"type": "text", "text": "x" * 20_000})
    for _ in range(2):
        assert line.post(echo).status_code == 200
    _, echoed = lines(desk)
    assert (echoed.kind, echoed.source, echoed.status) == (MessageKind.OUTGOING, Source.ECHO, Delivery.SENT)
    assert desk.server.channels.deliveries.waiting() == 0
    (contact,) = contacts(desk)
    assert contact.assignee_id is None


def test_receipts_move_a_message_forward_and_never_back(desk: Desk, channel: Channel) -> None:
    line = connect(desk, channel.address)
    line.say("question")
    channel.answer = lambda _: Answer(200, b'{"mId": "out-1"}')
    message = answered(desk, line, contacts(desk)[0])
    until(lambda: status(desk, message) is Delivery.SENT)
    for said, then in [
        ("delivered", Delivery.DELIVERED),
        ("sent", Delivery.DELIVERED),
        ({"value": "read"}, Delivery.READ),
        ({"value": "failed", "message": "too late"}, Delivery.READ),
    ]:
        assert line.post(event("message_status", "out-1", status=said)).status_code == 200
        assert status(desk, message) is then


def status(desk: Desk, message: Message) -> Delivery | None:
    found = desk.server.ledger.read(desk.workspace.id, "message", message.id)
    assert isinstance(found, Message)
    return found.status


def test_a_receipt_that_comes_before_the_answer_is_not_lost(desk: Desk, channel: Channel) -> None:
    line = connect(desk, channel.address)
    line.say("question")

    def overtaken(_: object) -> Answer:
        assert line.post(event("message_status", "out-1", status="delivered")).status_code == 200
        return Answer(200, b'{"mId": "out-1"}')

    channel.answer = overtaken
    message = answered(desk, line, contacts(desk)[0])
    until(lambda: status(desk, message) is Delivery.DELIVERED)


def test_a_failure_that_is_reported_later_says_why(desk: Desk, channel: Channel) -> None:
    line = connect(desk, channel.address)
    line.say("question")
    channel.answer = lambda _: Answer(200, b'{"mId": "out-1"}')
    message = answered(desk, line, contacts(desk)[0])
    until(lambda: status(desk, message) is Delivery.SENT)
    line.post(event("message_status", "out-1", status={"value": "failed", "message": "number \x1b[31munknown"}))
    failed = desk.server.ledger.read(desk.workspace.id, "message", message.id)
    assert isinstance(failed, Message)
    assert (failed.status, failed.error) == (Delivery.FAILED, "number unknown")


def test_a_receipt_of_nothing_known_is_taken_and_changes_nothing(desk: Desk) -> None:
    line = connect(desk)
    assert line.post(event("message_status", status="read")).status_code == 200
    assert contacts(desk) == []
