"""One contact's conversation: header, timeline and composer, with the draft that is kept as it is typed."""

from __future__ import annotations

import logging
from collections.abc import Container
from dataclasses import replace
from functools import partial

from textual import on, work
from textual.app import ComposeResult
from textual.message import Message
from textual.timer import Timer

from ismsg_tui import times
from ismsg_tui.clock import now_ms
from ismsg_tui.domain.entities import MessageKind, User
from ismsg_tui.inbox import Inbox, RefusedError
from ismsg_tui.screens.collisions import Collisions
from ismsg_tui.screens.writing import Writing
from ismsg_tui.screens.writing_acts import WritingActs
from ismsg_tui.store.connection import DatabaseError
from ismsg_tui.store.drafts import Draft, put_above
from ismsg_tui.store.search import Hit
from ismsg_tui.store.timeline import Line, Place
from ismsg_tui.widgets.composer import Composer
from ismsg_tui.widgets.contact_header import ContactHeader
from ismsg_tui.widgets.line_window import PAGE
from ismsg_tui.widgets.picking import PickingTimeline
from ismsg_tui.widgets.recorder_bar import RecorderBar
from ismsg_tui.widgets.segments import shown_line
from ismsg_tui.widgets.timeline import Timeline
from ismsg_tui.widgets.timeline_entries import Surroundings
from ismsg_tui.widgets.unsent_bar import UnsentBar

log = logging.getLogger(__name__)

DRAFT_DELAY = 0.15
"""Seconds from the first unsaved key to the store: a crash loses no more."""
READ_DELAY = 0.8
"""Seconds that the newest message must have been in sight to count as read; moving past does not."""


class ContactLines:
    """The lines of one contact, for the timeline."""

    def __init__(self, inbox: Inbox, contact_id: str) -> None:
        self._inbox = inbox
        self._contact_id = contact_id

    def lines(self, *, before: Place | None = None, after: Place | None = None, limit: int = PAGE) -> list[Line]:
        """The newest lines, or those before or after a place."""
        return self._inbox.timeline(self._contact_id, before=before, after=after, limit=limit)


class ConversationPane(WritingActs, Collisions):
    """The conversation that is being worked on."""

    class Left(Message):
        """The agent goes back to the list."""

    class Sending(Message):
        """A message or comment is about to be stored."""

    class Visited(Message):
        """A contact has been looked at for long enough to count."""

        def __init__(self, contact_id: str) -> None:
            super().__init__()
            self.contact_id = contact_id

    def __init__(self, inbox: Inbox, writing: Writing, *, suggestions: bool = True, id: str | None = None) -> None:
        super().__init__(inbox, writing, suggestions=suggestions, id=id)
        self._around: Surroundings | None = None
        self._kept = Draft()
        """What the store has, or is about to have, as the draft of the contact."""
        self._draft_timer: Timer | None = None
        self._read_timer: Timer | None = None

    def compose(self) -> ComposeResult:
        """Header, timeline, what is recorded or played, composer."""
        yield ContactHeader(id="contact-header")
        yield PickingTimeline(id="timeline")
        yield RecorderBar(id="recorder")
        yield UnsentBar(id="unsent")
        yield Composer(id="composer")

    @property
    def users(self) -> dict[str, User]:
        """Everybody in the workspace."""
        return self._inbox.users

    # Showing a contact

    def open(self, contact_id: str | None) -> None:
        """Show a contact's conversation, or none."""
        if contact_id is not None and contact_id == self.contact_id:
            return
        self.save_draft()
        self.gone = False
        self.card = self._inbox.contacts.card(contact_id) if contact_id else None
        composer, timeline = self.query_one(Composer), self.query_one(Timeline)
        if self.card is None:
            self._around = None
            timeline.show(None, None)
            composer.unload()
        else:
            contact = self.card.contact
            self._around = self._surroundings(self._first_new(contact.id))
            timeline.show(ContactLines(self._inbox, contact.id), self._around)
            self._load_composer(self._inbox.drafts.read(contact.id))
        self.show_header()
        self.begin_watching()
        self._watch_reading()

    def _surroundings(self, first_new: str | None) -> Surroundings:
        card = self.card
        return Surroundings(
            contact_name=card.contact.name if card else "",
            users=self._inbox.users,
            user_id=self._inbox.user_id,
            channels=self._inbox.channels,
            today=times.local(now_ms()).date(),
            first_new=first_new,
            blob=self._inbox.blobs.state,
        )

    def _first_new(self, contact_id: str) -> str | None:
        row = self._inbox.contacts.row(contact_id)
        if row is None or not row.unread:
            return None
        lines = self._inbox.timeline(contact_id, limit=PAGE)
        incoming = [line.message.id for line in lines if line.message.kind is MessageKind.INCOMING]
        return incoming[-row.unread] if row.unread <= len(incoming) else None

    def _load_composer(self, draft: Draft) -> None:
        if self.card is None:
            return
        self._kept = draft
        channel = self.channel()
        self.query_one(Composer).load(
            self.card.contact.name,
            channel.name if channel else "no channel",
            channel.text_limit if channel else None,
            draft,
            list(self._inbox.users.values()),
            self.quoted_words(self._inbox.message(draft.reply_to)) if draft.reply_to else "",
        )
        self.show_adding()
        self.offer_replies()

    def show_hit(self, hit: Hit, words: str) -> None:
        """Show a message that a search found, in its context, the words marked."""
        if self._around is not None:
            self._around = replace(self._around, searched=words)
            self.query_one(Timeline).show_at((hit.at, hit.message_id), self._around)

    def show_line(self, place: Place) -> None:
        """Bring a line into sight, in its context where it is far away."""
        timeline = self.query_one(Timeline)
        if self._around is not None and not timeline.shows(place[1]):
            timeline.show_at(place, self._around)

    def contact_changed(self) -> None:
        """Read the shown contact anew; what is typed and where the timeline stands are left alone."""
        if self.card is None:
            return
        card = self._inbox.contacts.card(self.card.contact.id)
        if card is None and not self.gone:
            what = f"{shown_line(self.card.contact.name, 40)} is out of sight: somebody else has the contact now."
            self.notify(f"{what} What you have typed stays, but can't be sent.", severity="warning", markup=False)
        self.gone = card is None
        self.card = card or self.card
        first_new = self._around.first_new if self._around else None
        searched = self._around.searched if self._around else ""
        self._around = replace(self._surroundings(first_new), searched=searched)
        self.query_one(Timeline).lines_changed(self._around)
        self.show_header()
        self.show_caution()
        self._watch_reading()
        self.offer_replies()

    def files_changed(self, sha256s: Container[str] | None = None) -> None:
        """Show anew where the bytes of these files, or of all files, are."""
        self.query_one(Timeline).files_changed(sha256s)

    def show_header(self) -> None:
        """Write the header line; the times in it grow old."""
        inbox, company = self._inbox, self.company.doing(self.card.contact.id) if self.card else ""
        company = "out of sight" if self.gone else company
        self.query_one(ContactHeader).show(self.card, inbox.users, inbox.channels, inbox.user_id, company)

    # Reading

    @on(Timeline.BottomSeen)
    def _watch_reading(self) -> None:
        if self._read_timer is not None:
            self._read_timer.stop()
        self._read_timer = self.set_timer(READ_DELAY, self.note_read)

    def note_read(self) -> None:
        """Count what is in sight as read, if the agent can be looking at it."""
        contact_id, timeline = self.contact_id, self.query_one(Timeline)
        if contact_id is None or not self.app.app_focus or not timeline.follows or not timeline.display:
            return
        if not self.is_on_screen or self.screen is not self.app.screen:
            return
        self.post_message(self.Visited(contact_id))
        row, seen = self._inbox.contacts.row(contact_id), timeline.newest_incoming
        if row is not None and seen is not None and row.unread:
            self._writing.later(self._inbox.mark_read, contact_id, seen)

    @property
    def seen_at(self) -> int | None:
        """When the newest incoming message on screen was written."""
        return self.query_one(Timeline).newest_incoming

    # Writing

    def write(self, *, comment: bool | None = None) -> None:
        """Put the cursor into the composer, as a comment or a reply if that is said."""
        if self.card is None:
            return
        composer = self.query_one(Composer)
        if comment is not None:
            composer.comment = comment
        composer.focus_text()

    @on(Composer.Edited)
    def _keep_draft(self) -> None:
        if self._draft_timer is None:
            self._draft_timer = self.set_timer(DRAFT_DELAY, self.save_draft)

    def save_draft(self) -> None:
        """Hand what is typed to the store, on its thread."""
        self._stop_draft_timer()
        draft = self.query_one(Composer).draft
        if self.contact_id is not None and draft != self._kept:
            self._kept = draft
            self._writing.later(self._inbox.drafts.save, self.contact_id, draft)

    def _stop_draft_timer(self) -> None:
        if self._draft_timer is not None:
            self._draft_timer.stop()
            self._draft_timer = None

    @on(Composer.Submitted)
    def _submit(self, event: Composer.Submitted) -> None:
        # What is being sent goes with its command, so the draft needs no saving, or it would come back.
        self._stop_draft_timer()
        self._kept = self.query_one(Composer).draft
        # Files and quote of a draft outlive a comment.
        left = Draft(attachments=self._kept.attachments, reply_to=self._kept.reply_to)
        self._send(self.contact_id, event.draft, left if event.draft.comment else Draft())

    @work(group="send", exit_on_error=False, description="send")
    async def _send(self, contact_id: str | None, draft: Draft, left: Draft) -> None:
        if contact_id is None:
            return
        self.post_message(self.Sending())
        composer = self.query_one(Composer)
        reply = partial(self._inbox.reply, attachments=draft.attachments, reply_to=draft.reply_to)
        act = self._inbox.comment if draft.comment else reply
        try:
            await self._writing.run(act, contact_id, draft.text, drop_draft=left == Draft())
        except RefusedError as error:
            self.notify(str(error), severity="warning", markup=False)
        except DatabaseError as error:
            log.exception("a message could not be stored")
            self.notify(f"Not stored: {error}. The text is still here.", severity="error", markup=False)
        else:
            if self.contact_id == contact_id:
                self._kept = Draft()
                composer.clear()
                self.begin_watching()
            elif left != Draft():
                self._writing.later(self._inbox.drafts.save, contact_id, left)
            return
        if self.contact_id == contact_id:
            composer.restore()
            self._kept = Draft()
            self.save_draft()
        else:
            self._writing.later(self._inbox.drafts.save, contact_id, put_above(draft, left))

    def reload_draft(self, contact_id: str) -> None:
        """Show the stored draft again, after a text came back to it."""
        if contact_id == self.contact_id and self.query_one(Composer).draft.text == self._kept.text:
            self._load_composer(self._inbox.drafts.read(contact_id))

    def take_up(self, draft: Draft) -> bool:
        """Go on with words that were not sent, above what is typed; not while what is typed is being sent."""
        composer = self.query_one(Composer)
        if not composer.contact_loaded:
            return False
        self._load_composer(put_above(draft, composer.draft))
        self._kept = Draft()
        self.save_draft()
        composer.focus_text()
        return True

    @on(Composer.Left)
    @on(Timeline.Left)
    def _leave(self) -> None:
        self.post_message(self.Left())
