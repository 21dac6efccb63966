"""What every command shares: the settings, the inbox, and finding whom a word on the command line means."""

from __future__ import annotations

import getpass
import sys
from contextlib import closing
from functools import cached_property
from pathlib import Path

import click

from ismsg_tui.cli.errors import FailedError, say
from ismsg_tui.config import Config, data_folder, load_config
from ismsg_tui.domain.entities import Contact, Snippet, User
from ismsg_tui.domain.text import one_line
from ismsg_tui.finding import find_contact, find_snippet, find_teammate
from ismsg_tui.inbox import Inbox, enter_workspace
from ismsg_tui.signing import Signed, enter_account, take_over
from ismsg_tui.store.store import Store
from ismsg_tui.sync.credentials import Account, read_account


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
    def account(self) -> Account | None:
        """Whom the data belongs to on a server; None for a workspace of one's own. Raises ClientError."""
        return read_account(self.folder)

    @property
    def has_account(self) -> bool:
        """Whether the data belongs to somebody on a server. Raises ClientError."""
        return read_account(self.folder) is not None

    def take_over(self, signed: Signed) -> None:
        """Make the data that of whoever has signed in. Raises StoreInUseError."""
        with closing(Store(self.folder)) as store:
            take_over(store, signed)

    @cached_property
    def inbox(self) -> Inbox:
        """The inbox of whoever acts, its store created if missing and closed when the command ends."""
        store = Store(self.folder)
        click.get_current_context().call_on_close(store.close)
        me = self._enter(store)
        inbox = Inbox(store, me.id, hold=0)
        inbox.wake_due()
        return inbox

    def _enter(self, store: Store) -> User:
        """Who acts: whoever is signed in, else the user of that name, who is made if need be."""
        account = self.account
        if account is not None:
            me = enter_account(store, account)
            if self._user and self._user.casefold() not in (me.id, me.name.casefold(), me.email.casefold()):
                raise FailedError(
                    f"You are signed in as {me.name}: leave out --user and ISMSG_USER, or sign in as somebody else."
                )
            return me
        known = set(store.settings.users)
        me = enter_workspace(store, self.user_name)
        if known and me.id not in known:
            say(f"{one_line(me.name)} is new in this workspace.")
        return me

    @property
    def user_name(self) -> str:
        """What whoever acts is called where nobody has signed in."""
        return self._user or self.config.user or _login_name()

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
