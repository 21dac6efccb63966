"""Snippet variables: `$contact.firstname`, `{{$contact.city}}`, `$assignee.name`, `$system.current_date`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from ismsg_tui.domain.entities import Contact, User, display_name

_NAME = r"\$(contact|assignee|system)\.([A-Za-z_][A-Za-z0-9_]*)"
_VARIABLE = re.compile(rf"\{{\{{\s*{_NAME}\s*\}}\}}|{_NAME}")


class Filled(Struct, frozen=True):
    """A snippet's text with its variables replaced."""

    text: str
    missing: tuple[str, ...]
    """Variables without a value, as written without braces; they stay in the text literally."""
    missing_spans: tuple[tuple[int, int], ...]
    """Where they stand in `text`."""


def fill(template: str, values: Mapping[str, str]) -> Filled:
    """Replace the variables of `template`; `values` maps `contact.firstname` and its kind to texts."""
    parts: list[str] = []
    missing: list[str] = []
    spans: list[tuple[int, int]] = []
    done = length = 0
    for found in _VARIABLE.finditer(template):
        name = f"{found[1] or found[3]}.{found[2] or found[4]}"
        literal = template[done : found.start()]
        value = values.get(name.casefold(), "")
        length += len(literal)
        if not value:
            value = found[0]
            spans.append((length, length + len(value)))
            if f"${name}" not in missing:
                missing.append(f"${name}")
        parts += [literal, value]
        length += len(value)
        done = found.end()
    parts.append(template[done:])
    return Filled("".join(parts), tuple(missing), tuple(spans))


def variables(template: str) -> tuple[str, ...]:
    """The variables of a template in order of appearance, once each."""
    return tuple(dict.fromkeys(f"${v[1] or v[3]}.{v[2] or v[4]}" for v in _VARIABLE.finditer(template)))


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
