"""The half of the conversation pane that helps an agent to write: quotes, stored replies, emoji, an editor."""

from __future__ import annotations

import asyncio
import os

from textual import on, work
from textual.app import SuspendNotSupported
from textual.events import DescendantFocus

from ismsg_tui import times
from ismsg_tui.clock import now_ms
from ismsg_tui.desktop.editor import EditorError, edited, editor_command
from ismsg_tui.domain.entities import Message, MessageKind, Snippet
from ismsg_tui.domain.snippets import values_for
from ismsg_tui.domain.words import quote_words
from ismsg_tui.inbox import Inbox
from ismsg_tui.screens.file_acts import FileActs
from ismsg_tui.screens.stored_replies import StoredReplies
from ismsg_tui.screens.writing import Writing
from ismsg_tui.widgets.composer import Composer
from ismsg_tui.widgets.composer_area import ComposerArea
from ismsg_tui.widgets.picking import PickingTimeline

LOOKED_THROUGH = 100
"""How many of the newest lines are looked through for a message to quote."""


class WritingActs(FileActs):
    """What helps an agent to write to a contact."""

    def __init__(self, inbox: Inbox, writing: Writing, *, suggestions: bool = True, id: str | None = None) -> None:
        """`suggestions` says whether stored replies are offered while one writes."""
        super().__init__(inbox, writing, id=id)
        self._stored = StoredReplies(inbox) if suggestions else None
        self._recent_emoji: list[str] = []

    # Quoting

    @property
    def picked(self) -> Message | None:
        """The message that is picked in the conversation."""
        return self.query_one(PickingTimeline).picked

    def quote(self) -> None:
        """Answer the picked message, or the contact's newest, and say so."""
        if self.card is None:
            return
        message = self.picked or self._newest_heard()
        if message is None:
            self.notify("There is no message to quote.", timeout=3)
        elif message.kind is MessageKind.COMMENT:
            self.notify("A comment is never quoted: the contact does not see it.", timeout=4)
        elif self._inbox.message(message.id) is None:
            self.notify("That was not sent: there is nothing to quote.", timeout=4)
        else:
            composer = self.query_one(Composer)
            composer.comment = False
            composer.quote(message.id, self.quoted_words(message))
            self.query_one(PickingTimeline).unpick()
            composer.focus_text()

    def _newest_heard(self) -> Message | None:
        lines = self._inbox.timeline(self.contact_id, limit=LOOKED_THROUGH) if self.contact_id else []
        heard = (line.message for line in reversed(lines) if line.message.kind is MessageKind.INCOMING)
        return next(heard, None)

    def quoted_words(self, message: Message | None) -> str:
        """What the composer says of a quoted message."""
        return quote_words(message, self._inbox.users, self.card.contact.name if self.card else "")

    # Stored replies

    @on(Composer.SnippetsWanted)
    def _on_snippets_wanted(self) -> None:
        self.choose_snippet(typed_slash=True)

    @work(group="picker", exit_on_error=False, description="choose a snippet")
    async def choose_snippet(self, *, typed_slash: bool = False) -> None:
        """Pick a stored reply and insert it at the cursor."""
        if self.card is None:
            return
        from ismsg_tui.screens.snippet_picker import SnippetPicker

        inbox, contact = self._inbox, self.card.contact
        assignee = inbox.users.get(contact.assignee_id or inbox.user_id)
        values = values_for(contact, assignee, times.local(now_ms()))
        chosen = await self.app.push_screen_wait(SnippetPicker(inbox.snippets.ranked(contact.id), values))
        composer = self.query_one(Composer)
        if chosen is None:
            if typed_slash:
                composer.insert("/")
            return
        if chosen.filled.text:
            composer.insert(chosen.filled.text)
        composer.focus_text()
        await self._took(contact.id, chosen.snippet)

    async def _took(self, contact_id: str, snippet: Snippet) -> None:
        """Attach the files of a stored reply whose text is in the draft, and count its use."""
        await self.attach_kept(contact_id, snippet.attachments)
        self._writing.later(self._inbox.snippets.use, snippet.id)

    @on(ComposerArea.OfferTaken)
    async def _on_offer_taken(self, event: ComposerArea.OfferTaken) -> None:
        event.stop()
        if self.contact_id is not None:
            await self._took(self.contact_id, event.offer.snippet)

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """Offer stored replies to whoever begins to write."""
        if isinstance(event.widget, ComposerArea):
            self.offer_replies()

    def snippets_changed(self) -> None:
        """Look at the stored replies anew before they are offered again."""
        if self._stored is not None:
            self._stored.outdated = True
            self.offer_replies()

    @work(group="offer", exclusive=True, exit_on_error=False, description="look for a stored reply")
    async def offer_replies(self) -> None:
        """Look, on another thread, which stored replies to offer, if the agent is writing."""
        contact_id, stored = self.contact_id, self._stored
        area = self.query_one(ComposerArea)
        if contact_id is None or stored is None or not area.has_focus:
            return
        offers = await asyncio.to_thread(stored.offers_for, contact_id)
        if self.contact_id == contact_id:
            self.query_one(Composer).offer(offers)

    # Emoji

    @work(group="picker", exit_on_error=False, description="choose an emoji")
    async def choose_emoji(self) -> None:
        """Pick an emoji and insert it at the cursor."""
        if self.card is None:
            return
        from ismsg_tui.screens.emoji_picker import EmojiPicker

        chosen = await self.app.push_screen_wait(EmojiPicker(self._recent_emoji))
        if chosen is not None:
            self._recent_emoji = [chosen, *(emoji for emoji in self._recent_emoji if emoji != chosen)][:20]
            composer = self.query_one(Composer)
            composer.insert(chosen)
            composer.focus_text()

    # An editor

    def edit_outside(self) -> None:
        """Hand terminal and draft to the agent's own editor, and take the text back once it has ended."""
        composer = self.query_one(Composer)
        if not composer.contact_loaded:
            return
        self.save_draft()
        composer.focus_text()
        # Nothing may be raised while the terminal is not ours: Textual would not take it back.
        problem, text = "", composer.draft.text
        try:
            command = editor_command(os.environ)
            with self.app.suspend():
                try:
                    text = edited(text, command, self._inbox.store.path.parent, composer.longest)
                except EditorError as error:
                    problem = str(error)
        except EditorError as error:
            problem = str(error)
        except SuspendNotSupported:
            problem = "This terminal can't be handed to an editor."
        if problem:
            self.notify(problem, severity="warning", timeout=12, markup=False)
        composer.rewrite(text)
