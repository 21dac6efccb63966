"""Requests to a server and what its answers mean: bounded in size and time, signed, and mapped to a few errors."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
import msgspec
from msgspec import Struct

from ismsg_tui import __version__
from ismsg_tui.domain.packing import unpack
from ismsg_tui.domain.text import one_line
from ismsg_tui.domain.wire import Problem, Refresh, Session
from ismsg_tui.sync.authority import AnewError, BusyError, ClientError, SignedOutError, UnreachableError
from ismsg_tui.sync.credentials import Credentials, Tokens, is_loopback

CONNECT, READ = 10.0, 40.0
"""Seconds to connect, and between two pieces of an answer: the server says something every 15 seconds."""
LONGEST_ANSWER = 300.0
"""Seconds that one answer may take in all."""
LARGEST_ANSWER = 64 << 20
"""Bytes of the largest answer that is no file."""
LONGEST_REASON = 300
"""Characters of the server's words that are shown."""

Content = bytes | Callable[[], Iterator[bytes]] | None
"""The body of a request: bytes, or what makes them anew for each attempt."""

T = TypeVar("T")

_NOT_SIGNED_IN = frozenset({"device-revoked", "user-disabled"})
_NEVER_ARRIVED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)


class Reply(Struct, frozen=True):
    """An answer, read whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class ProblemError(ClientError):
    """The server has understood and says no."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(_words(problem) or f"The server says no ({problem.status}).")
        self.problem = problem


class Http:
    """Requests to one server. Any thread may call."""

    def __init__(self, base_url: str, credentials: Credentials | None = None, *, patience: float = READ) -> None:
        """Without credentials only what needs no sign-in can be asked; `patience` in seconds of silence."""
        self._credentials = credentials
        local = is_loopback(urlsplit(base_url).hostname or "")
        self.client = httpx.Client(
            base_url=base_url,
            timeout=httpx.Timeout(patience, connect=min(patience, CONNECT)),
            limits=httpx.Limits(max_connections=8, max_keepalive_connections=4),
            follow_redirects=False,
            trust_env=not local,  # a proxy must not be asked for what is on this machine
            headers={"User-Agent": f"ismsg/{__version__}"},
        )

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def ask(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        content: Content = None,
        headers: Mapping[str, str] | None = None,
        fine: frozenset[int] = frozenset(),
        largest: int = LARGEST_ANSWER,
    ) -> Reply:
        """The answer to a request, one of success or with a status among `fine`.

        Raises UnreachableError, SignedOutError, AnewError, ClientError.
        """
        with self.stream(method, path, params=params, content=content, headers=headers) as response:
            body = read_body(response, largest)
            reply = Reply(response.status_code, response.headers, body)
        if not (200 <= reply.status < 300 or reply.status in fine):
            raise self._error(reply)
        return reply

    @contextmanager
    def stream(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        content: Content = None,
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[httpx.Response]:
        """The answer to a request while it comes in, whatever its status; signed anew once where that is asked for."""
        sent = dict(headers or {})
        for last in (False, True):
            tokens = self._credentials.tokens() if self._credentials else None
            if tokens is not None:
                sent["Authorization"] = f"Bearer {tokens.access}"
            if self.client.is_closed:
                raise UnreachableError("The connection to the server was closed.", arrived=False)
            with translated():
                request = self.client.build_request(
                    method, path, params=params, headers=sent, content=content() if callable(content) else content
                )
                response = self.client.send(request, stream=True)
            try:
                if response.status_code != HTTPStatus.UNAUTHORIZED or tokens is None or last:
                    yield response
                    return
            finally:
                response.close()
            self._renew(tokens)

    def error(self, response: httpx.Response) -> Exception:
        """What an answer that is no success means, its body still to be read."""
        return self._error(Reply(response.status_code, response.headers, read_body(response, 1 << 20)))

    def _renew(self, stale: Tokens) -> None:
        if self._credentials is None:
            return
        alone = Http(str(self.client.base_url))

        def exchange(refresh: str) -> Session:
            reply = alone.ask("POST", "/v1/session/refresh", **json_body(Refresh(refresh)))
            return decoded(reply.body, Session)

        try:
            self._credentials.renew(stale, exchange)
        finally:
            alone.close()

    def _error(self, reply: Reply) -> Exception:
        problem = problem_of(reply)
        words = _words(problem)
        patience = retry_after(reply.headers.get("retry-after", ""))
        code = problem.code if problem else ""
        match reply.status:
            case HTTPStatus.UNAUTHORIZED if problem:
                return self._signed_out(problem)
            case HTTPStatus.FORBIDDEN if problem and code in _NOT_SIGNED_IN:
                return self._signed_out(problem)
            case HTTPStatus.GONE if code.startswith("cursor-"):
                return AnewError(code)
            case HTTPStatus.TOO_MANY_REQUESTS:
                return BusyError(words or "The server asks for patience.", retry_after=patience or 1.0)
            case HTTPStatus.SERVICE_UNAVAILABLE if code == "busy":
                return BusyError(words, retry_after=patience or 1.0)
            case HTTPStatus.BAD_GATEWAY | HTTPStatus.SERVICE_UNAVAILABLE | HTTPStatus.GATEWAY_TIMEOUT:
                return UnreachableError(words or f"The server is away ({reply.status}).", retry_after=patience)
        if problem is not None and (reply.status < 500 or reply.status == HTTPStatus.INSUFFICIENT_STORAGE):
            return ProblemError(problem)
        if 300 <= reply.status < 400:
            place = one_line(reply.headers.get("location", "somewhere else"), LONGEST_REASON)
            return ClientError(f"The server sends us to {place}: sign in with the right address.")
        if reply.status >= 500:
            return ClientError(f"The server reports a fault of its own ({reply.status}).")
        return ClientError(f"What answers under this address is no ismsg server ({reply.status}).")

    def _signed_out(self, problem: Problem) -> SignedOutError:
        if self._credentials is not None:
            self._credentials.look_again()
        return SignedOutError(_words(problem) or "The server does not know this sign-in any more: sign in again.")


def json_body(thing: Struct) -> Any:
    """The arguments of a request with a struct as its body."""
    return {"content": msgspec.json.encode(thing), "headers": {"Content-Type": "application/json"}}


def decoded(body: bytes, type_: type[T]) -> T:
    """A body as a struct. Raises ClientError."""
    try:
        return unpack(body, type_)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ClientError("The server's answer can't be understood: is it an ismsg server?") from error


def read_body(response: httpx.Response, largest: int) -> bytes:
    """The body of an answer. Raises UnreachableError where it breaks off, ClientError for one without an end."""
    body = bytearray()
    until = time.monotonic() + LONGEST_ANSWER
    with translated():
        for piece in response.iter_bytes():
            body += piece
            if len(body) > largest:
                raise ClientError("The server's answer is far too long.")
            if time.monotonic() > until:
                raise UnreachableError("The server's answer does not come to an end.")
    return bytes(body)


def problem_of(reply: Reply) -> Problem | None:
    """The problem in an answer, None where it is none of an ismsg server."""
    if not reply.headers.get("content-type", "").startswith("application/problem+json"):
        return None
    with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return unpack(reply.body, Problem)
    return None


def retry_after(value: str) -> float:
    """The seconds that a header `Retry-After` asks for; 0 where it says nothing that makes sense."""
    with suppress(ValueError, OverflowError):
        return max(0.0, float(int(value)))
    with suppress(ValueError, TypeError, OverflowError):
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    return 0.0


@contextmanager
def translated() -> Iterator[None]:
    """Turns what the HTTP library raises into UnreachableError and ClientError."""
    try:
        yield
    except _NEVER_ARRIVED as error:
        if _comes_of(error, ssl.SSLCertVerificationError):
            raise ClientError(
                "The server can't prove who it is: its certificate is not one that this machine trusts."
            ) from error
        way = " by HTTPS" if _comes_of(error, ssl.SSLError) else ""
        raise UnreachableError(f"The server can't be reached{way}.", arrived=False) from error
    except httpx.TimeoutException as error:
        raise UnreachableError("The server takes too long to answer.") from error
    except httpx.DecodingError as error:
        raise ClientError("The server's answer can't be read.") from error
    except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
        raise ClientError("The address of the server is none: sign in with the right one.") from error
    except httpx.HTTPError as error:
        raise UnreachableError("The connection to the server broke off.") from error


def _comes_of(error: BaseException | None, kind: type[Exception]) -> bool:
    """Whether an error of that kind is at the bottom of an error."""
    while error is not None:
        if isinstance(error, kind):
            return True
        error = error.__cause__ or error.__context__
    return False


def _words(problem: Problem | None) -> str:
    return one_line(problem.detail, LONGEST_REASON) if problem else ""
