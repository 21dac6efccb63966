"""How long a page of the contact list takes, against the same rows joined by their keys in one query."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from functools import partial

from benchmarks.inbox_store import CONTACTS, NoDataError, filled_folder, open_inbox
from benchmarks.measure import Result
from ismsg_tui.domain.views import View
from ismsg_tui.inbox import Inbox
from ismsg_tui.store.connection import Connection, Row
from ismsg_tui.store.lists import ListPage

LIMIT = 50
RUNS = 100

_JOINED = """
SELECT inbox.*, contact.*, message.kind, substr(message.text, 1, 400) FROM json_each(?) AS wanted
JOIN inbox ON inbox.contact_id = wanted.value JOIN contact ON contact.id = wanted.value
LEFT JOIN message ON message.id = inbox.last_id
"""


def measure() -> Iterator[Result]:
    """Milliseconds for the first page of some views, and for a page half-way down the longest of them."""
    try:
        folder = filled_folder()
        inbox = open_inbox(folder)
        for view in (View.NEW, View.OPEN, View.ALL):
            yield _measured(f"list page {view}", inbox, partial(inbox.contacts.view(view).page, limit=LIMIT))
        place = inbox.contacts.view(View.ALL).page(offset=CONTACTS // 2, limit=1).last
        yield _measured(
            "list page half-way down", inbox, partial(inbox.contacts.view(View.ALL).page, after=place, limit=LIMIT)
        )
        inbox.close_store()
    except NoDataError as error:
        yield Result.skipped("list page", str(error))


def _measured(name: str, inbox: Inbox, page: Callable[[], ListPage]) -> Result:
    ids = json.dumps([row.contact_id for row in page().rows])
    return Result(name, _milliseconds(page), _milliseconds(partial(_joined, inbox.store.reader, ids)), "ms")


def _joined(reader: Connection, ids: str) -> list[Row]:
    return reader.execute(_JOINED, (ids,)).fetchall()


def _milliseconds(action: Callable[[], object]) -> float:
    """The median of many runs."""
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return sorted(times)[RUNS // 2] * 1000
