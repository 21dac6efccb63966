"""Finding one's way among contacts: views, who is next, jumping, filtering, back and forth."""

from __future__ import annotations

import asyncio

from textual import on, work
from textual.widgets import Input

from ismsg_tui.domain.search_query import parse_search
from ismsg_tui.domain.search_text import is_one_letter
from ismsg_tui.domain.views import SORTS, Sort, View
from ismsg_tui.inbox import Inbox
from ismsg_tui.screens.contact_acts import ContactActs
from ismsg_tui.screens.conversation_pane import ConversationPane
from ismsg_tui.screens.visits import Visits
from ismsg_tui.screens.writing import Writing
from ismsg_tui.widgets.contact_list import ContactList
from ismsg_tui.widgets.contact_panel import ContactPanel
from ismsg_tui.widgets.text_fields import PlainInput
from ismsg_tui.widgets.timeline import Timeline
from ismsg_tui.widgets.view_tabs import TITLES


class Wayfinding(ContactActs):
    """The moving half of the desk."""

    def __init__(self, inbox: Inbox, writing: Writing) -> None:
        super().__init__(inbox, writing)
        self.view = View.NEW
        self.sorts = {view: sorts[0] for view, sorts in SORTS.items()}
        self.only = ""
        """What narrows the list; empty for all of the view."""
        self._visits = Visits()
        self._searched = "", ""
        """What was searched for the last time, and the message that it led to."""

    @property
    def contacts(self) -> ContactList:
        """The contact list."""
        return self.query_one(ContactList)

    def show_view(self, view: View, contact_id: str | None = None) -> None:
        """Show a view with the cursor on a contact of it, or on its first."""
        raise NotImplementedError

    def show_contact(self, contact_id: str | None) -> None:
        """Show a contact's conversation, whether the list shows it or not."""
        raise NotImplementedError

    @on(ConversationPane.Left)
    def action_show_list(self) -> None:
        """Go back to the contact list."""
        self.remove_class("-conversation", "-card")
        self.set_focus(self.contacts)

    def action_toggle_panel(self) -> None:
        """Show or hide the contact's card; where there is one pane it takes the keys, too."""
        panel = self.query_one(ContactPanel)
        if not self.has_class("-one"):
            shown = panel.display
            self.set_class(not shown, "-panel")
            self.set_class(shown, "-no-panel")
            if panel.has_focus:
                self.action_show_list()
        elif not self.has_class("-card"):
            self.add_class("-card")
            self.set_focus(panel)
        else:
            self.leave_card()

    @on(ContactPanel.Left)
    def leave_card(self) -> None:
        """Go back from the card to what it was asked for over."""
        if self.has_class("-one", "-conversation"):
            self.show_conversation()
            self.set_focus(self.query_one(Timeline))
        else:
            self.action_show_list()

    @work(group="jump", exit_on_error=False, description="jump")
    async def action_switch(self) -> None:
        """Go to any contact."""
        from ismsg_tui.screens.switcher import Switcher

        chosen = await self.app.push_screen_wait(Switcher(self._inbox, self._visits.newest_first))
        if chosen is not None:
            self.go_to(chosen)

    @work(group="jump", exit_on_error=False, description="search")
    async def action_search(self) -> None:
        """Search all messages and go to a hit."""
        from ismsg_tui.screens.search_screen import SearchScreen

        chosen = await self.app.push_screen_wait(SearchScreen(self._inbox, *self._searched))
        if chosen is not None:
            hit, asked = chosen
            self._searched = asked, hit.message_id
            self.go_to(hit.contact_id)
            self.pane.show_hit(hit, parse_search(asked).words)

    def go_to(self, contact_id: str) -> None:
        """Show a contact in the view that is shown if it is there, else where it is to be found."""
        views, contacts = (self.view, View.OPEN, View.CLOSED, View.SNOOZED, View.ALL), self._inbox.contacts
        view = next((view for view in views if contacts.view(view).position(contact_id) is not None), View.ALL)
        self.show_view(view, contact_id)
        self.show_contact(contact_id)
        self.show_conversation()
        self.set_focus(self.query_one(Timeline))

    async def action_next_unread(self) -> None:
        """Go to the next contact with something unread; keys that follow wait for it, as they are meant for it."""
        find = self._inbox.contacts.next_unread
        sort, after = self.sorts[self.view], self.pane.contact_id
        found = await asyncio.to_thread(find, self.view, sort=sort, after=after)
        if found is None:
            self.notify("Nothing unread in this view.", timeout=3)
        else:
            self.show_view(self.view, found)
            self.action_show_list()

    @on(ConversationPane.Sending)
    def _on_sending(self) -> None:
        self.contacts_may_move()

    @on(ConversationPane.Visited)
    def _remember(self, event: ConversationPane.Visited) -> None:
        self._visits.visit(event.contact_id)

    def action_back(self) -> None:
        """Go back to the contact before."""
        before = self._visits.back(self.pane.contact_id)
        if before is None:
            self.notify("That was the first.", timeout=3)
        else:
            self.go_to(before)

    def action_forward(self) -> None:
        """Go forward again."""
        after = self._visits.forward()
        if after is None:
            self.notify("That is the last.", timeout=3)
        else:
            self.go_to(after)

    def action_filter(self) -> None:
        """Narrow the list."""
        self.remove_class("-conversation", "-card")
        self.add_class("-filter")
        self.set_focus(self.query_one("#filter", PlainInput))

    @on(Input.Changed, "#filter")
    def _narrow(self, event: Input.Changed) -> None:
        only = "" if is_one_letter(event.value) else event.value.strip()
        if only != self.only:
            self.only = only
            self.show_view(self.view)

    @on(Input.Submitted, "#filter")
    def action_keep_filter(self) -> None:
        """Go to the list, narrowed as it is."""
        if not self.only:
            self.drop_filter()
        self.set_focus(self.contacts)

    def drop_filter(self) -> None:
        """Show all of the view again."""
        self.only = ""
        self.remove_class("-filter")
        self.query_one("#filter", PlainInput).value = ""

    def key_escape(self) -> None:
        """Leave the filter."""
        self.action_leave_filter()

    def action_leave_filter(self) -> None:
        """Show all of the view again, if it is narrowed."""
        if self.has_class("-filter"):
            self.drop_filter()
            self.show_view(self.view, self.pane.contact_id)
            self.set_focus(self.contacts)

    def action_next_waiting(self) -> None:
        """Go to who waits longest: among the new customers, then among the agent's own."""
        for view in (View.NEW, View.ASSIGNED):
            page = self._inbox.contacts.view(view, sort=Sort.WAITING).page(limit=2)
            for row in page.rows:
                if row.contact_id != self.pane.contact_id and (view is View.NEW or row.waiting_since is not None):
                    self.show_view(view, row.contact_id)
                    self.action_show_list()
                    return
        self.notify("Nobody else is waiting.", timeout=3)

    def action_view_new(self) -> None:
        """Show the new customers."""
        self._choose_view(View.NEW)

    def action_view_open(self) -> None:
        """Show every open conversation."""
        self._choose_view(View.OPEN)

    def action_view_assigned(self) -> None:
        """Show the agent's own."""
        self._choose_view(View.ASSIGNED)

    def action_view_closed(self) -> None:
        """Show what is closed."""
        self._choose_view(View.CLOSED)

    def action_view_snoozed(self) -> None:
        """Show what is snoozed."""
        self._choose_view(View.SNOOZED)

    def action_view_all(self) -> None:
        """Show everybody."""
        self._choose_view(View.ALL)

    def action_next_view(self) -> None:
        """Show the view to the right."""
        self._step_view(1)

    def action_previous_view(self) -> None:
        """Show the view to the left."""
        self._step_view(-1)

    def _step_view(self, step: int) -> None:
        views = list(TITLES)
        self._choose_view(views[(views.index(self.view) + step) % len(views)])

    def _choose_view(self, view: View) -> None:
        self.show_view(view)
        self.action_show_list()

    def action_next_sort(self) -> None:
        """Order the list another way."""
        sorts = SORTS[self.view]
        if len(sorts) == 1:
            self.notify("This view has one order.", timeout=3)
            return
        current = sorts.index(self.sorts[self.view])
        self.sorts[self.view] = sorts[(current + 1) % len(sorts)]
        self.show_view(self.view, self.pane.contact_id)
