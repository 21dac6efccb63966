"""Leaving in order when the system, or a window that closes, says so."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INSIST = 0.1
"""Seconds after which a signal that was not heard is repeated."""


@contextmanager
def leaving_on_signals() -> Iterator[None]:
    """Have SIGTERM and SIGHUP raise SystemExit, whatever is waited for; nothing outside the main thread.

    A line editor does not notice a signal that comes after its prompt and before it begins to wait. So another thread
    hears of signals too, and repeats one until it has been noticed.
    """
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "pthread_kill"):
        yield
        return
    heard = threading.Event()

    def leave(number: int, _frame: FrameType | None) -> None:
        if not heard.is_set():
            heard.set()
            raise SystemExit(128 + number)

    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    watcher = threading.Thread(target=_insist, args=(ours, set(numbers), heard), name="signals", daemon=True)
    before = {number: signal.signal(number, leave) for number in numbers}
    wakeup_before = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    watcher.start()
    try:
        yield
    finally:
        heard.set()
        signal.set_wakeup_fd(wakeup_before)
        for number, handler in before.items():
            signal.signal(number, handler)
        theirs.close()
        watcher.join()
        ours.close()


def _insist(arrived: socket.socket, numbers: set[int], heard: threading.Event) -> None:
    """Repeat, until it is heard, the first of these signals whose number arrives."""
    main = threading.main_thread().ident
    while number := arrived.recv(1):
        while main is not None and number[0] in numbers and not heard.wait(INSIST):
            signal.pthread_kill(main, number[0])
