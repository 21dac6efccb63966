"""How long the texts may be with which one signs in: nobody fills the server's memory without a password."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from ismsg_tui.domain.entities import User
from ismsg_tui.domain.wire import LONGEST_EMAIL, LONGEST_NAME, LONGEST_PASSWORD, LONGEST_TOKEN
from ismsg_tui.server.admin import AdminError
from ismsg_tui.server.database import Database
from ismsg_tui.server.errors import ProblemError
from ismsg_tui.server.limits import Rate
from tests.desk_server import PASSWORD, Desk, desk_on
from tests.factories import ANA, WORKSPACE, uid
from tests.server_office import Office


@pytest.fixture
def desk(sqlite_database: Database, tmp_path: Path) -> Iterator[Desk]:
    with desk_on(sqlite_database, tmp_path) as desk:
        yield desk


def wanted(**other: object) -> dict[str, object]:
    return {"email": "nobody@example.org", "password": PASSWORD, "device": {"name": "laptop"}, **other}


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("", wanted(email="x" * (LONGEST_EMAIL + 1)), "/email"),
        ("", wanted(password="x" * (LONGEST_PASSWORD + 1)), "/password"),
        ("", wanted(workspace="x" * (LONGEST_NAME + 1)), "/workspace"),
        ("", wanted(device={"name": "x" * (LONGEST_NAME + 1)}), "/device/name"),
        ("", wanted(device={"name": "x", "client": "x" * (LONGEST_NAME + 1)}), "/device/client"),
        ("/refresh", {"refresh": "x" * (LONGEST_TOKEN + 1)}, "/refresh"),
    ],
)
def test_a_text_that_is_too_long_is_refused_by_its_field_and_nothing_of_it_is_kept(
    desk: Desk, path: str, body: dict[str, object], pointer: str
) -> None:
    answer = desk.client().post(f"/v1/session{path}", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    for rate in (desk.server.sign_in_rate, desk.server.address_rate):
        assert rate._left == {}


def test_texts_of_the_greatest_length_are_taken(desk: Desk) -> None:
    password = "x" * LONGEST_PASSWORD
    email = f"{'x' * (LONGEST_EMAIL - len('@example.org'))}@example.org"
    user = User(id=uid(), name="Long", email=email)
    desk.admin.add_user(desk.workspace.id, user, password)
    device = {"name": "n" * LONGEST_NAME, "client": "c" * LONGEST_NAME}
    answer = desk.client().post("/v1/session", json=wanted(email=email, password=password, device=device))
    assert answer.status_code == 201
    [kept] = desk.admin.devices(desk.workspace.id)
    assert (kept.name, kept.client) == (device["name"], device["client"])


def test_the_description_says_how_long_each_text_may_be(desk: Desk) -> None:
    document: dict[str, Any] = httpx.get(f"{desk.address}/openapi.json").json()
    schemas = document["components"]["schemas"]
    said = {
        (name, field): about.get("maxLength")
        for name in ("SignIn", "DeviceNote", "Refresh", "UploadRequest")
        for field, about in schemas[name]["properties"].items()
        if about.get("type") == "string"
    }
    assert len(said) == 7
    assert None not in said.values()
    assert said["SignIn", "email"] == LONGEST_EMAIL


def test_nobody_gets_a_password_or_an_address_with_which_he_could_not_sign_in(sqlite_database: Database) -> None:
    office = Office(sqlite_database)
    for user, password in (
        (replace(ANA, email="x" * (LONGEST_EMAIL + 1)), PASSWORD),
        (ANA, "x" * (LONGEST_PASSWORD + 1)),
    ):
        with pytest.raises(AdminError, match="at most"):
            office.admin.add_user(WORKSPACE.id, user, password)


def test_however_many_there_are_so_many_are_remembered_and_the_newest_among_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ismsg_tui.server.limits._MOST_KEYS", 100)
    rate = Rate(1, 2, lambda: 0.0)
    for number in range(1_000):
        rate.take(number, 2)
    assert len(rate._left) == 100
    with pytest.raises(ProblemError):
        rate.take(900)
    rate.take(899)
