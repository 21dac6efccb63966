"""What every command shares: the settings, the inbox, and finding whom a word on the command line means."""

from __future__ import annotations

import getpass
import sys
from functools import cached_property
from pathlib import Path

import click

from ismsg_tui.cli.errors import FailedError, say
from ismsg_tui.cli.output import when
from ismsg_tui.config import Config, data_folder, load_config
from ismsg_tui.domain.entities import Contact, Snippet, User
from ismsg_tui.domain.text import clean, one_line
from ismsg_tui.inbox import Inbox, enter_workspace
from ismsg_tui.store.store import Store

SUGGESTIONS = 20
"""How many candidates are listed where a name is not unique or not known."""


class Session:
    """One run of the command: who acts on which data. Nothing is read or opened before it is needed."""

    def __init__(self, folder: Path | None, user: str | None) -> None:
        self.folder = folder or data_folder()
        self._user = user

    @cached_property
    def config(self) -> Config:
        """The settings. Raises ConfigError."""
        return load_config()

    @cached_property
    def inbox(self) -> Inbox:
        """The inbox of whoever acts, its store created if missing and closed when the command ends."""
        name = self._user or self.config.user or _login_name()
        store = Store(self.folder)
        click.get_current_context().call_on_close(store.close)
        known = set(store.settings.users)
        me = enter_workspace(store, name)
        if known and me.id not in known:
            say(f"{one_line(me.name)} is new in this workspace.")
        inbox = Inbox(store, me.id, hold=0)
        inbox.wake_due()
        return inbox

    def contact(self, wanted: str) -> Contact:
        """The one contact that `wanted` means. Raises FailedError, which lists whom else it may mean."""
        found = self.inbox.resolve(wanted)
        if len(found) == 1:
            return found[0]
        shown = one_line(wanted, 80)
        if found:
            raise FailedError(f"“{shown}” may be any of these; say which by id:", self._cards(found))
        near = self.inbox.search_contacts(wanted, SUGGESTIONS)
        if near:
            raise FailedError(f"No contact is called “{shown}”. Perhaps one of these:", self._cards(near))
        raise FailedError(f"There is no contact “{shown}”.")

    def _cards(self, contacts: list[Contact]) -> list[str]:
        """A line for each contact by which people tell them apart."""
        cards = []
        for contact in contacts:
            row = self.inbox.row(contact.id)
            parts = [contact.name, contact.phone, contact.email, when(row.last_at) if row and row.last_at else ""]
            cards.append(" · ".join([contact.id, *(part for part in parts if part)]))
        return cards

    def teammate(self, wanted: str) -> User:
        """The active user that `wanted` means by id, name, email or a first name that nobody shares."""
        if wanted.casefold() == "me":
            return self.inbox.me
        active = [user for user in self.inbox.users.values() if user.active]
        folded = clean(wanted).strip().casefold()
        exact = [user for user in active if folded in (user.id, user.name.casefold(), user.email.casefold())]
        found = exact or [user for user in active if folded == user.name.partition(" ")[0].casefold()]
        if folded and len(found) == 1:
            return found[0]
        problem = (
            f"“{one_line(wanted, 80)}” may be several users" if found else f"There is no user “{one_line(wanted, 80)}”"
        )
        people = [f"{user.name} · {user.email or user.id}" for user in found or active]
        raise FailedError(f"{problem}; say who by name, email or id:", people[:SUGGESTIONS])

    def snippet(self, name: str) -> Snippet:
        """The snippet of that name or id. Raises FailedError."""
        wanted = clean(name).strip()
        for snippet in self.inbox.all_snippets():
            if wanted in (snippet.id, snippet.name) or snippet.name.casefold() == wanted.casefold():
                return snippet
        raise FailedError(f"There is no snippet “{one_line(name, 80)}”: “ismsg snippets ls” shows them.")


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # no name for the user id, as in a bare container
        return "Agent"


pass_session = click.make_pass_decorator(Session)


def text_of(argument: str) -> str:
    """A text as typed, or all of standard input where it is `-`, without the last line end."""
    if argument != "-":
        return argument
    return sys.stdin.buffer.read().decode("utf-8", "replace").removesuffix("\n").removesuffix("\r")
