"""Looking into stores: everything one holds, and whether two hold the same."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ismsg_tui.domain.entities import Contact, Conversation, Entity, Message, MessageKind, ReadMark, User
from ismsg_tui.domain.views import SORTS, ContactStatus, Sort, View, contact_status
from ismsg_tui.store.connection import open_writer
from ismsg_tui.store.lists import Position, list_page, list_position, view_count
from ismsg_tui.store.rows import table_of
from ismsg_tui.store.search import search_contacts, search_messages
from ismsg_tui.store.store import Store
from tests.factories import Book
from tests.strategies import CONTACTS, WORDS

TABLES = ("workspace", "user", "channel", "contact", "conversation", "message", "read_mark", "snippet")
NEVER = 2**63 - 1
DESCENDING = (Sort.NEWEST, Sort.CLOSED)

Dump = dict[str, list[tuple[Any, ...]]]


def rows_of(store: Store) -> Dump:
    """Every synchronised row as it lies in its table, without revisions."""
    found: Dump = {}
    for name in TABLES:
        columns = [row["name"] for row in store.reader.execute(f"PRAGMA table_info({name})")]
        names = ", ".join(column for column in columns if column not in ("n", "rev"))
        found[name] = sorted(tuple(row) for row in store.reader.execute(f"SELECT {names} FROM {name}"))
    return found


def rows_in(rows: Iterable[Entity]) -> Dump:
    """The same of rows that are in no store."""
    found: Dump = {name: [] for name in TABLES}
    for row in rows:
        found[table_of(row).name].append(table_of(row).encode(row))
    return {name: sorted(values) for name, values in found.items()}


def derived(store: Store) -> Dump:
    """What follows from the rows: the inbox, and what each search finds."""
    found: Dump = {"inbox": sorted(tuple(row) for row in store.reader.execute("SELECT * FROM inbox"))}
    for word in WORDS:
        found[f"messages: {word}"] = [(hit.message_id, hit.text) for hit in search_messages(store.reader, word, 999)]
    for word in [*WORDS, *(contact.name for contact in CONTACTS), "edited"]:
        found[f"contacts: {word}"] = sorted((hit.id,) for hit in search_contacts(store.reader, word, 999))
        found[f"snippets: {word}"] = snippets_with(store, word)
    return found


def snippets_with(store: Store, word: str) -> list[tuple[Any, ...]]:
    """The snippets whose index entry holds a word."""
    match = f'"{word.replace(chr(34), "")}"'
    found = store.reader.execute(
        "SELECT id FROM snippet_search JOIN snippet ON snippet.n = snippet_search.rowid WHERE snippet_search MATCH ?",
        (match,),
    )
    return sorted(tuple(row) for row in found)


def assert_sound(store: Store) -> None:
    """SQLite finds nothing wrong with the file, nor FTS5 with the search indexes."""
    connection = open_writer(store.path)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        for index in ("message_search", "contact_search", "snippet_search"):
            connection.execute(f"INSERT INTO {index} ({index}) VALUES ('integrity-check')")
    finally:
        connection.close()


def in_view(view: View, contact: Contact, newest: Conversation | None, user_id: str, *, has_messages: bool) -> bool:
    """Whether `view` shows the contact to the user: the definition that the store's queries have to agree with."""
    at = contact_status(newest)
    match view:
        case View.NEW:
            return at is ContactStatus.OPEN and contact.assignee_id is None and not contact.blocked
        case View.OPEN:
            return at is ContactStatus.OPEN and not contact.blocked
        case View.ASSIGNED:
            mine = contact.assignee_id == user_id
            return mine and at in (ContactStatus.OPEN, ContactStatus.SNOOZED) and not contact.blocked
        case View.SNOOZED:
            return at is ContactStatus.SNOOZED and not contact.blocked
        case View.CLOSED:
            return at is ContactStatus.CLOSED
        case View.ALL:
            return at is not ContactStatus.NONE or has_messages


def listed(book: Book, view: View, user: User, sort: Sort) -> list[str]:
    """The contacts of a view in order, counted out from all rows by the definition of the view."""
    found = []
    for contact in book.all(Contact):
        newest = book.newest(contact.id)
        heard = [line for line in book.lines(contact.id) if line.kind in (MessageKind.INCOMING, MessageKind.OUTGOING)]
        if in_view(view, contact, newest, user.id, has_messages=bool(heard)):
            found.append((sort_key(sort, newest, heard), contact.id))
    return [contact_id for _, contact_id in sorted(found, reverse=sort in DESCENDING)]


def sort_key(sort: Sort, newest: Conversation | None, heard: list[Message]) -> int:
    """What an order looks at."""
    match sort:
        case Sort.WAITING:
            return NEVER if newest is None or newest.waiting_since is None else newest.waiting_since
        case Sort.NEWEST | Sort.OLDEST:
            return heard[-1].at if heard else newest.opened_at if newest else 0
        case Sort.WAKING:
            return (newest and newest.snoozed_until) or 0
        case Sort.CLOSED:
            return 0 if newest is None else newest.closed_at or newest.opened_at


def unread(book: Book, contact_id: str, user: User) -> int:
    """Incoming messages of the open conversation after the user's read mark."""
    newest = book.newest(contact_id)
    if newest is None or contact_status(newest) is ContactStatus.CLOSED:
        return 0
    mark: ReadMark | None = book.mark(user, contact_id)
    since = max(newest.opened_at, mark.at + 1 if mark else 0)
    return sum(line.kind is MessageKind.INCOMING and line.at >= since for line in book.lines(contact_id))


def assert_lists_agree(store: Store, book: Book, user: User, limit: int) -> None:
    """Every view in every order: rows, counts, places, and pages of any size in both directions."""
    for view in View:
        for sort in SORTS[view]:
            ids = listed(book, view, user, sort)
            whole = list_page(store.reader, view, user.id, sort=sort, limit=1_000)
            assert [row.contact_id for row in whole.rows] == ids, (view, sort)
            assert view_count(store.reader, view, user.id) == len(ids)
            for place, contact_id in enumerate(ids):
                assert list_position(store.reader, view, user.id, contact_id, sort=sort) == place
            assert paged(store, view, user, sort, limit) == ids
            assert paged_backwards(store, view, user, sort, limit) == ids
            jump = list_page(store.reader, view, user.id, sort=sort, offset=limit, limit=limit)
            assert [row.contact_id for row in jump.rows] == ids[limit : 2 * limit]
            for row in whole.rows:
                mark = book.mark(user, row.contact_id)
                assert row.flagged is bool(mark and mark.flagged)
                assert row.unread == unread(book, row.contact_id, user)
                assert row.status is contact_status(book.newest(row.contact_id))
                assert row.name == book.contact(row.contact_id).name


def paged(store: Store, view: View, user: User, sort: Sort, limit: int) -> list[str]:
    """A whole view read page by page from the top."""
    gathered: list[str] = []
    page = list_page(store.reader, view, user.id, sort=sort, limit=limit)
    while page.rows:
        gathered += [row.contact_id for row in page.rows]
        page = list_page(store.reader, view, user.id, sort=sort, after=page.last, limit=limit)
    return gathered


def paged_backwards(store: Store, view: View, user: User, sort: Sort, limit: int) -> list[str]:
    """A whole view read page by page from the end."""
    gathered: list[str] = []
    place: Position | None = (-1, "") if sort in DESCENDING else (NEVER, "~")
    while page := list_page(store.reader, view, user.id, sort=sort, before=place, limit=limit).rows:
        gathered = [row.contact_id for row in page] + gathered
        place = list_page(store.reader, view, user.id, sort=sort, before=place, limit=limit).first
    return gathered
