"""How long a page of the contact list takes in a large inbox, against the bare query for its contacts' ids."""

from __future__ import annotations

import gzip
import itertools
import json
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

from benchmarks.measure import DATA, Result
from ismsg_tui.domain.entities import (
    Channel,
    Contact,
    Conversation,
    ConversationStatus,
    Message,
    MessageKind,
    Source,
    User,
    Workspace,
)
from ismsg_tui.domain.ids import content_id
from ismsg_tui.domain.views import View
from ismsg_tui.inbox import Inbox
from ismsg_tui.store.connection import Connection, open_writer
from ismsg_tui.store.rows import CONTACT, CONVERSATION, MESSAGE
from ismsg_tui.store.store import Store
from ismsg_tui.store.writing import refresh_inbox

CONTACTS = 100_000
LIMIT = 50
RUNS = 200
START = 1_700_000_000_000

_IDS = {
    View.NEW: "SELECT contact_id FROM inbox WHERE status = 'open' AND blocked = 0 AND assignee_id IS NULL "
    "ORDER BY waiting_key, contact_id LIMIT 50",
    View.OPEN: "SELECT contact_id FROM inbox WHERE status = 'open' AND blocked = 0 "
    "ORDER BY last_at DESC, contact_id DESC LIMIT 50",
    View.ALL: "SELECT contact_id FROM inbox WHERE last_at > 0 ORDER BY last_at DESC, contact_id DESC LIMIT 50",
}


def measure() -> Iterator[Result]:
    """Milliseconds for the first page of some views, and for a page half-way down the longest of them."""
    source = DATA / "star.jsonl.gz"
    if not source.exists():
        yield Result.skipped("list page", "star.jsonl.gz is not there")
        return
    with tempfile.TemporaryDirectory() as folder:
        inbox = _filled(Path(folder), _texts(source))
        reader = inbox.store.reader
        for view, query in _IDS.items():
            bare = _milliseconds(partial(_ids, reader, query))
            yield Result(f"list page {view}", _milliseconds(partial(inbox.page, view, limit=LIMIT)), bare, "ms")
        place = inbox.page(View.ALL, offset=CONTACTS // 2, limit=1).last
        deep = _milliseconds(partial(inbox.page, View.ALL, after=place, limit=LIMIT))
        yield Result("list page half-way down", deep, bare, "ms")
        inbox.close_store()


def _ids(reader: Connection, query: str) -> list[str]:
    return [row[0] for row in reader.execute(query)]


def _milliseconds(action: Callable[[], object]) -> float:
    """The median of many runs."""
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return sorted(times)[RUNS // 2] * 1000


def _texts(source: Path) -> list[str]:
    with gzip.open(source, "rt", encoding="utf-8") as lines:
        return [turn["text"] for line in lines for turn in json.loads(line)["turns"] if turn["who"] != "system"]


def _filled(folder: Path, texts: list[str]) -> Inbox:
    """An inbox of CONTACTS contacts, half of them closed, a third of the open ones unassigned."""
    store = Store(folder)
    me = User(id=content_id(0, "me"), name="me")
    channel = Channel(id=content_id(0, "channel"), kind="web", name="Web", text_limit=10_000)
    store.adopt([Workspace(id=content_id(0, "workspace"), name="Benchmark"), me, channel])
    with closing(open_writer(store.path)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        _insert(connection, texts, me.id, channel.id)
        connection.execute("COMMIT")
        connection.execute("ANALYZE")
    return Inbox(store, me.id)


def _insert(connection: Connection, texts: list[str], user_id: str, channel_id: str) -> None:
    dice = random.Random(1)
    said = itertools.cycle(texts)
    contacts, conversations, messages = [], [], []
    for number in range(CONTACTS):
        at = START + dice.randrange(10**10)
        contact_id, conversation_id = content_id(at, "contact", str(number)), content_id(at, "talk", str(number))
        closed, assigned = dice.random() < 0.5, dice.random() < 0.67
        contact = Contact(
            id=contact_id,
            first_name=f"Contact {number}",
            assignee_id=user_id if assigned else None,
            channel_id=channel_id,
            created_at=at,
        )
        conversation = Conversation(
            id=conversation_id,
            contact_id=contact_id,
            status=ConversationStatus.CLOSED if closed else ConversationStatus.OPEN,
            waiting_since=None if closed else at,
            opened_at=at,
            opened_source=Source.CONTACT,
            closed_at=at + 1000 if closed else None,
        )
        contacts.append(CONTACT.encode(contact))
        conversations.append(CONVERSATION.encode(conversation))
        for part in range(2):
            message = Message(
                id=content_id(at, "message", str(number), str(part)),
                contact_id=contact_id,
                conversation_id=conversation_id,
                kind=MessageKind.INCOMING,
                at=at + part,
                text=next(said),
                channel_id=channel_id,
                source=Source.CONTACT,
            )
            messages.append(MESSAGE.encode(message))
    connection.executemany(CONTACT.write_local, contacts)
    connection.executemany(CONVERSATION.write_local, conversations)
    connection.executemany(MESSAGE.write_local, messages)
    refresh_inbox(connection, [str(values[0]) for values in contacts])
