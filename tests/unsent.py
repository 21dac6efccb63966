"""Things that were not sent, in an inbox of `tests.desk_setup`: refused, failed, and asked about."""

from __future__ import annotations

from ismsg_tui.clock import new_id, now_ms
from ismsg_tui.domain.changes import Page
from ismsg_tui.domain.commands import Actor, Issued, SendMessage, SetDelivery
from ismsg_tui.domain.entities import Delivery, Source
from ismsg_tui.domain.ids import Part, derived_id
from ismsg_tui.domain.state import Refusal
from ismsg_tui.inbox import Inbox
from ismsg_tui.store import departures
from tests.desk_setup import contact_named

NO = Refusal("text-too-long", "The channel takes less.")
HOUR = 3_600_000


def refused(inbox: Inbox, text: str, *, comment: bool = False, name: str = "Mai Tran") -> str:
    """Have the authority refuse a message or comment; returns the id of its line."""
    mai = contact_named(inbox, name)
    issued = inbox.comment(mai, text) if comment else inbox.reply(mai, text)
    return refuse(inbox, issued)


def refuse(inbox: Inbox, issued: Issued | None, refusal: Refusal = NO) -> str:
    """Have the authority refuse a command; returns the id of its line."""
    assert issued is not None
    assert inbox.store.refuse(issued.id, refusal) is not None
    return inbox_line(issued)


def inbox_line(issued: Issued) -> str:
    """The id of a command's line."""
    return derived_id(issued.id, Part.MAIN)


def failed(inbox: Inbox, text: str, *, status: Delivery = Delivery.FAILED) -> str:
    """Have a channel fail to deliver a message to Mai Tran that was sent; returns its id."""
    mai = contact_named(inbox, "Mai Tran")
    sent = inbox.reply(mai, text)
    assert sent is not None
    line = inbox_line(sent)
    rows = [found.message for found in inbox.timeline(mai) if found.message.id == line]
    inbox.store.acknowledge(sent.id, 0)
    inbox.store.adopt(rows)
    report = SetDelivery(mai, line, status, "the number is not known")
    inbox.store.execute(Issued(new_id(), report, Actor(None, Source.API), now_ms()))
    return line


def ask_about(inbox: Inbox, text: str, age: int = 14 * HOUR) -> str:
    """Have a message to Mai Tran wait so long that the agent is asked; returns the id of its line."""
    command = SendMessage(contact_named(inbox, "Mai Tran"), text)
    issued = Issued(new_id(), command, Actor(inbox.user_id), now_ms() - age)
    assert inbox.store.execute(issued) is not None
    inbox.store.ask_about_old(now_ms(), 12 * HOUR)
    return inbox_line(issued)


def ready_messages(inbox: Inbox) -> list[str]:
    """The ids of the messages that may leave."""
    entries = departures.ready(inbox.store.reader, now_ms() + 24 * HOUR, 100)
    return [entry.issued.id for entry in entries if isinstance(entry.issued.command, SendMessage)]


def out_of_sight(inbox: Inbox, name: str = "Mai Tran") -> None:
    """Have a contact be given to somebody whose contacts the user may not see."""
    at = inbox.store.cursor
    inbox.store.apply(Page(at, at + 1, (), gone=(contact_named(inbox, name),)))
