"""How fast conversations are imported, against SQLite taking the same rows with nothing else to do."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import DATA, Result
from ismsg_tui.clock import now_ms
from ismsg_tui.domain.search_text import search_form
from ismsg_tui.importer.conversations import BATCH_ROWS, StoreSink, Watch, import_conversations
from ismsg_tui.inbox import Inbox
from ismsg_tui.store.connection import Connection, open_reader, open_writer
from ismsg_tui.store.migrations import migrate

FILES = ("star.jsonl.gz", "multilingual.jsonl.gz")
RUNS = 3

_TABLES = ("user", "channel", "contact", "conversation", "message", "read_mark", "inbox")
_SEARCHED = {
    "message_search": "SELECT n, text FROM message WHERE kind <> 'event' AND text <> '' ORDER BY n",
    "contact_search": (
        "SELECT n, first_name || ' ' || last_name || char(10) || phone || char(10) || email || char(10) || id "
        "FROM contact ORDER BY n"
    ),
}

Load = list[tuple[str, list[tuple[object, ...]]]]
"""Statements, each with the rows it is to be run with."""


def measure() -> Iterator[Result]:
    """Rows a second of the importer and of the bare inserts, the best of some runs in turn; one result per file."""
    for name in FILES:
        if not (DATA / name).exists():
            yield Result.skipped(f"import {name}", "the file is not there")
            continue
        ours, bare, rows = float("inf"), float("inf"), 0
        for _ in range(RUNS):
            with tempfile.TemporaryDirectory() as folder:
                seconds, rows = _import(Path(folder), DATA / name)
                ours = min(ours, seconds)
                bare = min(bare, insert(Path(folder) / "bare.db", load_of(Path(folder) / "ismsg.db")))
        yield Result(f"import {name}", rows / ours, rows / bare, "rows/s")


def _import(folder: Path, path: Path) -> tuple[float, int]:
    inbox = Inbox.open(folder, "benchmark")
    start = time.perf_counter()
    tally = import_conversations(StoreSink(inbox.store), [path], now_ms(), Watch())
    seconds = time.perf_counter() - start
    inbox.close_store()
    return seconds, tally.rows


def load_of(path: Path) -> Load:
    """Every row of a store as a load to insert, search texts in the form that the index holds."""
    reader = open_reader(path)
    load: Load = []
    for table in _TABLES:
        rows = [tuple(row) for row in reader.execute(f"SELECT * FROM {table}")]
        load.append((f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows))
    for index, query in _SEARCHED.items():
        bodies: list[tuple[object, ...]] = [(row[0], search_form(row[1])) for row in reader.execute(query)]
        load.append((f"INSERT INTO {index} (rowid, body) VALUES (?, ?)", bodies))
    reader.close()
    return load


def insert(path: Path, load: Load) -> float:
    """Seconds to write a load into an empty store, its rows being at hand, in transactions as large as an import's."""
    connection: Connection = open_writer(path)
    migrate(connection)
    start = time.perf_counter()
    for statement, rows in load:
        for begin in range(0, len(rows), BATCH_ROWS):
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(statement, rows[begin : begin + BATCH_ROWS])
            connection.execute("COMMIT")
    seconds = time.perf_counter() - start
    connection.close()
    return seconds
