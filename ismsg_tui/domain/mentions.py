"""Whom an internal comment mentions."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ismsg_tui.domain.entities import User


def mentioned(text: str, users: Iterable[User]) -> tuple[str, ...]:
    """The ids of the active users whom a comment mentions as `@Full Name` or `@Firstname`, the longest name first.

    A first name that two users share mentions neither of them: the comment has to say the full name.
    """
    active = [user for user in users if user.active]
    firsts = [user.name.split(" ")[0].casefold() for user in active]
    names: dict[str, str] = {user.name.casefold(): user.id for user in active}
    for user, first in zip(active, firsts, strict=True):
        if firsts.count(first) == 1:
            names.setdefault(first, user.id)
    found: list[str] = []
    for name in sorted(names, key=len, reverse=True):
        text, hits = re.subn(rf"(?<!\w)@{re.escape(name)}(?!\w)", "", text, flags=re.IGNORECASE)
        if hits and names[name] not in found:
            found.append(names[name])
    return tuple(found)
