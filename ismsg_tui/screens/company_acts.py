"""What the desk knows and tells of teammates: who is there, who is with which contact, and what the agent does."""

from __future__ import annotations

import time
from collections.abc import Callable

from textual import on, work
from textual.timer import Timer

from ismsg_tui.domain.company import Company
from ismsg_tui.domain.wire import Availability, Presence, PresenceNote
from ismsg_tui.screens.contact_acts import ContactActs
from ismsg_tui.screens.conversation_pane import ConversationPane
from ismsg_tui.widgets.composer import Composer
from ismsg_tui.widgets.contact_list import ContactList

STILL_TYPING = 6.0
"""Seconds after the last key for which the agent counts as writing."""
AWAY_AFTER = 600.0
"""Seconds without a key or the mouse after which the agent counts as away."""


class CompanyActs(ContactActs):
    """The part of the desk that deals with teammates."""

    company = Company()
    announce: Callable[[PresenceNote], None] | None = None
    """Tells the teammates what the agent does; None where there is no server."""
    _presence: tuple[Presence, ...] = ()
    _busy = False
    _typing = False
    _typing_timer: Timer | None = None
    _touched = 0.0
    """When a key was pressed or the mouse moved last."""

    def show_title(self) -> None:
        """Write the title line."""
        raise NotImplementedError

    def go_to(self, contact_id: str) -> None:
        """Show a contact."""
        raise NotImplementedError

    # What teammates do

    def presence_moved(self, presence: tuple[Presence, ...]) -> None:
        """Teammates came, went, or do something else."""
        self._presence = presence
        self.show_company()

    def show_company(self) -> None:
        """Paint what teammates do, wherever it is seen."""
        company = Company.of(self._presence, self._inbox.users, self._inbox.user_id)
        if company == self.company:
            return
        self.company = company
        contacts = self.query_one(ContactList)
        contacts.show_company({contact_id: company.doing(contact_id) for contact_id in company.contacts()})
        self.pane.show_company(company)
        self.show_title()

    # What the agent does

    @property
    def availability(self) -> Availability:
        """What the agent is to the teammates."""
        if self._touched and time.monotonic() - self._touched > AWAY_AFTER:
            return Availability.AWAY
        return Availability.BUSY if self._busy else Availability.ONLINE

    def touched(self) -> None:
        """A key was pressed, or the mouse moved."""
        was_away = self.availability is Availability.AWAY
        self._touched = time.monotonic()
        if was_away:
            self.tell_team()

    def tell_team(self) -> None:
        """Tell the teammates what the agent does now; whoever tells it sees to it that it is not told too often."""
        if self.announce is None:
            return
        state = self.availability
        viewing = None if state is Availability.AWAY else self.pane.contact_id
        self.announce(PresenceNote(state, viewing, self._typing and viewing is not None))
        self.show_title()

    @on(Composer.Edited)
    def _on_typing(self, event: Composer.Edited) -> None:
        if event.draft.text:
            self._note_typing()
        else:
            self._stop_typing()

    def _note_typing(self) -> None:
        if self._typing_timer is not None:
            self._typing_timer.stop()
        self._typing_timer = self.set_timer(STILL_TYPING, self._stop_typing)
        if not self._typing:
            self._typing = True
            self.tell_team()

    @on(ConversationPane.Sending)
    def _stop_typing(self) -> None:
        if self._typing_timer is not None:
            self._typing_timer.stop()
            self._typing_timer = None
        if self._typing:
            self._typing = False
            self.tell_team()

    def contact_shown(self) -> None:
        """The agent looks at another contact."""
        self._typing = False
        if self._typing_timer is not None:
            self._typing_timer.stop()
            self._typing_timer = None
        self.tell_team()

    def action_toggle_busy(self) -> None:
        """Be busy, or no longer."""
        if self.announce is None or len(self._inbox.users) == 1:
            self.notify("You work alone here: there is nobody to be told.", timeout=3)
            return
        self._busy = not self._busy
        self.tell_team()
        self.notify("Your team sees you as busy." if self._busy else "Your team sees you as online.", timeout=3)

    @work(group="act", exit_on_error=False, description="people")
    async def action_people(self) -> None:
        """Show who is there, and go to the contact that somebody is with."""
        from ismsg_tui.screens.people_dialog import PeopleDialog

        inbox = self._inbox
        mine = self.availability if self.announce is not None and len(inbox.users) > 1 else None
        dialog = PeopleDialog(inbox, self.company, mine)
        chosen = await self.app.push_screen_wait(dialog)
        if chosen is None:
            return
        if chosen.contact_id is not None:
            self.go_to(chosen.contact_id)
        elif chosen.user_id == inbox.user_id and mine is not None:
            self.action_toggle_busy()
