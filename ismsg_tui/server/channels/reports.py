"""What channels say later of what went out: receipts, echoes, and receipts that come before the answer they belong to.

They also settle the messages of which nobody knew whether they had arrived.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import ColumnElement, Connection, and_, delete, select, update

from ismsg_tui.clock import new_id, now_ms
from ismsg_tui.domain.commands import Issued, SetDelivery
from ismsg_tui.domain.entities import Delivery, Message
from ismsg_tui.server.channels.adapter import Account, Reported
from ismsg_tui.server.database import Database
from ismsg_tui.server.delivery_rows import (
    CHANNEL,
    FAILED,
    PENDING,
    SENDING,
    SENT,
    UNCERTAIN,
    Due,
    due_of,
    given_id,
    one_delivery,
    parts_of,
)
from ismsg_tui.server.ledger import Ledger, Within
from ismsg_tui.server.rows import insert_missing
from ismsg_tui.server.tables import channel_message, delivery, early_receipt

KEPT = 24 * 3_600_000
"""Milliseconds for which a receipt waits for the message that it belongs to."""


class Reports:
    """Takes receipts and echoes; any thread may call."""

    def __init__(self, database: Database, ledger: Ledger, *, clock: Callable[[], int] = now_ms) -> None:
        self._database = database
        self._ledger = ledger
        self._clock = clock

    def take(self, account: Account, contact_id: str | None, report: Reported) -> None:
        """Take a receipt; `contact_id` is None where the contact is not known."""
        if self._apply(account, report):
            return
        due = self._match(account, contact_id, report.answers, None) if contact_id is not None else None
        if due is not None:
            self._confirm(due, report)
            return
        with self._database.write() as connection:
            values = {
                "channel_id": account.channel_id,
                "external_id": report.external_id,
                "status": report.status.value,
                "error": report.error,
                "at": self._clock(),
            }
            insert_missing(connection, early_receipt, [values])
        self._apply(account, report)  # the answer may have come between the two looks

    def take_echo(self, account: Account, contact_id: str, external_id: str, reference: str, text: str) -> bool:
        """Whether an echo is that of a message of ours, which has arrived then."""
        due = self._match(account, contact_id, reference, text)
        if due is not None:
            self._confirm(due, Reported(external_id, Delivery.SENT))
        return due is not None

    def catch_up(self, account: Account, external_id: str) -> None:
        """Apply the receipts that came before it was known which message they belong to."""
        mine = _early(account, external_id)
        with self._database.read() as connection:
            found = connection.execute(select(early_receipt.c.status, early_receipt.c.error).where(mine)).all()
        for status, error in found:
            self._apply(account, Reported(external_id, Delivery(status), error))

    def sweep(self) -> None:
        """Forget the receipts whose messages nobody knows."""
        with self._database.write() as connection:
            connection.execute(delete(early_receipt).where(early_receipt.c.at < self._clock() - KEPT))

    def _apply(self, account: Account, report: Reported) -> bool:
        """Write down a receipt of a message whose id is known; whether it is."""
        mine = and_(
            channel_message.c.channel_id == account.channel_id, channel_message.c.external_id == report.external_id
        )
        with self._database.read() as connection:
            found = connection.execute(select(channel_message).where(mine)).one_or_none()
        if found is None:
            return False

        def note(connection: Connection) -> None:
            connection.execute(delete(early_receipt).where(_early(account, report.external_id)))

        if found.whole or report.status is Delivery.FAILED:
            self._submit(account.workspace_id, found.contact_id, found.message_id, report, note)
        return True

    def _match(self, account: Account, contact_id: str, reference: str, echoed: str | None) -> Due | None:
        """The part of a message that is spoken of by an id which is not known.

        By our own `reference` where the channel repeats it. Else it is a message to the contact of which nobody knew
        whether it arrived: for an echo the oldest with the text `echoed`, for a receipt the only one there is.
        """
        to_contact = and_(delivery.c.channel_id == account.channel_id, delivery.c.contact_id == contact_id)
        message_id, _, number = reference.rpartition(".")
        named = bool(message_id) and number.isdecimal() and len(number) < 4
        wanted = delivery.c.message_id == message_id if named else delivery.c.state == UNCERTAIN
        with self._database.read() as connection:
            rows = connection.execute(select(delivery).where(to_contact, wanted).order_by(delivery.c.seq)).all()
        found = []
        for row in rows:
            part = int(number) if named else row.part
            parts = self._parts(row.ws, row.message_id)
            if part < len(parts) and (named or echoed is None or parts[part] == echoed):
                found.append(due_of(row, part=part))
        if not found or (len(found) > 1 and echoed is None):
            return None
        return found[0]

    def _confirm(self, due: Due, report: Reported) -> None:
        """Write down that the channel has a part of a message, or has failed with it."""
        last = due.part == len(self._parts(due.workspace_id, due.message_id)) - 1
        settled = last or report.status is Delivery.FAILED

        def note(connection: Connection) -> None:
            insert_missing(connection, channel_message, [given_id(due, report.external_id, whole=last)])
            # Also what is being sent, or to be sent again: whatever the answer was, or will be, the channel has it.
            unsettled = and_(
                one_delivery(due.workspace_id, due.message_id),
                delivery.c.part == due.part,
                delivery.c.state.in_((PENDING, SENDING, UNCERTAIN)),
            )
            if settled:
                state = FAILED if report.status is Delivery.FAILED else SENT
                connection.execute(update(delivery).where(unsettled).values(state=state))
            else:
                rest = {"state": PENDING, "part": due.part + 1, "attempts": 0, "due_at": self._clock()}
                connection.execute(update(delivery).where(unsettled).values(**rest))

        if settled:
            self._submit(due.workspace_id, due.contact_id, due.message_id, report, note)
        else:
            with self._database.write() as connection:
                note(connection)

    def _submit(self, workspace_id: str, contact_id: str, message_id: str, report: Reported, within: Within) -> None:
        error = report.error if report.status is Delivery.FAILED else ""
        command = SetDelivery(contact_id, message_id, report.status, error)
        self._ledger.submit(workspace_id, Issued(new_id(), command, CHANNEL, self._clock()), within=within)

    def _parts(self, workspace_id: str, message_id: str) -> list[object]:
        message = self._ledger.read(workspace_id, "message", message_id)
        return list(parts_of(message)) if isinstance(message, Message) else []


def _early(account: Account, external_id: str) -> ColumnElement[bool]:
    return and_(early_receipt.c.channel_id == account.channel_id, early_receipt.c.external_id == external_id)
