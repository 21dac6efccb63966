"""Serving a team: one process or several, on one socket, until a signal ends them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import ExitStack

from sqlalchemy import select

from ismsg_tui.server.app import Server
from ismsg_tui.server.database import Database
from ismsg_tui.server.run import Plan, ServeError, address_of, listen, only_server, run_here
from ismsg_tui.server.tables import workspace as workspaces
from ismsg_tui.server.workers import Workers

log = logging.getLogger(__name__)


def serve(plan: Plan, host: str, port: int, workers: int, on_ready: Callable[[str], None]) -> None:
    """Migrate the database and run the server until SIGTERM or SIGINT ends it.

    `on_ready` gets the address once it answers. Raises ServeError.
    """
    with ExitStack() as stack:
        database = Database(plan.url)
        stack.callback(database.close)
        if database.is_sqlite:
            if workers > 1:
                raise ServeError(
                    f"{workers} workers need PostgreSQL: with SQLite one process does all the work. "
                    "Leave out --workers, or name a PostgreSQL database by --db."
                )
            stack.enter_context(only_server(plan.folder))
        listening = stack.enter_context(listen(host, port))
        database.migrate()
        _look_for_workspaces(database)
        address = address_of(listening, plan.tls)
        if workers == 1:
            run_here(
                Server(database, plan.folder, settings=plan.settings), listening, plan.tls, lambda: on_ready(address)
            )
        else:
            database.close()
            Workers(plan, listening, workers).run(lambda: on_ready(address))


def _look_for_workspaces(database: Database) -> None:
    with database.read() as connection:
        if connection.execute(select(workspaces.c.id).limit(1)).first() is None:
            log.warning("there is no workspace yet: “ismsg server init” begins one")
