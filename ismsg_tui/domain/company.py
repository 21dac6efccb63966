"""Who of the team is there, and what they do, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ismsg_tui.domain.entities import User
from ismsg_tui.domain.text import one_line
from ismsg_tui.domain.wire import Availability, Presence

NAME_LIMIT = 24
"""How much of a teammate's name is said, in characters."""


@dataclass(frozen=True)
class Company:
    """The teammates who are there; those who are not are in none of it."""

    presence: tuple[Presence, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    """What each is called here, by user id."""

    @classmethod
    def of(cls, presence: Iterable[Presence], users: Mapping[str, User], me: str) -> Company:
        """The company of the user `me`, of whom it does not speak, in order of name."""
        names = short_names(users)
        there = [one for one in presence if one.user_id != me and one.user_id in users]
        return cls(tuple(sorted(there, key=lambda one: (names[one.user_id].casefold(), one.user_id))), names)

    def typing(self, contact_id: str) -> str:
        """Who is writing to a contact: `Ben is typing`; "" for nobody."""
        return _doing([self.names[one.user_id] for one in self._with(contact_id) if one.typing], "typing")

    def doing(self, contact_id: str) -> str:
        """Who is with a contact: `Ben is typing…`, else `Ben is here`; "" for nobody."""
        if typing := self.typing(contact_id):
            return f"{typing}…"
        return _doing([self.names[one.user_id] for one in self._with(contact_id)], "here")

    def contacts(self) -> frozenset[str]:
        """With whom somebody is."""
        return frozenset(one.viewing for one in self.presence if one.viewing is not None)

    def there(self) -> str:
        """Who is online or busy, as few words: `Ben, Carla`, `5 teammates`; "" for nobody."""
        names = [
            self.names[one.user_id] + (" (busy)" if one.state is Availability.BUSY else "")
            for one in self.presence
            if one.state is not Availability.AWAY
        ]
        return ", ".join(names) if len(names) < 4 else f"{len(names)} teammates"

    def _with(self, contact_id: str) -> Iterable[Presence]:
        return (one for one in self.presence if one.viewing == contact_id)


def _doing(names: Sequence[str], what: str) -> str:
    match names:
        case []:
            return ""
        case [one]:
            return f"{one} is {what}"
        case [one, other]:
            return f"{one} and {other} are {what}"
        case _:
            return f"{len(names)} teammates are {what}"


def short_names(users: Mapping[str, User]) -> dict[str, str]:
    """What to call everybody: by the first name, by the whole one where two have the same first."""
    whole = {user_id: one_line(user.name, NAME_LIMIT) or "somebody" for user_id, user in users.items()}
    first = {user_id: name.split()[0] for user_id, name in whole.items()}
    often = Counter(name.casefold() for name in first.values())
    return {user_id: name if often[name.casefold()] == 1 else whole[user_id] for user_id, name in first.items()}
