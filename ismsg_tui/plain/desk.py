"""The state of the line mode: who is read, what was numbered, and what there is more of."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ismsg_tui.domain.entities import Attachment, Contact
from ismsg_tui.domain.text import one_line
from ismsg_tui.domain.views import View
from ismsg_tui.domain.words import NAME_LIMIT, attachment_words, quote_words, undone_words
from ismsg_tui.finding import NotFoundError
from ismsg_tui.inbox import Inbox
from ismsg_tui.not_sent import NotSent
from ismsg_tui.plain.lines import many
from ismsg_tui.plain.talk import Role, Talk
from ismsg_tui.store.arrivals import arrivals, last_arrival
from ismsg_tui.store.replica import Replica
from ismsg_tui.store.timeline import ContactCard
from ismsg_tui.store.unsent import Unsent, line_of
from ismsg_tui.sync.engine import Refused

SENDERS = 5
"""How many of those who have written are named; the others are counted."""


class MisreadError(Exception):
    """What was typed is not understood; the message says what would be."""


class PlainDesk:
    """One agent's session in the line mode."""

    def __init__(self, inbox: Inbox, talk: Talk) -> None:
        self.inbox = inbox
        self.talk = talk
        self.reading: str | None = None
        """The contact whose conversation was read last, to whom everything applies."""
        self.seen_at: int | None = None
        """Up to when that conversation was read; milliseconds."""
        self.view = View.NEW
        self.numbered: list[str] = []
        """The contacts behind the numbers that were said last."""
        self.more: Callable[[], None] | None = None
        """Goes on where the last list or conversation stopped."""
        self.refused: list[Refused] = []
        """What the authority said no to and the agent has not heard of; another thread adds to it."""
        self.unsent: list[Unsent] = []
        """What was not sent, behind the numbers that were said last."""
        self._unsent_known = 0
        self._heard = last_arrival(inbox.store.reader)
        self._filling = _filling(inbox.store.replica)

    @property
    def prompt(self) -> str:
        """What is said before the agent types: to whom it will apply."""
        card = self.inbox.contacts.card(self.reading) if self.reading else None
        return f"Command, {one_line(card.contact.name, NAME_LIMIT)}" if card else "Command"

    def card(self) -> ContactCard:
        """The contact who is read. Raises MisreadError if there is none."""
        card = self.inbox.contacts.card(self.reading) if self.reading else None
        if card is None:
            raise MisreadError("Nobody is read now: say read and a number or a name, or next.")
        return card

    def contact(self) -> Contact:
        """The same without the conversations."""
        return self.card().contact

    def name(self) -> str:
        """The name of the contact who is read, for a sentence."""
        return one_line(self.contact().name, NAME_LIMIT)

    def number(self, contact_ids: list[str]) -> int:
        """Keep contacts under the numbers after those already said; returns the first of them."""
        self.numbered += contact_ids
        return len(self.numbered) - len(contact_ids) + 1

    def say(self, role: str, text: str) -> None:
        """Write a line; see `Talk.say`."""
        self.talk.say(role, text)

    def say_files(self, attachments: Iterable[Attachment]) -> None:
        """Write a line for each file."""
        for attachment in attachments:
            self.say(Role.FILE, attachment_words(attachment))

    def say_quote(self, message_id: str | None) -> None:
        """Say what the next reply quotes, if it quotes anything."""
        if message_id is not None:
            words = quote_words(self.inbox.message(message_id), self.inbox.users, self.contact().name)
            self.say(Role.QUOTE, f"the reply will quote {words}")

    def name_candidates(self, error: NotFoundError) -> None:
        """Number those whom a name may mean."""
        if error.contacts:
            self.numbered, self.more = [], None
            first = self.number([contact.id for contact in error.contacts])
            for number, (contact, detail) in enumerate(zip(error.contacts, error.details, strict=True), first):
                self.say(f"{Role.CONTACT} {number}", _spoken(detail.removeprefix(f"{contact.id} · ")))
            return
        for detail in error.details:
            self.say(Role.FOUND, _spoken(detail))

    def announce(self) -> None:
        """Say what has happened since the last time: who has written, and what was refused."""
        self.inbox.wake_due()
        while self.refused:
            self._tell_refusal(self.refused.pop(0))
        waits = NotSent(self.inbox).count()
        if waits > self._unsent_known:
            self.say(Role.NOTICE, f"{waits:,} not sent: unsent says what and why.")
        self._unsent_known = waits
        newest, replica = last_arrival(self.inbox.store.reader), self.inbox.store.replica
        if replica.rebuilding:
            return  # what comes now is old for the most part
        if (filling := _filling(replica)) != self._filling:
            self._filling, self._heard = filling, newest
            self.say(Role.NOTICE, "Everything was fetched from the server: list says who waits.")
        if newest == self._heard:
            return
        found = arrivals(self.inbox.store.reader, self._heard)
        self._heard = newest
        for arrival in found[:SENDERS]:
            name = one_line(arrival.name, NAME_LIMIT) or "an unnamed contact"
            self.say(Role.NEW, f"{many(arrival.count, 'message')} from {name}.")
        others = found[SENDERS:]
        if others:
            count = many(sum(arrival.count for arrival in others), "message")
            self.say(Role.NEW, f"{count} from {many(len(others), 'more contact')}.")

    def _tell_refusal(self, refused: Refused) -> None:
        line, reason = line_of(refused.issued), refused.refusal.reason
        if line is None:
            self.say(Role.ERROR, f"Not done: {reason}")
            self.inbox.store.forget(refused.issued.id)
            return
        card = self.inbox.contacts.card(line.contact_id)
        whom = f", {one_line(card.contact.name, NAME_LIMIT)}" if card else ""
        self.say(Role.ERROR, f"{undone_words(line.kind).capitalize()}{whom}: {reason}")


def _filling(replica: Replica) -> tuple[int, str]:
    """What differs once all rows have come from a server, whether for the first time or anew."""
    return replica.generation, replica.epoch if replica.user_id else ""


def _spoken(detail: str) -> str:
    return detail.replace(" · ", ", ")
