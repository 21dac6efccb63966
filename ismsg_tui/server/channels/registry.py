"""The channels that are connected: which there are, whose a token is; adding, changing and removing one."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from urllib.parse import urlsplit

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, and_, select, update

from ismsg_tui.clock import new_id, now_ms
from ismsg_tui.domain.entities import Channel
from ismsg_tui.domain.text import one_line
from ismsg_tui.server.channels.adapter import Account, Adapter
from ismsg_tui.server.channels.custom import CustomChannel
from ismsg_tui.server.database import Database
from ismsg_tui.server.delivery_rows import PENDING
from ismsg_tui.server.errors import ProblemError
from ismsg_tui.server.ledger import Ledger
from ismsg_tui.server.rows import insert_missing
from ismsg_tui.server.tables import channel_account, delivery

_ACCOUNT = channel_account.c["channel_id", "ws", "kind", "token", "base_url"]


class ConnectedChannel(Struct, frozen=True):
    """A channel as its administrator sees it; the token is shown once, when it is made."""

    id: str
    workspace_id: str
    kind: str
    name: str
    base_url: str
    created_at: int


class Registry:
    """The channels of all workspaces; any thread may call."""

    def __init__(self, database: Database, ledger: Ledger, *, clock: Callable[[], int] = now_ms) -> None:
        self._database = database
        self._ledger = ledger
        self._clock = clock
        custom = CustomChannel()
        self._adapters: dict[str, Adapter] = {custom.kind: custom}

    def adapter(self, kind: str) -> Adapter:
        """The adapter of a kind of channel. Raises KeyError."""
        return self._adapters[kind]

    def add_custom(self, workspace_id: str, name: str, base_url: str = "") -> Account:
        """Connect a custom channel; without an address it only takes messages in. Raises ProblemError 404, 422."""
        shown = one_line(name, 100)
        if not shown:
            raise ProblemError(422, "invalid", "A channel needs a name.")
        address = checked_address(base_url)
        kind = CustomChannel.kind
        able = self._adapters[kind].capabilities
        channel = Channel(id=new_id(), kind=kind, name=shown, text_limit=able.text_limit, media=able.media)
        self._ledger.seed(workspace_id, [channel])
        return self.connect(workspace_id, channel, address)

    def connect(self, workspace_id: str, channel: Channel, base_url: str = "") -> Account:
        """Have a channel that is in the workspace already spoken for by a custom channel's server.

        One that is connected, or was, keeps its token. Raises ProblemError 422.
        """
        values = {
            "channel_id": channel.id,
            "ws": workspace_id,
            "kind": CustomChannel.kind,
            "token": secrets.token_urlsafe(32),
            "base_url": checked_address(base_url),
            "created_at": self._clock(),
        }
        mine = channel_account.c.channel_id == channel.id
        with self._database.write() as connection:
            insert_missing(connection, channel_account, [values])
            changed = {"base_url": values["base_url"], "disabled_at": None}
            connection.execute(update(channel_account).where(mine).values(**changed))
            return Account(*connection.execute(select(*_ACCOUNT).where(mine)).one())

    def change(
        self, workspace_id: str, channel_id: str, *, base_url: str | None = None, new_token: bool = False
    ) -> Account:
        """Have a channel's messages go out to another address, or let it in by another token only.

        Raises ProblemError 404, 422.
        """
        values = {} if base_url is None else {"base_url": checked_address(base_url)}
        if new_token:
            values["token"] = secrets.token_urlsafe(32)
        mine = _connected(workspace_id, channel_id)
        with self._database.write() as connection:
            if values:
                connection.execute(update(channel_account).where(mine).values(**values))
            account = _find(connection, mine)
        if account is None:
            raise _unknown()
        return account

    def remove(self, workspace_id: str, channel_id: str) -> None:
        """Take nothing in from a channel and send nothing out to it any more; what was said through it stays.

        What waits to be sent is due now, and fails. Raises ProblemError 404.
        """
        now = self._clock()
        waits = and_(delivery.c.channel_id == channel_id, delivery.c.state == PENDING)
        with self._database.write() as connection:
            removed = update(channel_account).where(_connected(workspace_id, channel_id)).values(disabled_at=now)
            if not connection.execute(removed).rowcount:
                raise _unknown()
            connection.execute(update(delivery).where(waits).values(due_at=now))

    def all(self, workspace_id: str) -> list[ConnectedChannel]:
        """The connected channels of a workspace, the oldest first."""
        with self._database.read() as connection:
            found = connection.execute(
                select(*_ACCOUNT, channel_account.c.created_at)
                .where(channel_account.c.ws == workspace_id, channel_account.c.disabled_at.is_(None))
                .order_by(channel_account.c.created_at, channel_account.c.channel_id)
            ).all()
        listed = []
        for row in found:
            channel = self._ledger.read(row.ws, "channel", row.channel_id)
            name = channel.name if isinstance(channel, Channel) else ""
            listed.append(ConnectedChannel(row.channel_id, row.ws, row.kind, name, row.base_url, row.created_at))
        return listed

    def by_token(self, token: str) -> Account:
        """The channel that a token belongs to. Raises ProblemError 401."""
        mine = and_(channel_account.c.token == token, channel_account.c.disabled_at.is_(None))
        with self._database.read() as connection:
            account = _find(connection, mine) if "\0" not in token else None
        if account is None:
            raise ProblemError(401, "token-invalid", "This is not the token of a channel.")
        return account

    def by_id(self, channel_id: str, *, removed: bool = False) -> Account | None:
        """A connected channel, or also one that was `removed`; None for one that is only a name in the inbox."""
        mine = channel_account.c.channel_id == channel_id
        with self._database.read() as connection:
            return _find(connection, mine if removed else and_(mine, channel_account.c.disabled_at.is_(None)))

    def was_connected(self, channel_id: str, connection: Connection) -> bool:
        """Whether a channel is connected, or was: it may have been removed."""
        return _find(connection, channel_account.c.channel_id == channel_id) is not None


def _connected(workspace_id: str, channel_id: str) -> ColumnElement[bool]:
    account = channel_account.c
    return and_(account.ws == workspace_id, account.channel_id == channel_id, account.disabled_at.is_(None))


def _find(connection: Connection, wanted: ColumnElement[bool]) -> Account | None:
    found = connection.execute(select(*_ACCOUNT).where(wanted)).one_or_none()
    return None if found is None else Account(*found)


def _unknown() -> ProblemError:
    return ProblemError(
        404, "unknown-channel", "There is no such channel: “ismsg server channel ls” names those that are connected."
    )


def checked_address(url: str) -> str:
    """An address to call, as it is kept; "" stays. Raises ProblemError 422 for what is none."""
    try:
        parts = urlsplit(url.strip())
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fine = False
    if url.strip() and (not fine or not url.strip().isprintable() or " " in url.strip()):
        raise ProblemError(422, "invalid", "An address begins with https:// or http:// and names a host.")
    return url.strip()
