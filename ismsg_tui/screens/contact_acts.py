"""What an agent does with the contact whose conversation is shown.

Dialogs are imported when they open: the desk is there sooner without them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from typing import ParamSpec

from textual import work
from textual.screen import Screen
from textual.widget import Widget

from ismsg_tui import times
from ismsg_tui.actions import action
from ismsg_tui.domain.commands import SendMessage
from ismsg_tui.domain.entities import ClosingNotes
from ismsg_tui.domain.text import one_line
from ismsg_tui.domain.words import NAME_LIMIT
from ismsg_tui.inbox import Inbox, RefusedError
from ismsg_tui.key_names import key_label
from ismsg_tui.screens.conversation_pane import ConversationPane
from ismsg_tui.screens.faults import TellsFaults
from ismsg_tui.screens.newest_size import NewestSize
from ismsg_tui.screens.writing import Writing
from ismsg_tui.store.connection import DatabaseError
from ismsg_tui.store.timeline import ContactCard
from ismsg_tui.widgets.bar import Bar

log = logging.getLogger(__name__)

P = ParamSpec("P")


class ContactActs(NewestSize, Screen[None], TellsFaults):
    """The acting half of the desk: dialogs, and the store calls that follow from them."""

    _came_from: Widget | None = None
    """What had the focus before the bar that has it now."""

    def __init__(self, inbox: Inbox, writing: Writing) -> None:
        super().__init__()
        self._inbox = inbox
        self._writing = writing
        self.acted_on: set[str] = set()
        """Contacts that the agent has just done something to: the list may move for what follows."""

    @property
    def pane(self) -> ConversationPane:
        """The conversation that is shown."""
        return self.query_one(ConversationPane)

    def action_next_waiting(self) -> None:
        """Go to who waits longest."""
        raise NotImplementedError

    def contacts_may_move(self) -> None:
        """Let the list show at once what the agent's own doing changes in it."""
        if self.pane.contact_id is not None:
            self.acted_on.add(self.pane.contact_id)

    def show_conversation(self) -> None:
        """Bring the conversation into sight where there is one pane; while nobody is chosen the list says more."""
        self.remove_class("-card")
        self.set_class(self.pane.contact_id is not None, "-conversation")

    def enter_bar(self, bar: Widget) -> None:
        """Give a bar over the composer the keys, until `leave_bar` gives them back."""
        if self.focused is not bar:
            if not isinstance(self.focused, Bar):
                self._came_from = self.focused
            self.show_conversation()
            self.set_focus(bar)

    def leave_bar(self) -> None:
        """Give the keys back to what had them before the bar.

        At once, not with the next message: whoever looks again must not find the bar still in possession of them.
        """
        before, self._came_from = self._came_from, None
        if before is not None and before.is_mounted and before.is_on_screen and before.focusable:
            self.set_focus(before)
        else:
            self.pane.write()

    def chosen(self) -> ContactCard | None:
        """The contact that a key is for; where nobody is shown the agent is told, for no key may do nothing unsaid."""
        card = self.pane.card
        if card is None:
            keys = action("switch").current_keys
            find = f": {key_label(keys[0])} finds any by a few letters" if keys else ""
            self.notify(f"Choose a contact first{find}.", timeout=4, markup=False)
        return card

    def _chosen_pane(self) -> ConversationPane | None:
        """The conversation that a key is for, brought into sight."""
        if self.chosen() is None:
            return None
        self.show_conversation()
        return self.pane

    def action_reply(self) -> None:
        """Write to the contact."""
        if pane := self._chosen_pane():
            pane.write()

    def action_comment(self) -> None:
        """Write a comment for the team."""
        if pane := self._chosen_pane():
            pane.write(comment=True)

    def action_quote(self) -> None:
        """Answer a message, quoting it."""
        if pane := self._chosen_pane():
            pane.quote()

    def action_edit_outside(self) -> None:
        """Write in another editor."""
        if pane := self._chosen_pane():
            pane.edit_outside()

    def action_snippets(self) -> None:
        """Choose a stored reply."""
        if pane := self._chosen_pane():
            pane.choose_snippet()

    def action_emoji(self) -> None:
        """Choose an emoji."""
        if pane := self._chosen_pane():
            pane.choose_emoji()

    def action_attach(self) -> None:
        """Choose files to send."""
        if pane := self._chosen_pane():
            pane.choose_files()

    def action_paste_picture(self) -> None:
        """Attach the picture that is on the clipboard."""
        if pane := self._chosen_pane():
            pane.paste_picture()

    async def action_files(self) -> None:
        """Show the files of the conversation."""
        if self.chosen():
            await self.pane.show_files()

    async def _write(self, call: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> bool:
        """Have the store do something; a refusal or a fault is told. Returns whether it was done."""
        self.contacts_may_move()
        try:
            return await self._writing.run(call, *args, **kwargs) is not None
        except RefusedError as error:
            self.notify(str(error), severity="warning", markup=False)
        except DatabaseError as error:
            log.exception("a change could not be stored")
            self.notify(f"Not stored: {error}.", severity="error", markup=False)
        return False

    @work(group="act", exit_on_error=False, description="assign")
    async def action_assign(self) -> None:
        """Give the contact to somebody."""
        card = self.chosen()
        if card is None:
            return
        from ismsg_tui.screens.assign_dialog import AssignDialog

        users, contact = list(self._inbox.users.values()), card.contact
        dialog = AssignDialog(contact.name, users, self._inbox.user_id, contact.assignee_id)
        choice = await self.app.push_screen_wait(dialog)
        if choice is not None and await self._write(self._inbox.assign, contact.id, choice.user_id):
            user = self._inbox.users.get(choice.user_id or "")
            name = one_line(user.name, NAME_LIMIT) if user else ""
            self.notify(f"Assigned to {name}." if user else "Unassigned.", timeout=3, markup=False)

    def action_close(self) -> None:
        """Close the conversation."""
        self.close_conversation()

    def action_close_and_next(self) -> None:
        """Close the conversation and go to who waits longest."""
        self.close_conversation(then_next=True)

    @work(group="act", exit_on_error=False, description="close")
    async def close_conversation(
        self, *, then_next: bool = False, category: str = "", summary: str = "", settles: str = ""
    ) -> None:
        """Ask for a closing note, begun with these words, and close; `settles` is a closing that was refused."""
        card = self.chosen()
        if card is None:
            return
        from ismsg_tui.screens.close_dialog import CloseDialog, ClosingNote

        workspace, contact, seen_at = self._inbox.workspace, card.contact, self.pane.seen_at
        note: ClosingNote | None = ClosingNote("", "")
        if workspace.closing_notes is not ClosingNotes.OFF:
            dialog = CloseDialog(
                contact.name,
                workspace.categories,
                workspace.closing_notes,
                then_next,
                category=category,
                summary=summary,
            )
            note = await self.app.push_screen_wait(dialog)
        if note is None:
            return
        if await self._write(
            self._inbox.close,
            contact.id,
            category=note.category,
            summary=note.summary,
            seen_at=seen_at,
            settles=settles,
        ):
            self.notify(f"Closed: {one_line(contact.name, NAME_LIMIT)}. “z” takes it back.", timeout=4, markup=False)
            if then_next:
                self.action_next_waiting()

    @work(group="act", exit_on_error=False, description="snooze")
    async def action_snooze(self) -> None:
        """Hide the conversation until a time."""
        card = self.chosen()
        if card is None:
            return
        from ismsg_tui.screens.snooze_dialog import SnoozeDialog

        until = card.current.snoozed_until if card.current else None
        now = datetime.now().astimezone()
        snoozed = datetime.fromtimestamp(until / 1000).astimezone() if until else None
        chosen = await self.app.push_screen_wait(SnoozeDialog(card.contact.name, now, snoozed))
        if chosen is not None:
            at = int(chosen.timestamp() * 1000)
            if await self._write(self._inbox.snooze, card.contact.id, at):
                self.notify(f"Snoozed until {times.when(at)}.", timeout=3, markup=False)

    @work(group="act", exit_on_error=False, description="wake")
    async def action_wake(self) -> None:
        """End the snooze."""
        card = self.chosen()
        if card is None:
            return
        if card.current is None or card.current.snoozed_until is None:
            self.notify("This conversation is not snoozed.", timeout=3)
            return
        await self._write(self._inbox.wake, card.contact.id)

    @work(group="act", exit_on_error=False, description="open")
    async def action_open_conversation(self) -> None:
        """Open a conversation by hand."""
        if card := self.chosen():
            await self._write(self._inbox.open_conversation, card.contact.id)

    @work(group="act", exit_on_error=False, description="mark unread")
    async def action_mark_unread(self) -> None:
        """Mark the contact unread."""
        if card := self.chosen():
            await self._write(self._inbox.mark_unread, card.contact.id)

    @work(group="act", exit_on_error=False, description="copy the conversation")
    async def action_copy_conversation(self) -> None:
        """Copy everything that was said as Markdown."""
        if card := self.chosen():
            self.app.copy_to_clipboard(await asyncio.to_thread(self._as_markdown, card))

    def _as_markdown(self, card: ContactCard) -> str:
        from ismsg_tui.export import Format, document, every_line

        inbox = self._inbox
        lines = every_line(inbox, card.contact.id)
        return "".join(document(Format.MARKDOWN, card, lines, inbox.users, inbox.channels))

    @work(group="act", exit_on_error=False, description="undo")
    async def action_undo(self) -> None:
        """Take back the last thing done."""
        self.contacts_may_move()
        undone = await self._writing.run(self._inbox.undo)
        if undone is None:
            self.notify("Nothing to take back, or it has left already.", timeout=3)
            return
        if isinstance(undone.command, SendMessage):
            self.pane.reload_draft(undone.command.contact_id)
            self.notify("Not sent: the text is back in the draft.", timeout=3)
        else:
            self.notify("Taken back.", timeout=3)
