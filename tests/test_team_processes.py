"""A team in processes of its own, killed at any moment on a line where everything goes wrong: at rest all agree."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from ismsg_tui.domain.entities import Message, Snippet
from ismsg_tui.server.database import Database
from ismsg_tui.store.outbox import OutboxState, entries
from ismsg_tui.store.store import Store
from tests.agent import DID, WILL, WORKED
from tests.factories import examples
from tests.fault_proxy import Fault
from tests.firm import Customers, Desk, Firm, Serving, a_firm, is_whole
from tests.replicas import assert_sound, rows_in, rows_of

KILLS = examples(6)
COMMANDS = 24
"""How many each console gives between two of them."""
WRITTEN = examples(40)
"""How many messages each of two channels brings."""
READABLE = ("send", "comment", "file")


@pytest.mark.parametrize("processes", [pytest.param(1, id="sqlite"), pytest.param(2, id="postgres")])
def test_killing_servers_and_consoles_on_a_bad_line_loses_and_doubles_nothing(
    processes: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    database: Database = request.getfixturevalue("postgres_database" if processes > 1 else "sqlite_database")
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")  # noqa: T201 - shown where it fails
    with a_firm(tmp_path, database, processes, seed) as firm:
        customers = [Customers(firm, number, WRITTEN) for number in range(2)]
        firm.start()
        for customer in customers:
            customer.start()
        dice = random.Random(seed)
        for turn in range(KILLS):
            work_and_kill(firm, firm.desks if turn % 2 else firm.processes, dice)
        for customer in customers:
            customer.join(60 * KILLS)
            customer.stop()
        firm.come_to_rest()
        check(firm, customers)
        assert firm.faults() == []
        assert set(firm.proxy.done) == set(Fault) - {Fault.NONE}


def work_and_kill(firm: Firm, victims: Sequence[Serving | Desk], dice: random.Random) -> None:
    """Let every console work, and one process die meanwhile, after which another one takes its place."""
    for desk in firm.desks:
        desk.tell("work", COMMANDS)
    victim = dice.choice(victims)
    killer = threading.Timer(dice.uniform(0, 1), victim.kill)
    killer.start()
    killer.join()
    victim.start()
    for desk in firm.desks:
        if desk is not victim:
            desk.hear(WORKED)
    if isinstance(victim, Serving):
        victim.ready()


def check(firm: Firm, customers: list[Customers]) -> None:
    """Everybody has the same, and everything that was said to be done is done once, or refused in sight."""
    everything = firm.rows(firm.desks[0].user)
    messages = {row.id: row for row in everything if isinstance(row, Message)}
    texts = Counter(message.text for message in messages.values() if message.text)
    assert [text for text, count in texts.items() if count > 1] == []
    receipts = firm.receipts()
    for desk in firm.desks:
        check_desk(firm, desk, texts, receipts)
    uses = {id_ for desk in firm.desks for id_ in desk.ids(WILL, "use")}
    assert sum(receipts.get(id_, False) for id_ in uses) == sum(
        row.uses for row in everything if isinstance(row, Snippet)
    )
    for customer in customers:
        assert customer.refused == []
        assert len(set(customer.taken)) == WRITTEN
        assert [id_ for id_ in customer.taken if texts[id_] != 1] == []
    files = {file.sha256 for message in messages.values() for file in message.attachments}
    assert files
    assert [sha256 for sha256 in files if not firm.has_file(sha256)] == []


def check_desk(firm: Firm, desk: Desk, texts: Counter[str], receipts: dict[str, bool]) -> None:
    """What one console holds and has said."""
    with closing(Store(desk.folder)) as store:
        assert_sound(store)
        seen = firm.rows(desk.user)
        assert rows_of(store) == rows_in(seen)
        refused = {entry.issued.id for entry in entries(store.reader, OutboxState.REFUSED)}
        files = {file.sha256 for row in seen if isinstance(row, Message) for file in row.attachments}
        assert [sha256 for sha256 in files if not is_whole(store.blobs.path(sha256), sha256)] == []
    lost = [id_ for id_ in desk.ids(DID) if receipts.get(id_, False) is (id_ in refused)]
    assert lost == []
    for kind in READABLE:
        given = desk.ids(DID, kind)
        assert [id_ for id_ in given if texts[f"{kind} {id_}"] != (id_ not in refused)] == []
