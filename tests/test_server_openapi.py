"""The description of the API, and whether the server keeps to it whatever it is sent."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import positive_data_acceptance
from schemathesis.specs.openapi.schemas import OpenApiSchema

from ismsg_tui.server.app import ServerSettings
from ismsg_tui.server.database import Database
from tests.desk_server import Console, Desk, desk_on
from tests.factories import examples
from tests.servers import sqlite_url

GENEROUS = ServerSettings(
    stream_life=0.02,
    commands_per_second=1e6,
    commands_burst=1e6,
    notes_per_second=1e6,
    sign_ins_burst=1e6,
    address_burst=1e6,
)
"""Nobody is made to wait: what is tried here comes all at once."""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder: Path = tmp_path_factory.mktemp("server")
    database = Database(sqlite_url(folder))
    with desk_on(database, folder, GENEROUS) as desk:
        yield desk
    database.close()


@pytest.fixture(scope="module")
def console(desk: Desk) -> Console:
    desk.contact()
    return desk.console()


@pytest.fixture(scope="module")
def document(desk: Desk) -> dict[str, Any]:
    answer = httpx.get(f"{desk.address}/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture(scope="module")
def api(desk: Desk, document: dict[str, Any]) -> OpenApiSchema:
    document = copy.deepcopy(document)
    # Schemathesis reads `prefixItems` as a list of `items`, which then is none to it.
    rows = document["components"]["schemas"]["PageBody"]["properties"]["rows"]
    assert len(rows["items"].pop("prefixItems")) == 3
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=desk.address)
    return schema


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield method, path, operation


def test_it_is_openapi_with_every_route_in_it(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    described = {(method, path) for method, path, _ in operations(document)}
    assert {
        ("post", "/v1/session"),
        ("get", "/v1/w/{ws}/hello"),
        ("get", "/v1/w/{ws}/changes"),
        ("post", "/v1/w/{ws}/commands"),
        ("get", "/v1/w/{ws}/live"),
        ("get", "/readyz"),
    } <= described


def test_everything_of_a_workspace_wants_a_token(document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        if path.startswith("/v1/w/") or (method, path) == ("delete", "/v1/session"):
            assert operation["security"] == [{"token": []}]
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"


def test_every_no_is_a_problem(document: dict[str, Any]) -> None:
    for _, path, operation in operations(document):
        for status, answer in operation["responses"].items():
            if int(status) >= 400:
                assert list(answer["content"]) == ["application/problem+json"], (path, status)
        assert operation["description"], path


def test_nothing_but_the_description_is_served(desk: Desk) -> None:
    for path in ("/schema", "/docs", "/redoc", "/swagger", "/"):
        assert httpx.get(desk.address + path).status_code == 404


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_whatever_is_sent_is_answered_as_described(
    api: OpenApiSchema, console: Console, mode: GenerationMode, subtests: pytest.Subtests
) -> None:
    cursor = {name: value for name, value in console.cursor().items() if name != "since"}
    fixed = {"changes": {**cursor, "wait": 0}, "live": cursor}
    for found in api.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        if mode is GenerationMode.NEGATIVE and not operation.body and not operation.query:
            continue  # nothing in it can be wrong
        of_workspace = "{ws}" in operation.path
        fitting = operation.as_strategy(
            mode,
            path_parameters={"ws": console.session.workspace_id} if of_workspace else None,
            headers={"Authorization": f"Bearer {console.session.access}"} if of_workspace else None,
            query=fixed.get(operation.path.rpartition("/")[2]),
        )

        @settings(
            max_examples=examples(12),
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=fitting)
        def attempt(case: schemathesis.Case[Any]) -> None:
            case.validate_response(case.call(timeout=10), excluded_checks=[positive_data_acceptance])

        with subtests.test(operation.label):
            attempt()
