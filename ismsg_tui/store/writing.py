"""Writing rows: the tables themselves, then what is derived from them (search indexes, the inbox)."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from ismsg_tui.domain.commands import SNIPPETS
from ismsg_tui.domain.entities import Contact, Conversation, Entity, Message, ReadMark, Snippet
from ismsg_tui.domain.packing import unpack_anything
from ismsg_tui.domain.search_text import search_form
from ismsg_tui.store.connection import Connection
from ismsg_tui.store.rows import CONTACT, MESSAGE, NEWEST_FIRST, SNIPPET, Table, table_named, table_of

SETTINGS = "settings"
"""The scope of workspace, users and channels."""

INBOX_ROWS = f"""
SELECT
    contact.id,
    CASE
        WHEN newest.id IS NULL THEN 'none'
        WHEN newest.status = 'closed' THEN 'closed'
        WHEN newest.snoozed_until IS NOT NULL THEN 'snoozed'
        ELSE 'open'
    END,
    contact.assignee_id,
    contact.blocked,
    newest.id,
    newest.waiting_since,
    coalesce(newest.waiting_since, 9223372036854775807),
    newest.snoozed_until,
    CASE newest.status WHEN 'closed' THEN coalesce(newest.closed_at, newest.opened_at) END,
    newest.opened_at,
    last.id,
    coalesce(last.at, newest.opened_at, 0)
FROM json_each(?) AS wanted
JOIN contact ON contact.id = wanted.value
LEFT JOIN conversation AS newest ON newest.id = (
    SELECT id FROM conversation WHERE contact_id = contact.id ORDER BY {NEWEST_FIRST} LIMIT 1)
LEFT JOIN message AS last ON last.id = (
    SELECT id FROM message WHERE contact_id = contact.id AND kind IN ('incoming', 'outgoing')
    ORDER BY at DESC, id DESC LIMIT 1)
"""
"""Where the contacts of a JSON list of ids stand, as rows of the inbox."""

_REFRESH_INBOX = f"INSERT OR REPLACE INTO inbox {INBOX_ROWS}"

_FORGET_INBOX = """
DELETE FROM inbox WHERE contact_id IN (SELECT value FROM json_each(?))
AND NOT EXISTS (SELECT 1 FROM contact WHERE contact.id = inbox.contact_id)
"""


def scope_of_row(row: Entity) -> str:
    """The part of the workspace that a row belongs to: a contact's id, the snippets or the settings."""
    if isinstance(row, (Message, Conversation, ReadMark)):  # asked of every row that is written
        return row.contact_id
    if isinstance(row, Contact):
        return row.id
    return SNIPPETS if isinstance(row, Snippet) else SETTINGS


def write_rows(connection: Connection, rows: Sequence[Entity], revs: Sequence[int] | None = None) -> set[str]:
    """Insert or update rows and all that is derived from them; returns the scopes that changed.

    With `revs` the rows are the authority's truth: each is stamped with its revision and loses to a newer one that is
    already there. Without, they are the agent's own doing and leave revisions alone.
    """
    by_table: dict[Table[Any], list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        by_table[table_of(row)].append(index)
    for table, indexes in by_table.items():
        ids = [rows[index].id for index in indexes]
        old, newest = _search_texts(connection, table, ids), _newest(connection, table)
        if revs is None:
            connection.executemany(table.write_local, [table.encode(rows[index]) for index in indexes])
        else:
            values = [(*table.encode(rows[index]), revs[index]) for index in indexes]
            connection.executemany(table.write_truth, values)
        _update_search(connection, table, old, newest)
    listed = {scope_of_row(row) for row in rows if not isinstance(row, ReadMark)}
    refresh_inbox(connection, listed)
    return listed | {row.contact_id for row in rows if isinstance(row, ReadMark)}


def refresh_inbox(connection: Connection, contact_ids: Iterable[str]) -> None:
    """Work out anew where contacts stand in the inbox; never counted up or down, always from the rows."""
    ids = [scope for scope in contact_ids if scope not in (SNIPPETS, SETTINGS)]
    if ids:
        packed = msgspec.json.encode(ids).decode()
        # A contact that was only ever made here is gone once its command is taken back.
        connection.execute(_FORGET_INBOX, (packed,))
        connection.execute(_REFRESH_INBOX, (packed,))


Image = tuple[str, str, str | None]
"""Table, row id and the row as it was (JSON), None where there was none."""


def take_images(connection: Connection, rows: Sequence[Entity]) -> list[Image]:
    """What `rows` are about to replace."""
    images: list[Image] = []
    for row in rows:
        table = table_of(row)
        columns = ", ".join((*table.columns, "rev"))
        found = connection.execute(f"SELECT {columns} FROM {table.name} WHERE id = ?", (row.id,)).fetchone()
        images.append((table.name, row.id, None if found is None else msgspec.json.encode(dict(found)).decode()))
    return images


def restore_images(connection: Connection, images: Sequence[Image]) -> set[str]:
    """Put rows back as they were, the last image first; returns the contacts whose inbox entry is to be refreshed."""
    contacts: set[str] = set()
    for name, row_id, image in reversed(images):
        table = table_named(name)
        old = _search_texts(connection, table, [row_id])
        if image is None:
            gone = connection.execute(f"{table.select} WHERE id = ?", (row_id,)).fetchone()
            if gone is not None:
                contacts.add(scope_of_row(table.decode(gone)))
            connection.execute(f"DELETE FROM {name} WHERE id = ?", (row_id,))
        else:
            values: dict[str, Any] = unpack_anything(image)
            contacts.add(scope_of_row(table.decode(values)))
            changes = ", ".join(f"{column} = :{column}" for column in values)
            connection.execute(f"UPDATE {name} SET {changes} WHERE id = :id", values)
        _update_search(connection, table, old)
    return contacts


def delete_rows(connection: Connection, table: Table[Any], ids: Sequence[str]) -> None:
    """Delete rows and what the search indexes hold of them; the inbox is for the caller to refresh."""
    old = _search_texts(connection, table, ids)
    connection.executemany(f"DELETE FROM {table.name} WHERE id = ?", [(row_id,) for row_id in ids])
    _update_search(connection, table, old)


SEARCHED = {
    MESSAGE.name: ("message_search", "CASE kind WHEN 'event' THEN '' ELSE text END"),
    CONTACT.name: (
        "contact_search",
        "first_name || ' ' || last_name || char(10) || last_name || first_name || char(10) "
        "|| phone || char(10) || email || char(10) || id",
    ),
    SNIPPET.name: ("snippet_search", "CASE deleted WHEN 1 THEN '' ELSE name || ' ' || topic || ' ' || text END"),
}
"""Search index and the text it holds, per table."""

SearchTexts = dict[int, str]


def _search_texts(connection: Connection, table: Table[Any], ids: Sequence[str]) -> SearchTexts:
    """The texts that these rows have now."""
    return _texts(connection, table, "id IN (SELECT value FROM json_each(?))", ids)


def _texts(connection: Connection, table: Table[Any], which: str, given: int | Sequence[int | str]) -> SearchTexts:
    """Texts by row number, ascending: FTS5 writes a segment each time the numbers do not ascend."""
    if table.name not in SEARCHED:
        return {}
    cursor = connection.cursor()
    cursor.row_factory = None  # plain pairs, of which an import needs many
    return dict(
        cursor.execute(
            f"SELECT n, {SEARCHED[table.name][1]} FROM {table.name} WHERE {which} ORDER BY n",
            (given if isinstance(given, int) else msgspec.json.encode(given).decode(),),
        )
    )


def _newest(connection: Connection, table: Table[Any]) -> int:
    """The highest row number of a table with a search index: rows that are added get higher ones."""
    if table.name not in SEARCHED:
        return 0
    highest: int | None = connection.execute(f"SELECT max(n) FROM {table.name}").fetchone()[0]
    return highest or 0


def _update_search(connection: Connection, table: Table[Any], old: SearchTexts, newest: int = sys.maxsize) -> None:
    """Bring the index up to date where rows had the texts `old`, and for those added behind row number `newest`."""
    if table.name not in SEARCHED:
        return
    new = _texts(connection, table, "n IN (SELECT value FROM json_each(?))", list(old))
    new |= _texts(connection, table, "n > ?", newest)
    index = SEARCHED[table.name][0]
    gone = [(n, search_form(text)) for n, text in old.items() if text and new.get(n) != text]
    come = [(n, search_form(text)) for n, text in new.items() if text and old.get(n) != text]
    if gone:
        # A contentless index can only forget a text that it is told again.
        connection.executemany(f"INSERT INTO {index} ({index}, rowid, body) VALUES ('delete', ?, ?)", gone)
    if come:
        connection.executemany(f"INSERT INTO {index} (rowid, body) VALUES (?, ?)", come)
