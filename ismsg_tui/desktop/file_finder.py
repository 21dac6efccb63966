"""The files that may be attached: those used before, those of a few folders, and what lies at a typed path."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ismsg_tui.desktop.folders import Entry, entries_for, is_typed_path, shortened, walk
from ismsg_tui.domain.matching import Forms, Query
from ismsg_tui.domain.search_text import search_form

SHOWN = 200
"""So many files are found at once; more letters find the others."""
BATCH = 500
"""So many files are handed over at a time while a tree is walked."""
NAME_LIMIT = 120

Walked = list[tuple[str, Forms]]
"""Paths, each with what typed letters are compared with."""


class Found(NamedTuple):
    """A file or folder, and whether it was used before."""

    entry: Entry
    recent: bool = False


class FileFinder:
    """Finds files by letters of their names or by a path. What `walk` yields on its thread is taken in on the loop."""

    def __init__(self, recent: Callable[[], Sequence[str]], folder: Path | None = None) -> None:
        """`recent` finds what was used before and is still there, the last one first; `folder` was used last."""
        self.base = Path.cwd()
        self.walking = True
        self._recent = recent
        self._roots = list(dict.fromkeys([*([folder] if folder else []), self.base]))
        self._paths: list[str] = []
        self._forms: list[Forms] = []
        self._known: set[str] = set()

    @property
    def count(self) -> int:
        """How many files of the folders are known."""
        return len(self._paths)

    def walk(self, is_over: Callable[[], bool]) -> Iterator[Walked]:
        """The files of the folders, some at a time, until `is_over`; at last none. May take long."""
        batch: Walked = []
        for root in self._roots:
            for path in walk(root, is_over):
                batch.append((path, _forms(path, root)))
                if len(batch) == BATCH:
                    yield batch
                    batch = []
        if batch:
            yield batch
        yield []

    def take_in(self, files: Walked) -> None:
        """Know more files; none means that there are no more."""
        for path, forms in files:
            if path not in self._known:
                self._known.add(path)
                self._paths.append(path)
                self._forms.append(forms)
        self.walking = self.walking and bool(files)

    def find(self, typed: str) -> list[Found]:
        """What fits best first: all of a folder for a path, and the files used before for nothing. Reads the disk."""
        if is_typed_path(typed):
            return [Found(entry) for entry in entries_for(typed, self.base)]
        if query := Query(typed):
            return [Found(Entry(self._paths[index])) for index in query.rank(list(self._forms))[:SHOWN]]
        recent = self._recent()
        others = [path for path in self._paths[:SHOWN] if path not in recent]
        return [Found(Entry(path), recent=True) for path in recent] + [Found(Entry(path)) for path in others]


def _forms(path: str, root: Path) -> Forms:
    head, name = os.path.split(path)
    return [search_form(name[:NAME_LIMIT])], search_form(shortened(head, root)[:400])
