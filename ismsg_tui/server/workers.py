"""Several processes that serve the same address, for more than one core: started, watched and ended together."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from multiprocessing.context import SpawnProcess
from multiprocessing.synchronize import Event

from prometheus_client.multiprocess import mark_process_dead

from ismsg_tui.server.children import end_with_parent
from ismsg_tui.server.database import Database
from ismsg_tui.server.journal import write_journal
from ismsg_tui.server.metrics import SHARED
from ismsg_tui.server.run import Plan, ServeError, run_here
from ismsg_tui.server.server import Server

log = logging.getLogger(__name__)

_PATIENCE = 4.5
"""Seconds that all processes together get to end."""


class Workers:
    """The processes of one server. Each is a whole server of its own; all they share is the socket and the database."""

    def __init__(self, plan: Plan, listening: socket.socket, count: int) -> None:
        self._plan = plan
        self._listening = listening
        self._count = count
        self._spawn = multiprocessing.get_context("spawn")
        self._processes: list[tuple[SpawnProcess, Event]] = []
        """Each with what is set once it answers."""

    def run(self, on_ready: Callable[[], None]) -> None:
        """Keep all running until SIGTERM or SIGINT; `on_ready` is called once all answer. Raises ServeError."""
        ending = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: ending.set())
        with tempfile.TemporaryDirectory(prefix="ismsg-metrics-") as numbers:
            os.environ[SHARED] = numbers
            try:
                self._processes = [self._begin() for _ in range(self._count)]
                told = False
                while not ending.wait(0.1):
                    if not told and all(answers.is_set() for _, answers in self._processes):
                        told = True
                        on_ready()
                    self._replace_ended(numbers)
            finally:
                self._end_all()

    def _begin(self) -> tuple[SpawnProcess, Event]:
        answers = self._spawn.Event()
        process = self._spawn.Process(target=_work, args=(self._plan, self._listening, answers))
        process.start()
        return process, answers

    def _replace_ended(self, numbers: str) -> None:
        for index, (process, answers) in enumerate(self._processes):
            if process.is_alive():
                continue
            if not answers.is_set():  # the next one would fare no better
                raise ServeError("A worker could not be started; the journal says why.")
            log.error("a worker ended and is replaced", extra={"fields": {"exit": process.exitcode}})
            mark_process_dead(process.pid, numbers)  # type: ignore[no-untyped-call]
            self._processes[index] = self._begin()

    def _end_all(self) -> None:
        for process, _ in self._processes:
            process.terminate()
        deadline = time.monotonic() + _PATIENCE
        for process, _ in self._processes:
            process.join(max(0.0, deadline - time.monotonic()))
            if process.is_alive():
                process.kill()
                process.join()


def _work(plan: Plan, listening: socket.socket, answers: Event) -> None:
    """What each process does."""
    write_journal()
    end_with_parent()
    database = Database(plan.url)
    try:
        run_here(Server(database, plan.folder, settings=plan.settings), listening, plan.tls, answers.set)
    except Exception:
        log.exception("a worker failed")
        sys.exit(1)
    finally:
        database.close()
