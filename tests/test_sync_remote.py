"""The console's end of the protocol over a line on which everything goes wrong: a clear error, and nothing is lost."""

from __future__ import annotations

import gzip
import ssl
import stat
import threading
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ismsg_tui.clock import new_id, now_ms
from ismsg_tui.domain.commands import Issued, SendMessage
from ismsg_tui.domain.wire import LARGEST_BODY, MOST_COMMANDS, Hello
from ismsg_tui.signing import sign_in
from ismsg_tui.store.outbox import OutboxState
from ismsg_tui.sync.authority import AnewError, BusyError, ClientError, SignedOutError, UnreachableError
from ismsg_tui.sync.http import Http, retry_after
from ismsg_tui.sync.pages import read_page
from ismsg_tui.sync.remote import batches
from ismsg_tui.sync.status import SyncState
from tests.bad_line import BadLine, Rule, Speak, answer, endless, problem, raw
from tests.factories import ANA, BY_ANA, MAI, WORKSPACE
from tests.on_a_bad_line import ana, line, team
from tests.team import OMAR, Console, Team, in_both, quick

__all__ = ["ana", "line", "team"]

W = f"/v1/w/{WORKSPACE.id}"
WRONG = (UnreachableError, ClientError, SignedOutError)
"""Every error that a caller has to know."""


def page(**more: Any) -> bytes:
    """A page that says nothing but what is given."""
    return msgspec.json.encode({"since": 0, "to": 0, "head": 0, "more": False, "rows": [], "gone": [], **more})


GARBAGE: dict[str, Speak] = {
    "a page of HTML": answer(200, b"<html>Please sign in to this network</html>", kind="text/html"),
    "nothing": answer(200),
    "another thing": answer(200, b'{"ok":true}'),
    "no text": answer(200, b"\xff\xfe\x00\x01"),
    "half a body": raw(b'HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{"since":0,'),
    "half a head": raw(b"HTTP/1.1 200 O"),
    "no HTTP": raw(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "an end at once": raw(b""),
    "what is said to be gzip": answer(200, b"not gzip", Content_Encoding="gzip"),
    "deep nesting": answer(200, b"[" * 200_000),
    "another place": answer(302, Location="http://example.org/"),
    "not found": answer(404, b"<html>404</html>", kind="text/html"),
    "a fault": answer(500, b"oops", kind="text/plain"),
    "a bad gateway": answer(502, b"<html>502</html>", kind="text/html"),
    "unavailable": answer(503, Retry_After="0"),
    "patience": problem(429, "too-many-requests", Retry_After="0"),
    "a full disk": problem(507, "no-room"),
    "forbidden": problem(403, "not-allowed"),
    "no such workspace": problem(404, "unknown-workspace"),
    "a problem that is none": answer(422, b"[]", kind="application/problem+json"),
    "a proxy's sign-in": answer(407, b"<html>", kind="text/html"),
}


@pytest.mark.parametrize("what", ["GET /hello", "GET /changes", "POST /commands"])
def test_whatever_is_answered_the_outbox_stays_and_goes_on_later(ana: Console, line: BadLine, what: str) -> None:
    method, _, path = what.partition(" ")
    for garbage, speak in GARBAGE.items():
        line.rules = [Rule(f"{method} {W}{path}", speak)]
        ana.act(SendMessage(MAI.id, garbage))
        ana.sync._exchange.standing = None  # as after any failure
        with pytest.raises(WRONG) as wrong:
            ana.sync.exchange()
        assert str(wrong.value).endswith((".", "?")), garbage
        assert ana.texts()[-1] == garbage
        line.rules = []
        ana.sync.exchange()
        assert ana.counts.unsent == 0, garbage
    assert ana.refused == []
    assert in_both(ana) == list(GARBAGE)


LINE = {"id": new_id(), "contact_id": new_id(), "kind": "incoming", "at": 1}
BAD_PAGES: dict[str, bytes] = {
    "from another place": page(since=7, to=9),
    "backwards": page(since=5, to=3),
    "without an end": page(more=True),
    "beyond all counting": page(to=1 << 60),
    "below zero": page(since=-1),
    "with a row from the future": page(to=1, rows=[[5, "contact", {"id": new_id()}]]),
    "with a row that is none": page(to=1, rows=[[1, "contact", {"first_name": 5}]]),
    "with a line of no id": page(
        to=1, rows=[[1, "message", {"id": "x", "contact_id": "y", "kind": "incoming", "at": 1}]]
    ),
    "with a row of no kind": page(to=1, rows=[[1, None, {}]]),
}


def test_a_page_that_can_not_be_is_not_taken_in(team: Team, line: BadLine) -> None:
    for bad, body in BAD_PAGES.items():
        ana = team.console(bad, address=line.address)
        line.rules = [Rule(f"GET {W}/changes", answer(200, body))]
        with pytest.raises(ClientError):
            ana.sync.exchange()
        assert ana.store.cursor == 0, bad
        line.rules = []
        ana.sync.exchange()
        assert ana.store.cursor > 0


def test_rows_of_a_kind_that_is_not_known_are_left_out() -> None:
    body = page(to=2, rows=[[1, "hologram", {"x": 1}], [2, "contact", {"id": "c", "first_name": "Mai", "later": 1}]])
    assert [(rev, getattr(row, "first_name", "")) for rev, row in read_page(body).rows] == [(2, "Mai")]


def test_an_answer_without_an_end_is_not_read_to_it(ana: Console, line: BadLine) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
    line.rules.append(Rule(f"GET {W}/hello", endless(head, b" " * 65_536, 1_000)))
    with pytest.raises(ClientError, match="too long"):
        ana.authority._http.ask("GET", f"{W}/hello", largest=1 << 20)


def test_a_small_answer_that_unpacks_to_a_large_one_is_not_believed(ana: Console, line: BadLine) -> None:
    bomb = gzip.compress(b" " * (8 << 20))
    line.rules.append(Rule(f"GET {W}/hello", answer(200, bomb, Content_Encoding="gzip")))
    with pytest.raises(ClientError, match="too long"):
        ana.authority._http.ask("GET", f"{W}/hello", largest=1 << 20)


def test_one_effect_comes_of_a_command_wherever_the_line_is_cut(team: Team, line: BadLine) -> None:
    ana = team.console("ana", address=line.address)
    ana.sync.exchange()
    path = f"POST {W}/commands"
    texts = []
    for number, rule in enumerate(
        [Rule(path, cut_request=at) for at in (0, 1, 90, 300, -20, -1)]
        + [Rule(path, cut_reply=at) for at in (0, 1, 12, 100, 250)]
    ):
        text = f"message {number}"
        texts.append(text)
        ana.act(SendMessage(MAI.id, text))
        line.rules = [rule]
        with pytest.raises(UnreachableError):
            ana.sync.exchange()
        line.rules = []
        ana.sync.exchange()
    assert in_both(ana) == texts


def test_what_was_refused_before_it_could_leave_can_be_taken_back_and_what_may_have_left_can_not(
    team: Team, line: BadLine
) -> None:
    ana = team.console("ana", address=line.address)
    ana.sync.exchange()
    line.rules.append(Rule(f"POST {W}/commands", cut_reply=5))
    sent = ana.act(SendMessage(MAI.id, "sent"))
    with pytest.raises(UnreachableError):
        ana.sync.exchange()
    assert ana.store.withdraw(sent, now_ms()) is None
    line.close()
    kept = ana.act(SendMessage(OMAR.id, "kept"))
    with pytest.raises(UnreachableError) as unreachable:
        ana.sync._exchange.push()
    assert not unreachable.value.arrived
    assert ana.store.withdraw(kept, now_ms()) is not None
    assert ana.store.withdraw(sent, now_ms()) is None


def test_a_command_that_is_never_taken_is_refused_alone_and_the_others_are_done(ana: Console) -> None:
    first = ana.act(SendMessage(MAI.id, "first"))
    ana.sync.exchange()
    other = Issued(first, SendMessage(MAI.id, "another under the same id"), BY_ANA, now_ms())
    fine = Issued(new_id(), SendMessage(MAI.id, "fine"), BY_ANA, now_ms())
    answers = ana.authority.push([other, fine])
    assert [(found.command_id, found.refusal.code if found.refusal else "") for found in answers] == [
        (first, "command-reuse"),
        (fine.id, ""),
    ]


def test_commands_travel_in_batches_that_the_server_takes() -> None:
    small = [Issued(new_id(), SendMessage(MAI.id, "x"), BY_ANA, 1) for _ in range(2 * MOST_COMMANDS + 1)]
    assert [len(batch) for batch in batches(small)] == [MOST_COMMANDS, MOST_COMMANDS, 1]
    large = [Issued(new_id(), SendMessage(MAI.id, "x" * (LARGEST_BODY // 3)), BY_ANA, 1) for _ in range(5)]
    assert [len(batch) for batch in batches(large)] == [2, 2, 1]
    assert list(batches([])) == []


# Signed in


def test_a_stale_token_is_renewed_once_and_kept_before_it_is_used(team: Team, line: BadLine, ana: Console) -> None:
    stale(team)
    kept: list[bool] = []
    before = (ana.folder / "tokens.json").read_bytes()
    tokens = ana.credentials.tokens()

    def note(client: Any) -> None:
        kept.append((ana.folder / "tokens.json").read_bytes() != before)
        problem(503, "busy", Retry_After="0")(client)

    line.rules.append(Rule(f"POST {W}/presence", note))
    ana.sync.exchange()
    assert line.times("POST /v1/session/refresh") == 1
    assert (ana.folder / "tokens.json").read_bytes() != before
    assert ana.credentials.tokens() != tokens
    assert stat.S_IMODE((ana.folder / "tokens.json").stat().st_mode) == 0o600


def stale(team: Team) -> None:
    """Let every access token have run out."""
    import sqlalchemy as sa

    from ismsg_tui.server import tables

    with team.database.write() as connection:
        connection.execute(sa.update(tables.token).where(tables.token.c.kind == "access").values(expires_at=1))


def test_many_threads_with_a_stale_token_renew_it_once(team: Team, line: BadLine, ana: Console) -> None:
    stale(team)
    threads = [threading.Thread(target=ana.authority.meet) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert line.times("POST /v1/session/refresh") == 1
    ana.sync.exchange()


def test_two_processes_with_a_stale_token_renew_it_once(team: Team, line: BadLine, ana: Console) -> None:
    other = Console(team, ana.folder, ANA, address=line.address)
    team.consoles.append(other)
    other.credentials.tokens()
    stale(team)
    ana.authority.meet()
    other.authority.meet()
    assert line.times("POST /v1/session/refresh") == 1


def test_a_renewal_whose_answer_is_lost_is_made_once_more(team: Team, line: BadLine, ana: Console) -> None:
    stale(team)
    line.rules.append(Rule("POST /v1/session/refresh", cut_reply=20))
    with pytest.raises(UnreachableError):
        ana.sync.exchange()
    line.rules.clear()
    ana.sync.exchange()


def test_who_is_signed_out_keeps_the_outbox_and_goes_on_after_the_next_sign_in(team: Team, ana: Console) -> None:
    team.server.accounts.sign_out(ana.credentials.account.device_id)
    ana.act(SendMessage(MAI.id, "later"))
    for _ in range(2):
        with pytest.raises(SignedOutError, match="sign in"):
            ana.sync.exchange()
    session = team.server.accounts.issue_local(WORKSPACE.id, ANA.id, "again")
    ana.credentials.sign_in(ana.credentials.account.url, ANA.email, session)
    ana.sync.exchange()
    assert (ana.texts(), ana.counts.unsent) == (["later"], 0)


def test_a_sign_in_by_another_process_is_noticed(team: Team, ana: Console) -> None:
    team.server.accounts.sign_out(ana.credentials.account.device_id)
    with pytest.raises(SignedOutError):
        ana.authority.meet()
    other = Console(team, ana.folder, ANA)
    team.consoles.append(other)
    session = team.server.accounts.issue_local(WORKSPACE.id, ANA.id, "again")
    other.credentials.sign_in(ana.credentials.account.url, ANA.email, session)
    ana.authority.meet()


@pytest.mark.parametrize("reply", [b'{"access":"a"}', b"<html>", b""])
def test_a_renewal_that_makes_no_sense_keeps_the_old_tokens(
    team: Team, line: BadLine, ana: Console, reply: bytes
) -> None:
    stale(team)
    before = (ana.folder / "tokens.json").read_bytes()
    line.rules.append(Rule("POST /v1/session/refresh", answer(200, reply)))
    with pytest.raises(ClientError):
        ana.sync.exchange()
    assert (ana.folder / "tokens.json").read_bytes() == before
    line.rules.clear()
    ana.sync.exchange()


# The address


def test_a_server_that_sends_us_elsewhere_is_not_followed(ana: Console, line: BadLine) -> None:
    line.rules.append(Rule(f"GET {W}/hello", answer(301, Location=f"{line.address}/elsewhere")))
    with pytest.raises(ClientError, match="elsewhere"):
        ana.authority.meet()
    assert line.times("GET /elsewhere") == 0


def test_a_certificate_that_nobody_vouches_for_is_named_as_the_reason(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own_certificate(tmp_path))
    line = BadLine("http://127.0.0.1:1", context)
    with pytest.raises(ClientError, match="certificate"):
        Http(line.address.replace("http:", "https:")).ask("GET", "/v1")
    with pytest.raises(ClientError, match="certificate"):
        sign_in(line.address.replace("http:", "https:"), "ana@example.org", "a password")
    line.close()


def test_a_server_that_speaks_no_https_is_said_to(team: Team) -> None:
    with pytest.raises(UnreachableError, match="by HTTPS"):
        Http(team.address.replace("http:", "https:")).ask("GET", "/v1")


def own_certificate(folder: Path) -> Path:
    """A certificate for this machine that is signed by itself, with its key."""
    pytest.importorskip("cryptography")
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    built = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    built = built.serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    made = built.add_extension(names, critical=False).sign(key, hashes.SHA256())
    path = folder / "own.pem"
    packed = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(packed + made.public_bytes(serialization.Encoding.PEM))
    return path


def test_a_server_on_this_machine_is_not_asked_for_through_a_proxy(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    team.console("ana").sync.exchange()


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("0", 0.0), ("-3", 0.0), ("soon", 0.0), ("", 0.0), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0)],
)
def test_what_a_server_asks_to_wait_for_is_read(header: str, seconds: float) -> None:
    assert retry_after(header) == seconds


def test_a_day_on_the_servers_clock_is_told_and_changes_nothing(ana: Console, line: BadLine) -> None:
    hello = msgspec.json.decode(ana.authority._http.ask("GET", f"{W}/hello").body, type=Hello)
    ahead = msgspec.structs.replace(hello, now=now_ms() + 24 * 3_600_000)
    line.rules.append(Rule(f"GET {W}/hello", answer(200, msgspec.json.encode(ahead))))
    ana.sync._exchange.standing = None
    ana.act(SendMessage(MAI.id, "hello"))
    ana.sync.exchange()
    assert ana.counts.unsent == 0
    assert abs(ana.sync._exchange.skew - 24 * 3_600_000) < 60_000


@pytest.mark.parametrize("code", ["cursor-epoch", "cursor-sight", "cursor-ahead", "cursor-too-old"])
def test_a_place_that_means_nothing_is_told_as_that(ana: Console, line: BadLine, code: str) -> None:
    line.rules.append(Rule(f"GET {W}/changes", problem(410, code)))
    with pytest.raises(AnewError, match=code):
        ana.authority.changes(0, 10)


def test_patience_is_asked_for_in_seconds(ana: Console, line: BadLine) -> None:
    line.rules.append(Rule(f"POST {W}/commands", problem(429, "too-many-requests", Retry_After="9")))
    ana.act(SendMessage(MAI.id, "hello"))
    with pytest.raises(BusyError) as busy:
        ana.sync.exchange()
    assert busy.value.retry_after == 9
    assert ana.store.cursor > 0


# The thread


@pytest.mark.parametrize(
    ("speak", "state"),
    [
        (answer(200, b"<html>", kind="text/html"), SyncState.FAILED),
        (raw(b""), SyncState.OFFLINE),
        (problem(403, "device-revoked"), SyncState.SIGNED_OUT),
        (problem(410, "cursor-too-old"), SyncState.FAILED),
    ],
    ids=["nonsense", "nothing", "revoked", "no place"],
)
def test_each_trouble_is_a_state_with_a_reason_and_passes(
    team: Team, line: BadLine, monkeypatch: pytest.MonkeyPatch, speak: Speak, state: SyncState
) -> None:
    quick(monkeypatch)
    ana = team.console("ana", address=line.address)
    line.rules = [Rule(f"GET {W}/changes", speak)]
    ana.sync.start()
    assert ana.wait_for(state).reason.endswith((".", "?"))
    line.rules = []
    ana.store.want_anew()
    ana.sync.try_now()
    ana.wait_for(SyncState.SYNCED)


def test_states_of_commands_are_what_they_were_before_a_failed_attempt(ana: Console, line: BadLine) -> None:
    given = ana.act(SendMessage(MAI.id, "hello"))
    line.rules = [Rule(f"POST {W}/commands", answer(200, b"<html>"))]
    with pytest.raises(ClientError):
        ana.sync.exchange()
    from ismsg_tui.store import outbox

    entry = outbox.find(ana.store.reader, given)
    assert entry is not None
    assert entry.state is OutboxState.SENDING
