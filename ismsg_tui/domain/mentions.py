"""Whom an internal comment mentions."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ismsg_tui.domain.entities import User


def mentioned(text: str, users: Iterable[User]) -> tuple[str, ...]:
    """The ids of the active users whom a comment mentions as `@Full Name` or `@Firstname`, the longest name first.

    A first name that two users share mentions neither of them: the comment has to say the full name. Of two users with
    the same full name both are mentioned.
    """
    active = [user for user in users if user.active and user.name.strip()]
    names: dict[str, tuple[str, list[str]]] = {}
    for user in active:
        name = user.name.strip()
        names.setdefault(name.casefold(), (name, []))[1].append(user.id)
    firsts = [user.name.split()[0] for user in active]
    folded = [first.casefold() for first in firsts]
    for user, first in zip(active, firsts, strict=True):
        if folded.count(first.casefold()) == 1:
            names.setdefault(first.casefold(), (first, [user.id]))
    found: dict[str, None] = {}
    for name, ids in sorted(names.values(), key=lambda named: len(named[0]), reverse=True):
        text, hits = re.subn(rf"(?<!\w)@{re.escape(name)}(?!\w)", "", text, flags=re.IGNORECASE)
        if hits:
            found |= dict.fromkeys(ids)
    return tuple(found)
