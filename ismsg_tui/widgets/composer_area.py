"""The text field of the composer: completion while typing, and “/” for snippets."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence

from textual.document._document import Location
from textual.events import Key, Paste
from textual.message import Message
from textual.widgets import TextArea

from ismsg_tui.domain.entities import User
from ismsg_tui.domain.pasted import pasted_paths
from ismsg_tui.domain.text import clean
from ismsg_tui.folders import is_file
from ismsg_tui.widgets.completion import CompletionList, Suggestions, finished_emoji, suggest
from ismsg_tui.widgets.text_fields import PlainArea


class ComposerArea(PlainArea):
    """Where the agent types. Enter and its like are the composer's; this field knows words, not messages."""

    class SlashTyped(Message):
        """A “/” was typed where a word begins; it was not inserted."""

    class PathsPasted(Message):
        """What was pasted are paths of files and nothing else; it was not inserted."""

        def __init__(self, text: str, paths: list[str]) -> None:
            super().__init__()
            self.text = text
            self.paths = paths

    def __init__(self, completions: CompletionList) -> None:
        super().__init__()
        self._completions = completions
        self._completed_at: Location | None = None
        self._dismissed: Location | None = None
        self.teammates: Sequence[User] = ()
        """Who may be mentioned; nobody outside comments."""

    def put(self, text: str) -> None:
        """Insert a text at the cursor as one step of undo, whatever is selected."""
        self.history.checkpoint()
        self.insert(clean(text), maintain_selection_offset=False)
        self.history.checkpoint()
        self.close_completion()

    def begin(self, text: str) -> None:
        """Show a text with the cursor at its end and nothing to undo; no `Changed` is posted."""
        with self.prevent(TextArea.Changed):
            self.load_text(clean(text))
        self.move_cursor(self.document.end)
        self.close_completion()

    # Completion

    @property
    def completing(self) -> bool:
        """Whether the list of suggestions is open and fits the cursor."""
        return self._completions.marked is not None and self._completed_at == self.cursor_location

    @property
    def _before(self) -> str:
        row, column = self.cursor_location
        return self.document.get_line(row)[:column]

    def update_suggestion(self) -> None:
        """Look for completions after every edit, before the next key is handled."""
        if self.is_mounted:
            row = self.cursor_location[0]
            found = suggest(self._before, self.teammates) if self.selection.is_empty else None
            self._show(None if found is None or self._dismissed == (row, found.start) else found)
            if found is None:
                self._dismissed = None

    def _show(self, found: Suggestions | None) -> None:
        self._completed_at = self.cursor_location if found else None
        self._completions.show(found)
        if found:
            self.call_after_refresh(self._place, found)

    def _place(self, found: Suggestions) -> None:
        if self._completions.suggestions is found:
            word = self.wrapped_document.location_to_offset((self.cursor_location[0], found.start))
            self._completions.place(self.content_region.offset + word - self.scroll_offset)

    def on_text_area_selection_changed(self) -> None:
        """Close the list when the cursor leaves the word."""
        if not self.completing:
            self._show(None)

    def accept_completion(self) -> None:
        """Put the marked suggestion in the place of the word."""
        marked, found = self._completions.marked, self._completions.suggestions
        if marked is not None and found is not None:
            self._replace_word(found.start, marked.text)

    def _replace_word(self, start: int, text: str) -> None:
        row, column = self.cursor_location
        self.history.checkpoint()
        self.replace(text, (row, start), (row, column), maintain_selection_offset=False)
        self.history.checkpoint()
        self._show(None)

    def close_completion(self, *, dismissed: bool = False) -> None:
        """Close the list; once dismissed it stays closed for this word."""
        found = self._completions.suggestions
        if dismissed and found is not None:
            self._dismissed = (self.cursor_location[0], found.start)
        self._show(None)

    # Keys and pasting

    async def _on_paste(self, event: Paste) -> None:
        # While the disk is asked, keys that come after the paste wait in this field's own queue.
        paths = await asyncio.to_thread(_files_in, event.text) if pasted_paths(event.text) else []
        if paths and not self.read_only:
            event.prevent_default()
            self.post_message(self.PathsPasted(event.text, paths))

    def on_key(self, event: Key) -> None:
        """Catch the few keys that are more than text."""
        if self._took(event):
            event.stop()
            event.prevent_default()

    def _took(self, event: Key) -> bool:
        if self.completing and event.key in ("tab", "up", "down"):
            if event.key == "tab":
                self.accept_completion()
            else:
                self._completions.move(-1 if event.key == "up" else 1)
            return True
        if not self.selection.is_empty:
            return False
        before = self._before
        if event.character == "/" and (not before or before[-1].isspace()):
            self.post_message(self.SlashTyped())
            return True
        if event.character == ":" and (done := finished_emoji(before)):
            self._replace_word(done.start, done.entries[0].text)
            return True
        return False


def _files_in(text: str) -> list[str]:
    """The paths that a pasted text consists of, if there is a regular file at every one."""
    paths = [os.path.expanduser(path) for path in pasted_paths(text)]  # noqa: PTH111 - kept as it was written
    return paths if all(is_file(path) for path in paths) else []
