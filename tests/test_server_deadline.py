"""Strangers' servers that speak drop by drop: a call to them ends in time, whatever of the answer is dripping."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from ismsg_tui.domain.entities import Delivery
from ismsg_tui.server.channels.custom import CustomChannel
from ismsg_tui.server.channels.fetch import Fetcher, FetchError
from ismsg_tui.server.database import Database
from ismsg_tui.server.deadline import Deadline, calling_client
from ismsg_tui.server.webhooks import Webhooks
from tests.channel_server import channel_server
from tests.office import Office

PATIENCE = httpx.Timeout(5)
"""Longer than any two drops are apart."""
LONGEST = 0.5
DROPS = 300
"""After so many the answer is whole: fifteen seconds."""

HEADERS = (b"HTTP/1.1 200 OK\r\n", b"X-Drop: 1\r\n", b"Content-Length: 2\r\nConnection: close\r\n\r\n{}")
COUNTED = (
    b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % DROPS,
    b" ",
    b"",
)
SILENT = (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", b"", b"")
OPEN_END = (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", b" ", b"")
Answer = tuple[bytes, bytes, bytes]
"""How an answer begins, what drips, how it ends."""


class Tap:
    """A server that answers whoever comes in drops."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.finished = False
        """Whether somebody has waited for the end of it."""
        self._over = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._drip, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _drip(self, connection: socket.socket) -> None:
        begin, drop, end = self._answer
        try:
            with connection:
                connection.recv(65_536)
                connection.sendall(begin)
                for _ in range(DROPS):
                    if self._over.wait(0.05):
                        return
                    connection.sendall(drop)
                connection.sendall(end)
                self.finished = True
        except OSError:
            pass  # it was cut off, as it should be

    def close(self) -> None:
        self._over.set()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in self._threads:
            thread.join()


@pytest.fixture
def tap() -> Iterator[Callable[[Answer], Tap]]:
    taps: list[Tap] = []

    def turned_on(answer: Answer) -> Tap:
        taps.append(Tap(answer))
        return taps[-1]

    yield turned_on
    for each in taps:
        each.close()


@pytest.fixture
def office(sqlite_database: Database, tmp_path: Path) -> Iterator[Office]:
    with channel_server() as shop:
        yield Office(sqlite_database, tmp_path, shop)


@pytest.mark.parametrize("answer", [HEADERS, COUNTED, OPEN_END, SILENT], ids=["headers", "counted", "open", "silent"])
def test_a_file_that_drips_is_given_up_and_no_part_of_it_taken_for_the_whole(
    tap: Callable[[Answer], Tap], answer: Answer
) -> None:
    slow, fetcher = tap(answer), Fetcher(["127.0.0.0/8"], timeout=PATIENCE, longest=LONGEST)
    with pytest.raises(FetchError, match="took too long") as caught:
        fetcher.fetch(f"{slow.address}/a.png", lambda _: None)
    assert caught.value.again
    assert not slow.finished


@pytest.mark.parametrize("answer", [HEADERS, COUNTED, OPEN_END], ids=["headers", "counted", "open"])
def test_a_channel_whose_answer_drips_leaves_doubt(
    office: Office, tap: Callable[[Answer], Tap], answer: Answer
) -> None:
    slow, custom = tap(answer), CustomChannel(timeout=PATIENCE, longest=LONGEST)
    office.channels.registry._adapters[CustomChannel.kind] = custom
    office.move_channel(slow.address)
    sent = office.send("hello")
    office.run()
    expected = "It may have arrived: the channel was given it and has not answered."
    assert office.status(sent) == (Delivery.UNCERTAIN, expected)
    assert not slow.finished


def test_a_webhook_whose_headers_drip_has_not_got_through(office: Office, tap: Callable[[Answer], Tap]) -> None:
    webhooks = Webhooks(office.database, office.ledger, timeout=PATIENCE, longest=LONGEST, clock=office.clock)
    slow = tap(HEADERS)
    webhooks.add(office.workspace.id, slow.address, ["message.sent"])
    office.send("hello")
    assert webhooks.step()
    assert not slow.finished
    assert webhooks.waiting() == 1
    (hook,) = webhooks.all(office.workspace.id)
    assert hook.failing_since == office.now


def test_nothing_is_sent_where_connecting_lasts_longer_than_the_deadline(office: Office) -> None:
    deadline = Deadline(LONGEST)
    deadline._end()  # as if it had come while the connection was being made
    client = calling_client(PATIENCE)
    with pytest.raises(httpx.ConnectTimeout):
        client.post(office.shop.address, content=b"late", extensions=deadline.extensions)
    assert office.shop.posted == []


def test_a_call_that_is_over_in_time_is_left_alone(office: Office) -> None:
    with Deadline(60) as deadline:
        answer = calling_client(PATIENCE).post(
            f"{office.shop.address}/hook", content=b"{}", extensions=deadline.extensions
        )
    assert answer.is_success
    assert deadline._timer.finished.is_set()
