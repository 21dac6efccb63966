"""Webhooks: what happens in a workspace is told to addresses that its owner has named.

A call is written down in the transaction of what it tells, with all that it says, and made later: no command ever waits
for a stranger's server. A call that fails is tried again for days; meanwhile others go past it, but an address where
nothing gets through is called less and less often, and in the end not at all.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import secrets
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from functools import cached_property, partial

import httpx
import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, Row, delete, func, or_, select, update

from ismsg_tui.aside import aside
from ismsg_tui.clock import new_id, now_ms
from ismsg_tui.domain.commands import Issued
from ismsg_tui.domain.entities import Entity
from ismsg_tui.domain.packing import unpack
from ismsg_tui.server.backoff import backoff
from ismsg_tui.server.channels.registry import checked_address
from ismsg_tui.server.chores import LOOK, Chores, News
from ismsg_tui.server.database import Database
from ismsg_tui.server.deadline import Deadline, calling_client
from ismsg_tui.server.errors import ProblemError
from ismsg_tui.server.ledger import Ledger
from ismsg_tui.server.tables import webhook, webhook_call
from ismsg_tui.server.webhook_events import EVENTS, events_of, told

log = logging.getLogger(__name__)

SIGNATURE = "X-Webhook-Signature"
FIRST_RETRY, LONGEST_RETRY = 5.0, 3600.0
"""Seconds between attempts."""
DAY = 24 * 3_600_000
GIVE_UP = 3 * DAY
"""Milliseconds after which a call that does not get through is dropped."""
DISABLE = 5 * DAY
"""Milliseconds after which an address where nothing gets through is called no more."""
TIMEOUT = httpx.Timeout(10.0)
LONGEST_CALL = 20.0
"""Seconds after which a call is cut off."""
AT_ONCE = 16
"""So many webhooks are called at the same time: one that hangs keeps its own calls waiting and no others."""
STOPPING = 10.0
"""Seconds for which the end waits for the calls that are being made."""
LEASE = 60_000
"""Milliseconds after which who makes a call is held to be dead: nothing is sent after `LONGEST_CALL`, which is less."""


class Webhook(Struct, frozen=True):
    """An address that is told of events; the key that signs the calls is shown once, when it is made."""

    id: str
    workspace_id: str
    url: str
    events: tuple[str, ...]
    created_at: int
    disabled_at: int | None = None
    failing_since: int | None = None
    key: str = ""


class Webhooks:
    """The webhooks of all workspaces; any thread, and any process on the same database, may call."""

    def __init__(
        self,
        database: Database,
        ledger: Ledger,
        *,
        timeout: httpx.Timeout = TIMEOUT,
        longest: float = LONGEST_CALL,
        look: float = LOOK,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        """`longest`: the seconds that a call may take in all."""
        self._database = database
        self._clock = clock
        self._news = News()
        self._timeout = timeout
        self._longest = longest
        self._calls: set[str] = set()
        """Webhooks that are being called: each has one call at a time."""
        self._under_way: set[Future[None]] = set()
        self._taking = threading.Lock()
        self._calling = Chores("webhooks", self._begin, look=look)
        ledger.after_effects.append(self.note)
        ledger.on_commit(self._on_commit)

    def start(self) -> None:
        """Begin to call."""
        self._calling.start()

    def stop(self) -> None:
        """End; waits for the calls that are being made."""
        self._calling.stop()
        wait(tuple(self._under_way), STOPPING)

    # For administrators

    def add(self, workspace_id: str, url: str, events: Sequence[str]) -> Webhook:
        """Have an address told of events. Raises ProblemError 422."""
        unknown = [event for event in events if event not in EVENTS]
        if unknown or not events:
            raise ProblemError(422, "invalid", f"The events that there are: {', '.join(EVENTS)}.")
        if not url.strip():
            raise ProblemError(422, "invalid", "A webhook needs an address.")
        made = Webhook(
            new_id(),
            workspace_id,
            checked_address(url),
            tuple(dict.fromkeys(events)),
            self._clock(),
            key=secrets.token_urlsafe(32),
        )
        with self._database.write() as connection:
            connection.execute(
                webhook.insert().values(
                    id=made.id,
                    ws=workspace_id,
                    url=made.url,
                    events=msgspec.json.encode(made.events).decode(),
                    key=made.key,
                    created_at=made.created_at,
                    failures=0,
                    due_at=0,
                )
            )
        return made

    def all(self, workspace_id: str) -> list[Webhook]:
        """The webhooks of a workspace, the oldest first, without their keys."""
        with self._database.read() as connection:
            found = connection.execute(
                select(webhook).where(webhook.c.ws == workspace_id).order_by(webhook.c.created_at, webhook.c.id)
            ).all()
        return [
            Webhook(row.id, row.ws, row.url, _events(row.events), row.created_at, row.disabled_at, row.failing_since)
            for row in found
        ]

    def remove(self, webhook_id: str) -> bool:
        """Tell an address nothing more, also of what has happened; whether there was such a webhook."""
        with self._database.write() as connection:
            connection.execute(delete(webhook_call).where(webhook_call.c.webhook_id == webhook_id))
            return bool(connection.execute(delete(webhook).where(webhook.c.id == webhook_id)).rowcount)

    def waiting(self) -> int:
        """How many calls have not got through yet."""
        with self._database.read() as connection:
            return int(connection.scalar(select(func.count()).select_from(webhook_call)) or 0)

    # In the transactions of commands

    def note(
        self, connection: Connection, workspace_id: str, _seq: int, issued: Issued | None, rows: Sequence[Entity]
    ) -> None:
        """Write down what is to be told of a command."""
        if issued is None:
            return
        hooks = connection.execute(
            select(webhook.c.id, webhook.c.events).where(webhook.c.ws == workspace_id, webhook.c.disabled_at.is_(None))
        ).all()
        wanted = {event for hook in hooks for event in _events(hook.events)}
        for happened in events_of(issued, rows) if wanted else ():
            if happened.event not in wanted:
                continue
            body = told(connection, workspace_id, happened, rows)
            for hook in hooks:
                if happened.event in _events(hook.events):
                    connection.execute(webhook_call.insert().values(**self._call(hook.id, happened.event, body)))
                    self._news.note()

    def _call(self, webhook_id: str, event: str, body: dict[str, object]) -> dict[str, object]:
        id_, now = new_id(), self._clock()
        return {
            "id": id_,
            "webhook_id": webhook_id,
            "event": event,
            "body": msgspec.json.encode({"event_type": event, "event_id": id_, **body}).decode(),
            "created_at": now,
            "attempts": 0,
            "due_at": now,
        }

    def _on_commit(self, _workspace_id: str, _seq: int) -> None:
        if self._news.take():
            self._calling.hint()

    # Calling

    def step(self) -> bool:
        """Make one call that is due; whether there was one."""
        call = self._take()
        if call is not None:
            self._carry_out(call)
        return call is not None

    def _begin(self) -> bool:
        """Have one call that is due made on a thread of its own; whether there was one, and a thread for it."""
        call = self._take() if len(self._calls) < AT_ONCE else None
        if call is None:
            return False
        made = aside("webhook", partial(self._carry_out, call))
        self._under_way.add(made)
        made.add_done_callback(self._under_way.discard)
        return True

    def _take(self) -> Row[tuple[object, ...]] | None:
        with self._taking:
            call = self._claim()
            if call is not None:
                self._calls.add(call.webhook_id)
            return call

    def _carry_out(self, call: Row[tuple[object, ...]]) -> None:
        try:
            self._make(call)
        except ProblemError as error:
            log.warning("what became of a webhook call could not be written down: %s", error)
        except Exception:
            log.exception("a webhook call has failed")
        finally:
            self._calls.discard(call.webhook_id)
            self._calling.hint()

    def _make(self, call: Row[tuple[object, ...]]) -> None:
        body = call.body.encode()
        headers = {"Content-Type": "application/json", SIGNATURE: signature(call.key, body)}
        try:
            with (
                Deadline(self._longest) as deadline,
                self._client.stream(
                    "POST", call.url, content=body, headers=headers, extensions=deadline.extensions
                ) as response,
            ):
                problem = "" if response.is_success else f"HTTP {response.status_code}"
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            problem = type(error).__name__
        if problem:
            self._failed(call, problem)
        else:
            self._got_through(call)

    @cached_property
    def _client(self) -> httpx.Client:
        return calling_client(self._timeout)

    def _claim(self) -> Row[tuple[object, ...]] | None:
        now = self._clock()
        due = [webhook_call.c.due_at <= now, webhook.c.due_at <= now, webhook.c.disabled_at.is_(None)]
        due.append(webhook.c.id.not_in(tuple(self._calls)))
        columns = (webhook.c.url, webhook.c.key, webhook.c.failing_since, webhook.c.failures)
        with self._database.read() as connection:
            found = connection.execute(
                select(webhook_call, *columns)
                .join(webhook, webhook.c.id == webhook_call.c.webhook_id)
                .where(*due)
                .order_by(webhook_call.c.due_at, webhook_call.c.id)
                .limit(10)
            ).all()
        for call in found:
            with self._database.write() as connection:
                taken = connection.execute(
                    update(webhook_call)
                    .where(webhook_call.c.id == call.id, webhook_call.c.due_at == call.due_at)
                    .values(due_at=now + LEASE, attempts=call.attempts + 1)
                ).rowcount
            if taken:
                return call
        return None

    def _got_through(self, call: Row[tuple[object, ...]]) -> None:
        failing = or_(webhook.c.failing_since.is_not(None), webhook.c.failures > 0)
        with self._database.write() as connection:
            connection.execute(delete(webhook_call).where(webhook_call.c.id == call.id))
            connection.execute(
                update(webhook)
                .where(webhook.c.id == call.webhook_id, failing)
                .values(failing_since=None, failures=0, due_at=0)
            )

    def _failed(self, call: Row[tuple[object, ...]], problem: str) -> None:
        now, attempts, failures = self._clock(), call.attempts + 1, call.failures + 1
        since = call.failing_since or now
        own: ColumnElement[bool] = webhook.c.id == call.webhook_id
        with self._database.write() as connection:
            if now - call.created_at > GIVE_UP:
                log.warning("a webhook call (%s) is dropped: it did not get through for days", call.event)
                connection.execute(delete(webhook_call).where(webhook_call.c.id == call.id))
            else:
                wait = backoff(attempts, FIRST_RETRY, LONGEST_RETRY)
                connection.execute(update(webhook_call).where(webhook_call.c.id == call.id).values(due_at=now + wait))
            # One call that is never taken, while others are, does not hold those up.
            rest = backoff(failures - 2, FIRST_RETRY, LONGEST_RETRY) if failures > 2 else 0
            connection.execute(
                update(webhook).where(own).values(failing_since=since, failures=failures, due_at=now + rest)
            )
            if now - since > DISABLE:
                log.error("a webhook is switched off: nothing got through to it for days (%s)", problem)
                connection.execute(update(webhook).where(own).values(disabled_at=now))
                connection.execute(delete(webhook_call).where(webhook_call.c.webhook_id == call.webhook_id))


def signature(key: str, body: bytes) -> str:
    """What tells the receiver that a body comes from us, for the header `SIGNATURE`."""
    return base64.b64encode(hmac.new(key.encode(), body, hashlib.sha256).digest()).decode()


def _events(packed: str) -> tuple[str, ...]:
    return unpack(packed, tuple[str, ...])
