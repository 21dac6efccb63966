"""Who may refer to a file: whoever has sent it, or sees it where it is; to all others it is not there."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec.structs import replace
from sqlalchemy import delete

from ismsg_tui.clock import new_id, now_ms
from ismsg_tui.domain.commands import Actor, AssignContact, Issued, SaveSnippet, SendMessage
from ismsg_tui.domain.entities import Attachment, Channel, Contact, FileKind, Snippet, Source, User, Visibility
from ismsg_tui.domain.media import media_of
from ismsg_tui.inbox import Inbox, enter_workspace
from ismsg_tui.own_server import OwnAuthority
from ismsg_tui.server.database import Database
from ismsg_tui.server.tables import blob, blob_use
from ismsg_tui.store.outbox import OutboxState, entries
from ismsg_tui.store.store import Store
from ismsg_tui.sync.engine import Sync
from tests.desk_server import Console, Desk, command, desk_on
from tests.factories import ANA, BEN, MAI, WORKSPACE
from tests.team import OMAR, Team, a_team
from tests.team import Console as TeamConsole

WEB = Channel(id=new_id(), kind="web", name="Website", text_limit=500, media=media_of("web"))
SECRET = random.Random(7).randbytes(1_000)
MISSING = "file-missing"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def about(content: bytes) -> dict[str, Any]:
    """A file as a command speaks of it."""
    mime = "application/octet-stream"
    return {"name": "plan.bin", "kind": "file", "mime": mime, "size": len(content), "sha256": sha256(content)}


@pytest.fixture
def desk(server_database: Database, tmp_path: Path) -> Iterator[Desk]:
    """A server on which Olga sees everything, and Ana her own contacts alone."""
    with desk_on(server_database, tmp_path / "server") as desk:
        desk.server.ledger.seed(desk.workspace.id, [WEB])
        yield desk


def place(console: Console, content: bytes) -> str:
    return f"{console.base}/blobs/{sha256(content)}"


def put(console: Console, content: bytes) -> int:
    return console.http.put(place(console, content), content=content).status_code


def send_in_pieces(console: Console, content: bytes, size: int = 400) -> None:
    location = console.post("/uploads", {"sha256": sha256(content), "size": len(content)}).headers["location"]
    for start in range(0, len(content), size):
        answer = console.http.patch(
            location, content=content[start : start + size], headers={"Upload-Offset": str(start)}
        )
        assert answer.status_code == 204


def send(console: Console, contact: Contact, content: bytes, id_: str = "") -> dict[str, Any] | None:
    """Send a message with a file; returns what it was refused with."""
    wanted = command("message.send", contact_id=contact.id, text="", channel_id=WEB.id, attachments=[about(content)])
    answer = console.push({**wanted, "id": id_ or wanted["id"]})
    assert answer.status_code == 200
    refusal: dict[str, Any] | None = answer.json()["results"][0]["refusal"]
    return refusal


def save(console: Console, content: bytes, **snippet: Any) -> str:
    """Save a snippet with a file; returns the code of the refusal."""
    wanted = {"id": new_id(), "name": new_id(), "text": "", "attachments": [about(content)], **snippet}
    refusal = console.push(command("snippet.save", snippet=wanted)).json()["results"][0]["refusal"]
    return str(refusal["code"]) if refusal else ""


def looks(console: Console, content: bytes) -> list[tuple[int, str]]:
    """Everything that a console can find out about a file by its name."""
    path = place(console, content)
    answers = [
        console.http.head(path),
        console.http.get(path),
        console.http.get(path, headers={"Range": "bytes=0-0"}),
        console.http.get(path, headers={"If-None-Match": f'"{sha256(content)}"'}),
        console.http.put(path, content=b"a guess"),
    ]
    return [(answer.status_code, _without_ids(answer)) for answer in answers]


def _without_ids(answer: httpx.Response) -> str:
    if not answer.content:
        return ""
    body = answer.json()
    return str({name: body[name] for name in body if name != "instance"})


# Who merely knows what a file is called


def test_who_knows_no_more_of_a_file_than_its_name_cannot_have_it_by_sending_it_to_his_own_contact(desk: Desk) -> None:
    olga, ana = desk.console(), desk.console(desk.ana)
    hidden, own = desk.contact(), desk.contact(assignee=desk.ana)
    assert put(olga, SECRET) == 201
    for _ in range(2):  # before and after a message refers to it
        refused = send(ana, own, SECRET)
        assert refused is not None
        assert refused["code"] == MISSING
        assert [status for status, _ in looks(ana, SECRET)] == [404, 404, 404, 404, 422]
        assert send(olga, hidden, SECRET) is None
    head = desk.server.ledger.head(desk.workspace.id)
    send(ana, own, SECRET)
    assert desk.server.ledger.head(desk.workspace.id) == head


def test_a_file_that_is_hidden_and_one_that_is_not_there_cannot_be_told_apart(desk: Desk) -> None:
    olga, ana = desk.console(), desk.console(desk.ana)
    hidden, own = desk.contact(), desk.contact(assignee=desk.ana)
    nowhere = random.Random(8).randbytes(1_000)
    put(olga, SECRET)
    send(olga, hidden, SECRET)
    assert send(ana, own, SECRET) == send(ana, own, nowhere)
    assert looks(ana, SECRET) == looks(ana, nowhere)
    uploads = [ana.post("/uploads", {"sha256": sha256(content), "size": 1_000}) for content in (SECRET, nowhere)]
    assert [(begun.status_code, begun.headers["upload-offset"]) for begun in uploads] == [(201, "0")] * 2
    # Even with its bytes nobody learns whether somebody else had them before.
    assert put(ana, SECRET) == put(ana, nowhere) == 201
    assert put(ana, SECRET) == put(ana, nowhere) == 204


def test_an_unfinished_upload_is_no_proof(desk: Desk) -> None:
    olga, ana = desk.console(), desk.console(desk.ana)
    own = desk.contact(assignee=desk.ana)
    put(olga, SECRET)
    location = ana.post("/uploads", {"sha256": sha256(SECRET), "size": len(SECRET)}).headers["location"]
    ana.http.patch(location, content=SECRET[:-1], headers={"Upload-Offset": "0"})
    assert (send(ana, own, SECRET) or {}).get("code") == MISSING
    wrong = ana.http.patch(location, content=b"?", headers={"Upload-Offset": str(len(SECRET) - 1)})
    assert wrong.status_code == 422
    assert (send(ana, own, SECRET) or {}).get("code") == MISSING


def test_a_manager_cannot_make_a_snippet_of_a_file_that_only_somebody_else_has_sent(desk: Desk) -> None:
    olga, ana = desk.console(), desk.console(desk.ana)
    put(ana, SECRET)
    assert save(olga, SECRET) == MISSING
    assert send(ana, desk.contact(assignee=desk.ana), SECRET) is None
    assert save(olga, SECRET) == "", "now it is where she sees it"


def test_a_file_that_went_out_of_sight_is_not_there_any_more(desk: Desk) -> None:
    olga, ana = desk.console(), desk.console(desk.ana)
    first, second = desk.contact(assignee=desk.ana), desk.contact(assignee=desk.ana)
    put(olga, SECRET)
    assert send(olga, first, SECRET) is None
    assert ana.http.get(place(ana, SECRET)).content == SECRET
    desk.submit(AssignContact(first.id, desk.olga.id, desk.ana.id), Actor(desk.olga.id))
    assert (send(ana, second, SECRET) or {}).get("code") == MISSING
    assert put(ana, SECRET) == 201
    assert send(ana, second, SECRET) is None


# Who may


def test_a_file_that_is_in_sight_can_be_forwarded(desk: Desk) -> None:
    olga, ana = desk.console(), desk.console(desk.ana)
    first, second = desk.contact(assignee=desk.ana), desk.contact(assignee=desk.ana)
    put(olga, SECRET)
    assert send(olga, first, SECRET) is None
    assert send(ana, second, SECRET) is None
    desk.submit(AssignContact(first.id, desk.olga.id, desk.ana.id), Actor(desk.olga.id))
    assert ana.http.get(place(ana, SECRET)).content == SECRET


def test_whoever_has_sent_a_file_whole_or_in_pieces_may_refer_to_it_at_any_device(desk: Desk) -> None:
    ana, own = desk.console(desk.ana), desk.contact(assignee=desk.ana)
    put(ana, SECRET)
    assert send(desk.console(desk.ana), own, SECRET) is None
    other = random.Random(9).randbytes(1_000)
    send_in_pieces(ana, other)
    assert send(desk.console(desk.ana), own, other) is None


def test_two_who_send_the_same_file_may_both_refer_to_it(desk: Desk) -> None:
    olga, ana = desk.console(), desk.console(desk.ana)
    send_in_pieces(olga, SECRET)
    assert put(ana, SECRET) == 201
    assert send(ana, desk.contact(assignee=desk.ana), SECRET) is None
    assert send(olga, desk.contact(), SECRET) is None
    assert send(olga, desk.contact(), SECRET) is None


def test_who_is_refused_sends_the_file_and_then_the_same_command_again(desk: Desk) -> None:
    olga, ana = desk.console(), desk.console(desk.ana)
    own = desk.contact(assignee=desk.ana)
    put(olga, SECRET)
    assert (send(ana, own, SECRET, id_ := new_id()) or {}).get("code") == MISSING
    send_in_pieces(ana, SECRET)
    assert send(ana, own, SECRET, id_) is None


def test_a_command_that_was_carried_out_is_answered_as_then_although_its_file_is_out_of_sight(desk: Desk) -> None:
    olga, ana = desk.console(), desk.console(desk.ana)
    first, second = desk.contact(assignee=desk.ana), desk.contact(assignee=desk.ana)
    put(olga, SECRET)
    send(olga, first, SECRET)
    assert send(ana, second, SECRET, id_ := new_id()) is None
    for contact in (first, second):
        desk.submit(AssignContact(contact.id, desk.olga.id, desk.ana.id), Actor(desk.olga.id))
    assert send(ana, second, SECRET, id_) is None


def test_the_file_of_a_snippet_may_be_sent_by_everybody_while_the_snippet_has_it(desk: Desk) -> None:
    olga, ana = desk.console(), desk.console(desk.ana)
    own, snippet = desk.contact(assignee=desk.ana), new_id()
    put(olga, SECRET)
    assert save(olga, SECRET, id=snippet) == ""
    assert send(ana, own, SECRET, id_ := new_id()) is None
    assert save(olga, SECRET, id=snippet, name="another name") == "", "it is hers"
    olga.push(command("snippet.delete", snippet_id=snippet))
    assert send(ana, own, SECRET, id_) is None
    assert send(ana, own, SECRET) is None, "her own contact has it now"
    other = random.Random(10).randbytes(1_000)
    put(olga, other)
    assert save(olga, other, id=snippet) == ""
    olga.push(command("snippet.delete", snippet_id=snippet))
    assert (send(ana, own, other) or {}).get("code") == MISSING


def test_channels_and_imports_need_not_have_sent_what_they_refer_to(desk: Desk) -> None:
    put(desk.console(), SECRET)
    file = Attachment(name="plan.bin", kind=FileKind.FILE, mime="text/plain", size=1_000, sha256=sha256(SECRET))
    for source in (Source.BOT, Source.WORKFLOW):
        desk.submit(SendMessage(desk.contact().id, "", WEB.id, (file,)), Actor(None, source))


# Consoles


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Team]:
    with a_team(tmp_path / "team") as team:
        team.change(replace(BEN, visibility=Visibility.OWN))
        team.server.ledger.seed(WORKSPACE.id, [replace(OMAR, assignee_id=BEN.id)])
        yield team


def settled(console: TeamConsole) -> TeamConsole:
    """The console, once all has left and come."""
    for _ in range(2):
        console.sync.transfers.exchange()
        console.sync.exchange()
    return console


def attach(console: TeamConsole, content: bytes) -> Attachment:
    path = console.folder / "plan.bin"
    path.write_bytes(content)
    return console.inbox.blobs.add(path)


def test_a_console_sends_a_file_that_is_on_the_server_where_its_user_does_not_see_it(team: Team) -> None:
    ana, ben = settled(team.console("ana")), settled(team.console("ben", BEN))
    ana.act(SendMessage(MAI.id, "", attachments=(attach(ana, SECRET),)))
    settled(ana)
    ben.act(SendMessage(OMAR.id, "", attachments=(attach(ben, SECRET),)))
    settled(ben)
    assert (ana.counts.unsent, ben.counts.unsent) == (0, 0)
    assert (ana.refused, ben.refused) == ([], [])


@pytest.mark.parametrize("kind", ["message", "snippet"])
def test_what_was_refused_as_its_file_is_out_of_sight_leaves_when_it_is_sent_again(team: Team, kind: str) -> None:
    ana, ben = settled(team.console("ana")), team.console("ben", BEN if kind == "message" else ANA)
    file = attach(ana, SECRET)
    held = Snippet(id=new_id(), name="map", text="", attachments=(file,))
    ana.act(SaveSnippet(held))
    settled(ana)
    settled(ben)
    assert ben.inbox.blobs.path(file.sha256) is not None, "it came with the snippet"
    with team.database.write() as connection:  # as if it had been deleted long ago, and the file with it
        connection.execute(delete(blob))
        connection.execute(delete(blob_use))
    again = (
        SendMessage(OMAR.id, "", attachments=(file,))
        if kind == "message"
        else SaveSnippet(replace(held, id=new_id(), name="another"))
    )
    ben.act(again)
    ben.sync.exchange()
    assert [entry.problem.code for entry in entries(ben.store.reader, OutboxState.REFUSED) if entry.problem] == [
        MISSING
    ]
    ben.act(again)
    settled(ben)
    assert ben.counts.unsent == 0
    assert len(ben.refused) == 1


def test_on_ones_own_server_a_file_may_be_sent_for_another_user_of_the_machine(tmp_path: Path) -> None:
    with closing(Store(tmp_path / "store")) as store:
        me = enter_workspace(store, "ana")
        other = User(id=new_id(), name="Ben", role=me.role)
        contact = Contact(id=new_id(), first_name="Mai", channel_id=WEB.id)
        store.adopt([WEB, contact, other])
        with closing(OwnAuthority(store, me.id)) as authority:
            sync = Sync(store, authority)
            sync.exchange()
            (tmp_path / "plan.bin").write_bytes(SECRET)
            file = Inbox(store, me.id).blobs.add(tmp_path / "plan.bin")
            sent = SendMessage(contact.id, "", WEB.id, attachments=(file,))
            store.execute(Issued(new_id(), sent, Actor(other.id), now_ms()))
            sync.transfers.exchange()
            sync.exchange()
            assert [*entries(store.reader, *OutboxState)] == []
