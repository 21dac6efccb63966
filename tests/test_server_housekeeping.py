"""What a server forgets by itself: tokens that are good for nothing, and devices that can't come back."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from ismsg_tui.clock import now_ms
from ismsg_tui.domain import wire
from ismsg_tui.domain.commands import AddComment
from ismsg_tui.server import tables
from ismsg_tui.server.accounts import ACCESS_LIFE, REFRESH_LIFE
from ismsg_tui.server.app import Server
from ismsg_tui.server.database import Database
from ismsg_tui.server.errors import ProblemError
from ismsg_tui.server.housekeeping import TOLD
from ismsg_tui.server.receipts import KEPT
from tests.desk_server import desk_on
from tests.factories import ANA, MAI, WORKSPACE
from tests.server_office import Office
from tests.waiting import until


@pytest.fixture
def office(server_database: Database) -> Office:
    return Office(server_database)


def sign_in(office: Office) -> wire.Session:
    return office.accounts.issue_local(WORKSPACE.id, ANA.id, "laptop")


def devices(office: Office) -> set[str]:
    return {device.id for device in office.admin.devices(WORKSPACE.id)}


def tokens(database: Database) -> int:
    with database.read() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(tables.token)).scalar_one()


def code(office: Office, session: wire.Session) -> str:
    with pytest.raises(ProblemError) as problem:
        office.accounts.viewer(session.access, WORKSPACE.id)
    return problem.value.code


def test_a_device_that_was_signed_out_is_told_so_for_a_day_and_then_forgotten_with_its_tokens(office: Office) -> None:
    stays, goes = sign_in(office), sign_in(office)
    office.accounts.sign_out(goes.device_id)
    office.now += ACCESS_LIFE // 2
    assert office.admin.tidy() == 0
    assert code(office, goes) == "device-revoked"
    office.now += TOLD
    office.admin.tidy()
    assert devices(office) == {stays.device_id}
    assert code(office, goes) == "token-invalid"
    assert office.accounts.refresh(stays.refresh).device_id == stays.device_id


def test_a_device_whose_tokens_have_run_out_is_forgotten(office: Office) -> None:
    sign_in(office)
    office.now += REFRESH_LIFE + 1
    fresh = sign_in(office)
    assert office.admin.tidy() == 3
    assert devices(office) == {fresh.device_id}
    assert tokens(office.database) == 2


def test_a_device_is_known_as_long_as_a_command_of_its(office: Office) -> None:
    session, idle = sign_in(office), sign_in(office)
    office.now += ACCESS_LIFE - 1
    office.push(office.accounts.viewer(session.access, WORKSPACE.id), AddComment(MAI.id, "call back"))
    for ended in (session, idle):
        office.accounts.sign_out(ended.device_id)
    office.now += REFRESH_LIFE + TOLD
    office.admin.tidy()
    assert devices(office) == {session.device_id}
    assert tokens(office.database) == 0
    office.now += KEPT
    office.admin.tidy()
    assert devices(office) == set()


def test_a_running_server_forgets_them_by_itself(server_database: Database, tmp_path: Path) -> None:
    with desk_on(server_database, tmp_path) as desk:
        session = desk.server.accounts.issue_local(desk.workspace.id, desk.ana.id, "sync")
        desk.server.accounts.sign_out(session.device_id)
        with server_database.write() as connection:
            connection.execute(sa.update(tables.device).values(revoked_at=now_ms() - 2 * TOLD))
    server = Server(server_database, tmp_path)
    server.start()
    try:
        until(lambda: not tokens(server_database) and not desk.admin.devices(desk.workspace.id))
    finally:
        server.stop()
