"""Who somebody is: accounts with passwords, and devices that are signed in with tokens.

A token is 256 random bits and kept as its SHA-256 only. The access token goes with every request and is good for an
hour; the refresh token gets a new pair and is good once. That it is good once more for a minute is for a reply that was
lost; later, a copy of it must be in other hands, and the device is signed out.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from msgspec import Struct

from ismsg_tui.clock import new_id, now_ms
from ismsg_tui.domain import wire
from ismsg_tui.domain.entities import Role, User, Visibility
from ismsg_tui.server import tables
from ismsg_tui.server.database import Database
from ismsg_tui.server.errors import ProblemError

ACCESS_LIFE = 3_600_000
REFRESH_LIFE = 60 * 24 * 3_600_000
GRACE = 60_000
"""Milliseconds for which a refresh token that was exchanged may be exchanged once more."""

_hasher = PasswordHasher()

_account, _member, _device, _token = tables.account.c, tables.member.c, tables.device.c, tables.token.c
_workspace, _row = tables.workspace.c, tables.row.c


class Viewer(Struct, frozen=True):
    """The user and the device that a request comes from, as they are at this moment."""

    workspace_id: str
    user_id: str
    device_id: str
    role: Role
    visibility: Visibility
    team: str
    sight: int
    """Counts the changes of what the user may see."""
    epoch: str
    """The history that revisions count in."""
    head: int
    """The newest revision."""


class _Place(NamedTuple):
    """A workspace that an account is a member of."""

    ws: str
    name: str
    user_id: str
    active: bool


def hash_password(password: str) -> str:
    """A password as it is kept; takes a moment, on purpose."""
    return _hasher.hash(password)


def folded(email: str) -> str:
    """An e-mail address as accounts are found by it."""
    return email.strip().casefold()


class Accounts:
    """Signs devices in and out, and says whose a token is. Any thread may call."""

    def __init__(self, database: Database, clock: Callable[[], int] = now_ms) -> None:
        self._db = database
        self._clock = clock

    def sign_in(self, wanted: wire.SignIn) -> wire.Session:
        """Sign a new device in.

        Raises ProblemError: 401 wrong-password, 403 user-disabled, 404 unknown-workspace, 409 which-workspace with
        the workspaces in `params`.
        """
        with self._db.read() as connection:
            places = self._places(connection, wanted)
        return self._begin(_chosen(places, wanted.workspace), wanted.device)

    def _places(self, connection: sa.Connection, wanted: wire.SignIn) -> list[_Place]:
        """The workspaces that the e-mail and password open. Raises ProblemError 401."""
        email = folded(wanted.email)
        account = None
        if "\0" not in email:
            account = connection.execute(
                sa.select(_account.id, _account.password).where(_account.email == email)
            ).first()
        if not _is_password(account.password if account else _nobody(), wanted.password) or account is None:
            raise ProblemError(401, "wrong-password", "The e-mail address or the password is wrong.")
        found = connection.execute(
            _members().where(_member.account_id == account.id).order_by(_workspace.name, _workspace.id)
        )
        return [_place(row) for row in found]

    def refresh(self, token: str) -> wire.Session:
        """Exchange a refresh token for a new pair.

        Raises ProblemError: 401 token-invalid, token-expired, token-reuse, 403 device-revoked, user-disabled.
        """
        now = self._clock()
        with self._db.write() as connection:
            found = connection.execute(
                sa.select(_token.device_id, _token.expires_at, _token.spent_at, _token.uses)
                .where(_token.hash == _hash(token), _token.kind == "refresh")
                .with_for_update()
            ).first()
            if found is None:
                raise _invalid()
            stolen = found.uses > 1 or (found.uses == 1 and now > (found.spent_at or 0) + GRACE)
            if stolen:
                self._revoke(connection, found.device_id)
            else:
                session = self._exchange(connection, found.device_id, found.expires_at, token)
        if stolen:  # said only now, or the device would not stay signed out
            raise ProblemError(401, "token-reuse", "This sign-in was used twice and is ended: sign in again.")
        return session

    def _exchange(self, connection: sa.Connection, device_id: str, expires_at: int, token: str) -> wire.Session:
        now = self._clock()
        device = connection.execute(
            sa.select(_device.ws, _device.user_id, _device.revoked_at).where(_device.id == device_id)
        ).one()
        place = _place(
            connection.execute(_members().where(_member.ws == device.ws, _member.user_id == device.user_id)).one()
        )
        _check(device.revoked_at, place.active)
        if now > expires_at:
            raise _expired()
        connection.execute(
            sa.update(tables.token)
            .where(_token.hash == _hash(token))
            .values(uses=_token.uses + 1, spent_at=sa.func.coalesce(_token.spent_at, now))
        )
        connection.execute(sa.update(tables.device).where(_device.id == device_id).values(seen_at=now))
        connection.execute(sa.delete(tables.token).where(_token.device_id == device_id, _token.expires_at < now))
        return self._session(connection, device_id, place)

    def sign_out(self, device_id: str) -> None:
        """End what a device was signed in for."""
        with self._db.write() as connection:
            self._revoke(connection, device_id)

    def viewer(self, access_token: str, workspace_id: str | None) -> Viewer:
        """Whose an access token is; `workspace_id` None: in whichever workspace.

        Raises ProblemError: 401 token-invalid, token-expired, 403 device-revoked, user-disabled, 404
        unknown-workspace for one that the token is not for.
        """
        with self._db.read() as connection:
            found = connection.execute(_VIEWER, {"token": _hash(access_token)}).first()
        if found is None:
            raise _invalid()
        user = wire.unpack_row("user", found.body.encode())
        if not isinstance(user, User):
            raise _invalid()
        _check(found.revoked_at, user.active)
        if self._clock() > found.expires_at:
            raise _expired()
        if workspace_id is not None and found.ws != workspace_id:
            raise ProblemError(404, "unknown-workspace", "There is no such workspace.")
        return Viewer(
            found.ws,
            user.id,
            found.device_id,
            user.role,
            user.visibility,
            user.team,
            found.sight,
            found.epoch,
            found.seq,
        )

    def issue_local(self, workspace_id: str, user_id: str, name: str) -> wire.Session:
        """Sign a device in without a password: for a console that is its own server. Raises ProblemError 404."""
        with self._db.read() as connection:
            found = connection.execute(_members().where(_member.ws == workspace_id, _member.user_id == user_id)).first()
        if found is None:
            raise ProblemError(404, "unknown-user", "There is no such user in the workspace.")
        return self._begin(_place(found), wire.DeviceNote(name))

    def _begin(self, place: _Place, note: wire.DeviceNote) -> wire.Session:
        """Sign in a device that was not known before."""
        device_id, now = new_id(), self._clock()
        with self._db.write() as connection:
            connection.execute(
                sa.insert(tables.device).values(
                    id=device_id,
                    ws=place.ws,
                    user_id=place.user_id,
                    name=note.name.replace("\0", ""),
                    client=note.client.replace("\0", ""),
                    created_at=now,
                    seen_at=now,
                )
            )
            return self._session(connection, device_id, place)

    def _session(self, connection: sa.Connection, device_id: str, place: _Place) -> wire.Session:
        """A new pair of tokens for a device."""
        now = self._clock()
        access, refresh = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        connection.execute(
            sa.insert(tables.token),
            [
                {"hash": _hash(value), "device_id": device_id, "kind": kind, "expires_at": now + life, "uses": 0}
                for value, kind, life in ((access, "access", ACCESS_LIFE), (refresh, "refresh", REFRESH_LIFE))
            ],
        )
        return wire.Session(device_id, access, refresh, ACCESS_LIFE // 1_000, place.user_id, place.ws, place.name)

    def _revoke(self, connection: sa.Connection, device_id: str) -> None:
        connection.execute(
            sa.update(tables.device)
            .where(_device.id == device_id, _device.revoked_at.is_(None))
            .values(revoked_at=self._clock())
        )


def _members() -> sa.Select[tuple[str, str, str, str]]:
    """Every member of every workspace: workspace, its name, the user and his row."""
    return (
        sa.select(_member.ws, _workspace.name, _member.user_id, _row.body)
        .select_from(tables.member)
        .join(tables.workspace, _workspace.id == _member.ws)
        .join(tables.row, _user_row(_member.ws, _member.user_id))
    )


def _user_row(ws: sa.ColumnElement[str], user_id: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    return sa.and_(_row.ws == ws, _row.kind == "user", _row.id == user_id)


_VIEWER = (
    sa.select(
        _token.device_id,
        _token.expires_at,
        _device.ws,
        _device.revoked_at,
        _member.sight,
        _workspace.epoch,
        _workspace.seq,
        _row.body,
    )
    .select_from(tables.token)
    .join(tables.device, _device.id == _token.device_id)
    .join(tables.member, sa.and_(_member.ws == _device.ws, _member.user_id == _device.user_id))
    .join(tables.workspace, _workspace.id == _device.ws)
    .join(tables.row, _user_row(_device.ws, _device.user_id))
    .where(_token.hash == sa.bindparam("token"), _token.kind == "access")
)


def _place(found: sa.Row[tuple[str, str, str, str]]) -> _Place:
    ws, name, user_id, body = found
    user = wire.unpack_row("user", body.encode())
    return _Place(ws, name, user_id, isinstance(user, User) and user.active)


def _chosen(places: list[_Place], workspace: str) -> _Place:
    """The one workspace that is meant. Raises ProblemError."""
    active = [place for place in places if place.active]
    if not active:
        _check(None, active=False)
    if workspace:
        meant = [place for place in active if workspace == place.ws]
        meant = meant or [place for place in active if workspace.casefold() == place.name.casefold()]
        if not meant:
            raise ProblemError(404, "unknown-workspace", "You are in no workspace of that name.")
        active = meant
    if len(active) > 1:
        names = [{"id": place.ws, "name": place.name} for place in active]
        raise ProblemError(409, "which-workspace", "Say which workspace you mean.", params={"workspaces": names})
    return active[0]


def _check(revoked_at: int | None, active: bool) -> None:
    """Raises ProblemError 403 for a device or a user that may not do anything any more."""
    if revoked_at is not None:
        raise ProblemError(403, "device-revoked", "This device was signed out: sign in again.")
    if not active:
        raise ProblemError(403, "user-disabled", "You are not an active user any more: ask an owner.")


def _is_password(hashed: str, password: str) -> bool:
    try:
        return _hasher.verify(hashed, password)
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobody() -> str:
    """What a password is compared with where there is no account, so that both take the same time."""
    return _hasher.hash(secrets.token_urlsafe())


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _invalid() -> ProblemError:
    return ProblemError(401, "token-invalid", "The token is not known: sign in again.")


def _expired() -> ProblemError:
    return ProblemError(401, "token-expired", "The token has run out.")
