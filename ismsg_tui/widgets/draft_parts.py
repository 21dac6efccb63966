"""The half of the composer that keeps what goes with a text: files, and a message that is quoted."""

from __future__ import annotations

from textual import on
from textual.containers import Vertical
from textual.message import Message
from textual.reactive import reactive

from ismsg_tui.domain.entities import Attachment
from ismsg_tui.store.drafts import Draft
from ismsg_tui.widgets.attachments import AttachmentChips, Chip, chip_of
from ismsg_tui.widgets.composer_area import ComposerArea
from ismsg_tui.widgets.quote_bar import QuoteBar


class DraftParts(Vertical):
    """A draft without its words."""

    comment: reactive[bool] = reactive(False, init=False)
    """Whether this is a comment that only the team sees."""

    # Not a kind of Submitted: handlers hear of subclasses too.
    class Edited(Message):
        """What is written, or what goes with it, has changed."""

        def __init__(self, draft: Draft) -> None:
            super().__init__()
            self.draft = draft

    class AddingStopped(Message):
        """A file that is being copied is not wanted any more."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    def __init__(self, area: ComposerArea, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._area = area
        self._submitted: Draft | None = None
        self._files: tuple[Attachment, ...] = ()
        self._adding: tuple[Chip, ...] = ()
        self._reply_to: str | None = None
        self._quoted = ""

    @property
    def draft(self) -> Draft:
        """What is written so far."""
        return Draft(self._area.text, self.comment, self._files, self._reply_to)

    def _take_parts(self, draft: Draft, quoted: str) -> None:
        """Begin with what a draft has beside its text."""
        self._files, self._adding = draft.attachments, ()
        self._reply_to, self._quoted = draft.reply_to, quoted

    def _drop_parts(self, sent: Draft) -> None:
        """Forget what has gone with a message."""
        self._files = tuple(file for file in self._files if file not in sent.attachments)
        if self._reply_to == sent.reply_to:
            self._reply_to = None
        self._show_parts()

    def _changed(self) -> None:
        self._show_parts()
        self.post_message(self.Edited(self.draft))

    def _show_parts(self) -> None:
        chips = self.query_one(AttachmentChips)
        chips.chips = (*map(chip_of, self._files), *self._adding)
        chips.note = "Files do not go with a comment: they stay for the reply." if self.comment and self._files else ""
        self.query_one(QuoteBar).words = self._quoted if self._quotes else ""

    # A quoted message

    @property
    def _quotes(self) -> bool:
        # A comment quotes nothing to the contact; the quote waits for the reply.
        return self._reply_to is not None and not self.comment

    def quote(self, message_id: str, words: str) -> None:
        """Have the reply quote a message; `words` say which."""
        self._reply_to, self._quoted = message_id, words
        self._changed()

    @on(QuoteBar.Removed)
    def _unquote(self) -> None:
        if self._submitted is None:
            self._reply_to = None
            self._changed()
            self.screen.set_focus(self._area)

    # Files

    def attach(self, attachment: Attachment) -> None:
        """Add a file to what will be sent; one that is there already is not added twice."""
        if attachment not in self._files:
            self._files = (*self._files, attachment)
            self._changed()

    def show_adding(self, chips: tuple[Chip, ...]) -> None:
        """Show the files that are still being copied."""
        self._adding = chips
        self._show_parts()

    def action_chips(self) -> None:
        """Go to the blank before the cursor, or to the files that will be sent, or back from them."""
        chips = self.query_one(AttachmentChips)
        if chips.has_focus:
            self.screen.set_focus(self._area)
        elif not self._area.select_blank(back=True, around=not chips.chips) and chips.chips:
            self.screen.set_focus(chips)

    @on(AttachmentChips.Left)
    def _leave_chips(self, event: AttachmentChips.Left) -> None:
        event.stop()
        self.screen.set_focus(self._area)

    @on(AttachmentChips.Removed)
    def _remove(self, event: AttachmentChips.Removed) -> None:
        event.stop()
        if self._submitted is not None:
            return
        if any(chip.key == event.key for chip in self._adding):
            self.post_message(self.AddingStopped(event.key))
            return
        self._files = tuple(file for file in self._files if chip_of(file).key != event.key)
        self._changed()
