"""Importing conversation files into an inbox, thousands of rows to a transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from ismsg_tui.domain.entities import Entity
from ismsg_tui.domain.state import Settings
from ismsg_tui.importer.dialogues import Folded, Folder, read_dialogue
from ismsg_tui.importer.reading import Problem, ReadError, Source
from ismsg_tui.store.loading import load_ids
from ismsg_tui.store.rows import CONTACT
from ismsg_tui.store.store import Store

BATCH_ROWS = 5_000
"""About how many rows are written in one transaction: enough to be fast, few enough to let others write between."""


class Sink(Protocol):
    """Where conversations are imported to."""

    @property
    def settings(self) -> Settings:
        """Workspace, users and channels as they are."""
        ...

    def knows(self, contact_id: str) -> bool:
        """Whether there is such a contact."""
        ...

    def write(self, rows: Sequence[Entity]) -> None:
        """Take in rows, settings before what needs them."""
        ...


class StoreSink:
    """The local store as a sink."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @property
    def settings(self) -> Settings:
        """Workspace, users and channels of the store."""
        return self._store.settings

    def knows(self, contact_id: str) -> bool:
        """Whether the store holds such a contact."""
        return bool(load_ids(self._store.reader, CONTACT, [contact_id]))

    def write(self, rows: Sequence[Entity]) -> None:
        """Write rows in one transaction."""
        self._store.adopt(rows)


class Tally(Struct):
    """What an import has done so far."""

    conversations: int = 0
    messages: int = 0
    comments: int = 0
    rows: int = 0
    known: int = 0
    """Dialogues that were there already."""
    untimed: int = 0
    """Dialogues whose times were made up, wholly or in part."""
    problems: int = 0
    read: int = 0
    """Bytes of the file under way."""
    stopped: bool = False


class Watch(Struct, frozen=True):
    """Who follows an import; every part of it is called between two lines."""

    problem: Callable[[Problem], None] = lambda _: None
    progress: Callable[[Path, Tally], None] = lambda _, __: None
    stop: Callable[[], bool] = lambda: False
    """Asked often; once it says yes, what was read is written and the import ends."""


def import_conversations(sink: Sink, paths: Iterable[Path], now: int, watch: Watch) -> Tally:
    """Write every dialogue of the files that the sink does not hold yet; `now` in milliseconds ends untimed ones.

    A line that can't be used is reported and left out, a file that can't be read on ends there.
    """
    run = _Import(sink, now, watch)
    for path in paths:
        run.take_file(path)
        if run.tally.stopped:
            break
    return run.tally


class _Import:
    """One import: what is folded and not yet written, and the tally of what is."""

    def __init__(self, sink: Sink, now: int, watch: Watch) -> None:
        self.tally = Tally()
        self._sink = sink
        self._watch = watch
        self._folder = Folder(sink.settings, now)
        self._folded: dict[str, Folded] = {}
        self._rows = 0

    def take_file(self, path: Path) -> None:
        """Import one file to its end, to the place where it breaks off, or until stopped."""
        number = 0
        try:
            with Source(path) as source:
                for number, line in source.lines():
                    self._take_line(path, number, line)
                    self.tally.read = source.done
                    self._watch.progress(path, self.tally)
                    if self._watch.stop():
                        self.tally.stopped = True
                        break
        except ReadError as error:
            self._report(Problem(path, number + 1, str(error)))
        except OSError as error:
            self._report(Problem(path, 0, error.strerror or str(error)))
        self._write()

    def _take_line(self, path: Path, number: int, line: bytes) -> None:
        try:
            dialogue = read_dialogue(line)
            if dialogue.contact_id in self._folded or self._sink.knows(dialogue.contact_id):
                self.tally.known += 1
                return
            folded = self._folder.fold(dialogue)
        except ValueError as error:
            self._report(Problem(path, number, str(error)))
            return
        self._folded[dialogue.contact_id] = folded
        self._rows += len(folded.rows)
        if self._rows >= BATCH_ROWS:
            self._write()

    def _write(self) -> None:
        if not self._folded:
            return
        self._sink.write([row for folded in self._folded.values() for row in folded.rows])
        for folded in self._folded.values():
            self.tally.messages += folded.messages
            self.tally.comments += folded.comments
            self.tally.untimed += not folded.timed
        self.tally.conversations += len(self._folded)
        self.tally.rows += self._rows
        self._folded.clear()
        self._rows = 0

    def _report(self, problem: Problem) -> None:
        self.tally.problems += 1
        self._watch.problem(problem)
