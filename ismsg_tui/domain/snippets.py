"""Snippet variables: `$contact.firstname`, `{{$contact.city}}`, `$assignee.name`, `$system.current_date`.

What has no value, and what stands between double braces and is no variable, as in `{{date}}`, is a blank: it stays in
the text as it is written until somebody fills it in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from ismsg_tui.domain.entities import Contact, User, display_name

_NAME = r"\$(contact|assignee|system)\.([A-Za-z_][A-Za-z0-9_]*)"
_VARIABLE = re.compile(rf"\{{\{{\s*{_NAME}\s*\}}\}}|{_NAME}|\{{\{{\s*([^{{}}$\s][^{{}}$\n]{{0,80}})\}}\}}")


class Blank(Struct, frozen=True):
    """A place in a text that is still to be filled in."""

    start: int
    end: int
    label: str
    """What belongs there: a variable as written without braces, or the words between the braces."""


def blanks(text: str) -> tuple[Blank, ...]:
    """What is still to be filled in, in order."""
    return tuple(Blank(found.start(), found.end(), _label(found)) for found in _VARIABLE.finditer(text))


def without_blanks(text: str) -> str:
    """The text with a space in place of each variable and blank."""
    return _VARIABLE.sub(" ", text)


def _label(found: re.Match[str]) -> str:
    return found[5].strip() if found[5] else f"${found[1] or found[3]}.{found[2] or found[4]}"


class Filled(Struct, frozen=True):
    """A snippet's text with its variables replaced."""

    text: str
    blanks: tuple[Blank, ...]
    """What has no value and stays in the text as it is written."""

    @property
    def missing(self) -> tuple[str, ...]:
        """What is to be filled in, once each."""
        return tuple(dict.fromkeys(blank.label for blank in self.blanks))


def fill(template: str, values: Mapping[str, str]) -> Filled:
    """Replace the variables of `template`; `values` maps `contact.firstname` and its kind to texts."""
    parts: list[str] = []
    missing: list[Blank] = []
    done = length = 0
    for found in _VARIABLE.finditer(template):
        label, literal = _label(found), template[done : found.start()]
        value = "" if found[5] else values.get(label[1:].casefold(), "")
        length += len(literal)
        if not value:
            value = found[0]
            missing.append(Blank(length, length + len(value), label))
        parts += [literal, value]
        length += len(value)
        done = found.end()
    parts.append(template[done:])
    return Filled("".join(parts), tuple(missing))


def values_for(contact: Contact | None, assignee: User | None, now: datetime) -> dict[str, str]:
    """What the variables stand for; `now` is local time of the workspace.

    `$assignee` is the contact's assignee; for an unassigned contact pass whoever is about to reply, since the reply
    assigns him.
    """
    values = {
        "system.current_datetime": f"{now:%Y-%m-%d %H:%M:%S}",
        "system.current_date": f"{now:%Y-%m-%d}",
        "system.current_time": f"{now:%H:%M}",
    }
    if contact is not None:
        values |= {f"contact.{_slug(name)}": value for name, value in contact.fields.items()}
        values |= {
            "contact.id": contact.id,
            "contact.name": display_name(contact.first_name, contact.last_name),
            "contact.firstname": contact.first_name,
            "contact.lastname": contact.last_name,
            "contact.phone": contact.phone,
            "contact.email": contact.email,
            "contact.country": contact.country,
            "contact.language": contact.language,
        }
    if assignee is not None:
        first, _, last = assignee.name.partition(" ")
        values |= {
            "assignee.id": assignee.id,
            "assignee.name": assignee.name,
            "assignee.firstname": first,
            "assignee.lastname": last,
            "assignee.email": assignee.email,
        }
    return values


def _slug(field: str) -> str:
    return re.sub(r"\W+", "_", field.strip()).casefold()
