"""A whole team in processes: servers that are killed, consoles that are killed, customers, and a bad line between."""

from __future__ import annotations

import hashlib
import os
import random
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from subprocess import PIPE, Popen

import httpx
import sqlalchemy as sa
from msgspec.structs import replace

from ismsg_tui.clock import new_id
from ismsg_tui.domain import wire
from ismsg_tui.domain.entities import Entity, Snippet, User
from ismsg_tui.server import tables
from ismsg_tui.server.accounts import Accounts
from ismsg_tui.server.admin import Admin
from ismsg_tui.server.app import Server
from ismsg_tui.server.database import Database
from ismsg_tui.signing import enter_account
from ismsg_tui.store.store import Store
from ismsg_tui.sync.credentials import Credentials
from tests.agent import MET, RESTED
from tests.at_work import Done, read_done
from tests.cli_desk import environment
from tests.factories import MAI, PHONE, WEB, WORKSPACE
from tests.fault_proxy import FaultProxy, by_seed
from tests.team import OMAR, NoVault
from tests.town import TEAM
from tests.waiting import listening_to

ROOT = Path(__file__).parents[1]
WELCOME = Snippet(id=new_id(), name="Welcome", text="Welcome!")
CONTACTS = [
    replace(contact, assignee_id=user.id, channel_id=PHONE.id)
    for contact, user in zip((MAI, OMAR), TEAM[1:], strict=True)
]
"""Those who are known from the beginning: one for each of the two who do not see everybody."""
LONGEST = 300.0
"""Seconds after which a process that does not say what it should is taken for hung: longer than an agent waits."""
JOURNAL = "journal"
"""What a process has to say of faults, in its folder."""


def _environment(folder: Path, **more: str) -> dict[str, str]:
    keyring = {"PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
    return {**os.environ, **environment(folder), **keyring, **more}


class Serving:
    """One process of the server, and the one that comes after it."""

    def __init__(self, folder: Path, database: Database, upstreams: list[str]) -> None:
        """`upstreams` holds the addresses of those that answer."""
        self._folder = folder
        self._url = database.url.render_as_string(hide_password=False)
        self._upstreams = upstreams
        self._process: Popen[bytes] | None = None
        self.address = ""

    def start(self) -> None:
        """Begin; returns before it answers."""
        command = [sys.executable, "-m", "ismsg_tui", "serve", "--data", str(self._folder), "--port", "0"]
        with (self._folder / JOURNAL).open("ab") as journal:
            self._process = Popen(
                command, stdout=PIPE, stderr=journal, env=_environment(self._folder, ISMSG_SERVER_DB=self._url)
            )

    def ready(self) -> None:
        """Wait until it answers."""
        assert self._process is not None
        assert self._process.stdout is not None
        with listening_to(self._process):
            said = self._process.stdout.readline().decode()
        assert said.startswith("Ready: "), "the server does not begin"
        self.address = said.split()[1]
        self._upstreams.append(self.address)

    def kill(self) -> None:
        """Let it die on the spot."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None
        if self.address in self._upstreams:
            self._upstreams.remove(self.address)

    close = kill


class Desk:
    """A user's folder and the console that works in it, life after life."""

    def __init__(self, firm: Firm, user: User, number: int) -> None:
        self.user = user
        self.folder = firm.folder / user.name
        self._seed = 100 * number
        self._process: Popen[bytes] | None = None
        self.said: list[Done] = []
        with closing(Store(self.folder)) as store:
            session = firm.server.accounts.issue_local(WORKSPACE.id, user.id, user.name)
            enter_account(store, Credentials(self.folder, NoVault()).sign_in(firm.proxy.address, user.email, session))

    def start(self) -> None:
        """Open the console."""
        self._seed += 1
        command = [sys.executable, "-m", "tests.agent", str(self.folder), str(self._seed)]
        with (self.folder / JOURNAL).open("ab") as journal:
            self._process = Popen(
                command, stdin=PIPE, stdout=PIPE, stderr=journal, cwd=ROOT, env=_environment(self.folder)
            )

    def tell(self, *words: object) -> None:
        """Say what it is to do."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(" ".join(map(str, words)).encode() + b"\n")
        self._process.stdin.flush()

    def hear(self, what: str) -> str:
        """Listen until it says that something is so; returns what else it says of that."""
        assert self._process is not None
        while (said := read_done(self._process, LONGEST)) is not None:
            self.said.append(said)
            if said.what == what:
                return said.text
        raise AssertionError(f"{self.user.name}'s console has ended by itself")

    def kill(self) -> None:
        """Let it die on the spot; what it has said is heard."""
        if self._process is not None:
            self._process.kill()
            while (said := read_done(self._process)) is not None:
                self.said.append(said)
            self._process.communicate()
            self._process = None

    def leave(self) -> None:
        """Close the console."""
        assert self._process is not None
        self._process.communicate(timeout=LONGEST)
        assert self._process.returncode == 0
        self._process = None

    def ids(self, what: str, *kinds: str) -> set[str]:
        """The commands of some kinds, of all without any, of which it said so."""
        words = [done.text.split() for done in self.said if done.what == what]
        return {id_ for kind, id_ in words if kind in kinds or not kinds}


class Customers(threading.Thread):
    """People who write through a custom channel; whatever is not acknowledged they send again, as channels do."""

    def __init__(self, firm: Firm, seed: int, count: int) -> None:
        super().__init__(daemon=True)
        self._address = f"{firm.proxy.address}/custom/channel/webhook/"
        self._account = firm.server.channels.registry.add_custom(WORKSPACE.id, f"Channel {seed}")
        self._dice = random.Random(seed)
        self._count = count
        self._stopped = threading.Event()
        self.taken: list[str] = []
        """The ids of the messages that were acknowledged, which are their texts as well."""
        self.refused: list[str] = []

    def run(self) -> None:
        """Write."""
        with httpx.Client(headers={"Authorization": f"Bearer {self._account.token}"}, timeout=30) as client:
            for _ in range(self._count):
                id_, contact = new_id(), f"+6017000{self._dice.randrange(3)}"
                for _ in range(self._dice.choice([1, 1, 1, 2])):  # channels tell the same twice without a reason, too
                    while not self._tell(client, id_, contact) and not self._stopped.wait(0.05):
                        pass
                self._stopped.wait(self._dice.uniform(0, 0.1))

    def stop(self) -> None:
        """Write no more; what was not acknowledged by now is given up."""
        self._stopped.set()

    def _tell(self, client: httpx.Client, id_: str, contact: str) -> bool:
        """Whether the server has answered."""
        event = {"type": "message", "mId": id_, "timestamp": 1_800_000_000_000}
        body = {
            "channelId": self._account.channel_id,
            "contactId": contact,
            "events": [{**event, "message": {"type": "text", "text": id_}}],
        }
        try:
            answer = client.post(self._address, json=body)
        except httpx.TransportError:
            return False
        if answer.status_code == httpx.codes.OK:
            self.taken.append(id_)
        elif answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
            self.refused.append(answer.text)
        return answer.status_code != httpx.codes.SERVICE_UNAVAILABLE


class Firm:
    """A workspace on a database, its server processes behind the proxy, and three desks with different sights."""

    def __init__(self, folder: Path, database: Database, processes: int, seed: int) -> None:
        self.folder = folder
        self.server = Server(database, folder)
        """The parts of the server, to look at and prepare what the processes work on."""
        admin = Admin(database, self.server.ledger)
        admin.create_workspace(WORKSPACE)
        for user in TEAM:
            admin.add_user(WORKSPACE.id, user)
        self.server.ledger.seed(WORKSPACE.id, [PHONE, WEB, *CONTACTS, WELCOME])
        self.proxy = FaultProxy(by_seed(seed))
        self.processes = [Serving(folder, database, self.proxy.upstreams) for _ in range(processes)]
        self.desks = [Desk(self, user, number) for number, user in enumerate(TEAM)]

    @property
    def head(self) -> int:
        """The newest revision."""
        return self.server.ledger.head(WORKSPACE.id)

    def start(self) -> None:
        """Begin, all at once."""
        for process in self.processes:
            process.start()
        for desk in self.desks:
            desk.start()
        for process in self.processes:
            process.ready()

    def come_to_rest(self) -> None:
        """Everything leaves on the bad line and arrives on a good one, by what the consoles do by themselves."""
        for desk in self.desks:
            desk.tell("rest")
        for desk in self.desks:
            desk.hear(RESTED)
        self.proxy.calm = True
        for _ in range(20):
            head = self.head
            for desk in self.desks:
                desk.tell("meet", head)
            if {desk.hear(MET) for desk in self.desks} == {str(head)} and self.head == head:
                break
        else:
            raise AssertionError("the server does not come to rest")
        for desk in self.desks:
            desk.leave()

    def rows(self, user: User) -> list[Entity]:
        """Every row that a user may see, as the server has it."""
        accounts = Accounts(self.server.database)
        viewer = accounts.viewer(accounts.issue_local(WORKSPACE.id, user.id, "look").access, WORKSPACE.id)
        hello = self.server.ledger.hello(viewer)
        found: list[Entity] = []
        since, more = 0, True
        while more:
            page = wire.page_of(self.server.ledger.changes(viewer, since, hello.epoch, hello.sight, wire.MOST_ROWS))
            found += [row for _, row in page.rows]
            since, more = page.to, page.more
        return found

    def receipts(self) -> dict[str, bool]:
        """The commands that the server knows, and whether they were done."""
        table = tables.receipt.c
        query = sa.select(table.command_id, table.refusal)
        with self.server.database.read() as connection:
            return {row.command_id: row.refusal is None for row in connection.execute(query)}

    def has_file(self, sha256: str) -> bool:
        """Whether the server has a file whole."""
        place = self.server.blobs.folder(WORKSPACE.id).place(sha256)
        return is_whole(place, sha256)

    def faults(self) -> list[str]:
        """What the processes have written down as faults of their own."""
        folders = [self.folder, *(desk.folder for desk in self.desks)]
        lines = [line for folder in folders for line in (folder / JOURNAL).read_text().splitlines()]
        return [line for line in lines if '"level":"error"' in line or "Error" in line or "Traceback" in line]

    def close(self) -> None:
        """End everything."""
        for process in self.processes:
            process.kill()
        for desk in self.desks:
            desk.kill()
        self.proxy.close()


def is_whole(path: Path | None, sha256: str) -> bool:
    """Whether a file is there and is the one."""
    return path is not None and path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256


@contextmanager
def a_firm(folder: Path, database: Database, processes: int, seed: int) -> Iterator[Firm]:
    """A firm that is gone afterwards."""
    firm = Firm(folder, database, processes, seed)
    try:
        yield firm
    finally:
        firm.close()
