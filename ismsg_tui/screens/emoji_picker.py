"""Choosing an emoji by its name."""

from __future__ import annotations

from collections.abc import Sequence

from ismsg_tui.screens.picker import Picker
from ismsg_tui.widgets import emojis
from ismsg_tui.widgets.choice_list import Choice
from ismsg_tui.widgets.emojis import Emoji
from ismsg_tui.widgets.segments import emoji_in_words

_SHOWN = 200


class EmojiPicker(Picker[str, str]):
    """The emoji used last, then the usual ones; typing searches all of them by name. Its result is the emoji."""

    def __init__(self, recent: Sequence[str]) -> None:
        """`recent` are emoji, the last one used first."""
        known = [emojis.describe(char) for char in dict.fromkeys(recent)]
        self._first = [item for item in known if item is not None]
        super().__init__("Emoji", self._find(""), take="Insert", what="emoji", search=self._find)

    def _find(self, text: str) -> list[Choice[str]]:
        found = emojis.search(text, _SHOWN)
        if not text.strip():
            found = [*self._first, *(item for item in found if item not in self._first)]
        return [_choice(item) for item in found]

    def result(self, value: str) -> str:
        """The emoji itself."""
        return value


def _choice(item: Emoji) -> Choice[str]:
    label = _spoken(item.name) if emoji_in_words() else f"{item.char} {_spoken(item.name)}"
    return Choice(item.char, label, detail=", ".join(map(_spoken, item.aliases)))


def _spoken(name: str) -> str:
    return name.replace("_", " ")
