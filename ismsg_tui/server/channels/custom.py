"""The custom channel: a server of one's own that speaks a small protocol over HTTP (docs/channels.md).

It posts what contacts write to us and takes what we send at `POST <base>/message`, both with the channel's token.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import httpx
import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from ismsg_tui.domain.entities import Delivery, FileKind
from ismsg_tui.domain.media import media_of
from ismsg_tui.domain.packing import unpack_anything
from ismsg_tui.domain.text import clean, one_line
from ismsg_tui.domain.wire import FieldError
from ismsg_tui.server.bodies import decode, invalid
from ismsg_tui.server.channels.adapter import (
    Account,
    Arrived,
    Capabilities,
    ChannelEvent,
    Inbound,
    LaterError,
    Link,
    Outgoing,
    Profile,
    RefusedError,
    RemoteFile,
    Reported,
    UncertainError,
)
from ismsg_tui.server.channels.custom_words import message_words
from ismsg_tui.server.deadline import Deadline, calling_client
from ismsg_tui.server.errors import ProblemError

KIND = "custom_channel"
TEXT_LIMIT = 10_000
LONGEST_TEXT = 65_536
"""The longest text that is taken from a channel, in characters."""
TIMEOUT = httpx.Timeout(connect=10, write=30, read=30, pool=5)
LONGEST_CALL = 60.0
"""Seconds after which a call is cut off, with whatever has come of the answer."""
_SET = "“ismsg server channel set” gives it another one."
_LARGEST_ANSWER = 1 << 16
_LONGEST_WAIT = 3600.0
_LONGEST_SOUND = 24 * 3_600_000
_MOST_PEAKS = 200
_OLDEST = 100_000_000_000
"""A time below this is one in seconds."""

_PHONE = re.compile(r"\+[1-9]\d{5,14}")
_CONTACT = r"^[A-Za-z0-9_=+/@]{1,50}\Z"
_ID = r"^[^\x00-\x1f\x7f]{1,50}\Z"


class _ContactNote(Struct, rename="camel"):
    first_name: str | None = None
    last_name: str | None = None
    country_code: str | None = None
    email: str | None = None
    phone: str | None = None
    language: str | None = None


class _Body(Struct, rename="camel"):
    channel_id: str
    contact_id: Annotated[str, Meta(pattern=_CONTACT)]
    events: Annotated[list[Raw], Meta(min_length=1, max_length=100)]
    contact: _ContactNote | None = None


class _Event(Struct, rename="camel"):
    type: Literal["message", "message_echo", "message_status"]
    m_id: Annotated[str, Meta(pattern=_ID)]
    timestamp: Annotated[int, Meta(ge=_OLDEST, lt=1 << 53)]
    message: dict[str, Any] | UnsetType = UNSET
    status: Raw | UnsetType = UNSET
    message_id: Annotated[str, Meta(pattern=r"^[^\x00-\x1f\x7f]{0,100}\Z")] = ""


class _Status(Struct):
    value: Literal["sent", "delivered", "read", "failed"]
    message: str | None = None


class CustomChannel:
    """The adapter of custom channels."""

    kind = KIND

    def __init__(self, *, timeout: httpx.Timeout = TIMEOUT, longest: float = LONGEST_CALL) -> None:
        """`longest`: the seconds that a call may take in all."""
        self._timeout = timeout
        self._longest = longest

    @property
    def capabilities(self) -> Capabilities:
        """Texts, any file as an attachment, and all receipts."""
        return Capabilities(TEXT_LIMIT, media_of(KIND), receipts=True)

    # What comes in

    def receive(self, account: Account, body: bytes) -> Inbound:
        """Read what the channel posted. Raises ProblemError 400 or 422 that names what is wrong with it."""
        read: _Body = decode(body, _Body)
        if read.channel_id != account.channel_id:
            raise _invalid("/channelId", "This is not the channel to which the token belongs.")
        events = tuple(_event(raw, f"/events/{number}") for number, raw in enumerate(read.events))
        return Inbound(read.contact_id, _profile(read.contact_id, read.contact or _ContactNote()), events)

    # What goes out

    def send(self, account: Account, message: Outgoing) -> str:
        """Post one part and return the `mId` that it got. Raises RefusedError, LaterError, UncertainError."""
        url = f"{account.base_url.rstrip('/')}/message"
        headers = {"Authorization": f"Bearer {account.token}"}
        posted = _posted(account, message)
        try:
            with (
                Deadline(self._longest) as deadline,
                self._client.stream(
                    "POST", url, json=posted, headers=headers, extensions=deadline.extensions
                ) as response,
            ):
                answer = _read(response)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise LaterError("The channel can't be reached.") from error
        except (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.InvalidURL) as error:
            raise RefusedError(
                "The address of the channel can't be right: set another one by “ismsg server channel set”."
            ) from error
        except httpx.TimeoutException as error:
            raise UncertainError("the channel was given it and has not answered.") from error
        except httpx.HTTPError as error:
            raise UncertainError("the connection broke after the channel was given it.") from error
        return _outcome(response, answer)

    @cached_property
    def _client(self) -> httpx.Client:
        return calling_client(self._timeout)


def _posted(account: Account, message: Outgoing) -> dict[str, Any]:
    content: dict[str, Any]
    if isinstance(message.content, Link):
        attachment = message.content.attachment
        file: dict[str, Any] = {
            "type": attachment.kind.value,
            "url": message.content.url,
            "fileName": attachment.name,
            "mime": attachment.mime,
            "size": attachment.size,
        }
        if attachment.kind is FileKind.VOICE:
            more = {"duration": attachment.duration, "waveform": attachment.peaks}
            file |= {"type": FileKind.AUDIO.value, "voice": True, **more}
        content = {"type": "attachment", "attachment": file}
    else:
        content = {"type": "text", "text": message.content}
    if message.quotes:
        content["replyToMessageId"] = message.quotes
    return {
        "channelId": account.channel_id,
        "contactId": message.contact,
        "messageId": message.reference,
        "message": content,
    }


def _read(response: httpx.Response) -> bytes:
    """The beginning of an answer."""
    answer = bytearray()
    for piece in response.iter_bytes():
        answer += piece
        if len(answer) > _LARGEST_ANSWER:
            break
    return bytes(answer[:_LARGEST_ANSWER])


def _outcome(response: httpx.Response, answer: bytes) -> str:
    """The `mId` in an answer. Raises RefusedError, LaterError, UncertainError."""
    status = response.status_code
    said = _object(answer)
    if response.is_success:
        given = said.get("mId")
        if not given or given is True or not isinstance(given, str | int):
            # Whatever answers at a wrong address says 200, too.
            raise UncertainError("the channel has answered, but not with an mId.")
        return str(given) if re.fullmatch(_ID, str(given)) else ""
    if status in (429, 503):
        after = response.headers.get("retry-after", "")
        raise LaterError("The channel is too busy.", min(float(after), _LONGEST_WAIT) if after.isdecimal() else 0.0)
    if 400 <= status < 500:
        error = said.get("error")
        reason = error.get("message") if isinstance(error, dict) else None
        shown = one_line(reason, 300) if isinstance(reason, str) else ""
        raise RefusedError(shown or f"The channel has refused it (HTTP {status}).")
    if response.is_redirect:
        raise RefusedError(f"The address of the channel has moved. {_SET}")
    raise UncertainError(f"the channel was given it and has failed (HTTP {status}).")


def _object(answer: bytes) -> dict[str, Any]:
    try:
        said = unpack_anything(answer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _event(raw: Raw, pointer: str) -> ChannelEvent:
    event: _Event = decode(raw, _Event, pointer)
    if event.type == "message_status":
        if isinstance(event.status, UnsetType):
            raise _invalid(f"{pointer}/status", "It is missing.")
        return _report(event, event.status, f"{pointer}/status")
    if isinstance(event.message, UnsetType):
        raise _invalid(f"{pointer}/message", "It is missing.")
    text, file = _message(event.message, f"{pointer}/message")
    return Arrived(event.m_id, text, file, event.type == "message_echo", event.message_id)


def _report(event: _Event, raw: Raw, pointer: str) -> Reported:
    said = bytes(raw)
    status: _Status = decode(said if said.lstrip()[:1] == b"{" else b'{"value":%s}' % said, _Status, pointer)
    error = one_line(status.message or "", 300)
    return Reported(event.m_id, Delivery(status.value), error, event.timestamp, event.message_id)


def _message(message: dict[str, Any], pointer: str) -> tuple[str, RemoteFile | None]:
    """What a message says and the file that goes with it; what we have no place for becomes words."""
    kind = message.get("type")
    if not isinstance(kind, str) or not kind:
        raise _invalid(f"{pointer}/type", "It is missing, or no text.")
    if kind == "attachment":
        return _attachment(message, f"{pointer}/attachment")
    if kind == "text" and not isinstance(message.get("text"), str):
        raise _invalid(f"{pointer}/text", "It is missing, or no text.")
    text = clean(message_words(kind, message))
    if len(text) > LONGEST_TEXT:
        raise _invalid(f"{pointer}/text", f"It has more than {LONGEST_TEXT:,} characters.")
    return text if one_line(text) else "(an empty message)", None


def _attachment(message: dict[str, Any], pointer: str) -> tuple[str, RemoteFile]:
    attachment = message.get("attachment")
    if not isinstance(attachment, dict):
        raise _invalid(pointer, "It is missing, or no object.")
    url, name = attachment.get("url"), attachment.get("fileName")
    if not isinstance(url, str) or len(url) > 4_096 or not _is_address(url):
        raise _invalid(f"{pointer}/url", "It has to be an address that begins with https:// or http://.")
    caption = message.get("text", attachment.get("caption"))
    file = RemoteFile(
        url,
        name if isinstance(name, str) else "",
        voice=attachment.get("voice") is True,
        duration=_whole(attachment.get("duration"), _LONGEST_SOUND),
        peaks=_peaks(attachment.get("waveform")),
    )
    return clean(caption)[:LONGEST_TEXT] if isinstance(caption, str) else "", file


def _whole(value: object, most: int) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most else None


def _peaks(value: object) -> tuple[int, ...]:
    heights = value if isinstance(value, list) and len(value) <= _MOST_PEAKS else []
    return tuple(height for height in heights if _whole(height, 100) is not None)


def _is_address(url: str) -> bool:
    if not url.isprintable():
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _profile(contact: str, note: _ContactNote) -> Profile:
    return Profile(
        first_name=one_line(note.first_name or "", 100),
        last_name=one_line(note.last_name or "", 100),
        phone=one_line(note.phone or (contact if _PHONE.fullmatch(contact) else ""), 50),
        email=one_line(note.email or "", 254),
        country=one_line(note.country_code or "", 10).upper(),
        language=one_line(note.language or "", 20),
    )


def _invalid(pointer: str, detail: str) -> ProblemError:
    return invalid(FieldError(pointer, detail))
