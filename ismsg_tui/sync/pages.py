"""Reading pages from the wire: what the store can rely on is checked here."""

from __future__ import annotations

import re

import msgspec

from ismsg_tui.domain.changes import Page
from ismsg_tui.domain.entities import Message
from ismsg_tui.domain.wire import PageBody, page_of
from ismsg_tui.store.replica import GENERATION
from ismsg_tui.sync.authority import ClientError
from ismsg_tui.sync.http import decoded

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def read_page(body: bytes) -> Page:
    """The page in an answer. Raises ClientError for what is none."""
    try:
        page = page_of(decoded(body, PageBody))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ClientError("A row of the server can't be understood: is this ismsg too old?") from error
    if not 0 <= page.since <= page.to < GENERATION:
        raise ClientError("A page of the server counts wrongly.")
    for rev, row in page.rows:
        if not 0 < rev <= page.to:
            raise ClientError("A row of the server has a revision that can't be.")
        # From the id of a line follows that of its command.
        if isinstance(row, Message) and not _UUID.fullmatch(row.id):
            raise ClientError("A row of the server has an id that can't be.")
    return page
