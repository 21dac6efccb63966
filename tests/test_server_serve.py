"""`ismsg serve` as a real process: when it is ready, how it ends, and what it refuses."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from ismsg_tui.clock import new_id
from ismsg_tui.domain.entities import Role, User, Workspace
from ismsg_tui.server.accounts import Accounts
from ismsg_tui.server.admin import Admin
from ismsg_tui.server.database import Database
from ismsg_tui.server.ledger import Ledger
from tests.cli_desk import environment
from tests.servers import postgres_url
from tests.waiting import PATIENCE, listening_to, until

OLGA = User(id=new_id(), name="Olga", email="olga@example.org", role=Role.OWNER)
WORKSPACE = Workspace(id=new_id(), name="Harbour Hotel")


def start(folder: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "ismsg_tui", "serve", "--data", str(folder), "--port", "0", *options],
        env={**os.environ, **environment(folder)},
        stdout=subprocess.PIPE,
        stderr=(folder / "journal").open("a"),
        text=True,
    )


def address_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    with listening_to(process):
        line = process.stdout.readline()
    assert line.startswith("Ready: http"), line
    return line.split()[1]


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server that runs, and its address."""
    process = start(folder, *options)
    try:
        yield process, address_of(process)
    finally:
        process.kill()
        process.communicate()


def ended(process: subprocess.Popen[str]) -> int:
    """The exit code after SIGTERM."""
    process.send_signal(signal.SIGTERM)
    return process.wait(PATIENCE)


def refused(folder: Path, *options: str) -> str:
    """What is said where the server can't be run."""
    process = start(folder, *options)
    out, _ = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (1, "")
    said = (folder / "journal").read_text()
    assert "Traceback" not in said
    return said.strip().splitlines()[-1]


def journal(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "journal").read_text().splitlines()]


def people(url: str) -> list[httpx.Client]:
    """Thirty consoles that are signed in to a workspace in the database, which has to be migrated."""
    database = Database(url)
    Admin(database, Ledger(database)).create_workspace(WORKSPACE)
    Admin(database, Ledger(database)).add_user(WORKSPACE.id, OLGA, "correct horse battery")
    accounts = Accounts(database)
    sessions = [accounts.issue_local(WORKSPACE.id, OLGA.id, "test") for _ in range(30)]
    database.close()
    return [
        httpx.Client(headers={"Authorization": f"Bearer {session.access}"}, timeout=PATIENCE) for session in sessions
    ]


def save(client: httpx.Client, base: str, name: str) -> httpx.Response:
    snippet = {"id": new_id(), "name": name, "text": name}
    wanted = {"id": new_id(), "command": {"type": "snippet.save", "snippet": snippet}, "actor": {}, "at": 0}
    return client.post(f"{base}/v1/w/{WORKSPACE.id}/commands", json={"commands": [wanted]})


def everything(client: httpx.Client, base: str) -> str:
    hello = client.get(f"{base}/v1/w/{WORKSPACE.id}/hello").json()
    cursor = {"since": 0, "epoch": hello["epoch"], "sight": hello["sight"]}
    return client.get(f"{base}/v1/w/{WORKSPACE.id}/changes", params=cursor).text


def test_it_makes_its_database_says_when_it_is_ready_and_ends_cleanly(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    tmp_path.joinpath("new").mkdir()
    with serving(folder) as (process, base):
        assert httpx.get(f"{base}/readyz", timeout=PATIENCE).json() == {"ok": True}
        assert (folder / "server.db").stat().st_mode & 0o77 == 0
        assert ended(process) == 0
    [line] = journal(folder)
    assert "ismsg server init" in str(line["event"])


def test_it_ends_with_fifty_streams_that_are_told(tmp_path: Path) -> None:
    with serving(tmp_path) as (process, base), ExitStack() as stack:
        clients = people(f"sqlite:///{tmp_path}/server.db")
        hello = clients[0].get(f"{base}/v1/w/{WORKSPACE.id}/hello").json()
        cursor = {"since": hello["head"], "epoch": hello["epoch"], "sight": hello["sight"]}
        streams = [
            stack.enter_context(client.stream("GET", f"{base}/v1/w/{WORKSPACE.id}/live", params=cursor))
            for client in clients[:25] * 2
        ]
        for stream in streams:
            assert stream.status_code == 200
        assert ended(process) == 0
        assert all("bye" in stream.read().decode() for stream in streams)


def test_what_was_acknowledged_survives_being_killed(tmp_path: Path) -> None:
    with serving(tmp_path) as (process, base):
        client = people(f"sqlite:///{tmp_path}/server.db")[0]
        assert save(client, base, "before the end").json()["results"][0]["refusal"] is None
        process.send_signal(signal.SIGKILL)
        process.wait()
    with serving(tmp_path) as (process, base):
        assert "before the end" in everything(client, base)
        assert save(client, base, "and on").status_code == 200


def test_the_journal_tells_what_happened_and_no_secret(tmp_path: Path) -> None:
    with serving(tmp_path) as (process, base):
        client = people(f"sqlite:///{tmp_path}/server.db")[0]
        save(client, base, "a private word")
        client.get(f"{base}/v1/w/{WORKSPACE.id}/changes?since=0&epoch=wrong&sight=0")
        wrong = {"email": "olga@example.org", "password": "my secret", "device": {"name": "x"}}
        request = client.post(f"{base}/v1/session", json=wrong).headers["request-id"]
        ended(process)
    lines = [line for line in journal(tmp_path) if line["event"] == "request"]
    assert [(line["method"], line["path"], line["status"]) for line in lines] == [
        ("POST", "/v1/w/{ws}/commands", 200),
        ("GET", "/v1/w/{ws}/changes", 410),
        ("POST", "/v1/session", 401),
    ]
    assert lines[-1]["request"] == request
    assert lines[0]["device"]
    written = (tmp_path / "journal").read_text()
    for secret in ("a private word", "my secret", "olga@example.org", client.headers["authorization"].split()[1]):
        assert secret not in written


def test_it_speaks_https_by_a_certificate(tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("there is no openssl to make a certificate with")
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    wanted = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
    wanted += ["-addext", "subjectAltName=IP:127.0.0.1", "-out", str(certificate), "-keyout", str(key)]
    subprocess.run([openssl, *wanted], check=True, capture_output=True)
    files = ("--ssl-certfile", str(certificate), "--ssl-keyfile", str(key))
    with serving(tmp_path, "--host", "0.0.0.0", *files) as (_, base):
        assert base.startswith("https://")
        trusted = ssl.create_default_context(cafile=certificate)
        answer = httpx.get(f"{base.replace('0.0.0.0', '127.0.0.1')}/healthz", verify=trusted, timeout=PATIENCE)
        assert answer.json() == {"ok": True}


def test_files_that_are_no_certificate_and_key_are_named(tmp_path: Path) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    for file in (certificate, key):
        file.write_text("nothing of the kind")
    said = refused(tmp_path, "--ssl-certfile", str(certificate), "--ssl-keyfile", str(key))
    assert str(certificate) in said
    assert str(key) in said


def test_a_busy_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert f"Port {port} is busy" in refused(tmp_path, "--port", str(port))


def test_a_second_server_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    with serving(tmp_path):
        assert "Another server works on" in refused(tmp_path)


def test_several_workers_need_postgresql(tmp_path: Path) -> None:
    assert "3 workers need PostgreSQL" in refused(tmp_path, "--workers", "3")


def test_passwords_do_not_travel_in_clear_unless_that_is_wanted(tmp_path: Path) -> None:
    assert "--insecure-http" in refused(tmp_path, "--host", "0.0.0.0")
    with serving(tmp_path, "--host", "0.0.0.0", "--insecure-http") as (_, base):
        assert httpx.get(f"{base.replace('0.0.0.0', '127.0.0.1')}/healthz", timeout=PATIENCE).status_code == 200


@pytest.mark.parametrize("address", ["mysql://x/y", "nonsense", "postgresql://nobody@127.0.0.1:1/x"])
def test_a_database_that_can_not_be_used_is_said_in_a_sentence(tmp_path: Path, address: str) -> None:
    assert "database" in refused(tmp_path, "--db", address)


def test_workers_tell_each_other_and_one_that_dies_is_replaced(tmp_path: Path) -> None:
    url = postgres_url()
    clients = people(url)
    with serving(tmp_path, "--db", url, "--workers", "2") as (process, base):
        with clients[0].stream("GET", f"{base}/v1/w/{WORKSPACE.id}/live", params=_cursor(clients[0], base)) as answer:
            assert save(clients[1], base, "to all workers").status_code == 200
            assert any("to all workers" in line for line in answer.iter_lines())
        assert (
            'route="/v1/w/{ws}/commands"' in httpx.get(f"{base}/metrics", timeout=PATIENCE).text
        )  # whichever worker counted it
        workers = _children(process.pid)
        assert len(workers) == 2
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
        assert "to all workers" in _patiently(clients[2], base)
        assert ended(process) == 0
        with pytest.raises(httpx.TransportError):
            httpx.get(f"{base}/healthz")
    replaced = [line for line in journal(tmp_path) if line["event"] == "a worker ended and is replaced"]
    assert {line["exit"] for line in replaced} == {-signal.SIGKILL}


def _patiently(client: httpx.Client, base: str) -> str:
    """Everything, asked for again where the connection was to a worker that has died."""
    found: list[str] = []

    def is_answered() -> bool:
        with suppress(httpx.TransportError):
            found.append(everything(client, base))
        return bool(found)

    until(is_answered)
    return found[0]


def _children(pid: int) -> list[int]:
    """The workers; a helper of Python's is a child too, and left alone."""
    found = subprocess.run(
        ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(pid)], capture_output=True, text=True, check=True
    )
    return [int(line.split()[0]) for line in found.stdout.splitlines() if "spawn_main" in line]


def _cursor(client: httpx.Client, base: str) -> dict[str, str | int]:
    hello = client.get(f"{base}/v1/w/{WORKSPACE.id}/hello").json()
    return {"since": hello["head"], "epoch": hello["epoch"], "sight": hello["sight"]}
