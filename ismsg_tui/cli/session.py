"""What every command shares: the settings, the inbox, and finding whom a word on the command line means."""

from __future__ import annotations

import getpass
import sys
from functools import cached_property
from pathlib import Path

import click

from ismsg_tui.cli.errors import say
from ismsg_tui.config import Config, data_folder, load_config
from ismsg_tui.domain.entities import Contact, Snippet, User
from ismsg_tui.domain.text import one_line
from ismsg_tui.finding import find_contact, find_snippet, find_teammate
from ismsg_tui.inbox import Inbox, enter_workspace
from ismsg_tui.store.store import Store


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
        """The one contact that `wanted` means. Raises NotFoundError, which lists whom else it may mean."""
        return find_contact(self.inbox, wanted)

    def teammate(self, wanted: str) -> User:
        """The active user that `wanted` means. Raises NotFoundError."""
        return find_teammate(self.inbox, wanted)

    def snippet(self, name: str) -> Snippet:
        """The snippet of that name or id. Raises NotFoundError."""
        return find_snippet(self.inbox, name)


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
