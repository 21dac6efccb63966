"""The live stream over real HTTP: changes as they happen, who is there, and how streams end."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from msgspec.structs import replace
from sqlalchemy import text

from ismsg_tui.domain.commands import ReceiveMessage
from ismsg_tui.domain.entities import Visibility
from ismsg_tui.server import run
from ismsg_tui.server.app import Server, ServerSettings
from ismsg_tui.server.database import Database
from ismsg_tui.server.run import Background
from tests.desk_server import Console, Desk, Live, command, desk, desk_on, small_desk
from tests.waiting import PATIENCE, until

__all__ = ["desk", "small_desk"]


def open_streams(desk: Desk) -> int:
    lines = httpx.get(f"{desk.address}/metrics", timeout=PATIENCE).text.splitlines()
    return next(int(float(line.split()[1])) for line in lines if line.startswith("ismsg_streams "))


def until_streams(desk: Desk, number: int) -> None:
    """Return once so many streams are open."""
    until(lambda: open_streams(desk) == number, seen=lambda: f"{open_streams(desk)} streams are open, not {number}")


# Changes


def test_changes_come_as_they_happen_and_go_on_from_one_another(desk: Desk) -> None:
    console = desk.console()
    cursor = console.cursor()
    live = Live(console, **cursor)
    assert live.answer.headers["content-type"].startswith("text/event-stream")
    assert live.answer.headers["x-accel-buffering"] == "no"
    assert live.next() == ("presence", [])
    at, found = cursor["since"], ""
    contact = desk.contact("at once")
    while "at once" not in found:
        name, page = live.next()
        assert name == "changes"
        assert page["since"] == at
        at = page["to"]
        found += str(page["rows"])
    assert contact.id in found
    live.close()


def test_what_was_missed_comes_first(desk: Desk) -> None:
    console = desk.console()
    cursor = console.cursor()
    contact = desk.contact()
    live = Live(console, **cursor)
    name, page = live.next()
    assert name == "changes"
    assert contact.id in str(page["rows"])
    assert page["to"] == page["head"]
    live.close()


def test_what_is_too_much_for_an_event_is_only_hinted_at(desk: Desk) -> None:
    console = desk.console()
    cursor = console.cursor()
    contact = desk.contact()
    texts = [command("comment.add", contact_id=contact.id, text="x" * 900) for _ in range(80)]
    assert console.push(*texts).status_code == 200
    live = Live(console, **cursor)
    head = console.get("/hello").json()["head"]
    assert live.next() == ("head", {"to": head})
    assert live.next() == ("presence", [])
    console.push(command("comment.add", contact_id=contact.id, text="and on"))
    name, page = live.next()
    assert (name, page["since"]) == ("changes", head)  # goes on from the hint
    live.close()


def test_an_agent_hears_nothing_of_others_contacts(desk: Desk) -> None:
    live = Live(desk.console(desk.ana))
    hidden = desk.contact("secret", assignee=desk.olga)
    own = desk.contact("for Ana", assignee=desk.ana)
    seen = ""
    while own.id not in seen or "for Ana" not in seen:
        seen += str(live.next("changes")[1])
    assert hidden.id not in seen
    assert "secret" not in seen
    live.close()


def test_a_contact_that_is_taken_away_is_gone(desk: Desk) -> None:
    contact = desk.contact(assignee=desk.ana)
    live = Live(desk.console(desk.ana))
    desk.console().push(
        command("contact.assign", contact_id=contact.id, assignee_id=desk.olga.id, expected_id=desk.ana.id)
    )
    _, page = live.next("changes")
    assert page["gone"] == [contact.id]
    assert page["rows"] == []
    live.close()


def test_a_wrong_cursor_is_refused_before_the_stream_begins(desk: Desk) -> None:
    console = desk.console()
    answer = console.get("/live", **{**console.cursor(), "epoch": "other"})
    assert (answer.status_code, answer.json()["code"]) == (410, "cursor-epoch")


# Presence


def test_others_see_who_is_there_and_what_they_look_at(desk: Desk) -> None:
    contact = desk.contact()
    ana = desk.console(desk.ana)
    live = Live(desk.console())
    assert live.next("presence")[1] == []
    assert ana.post("/presence", {"state": "online", "viewing": contact.id, "typing": True}).status_code == 204
    there = {"user_id": desk.ana.id, "state": "online", "viewing": contact.id, "typing": True}
    assert live.next("presence")[1] == [there]
    ana.post("/presence", {"state": "busy"})
    assert live.next("presence")[1] == [{"user_id": desk.ana.id, "state": "busy", "viewing": None, "typing": False}]
    assert ana.http.delete("/v1/session").status_code == 204
    assert live.next("presence")[1] == []
    live.close()


def test_nobody_sees_which_hidden_contact_another_looks_at(desk: Desk) -> None:
    hidden = desk.contact(assignee=desk.olga)
    live = Live(desk.console(desk.ana))
    assert live.next("presence")[1] == []
    desk.console().post("/presence", {"state": "online", "viewing": hidden.id, "typing": True})
    assert live.next("presence")[1] == [{"user_id": desk.olga.id, "state": "online", "viewing": None, "typing": False}]
    live.close()


def test_who_says_nothing_more_is_not_there_any_more(small_desk: Desk) -> None:
    now = time.monotonic()
    small_desk.server.hub.presence._clock = lambda: now
    ana = small_desk.console(small_desk.ana)
    live = Live(small_desk.console())
    assert live.next("presence")[1] == []
    ana.post("/presence", {"state": "online"})
    assert len(live.next("presence")[1]) == 1
    small_desk.server.hub.presence._clock = lambda: now + 61
    assert live.next("presence")[1] == []
    live.close()


# How streams end


def test_streams_are_told_when_the_server_ends(sqlite_database: Database, tmp_path: Path) -> None:
    with desk_on(sqlite_database, tmp_path) as desk:
        lives = [Live(desk.console()) for _ in range(10)]
        waiting = desk.console()
        for live in lives:
            live.next("presence")
        desk.background.stop()
        assert [live.reason() for live in lives] == ["restart"] * 10
        assert waiting.http.is_closed is False


def test_the_oldest_of_three_streams_of_a_device_ends(small_desk: Desk) -> None:
    console = small_desk.console()
    first, second, third = (Live(console) for _ in range(3))
    assert first.reason() == "replaced"
    contact = small_desk.contact()
    for live in (second, third):
        assert contact.id in str(live.next("changes"))
        live.close()
    until_streams(small_desk, 0)


def test_a_stream_ends_when_its_life_is_over(sqlite_database: Database, tmp_path: Path) -> None:
    with desk_on(sqlite_database, tmp_path, ServerSettings(stream_life=0.05)) as desk:
        assert Live(desk.console()).reason() == "life"


def test_a_quiet_stream_shows_that_it_is_there(sqlite_database: Database, tmp_path: Path) -> None:
    with desk_on(sqlite_database, tmp_path, ServerSettings(keepalive=0.05)) as desk:
        console = desk.console()
        with console.http.stream("GET", f"{console.base}/live", params=console.cursor()) as answer:
            assert ":" in (line for line in answer.iter_lines())


def test_who_is_signed_out_hears_nothing_more(sqlite_database: Database, tmp_path: Path) -> None:
    with desk_on(sqlite_database, tmp_path, ServerSettings(keepalive=0.05)) as desk:
        console = desk.console()
        live = Live(console)
        desk.server.accounts.sign_out(console.session.device_id)
        assert live.reason() == "device-revoked"


def test_who_may_see_less_from_now_on_has_to_begin_anew(desk: Desk) -> None:
    live = Live(desk.console())
    desk.admin.add_user(desk.workspace.id, replace(desk.ana, visibility=Visibility.ALL))
    assert desk.ana.id in str(live.next("changes"))  # others hear of it only as of a change
    ana = Live(desk.console(desk.ana))
    desk.admin.add_user(desk.workspace.id, replace(desk.ana, visibility=Visibility.OWN))
    assert ana.reason() == "cursor-sight"
    live.close()


def test_a_reader_who_takes_nothing_costs_nothing_and_is_left(
    sqlite_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listen = run.listen

    def listen_with_small_buffers(host: str, port: int) -> socket.socket:
        listening = listen(host, port)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)  # or it takes the kernel megabytes to notice
        return listening

    monkeypatch.setattr(run, "listen", listen_with_small_buffers)
    with desk_on(sqlite_database, tmp_path, ServerSettings(stall=0.2, keepalive=0.05)) as desk:
        console = desk.console()
        contact = desk.contact()
        query = "&".join(f"{name}={value}" for name, value in console.cursor().items())
        host, port = desk.address.removeprefix("http://").split(":")
        with socket.socket() as reader:
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            reader.connect((host, int(port)))
            reader.sendall(
                f"GET {console.base}/live?{query} HTTP/1.1\r\nHost: x\r\n"
                f"Authorization: Bearer {console.session.access}\r\n\r\n".encode()
            )
            until_streams(desk, 1)

            def is_left() -> bool:
                desk.submit(ReceiveMessage(contact.id, "x" * 50_000, desk.channel.id))
                return open_streams(desk) == 0

            until(is_left)
        assert console.get("/hello").status_code == 200


def test_a_reader_who_goes_is_forgotten(small_desk: Desk) -> None:
    console = small_desk.console()
    live = Live(console)
    until_streams(small_desk, 1)
    live.close()
    until_streams(small_desk, 0)


# Several processes


@pytest.fixture
def pair(postgres_database: Database, tmp_path: Path) -> Iterator[tuple[Desk, Console]]:
    """A desk, and a console of its owner at a second server on the same database."""
    with desk_on(postgres_database, tmp_path) as desk:
        other = Database(postgres_database.url.render_as_string(hide_password=False))
        background = Background(Server(other, tmp_path))
        console = desk.console()
        console.http.base_url = httpx.URL(background.address)
        yield desk, console
        background.stop()
        other.close()


def test_what_one_process_does_the_other_tells(pair: tuple[Desk, Console]) -> None:
    desk, console = pair
    live = Live(console)
    assert live.next("presence")[1] == []
    contact = desk.contact()
    assert contact.id in str(live.next("changes"))
    desk.console(desk.ana).post("/presence", {"state": "away"})
    assert live.next("presence")[1][0]["user_id"] == desk.ana.id
    live.close()


def test_a_process_that_can_not_hear_the_others_looks_for_itself(pair: tuple[Desk, Console]) -> None:
    desk, console = pair
    live = Live(console)
    with desk.server.database.engine.connect() as connection:
        connection.execute(text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"))
    contact = desk.contact()
    assert contact.id in str(live.next("changes"))
    live.close()
