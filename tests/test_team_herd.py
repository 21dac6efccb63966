"""Many consoles that come back at the same moment, after the server was away."""

from __future__ import annotations

import threading
from contextlib import closing
from itertools import count
from pathlib import Path

import httpx

from ismsg_tui.server.admin import Admin
from ismsg_tui.server.app import Server
from ismsg_tui.server.database import Database
from tests.at_work import at_once
from tests.factories import ANA, WORKSPACE
from tests.firm import Serving

CONSOLES = 200
ATTEMPTS = 5
"""How often one console asks at most."""


def test_two_hundred_consoles_that_come_back_at_once_are_all_answered(
    server_database: Database, tmp_path: Path
) -> None:
    server = Server(server_database, tmp_path)
    admin = Admin(server_database, server.ledger)
    admin.create_workspace(WORKSPACE)
    admin.add_user(WORKSPACE.id, ANA)
    tokens = [server.accounts.issue_local(WORKSPACE.id, ANA.id, "test").access for _ in range(CONSOLES)]
    serving = Serving(tmp_path, server_database, [])
    with closing(serving), httpx.Client(timeout=60, limits=httpx.Limits(max_connections=CONSOLES)) as client:
        serving.start()
        serving.ready()
        serving.kill()
        serving.start()
        serving.ready()
        together, pause, asked = threading.Barrier(CONSOLES), threading.Event(), count()

        def come_back(number: int) -> None:
            together.wait(60)
            for _ in range(ATTEMPTS):
                next(asked)
                answer = client.get(
                    f"{serving.address}/v1/w/{WORKSPACE.id}/hello",
                    headers={"Authorization": f"Bearer {tokens[number]}"},
                )
                if answer.status_code == httpx.codes.OK:
                    return
                assert answer.status_code in (429, 503), answer.text
                pause.wait(int(answer.headers["retry-after"]))
            raise AssertionError("a console was never answered")

        at_once(CONSOLES, come_back)
        assert next(asked) <= 2 * CONSOLES
