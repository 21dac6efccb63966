"""The server over real HTTP: signing in, pages of changes, commands, and how it says no."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from ismsg_tui.clock import new_id
from ismsg_tui.domain.wire import MOST_COMMANDS
from ismsg_tui.server.app import ServerSettings
from ismsg_tui.server.database import Database
from tests.desk_server import PASSWORD, Console, Desk, command, desk, desk_on, small_desk
from tests.waiting import until

__all__ = ["desk", "small_desk"]


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem in an answer, which has to be this one."""
    assert answer.headers["content-type"].partition(";")[0] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert (answer.status_code, body["code"]) == (status, code), body
    assert body["status"] == status
    assert body["type"] == f"/problems/{code}"
    assert body["instance"] == answer.headers["request-id"]
    return body


def pointers(body: dict[str, Any]) -> list[str]:
    return [error["pointer"] for error in body["errors"]]


def sign_in(client: httpx.Client, email: str = "ana@example.org", password: str = PASSWORD) -> httpx.Response:
    return client.post("/v1/session", json={"email": email, "password": password, "device": {"name": "laptop"}})


# Signing in


def test_who_signs_in_gets_a_device_with_tokens_and_can_ask(desk: Desk) -> None:
    client = desk.client()
    answer = sign_in(client)
    assert answer.status_code == 201
    session = answer.json()
    assert session["user_id"] == desk.ana.id
    assert session["workspace_name"] == "Harbour Hotel"

    hello = client.get(
        f"/v1/w/{session['workspace_id']}/hello", headers={"Authorization": f"bearer {session['access']}"}
    )
    assert hello.status_code == 200
    assert hello.json()["user_id"] == desk.ana.id
    assert hello.headers["ismsg-epoch"] == hello.json()["epoch"]
    assert hello.headers["ismsg-head"] == str(hello.json()["head"])
    assert hello.headers["cache-control"] == "no-store"


def test_a_refresh_token_gets_a_new_pair_that_is_good(desk: Desk) -> None:
    client = desk.client()
    first = sign_in(client).json()
    second = client.post("/v1/session/refresh", json={"refresh": first["refresh"]}).json()
    assert second["device_id"] == first["device_id"]
    assert second["access"] != first["access"]
    hello = client.get(f"/v1/w/{first['workspace_id']}/hello", headers={"Authorization": f"Bearer {second['access']}"})
    assert hello.status_code == 200


def test_who_signs_out_is_out(desk: Desk) -> None:
    console = desk.console()
    assert console.http.delete("/v1/session").status_code == 204
    problem(console.get("/hello"), 403, "device-revoked")


def test_a_wrong_password_is_refused_and_guessing_has_to_wait(small_desk: Desk) -> None:
    client = small_desk.client()
    for _ in range(5):
        body = problem(sign_in(client, password="wrong"), 401, "wrong-password")
    assert "wrong" in body["detail"]
    answer = sign_in(client)
    problem(answer, 429, "too-many-requests")
    assert 1 <= int(answer.headers["retry-after"]) <= 12
    assert sign_in(client, "olga@example.org").status_code == 201


def test_signing_in_rightly_uses_nothing_up(small_desk: Desk) -> None:
    client = small_desk.client()
    assert [sign_in(client).status_code for _ in range(7)] == [201] * 7


def test_whatever_is_no_token_is_refused(small_desk: Desk) -> None:
    path = f"/v1/w/{small_desk.workspace.id}/hello"
    for header in ({}, {"Authorization": "Bearer"}, {"Authorization": "Bearer " + "x" * 500}, {"Authorization": "x"}):
        answer = small_desk.client(**header).get(path)
        problem(answer, 401, "token-invalid")
        assert answer.headers["www-authenticate"] == "Bearer"
    console = small_desk.console()
    problem(small_desk.client().get(path, params={"access_token": console.session.access}), 401, "token-invalid")


def test_another_workspace_is_not_there(desk: Desk) -> None:
    console = desk.console()
    for other in (new_id(), "%00", "../w"):
        problem(console.http.get(f"/v1/w/{other}/hello"), 404, "unknown-workspace" if "." not in other else "not-found")


def test_who_is_disabled_is_told_so(desk: Desk) -> None:
    console = desk.console(desk.ana)
    desk.disable(desk.ana)
    problem(console.get("/hello"), 403, "user-disabled")


# Changes


def test_changes_come_page_by_page_up_to_the_head(desk: Desk) -> None:
    for number in range(5):
        desk.contact(f"message {number}")
    console = desk.console()
    cursor = console.cursor(0)
    rows: list[Any] = []
    more = True
    while more:
        page = console.get("/changes", **cursor, limit=3).json()
        assert page["since"] == cursor["since"]
        rows += page["rows"]
        cursor["since"] = page["to"]
        more = page["more"]
    assert page["to"] == page["head"] == console.get("/hello").json()["head"]
    assert [rev for rev, _, _ in rows] == sorted(rev for rev, _, _ in rows)
    texts = [row["text"] for _, kind, row in rows if kind == "message" and row["kind"] == "incoming"]
    assert texts == [f"message {number}" for number in range(5)]


def test_a_cursor_that_can_not_go_on_is_said_to_be_so(desk: Desk) -> None:
    console = desk.console()
    cursor = console.cursor()
    problem(console.get("/changes", **{**cursor, "since": cursor["since"] + 1}), 410, "cursor-ahead")
    problem(console.get("/changes", **{**cursor, "epoch": "other"}), 410, "cursor-epoch")
    problem(console.get("/changes", **{**cursor, "sight": cursor["sight"] + 1}), 410, "cursor-sight")


def test_who_waits_for_changes_gets_them_when_they_happen(desk: Desk) -> None:
    console = desk.console()
    cursor = console.cursor()
    pages: list[httpx.Response] = []
    waiting = Thread(target=lambda: pages.append(console.get("/changes", **cursor, wait=25)))
    waiting.start()
    contact = desk.contact("at last")
    waiting.join()
    assert pages[0].status_code == 200
    assert contact.id in pages[0].text


def test_who_waits_in_vain_gets_nothing(desk: Desk) -> None:
    console = desk.console()
    answer = console.get("/changes", **console.cursor(), wait=0.05)
    assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ({"since": -1}, "since"),
        ({"since": "x"}, "since"),
        ({"since": 1 << 60}, "since"),
        ({"limit": 0}, "limit"),
        ({"wait": 26}, "wait"),
        ({"epoch": "x" * 65}, "epoch"),
        ({"sight": None}, "sight"),
    ],
)
def test_a_wrong_parameter_is_named(small_desk: Desk, query: dict[str, Any], wrong: str) -> None:
    console = small_desk.console()
    whole = {**console.cursor(), **query}
    answer = console.get("/changes", **{name: value for name, value in whole.items() if value is not None})
    assert pointers(problem(answer, 422, "invalid")) == [wrong]


# Commands


def test_commands_are_carried_out_in_order_and_answered(desk: Desk) -> None:
    contact = desk.contact()
    console = desk.console()
    send = command("message.send", contact_id=contact.id, text="Good evening")
    close = command("conversation.close", contact_id=contact.id)
    answer = console.push(send, close)
    assert answer.status_code == 200
    results = answer.json()["results"]
    assert [result["id"] for result in results] == [send["id"], close["id"]]
    assert all(result["refusal"] is None for result in results)
    assert results[0]["seq"] < results[1]["seq"] == answer.json()["head"]
    assert answer.headers["ismsg-head"] == str(answer.json()["head"])


def test_the_same_command_twice_is_one(desk: Desk) -> None:
    contact = desk.contact()
    console = desk.console()
    send = command("message.send", contact_id=contact.id, text="Once")
    first, second = console.push(send).json(), console.push(send).json()
    assert first["results"] == second["results"]
    page = console.get("/changes", **console.cursor(0)).json()
    assert [row["text"] for _, kind, row in page["rows"] if kind == "message"].count("Once") == 1


def test_another_command_under_a_used_id_is_refused(desk: Desk) -> None:
    contact = desk.contact()
    console = desk.console()
    first = command("message.send", contact_id=contact.id, text="One")
    assert console.push(first).status_code == 200
    second = {**command("message.send", contact_id=contact.id, text="Two"), "id": first["id"]}
    problem(console.push(second), 422, "command-reuse")


def test_the_signed_in_user_acts_whatever_the_command_says(desk: Desk) -> None:
    contact = desk.contact()
    console = desk.console()
    comment = command("comment.add", contact_id=contact.id, text="Seen")
    comment["actor"] = {"user_id": desk.ana.id}
    assert console.push(comment).status_code == 200
    page = console.get("/changes", **console.cursor(0)).json()
    [row] = [row for _, kind, row in page["rows"] if kind == "message" and row["text"] == "Seen"]
    assert row["author_id"] == desk.olga.id


def test_a_contact_out_of_sight_is_like_one_that_is_not_there(desk: Desk) -> None:
    hidden = desk.contact(assignee=desk.olga)
    console = desk.console(desk.ana)
    answers = [
        console.push(command("message.send", contact_id=id_, text="Hi")).json()["results"][0]["refusal"]
        for id_ in (hidden.id, new_id())
    ]
    assert answers[0] == answers[1] != None  # noqa: E711 - both are there
    page = console.get("/changes", **console.cursor(0)).json()
    assert hidden.id not in json.dumps(page)


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"command": {"type": "message.shout", "contact_id": "x", "text": "x"}}, "/commands/1/command/type"),
        ({"command": {"type": "message.send", "contact_id": "x"}}, "/commands/1/command/text"),
        ({"command": {"type": "message.send", "contact_id": "x", "text": 5}}, "/commands/1/command/text"),
        ({"command": {"text": "x"}}, "/commands/1/command/type"),
        ({"command": []}, "/commands/1/command"),
        ({"at": "0"}, "/commands/1/at"),
        ({"at": 1.5}, "/commands/1/at"),
        ({"id": None}, "/commands/1/id"),
        ({"id": "not a uuid"}, "/commands/1/id"),
    ],
)
def test_a_wrong_field_of_a_command_is_named(small_desk: Desk, change: dict[str, Any], wrong: str) -> None:
    contact = small_desk.contact()
    console = small_desk.console()
    good = command("message.send", contact_id=contact.id, text="Hello")
    answer = console.push(good, {**good, **change})
    assert answer.status_code == 422
    assert wrong in pointers(answer.json())
    assert console.get("/changes", **console.cursor(0)).text.count("Hello") == 0  # nothing of the batch was done


def test_too_many_commands_are_refused(small_desk: Desk) -> None:
    console = small_desk.console()
    many = [command("read.mark", contact_id=new_id(), up_to=1) for _ in range(MOST_COMMANDS + 1)]
    assert pointers(problem(console.push(*many), 422, "invalid")) == ["/commands"]


@pytest.mark.parametrize(
    ("body", "kind", "status", "code"),
    [
        (b"", "application/json", 400, "malformed"),
        (b"{", "application/json", 400, "malformed"),
        (b'{"commands": []} x', "application/json", 400, "malformed"),
        (b'{"commands": [{"id": "\xff"}]}', "application/json", 400, "malformed"),
        (b'{"commands": [], "x": ' + b"[" * 100_000, "application/json", 400, "malformed"),
        (b"[]", "application/json", 422, "invalid"),
        (b'{"commands": []}', "text/plain", 415, "content-type"),
        (b'{"commands": []}', "application/x-www-form-urlencoded", 415, "content-type"),
        (b'{"commands": [' + b" " * (1 << 20) + b"]}", "application/json", 413, "too-large"),
    ],
)
def test_a_body_that_can_not_be_read_is_refused(
    small_desk: Desk, body: bytes, kind: str, status: int, code: str
) -> None:
    console = small_desk.console()
    answer = console.http.post(f"{console.base}/commands", content=body, headers={"Content-Type": kind})
    problem(answer, status, code)


def test_a_body_without_a_length_is_bounded_too(small_desk: Desk) -> None:
    console = small_desk.console()

    def endless() -> Iterator[bytes]:
        for _ in range(40):
            yield b" " * (1 << 16)

    answer = console.http.post(
        f"{console.base}/commands", content=endless(), headers={"Content-Type": "application/json"}
    )
    problem(answer, 413, "too-large")


def test_hostile_texts_never_break_the_server(desk: Desk) -> None:
    contact = desk.contact()
    console = desk.console()
    for text in ("\0", "\x1b]52;c;aGk=\x07", "a" * 70_000, "\u202e", "𝕏" * 10, "'; DROP TABLE row; --"):
        for wanted in (
            command("message.send", contact_id=contact.id, text=text),
            command("message.send", contact_id=contact.id, text="x", channel_id=text),
            command("message.send", contact_id=contact.id, text="x", reply_to=text),
            command("comment.add", contact_id=contact.id, text="x", mentions=[text]),
            command("contact.assign", contact_id=contact.id, assignee_id=text),
            command("snippet.use", snippet_id=text),
        ):
            answer = console.push(wanted)
            assert answer.status_code in (200, 422), (text, wanted, answer.text)


def test_a_device_that_sends_too_much_has_to_wait(sqlite_database: Database, tmp_path: Path) -> None:
    settings = ServerSettings(commands_per_second=0.5, commands_burst=100)
    with desk_on(sqlite_database, tmp_path, settings) as desk:
        console, other = desk.console(), desk.console()
        marks = [command("read.mark", contact_id=new_id(), up_to=1) for _ in range(80)]
        assert console.push(*marks).status_code == 200
        answer = console.push(*marks)
        problem(answer, 429, "too-many-requests")
        assert int(answer.headers["retry-after"]) == answer.json()["retry_after"] > 100
        assert other.push(*marks).status_code == 200


# Presence, and what operators ask


@pytest.mark.parametrize(
    ("note", "wrong"),
    [({"state": "asleep"}, "/state"), ({}, "/state"), ({"state": "online", "viewing": "x" * 65}, "/viewing")],
)
def test_a_wrong_presence_is_named(small_desk: Desk, note: dict[str, Any], wrong: str) -> None:
    assert pointers(problem(small_desk.console().post("/presence", note), 422, "invalid")) == [wrong]


def test_newcomers_and_operators_are_answered_without_a_token(desk: Desk) -> None:
    client = desk.client()
    assert client.get("/.well-known/ismsg").json()["base"] == "/v1"
    assert client.get("/healthz").json() == {"ok": True}
    assert client.get("/readyz").json() == {"ok": True}


def test_what_is_not_there_is_a_problem_too(small_desk: Desk) -> None:
    client = small_desk.client()
    problem(client.get("/nothing"), 404, "not-found")
    answer = client.delete("/healthz")
    problem(answer, 405, "method-not-allowed")
    assert "GET" in answer.headers["allow"]


def test_numbers_are_counted_by_route_and_never_by_id(desk: Desk) -> None:
    contact = desk.contact()
    console: Console = desk.console()
    console.push(
        command("comment.add", contact_id=contact.id, text="x"), command("comment.add", contact_id=new_id(), text="x")
    )
    answer = desk.client().get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    lines = answer.text.splitlines()
    assert 'ismsg_commands_total{outcome="applied",type="comment.add"} 1.0' in lines
    assert 'ismsg_commands_total{outcome="refused",type="comment.add"} 1.0' in lines
    assert 'ismsg_requests_total{method="POST",route="/v1/w/{ws}/commands",status="200"} 1.0' in lines
    assert desk.workspace.id not in answer.text
    assert [line for line in lines if line.startswith("ismsg_head_time_seconds ")] != ["ismsg_head_time_seconds 0.0"]


def test_a_request_that_breaks_off_is_no_fault_of_the_server(
    small_desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    host, port = small_desk.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        head = (
            "POST /v1/session HTTP/1.1\r\nHost: desk\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"
        )
        connection.sendall(head.encode() + b'{"email":')
    client = small_desk.client()
    until(lambda: 'status="400"' in client.get("/metrics").text)
    assert [record for record in caplog.records if record.exc_info] == []
