"""Accounts: passwords, tokens that rotate, devices that are signed out."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from msgspec.structs import replace

from ismsg_tui.domain import wire
from ismsg_tui.domain.entities import Role, User, Visibility, Workspace
from ismsg_tui.server import accounts, tables
from ismsg_tui.server.accounts import ACCESS_LIFE, GRACE, REFRESH_LIFE
from ismsg_tui.server.admin import AdminError
from ismsg_tui.server.database import Database
from ismsg_tui.server.errors import ProblemError
from tests.factories import ANA, BEN, WORKSPACE, uid
from tests.server_office import Office

PASSWORD = "correct horse"
SIGN_IN = wire.SignIn(ANA.email, PASSWORD, wire.DeviceNote("laptop", "test"))


@pytest.fixture
def office(server_database: Database) -> Office:
    office = Office(server_database)
    office.admin.add_user(WORKSPACE.id, ANA, PASSWORD)
    return office


def code_of(attempt: Callable[[], object]) -> str:
    with pytest.raises(ProblemError) as problem:
        attempt()
    return problem.value.code


def test_who_knows_the_password_is_signed_in_as_that_user(office: Office) -> None:
    session = office.accounts.sign_in(replace(SIGN_IN, email=" ANA@Example.org "))
    assert (session.user_id, session.workspace_id, session.workspace_name) == (ANA.id, WORKSPACE.id, "Hotel")
    viewer = office.accounts.viewer(session.access, WORKSPACE.id)
    assert (viewer.user_id, viewer.device_id, viewer.role) == (ANA.id, session.device_id, ANA.role)
    assert (viewer.head, viewer.epoch) == (office.head(), office.ledger.hello(viewer).epoch)


@pytest.mark.parametrize("email", [ANA.email, "nobody@example.org", "", "\0", BEN.email])
def test_a_wrong_password_and_an_unknown_address_are_told_alike(office: Office, email: str) -> None:
    assert code_of(lambda: office.accounts.sign_in(replace(SIGN_IN, email=email, password="x"))) == "wrong-password"


def test_an_unknown_address_costs_as_much_work_as_a_wrong_password(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[str] = []
    accounts._nobody()

    class Counting:
        def verify(self, hashed: str, password: str) -> bool:
            checked.append(hashed)
            return False

    monkeypatch.setattr(accounts, "_hasher", Counting())
    for email in (ANA.email, "nobody@example.org"):
        with pytest.raises(ProblemError):
            office.accounts.sign_in(replace(SIGN_IN, email=email))
    assert len(checked) == 2
    assert {hashed.split("$")[3] for hashed in checked} == {checked[0].split("$")[3]}  # memory, time and lanes


def test_neither_passwords_nor_tokens_are_kept(office: Office) -> None:
    session = office.accounts.sign_in(SIGN_IN)
    with office.database.read() as connection:
        kept = [str(row) for table in (tables.account, tables.token) for row in connection.execute(sa.select(table))]
    assert len(kept) == 3
    for secret in (PASSWORD, session.access, session.refresh):
        assert not any(secret in row for row in kept)


def test_a_user_who_was_disabled_is_out_at_once(office: Office) -> None:
    session = office.accounts.sign_in(SIGN_IN)
    office.ledger.seed(WORKSPACE.id, [replace(ANA, active=False)])
    assert code_of(lambda: office.accounts.sign_in(SIGN_IN)) == "user-disabled"
    assert code_of(lambda: office.accounts.viewer(session.access, WORKSPACE.id)) == "user-disabled"
    assert code_of(lambda: office.accounts.refresh(session.refresh)) == "user-disabled"


def test_rights_are_those_of_this_moment(office: Office) -> None:
    session = office.accounts.sign_in(SIGN_IN)
    before = office.accounts.viewer(session.access, WORKSPACE.id)
    office.ledger.seed(WORKSPACE.id, [replace(ANA, role=Role.AGENT, visibility=Visibility.OWN, team="Night")])
    after = office.accounts.viewer(session.access, WORKSPACE.id)
    assert (after.role, after.visibility, after.team) == (Role.AGENT, Visibility.OWN, "Night")
    assert after.sight == before.sight + 1


def test_who_works_in_several_workspaces_says_which(office: Office) -> None:
    other = Workspace(id=uid(), name="Restaurant")
    office.admin.create_workspace(other)
    office.admin.add_user(other.id, replace(ANA, id=uid()))
    with pytest.raises(ProblemError) as problem:
        office.accounts.sign_in(SIGN_IN)
    assert (problem.value.status, problem.value.code) == (409, "which-workspace")
    assert [choice["name"] for choice in problem.value.params["workspaces"]] == ["Hotel", "Restaurant"]
    for wanted in ("restaurant", other.id):
        assert office.accounts.sign_in(replace(SIGN_IN, workspace=wanted)).workspace_id == other.id
    assert code_of(lambda: office.accounts.sign_in(replace(SIGN_IN, workspace="bar"))) == "unknown-workspace"


def test_a_token_is_for_one_workspace(office: Office) -> None:
    other = Workspace(id=uid(), name="Restaurant")
    office.admin.create_workspace(other)
    session = office.accounts.sign_in(SIGN_IN)
    assert code_of(lambda: office.accounts.viewer(session.access, other.id)) == "unknown-workspace"


def test_tokens_that_are_none_are_not_known(office: Office) -> None:
    session = office.accounts.sign_in(SIGN_IN)
    for token in ("", "x", session.refresh, "\0", "\ud800"):
        assert code_of(lambda token=token: office.accounts.viewer(token, WORKSPACE.id)) == "token-invalid"  # type: ignore[misc]
    assert code_of(lambda: office.accounts.refresh(session.access)) == "token-invalid"


def test_an_access_token_runs_out_and_a_refresh_token_gets_another(office: Office) -> None:
    session = office.accounts.sign_in(SIGN_IN)
    assert session.expires_in * 1_000 == ACCESS_LIFE
    office.now += ACCESS_LIFE + 1
    assert code_of(lambda: office.accounts.viewer(session.access, WORKSPACE.id)) == "token-expired"
    renewed = office.accounts.refresh(session.refresh)
    assert renewed.device_id == session.device_id
    assert office.accounts.viewer(renewed.access, WORKSPACE.id).user_id == ANA.id
    office.now += REFRESH_LIFE + 1
    assert code_of(lambda: office.accounts.refresh(renewed.refresh)) in ("token-expired", "token-invalid")


def test_a_lost_reply_costs_nothing(office: Office) -> None:
    session = office.accounts.sign_in(SIGN_IN)
    office.accounts.refresh(session.refresh)
    office.now += GRACE
    again = office.accounts.refresh(session.refresh)
    assert office.accounts.viewer(again.access, WORKSPACE.id).user_id == ANA.id
    assert office.accounts.refresh(again.refresh).user_id == ANA.id


@pytest.mark.parametrize(("uses", "later"), [(1, GRACE + 1), (2, 0)])
def test_a_refresh_token_in_two_hands_signs_the_device_out(office: Office, uses: int, later: int) -> None:
    session = office.accounts.sign_in(SIGN_IN)
    renewed = [office.accounts.refresh(session.refresh) for _ in range(uses)][-1]
    office.now += later
    assert code_of(lambda: office.accounts.refresh(session.refresh)) == "token-reuse"
    assert code_of(lambda: office.accounts.viewer(renewed.access, WORKSPACE.id)) == "device-revoked"
    assert code_of(lambda: office.accounts.refresh(renewed.refresh)) == "device-revoked"


def test_signing_out_is_for_one_device(office: Office) -> None:
    laptop, desk = office.accounts.sign_in(SIGN_IN), office.accounts.sign_in(SIGN_IN)
    office.accounts.sign_out(laptop.device_id)
    assert code_of(lambda: office.accounts.viewer(laptop.access, WORKSPACE.id)) == "device-revoked"
    assert code_of(lambda: office.accounts.refresh(laptop.refresh)) == "device-revoked"
    assert office.accounts.viewer(desk.access, WORKSPACE.id).user_id == ANA.id


def test_a_console_that_is_its_own_server_needs_no_password(office: Office) -> None:
    session = office.accounts.issue_local(WORKSPACE.id, BEN.id, "here")
    assert office.accounts.viewer(session.access, WORKSPACE.id).user_id == BEN.id
    with pytest.raises(ProblemError):
        office.accounts.issue_local(WORKSPACE.id, uid(), "here")


def test_a_device_says_what_it_is_called_as_far_as_a_database_takes_it(office: Office) -> None:
    office.accounts.sign_in(replace(SIGN_IN, device=wire.DeviceNote("a\0b", "\0c")))
    (device,) = office.admin.devices(WORKSPACE.id)
    assert (device.name, device.client) == ("ab", "c")


# Running a server


def test_the_first_user_of_a_workspace_is_its_owner(office: Office) -> None:
    other = office.admin.create_workspace(Workspace(id=uid(), name="Restaurant"))
    first = office.admin.add_user(other.id, User(id=uid(), name="First"))
    second = office.admin.add_user(other.id, User(id=uid(), name="Second"))
    assert (first.role, second.role) == (Role.OWNER, Role.AGENT)


def test_an_account_keeps_its_password_in_a_second_workspace_until_a_new_one_is_set(office: Office) -> None:
    other = office.admin.create_workspace(Workspace(id=uid(), name="Restaurant"))
    ana = replace(ANA, id=uid())
    office.admin.add_user(other.id, ana)
    there = replace(SIGN_IN, workspace="Restaurant")
    assert office.accounts.sign_in(there).user_id == ana.id
    office.admin.add_user(other.id, ana, "battery staple")
    assert code_of(lambda: office.accounts.sign_in(there)) == "wrong-password"
    assert office.accounts.sign_in(replace(there, password="battery staple")).user_id == ana.id


def test_what_cannot_be_set_up_is_said(office: Office) -> None:
    only = replace(office.admin.find_user(WORKSPACE.id, ANA.email), role=Role.OWNER)
    office.ledger.seed(WORKSPACE.id, [only])
    for attempt in (
        lambda: office.admin.create_workspace(Workspace(id=uid(), name="HOTEL")),
        lambda: office.admin.create_workspace(Workspace(id=uid(), name=" \x1b ")),
        lambda: office.admin.add_user(WORKSPACE.id, User(id=uid(), name="X", email=ANA.email), PASSWORD),
        lambda: office.admin.add_user(WORKSPACE.id, User(id=uid(), name="X"), PASSWORD),
        lambda: office.admin.add_user(WORKSPACE.id, User(id=uid(), name="X", email="x@example.org"), "short"),
        lambda: office.admin.change_user(WORKSPACE.id, replace(only, active=False)),
        lambda: office.admin.find_user(WORKSPACE.id, "nobody"),
    ):
        head = office.head()
        with pytest.raises(AdminError):
            attempt()
        assert office.head() == head


def test_what_has_run_out_is_tidied_away(office: Office) -> None:
    session = office.accounts.sign_in(SIGN_IN)
    assert office.admin.tidy() == 0
    office.now += ACCESS_LIFE + 1
    assert office.admin.tidy() == 1
    assert office.accounts.refresh(session.refresh).user_id == ANA.id
