"""What goes out: every message of a channel that is connected waits in a table until the channel has taken it.

The row is written with the message, in one transaction. It is sent by whoever takes the lease of it, one at a time for
a contact on a channel, text and files one after the other. What was surely not handed over is tried again. Where
nobody can know, because the answer got lost or the process died meanwhile, the message is `uncertain`: it is never
sent again unasked, and a receipt or an echo that comes later settles it.
"""

from __future__ import annotations

import logging
import re
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from sqlalchemy import Connection, and_, delete, func, select, update

from ismsg_tui.clock import new_id, now_ms
from ismsg_tui.domain.commands import Issued, SendMessage, SetDelivery
from ismsg_tui.domain.entities import Attachment, Contact, Delivery, Entity, Message
from ismsg_tui.domain.ids import Part, derived_id
from ismsg_tui.server.backoff import backoff
from ismsg_tui.server.channels.adapter import (
    Account,
    LaterError,
    Link,
    Outgoing,
    RefusedError,
    UncertainError,
)
from ismsg_tui.server.channels.registry import Registry
from ismsg_tui.server.chores import News
from ismsg_tui.server.database import Database
from ismsg_tui.server.delivery_rows import (
    CHANNEL,
    FAILED,
    PENDING,
    SENDING,
    SENT,
    UNCERTAIN,
    Due,
    abandoned,
    claim,
    given_id,
    leased,
    one_delivery,
    parts_of,
    quoted,
    reference_of,
    waiting,
)
from ismsg_tui.server.errors import ProblemError
from ismsg_tui.server.file_links import FileLinks
from ismsg_tui.server.ledger import Ledger, Within
from ismsg_tui.server.rows import insert_missing
from ismsg_tui.server.tables import channel_message, contact_channel, delivery

log = logging.getLogger(__name__)

Outcome = Callable[[], None]
"""Writes down what became of a part of a message; doing it twice does no harm."""

FIRST_RETRY, LONGEST_RETRY = 1.0, 900.0
"""Seconds between attempts."""
GIVE_UP = 24 * 3_600_000
"""Milliseconds after which a message that a channel does not take is failed."""
LEASE = 150_000
"""Milliseconds after which whoever took a message is held to be dead; a call is cut off much earlier."""
REMEMBERED = 30 * 24 * 3_600_000
"""Milliseconds for which it is known what became of a message."""
_PASSING = frozenset({409, 503, 507})
"""The statuses of problems after which the same can be written a little later."""
_PHONE = re.compile(r"\+[1-9]\d{5,14}")
_DIED = "the server was stopped while it handed it over."


class _Unready(Exception):
    """A message can't be sent as things stand; the sentence says why."""


class _SettledError(Exception):
    """The channel itself has said what became of a message: that counts, and nothing else is to be written."""


class Deliveries:
    """The messages that go out through channels; any thread, and any process on the same database, may call."""

    def __init__(
        self,
        database: Database,
        ledger: Ledger,
        registry: Registry,
        links: FileLinks,
        *,
        public_url: str = "",
        clock: Callable[[], int] = now_ms,
    ) -> None:
        """`public_url`: the address under which channels reach this server to fetch files; it may be set later."""
        self._database = database
        self._ledger = ledger
        self._registry = registry
        self._links = links
        self.public_url = public_url
        self._clock = clock
        self.on_given: Callable[[Account, str], None] = lambda _account, _external_id: None
        """Told of a channel's id for a message, once it is known: receipts may have come before."""
        self.news = News()
        """Whether a transaction has made something to go out."""
        self._unwritten: deque[Outcome] = deque()
        """What became of messages, and could not be written down yet."""
        ledger.after_effects.append(self.enqueue)

    # In the transactions of commands

    def enqueue(
        self, connection: Connection, workspace_id: str, seq: int, issued: Issued | None, rows: Sequence[Entity]
    ) -> None:
        """Have the message that a command has made go out; if its channel was removed, it fails at its turn."""
        if issued is None or not isinstance(issued.command, SendMessage):
            return
        made = derived_id(issued.id, Part.MAIN)
        for row in rows:
            if not isinstance(row, Message) or row.id != made or row.status is not Delivery.PENDING:
                continue
            if row.channel_id is None or not self._registry.was_connected(row.channel_id, connection):
                continue
            values = waiting(workspace_id, row, row.channel_id, seq, self._clock())
            insert_missing(connection, delivery, [values])
            self.news.note()

    # Sending

    def step(self) -> bool:
        """Send one part of one message that is due; whether there was one.

        Raises ProblemError where the database can't be written; what became of the message is written down later.
        """
        self._write_down_rest()
        now = self._clock()
        due = claim(self._database, now, LEASE)
        if due is None:
            return self._bury(now)
        self._write_down(self._hand_over(due))
        return True

    def finish(self) -> None:
        """Write down, as the last thing, what could not be until now: nobody else knows it."""
        with suppress(ProblemError):
            self._write_down_rest()

    def _hand_over(self, due: Due) -> Outcome:
        """Send a part, and say what is to be written down of it."""
        try:
            account, outgoing, last = self._prepare(due)
        except _Unready as error:
            return partial(self._fail, due, str(error))
        except ProblemError as error:
            return partial(self._later, due, LaterError(error.detail))
        try:
            given = self._registry.adapter(account.kind).send(account, outgoing)
        except RefusedError as error:
            return partial(self._fail, due, str(error))
        except LaterError as error:
            return partial(self._later, due, error)
        except UncertainError as error:
            return partial(self._doubt, due, str(error), last=last)
        return partial(self._sent, account, due, given, last=last)

    def _write_down(self, outcome: Outcome) -> None:
        """Raises ProblemError where that can't be done now: then the outcome is known here alone, and kept."""
        try:
            outcome()
        except ProblemError as error:
            if error.status in _PASSING:
                self._unwritten.append(outcome)
            raise

    def _write_down_rest(self) -> None:
        for _ in range(len(self._unwritten)):
            try:
                outcome = self._unwritten.popleft()
            except IndexError:
                return  # another thread is at it
            self._write_down(outcome)

    def _prepare(self, due: Due) -> tuple[Account, Outgoing, bool]:
        """What is to be sent now and whether nothing comes after it. Raises _Unready."""
        account = self._registry.by_id(due.channel_id)
        message = self._ledger.read(due.workspace_id, "message", due.message_id)
        if account is None or not isinstance(message, Message):
            raise _Unready("The channel is not connected any more.")
        if not account.base_url:
            raise _Unready("The channel only takes messages in: it has no address to send to.")
        parts = parts_of(message)
        if not self.public_url and any(isinstance(part, Attachment) for part in parts):  # before the text goes alone
            raise _Unready("Files can't be sent: the server has to be told its own address (--public-url).")
        part = parts[due.part]
        content = self._linked(due.workspace_id, part) if isinstance(part, Attachment) else part
        with self._database.read() as connection:
            quotes = quoted(connection, due.channel_id, message.reply_to) if due.part == 0 else ""
        outgoing = Outgoing(self._address_of(due), reference_of(due.message_id, due.part), content, quotes)
        return account, outgoing, due.part == len(parts) - 1

    def _linked(self, workspace_id: str, attachment: Attachment) -> Link:
        token = self._links.create(workspace_id, attachment)
        return Link(attachment, f"{self.public_url.rstrip('/')}/v1/files/{token}")

    def _address_of(self, due: Due) -> str:
        """The contact as the channel knows him; who never wrote through it may have a phone. Raises _Unready."""
        mine = and_(contact_channel.c.channel_id == due.channel_id, contact_channel.c.contact_id == due.contact_id)
        with self._database.read() as connection:
            known = connection.scalar(select(contact_channel.c.external_id).where(mine).limit(1))
        if known is not None:
            return str(known)
        contact = self._ledger.read(due.workspace_id, "contact", due.contact_id)
        phone = re.sub(r"[\s().-]", "", contact.phone) if isinstance(contact, Contact) else ""
        if not _PHONE.fullmatch(phone):
            raise _Unready(
                "The contact has never written through this channel and has no phone number to be reached by."
            )
        with self._database.write() as connection:
            values = {"channel_id": due.channel_id, "external_id": phone, "contact_id": due.contact_id}
            insert_missing(connection, contact_channel, [values])
            owner = connection.scalar(
                select(contact_channel.c.contact_id).where(
                    contact_channel.c.channel_id == due.channel_id, contact_channel.c.external_id == phone
                )
            )
        if owner != due.contact_id:
            raise _Unready("Another contact writes through this channel from the same phone number.")
        return phone

    # What became of it

    def _sent(self, account: Account, due: Due, given: str, *, last: bool) -> None:
        def note(connection: Connection) -> None:
            if given:
                insert_missing(connection, channel_message, [given_id(due, given, whole=last)])
            values: dict[str, str | int] = {"state": SENT, "lease": ""}
            if not last:
                values = {"state": PENDING, "lease": "", "part": due.part + 1, "attempts": 0, "due_at": self._clock()}
            connection.execute(
                update(delivery)
                .where(
                    one_delivery(due.workspace_id, due.message_id),
                    delivery.c.part == due.part,
                    delivery.c.state.not_in((SENT, FAILED)),
                )
                .values(**values)
            )

        if last:
            self._report(due, Delivery.SENT, "", note)
        else:
            with self._database.write() as connection:
                note(connection)
        if given:
            self.on_given(account, given)

    def _later(self, due: Due, error: LaterError) -> None:
        now = self._clock()
        if now - due.created_at > GIVE_UP:
            self._fail(due, f"{error} It was tried for a day.")
            return
        wait = max(int(error.after * 1000), backoff(due.attempts, FIRST_RETRY, LONGEST_RETRY))
        with self._database.write() as connection:
            connection.execute(
                update(delivery).where(leased(due, SENDING)).values(state=PENDING, lease="", due_at=now + wait)
            )

    def _fail(self, due: Due, reason: str) -> None:
        if due.part:
            reason = f"A part of it was sent, the rest was not. {reason}"
        self._report(due, Delivery.FAILED, reason, lambda connection: _settle(connection, due, FAILED))

    def _doubt(self, due: Due, reason: str, *, last: bool) -> None:
        rest = "" if last else " What comes after it was not sent."
        words = f"It may have arrived: {reason}{rest}"
        self._report(due, Delivery.UNCERTAIN, words, lambda connection: _settle(connection, due, UNCERTAIN))

    def _report(self, due: Due, status: Delivery, error: str, within: Within) -> None:
        """Say in the workspace what became of a message, and write it down with `within` in the same transaction."""
        command = SetDelivery(due.contact_id, due.message_id, status, error)
        issued = Issued(new_id(), command, CHANNEL, self._clock())
        with suppress(_SettledError):
            result = self._ledger.submit(due.workspace_id, issued, within=within)
            if result.refusal is not None:
                log.warning("a message that goes out is not there any more: %s", result.refusal.code)
                with self._database.write() as connection:
                    within(connection)

    def _bury(self, now: int) -> bool:
        """Settle one message that a process took which has died since; whether there was one."""
        due = abandoned(self._database, now)
        if due is None:
            return False
        message = self._ledger.read(due.workspace_id, "message", due.message_id)
        last = not isinstance(message, Message) or due.part == len(parts_of(message)) - 1
        self._doubt(due, _DIED, last=last)
        return True

    # Looking after

    def sweep(self) -> None:
        """Forget what became of messages long ago."""
        with self._database.write() as connection:
            connection.execute(
                delete(delivery).where(
                    delivery.c.state.in_((SENT, FAILED, UNCERTAIN)),
                    delivery.c.created_at < self._clock() - REMEMBERED,
                )
            )

    def waiting(self) -> int:
        """How many messages have not been handed over yet."""
        with self._database.read() as connection:
            count = connection.scalar(
                select(func.count()).select_from(delivery).where(delivery.c.state.in_((PENDING, SENDING)))
            )
        return int(count or 0)


def _settle(connection: Connection, due: Due, state: str) -> None:
    """Raises _SettledError."""
    if not connection.execute(update(delivery).where(leased(due, SENDING, UNCERTAIN)).values(state=state)).rowcount:
        raise _SettledError
