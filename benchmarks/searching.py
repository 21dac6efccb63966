"""Search as one types, against the full-text query alone."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

from benchmarks.inbox_store import NoDataError, filled_folder, open_inbox, texts
from benchmarks.measure import Result, shares
from ismsg_tui.domain.search_text import match_query
from ismsg_tui.inbox import Inbox

WORDS = 60
SHOWN = 200
"""How many hits the console asks for."""

_RAW = (
    "SELECT message.id, message.at, message.text FROM message_search "
    "CROSS JOIN message ON message.n = message_search.rowid "
    f"WHERE message_search MATCH ? ORDER BY message_search.rowid DESC LIMIT {SHOWN}"
)


def measure() -> Iterator[Result]:
    """Milliseconds for each prefix of some real words, as they come while the words are typed."""
    try:
        folder = filled_folder()
        inbox = open_inbox(folder)
        yield from _measured(inbox)
        inbox.close_store()
    except NoDataError as error:
        yield Result.skipped("search", str(error))


def _measured(inbox: Inbox) -> Iterator[Result]:
    reader = inbox.store.reader
    ours, raw = [], []
    for asked in _asked():
        match = match_query(asked)
        begin = time.perf_counter()
        if match is not None:
            reader.execute(_RAW, (match,)).fetchall()
        between = time.perf_counter()
        inbox.search(asked, SHOWN)
        ours.append(time.perf_counter() - between)
        raw.append(between - begin)
    yield from shares("search as one types", ours, raw, (50, 95))


def _asked() -> list[str]:
    """Every prefix of two letters and more of words drawn from the dialogues, once warm and in the order of typing."""
    words = sorted({word for text in texts() for word in text.split() if word.isalpha() and len(word) > 3})
    drawn = random.Random(1).sample(words, WORDS)
    return [word[:length] for word in drawn for length in range(2, len(word) + 1)]
