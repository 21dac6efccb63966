"""How fast rows of a server come into a new console's store, against SQLite taking the same rows and against a copy."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from benchmarks.import_rate import insert, load_of
from benchmarks.measure import DATA, Result
from benchmarks.team import Office
from ismsg_tui.clock import now_ms
from ismsg_tui.importer.conversations import StoreSink, Watch, import_conversations
from ismsg_tui.inbox import enter_workspace
from ismsg_tui.store.export import adopted_rows
from ismsg_tui.store.store import Store
from ismsg_tui.sync.engine import Sync

FILES = ("star.jsonl.gz", "multilingual.jsonl.gz")


def measure() -> Iterator[Result]:
    """Rows a second, over HTTP on loopback; and the seconds that it takes until everything is there."""
    paths = [DATA / name for name in FILES if (DATA / name).exists()]
    if not paths:
        yield Result.skipped("first sync", "there are no conversations")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with closing(Store(folder / "source")) as source:
            owner = enter_workspace(source, "Olga")
            import_conversations(StoreSink(source), paths, now_ms(), Watch())
            with Office(folder / "server", [row for rows in adopted_rows(source) for row in rows]) as office:
                seconds, rows = _fetch(office, folder / "console", owner.id)
        bare = insert(folder / "bare.db", load_of(folder / "console" / "ismsg.db"))
        yield Result(f"first sync of {rows:,} rows by pages", rows / seconds, rows / bare, "rows/s")
        start = time.perf_counter()
        shutil.copy(folder / "console" / "ismsg.db", folder / "copy.db")
        yield Result("the same against a copy of the file", seconds, time.perf_counter() - start, "s")


def _fetch(office: Office, folder: Path, user_id: str) -> tuple[float, int]:
    with closing(Store(folder)) as store, closing(office.authority(user_id, folder)) as authority:
        start = time.perf_counter()
        Sync(store, authority).exchange()
        seconds = time.perf_counter() - start
        tables = ("contact", "conversation", "message", "read_mark")
        rows = sum(store.reader.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables)
        return seconds, rows
