"""A whole store as one file: made where the rows are, checked and taken over where a console begins.

The tables of such a file, the search indexes among them, are those that pages would have filled. They are copied as
they lie on the disk, which costs little more than copying the file; so nothing is taken from it before every part has
been looked at, as it may come from anywhere: its schema must be the store's own to the letter, which leaves no place
for triggers and views, and each row one that could have come in a page.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import closing, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

from ismsg_tui.aside import aside
from ismsg_tui.domain.changes import Page
from ismsg_tui.domain.commands import SNIPPETS, Issued
from ismsg_tui.domain.entities import Delivery, Message, MessageKind, Source
from ismsg_tui.domain.text import clean
from ismsg_tui.domain.wire import PageBody, page_of
from ismsg_tui.sqlite import sqlite3
from ismsg_tui.store import outbox
from ismsg_tui.store.connection import Connection, Error, open_writer
from ismsg_tui.store.following import FollowingStore
from ismsg_tui.store.migrations import SCHEMA_VERSION
from ismsg_tui.store.replica import PARTS, read_replica, stand_filled
from ismsg_tui.store.rows import MESSAGE, Table
from ismsg_tui.store.writing import INBOX_ROWS, SEARCHED, SETTINGS

_INDEXES = tuple(index for index, _ in SEARCHED.values())
_COPIED = (
    *(table.name for table in PARTS),
    "inbox",
    *(f"{index}_{part}" for index in _INDEXES for part in ("data", "idx", "docsize")),
)
"""Every table that pages fill. What FTS5 keeps in `config` is the same in every store."""
_HEADER = 20
_STEPS = 100_000
"""Steps of SQLite's machine between two looks at whether to go on: some milliseconds."""


class SnapshotError(Exception):
    """A file can't be taken over; the words say why."""


# Making


def build(target: Path, pages: Iterable[PageBody]) -> None:
    """Write the store that these pages fill, which are all of a workspace, to the file `target`."""
    with tempfile.TemporaryDirectory(dir=target.parent) as name, closing(_Scratch(Path(name))) as store:
        for page in pages:
            store.apply(page_of(page))
        store.save(target)


class _Scratch(FollowingStore):
    """A store that nobody misses if it is lost."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._writer.execute("PRAGMA synchronous = OFF")

    def save(self, target: Path) -> None:
        """Write all of it to a file that is free, without gaps."""
        self._writer.execute("VACUUM INTO ?", (str(target),))


# Checking


def check(path: Path, own: Connection, revision: int, stopping: Callable[[], bool] = lambda: False) -> int:
    """Make sure that a file is a snapshot as of a revision which a store may take over; returns how many rows it has.

    `own` is a connection of that store. Once `stopping` says so it is given up, as an error. Raises SnapshotError,
    OSError.
    """
    with path.open("rb") as file:
        head = file.read(_HEADER)
    if head[18:] != b"\x01\x01":  # one in WAL mode would be written to, merely by being opened
        raise SnapshotError("It is no database at rest.")
    try:
        with closing(_open(path)) as connection:
            connection.set_progress_handler(stopping, _STEPS)
            _check_schema(connection, own)
            _check_place(connection, revision)
            # Half of the work each, and SQLite holds up no other thread meanwhile.
            pages = aside("snapshot", lambda: _check_pages(path, stopping))
            connection.set_progress_handler(lambda: stopping() or _failed(pages), _STEPS)
            try:
                _check_rows(connection, revision)
            finally:
                pages.result()  # where both find something, this is the cause
            return sum(connection.execute(f"SELECT count(*) FROM {table.name}").fetchone()[0] for table in PARTS)
    except Error as error:
        raise SnapshotError(f"It can't be read: {error}.") from error


def _open(path: Path) -> Connection:
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True, isolation_level=None)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    return connection


def _check_schema(connection: Connection, own: Connection) -> None:
    query = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name"
    if connection.execute("PRAGMA user_version").fetchone()[0] != SCHEMA_VERSION or [
        tuple(row) for row in connection.execute(query)
    ] != [tuple(row) for row in own.execute(query)]:
        raise SnapshotError("Its tables are not those of this version.")
    for index in _INDEXES:
        query = f"SELECT k, v FROM {index}_config ORDER BY k"
        if [tuple(row) for row in connection.execute(query)] != [tuple(row) for row in own.execute(query)]:
            raise SnapshotError("Its search indexes are not those of this version.")


def _check_pages(path: Path, stopping: Callable[[], bool]) -> None:
    with closing(_open(path)) as connection:
        connection.set_progress_handler(stopping, _STEPS)
        found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise SnapshotError(f"It is damaged: {found}.")


def _failed(work: Future[None]) -> bool:
    return work.done() and work.exception() is not None


def _check_place(connection: Connection, revision: int) -> None:
    place = read_replica(connection)
    if (place.cursor, place.generation) != (revision, 0):
        raise SnapshotError("It is not of the revision that was said.")


def _check_rows(connection: Connection, revision: int) -> None:
    _check_events(connection)
    for table in PARTS:
        _check_table(connection, table, revision)
    _check_inbox(connection)


def _check_events(connection: Connection) -> None:
    """What lines tell of is as it would have been written here: a few things, again and again."""
    line = MESSAGE.encode(Message(id="", contact_id="", kind=MessageKind.EVENT, at=0))
    row: dict[str, Any] = dict(zip(MESSAGE.columns, line, strict=True))
    for event in _texts(connection, "SELECT DISTINCT event FROM message WHERE event IS NOT NULL"):
        if not _is_as_written(MESSAGE, {**row, "event": event}):
            raise SnapshotError("An event is not as it would have been written here.")


def _check_table(connection: Connection, table: Table[Any], revision: int) -> None:
    """Every row is one as it would have been written here."""
    wrong = f"SELECT 1 FROM {table.name} WHERE (typeof(rev) = 'integer' AND rev > 0 AND rev <= ?) IS NOT TRUE"
    if connection.execute(wrong, (revision,)).fetchone():
        raise SnapshotError("A row has a revision that can't be.")
    if table is MESSAGE:
        if connection.execute(f"SELECT 1 FROM message WHERE ({_UUID}) IS NOT TRUE").fetchone():
            raise SnapshotError("A row has an id that can't be.")
        # Most rows by far; taking each of them apart would take longer than all the rest.
        for text in _texts(connection, f"SELECT text FROM message WHERE ({_PLAIN}) IS TRUE"):
            if clean(text) is not text:
                raise SnapshotError("A text has not been made safe.")
    others = f" WHERE ({_PLAIN}) IS NOT TRUE" if table is MESSAGE else ""
    for row in connection.execute(f"{table.select}{others}"):
        if not _is_as_written(table, row):
            raise SnapshotError("A row is not as it would have been written here.")


def _is_as_written(table: Table[Any], row: Mapping[str, Any]) -> bool:
    try:
        return table.encode(table.decode(row)) == tuple(row[column] for column in table.columns)
    except (msgspec.DecodeError, TypeError, ValueError, RecursionError):
        return False


def _texts(connection: Connection, query: str) -> Iterator[str]:
    cursor = connection.cursor()
    cursor.row_factory = None
    return (text for (text,) in cursor.execute(query))


def _check_inbox(connection: Connection) -> None:
    """The inbox is what follows from the rows."""
    ids = msgspec.json.encode([row["id"] for row in connection.execute("SELECT id FROM contact")]).decode()
    count = connection.execute("SELECT (SELECT count(*) FROM contact) = (SELECT count(*) FROM inbox)").fetchone()[0]
    other = connection.execute(f"SELECT * FROM ({INBOX_ROWS}) EXCEPT SELECT * FROM inbox LIMIT 1", (ids,)).fetchone()
    if not count or other:
        raise SnapshotError("Its lists do not follow from its rows.")


def _one_of(column: str, type_: type[StrEnum]) -> str:
    return f"{column} IN ({', '.join(repr(str(item)) for item in type_)})"


_UUID = "typeof(id) = 'text' AND length(CAST(id AS BLOB)) = 36 AND id GLOB '{}'".format(  # GLOB reads up to a NUL
    "-".join("[0-9a-f]" * digits for digits in (8, 4, 4, 4, 12))
)
_PLAIN = " AND ".join(
    (
        *(f"typeof({column}) = 'text'" for column in ("contact_id", "text")),
        *(f"typeof({column}) IN ('text', 'null')" for column in ("conversation_id", "channel_id", "author_id")),
        *(f"typeof({column}) IN ('text', 'null')" for column in ("event", "reply_to")),
        "typeof(at) = 'integer'",
        _one_of("kind", MessageKind),
        _one_of("source", Source),
        f"(status IS NULL OR {_one_of('status', Delivery)})",
        "error = '' AND mentions = '[]' AND attachments = '[]'",
    )
)
"""Whether a message is one of which only the text, and what it tells of, is to be looked at."""


# Taking over


class TakingStore(FollowingStore):
    """A store that can begin with a snapshot."""

    def take_snapshot(self, path: Path, epoch: str, revision: int, tail: Page) -> list[Issued]:
        """Put the rows of a checked snapshot in the place of all rows, and take in a page that continues it.

        All in one transaction: unconfirmed commands are played on top, drafts and the like stay. Returns the commands
        that are refused as `apply` does. Raises SnapshotError where the store does not stand before the first rows
        of that history any more, sqlite3.Error; nothing has changed then.
        """
        changed = {SETTINGS, SNIPPETS}
        # FTS5 keeps in memory what it has read of an index, and notices only what others write.
        with closing(open_writer(self.path)) as own:
            own.execute("PRAGMA wal_autocheckpoint = 0")
            own.execute("ATTACH ? AS snapshot", (str(path),))
            with self._writing_by(own), self._transaction():
                place = read_replica(own)
                if place.epoch != epoch or place.adopted:
                    raise SnapshotError("The store has changed meanwhile.")
                for entry in self._confirmed_by(revision):
                    outbox.confirm(own, entry.n)
                own.execute("DELETE FROM outbox_image")
                for name in _COPIED:
                    own.execute(f"DELETE FROM main.{name}")
                    own.execute(f"INSERT INTO main.{name} SELECT * FROM snapshot.{name}")
                stand_filled(own, revision)
                self._settings = None
                for scope in outbox.all_in_play(own):
                    changed.update(self._replay(scope))
                refused = self._apply(tail, changed)
            self.tell(changed)
            own.execute("PRAGMA wal_checkpoint(PASSIVE)")  # most of the work, which keeps nobody from writing
            own.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return refused

    @contextmanager
    def _writing_by(self, connection: Connection) -> Iterator[None]:
        """Have another connection be the one that writes, for the time in which nobody else can."""
        with self._lock:
            usual, self._writer = self._writer, connection
            try:
                yield
            finally:
                self._writer, self._settings = usual, None
