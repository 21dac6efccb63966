"""From a command that the server has taken to another console that holds it, while many others listen."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from subprocess import PIPE, Popen

import httpx

from benchmarks.measure import Result, shares
from benchmarks.team import Office
from ismsg_tui.clock import new_id, now_ms
from ismsg_tui.domain.commands import Actor, AddComment, Issued
from ismsg_tui.domain.entities import Channel, Contact, Role, User, Workspace
from ismsg_tui.store.store import Store
from ismsg_tui.sync.engine import Sync
from ismsg_tui.sync.status import SyncState

LISTENERS = 200
COMMANDS = 150
BETWEEN = 0.05
"""Seconds between two commands."""
OLGA = User(id=new_id(), name="Olga", role=Role.OWNER)
MAI = Contact(id=new_id(), first_name="Mai")
ROWS = (
    Workspace(id=new_id(), name="Benchmark"),
    OLGA,
    Channel(id=new_id(), kind="web", name="Web", text_limit=500),
    MAI,
)


def measure() -> Iterator[Result]:
    """Milliseconds until the other console's store has it, against the time of one request; memory for a listener."""
    with tempfile.TemporaryDirectory() as name, Office(Path(name) / "server", ROWS) as office:
        before = office.memory
        with _listening(office):
            memory = (office.memory - before) / LISTENERS
            times, bare = _times(office, Path(name))
        yield from shares(f"taken to held elsewhere, {LISTENERS} listen", times, bare, (50, 95, 99))
        yield Result("memory of the server for a console that listens", memory / 1024, 0, "KiB")


def _times(office: Office, folder: Path) -> tuple[list[float], list[float]]:
    times, bare = [], []
    with (
        closing(Store(folder / "reader")) as store,
        closing(office.authority(OLGA.id, folder / "reader")) as reading,
        closing(office.authority(OLGA.id, folder / "writer")) as writing,
    ):
        came = threading.Event()
        sync = Sync(store, reading)
        sync.start()
        _until(lambda: sync.status.state is SyncState.SYNCED)
        unlisten = store.listen(lambda scopes: came.set() if MAI.id in scopes else None)
        writing.meet()
        for number in range(COMMANDS):
            came.clear()
            issued = Issued(new_id(), AddComment(MAI.id, f"comment {number}"), Actor(OLGA.id), now_ms())
            answer = writing.push([issued])[0]
            taken = time.perf_counter()
            if answer.refusal is not None or not came.wait(10):
                raise RuntimeError("a command did not arrive")
            times.append(time.perf_counter() - taken)
            asked = time.perf_counter()
            writing.changes(answer.seq, 1)
            bare.append(time.perf_counter() - asked)
            time.sleep(BETWEEN)
        unlisten()
        sync.stop()
    return times, bare


@contextmanager
def _listening(office: Office) -> Iterator[None]:
    """Other consoles hold their live streams open, all in one process."""
    tokens = [office.sign_in(OLGA.id).access for _ in range(LISTENERS)]
    arguments = [sys.executable, "-m", "benchmarks.live", office.address, office.workspace_id]
    process = Popen(arguments, stdin=PIPE, stdout=PIPE, text=True)
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("nobody listens")
    try:
        process.stdin.write(" ".join(tokens) + "\n")
        process.stdin.flush()
        process.stdout.readline()
        yield
    finally:
        process.stdin.close()
        process.terminate()
        process.wait()


def _until(done: object) -> None:
    until = time.monotonic() + 20
    while callable(done) and not done():
        if time.monotonic() > until:
            raise RuntimeError("the console does not come into sync")
        time.sleep(0.02)


async def _listen(address: str, workspace_id: str, tokens: list[str]) -> None:
    limits = httpx.Limits(max_connections=None)
    ready = asyncio.Semaphore(0)
    async with httpx.AsyncClient(base_url=address, timeout=None, limits=limits) as client:

        async def one(token: str) -> None:
            headers = {"Authorization": f"Bearer {token}"}
            path = f"/v1/w/{workspace_id}"
            hello = (await client.get(f"{path}/hello", headers=headers)).json()
            cursor = {"since": hello["head"], "epoch": hello["epoch"], "sight": hello["sight"]}
            async with client.stream("GET", f"{path}/live", params=cursor, headers=headers) as answer:
                ready.release()
                async for _ in answer.aiter_bytes():
                    pass

        async with asyncio.TaskGroup() as group:
            for token in tokens:
                group.create_task(one(token))
                await asyncio.sleep(0.01)
            for _ in tokens:
                await ready.acquire()
            print("ready", flush=True)


if __name__ == "__main__":
    asyncio.run(_listen(sys.argv[1], sys.argv[2], sys.stdin.readline().split()))
