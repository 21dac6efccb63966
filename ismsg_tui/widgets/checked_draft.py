"""The part of the composer that judges what is written: how long it is, what is to fill in, whether it can be sent."""

from __future__ import annotations

from textual.reactive import reactive

from ismsg_tui.actions import action
from ismsg_tui.domain.message_rules import COMMENT_LIMIT
from ismsg_tui.domain.snippets import blanks
from ismsg_tui.domain.text import clean, one_line
from ismsg_tui.key_names import key_label
from ismsg_tui.widgets.composer_area import ComposerArea
from ismsg_tui.widgets.draft_parts import DraftParts
from ismsg_tui.widgets.status_line import StatusLine

_NEARLY_FULL = 0.9
_LABEL = 40
"""How much of a blank's name is said, in characters."""


class CheckedDraft(DraftParts):
    """A draft of which is said, in the line above it, what there is to say."""

    caution: reactive[str] = reactive("", init=False)
    """Why the agent may not want to answer now, such as a teammate who does."""

    def __init__(self, area: ComposerArea, *, id: str | None = None) -> None:
        super().__init__(area, id=id)
        self._contact = self._channel = ""
        self._limit: int | None = None
        self._asked = ""
        """The text of which was asked whether it is to be sent with blanks in it."""

    def watch_caution(self) -> None:
        """Say it above the text."""
        self._count()

    @property
    def _most(self) -> int | None:
        """How many characters may be sent; None where nothing is known of it."""
        return COMMENT_LIMIT if self.comment else self._limit

    @property
    def _too_long(self) -> int:
        """By how many characters the text is too long; zero or less if it is not."""
        return len(clean(self._area.text).strip()) - self._most if self._most is not None else 0

    def _count(self) -> None:
        status = self.query_one(StatusLine)
        limit = self._most
        if not self._contact:
            status.left = ""
        elif self.comment:
            status.left = "Comment · only the team sees this"
        else:
            status.left = f"Reply{self._blanks_words()}"
        cautious = bool(self._contact and self.caution and not self.comment)
        asking = bool(self._asked) and self._asked == self._area.text
        status.left_alarm = "bold $text-warning" if cautious or asking else ""
        if cautious:
            status.left = f"{status.left} · {self.caution}"
        if not self._contact:
            status.right, status.alarm = "", ""
        elif limit is None:
            status.right, status.alarm = self._channel, ""
        else:
            over = self._too_long
            used = limit + over
            where = "" if self.comment else f"{self._channel} "
            warning = f"{over:,} too long · " if over > 0 else ""
            status.right = f"{warning}{where}{used:,}/{limit:,}"
            status.alarm = "bold $text-error" if over > 0 else "$text-warning" if used > limit * _NEARLY_FULL else ""

    def _why_not(self, text: str) -> str:
        """Why what is written can't be sent now, as a sentence; "" if it can, or is nothing at all."""
        if self.comment and not text:
            return "Files do not go with a comment: write one, or switch to the reply to send them."
        if self._adding and not self.comment:
            return "A file is still being added: send when it is done, or take it out."
        over = self._too_long
        if over > 0:
            takes = f"A comment takes {COMMENT_LIMIT:,}" if self.comment else f"{self._channel} takes {self._limit:,}"
            return f"{takes} characters: this is {over:,} too long."
        return ""

    def _asks(self) -> bool:
        """Whether it is first asked if the text is to be sent with the blanks that are in it; asked once."""
        text = self._area.text
        if self.comment or not blanks(text) or self._asked == text:
            return False
        self._asked = text
        self._area.select_blank(from_start=True)
        self._count()
        return True

    def _blanks_words(self) -> str:
        """What is said of blanks in a reply."""
        text = self._area.text
        left = () if self.comment else blanks(text)
        if not left:
            return ""
        if text != self._asked:
            return f" · {len(left)} to fill in: Tab"
        enter = key_label(action("send").current_keys[0])
        return f" · Fill in “{one_line(left[0].label, _LABEL)}”, or {enter} sends it as it stands"
