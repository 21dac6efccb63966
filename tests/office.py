"""A workspace with a custom channel whose messages go out step by step, by a clock that a test moves."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import select

from ismsg_tui.clock import new_id
from ismsg_tui.domain.commands import Actor, Issued, SendMessage
from ismsg_tui.domain.entities import Attachment, Contact, Delivery, FileKind, Message, Workspace
from ismsg_tui.domain.ids import Part, derived_id
from ismsg_tui.server.accounts import Viewer
from ismsg_tui.server.admin import Admin
from ismsg_tui.server.blobs import Blobs
from ismsg_tui.server.channels.service import Channels, ChannelSettings
from ismsg_tui.server.database import Database
from ismsg_tui.server.file_links import FileLinks
from ismsg_tui.server.ledger import Ledger
from ismsg_tui.server.tables import channel_message
from tests.channel_server import Channel as Shop
from tests.channel_server import event
from tests.factories import ANA, T0


class Office:
    """A workspace with one custom channel, whose messages go out step by step, by a clock of its own."""

    def __init__(self, database: Database, folder: Path, shop: Shop) -> None:
        self.now = T0
        self.database = database
        self.shop = shop
        self.channels = self.process(folder)
        admin = Admin(database, self.ledger)
        self.workspace = admin.create_workspace(Workspace(id=new_id(), name="Hotel"))
        self.ana = admin.add_user(self.workspace.id, ANA, "correct horse battery")
        self.account = self.channels.registry.add_custom(self.workspace.id, "Shop", f"{shop.address}/api/")
        self.mai = self.contact("+84901")
        self.folder = folder

    def process(self, folder: Path) -> Channels:
        """Another server process on the same database."""
        self.ledger = Ledger(self.database, clock=self.clock)
        self.blobs = Blobs(self.database, folder / "blobs", self.ledger, clock=self.clock)
        self.links = FileLinks(self.database, self.blobs, clock=self.clock)
        settings = ChannelSettings(public_url="https://inbox.example.org/")
        return Channels(self.database, self.ledger, self.blobs, self.links, settings=settings, clock=self.clock)

    def clock(self) -> int:
        return self.now

    def move_channel(self, address: str) -> None:
        """Have the channel's messages go out to another address."""
        self.channels.registry.change(self.workspace.id, self.account.channel_id, base_url=address)

    def contact(self, id_: str, text: str = "question") -> Contact:
        """Somebody who has written through the channel."""
        self.post(event("message", f"first {id_}", message={"type": "text", "text": text}), by=id_)
        known = self.channels.reception._known_contact(self.account, id_)
        found = self.ledger.read(self.workspace.id, "contact", known or "")
        assert isinstance(found, Contact)
        return found

    def post(self, *events: dict[str, Any], by: str = "+84901") -> None:
        """Have the channel post events."""
        body = {"channelId": self.account.channel_id, "contactId": by, "events": list(events)}
        self.channels.reception.take(self.account, msgspec.json.encode(body))

    def send(
        self, text: str, contact: Contact | None = None, *, files: tuple[Attachment, ...] = (), **rest: Any
    ) -> str:
        """Send a message to Mai or another; returns its id."""
        contact_id = (contact or self.mai).id
        command = SendMessage(contact_id, text, rest.pop("channel_id", self.account.channel_id), files, **rest)
        issued = Issued(new_id(), command, Actor(self.ana.id), 0)
        result = self.ledger.submit(self.workspace.id, issued)
        assert result.refusal is None
        return derived_id(issued.id, Part.MAIN)

    def step(self) -> bool:
        return self.channels.deliveries.step()

    def run(self) -> None:
        """Go on until nothing is due."""
        while self.step():
            pass

    def message(self, id_: str) -> Message:
        found = self.ledger.read(self.workspace.id, "message", id_)
        assert isinstance(found, Message)
        return found

    def message_of(self, external_id: str) -> str:
        """The id of the message that the channel knows by this one."""
        with self.database.read() as connection:
            wanted = channel_message.c.external_id == external_id
            return str(connection.scalar(select(channel_message.c.message_id).where(wanted)))

    def status(self, id_: str) -> tuple[Delivery | None, str]:
        message = self.message(id_)
        return message.status, message.error

    def file(self, content: bytes = b"content", name: str = "plan.pdf") -> Attachment:
        """A file that somebody has sent to the server."""
        sha256 = hashlib.sha256(content).hexdigest()
        viewer = Viewer(self.workspace.id, self.ana.id, "d", self.ana.role, self.ana.visibility, "", 0, "", 0)
        with self.blobs.receive(self.workspace.id, 1000) as incoming:
            incoming.write(content)
            self.blobs.keep_sent(viewer, sha256, incoming)
        return Attachment(name=name, kind=FileKind.FILE, mime="application/pdf", size=len(content), sha256=sha256)
