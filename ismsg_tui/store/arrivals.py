"""What has come in since one last looked, whoever brought it into this store."""

from __future__ import annotations

import msgspec

from ismsg_tui.domain.entities import display_name
from ismsg_tui.store.connection import Connection


class Arrival(msgspec.Struct, frozen=True):
    """How much one contact has written."""

    contact_id: str
    name: str
    """Empty for a contact of whom no name is known."""
    count: int


def last_arrival(connection: Connection) -> int:
    """The place of the newest incoming message in the order of writing; 0 if there is none.

    Only incoming messages count: they are never rewound, so that later ones always have a higher place.
    """
    row = connection.execute("SELECT n FROM message WHERE kind = 'incoming' ORDER BY n DESC LIMIT 1").fetchone()
    return row["n"] if row else 0


def arrivals(connection: Connection, since: int) -> list[Arrival]:
    """Who has written after the place `since` and how often, those heard of last first; nobody who is blocked."""
    rows = connection.execute(
        # Without NOT INDEXED the grouping would be answered by an index over every message there is.
        "SELECT found.contact_id, first_name, last_name, phone, email, found.count FROM ("
        "SELECT contact_id, count(*) AS count, max(n) AS newest FROM message NOT INDEXED "
        "WHERE n > ? AND kind = 'incoming' GROUP BY contact_id) AS found "
        "JOIN contact ON contact.id = found.contact_id WHERE contact.blocked = 0 ORDER BY found.newest DESC",
        (since,),
    )
    return [
        Arrival(
            row["contact_id"],
            display_name(row["first_name"], row["last_name"]) or row["phone"] or row["email"],
            row["count"],
        )
        for row in rows
    ]
