"""A small workspace on disk and the command line run on it, for the tests of the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from ismsg_tui.cli import main
from ismsg_tui.clock import new_id, now_ms
from ismsg_tui.domain.commands import Actor, Command, Issued, ReceiveMessage
from ismsg_tui.domain.entities import Category, Channel, Contact, Role, Source, User, Workspace
from ismsg_tui.domain.media import media_of
from ismsg_tui.inbox import Inbox
from ismsg_tui.store.store import Store
from tests.desk_setup import had_done

GUEST = Actor(None, Source.CONTACT)
ANA = User(id=new_id(), name="Ana Ruiz", email="ana@example.org", role=Role.MANAGER)
OMAR = User(id=new_id(), name="Omar Haddad", email="omar@example.org")
PHONE = Channel(id=new_id(), kind="whatsapp", name="WhatsApp", text_limit=100, media=media_of("whatsapp"))
CATEGORIES = (Category("Refund"), Category("Booking"))
WORKSPACE = Workspace(id=new_id(), name="Harbour Hotel", categories=CATEGORIES)


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Settings that keep a run away from the machine's own data and terminal."""
    return {
        "ISMSG_DATA": str(folder),
        "ISMSG_USER": "Ana Ruiz",
        "ISMSG_CONFIG": str(folder / "config.toml"),
        "COLUMNS": "100",
        **more,
    }


class Desk:
    """A workspace with two users and one channel, worked by Ana through the command line."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env: dict[str, str] = {}
        store = Store(folder)
        store.adopt([WORKSPACE, ANA, OMAR, PHONE])
        store.close()

    def open(self) -> Inbox:
        """The inbox as Ana has it; the caller closes its store."""
        return Inbox.open(self.folder, ANA.name)

    def contact(self, first: str, last: str = "", *texts: str, phone: str = "", email: str = "") -> Contact:
        """A contact who has written these texts."""
        contact = Contact(id=new_id(), first_name=first, last_name=last, phone=phone, email=email, channel_id=PHONE.id)
        inbox = self.open()
        inbox.store.adopt([contact])
        inbox.close_store()
        for text in texts:
            self.do(ReceiveMessage(contact.id, text, PHONE.id), GUEST)
        return contact

    def do(self, command: Command, actor: Actor) -> None:
        """Carry out a command in the workspace; what a contact does has been told by an authority."""
        inbox, issued = self.open(), Issued(new_id(), command, actor, now_ms())
        if actor.source is Source.CONTACT:
            had_done(inbox.store, issued)
        else:
            inbox.store.execute(issued)
        inbox.close_store()

    def run(self, *arguments: str, input: str | bytes | None = None) -> Result:
        """Run a command, whatever comes of it."""
        return CliRunner(env=environment(self.folder, **self.env)).invoke(main, arguments, input=input)

    def good(self, *arguments: str, input: str | bytes | None = None) -> str:
        """What a command prints that succeeds."""
        result = self.run(*arguments, input=input)
        assert result.exit_code == 0, (result.output, result.exception)
        return result.stdout

    def objects(self, *arguments: str) -> list[dict[str, Any]]:
        """The objects that a command prints, one a line, all of it ASCII."""
        output = self.good(*arguments, "--json")
        assert output.isascii()
        assert output.isprintable() or set(output) <= {chr(code) for code in range(32, 127)} | {"\n"}
        return [json.loads(line) for line in output.splitlines()]

    def refused(self, *arguments: str, code: int = 1) -> str:
        """What a command says on stderr that is refused, which never is a traceback."""
        result = self.run(*arguments)
        assert result.exit_code == code, (result.output, result.exception)
        assert isinstance(result.exception, SystemExit)
        assert "Traceback" not in result.output
        return result.stderr


def process(folder: Path, *arguments: str | bytes, **more: Any) -> subprocess.CompletedProcess[bytes]:
    """Run the command as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "ismsg_tui", *arguments],
        env={**os.environ, **environment(folder)},
        capture_output=True,
        timeout=60,
        check=False,
        **more,
    )
