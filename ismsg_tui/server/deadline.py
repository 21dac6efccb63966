"""Calling strangers' servers in a time that holds for the whole call, however slowly they speak.

The limits that a client of HTTP has are for one piece at a time. Whoever drips his answer, headers too, meets them all
and still keeps a thread for hours. So a timer cuts the connection under the hands of the thread that waits on it.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Any

import httpx

_OPENED = frozenset({"connection.connect_tcp.complete", "connection.start_tls.complete"})
_SPEAK_FOR_THEMSELVES = (httpx.TimeoutException, httpx.ConnectError)


def calling_client(timeout: httpx.Timeout) -> httpx.Client:
    """A client for calls with a deadline: each has a connection of its own, and goes nowhere but where it is sent."""
    # A connection that was kept may have died, and then nobody could tell whether what was sent got through.
    limits = httpx.Limits(max_connections=64, max_keepalive_connections=0)
    return httpx.Client(timeout=timeout, limits=limits, follow_redirects=False, trust_env=False)


class Deadline:
    """A context in which requests are made, one after the other, until a time is over: then it ends in a timeout.

    Each request has to be given the `extensions`, by a client that keeps no connections. Only looking up a name and
    connecting may last longer than the deadline, as long as the client lets them; nothing is sent after it.
    """

    def __init__(self, seconds: float) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._over = False
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True
        self.extensions: dict[str, Any] = {"trace": self._watch}
        """For the requests: by them it is known which connection is to be cut."""

    def __enter__(self) -> Deadline:
        self._timer.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Raises httpx.ReadTimeout where the time is over and a connection has been cut, or might have been."""
        self._timer.cancel()
        if error is None or (isinstance(error, httpx.RequestError) and not isinstance(error, _SPEAK_FOR_THEMSELVES)):
            self.check(error)

    def check(self, cause: BaseException | None = None) -> None:
        """Raises httpx.ReadTimeout if the time is over: what seems to be the end of an answer may be the cut."""
        if self._over:
            raise httpx.ReadTimeout("the deadline is over") from cause

    def _watch(self, event: str, info: dict[str, Any]) -> None:
        """Told by the client of all that it does. Raises httpx.ConnectTimeout where it is too late to send anything."""
        if event not in _OPENED:
            return
        stream = info["return_value"]
        with self._lock:
            if not self._over:
                self._socket = stream.get_extra_info("socket")
                return
        stream.close()
        raise httpx.ConnectTimeout("the deadline is over")

    def _end(self) -> None:
        with self._lock:
            self._over = True
            found = self._socket
        if found is not None:
            with suppress(OSError):
                # Not the method of a socket with TLS: that one would forget its keys, and go on in clear.
                socket.socket.shutdown(found, socket.SHUT_RDWR)
