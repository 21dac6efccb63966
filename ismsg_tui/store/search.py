"""Search over messages, contacts and snippets.

One FTS5 index per table, all in the form of `domain.text.search_form`: the trigram tokenizer finds any part of a word
of three letters and more, and that form makes words of one and two characters (as in Chinese, Japanese, Thai) whole
trigrams as well, so that no second index is needed for them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, time

import msgspec

from ismsg_tui.domain.entities import Attachment, Contact, MessageKind, Snippet, User
from ismsg_tui.domain.packing import unpack
from ismsg_tui.domain.search_query import SearchQuery, parse_search
from ismsg_tui.domain.search_text import match_query, search_form
from ismsg_tui.domain.text import clean
from ismsg_tui.domain.words import attachment_words
from ismsg_tui.store.connection import Connection
from ismsg_tui.store.lists import VIEW_CONDITIONS
from ismsg_tui.store.loading import load_ids
from ismsg_tui.store.rows import CONTACT, SNIPPET

_NEWEST_WRITTEN = 300
"""How many matches, the last written first, are put in order of time."""
_MOST_MEANT, _MOST_SNIPPETS = 20, 200


class Hit(msgspec.Struct, frozen=True):
    """A message that matches a search."""

    contact_id: str
    contact: str
    message_id: str
    at: int
    text: str
    kind: MessageKind
    files: tuple[Attachment, ...] = ()

    @property
    def words(self) -> str:
        """What stands for the message: its text, or what it holds instead."""
        return self.text or " · ".join(map(attachment_words, self.files))


def search_messages(
    connection: Connection, query: str, limit: int = 50, *, user_id: str = "", users: Mapping[str, User] | None = None
) -> list[Hit]:
    """The newest messages and comments that hold every word of `query` and pass its filters.

    `user_id` is who `me` means; `users` are those whom `from:` and `assignee:` may name. Nothing for a query that says
    nothing. Raises SearchError for a filter that can't be understood.
    """
    asked = parse_search(query)
    match = match_query(asked.words)
    if asked.says_nothing or (asked.words and match is None):
        return []
    conditions, values = _conditions(asked, user_id, users or {})
    values |= {"match": match, "limit": limit, "enough": max(limit, _NEWEST_WRITTEN)}
    # Joined left to right: the newest matches first, each then looked at, until there are enough.
    found = "message_search CROSS JOIN message ON message.n = message_search.rowid" if match else "message"
    if match:
        conditions.insert(0, "message_search MATCH :match")
    order = "message_search.rowid" if match else "message.n"
    rows = connection.execute(
        "SELECT message.id, message.at, message.text, message.contact_id, message.kind, message.attachments, "
        f"contact.first_name, contact.last_name, contact.phone, contact.email FROM (SELECT message.n FROM {found} "
        f"{'CROSS JOIN inbox ON inbox.contact_id = message.contact_id ' if asked.assignee else ''}"
        f"WHERE {' AND '.join(conditions)} ORDER BY {order} DESC LIMIT :enough) AS found "
        "JOIN message USING (n) JOIN contact ON contact.id = message.contact_id "
        "ORDER BY message.at DESC, message.id DESC LIMIT :limit",
        values,
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
        files = unpack(row["attachments"], tuple[Attachment, ...]) if row["attachments"] != "[]" else ()
        hits.append(Hit(contact.id, contact.name, row["id"], row["at"], row["text"], MessageKind(row["kind"]), files))
    return hits


def _conditions(
    asked: SearchQuery, user_id: str, users: Mapping[str, User]
) -> tuple[list[str], dict[str, str | int | None]]:
    """What a search's filters ask of `message` and `inbox`, and the values to bind."""
    conditions, values = ["message.kind <> 'event'"], dict[str, str | int | None](user=user_id)
    if asked.view is not None:
        conditions.append(f"message.contact_id IN (SELECT contact_id FROM inbox WHERE {VIEW_CONDITIONS[asked.view]})")
    if asked.has_file:
        conditions.append("message.attachments <> '[]'")
    if asked.assignee:
        if asked.assignee.casefold() == "none":
            conditions.append("inbox.assignee_id IS NULL")
        else:
            conditions.append("inbox.assignee_id IN (SELECT value FROM json_each(:assignees))")
            values["assignees"] = _packed(_named(asked.assignee, user_id, users))
    if asked.author.casefold() == "me":
        conditions.append("message.author_id = :user")
    elif asked.author:
        wrote = "message.author_id IN (SELECT value FROM json_each(:authors))"
        values["authors"] = _packed(_named(asked.author, user_id, users))
        values["contacts"] = match_query(asked.author)
        if values["contacts"] is not None:
            wrote += (
                " OR (message.kind = 'incoming' AND message.contact_id IN (SELECT contact.id FROM contact_search "
                "JOIN contact ON contact.n = contact_search.rowid WHERE contact_search MATCH :contacts))"
            )
        conditions.append(f"({wrote})")
    if asked.after is not None:
        conditions.append("message.at >= :after")
        values["after"] = _midnight(asked.after)
    if asked.before is not None:
        conditions.append("message.at < :before")
        values["before"] = _midnight(asked.before)
    return conditions, values


def _named(name: str, user_id: str, users: Mapping[str, User]) -> list[str]:
    wanted = name.casefold()
    return [user_id] if wanted == "me" else [user.id for user in users.values() if wanted in user.name.casefold()]


def _packed(ids: list[str]) -> str:
    return msgspec.json.encode(ids).decode()


def _midnight(day: date) -> int:
    """The beginning of a local day in milliseconds."""
    return int(datetime.combine(day, time.min).astimezone().timestamp() * 1000)


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


def resolve_contact(connection: Connection, wanted: str) -> list[Contact]:
    """The contacts that `wanted` may mean: an id, the start of one, or a whole name, phone or email.

    One that matches whole comes alone; the start of an id is tried only where nothing matches whole.
    """
    wanted = clean(wanted).strip()
    exact = connection.execute(
        f"{CONTACT.select} WHERE id = :wanted OR (phone = :wanted AND phone <> '') "
        "OR (email = :wanted COLLATE NOCASE AND email <> '') LIMIT :most",
        {"wanted": wanted, "most": _MOST_MEANT},
    ).fetchall()
    if exact:
        return [CONTACT.decode(row) for row in exact]
    folded = wanted.casefold()
    named = [
        contact for contact in search_contacts(connection, wanted, _NEWEST_WRITTEN) if contact.name.casefold() == folded
    ]
    if named:
        return named[:_MOST_MEANT]
    if not re.fullmatch(r"[0-9a-fA-F-]{4,36}", wanted):
        return []
    rows = connection.execute(
        f"{CONTACT.select} WHERE id >= :low AND id < :high ORDER BY id LIMIT :most",
        {"low": wanted.lower(), "high": wanted.lower() + "g", "most": _MOST_MEANT},
    )
    return [CONTACT.decode(row) for row in rows]


def rank_snippets(connection: Connection, heard: str = "") -> list[Snippet]:
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
        f"{SNIPPET.select} WHERE deleted = 0 ORDER BY uses DESC, name COLLATE NOCASE LIMIT ?",
        (_MOST_SNIPPETS + len(ranked),),
    )
    by_use = [SNIPPET.decode(row) for row in rows]
    order = {snippet_id: place for place, snippet_id in enumerate(ranked)}
    listed = {snippet.id for snippet in by_use}
    by_use += load_ids(connection, SNIPPET, [snippet_id for snippet_id in ranked if snippet_id not in listed])
    return sorted(by_use, key=lambda snippet: order.get(snippet.id, len(order)))[:_MOST_SNIPPETS]
