"""The text field of the composer: completion and suggestions while typing, “/” for snippets, Tab through blanks."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence

from textual.content import Content
from textual.events import Key, Paste
from textual.message import Message

from ismsg_tui.actions import action as action_named
from ismsg_tui.desktop.folders import is_file
from ismsg_tui.domain.entities import User
from ismsg_tui.domain.pasted import pasted_paths
from ismsg_tui.domain.text import one_line
from ismsg_tui.widgets.blanks_area import BlanksArea
from ismsg_tui.widgets.completion import CompletionList, Suggestions, finished_emoji
from ismsg_tui.widgets.offers import Offer, Offers
from ismsg_tui.widgets.segments import MUTED, fit

_SHOWN = 400
"""How much of an offered text is shown at most, in characters."""


class ComposerArea(BlanksArea):
    """Where the agent types. Enter and its like are the composer's; this field knows words, not messages."""

    DEFAULT_CSS = """
    ComposerArea {
        & .text-area--suggestion { color: $text-muted; text-style: dim italic; }
    }
    """

    class SlashTyped(Message):
        """A “/” was typed where a word begins; it was not inserted."""

    class PathsPasted(Message):
        """What was pasted are paths of files and nothing else; it was not inserted."""

        def __init__(self, text: str, paths: list[str]) -> None:
            super().__init__()
            self.text = text
            self.paths = paths

    class OfferTaken(Message):
        """A stored reply that was offered is in the text now."""

        def __init__(self, offer: Offer) -> None:
            super().__init__()
            self.offer = offer

    def __init__(self, completions: CompletionList) -> None:
        super().__init__()
        self._completions = completions
        self._offers = Offers()
        self._looked_up: tuple[str | None, tuple[Offer, str] | None] = None, None
        self._hint = ""
        self.teammates: Sequence[User] = ()
        """Who may be mentioned; nobody outside comments."""

    def put(self, text: str) -> None:
        """Insert a text, which completes nothing."""
        super().put(text)
        self._completions.close()

    def rewrite(self, text: str) -> None:
        """Put another text in the place of all, which completes nothing."""
        super().rewrite(text)
        self._completions.close()

    def begin(self, text: str) -> None:
        """Show a text, of which nothing is to be completed yet."""
        super().begin(text)
        self._completions.close()

    # What is offered

    @property
    def hint(self) -> str:
        """What stands in the empty field."""
        return self._hint

    @hint.setter
    def hint(self, hint: str) -> None:
        self._hint = hint
        self._show_hint()

    @property
    def offers(self) -> Offers:
        """The stored replies that may be offered."""
        return self._offers

    @offers.setter
    def offers(self, offers: Offers) -> None:
        self._offers, self._looked_up = offers, (None, None)
        self._show_offer()

    def _offered(self) -> tuple[Offer, str] | None:
        """The stored reply that fits what is written, and what it would add; None while there is none."""
        at_end = self.selection.is_empty and self.cursor_location == self.document.end
        if not at_end or not self.has_focus or self._completions.marked is not None:
            return None
        written = self.text
        if self._looked_up[0] != written:  # several times for one key
            self._looked_up = written, self._offers.going_on(written)
        return self._looked_up[1]

    def _show_offer(self) -> None:
        found = self._offered() if self.text else None
        rest = found[1] if found else ""
        gap = " " if rest[:1].isspace() else ""
        x, _ = self.wrapped_document.location_to_offset(self.cursor_location)
        self.suggestion = gap + fit(rest[:_SHOWN], self.wrap_width - x - len(gap)).rstrip() if rest else ""
        self._show_hint()

    def _show_hint(self) -> None:
        found = None if self.text else self._offered()
        hint = Content(self._hint)
        if found is not None:
            key, words = "  Tab ", one_line(found[1], _SHOWN)
            room = self.wrap_width - hint.cell_length - len(key)
            if room > 2 * len(key):
                hint = Content.assemble(hint, (key, "bold"), (fit(words, room).rstrip(), f"dim italic {MUTED}"))
        if self.placeholder != hint:
            self.placeholder = hint

    def fill_in(self) -> bool:
        """Take the marked completion or what is offered, or go to the next blank; returns whether there was any."""
        if self.completing:
            self.accept_completion()
            return True
        return self.take_offer() or self.select_blank()

    def take_offer(self) -> bool:
        """Take what is offered; returns whether anything was."""
        found = self._offered()
        if found is None:
            return False
        offer, rest = found
        self.put(rest)
        self.post_message(self.OfferTaken(offer))
        return True

    def action_cursor_right(self, select: bool = False) -> None:
        """Move the cursor; at the end of the text, take what is offered."""
        self.suggestion = ""  # or Textual would insert what is only shown of it
        if select or not self.take_offer():
            super().action_cursor_right(select)

    def watch_has_focus(self, _has_focus: bool) -> None:
        """Offer what fits only while there is somebody to take it."""
        super().watch_has_focus(_has_focus)
        self._show_offer()

    def on_resize(self) -> None:
        """Show as much of what is offered as there is room for."""
        self._show_hint()

    # Completion

    @property
    def completing(self) -> bool:
        """Whether the list of suggestions is open and fits the cursor."""
        return self._completions.open_at(self.cursor_location)

    @property
    def _before(self) -> str:
        row, column = self.cursor_location
        return self.document.get_line(row)[:column]

    def update_suggestion(self) -> None:
        """Look for completions after every edit, before the next key is handled."""
        if self.is_mounted:
            before = self._before if self.selection.is_empty else ""
            self._completions.look(before, self.cursor_location, self.teammates)
            if self._completions.suggestions is not None:
                self.call_after_refresh(self._place, self._completions.suggestions)
            self._show_offer()

    def _place(self, found: Suggestions) -> None:
        if self._completions.suggestions is found:
            word = self.wrapped_document.location_to_offset((self.cursor_location[0], found.start))
            self._completions.place(self.content_region.offset + word - self.scroll_offset)

    def on_text_area_selection_changed(self) -> None:
        """Close the list when the cursor leaves the word; what is offered goes with the cursor at the end."""
        if not self.completing:
            self._completions.close()
        self._show_offer()

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
        self._completions.close()

    # Keys and pasting

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave Ctrl+K, by which Textual deletes, to jumping, unless the agent jumps by other keys."""
        deletes = action == "delete_to_end_of_line_or_delete_line"
        if deletes and "ctrl+k" in action_named("switch").current_keys:
            return False
        return super().check_action(action, parameters)

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
        if self.completing and event.key in ("up", "down"):
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
