"""Where a link really leads, whatever it looks like, and whether it may be opened.

What is shown of a target and what is handed to the system is the same text: in ASCII, worked out as browsers do it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, unquote

import idna

from ismsg_tui.domain.text import clean, one_line

LONGEST = 2_000
"""The longest link that is opened, in characters."""

_AFTER_HOST = re.compile(r"[/?#]")
_PATH = "!#$%&'()*+,/:;=?@[]~"
"""What stays as it is behind the host; everything else beyond letters and digits is written with percent signs."""
_ASCII_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]{0,251}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9.]+|0x[0-9a-f]+(?:\..*)?|\[.*\]")
_SIX = re.compile(r"(\[[0-9a-f:.]+\])(?::(\d{0,5}))?", re.IGNORECASE)
_MAILBOX = re.compile(r"[\w.!#$&'*+/=?^{|}~-]{1,200}")
_LETTER = ("to", "subject", "body", "cc", "bcc")
_PHONE = re.compile(r"[+\d(][\d\s().,/-]{1,40}")


@dataclass(frozen=True, slots=True)
class Target:
    """Where a link leads."""

    written: str
    """The link as it stands in the message."""
    place: str
    """The server, mailbox or telephone number, in ASCII."""
    url: str
    """What the system is asked to open, in ASCII; "" where it is not opened."""
    warnings: tuple[str, ...] = ()
    """What to look at before it is opened, as sentences."""
    refusal: str = ""
    """Why it is not opened, as a sentence."""


class _RefusedError(Exception):
    """The link is not opened; the message is a sentence."""


def target_of(link: str) -> Target:
    """Where a link leads; never raises, whatever is in it."""
    written = one_line(link, LONGEST + 1)
    scheme, _, rest = ("https", "", written) if written[:4].casefold() == "www." else written.partition(":")
    try:
        if len(written) > LONGEST:
            raise _RefusedError("It is longer than any link has to be, so it is not opened.")
        known = _KINDS.get(scheme.casefold())
        if known is None:
            name = one_line(scheme, 30)
            raise _RefusedError(f"It is not opened: “{name}” is none of http, https, mailto and tel.")
        return known(written, scheme.casefold(), rest)
    except _RefusedError as refused:
        return Target(written, one_line(rest.lstrip("/"), 60), "", refusal=str(refused))


def _web(written: str, scheme: str, rest: str) -> Target:
    # To a browser a backslash is a slash, and of slashes there may be any number.
    rest = rest.replace("\\", "/").lstrip("/")
    found = _AFTER_HOST.search(rest)
    authority, path = (rest[: found.start()], rest[found.start() :]) if found else (rest, "")
    before, at, place = authority.rpartition("@")
    host, port, warnings = _host_and_port(place)
    if at:
        fake = one_line(before, 60)
        warnings.insert(0, f"“{fake}” stands before the @ and is no part of the address: it leads to {host}.")
    if "\\" in written:
        warnings.append("It is written with backslashes, which can make it look like another address.")
    url = f"{scheme}://{host}{f':{port}' if port else ''}{quote(path, safe=_PATH)}"
    return Target(written, host + (f":{port}" if port else ""), url, tuple(warnings))


def _host_and_port(place: str) -> tuple[str, str, list[str]]:
    """The host in ASCII, the port or "", and what is to be said of the host. Raises _RefusedError."""
    if six := _SIX.fullmatch(place):
        host, port = six[1].casefold(), six[2] or ""
    else:
        name, _, port = place.partition(":")
        host = _ascii_host(unquote(name))
    if port and not (port.isascii() and port.isdigit() and int(port) < 65_536):
        raise _RefusedError(f"It is not opened: “{one_line(port, 20)}” is no port.")
    warnings = []
    if "xn--" in host:
        letters = _in_letters(host)
        warnings.append(f"In letters the server is “{letters}”: those of other alphabets can look like ones you know.")
    if "%" in place:
        warnings.append("The server's name was hidden behind percent signs.")
    if _NUMBER.fullmatch(host):
        warnings.append("It leads to a number and not to a name, so nobody has put a name to it.")
    return host, port, warnings


def _ascii_host(name: str) -> str:
    """A host as it is asked for. Raises _RefusedError if it can't be one."""
    try:
        host = name.casefold() if name.isascii() else idna.encode(name, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        host = ""
    host = host.removesuffix(".")
    if not _ASCII_HOST.fullmatch(host) or ".." in host:
        raise _RefusedError(f"It is not opened: “{one_line(name, 60)}” can't be the name of a server.")
    return host


def _in_letters(host: str) -> str:
    try:
        return one_line(idna.decode(host), 80)
    except (idna.IDNAError, UnicodeError):
        return host


def _mail(written: str, _scheme: str, rest: str) -> Target:
    addresses, _, query = rest.partition("?")
    fields = [("to", unquote(addresses)), *parse_qsl(query)]
    parts: list[str] = []
    warnings: list[str] = []
    recipients: list[str] = []
    for name, given in fields:
        key = name.casefold()
        if key not in _LETTER:
            raise _RefusedError(f"It is not opened: it asks the mail program for “{one_line(name, 30)}”.")
        value = clean(given) if key == "body" else one_line(given, LONGEST)
        if key in ("to", "cc", "bcc"):
            boxes = [_mailbox(box, warnings) for box in value.split(",") if box.strip()]
            recipients += boxes
            value = ",".join(boxes)
        parts.append(f"{key}={quote(value, safe='@,')}")
    if not recipients:
        raise _RefusedError("It is not opened: it names nobody to write to.")
    if len(recipients) > 1:
        warnings.append(f"A letter would go to {len(recipients)} addresses: {one_line(', '.join(recipients), 200)}.")
    first = parts[0].removeprefix("to=")
    url = f"mailto:{first}{'?' if len(parts) > 1 else ''}{'&'.join(parts[1:])}"
    return Target(written, recipients[0], url, tuple(warnings))


def _mailbox(box: str, warnings: list[str]) -> str:
    local, _, name = box.strip().rpartition("@")
    if not _MAILBOX.fullmatch(local) or not local.isascii():
        raise _RefusedError(f"It is not opened: “{one_line(box, 60)}” is no address that is understood here.")
    host, port, found = _host_and_port(name)
    if port:
        raise _RefusedError(f"It is not opened: “{one_line(box, 60)}” is no address that is understood here.")
    warnings += found
    return f"{local}@{host}"


def _phone(written: str, _scheme: str, rest: str) -> Target:
    number = unquote(rest).split(";")[0]
    if not _PHONE.fullmatch(number) or not number.isascii():
        raise _RefusedError("It is not opened: this is no telephone number.")
    plain = re.sub(r"[^\d]", "", number)
    digits = f"+{plain}" if number.lstrip(" (").startswith("+") else plain
    return Target(written, digits, f"tel:{digits}")


_KINDS: dict[str, Callable[[str, str, str], Target]] = {"http": _web, "https": _web, "mailto": _mail, "tel": _phone}
