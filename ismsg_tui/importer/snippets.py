"""Importing snippets from JSON Lines and CSV, by the same rules as those written by hand."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from ismsg_tui.clock import new_id, now_ms
from ismsg_tui.domain.commands import Actor, Issued, SaveSnippet
from ismsg_tui.domain.entities import Snippet
from ismsg_tui.domain.ids import content_id
from ismsg_tui.domain.packing import convert, decoder
from ismsg_tui.domain.rules import decide
from ismsg_tui.domain.state import Refusal, State
from ismsg_tui.domain.text import clean
from ismsg_tui.importer import reading
from ismsg_tui.importer.reading import Problem, ReadError, decode_line
from ismsg_tui.inbox import Inbox
from ismsg_tui.store.loading import load_snippets


class WrittenSnippet(Struct, frozen=True):
    """A snippet as it stands in a file; what is not said stays as it is, or empty."""

    name: str
    text: str
    topic: str | None = None
    language: str | None = None
    lang: str | None = None
    uses: Annotated[int, Meta(ge=0, le=2**53)] | None = None


class SnippetTally(Struct):
    """What an import of snippets has done."""

    added: int = 0
    changed: int = 0
    same: int = 0
    problems: int = 0


def import_snippets(inbox: Inbox, paths: Iterable[Path], report: Callable[[Problem], None]) -> SnippetTally:
    """Add the snippets of the files, or change those of the same name, in one transaction. Raises RefusedError.

    A line that can't be used is reported and left out. A snippet that is known already keeps its count of uses.
    """
    tally = SnippetTally()
    before = load_snippets(inbox.store.reader)
    book = _Book(inbox, before)
    for path in paths:
        for place, written in _read(path):
            refused = written if isinstance(written, str) else book.take(written)
            if refused:
                tally.problems += 1
                report(Problem(path, place, refused))
    for snippet in book.taken.values():
        old = before.get(snippet.id)
        if old is None or old.deleted:
            tally.added += 1
        elif old == snippet:
            tally.same += 1
        else:
            tally.changed += 1
    saved = [SaveSnippet(snippet) for snippet in book.taken.values() if before.get(snippet.id) != snippet]
    inbox.store.execute_snippets([Issued(new_id(), command, Actor(inbox.user_id), now_ms()) for command in saved])
    return tally


class _Book:
    """The snippets of the workspace as they become, line by line."""

    def __init__(self, inbox: Inbox, before: dict[str, Snippet]) -> None:
        settings = inbox.store.settings
        self._actor = Actor(inbox.user_id)
        self.taken: dict[str, Snippet] = {}
        self._state = State(
            workspace=settings.workspace, users=settings.users, channels=settings.channels, snippets=before
        )
        self._names = {snippet.name.casefold(): snippet.id for snippet in before.values() if not snippet.deleted}

    def take(self, written: WrittenSnippet) -> str:
        """Add or change one snippet; returns why not, or ""."""
        name = clean(written.name).strip()
        folded = name.casefold()
        snippet_id = self._names.get(folded) or content_id(0, "snippet", folded)
        new = Snippet(id=snippet_id, name=name, text="", uses=written.uses or 0)
        old = self._state.snippets.get(snippet_id) or new
        language = written.language if written.language is not None else written.lang
        snippet = replace(
            old,
            name=name,
            text=clean(written.text),
            topic=old.topic if written.topic is None else clean(written.topic),
            language=old.language if language is None else clean(language),
            deleted=False,
        )
        outcome = decide(self._state, Issued(snippet_id, SaveSnippet(snippet), self._actor, 0))
        if isinstance(outcome, Refusal):
            return outcome.reason
        if outcome:
            self._state = self._state.after(outcome)
        self._names[folded] = snippet_id
        self.taken[snippet_id] = snippet
        return ""


_SURROGATE = re.compile("[\ud800-\udfff]")
_decode = decoder(WrittenSnippet).decode


def _read(path: Path) -> Iterator[tuple[int, WrittenSnippet | str]]:
    """The snippets of a file with their line numbers; a sentence in place of one that can't be read."""
    place = 0
    try:
        with reading.Source(path) as source:
            if ".csv" in (suffix.lower() for suffix in path.suffixes):
                for place, written in _read_csv(source):
                    yield place, written
                return
            for place, line in source.lines():
                try:
                    yield place, decode_line(_decode, line)
                except ValueError as error:
                    yield place, str(error)
    except ReadError as error:
        yield place + 1, str(error)
    except OSError as error:
        yield 0, error.strerror or str(error)


def _read_csv(source: reading.Source) -> Iterator[tuple[int, WrittenSnippet | str]]:
    with source.text() as text:
        heading = text.readline()
        delimiter = ";" if heading.count(";") > heading.count(",") else ","
        columns = [column.strip().lower() for column in next(csv.reader([heading], delimiter=delimiter), [])]
        if not {"name", "text"} <= set(columns):
            raise ReadError("the first line has to name the columns, name and text among them")
        rows = csv.reader(text, delimiter=delimiter)
        while True:
            try:
                cells = next(rows, None)
            except csv.Error as error:
                raise ReadError(f"broken CSV: {error}") from error
            except EOFError:
                raise ReadError("the compressed data ends too early") from None
            if cells is None:
                return
            if cells:
                yield rows.line_num + 1, _convert(dict(zip(columns, cells, strict=False)))


def _convert(cells: dict[str, str]) -> WrittenSnippet | str:
    try:
        if any(_SURROGATE.search(cell) for cell in cells.values()):
            return "the text is not UTF-8"
        filled = {column: cell for column, cell in cells.items() if cell.strip()}
        return convert(filled, WrittenSnippet, strict=False)
    except msgspec.ValidationError as error:
        return str(error)
