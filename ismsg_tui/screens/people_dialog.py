"""Everybody of the team: who is there, and with whom."""

from __future__ import annotations

from dataclasses import dataclass

from ismsg_tui.domain.company import Company
from ismsg_tui.domain.entities import User
from ismsg_tui.domain.wire import Availability, Presence
from ismsg_tui.domain.words import NAME_LIMIT, you_words
from ismsg_tui.inbox import Inbox
from ismsg_tui.screens.picker import Picker
from ismsg_tui.widgets.choice_list import Choice
from ismsg_tui.widgets.segments import shown_line


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the team, and the contact that is before their eyes."""

    user_id: str
    contact_id: str | None = None


class PeopleDialog(Picker[Person, Person]):
    """The agent first, then who is there, then the others, by name; Enter goes to the contact somebody is with."""

    def __init__(self, inbox: Inbox, company: Company, mine: Availability | None) -> None:
        """`mine` is what the agent is to the others; None where nobody could know."""
        there = {one.user_id: one for one in company.presence}
        others = [user for user in inbox.users.values() if user.active and user.id != inbox.user_id]
        others.sort(key=lambda user: (_rank(there.get(user.id)), user.name.casefold()))
        choices = [_me(inbox.me, mine), *(_choice(user, there.get(user.id), inbox) for user in others)]
        super().__init__("People", choices, take="Go to their contact", what="teammate")

    def result(self, value: Person) -> Person:
        """The person."""
        return value


def _me(user: User, mine: Availability | None) -> Choice[Person]:
    words = you_words(shown_line(user.name, NAME_LIMIT))
    if mine is None:
        return Choice(Person(user.id), words, "alone")
    other = "online" if mine is Availability.BUSY else "busy"
    return Choice(Person(user.id), words, mine.value, f"Enter makes you {other}")


def _choice(user: User, presence: Presence | None, inbox: Inbox) -> Choice[Person]:
    name, team = shown_line(user.name, NAME_LIMIT) or "somebody", shown_line(user.team, 40)
    if presence is None:
        return Choice(Person(user.id), name, "not there", team)
    card = inbox.contacts.card(presence.viewing) if presence.viewing else None
    if card is None:
        return Choice(Person(user.id), name, presence.state.value, team)
    contact = shown_line(card.contact.name, NAME_LIMIT)
    does = f"is typing to {contact}" if presence.typing else f"is with {contact}"
    return Choice(Person(user.id, card.contact.id), name, presence.state.value, does)


def _rank(presence: Presence | None) -> int:
    return 3 if presence is None else list(Availability).index(presence.state)
