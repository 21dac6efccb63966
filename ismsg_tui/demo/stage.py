"""Where the demo is played: in memory while the past is made up, then on a real server."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Protocol

import httpx
import msgspec
from msgspec import Struct

from ismsg_tui.clock import now_ms
from ismsg_tui.demo.enclosures import content_of
from ismsg_tui.demo.front import Front
from ismsg_tui.domain import wire
from ismsg_tui.domain.changes import Answer, Page
from ismsg_tui.domain.commands import CreateContact, Issued, ReceiveMessage, SetDelivery
from ismsg_tui.domain.entities import Attachment, Channel, Contact, Delivery, Entity, FileKind
from ismsg_tui.own_server import OwnServer

REPEAT = 25.0
"""Seconds after which it is said again what teammates do."""


class Stage(Protocol):
    """Where a player hears what is said, and where everybody who is not at the console does what he does."""

    def submit(self, issued: Issued) -> Answer:
        """Carry out one command of a guest, a channel or a teammate."""
        ...

    def changes(self, since: int, limit: int) -> Page:
        """The rows that changed after a revision."""
        ...

    def watch(self, hint: Callable[[], None]) -> Callable[[], None]:
        """Have `hint` called when there may be new rows; returns what ends it."""
        ...

    def show(self, presence: tuple[wire.Presence, ...]) -> None:
        """Let the console know what the teammates do."""
        ...


class _Line(Struct, frozen=True):
    """A channel as it is connected."""

    id: str
    token: str


class ServerStage:
    """The console's own server as a stage: guests write and are written to through its custom channels."""

    def __init__(self, server: OwnServer, me: str) -> None:
        """`me` is whom the player sees everything as. The channels have to be connected before anybody writes."""
        self._server = server
        ledger, accounts = server.server.ledger, server.server.accounts
        session = accounts.issue_local(server.workspace_id, me, "demo")
        self._viewer = accounts.viewer(session.access, server.workspace_id)
        self._standing = ledger.hello(self._viewer)
        self._hints: list[Callable[[], None]] = []
        ledger.on_commit(lambda _, __: self._tell())
        self._front = Front(content_of)
        self._http = httpx.Client(base_url=server.address, timeout=10, trust_env=False)
        self._lines: dict[str, _Line] = {}
        self._present: dict[str, wire.Presence] = {}
        self._tokens: dict[str, str] = {}
        self._left = threading.Event()
        self._repeating = threading.Thread(target=self._repeat, name="teammates", daemon=True)
        self._repeating.start()

    def close(self) -> None:
        """Leave; the server goes on."""
        self._left.set()
        self._repeating.join(timeout=5)
        self._http.close()
        self._front.close()

    @property
    def head(self) -> int:
        """The newest revision."""
        return self._server.server.ledger.head(self._server.workspace_id)

    def rows(self) -> list[tuple[int, Entity]]:
        """Every row with its revision."""
        found: list[tuple[int, Entity]] = []
        since, more = 0, True
        while more:
            page = self.changes(since, wire.MOST_ROWS)
            found += page.rows
            since, more = page.to, page.more
        return found

    def connect(self, rows: Sequence[Entity]) -> None:
        """Connect the channels among these rows, and tell them who the contacts are."""
        registry = self._server.server.channels.registry
        for row in rows:
            if isinstance(row, Channel):
                account = registry.connect(self._server.workspace_id, row, self._front.address)
                self._lines[row.id] = _Line(row.id, account.token)
        for row in rows:
            if isinstance(row, Contact) and row.channel_id in self._lines:
                self._introduce(row)

    def submit(self, issued: Issued) -> Answer:
        """Carry out one command: over its channel what guests and channels do, in the server what teammates do."""
        match issued.command:
            case ReceiveMessage(contact_id=contact_id, channel_id=channel_id) if channel_id in self._lines:
                self._post(self._lines[channel_id], contact_id, [*_events(issued, self._front.address)])
            case SetDelivery(status=Delivery.SENT):
                pass  # the server knows since it handed the message over
            case SetDelivery() as command:
                self._report(command)
            case command:
                result = self._server.server.ledger.submit(self._server.workspace_id, issued)
                if isinstance(command, CreateContact):
                    self._introduce(command.contact)
                return wire.answer_of(result)
        return Answer(issued.id, self.head)

    def changes(self, since: int, limit: int) -> Page:
        """The rows that changed after a revision."""
        met = self._standing
        return wire.page_of(self._server.server.ledger.changes(self._viewer, since, met.epoch, met.sight, limit))

    def watch(self, hint: Callable[[], None]) -> Callable[[], None]:
        """Have `hint` called after each commit, on the thread that made it."""
        self._hints.append(hint)
        return lambda: self._hints.remove(hint)

    def show(self, presence: tuple[wire.Presence, ...]) -> None:
        """Say what the teammates do, as their own consoles would."""
        for known in presence:
            if self._present.get(known.user_id) != known:
                self._present[known.user_id] = known
                self._note(known)

    def _repeat(self) -> None:
        """The server forgets who is silent."""
        while not self._left.wait(REPEAT):
            for known in tuple(self._present.values()):
                self._note(known)

    def _note(self, known: wire.Presence) -> None:
        url = f"/v1/w/{self._server.workspace_id}/presence"
        note = msgspec.json.encode(wire.PresenceNote(known.state, known.viewing, known.typing))
        for _ in range(2):  # a token is good for an hour
            token = self._tokens.get(known.user_id) or self._sign_in(known.user_id)
            headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
            if self._http.post(url, content=note, headers=headers).status_code != HTTPStatus.UNAUTHORIZED:
                break
            del self._tokens[known.user_id]

    def _sign_in(self, user_id: str) -> str:
        session = self._server.server.accounts.issue_local(self._server.workspace_id, user_id, "demo")
        self._tokens[user_id] = session.access
        return session.access

    def _tell(self) -> None:
        for hint in tuple(self._hints):
            hint()

    def _introduce(self, contact: Contact) -> None:
        account = self._server.server.channels.registry.by_id(contact.channel_id or "")
        if account is not None:
            self._server.server.channels.reception.introduce(account, _name(contact.id), contact.id)

    def _report(self, command: SetDelivery) -> None:
        contact = self._server.server.ledger.read(self._server.workspace_id, "contact", command.contact_id)
        line = self._lines.get(contact.channel_id or "") if isinstance(contact, Contact) else None
        parts = self._front.parts.get(command.message_id, ())
        if line is not None and parts:
            status = {"value": command.status.value, "message": command.error}
            at = now_ms()
            events = [{"type": "message_status", "mId": part, "timestamp": at, "status": status} for part in parts]
            self._post(line, command.contact_id, events)

    def _post(self, line: _Line, contact_id: str, events: Sequence[dict[str, object]]) -> None:
        body = {"channelId": line.id, "contactId": _name(contact_id), "events": list(events)}
        headers = {"Authorization": f"Bearer {line.token}"}
        self._http.post("/custom/channel/webhook/", json=body, headers=headers).raise_for_status()


def _name(contact_id: str) -> str:
    """A contact as the channels know him."""
    return contact_id.replace("-", "")


def _events(issued: Issued, address: str) -> list[dict[str, object]]:
    """What a guest says as the events of a channel: the words, then each file by itself."""
    command = issued.command
    if not isinstance(command, ReceiveMessage):
        raise TypeError("only what a guest says is an event")
    messages: list[dict[str, object]] = [_attached(file, address) for file in command.attachments]
    if command.text and messages:
        messages[0]["text"] = command.text
    elif not messages:
        messages = [{"type": "text", "text": command.text}]
    return [
        {"type": "message", "mId": f"{issued.id}-{number}", "timestamp": issued.at, "message": message}
        for number, message in enumerate(messages)
    ]


def _attached(file: Attachment, address: str) -> dict[str, object]:
    voice = file.kind is FileKind.VOICE
    attachment: dict[str, object] = {
        "type": "audio" if voice else file.kind.value,
        "url": f"{address}/{file.name}",
        "fileName": file.name,
        "mime": file.mime,
    }
    if voice:
        attachment |= {"voice": True, "duration": file.duration, "waveform": list(file.peaks)}
    return {"type": "attachment", "attachment": attachment}
