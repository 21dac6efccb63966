"""Presence between several processes, and what one look at it costs the database."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from ismsg_tui.domain.entities import User
from ismsg_tui.domain.wire import Availability, Presence, PresenceNote
from ismsg_tui.server.database import Database
from ismsg_tui.server.http.live import _Stream
from ismsg_tui.server.hub import Hub
from ismsg_tui.server.limits import Threads
from ismsg_tui.server.presence import PresenceBoard
from tests.desk_server import Desk, desk
from tests.waiting import turn_until

__all__ = ["desk"]

ONLINE, BUSY = PresenceNote(Availability.ONLINE), PresenceNote(Availability.BUSY)


async def test_what_a_process_has_said_itself_does_not_come_back_to_it_late(
    postgres_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[str] = []
    heard = Hub._heard
    monkeypatch.setattr(Hub, "_heard", lambda _, text: held.append(text))
    one, other = (Hub(postgres_database, Threads(1, 10), look_every=3600) for _ in range(2))
    one.start()

    async def say() -> None:
        one.note("w", "laptop", "ana", ONLINE)
        await asyncio.sleep(0.02)  # until it listens, what is said is lost

    await turn_until(say, lambda: held, lambda: "nothing was heard")
    one.note("w", "laptop", "ana", BUSY)
    other._loop = asyncio.get_running_loop()
    for hub in (one, other):
        heard(hub, held[0])
    await turn_until(lambda: asyncio.sleep(0), lambda: other.around("w"), lambda: "the other did not hear of it")
    assert one.around("w") == [Presence("ana", Availability.BUSY)]
    assert other.around("w") == [Presence("ana", Availability.ONLINE)]
    await one.stop()


def test_a_note_that_comes_after_its_device_has_signed_out_brings_nobody_back() -> None:
    now = 0.0
    board = PresenceBoard(60, lambda: now)
    board.note("w", "laptop", "ana", ONLINE)
    assert board.leave("laptop") == ["w"]
    assert not board.note("w", "laptop", "ana", BUSY)
    assert board.of("w") == []
    assert board.note("w", "telephone", "ana", BUSY)
    now = 61
    board.forget_old()
    assert board._left == {}, "nobody is remembered for ever"


# What a look costs


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """What the database is asked meanwhile."""
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    sa.event.listen(database.engine, "before_cursor_execute", note)
    yield asked
    sa.event.remove(database.engine, "before_cursor_execute", note)


def look(desk: Desk, user: User, around: list[Presence]) -> tuple[Sequence[Presence], int]:
    """Whom a user's stream tells of, and how often the database was asked for it."""
    session = desk.server.accounts.issue_local(desk.workspace.id, user.id, "test")
    viewer = desk.server.accounts.viewer(session.access, desk.workspace.id)
    stream = _Stream(desk.server, viewer, session.access, viewer.head, viewer.epoch, viewer.sight, 0)
    stream._read([])
    with statements(desk.server.database) as asked:
        _, present = stream._read(around)
    return present, len(asked)


def test_the_database_is_asked_once_for_all_whom_teammates_look_at_and_not_at_all_for_who_sees_everybody(
    desk: Desk,
) -> None:
    own, hidden = desk.contact(assignee=desk.ana), desk.contact(assignee=desk.olga)
    around = [
        Presence(f"teammate {number}", Availability.ONLINE, (own.id, hidden.id, "\0")[number % 3], typing=True)
        for number in range(30)
    ]
    shown = [one if one.viewing == own.id else Presence(one.user_id, Availability.ONLINE) for one in around]
    _, alone = look(desk, desk.ana, [])
    present, with_many = look(desk, desk.ana, around)
    assert present == shown
    assert look(desk, desk.ana, around[:2]) == (shown[:2], with_many)
    assert with_many > alone
    _, alone = look(desk, desk.olga, [])
    assert look(desk, desk.olga, around) == (around, alone)
