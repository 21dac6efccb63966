"""The inbox that measurements run on: messages of real dialogues, many contacts, and one contact with very many."""

from __future__ import annotations

import gzip
import itertools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from benchmarks.measure import DATA, say
from ismsg_tui.domain.entities import (
    Channel,
    Contact,
    Conversation,
    ConversationStatus,
    Entity,
    Message,
    MessageKind,
    Source,
    User,
    Workspace,
)
from ismsg_tui.domain.ids import content_id
from ismsg_tui.inbox import Inbox
from ismsg_tui.store.store import FILE_NAME, Store

KEPT = os.environ.get("ISMSG_BENCH_STORE")
"""The folder of a store of a million messages to use again, made if missing; without it a smaller one is made anew."""
SOURCE = DATA / "star.jsonl.gz"
CONTACTS = 100_000 if KEPT else 10_000
EACH = 9
"""Messages of each contact but the one with many."""
MANY = 100_000
"""Messages of the contact with many."""
USER = "benchmark"
START = 1_700_000_000_000
BATCH = 5_000
MANY_END, FEW_END = "the end of many", "the end of a few"
"""Newest messages of the two contacts at the top of all: the one with MANY messages, and one with FEW."""
FEW = 40

Turn = tuple[MessageKind, str]


class NoDataError(Exception):
    """There are no real dialogues to fill a store with."""


@contextmanager
def empty_folder() -> Iterator[Path]:
    """A data folder with a workspace and nobody in it."""
    with tempfile.TemporaryDirectory() as name:
        _found(Path(name)).close()
        yield Path(name)


def filled_folder() -> Path:
    """The data folder of the large inbox, filled when first asked for. Raises NoDataError."""
    if not SOURCE.exists():
        raise NoDataError(f"{SOURCE.name} is not there")
    return _filled(Path(KEPT or _scratch().name))


@cache
def _scratch() -> tempfile.TemporaryDirectory[str]:
    """A folder that lasts as long as this process."""
    return tempfile.TemporaryDirectory()


def size_words() -> str:
    """How large the inbox is."""
    return f"{CONTACTS * EACH + MANY:,} messages in {CONTACTS:,} contacts"


def texts() -> list[str]:
    """Every text of the real dialogues."""
    return [text for _, text in _turns()]


def contact_id(number: int) -> str:
    """The id of a contact by its number; 0 has MANY messages, 1 has FEW."""
    return content_id(START, "contact", str(number))


def conversation_id(number: int) -> str:
    """The id of a contact's conversation."""
    return content_id(START, "conversation", str(number))


def message(number: int, part: int, at: int, kind: MessageKind, text: str) -> Message:
    """A message of a contact, its id made of the numbers of both."""
    incoming = kind is MessageKind.INCOMING
    return Message(
        id=content_id(at, "message", str(number), str(part)),
        contact_id=contact_id(number),
        conversation_id=conversation_id(number),
        kind=kind,
        at=at,
        text=text,
        channel_id=_CHANNEL.id,
        author_id=None if incoming else _ME.id,
        source=Source.CONTACT if incoming else Source.USER,
    )


_ME = User(id=content_id(0, "user", USER), name=USER)
_CHANNEL = Channel(id=content_id(0, "channel"), kind="web", name="Web", text_limit=10_000)
_DAY = 86_400_000


def _turns() -> list[Turn]:
    kinds = {"customer": MessageKind.INCOMING, "agent": MessageKind.OUTGOING}
    with gzip.open(SOURCE, "rt", encoding="utf-8") as lines:
        said = (turn for line in lines for turn in json.loads(line)["turns"])
        return [(kinds[turn["who"]], turn["text"]) for turn in said if turn["who"] in kinds]


def _found(folder: Path) -> Store:
    store = Store(folder)
    store.adopt([Workspace(id=content_id(0, "workspace"), name="Benchmark"), _ME, _CHANNEL])
    return store


def _filled(folder: Path) -> Path:
    """Fill a folder that is not filled yet; the last thing written says that it is."""
    mark = folder / f"{CONTACTS}-contacts"
    if not mark.exists():
        if (folder / FILE_NAME).exists():
            raise NoDataError(f"{folder} holds another store; empty it")
        say(f"Making a store of {size_words()}…")
        store = _found(folder)
        rows = _rows()
        while batch := list(itertools.islice(rows, BATCH)):
            store.adopt(batch)
        store.close()
        say("Handing it over to the console's own server…")
        environment = {**os.environ, "ISMSG_DATA": str(folder), "ISMSG_USER": USER}
        subprocess.run([sys.executable, "-m", "ismsg_tui", "sync"], env=environment, check=True, capture_output=True)
        mark.touch()
    return folder


def _rows() -> Iterator[Entity]:
    turns = itertools.cycle(_turns())
    for number in range(CONTACTS):
        count = {0: MANY, 1: FEW}.get(number, EACH)
        # The two at the top have written last; of the others each hour has a few.
        start = START + number % 10_000 * 3_600_000 + number if number > 1 else START + 600 * _DAY + (1 - number) * _DAY
        yield from _contact(number, start, [next(turns) for _ in range(count)])


def _contact(number: int, start: int, turns: list[Turn]) -> Iterator[Entity]:
    """A contact with its conversation: four of ten are closed, of the open ones half are unassigned."""
    closed, assigned = number > 1 and number % 10 < 4, number % 10 < 7
    words = {0: MANY_END, 1: FEW_END}.get(number)
    if words:
        turns[-1] = (MessageKind.INCOMING, words)
    end = start + len(turns) * 1000
    waits = turns[-1][0] is MessageKind.INCOMING and not closed
    yield Contact(
        id=contact_id(number),
        first_name="Guest",
        last_name=f"{number:,}",
        phone=f"+1 555 {number:07}",
        assignee_id=_ME.id if assigned else None,
        channel_id=_CHANNEL.id,
        created_at=start,
    )
    yield Conversation(
        id=conversation_id(number),
        contact_id=contact_id(number),
        status=ConversationStatus.CLOSED if closed else ConversationStatus.OPEN,
        waiting_since=end if waits else None,
        last_incoming_at=end,
        opened_at=start,
        opened_source=Source.CONTACT,
        closed_at=end if closed else None,
    )
    for part, (kind, text) in enumerate(turns):
        yield message(number, part, start + part * 1000, kind, text)


def open_inbox(folder: Path) -> Inbox:
    """The large inbox as its user sees it."""
    return Inbox(Store(folder), _ME.id)
