"""Many writers on one PostgreSQL, as several server processes are: nothing is missed, nothing is done twice."""

from __future__ import annotations

import hashlib
import random
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from msgspec.structs import replace

from ismsg_tui.domain.commands import AssignContact, CreateContact, OpenConversation, ReceiveMessage
from ismsg_tui.domain.entities import Contact, Conversation, Message, MessageKind, User
from ismsg_tui.domain.wire import UploadRequest
from ismsg_tui.server import ledger as ledger_module
from ismsg_tui.server import tables
from ismsg_tui.server.blobs import BlobLimits, Blobs
from ismsg_tui.server.database import Database, DatabaseError
from ismsg_tui.server.errors import ProblemError
from ismsg_tui.server.uploads import Uploads
from tests.factories import MAI, PHONE, SETTINGS, T0, WORKSPACE, uid
from tests.server_office import Office, Replica, issued
from tests.servers import postgres_url
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ismsg_tui.domain import wire

WRITERS = 12
AGENTS = [User(id=uid(), name=f"Agent {number}") for number in range(8)]
PEOPLE = [Contact(id=uid(), first_name=f"Guest {number}", channel_id=PHONE.id) for number in range(300)]


@contextmanager
def offices(database: Database) -> Iterator[list[Office]]:
    """Two servers on one database, each with connections of its own."""
    other = Database(database.url.render_as_string(hide_password=False))
    first = Office(database, [*SETTINGS, MAI, *AGENTS, *PEOPLE])
    try:
        yield [first, Office(other, begin=False)]
    finally:
        other.close()


def at_once(tasks: Sequence[Callable[[], object]]) -> None:
    """Run tasks on a thread each, beginning together; what one of them raises is raised."""
    barrier = threading.Barrier(len(tasks))

    def run(task: Callable[[], object]) -> None:
        barrier.wait()
        task()

    with ThreadPoolExecutor(len(tasks)) as pool:
        for future in [pool.submit(run, task) for task in tasks]:
            future.result()


def test_no_reader_misses_a_row_while_many_write(postgres_database: Database) -> None:
    assert missed(postgres_database) == 0


def test_the_test_above_sees_a_counter_that_is_no_lock(
    postgres_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with postgres_database.engine.begin() as connection:
        connection.execute(sa.text("CREATE SEQUENCE loose START 1000"))

    def count_loosely(connection: sa.Connection, ws: str) -> int:
        seq = int(connection.execute(sa.text("SELECT nextval('loose')")).scalar_one())
        connection.execute(sa.text("SELECT pg_sleep(random() * 0.01)"))
        table = tables.workspace.c
        with postgres_database.engine.begin() as elsewhere:
            elsewhere.execute(
                sa.update(tables.workspace).where(table.id == ws).values(seq=sa.func.greatest(table.seq, seq))
            )
        return seq

    monkeypatch.setattr(ledger_module, "count_up", count_loosely)
    assert missed(postgres_database) > 0


def missed(database: Database) -> int:
    """How many rows a reader does not have in the end that asked all the time while many wrote."""
    with offices(database) as servers:
        reader = Replica(servers[1], servers[1].viewer(), limit=20)
        done = threading.Event()

        def write(number: int) -> None:
            dice = random.Random(number)
            for _ in range(12):
                contact = dice.choice(PEOPLE)
                servers[number % 2].submit(ReceiveMessage(contact.id, "hello", PHONE.id))

        def read() -> None:
            while not done.is_set():
                reader.take_page()

        thread = threading.Thread(target=read)
        thread.start()
        at_once([partial(write, number) for number in range(WRITERS)])
        done.set()
        thread.join()
        reader.catch_up()
        everything = servers[0].pull(servers[0].viewer())
        return len(everything.keys() - reader.rows.keys())


def test_of_those_who_claim_a_contact_at_once_one_wins_and_the_others_are_told(postgres_database: Database) -> None:
    with offices(postgres_database) as servers:
        results: list[tuple[str, str, wire.Result]] = []

        def claim(number: int) -> None:
            office, agent = servers[number % 2], AGENTS[number]
            viewer = office.viewer(agent)
            for contact in PEOPLE:
                result = office.push(viewer, AssignContact(contact.id, agent.id, None))
                results.append((contact.id, agent.id, result))

        at_once([partial(claim, number) for number in range(len(AGENTS))])
        winners = {contact_id: agent_id for contact_id, agent_id, result in results if result.refusal is None}
        refusals = [result.refusal for _, _, result in results if result.refusal is not None]
        assert len(winners) == len(PEOPLE)
        assert len(refusals) == len(PEOPLE) * (len(AGENTS) - 1)
        assert {refusal.code for refusal in refusals} == {"assignment-conflict"}
        contacts = {contact.id: contact for contact in servers[0].all(Contact)}
        assert {contact.id: contacts[contact.id].assignee_id for contact in PEOPLE} == winners
        names = {agent.id: agent.name for agent in AGENTS}
        for contact_id, _, result in results:
            assert result.refusal is None or names[winners[contact_id]] in result.refusal.reason


def test_a_contact_never_has_two_open_conversations(postgres_database: Database) -> None:
    with offices(postgres_database) as servers:
        people = PEOPLE[:20]

        def open_all(number: int) -> None:
            office = servers[number % 2]
            viewer = office.viewer(AGENTS[number % len(AGENTS)])
            for contact in people:
                if number % 3:
                    office.push(viewer, OpenConversation(contact.id))
                else:
                    office.submit(ReceiveMessage(contact.id, "hello", PHONE.id))

        at_once([partial(open_all, number) for number in range(WRITERS)])
        found = servers[0].all(Conversation)
        assert sorted(conversation.contact_id for conversation in found) == sorted(contact.id for contact in people)
        for contact in people:
            lines = [line for line in servers[0].all(Message) if line.contact_id == contact.id]
            times = sorted(line.at for line in lines if line.kind is MessageKind.INCOMING)
            assert len(times) == WRITERS / 3
            assert all(earlier < later for earlier, later in pairwise(times))


def test_the_database_itself_refuses_a_second_open_conversation(server_database: Database) -> None:
    office = Office(server_database)
    office.submit(ReceiveMessage(MAI.id, "hello", PHONE.id))
    (first,) = office.all(Conversation)
    with pytest.raises(sa.exc.IntegrityError):
        office.ledger.seed(WORKSPACE.id, [replace(first, id=uid())])
    assert office.all(Conversation) == [first]


def test_one_command_at_two_servers_at_once_is_done_once(postgres_database: Database) -> None:
    with offices(postgres_database) as servers:
        for _ in range(20):
            stranger = Contact(id=uid(), first_name="New", channel_id=PHONE.id)
            first, second = uid(), uid()
            results: list[wire.Result] = []

            def arrive(office: Office, contact: Contact, ids: tuple[str, str], results: list[wire.Result]) -> None:
                results.append(office.submit(CreateContact(contact), id=ids[0]))
                results.append(office.submit(ReceiveMessage(contact.id, "hello", PHONE.id), id=ids[1]))

            at_once([partial(arrive, servers[number % 2], stranger, (first, second), results) for number in range(6)])
            assert {result.refusal for result in results} == {None}
            assert len([line for line in servers[0].all(Message) if line.contact_id == stranger.id]) == 2


def test_seeds_and_commands_at_once_do_not_wait_for_each_other_for_ever(postgres_database: Database) -> None:
    with offices(postgres_database) as servers:
        again = [Contact(id=contact.id, first_name="Renamed", channel_id=PHONE.id) for contact in PEOPLE]

        def write(number: int) -> None:
            dice = random.Random(number)
            office = servers[number % 2]
            if number % 3 == 0:
                office.ledger.seed(WORKSPACE.id, dice.sample(again, len(again)))
            else:
                for contact in dice.sample(PEOPLE, 30):
                    office.submit(ReceiveMessage(contact.id, "hello", PHONE.id))

        at_once([partial(write, number) for number in range(6)])
        assert {contact.first_name for contact in servers[0].all(Contact)} == {"Renamed", MAI.first_name}


@pytest.mark.parametrize("second", ["announced", "sent"])
def test_of_two_files_for_which_there_is_room_for_one_at_once_the_second_is_refused(
    postgres_database: Database, tmp_path: Path, second: str
) -> None:
    with offices(postgres_database) as servers:
        viewer = servers[0].viewer()
        limits = BlobLimits(largest=600, quota=1_000)
        first, other = (Blobs(office.database, tmp_path, office.ledger, limits=limits) for office in servers)
        content = b"2" * 600
        wanted = UploadRequest(hashlib.sha256(content).hexdigest(), len(content))
        refused: list[str] = []

        def take() -> None:
            try:
                if second == "announced":
                    Uploads(servers[1].database, other).create(viewer, wanted)
                else:
                    with other.receive(WORKSPACE.id, limits.largest) as incoming:
                        incoming.write(content)
                        other.keep_sent(viewer, wanted.sha256, incoming)
            except ProblemError as problem:
                refused.append(problem.code)

        with postgres_database.write() as connection:
            first.check_room(connection, WORKSPACE.id, 600)
            taking = threading.Thread(target=take)
            taking.start()
            until(lambda: not taking.is_alive() or waits_for_a_lock(postgres_database))
            announced = {"id": "first", "ws": WORKSPACE.id, "user_id": viewer.user_id, "sha256": "0" * 64}
            connection.execute(tables.upload.insert().values(**announced, size=600, received=0, expires_at=T0))
        taking.join()
        assert refused == ["quota"]


def waits_for_a_lock(database: Database) -> bool:
    """Whether anybody does."""
    with database.read() as connection:
        return bool(connection.scalar(sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")))


def test_two_servers_that_start_at_once_make_the_tables_once() -> None:
    url = postgres_url(migrated=False)
    databases = [Database(url) for _ in range(4)]
    at_once([database.migrate for database in databases])
    office = Office(databases[0])
    assert office.head() > 0
    for database in databases:
        database.close()


def test_who_waits_too_long_for_a_lock_is_told_to_come_again(
    postgres_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ismsg_tui.server.database.LOCK_TIMEOUT", 0.1)
    with offices(postgres_database) as servers, postgres_database.write() as connection:
        state = tables.contact_state.c
        connection.execute(sa.select(state.contact_id).where(state.contact_id == MAI.id).with_for_update())
        with pytest.raises(ProblemError) as problem:
            servers[1].submit(ReceiveMessage(MAI.id, "hello", PHONE.id))
        assert (problem.value.status, problem.value.code) == (503, "busy")
        assert problem.value.retry_after > 0


def test_a_database_that_is_away_is_a_problem_and_no_fault() -> None:
    database = Database("postgresql://nobody@127.0.0.1:1/nothing")
    with pytest.raises(ProblemError) as problem, database.read():
        pass
    assert (problem.value.status, problem.value.code) == (503, "database-away")


@pytest.mark.parametrize("url", ["", "x", "mysql://a/b", "sqlite://", "sqlite:///:memory:"])
def test_an_address_that_is_none_is_said(url: str) -> None:
    with pytest.raises(DatabaseError):
        Database(url)


def test_a_push_stops_at_a_busy_database_and_keeps_what_is_done(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = Office(sqlite_database)
    viewer = office.viewer()
    monkeypatch.setattr("ismsg_tui.server.database.LOCK_TIMEOUT", 0.05)
    commands = [issued(OpenConversation(MAI.id)), issued(AssignContact(MAI.id, AGENTS[0].id))]
    locked = threading.Lock()

    def hold(_ws: str, _seq: int) -> None:
        if locked.acquire(blocking=False):
            sqlite_database._writing.acquire()

    office.ledger.on_commit(hold)
    results = office.ledger.push(viewer, commands)
    sqlite_database._writing.release()
    assert [result.id for result in results.results] == [commands[0].id]
