"""How fast rows of a server come into a new console's store, by pages and by a snapshot.

Pages are held against SQLite taking the same rows, a snapshot against copying and unpacking the same file. Each is the
best of some runs, taken in turn, so that other work on the machine meets all of them.
"""

from __future__ import annotations

import gzip
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from benchmarks.import_rate import insert, load_of
from benchmarks.measure import DATA, Result
from benchmarks.team import Office
from ismsg_tui.clock import now_ms
from ismsg_tui.domain.wire import MOST_ROWS
from ismsg_tui.importer.conversations import StoreSink, Watch, import_conversations
from ismsg_tui.inbox import enter_workspace
from ismsg_tui.store.export import adopted_rows
from ismsg_tui.store.migrations import SCHEMA_VERSION
from ismsg_tui.store.store import Store
from ismsg_tui.sync.authority import SnapshotLaterError
from ismsg_tui.sync.exchange import Exchange

FILES = ("star.jsonl.gz", "multilingual.jsonl.gz")
RUNS = 3


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
            rows = [row for rows in adopted_rows(source) for row in rows]
        with Office(folder / "server", rows) as office:
            making = _make(office, owner.id, folder)
            packed = next((folder / "server" / "snapshots").glob("*.gz"))
            size = packed.stat().st_size / 1e6
            paged = applied = bare = taken = copied = float("inf")
            count = 0
            for run in range(RUNS):
                here = folder / str(run)
                seconds, count = _fetch(office, here / "paged", owner.id, by_pages=True)
                paged = min(paged, seconds)
                applied = min(applied, _apply(office, here / "applied", owner.id))
                bare = min(bare, insert(here / "bare.db", load_of(here / "paged" / "ismsg.db")))
                taken = min(taken, _fetch(office, here / "taken", owner.id)[0])
                copied = min(copied, _copy(packed, here))
                shutil.rmtree(here)
        yield Result("a snapshot of it is made", making, paged, "s")
        yield Result(f"first sync of {count:,} rows by pages", count / paged, count / bare, "rows/s")
        yield Result("the same, pages at hand", count / applied, count / bare, "rows/s")
        yield Result("the same by a snapshot", count / taken, count / paged, "rows/s")
        yield Result(f"the same against a copy of the {size:.0f} MB, unpacked", taken, copied, "s")


def _fetch(office: Office, folder: Path, user_id: str, *, by_pages: bool = False) -> tuple[float, int]:
    with closing(Store(folder)) as store, closing(office.authority(user_id, folder)) as authority:
        start = time.perf_counter()
        Exchange(store, authority, many_rows=sys.maxsize if by_pages else 0).run()
        seconds = time.perf_counter() - start
        tables = ("contact", "conversation", "message", "read_mark")
        rows = sum(store.reader.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables)
        return seconds, rows


def _apply(office: Office, folder: Path, user_id: str) -> float:
    """Seconds that the store takes to take in pages that are at hand."""
    with closing(Store(folder)) as store, closing(office.authority(user_id, folder)) as authority:
        pages = [authority.changes(0, MOST_ROWS)]
        while pages[-1].more:
            pages.append(authority.changes(pages[-1].to, MOST_ROWS))
        start = time.perf_counter()
        for page in pages:
            store.apply(page)
        return time.perf_counter() - start


def _make(office: Office, user_id: str, folder: Path) -> float:
    """Seconds that the server takes to have a snapshot."""
    start = time.perf_counter()
    with closing(office.authority(user_id, folder)) as authority:
        while True:
            try:
                authority.get_snapshot(folder / "first", SCHEMA_VERSION, lambda *_: None, lambda: False)
            except SnapshotLaterError:
                time.sleep(0.05)
            else:
                return time.perf_counter() - start


def _copy(packed: Path, folder: Path) -> float:
    """Seconds to copy a packed file and to unpack the copy."""
    start = time.perf_counter()
    shutil.copy(packed, folder / "copy.gz")
    with gzip.open(folder / "copy.gz") as source, (folder / "copy.db").open("wb") as target:
        shutil.copyfileobj(source, target, 1 << 20)
    return time.perf_counter() - start
