"""What an agent does with the messages of a conversation: pick one, copy it, see where links lead and open one."""

from __future__ import annotations

import asyncio
from itertools import chain
from typing import TYPE_CHECKING

from textual import on, work

from ismsg_tui.desktop.opener import LinkOpener, OpenError, open_link_by_system
from ismsg_tui.domain.entities import Message, MessageKind
from ismsg_tui.domain.links import find_links
from ismsg_tui.screens.contact_acts import ContactActs
from ismsg_tui.widgets.contact_list import ContactList
from ismsg_tui.widgets.picking import PickingTimeline
from ismsg_tui.widgets.timeline import Timeline

if TYPE_CHECKING:
    from ismsg_tui.screens.links_screen import LinksScreen

LOOKED_THROUGH = 300
"""In so many of the newest lines links are looked for."""


class MessageActs(ContactActs):
    """The part of the desk that deals with single messages and their links."""

    link_opener: LinkOpener = staticmethod(open_link_by_system)

    @on(ContactList.Entered)
    def _on_entered(self) -> None:
        self._enter_conversation()

    def _enter_conversation(self) -> bool:
        """Go into the conversation; returns whether there is one."""
        if self.chosen() is None:
            return False
        self.show_conversation()
        self.set_focus(self.query_one(Timeline))
        return True

    def action_pick_older(self) -> None:
        """Pick a message of the conversation, or the one before it."""
        if self._enter_conversation() and not self.query_one(PickingTimeline).pick_older():
            self.notify("There is no message before that.", timeout=3)

    def action_pick_newer(self) -> None:
        """Pick the message after, or none behind the newest."""
        if self._enter_conversation():
            self.query_one(PickingTimeline).pick_newer()

    def action_quoted(self) -> None:
        """Go to the message that the picked one quotes, or else the newest that quotes one."""
        if self._enter_conversation() and not self.query_one(PickingTimeline).pick_quoted():
            self.notify("No message is quoted here.", timeout=3)

    def action_conversation_down(self) -> None:
        """Scroll the conversation down from the list."""
        self.query_one(Timeline).scroll_lines(3)

    def action_conversation_up(self) -> None:
        """Scroll the conversation up from the list."""
        self.query_one(Timeline).scroll_lines(-3)

    def action_copy_message(self) -> None:
        """Copy the picked message, or the contact's newest."""
        card = self.chosen()
        if card is None:
            return
        picked = self.pane.picked
        if picked is not None and picked.text:
            self.app.copy_to_clipboard(picked.text)
            return
        lines = self._inbox.timeline(card.contact.id)
        heard = [line.message.text for line in lines if line.message.kind is MessageKind.INCOMING and line.message.text]
        if heard:
            self.app.copy_to_clipboard(heard[-1])
        else:
            self.notify("There is no message to copy.", timeout=3)

    # Links

    @on(Timeline.LinkClicked)
    async def _show_clicked(self, event: Timeline.LinkClicked) -> None:
        event.stop()
        await self._show_links(event.message_id)

    async def action_links(self) -> None:
        """Show where links lead: those of the picked message, else the newest of the conversation."""
        if self.chosen() is None:
            return
        picked = self.pane.picked
        await self._show_links(picked.id if picked is not None and find_links(picked.text) else None)

    async def _show_links(self, message_id: str | None) -> None:
        card = self.pane.card
        if card is None:
            return
        lines = await asyncio.to_thread(self._inbox.timeline, card.contact.id, limit=LOOKED_THROUGH)
        messages = [line.message for line in reversed(lines)]
        if message_id is not None:
            known = [message for message in messages if message.id == message_id]
            messages = known or [message for message in [self.pane.picked] if message is not None]
        links = list(dict.fromkeys(chain.from_iterable(map(_links, messages))))
        if not links:
            self.notify("There are no links in this conversation.", timeout=3)
            return
        from ismsg_tui.domain.targets import target_of
        from ismsg_tui.screens.links_screen import LinksScreen

        self._choose_link(LinksScreen(card.contact.name, [target_of(link) for link in links]))

    @work(group="links", exclusive=True, exit_on_error=False, description="show links")
    async def _choose_link(self, screen: LinksScreen) -> None:
        url = await self.app.push_screen_wait(screen)
        if url is None:
            return
        self.notify("Opening the link…", timeout=2)
        try:
            await asyncio.to_thread(self.link_opener, url)
        except OpenError as error:
            self.notify(str(error), severity="warning", markup=False)


def _links(message: Message) -> list[str]:
    return [message.text[start:end] for start, end in find_links(message.text)]
