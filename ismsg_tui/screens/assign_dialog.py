"""Giving a contact to somebody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ismsg_tui.domain.entities import User
from ismsg_tui.domain.text import one_line
from ismsg_tui.domain.words import NAME_LIMIT, you_words
from ismsg_tui.screens.picker import Picker
from ismsg_tui.widgets.choice_list import Choice


@dataclass(frozen=True, slots=True)
class AssignChoice:
    """Whom the contact goes to; None means nobody."""

    user_id: str | None


class AssignDialog(Picker[AssignChoice, AssignChoice]):
    """The agent, then nobody where somebody has the contact, then everybody else who is active, by name."""

    def __init__(self, name: str, users: Sequence[User], me: str, assignee: str | None) -> None:
        """`name` is the contact's; `me` and `assignee` are ids of users."""
        now = AssignChoice(assignee)
        mine = [_choice(user, now, you=True) for user in users if user.id == me]
        nobody = [Choice(AssignChoice(None), "Nobody (unassign)")] if assignee is not None else []
        others = sorted(
            (user for user in users if user.active and user.id != me), key=lambda user: user.name.casefold()
        )
        choices = [*mine, *nobody, *(_choice(user, now) for user in others)]
        super().__init__(f"Assign · {name}", choices, take="Assign", what="teammate")

    def result(self, value: AssignChoice) -> AssignChoice:
        """The choice itself."""
        return value


def _choice(user: User, now: AssignChoice, *, you: bool = False) -> Choice[AssignChoice]:
    name = one_line(user.name, NAME_LIMIT)
    choice, words = AssignChoice(user.id), you_words(name) if you else name or "somebody"
    return Choice(choice, words, one_line(user.team, 40), mark="now" if choice == now else "")
