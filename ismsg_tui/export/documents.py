"""Which document is written, and from which lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum

from ismsg_tui.domain.entities import Channel, User
from ismsg_tui.export.markdown import markdown_pieces
from ismsg_tui.export.objects import json_pieces
from ismsg_tui.export.page import html_pieces
from ismsg_tui.export.record import Record
from ismsg_tui.inbox import Inbox
from ismsg_tui.store.outbox import OutboxState
from ismsg_tui.store.timeline import ContactCard, Line, Place

PAGE = 500
"""Lines that are read at a time."""


class Format(StrEnum):
    """The formats; each value is the usual ending of a file's name."""

    MARKDOWN = "md"
    JSON = "json"
    HTML = "html"


_WRITERS: dict[Format, Callable[[Record], Iterator[str]]] = {
    Format.MARKDOWN: markdown_pieces,
    Format.JSON: json_pieces,
    Format.HTML: html_pieces,
}


def document(
    form: Format, card: ContactCard, lines: Iterable[Line], users: Mapping[str, User], channels: Mapping[str, Channel]
) -> Iterator[str]:
    """The pieces of the document about a contact and the lines of its timeline, the oldest first."""
    return _WRITERS[form](Record(card, lines, users, channels))


def every_line(inbox: Inbox, contact_id: str) -> Iterator[Line]:
    """A contact's whole timeline, the oldest line first, never more than a page of it in memory.

    What was refused was never said, and is left out.
    """
    place: Place = (-1, "")
    while page := inbox.timeline(contact_id, after=place, limit=PAGE):
        yield from (line for line in page if line.outbox is not OutboxState.REFUSED)
        place = page[-1].place
