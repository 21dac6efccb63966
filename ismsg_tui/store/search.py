"""Search over messages, contacts and snippets.

One FTS5 index per table, all in the form of `domain.text.search_form`: the trigram tokenizer finds any part of a word
of three letters and more, and that form makes words of one and two characters (as in Chinese, Japanese, Thai) whole
trigrams as well, so that no second index is needed for them.
"""

from __future__ import annotations

import re

import msgspec

from ismsg_tui.domain.entities import Contact, Snippet
from ismsg_tui.domain.text import clean, match_query, search_form
from ismsg_tui.store.connection import Connection
from ismsg_tui.store.loading import load_ids
from ismsg_tui.store.rows import CONTACT, SNIPPET

_NEWEST_WRITTEN = 1_000
"""How many matches, the last written first, are put in order of time."""


class Hit(msgspec.Struct, frozen=True):
    """A message that matches a search."""

    contact_id: str
    contact: str
    message_id: str
    at: int
    text: str


def search_messages(connection: Connection, query: str, limit: int = 50) -> list[Hit]:
    """The newest messages and comments that hold every word of `query`; nothing for a query without words."""
    match = match_query(query)
    if match is None:
        return []
    rows = connection.execute(
        "SELECT message.id, message.at, message.text, message.contact_id, contact.first_name, contact.last_name, "
        "contact.phone, contact.email FROM ("
        "SELECT rowid AS n FROM message_search WHERE message_search MATCH ? ORDER BY rowid DESC LIMIT ?) AS found "
        "JOIN message USING (n) JOIN contact ON contact.id = message.contact_id "
        "ORDER BY message.at DESC, message.id DESC LIMIT ?",
        (match, max(limit, _NEWEST_WRITTEN), limit),
    )
    hits = []
    for row in rows:
        contact = Contact(
            id=row["contact_id"],
            first_name=row["first_name"],
            last_name=row["last_name"],
            phone=row["phone"],
            email=row["email"],
        )
        hits.append(Hit(contact.id, contact.name, row["id"], row["at"], row["text"]))
    return hits


def search_contacts(connection: Connection, query: str, limit: int = 50) -> list[Contact]:
    """Contacts whose name, phone or email holds every word of `query`, those heard of last first."""
    match = match_query(query)
    if match is None:
        return []
    rows = connection.execute(
        f"SELECT {', '.join('contact.' + column for column in CONTACT.columns)} FROM ("
        "SELECT rowid AS n FROM contact_search WHERE contact_search MATCH ? ORDER BY rowid DESC LIMIT ?) AS found "
        "JOIN contact USING (n) JOIN inbox ON inbox.contact_id = contact.id ORDER BY inbox.last_at DESC LIMIT ?",
        (match, max(limit, _NEWEST_WRITTEN), limit),
    )
    return [CONTACT.decode(row) for row in rows]


def resolve_contact(connection: Connection, wanted: str, limit: int = 20) -> list[Contact]:
    """The contacts that `wanted` may mean: an id, the start of one, or a whole name, phone or email.

    One that matches whole comes alone; the start of an id is tried only where nothing matches whole.
    """
    wanted = clean(wanted).strip()
    exact = connection.execute(
        f"{CONTACT.select} WHERE id = :wanted OR (phone = :wanted AND phone <> '') "
        "OR (email = :wanted COLLATE NOCASE AND email <> '') LIMIT :limit",
        {"wanted": wanted, "limit": limit},
    ).fetchall()
    if exact:
        return [CONTACT.decode(row) for row in exact]
    folded = wanted.casefold()
    named = [
        contact for contact in search_contacts(connection, wanted, _NEWEST_WRITTEN) if contact.name.casefold() == folded
    ]
    if named:
        return named[:limit]
    if not re.fullmatch(r"[0-9a-fA-F-]{4,36}", wanted):
        return []
    rows = connection.execute(
        f"{CONTACT.select} WHERE id >= :low AND id < :high ORDER BY id LIMIT :limit",
        {"low": wanted.lower(), "high": wanted.lower() + "g", "limit": limit},
    )
    return [CONTACT.decode(row) for row in rows]


def rank_snippets(connection: Connection, heard: str = "", limit: int = 200) -> list[Snippet]:
    """Snippets in order of use, those that fit what the customer said last (BM25) first."""
    words = [word for word in search_form(heard).split() if len(word) >= 3]
    ranked: list[str] = []
    if words:
        match = " OR ".join('"' + word.replace('"', '""') + '"' for word in dict.fromkeys(words[:60]))
        ranked = [
            row["id"]
            for row in connection.execute(
                "SELECT snippet.id FROM snippet_search JOIN snippet ON snippet.n = snippet_search.rowid "
                "WHERE snippet_search MATCH ? AND deleted = 0 "
                "ORDER BY bm25(snippet_search) * (1 + ln(1 + uses) / 10) LIMIT 5",
                (match,),
            )
        ]
    rows = connection.execute(
        f"{SNIPPET.select} WHERE deleted = 0 ORDER BY uses DESC, name COLLATE NOCASE LIMIT ?", (limit + len(ranked),)
    )
    by_use = [SNIPPET.decode(row) for row in rows]
    order = {snippet_id: place for place, snippet_id in enumerate(ranked)}
    listed = {snippet.id for snippet in by_use}
    by_use += load_ids(connection, SNIPPET, [snippet_id for snippet_id in ranked if snippet_id not in listed])
    return sorted(by_use, key=lambda snippet: order.get(snippet.id, len(order)))[:limit]
