"""What every test shares: the server's databases, and no stopwatch, since a slow machine is no fault of the code: none
for property tests, and none that takes a notification away before a test has looked.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings
from textual.notifications import Notification

from tests.servers import postgres_database, server_database, sqlite_database
from tests.waiting import ELSEWHERE

__all__ = ["postgres_database", "server_database", "sqlite_database"]

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # What a shell runs beside itself is deaf to Ctrl+C, and so would be every process that a test starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("ismsg", deadline=None)
settings.load_profile("ismsg")


@pytest.fixture(autouse=True, scope="session")
def notifications_that_stay() -> Iterator[None]:
    """What is notified stays as long as its console."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Notification, "time_left", 3_600.0)
        yield


@pytest.fixture(autouse=True, scope="session")
def threads_that_are_waited_for() -> Iterator[None]:
    """What a console has other threads do is known, and a test can wait for it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio, "to_thread", ELSEWHERE.to_thread)
        yield
