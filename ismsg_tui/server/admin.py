"""Running a server: workspaces, their users and devices."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa
from msgspec import Struct
from msgspec.structs import replace

from ismsg_tui.clock import new_id, now_ms
from ismsg_tui.domain.entities import Role, User, Workspace
from ismsg_tui.domain.text import clean
from ismsg_tui.domain.wire import LONGEST_EMAIL, LONGEST_PASSWORD
from ismsg_tui.server import tables
from ismsg_tui.server.accounts import folded, hash_password
from ismsg_tui.server.database import Database
from ismsg_tui.server.housekeeping import tidy
from ismsg_tui.server.ledger import Ledger
from ismsg_tui.server.restored import new_epoch

SHORTEST_PASSWORD = 8
"""Characters."""


class AdminError(Exception):
    """Something that can't be done; the message says why and what to do."""


class WorkspaceNote(Struct, frozen=True):
    """A workspace and how far it has come."""

    id: str
    name: str
    epoch: str
    head: int


class UserNote(Struct, frozen=True):
    """A user, and whether he has a password to sign in with."""

    user: User
    can_sign_in: bool


class DeviceNote(Struct, frozen=True):
    """A device that is or was signed in; times in milliseconds."""

    id: str
    workspace_id: str
    user_id: str
    name: str
    client: str
    created_at: int
    seen_at: int
    revoked_at: int | None


class Admin:
    """What whoever runs a server does; it asks for no rights."""

    def __init__(self, database: Database, ledger: Ledger, clock: Callable[[], int] = now_ms) -> None:
        self._db = database
        self._ledger = ledger
        self._clock = clock

    # Workspaces

    def create_workspace(self, workspace: Workspace) -> Workspace:
        """Begin a workspace. Raises AdminError if there is one of that name or id."""
        workspace = replace(workspace, name=clean(workspace.name).strip())
        if not workspace.name:
            raise AdminError("A workspace needs a name.")
        known = self.workspaces()
        if any(workspace.id == other.id or workspace.name.casefold() == other.name.casefold() for other in known):
            raise AdminError(f"There is already a workspace “{workspace.name}”.")
        with self._db.write() as connection:
            connection.execute(
                sa.insert(tables.workspace).values(
                    id=workspace.id,
                    name=workspace.name,
                    epoch=new_epoch(),
                    seq=0,
                    floor=0,
                    settings_rev=0,
                    restored_at=0,
                )
            )
        self._ledger.seed(workspace.id, [workspace])
        return workspace

    def workspaces(self) -> list[WorkspaceNote]:
        """Every workspace, by name."""
        table = tables.workspace.c
        query = sa.select(table.id, table.name, table.epoch, table.seq).order_by(table.name, table.id)
        with self._db.read() as connection:
            return [WorkspaceNote(*found) for found in connection.execute(query)]

    # Users

    def add_user(self, workspace_id: str, user: User, password: str | None = None) -> User:
        """Add a user, or change the one of that id; a new one where there is no owner becomes it.

        With a password and an e-mail address he can sign in. An address that has an account already keeps that
        account's password unless a new one is given. Raises AdminError.
        """
        settings = self._ledger.settings(workspace_id)
        user = replace(
            user, name=clean(user.name).strip(), email=clean(user.email).strip(), team=clean(user.team).strip()
        )
        if not user.name:
            raise AdminError("A user needs a name.")
        if password is not None and not user.email:
            raise AdminError("Somebody who signs in needs an e-mail address.")
        if len(user.email) > LONGEST_EMAIL:
            raise AdminError(f"An e-mail address has at most {LONGEST_EMAIL} characters.")
        if user.email and "@" not in user.email:
            raise AdminError(f"“{user.email}” is no e-mail address.")
        for other in settings.users.values():
            if other.id != user.id and user.email and folded(other.email) == folded(user.email):
                raise AdminError(f"{other.name} has the e-mail address {user.email} already.")
        owned = any(other.active and other.role is Role.OWNER for other in settings.users.values())
        if not owned and user.id not in settings.users:
            user = replace(user, role=Role.OWNER)
        hashed = None if password is None else _checked(password)
        self._ledger.seed(workspace_id, [user])
        if user.email:
            self._link(workspace_id, user, hashed)
        return user

    def _link(self, workspace_id: str, user: User, hashed: str | None) -> None:
        """Let a user sign in with the account of his e-mail address, made if there is a password for it."""
        account, member = tables.account, tables.member
        with self._db.write() as connection:
            known = connection.execute(
                sa.select(account.c.id).where(account.c.email == folded(user.email))
            ).scalar_one_or_none()
            if known is None and hashed is not None:
                known = new_id()
                connection.execute(sa.insert(account).values(id=known, email=folded(user.email), password=hashed))
            elif hashed is not None:
                connection.execute(sa.update(account).where(account.c.id == known).values(password=hashed))
            connection.execute(
                sa.update(member)
                .where(member.c.ws == workspace_id, member.c.user_id == user.id)
                .values(account_id=known)
            )

    def find_user(self, workspace_id: str, wanted: str) -> User:
        """The user of an id or its last part, an e-mail address or a name. Raises AdminError unless it is one."""
        users = self._ledger.settings(workspace_id).users.values()
        found = [user for user in users if wanted in (user.id, user.id[-12:])]
        found = found or [user for user in users if user.email and folded(wanted) == folded(user.email)]
        found = found or [user for user in users if wanted.casefold() == user.name.casefold()]
        if len(found) != 1:
            raise AdminError(f"{'Nobody' if not found else 'More than one user'} is called “{wanted}”: give the id.")
        return found[0]

    def change_user(self, workspace_id: str, user: User, password: str | None = None) -> None:
        """Write a user anew, with a new password if one is given.

        Raises AdminError, and changes nothing, where a workspace would be left without an active owner, or where the
        password does not do.
        """
        if password is not None and not user.email:
            raise AdminError("Somebody who signs in needs an e-mail address.")
        hashed = None if password is None else _checked(password)
        users = {**self._ledger.settings(workspace_id).users, user.id: user}
        if not any(other.active and other.role is Role.OWNER for other in users.values()):
            raise AdminError(f"{user.name} is the only owner: make somebody else an owner first.")
        self._ledger.seed(workspace_id, [user])
        if hashed is not None:
            self._link(workspace_id, user, hashed)

    def users(self, workspace_id: str) -> list[UserNote]:
        """Everybody in a workspace, by name."""
        member = tables.member.c
        with self._db.read() as connection:
            signing = set(
                connection.execute(
                    sa.select(member.user_id).where(member.ws == workspace_id, member.account_id.is_not(None))
                ).scalars()
            )
        users = self._ledger.settings(workspace_id).users.values()
        ordered = sorted(users, key=lambda user: (user.name.casefold(), user.id))
        return [UserNote(user, user.id in signing) for user in ordered]

    # Devices

    def devices(self, workspace_id: str) -> list[DeviceNote]:
        """Every device that is signed in or was until lately, or of which a command is known; the newest first."""
        table = tables.device
        query = sa.select(table).where(table.c.ws == workspace_id).order_by(table.c.created_at.desc(), table.c.id)
        with self._db.read() as connection:
            return [DeviceNote(*found) for found in connection.execute(query)]

    # Housekeeping

    def tidy(self) -> int:
        """Forget what nobody will ask for any more, as a server does by itself each hour; returns how many things."""
        return tidy(self._db, self._clock())


def _checked(password: str) -> str:
    if len(password) < SHORTEST_PASSWORD:
        raise AdminError(f"A password has at least {SHORTEST_PASSWORD} characters.")
    if len(password) > LONGEST_PASSWORD:
        raise AdminError(f"A password has at most {LONGEST_PASSWORD:,} characters.")
    return hash_password(password)
