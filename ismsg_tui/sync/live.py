"""What the server says by itself: a stream of events on a thread of its own, or long polling where streams die."""

from __future__ import annotations

import logging
import random
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress

import httpx
import msgspec
from httpx_sse import EventSource, ServerSentEvent, SSEError
from msgspec.structs import replace

from ismsg_tui.domain.changes import Page
from ismsg_tui.domain.packing import unpack
from ismsg_tui.domain.wire import LONGEST_WAIT, Presence
from ismsg_tui.sync.authority import AnewError, ClientError, OnPresence, SignedOutError, UnreachableError
from ismsg_tui.sync.http import Http, translated
from ismsg_tui.sync.pages import read_page

log = logging.getLogger(__name__)

FIRST_RETRY, LONGEST_RETRY = 0.5, 30.0
"""Seconds between attempts, at random up to a limit that doubles: consoles must not all come back at once."""
SHORT = 5.0
"""Seconds before which a stream should not end."""
MOST_SHORT = 3
"""So many streams in a row may end early before it is polled instead: a proxy may let none through."""
POLLED = 600.0
"""Seconds of polling after which streams are tried again."""
LARGEST_EVENT = 1 << 20
"""Bytes of the largest event."""
MOST_AHEAD = 256
"""Pages that are kept for the one who asks for them."""

Query = dict[str, str | int]
"""The place after which changes are wanted, as the parameters of a request."""


class Ahead:
    """Pages that have come by themselves and wait to be asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pages: deque[Page] = deque()

    def offer(self, page: Page) -> None:
        """Keep a page; too many are none."""
        with self._lock:
            if len(self._pages) >= MOST_AHEAD:
                self._pages.clear()
            self._pages.append(page)

    def take(self, since: int) -> Page | None:
        """The page that goes on from `since`; None where there is a gap, and then nothing is kept."""
        with self._lock:
            while self._pages and self._pages[0].to <= since:
                self._pages.popleft()
            if not self._pages or self._pages[0].since != since:
                self._pages.clear()
                return None
            page = self._pages.popleft()
            return replace(page, more=True) if self._pages else page

    def clear(self) -> None:
        """Forget all of them."""
        with self._lock:
            self._pages.clear()


class Live:
    """Hears what the server says and hints at it, until stopped."""

    def __init__(
        self, http: Http, path: str, place: Callable[[], Query | None], hint: Callable[[], None], heard: OnPresence
    ) -> None:
        """`path` is that of the workspace; `place` says after which changes news are wanted, None while unknown."""
        self._http = http
        self._path = path
        self._place = place
        self._hint = hint
        self._heard = heard
        self.ahead = Ahead()
        self._stopped = threading.Event()
        self._response: httpx.Response | None = None
        self._in_touch = True
        self._retry = FIRST_RETRY
        self._short = 0
        self._poll_until = 0.0
        self._thread = threading.Thread(target=self._run, name="live", daemon=True)

    def start(self) -> None:
        """Begin, on a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """End; whoever waits for the server's words is not waited for."""
        self._stopped.set()
        if self._response is not None:
            _shut(self._response)

    def _run(self) -> None:
        while not self._stopped.is_set():
            patience = 0.0
            try:
                place = self._place()
                if place is None:
                    self._stopped.wait(FIRST_RETRY)
                    continue
                if time.monotonic() < self._poll_until:
                    self._poll(place)
                    continue
                self._listen(place)
            except UnreachableError as error:
                patience = error.retry_after
                self._note_loss()
            except (AnewError, SignedOutError):
                self._hint()  # the synchronising meets the same and knows what to do
            except ClientError as error:
                log.info("the live stream: %s", error)
            except Exception:
                log.exception("the live stream failed")
            if not self._stopped.is_set():
                self._back_off(patience)

    def _note_loss(self) -> None:
        """Have the synchronising look whether the server is still there, once each time that it falls silent."""
        if self._in_touch:
            self._in_touch = False
            self._hint()

    def _back_off(self, patience: float) -> None:
        pause = random.uniform(FIRST_RETRY, max(self._retry, FIRST_RETRY))  # noqa: S311 - jitter, not a secret
        self._retry = min(self._retry * 2, LONGEST_RETRY)
        self._stopped.wait(max(pause, min(patience, 10 * LONGEST_RETRY)))

    def _poll(self, place: Query) -> None:
        """Ask for changes and wait for them."""
        reply = self._http.ask("GET", f"{self._path}/changes", params={**place, "wait": LONGEST_WAIT})
        self._in_touch = True
        if reply.body:
            self.ahead.offer(read_page(reply.body))
            self._hint()
            self._stopped.wait(FIRST_RETRY)  # for the page to be taken, and the place to be another

    def _listen(self, place: Query) -> None:
        """Hear a stream to its end."""
        with self._http.stream(
            "GET", f"{self._path}/live", params=place, headers={"Accept": "text/event-stream"}
        ) as response:
            if response.status_code != httpx.codes.OK:
                raise self._http.error(response)
            response.stream = bounded = _Bounded(response.stream)
            began, ended = time.monotonic(), False
            self._response, self._in_touch = response, True
            self.ahead.clear()
            self._hint()  # what happened while nobody listened
            try:
                ended = self._hear(response)
            finally:
                self._response = None
                self._judge(good=ended or (bounded.spoke and time.monotonic() - began >= SHORT))

    def _hear(self, response: httpx.Response) -> bool:
        """Take in events until the server says goodbye. Raises UnreachableError where it ends without."""
        for event in _events(response):
            if self._stopped.is_set() or event.event == "bye":
                return True
            self._take(event)
        raise UnreachableError("The live stream broke off.")

    def _judge(self, *, good: bool) -> None:
        """Remember how a stream went: good is one that ended in order, or that lasted and was heard."""
        if good:
            self._short, self._retry = 0, FIRST_RETRY
            return
        self._short += 1
        if self._short >= MOST_SHORT:
            log.warning("live streams come to nothing: asking instead")
            self._short, self._poll_until = 0, time.monotonic() + POLLED

    def _take(self, event: ServerSentEvent) -> None:
        match event.event:
            case "changes":
                self.ahead.offer(read_page(event.data.encode()))
                self._hint()
            case "head":
                self._hint()
            case "presence":
                with suppress(msgspec.DecodeError):  # of no account
                    self._heard(tuple(unpack(event.data, list[Presence])))


def _events(response: httpx.Response) -> Iterator[ServerSentEvent]:
    """The events of a stream. Raises UnreachableError where it breaks off, ClientError where it is none."""
    with translated():
        try:
            yield from EventSource(response).iter_sse()
        except SSEError as error:
            raise ClientError("What the server sends is no stream of events.") from error


class _Bounded(httpx.SyncByteStream):
    """A stream in which no event may be endless."""

    def __init__(self, stream: httpx.SyncByteStream | httpx.AsyncByteStream) -> None:
        self._stream = stream
        self.spoke = False
        """Whether anything has come, be it only a sign of life."""

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        if not isinstance(self._stream, httpx.SyncByteStream):
            raise TypeError("the stream of another kind of client")
        for piece in self._stream:
            self.spoke = True
            end = max(piece.rfind(b"\n\n"), piece.rfind(b"\r\n\r\n"))
            size = len(piece) - end if end >= 0 else size + len(piece)
            if size > LARGEST_EVENT:
                raise ClientError("An event of the server has no end.")
            yield piece

    def close(self) -> None:
        """Close the stream."""
        if isinstance(self._stream, httpx.SyncByteStream):
            self._stream.close()


def _shut(response: httpx.Response) -> None:
    """End a connection under the hands of the thread that waits for its next words."""
    stream = response.extensions.get("network_stream")
    found = stream.get_extra_info("socket") if stream is not None else None
    if isinstance(found, socket.socket):
        with suppress(OSError):
            found.shutdown(socket.SHUT_RDWR)
