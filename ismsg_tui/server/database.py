"""The server's database: SQLite for one server process, PostgreSQL for many, through SQLAlchemy Core.

What is read in one `read` is one moment; what is written in one `write` is there wholly or not at all.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DataError, InterfaceError, OperationalError, TimeoutError

from ismsg_tui.server.errors import ProblemError, disk_full
from ismsg_tui.server.migrations import HEAD
from ismsg_tui.sqlite import sqlite3

LOCK_TIMEOUT = 5
"""Seconds after which waiting for another writer is given up."""
CONNECTIONS = 20
"""How many connections one process keeps open; half as many more may be opened for a while."""

# What is bound to statements is what people wrote, which has no place in a log.
_POOL: dict[str, Any] = {
    "pool_size": CONNECTIONS,
    "max_overflow": CONNECTIONS // 2,
    "pool_timeout": LOCK_TIMEOUT,
    "hide_parameters": True,
}
_MIGRATION_LOCK = 0x69736D7367
_FULL = "SQLITE_FULL"
_BUSY_STATES = frozenset({"55P03", "40P01", "40001"})
"""PostgreSQL's words for: lock not available, deadlock, serialisation failure."""


class DatabaseError(Exception):
    """The database can't be used as it is; the message says why and what to do."""


class Database:
    """One database by its address: `sqlite:///path`, `postgresql://...`. Any thread may use it."""

    def __init__(self, url: str) -> None:
        """Raises DatabaseError for an address that is none; nothing is opened yet, but the folder of a file is made."""
        self.url = _understood(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._writing = threading.Lock()
        self.engine = _sqlite_engine(self.url) if self.is_sqlite else _postgres_engine(self.url)
        self._reading = (
            self.engine
            if self.is_sqlite
            else self.engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        )

    def migrate(self) -> None:
        """Bring the schema up to date; two processes may try at once. Raises DatabaseError for a newer schema."""
        with self.read() as connection:
            if _step_of(connection) == HEAD:
                return
        # Only a schema that is not up to date needs it, and it is large.
        from alembic import command  # noqa: PLC0415
        from alembic.config import Config  # noqa: PLC0415
        from alembic.util import CommandError  # noqa: PLC0415

        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
        config.set_main_option("path_separator", "os")
        with self.write() as connection:
            if not self.is_sqlite:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
            config.attributes["connection"] = connection
            try:
                command.upgrade(config, HEAD)
            except CommandError as error:
                raise DatabaseError("A later version of ismsg wrote this database: upgrade ismsg.") from error

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """One transaction that writes: committed at the end, rolled back if anything was raised.

        Raises ProblemError: 503 where others write for too long or the database is away, 507 where the disk is full.
        """
        if self.is_sqlite and not self._writing.acquire(timeout=LOCK_TIMEOUT):
            raise _busy()
        try:
            with (
                _problems(),
                self.engine.connect().execution_options(writes=True) as connection,
                connection.begin(),
            ):
                yield connection
        finally:
            if self.is_sqlite:
                self._writing.release()

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """One moment of the database, to be read only. Raises ProblemError 503."""
        with _problems(), self._reading.connect() as connection, connection.begin():
            yield connection

    def vacuum(self) -> None:
        """Give room back to the disk, and look again at how the data is spread."""
        with _problems(), self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM" if self.is_sqlite else "VACUUM (ANALYZE)")
            if self.is_sqlite:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
                connection.exec_driver_sql("PRAGMA optimize")

    def close(self) -> None:
        """Close every connection that nobody uses."""
        self.engine.dispose()


def _step_of(connection: sa.Connection) -> str | None:
    """The step of the history that the schema is at; None where there is no schema."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    step: str | None = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
    return step


def _understood(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise DatabaseError("A database is named as sqlite:///path or postgresql://user@host/name.") from error
    match parsed.get_backend_name():
        case "sqlite" if parsed.database and parsed.database != ":memory:":
            return parsed
        case "postgresql" | "postgres":
            return parsed.set(drivername="postgresql+psycopg")
        case _:
            raise DatabaseError("A database is a file of SQLite (sqlite:///path) or PostgreSQL (postgresql://...).")


# SQLite


def _sqlite_engine(url: URL) -> sa.Engine:
    path = Path(url.database or "")
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    engine = sa.create_engine(
        url,
        module=sqlite3,
        # Transactions are begun below, by the kind of work that they are for.
        connect_args={"timeout": LOCK_TIMEOUT, "check_same_thread": False, "isolation_level": None},
        **_POOL,
    )
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "trusted_schema = OFF", "temp_store = MEMORY"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    options = connection.get_execution_options()
    if options.get("isolation_level") != "AUTOCOMMIT":
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("writes") else "BEGIN")


# PostgreSQL


def _postgres_engine(url: URL) -> sa.Engine:
    try:
        engine = sa.create_engine(url, pool_pre_ping=True, **_POOL)
    except ImportError as error:
        raise DatabaseError("PostgreSQL needs one more package: pip install 'ismsg-tui[postgres]'.") from error
    event.listen(engine, "connect", _set_up_postgres)
    return engine


def _set_up_postgres(connection: Any, _record: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = '{LOCK_TIMEOUT}s'")
        cursor.execute("SET idle_in_transaction_session_timeout = '60s'")
    connection.commit()


# Errors


@contextmanager
def _problems() -> Iterator[None]:
    """Turn what the database complains about into what a client can act on."""
    try:
        yield
    except TimeoutError as error:
        raise _busy() from error
    except DataError as error:
        raise ProblemError(422, "malformed", "A text or number in it can't be stored.") from error
    except (OperationalError, InterfaceError) as error:
        raise _problem_of(error) or error from error


def _problem_of(error: OperationalError | InterfaceError) -> Exception | None:
    state = getattr(error.orig, "sqlstate", None)
    name: str = getattr(error.orig, "sqlite_errorname", "") or ""
    if state in _BUSY_STATES or name.startswith("SQLITE_BUSY"):
        return _busy()
    if name == _FULL or state == "53100":
        return disk_full()
    if error.connection_invalidated or (not name and (state is None or state.startswith(("08", "57P", "53")))):
        return ProblemError(503, "database-away", "The server can't reach its database.", retry_after=5)
    return None


def _busy() -> ProblemError:
    return ProblemError(503, "busy", "The server has too much to do: try again.", retry_after=1)
