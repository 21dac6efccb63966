"""Fetching the files that channels name by an address: with limits, and only from where strangers may send us.

An address comes from outside, and the server stands where strangers can't reach. So the machine is called by the number
that was looked up and checked: a name that means another machine the next time it is asked for leads nowhere else.
"""

from __future__ import annotations

import ipaddress
import mimetypes
import socket
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import PurePosixPath
from urllib.parse import unquote

import httpx
from msgspec import Struct

from ismsg_tui.domain.text import file_name
from ismsg_tui.files.handling import media_type
from ismsg_tui.server.deadline import Deadline, calling_client

MOST_REDIRECTS = 3
LONGEST = 60.0
"""Seconds that fetching one file may take, its redirects included."""
TIMEOUT = httpx.Timeout(10.0)
_HEAD = 16
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
"""Where IPv6 networks put the addresses of IPv4."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class FetchError(Exception):
    """A file could not be fetched; the sentence says why."""

    def __init__(self, reason: str, *, again: bool = False) -> None:
        """`again`: whether it may work later."""
        super().__init__(reason)
        self.again = again


class Fetched(Struct, frozen=True):
    """What was fetched."""

    name: str
    mime: str


class Fetcher:
    """Fetches files; any thread may call."""

    def __init__(
        self, allowed: Sequence[str] = (), *, timeout: httpx.Timeout = TIMEOUT, longest: float = LONGEST
    ) -> None:
        """`allowed`: names of hosts, and networks as `10.0.0.0/8`, that may be called although they are private."""
        self._hosts = {entry.casefold() for entry in allowed if not _is_network(entry)}
        self._networks = [ipaddress.ip_network(entry, strict=False) for entry in allowed if _is_network(entry)]
        self._longest = longest
        self._timeout = timeout

    @cached_property
    def _client(self) -> httpx.Client:
        return calling_client(self._timeout)

    def fetch(self, url: str, write: Callable[[bytes], None], *, name: str = "", own: str = "") -> Fetched:
        """Give the bytes behind an address to `write`, piece by piece.

        `own` is an address of the channel's: the file may be on the same host and port wherever that is, but no
        redirect leads there. Raises FetchError, and what `write` raises.
        """
        try:
            target, trusted = httpx.URL(url), _place(httpx.URL(own))
            with Deadline(self._longest) as deadline:
                for _ in range(MOST_REDIRECTS + 1):
                    with self._open(target, deadline, trusted=_place(target) == trusted) as response:
                        if not response.has_redirect_location:
                            return self._take(response, target, write, name, deadline)
                        target, trusted = target.join(response.headers["location"]), None
            raise FetchError("its address leads from one place to the next.")
        except httpx.InvalidURL as error:
            raise FetchError("its address is none.") from error
        except httpx.TimeoutException as error:
            raise FetchError("it took too long.", again=True) from error
        except httpx.HTTPError as error:
            raise FetchError("the connection failed.", again=True) from error

    def _open(self, url: httpx.URL, deadline: Deadline, *, trusted: bool) -> AbstractContextManager[httpx.Response]:
        if url.scheme not in ("http", "https") or not url.host:
            raise FetchError("its address is none.")
        address = self._address_of(url, trusted=trusted)
        deadline.check()
        return self._client.stream(
            "GET",
            url.copy_with(host=str(address), userinfo=b""),
            headers={"Host": url.netloc.decode("ascii"), "Accept-Encoding": "identity"},
            extensions={**deadline.extensions, "sni_hostname": url.raw_host.decode("ascii")},
        )

    def _address_of(self, url: httpx.URL, *, trusted: bool) -> Address:
        """The machine to call. Raises FetchError."""
        host, port = url.host.casefold(), _port(url)
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise FetchError(f"nobody knows a machine by the name {host[:100]}.", again=True) from error
        addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
        trusted = trusted or host in self._hosts
        for address in addresses:
            if trusted or is_public(address) or any(address in network for network in self._networks):
                return address
        raise FetchError("its address is one of a private network.")

    def _take(
        self, response: httpx.Response, url: httpx.URL, write: Callable[[bytes], None], name: str, deadline: Deadline
    ) -> Fetched:
        if not response.is_success:
            again = response.status_code in (408, 425, 429) or response.status_code >= 500
            raise FetchError(f"where it should be, the answer was HTTP {response.status_code}.", again=again)
        head = b""
        for piece in response.iter_bytes():
            write(piece)
            head = head if len(head) == _HEAD else (head + piece)[:_HEAD]
        deadline.check()
        if not head:
            raise FetchError("it is empty.")
        shown = _named(name, url, response.headers.get("content-type", ""))
        return Fetched(shown, media_type(head, shown))


def _port(url: httpx.URL) -> int:
    return url.port or (443 if url.scheme == "https" else 80)


def _place(url: httpx.URL) -> tuple[str, int] | None:
    """The host and port of an address; None where it names none."""
    return (url.host.casefold(), _port(url)) if url.host else None


def is_public(address: Address) -> bool:
    """Whether an address is one of the open network, also where it is wrapped in another."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.sixtofour is not None or address.teredo is not None:
            return False
        inner = address.ipv4_mapped
        if inner is None and address in _TRANSLATED:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        if inner is not None:
            return is_public(inner)
    return address.is_global and not address.is_multicast


def _is_network(entry: str) -> bool:
    try:
        ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return False
    return True


def _named(name: str, url: httpx.URL, content_type: str) -> str:
    """What the file is called: as the channel says, else as its address ends; with an ending that fits its type."""
    shown = file_name(name or unquote(PurePosixPath(url.path).name))
    if PurePosixPath(shown).suffix:
        return shown
    kind = content_type.partition(";")[0].strip().lower()
    return shown + (mimetypes.guess_extension(kind) or "")
