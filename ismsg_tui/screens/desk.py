"""The one main screen: views, contact list, conversation, contact card."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.events import ScreenResume
from textual.geometry import Size

from ismsg_tui.actions import Scope, bindings, footer
from ismsg_tui.clock import now_ms
from ismsg_tui.config import config_file
from ismsg_tui.domain.commands import SNIPPETS
from ismsg_tui.domain.views import View
from ismsg_tui.domain.wire import Availability
from ismsg_tui.inbox import Inbox
from ismsg_tui.key_names import key_label
from ismsg_tui.messages import EVERYTHING, NewCounted, NotificationsToggled
from ismsg_tui.screens.company_acts import CompanyActs
from ismsg_tui.screens.conversation_pane import ConversationPane
from ismsg_tui.screens.message_acts import MessageActs
from ismsg_tui.screens.opening import Opening
from ismsg_tui.screens.signing_acts import SigningActs
from ismsg_tui.screens.unsent_acts import UnsentActs
from ismsg_tui.screens.voice import Voice
from ismsg_tui.screens.voice_acts import VoiceActs
from ismsg_tui.screens.wayfinding import Wayfinding
from ismsg_tui.screens.writing import Writing
from ismsg_tui.store.blobs import SCOPE as BLOB
from ismsg_tui.sync.status import SyncStatus
from ismsg_tui.widgets.composer import Composer
from ismsg_tui.widgets.contact_lines import Around
from ismsg_tui.widgets.contact_list import ContactList
from ismsg_tui.widgets.contact_panel import ContactPanel
from ismsg_tui.widgets.key_line import Key, KeyLine
from ismsg_tui.widgets.line_list import LineList
from ismsg_tui.widgets.once_more import OnceMore
from ismsg_tui.widgets.recorder_bar import RecorderBar
from ismsg_tui.widgets.sync_words import is_trouble, sync_words
from ismsg_tui.widgets.text_fields import PlainArea, PlainInput
from ismsg_tui.widgets.timeline import Timeline
from ismsg_tui.widgets.title_bar import Title, TitleBar
from ismsg_tui.widgets.unsent_bar import UnsentBar
from ismsg_tui.widgets.view_tabs import NOBODY, NOBODY_IN_TEAM, NOT_ALL_HERE, ViewTab, ViewTabs

TWO_PANES, THREE_PANES = 92, 140
"""From how many columns on list and conversation stand side by side, and the contact's card beside them."""
FLAT = 10
"""Below so many rows only what is worked on is shown."""
FILTER_KEYS = (
    Key(key_label("enter"), "Keep", "keep_filter"),
    Key(key_label("escape"), "Show all", "leave_filter"),
)
GROW_OLD = 30.0
"""Seconds after which times such as “waiting 3 min” are written anew."""


class Desk(Wayfinding, VoiceActs, UnsentActs, CompanyActs, MessageActs, SigningActs):
    """The agent's desk."""

    CSS_PATH = "desk.tcss"
    AUTO_FOCUS = ""  # it would go to the filter, though that is out of sight
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.DESK, Scope.ANYWHERE)]
    HORIZONTAL_BREAKPOINTS: list[tuple[int, str]] | None = [  # noqa: RUF012 - as Textual declares it
        (0, "-one"),
        (TWO_PANES, "-two"),
        (THREE_PANES, "-three"),
    ]
    VERTICAL_BREAKPOINTS: list[tuple[int, str]] | None = [(0, "-flat"), (FLAT, "-high")]  # noqa: RUF012

    def __init__(self, inbox: Inbox, writing: Writing, voice: Voice, *, suggestions: bool = True) -> None:
        """`suggestions` says whether stored replies are offered while one writes."""
        super().__init__(inbox, writing)
        self.voice = voice
        self._suggestions = suggestions
        self._counts: dict[View, int] = {}
        self._counting = OnceMore(self._count_once)
        self._opening = Opening(self, self._open_highlighted)
        self._unsent = 0, 0
        """How much no server has taken yet, and how much was not sent and waits for the agent."""
        self._styled = False
        self.own_server = False
        """Whether the server is the console's own, on this machine."""

    def compose(self) -> ComposeResult:
        """Title, views, panes, keys."""
        self._fit(self.app.size)
        yield TitleBar(id="title")
        yield ViewTabs(id="views")
        with Horizontal(id="panes"):
            with Vertical(id="left"):
                yield PlainInput(placeholder="Only those with…", id="filter")
                yield ContactList(id="contacts")
            yield ConversationPane(self._inbox, self._writing, suggestions=self._suggestions, id="conversation")
            yield ContactPanel(id="panel")
        yield KeyLine(id="keys")

    def _fit(self, size: Size) -> None:
        """Have the classes of a size before there is anything in it, which would have to be styled again."""
        for cells, breakpoints in ((size.width, self.HORIZONTAL_BREAKPOINTS), (size.height, self.VERTICAL_BREAKPOINTS)):
            fitting = [name for least, name in breakpoints or () if least <= cells]
            self.add_class(fitting[-1], update=False)

    def on_mount(self) -> None:
        """Show the new customers."""
        self._learn_settings()
        self.show_view(View.NEW)
        self.set_focus(self.contacts)
        self.set_interval(GROW_OLD, self._grow_old)

    def _learn_settings(self) -> None:
        contacts, inbox = self.contacts, self._inbox
        around = Around(inbox.users, inbox.channels, inbox.user_id)
        if contacts.around != around:
            contacts.around = around
            contacts.refresh_rows()
            self.show_company()

    # Views and list

    def show_view(self, view: View, contact_id: str | None = None) -> None:
        """Show a view with the cursor on a contact of it, or on its first; a filter that would hide it is left."""
        if view is not self.view:
            self.drop_filter()
        self.view = view
        sort = self.sorts[view]
        rows = self._inbox.contacts.view(view, sort=sort, only=self.only)
        position = rows.position(contact_id) if contact_id else 0
        if position is None and self.only:
            self.drop_filter()
            self.show_view(view, contact_id)
            return
        contacts = self.contacts
        contacts.empty_words = self._empty_words()
        contacts.show_rows(rows, sort, rows.position, position or 0)
        self._open_highlighted()
        self._count()

    def _empty_words(self) -> tuple[str, str]:
        place = self._inbox.store.replica
        if self.only:
            return "Nobody fits.", "Esc shows all again."
        if place.user_id and (place.rebuilding or not place.epoch):
            return NOT_ALL_HERE
        words = (NOBODY_IN_TEAM if place.user_id else NOBODY)[self.view]
        if not place.user_id and self._counts.get(View.ALL) == 0 and self.view is not View.ALL:
            return words[0], f"{words[1]} {NOBODY[View.ALL][1]}"
        return words

    def _say_why_empty(self) -> None:
        if self.contacts.empty_words != (words := self._empty_words()):
            self.contacts.empty_words = words
            self.contacts.refresh()

    @property
    def pane(self) -> ConversationPane:
        """The conversation that is shown: that of the contact under the cursor, even if it was still to be opened."""
        self._opening.at_last()
        return super().pane

    def _open_highlighted(self) -> None:
        row = self.contacts.highlighted
        self.show_contact(row.contact_id if row else None)

    def _fill_pane(self) -> None:
        """Show the contact under the cursor, unless what was not sent to somebody out of sight is looked at."""
        self.show_unsent()
        if self.focused is not self.unsent_bar:
            self._open_highlighted()

    def show_contact(self, contact_id: str | None) -> None:
        """Show a contact's conversation, whether the list shows it or not."""
        self._opening.done()
        self.pane.open(contact_id)
        self.contacts.mark_opened(self.pane.contact_id)
        self._show_card()
        self.show_voice()
        self.show_unsent()
        self.contact_shown()

    def _show_card(self) -> None:
        inbox = self._inbox
        self.query_one(ContactPanel).show(self.pane.card, inbox.users, inbox.channels, inbox.user_id)

    @on(LineList.Highlighted)
    def _on_highlighted(self, event: LineList.Highlighted) -> None:
        event.stop()
        self._opening.soon()

    def action_answer(self) -> None:
        """Open the contact under the cursor, unless none is, and start to write."""
        if self.contacts.highlighted is not None:
            self._open_highlighted()
        self.action_reply()

    @on(ViewTab.Chosen)
    def _on_view_chosen(self, event: ViewTab.Chosen) -> None:
        self._choose_view(event.view)

    # Keys

    def on_descendant_focus(self) -> None:
        """Show the keys that work where the focus is now."""
        focused, line = self.focused, self.query_one("#keys", KeyLine)
        if isinstance(focused, PlainInput):
            line.keys = FILTER_KEYS
            return
        scope = Scope.LIST if focused is self.contacts else Scope.TIMELINE
        if focused is not None and self.pane.query_one(Composer) in focused.ancestors:
            scope = Scope.COMPOSER
        elif isinstance(focused, RecorderBar):
            scope = Scope.VOICE
        elif isinstance(focused, UnsentBar):
            scope = Scope.UNSENT
        line.keys = tuple(Key(key_label(item.current_keys[0]), item.title, item.id) for item in footer(scope))

    def action_leave_composer(self) -> None:
        """Leave the composer, by the mouse."""
        self.pane.query_one(Composer).action_leave_composer()

    @on(KeyLine.Pressed, "#keys")
    async def _press(self, event: KeyLine.Pressed) -> None:
        event.stop()
        await self.run_action(event.action)

    # What changes by itself

    def changed(self, scopes: frozenset[str]) -> None:
        """Paint what was written: by the agent, a teammate, a customer or another process."""
        if not self.query(ContactList):
            # The desk is coming, and will read everything, or it is going.
            return
        everything = EVERYTHING in scopes
        files = {scope.removeprefix(BLOB) for scope in scopes if scope.startswith(BLOB)}
        if files or everything:
            self.pane.files_changed(None if everything else files)
            self.files_moved(scopes)
        if len(files) == len(scopes):
            return
        if everything or "settings" in scopes:
            self._learn_settings()
        if everything or SNIPPETS in scopes:
            self.pane.snippets_changed()
        acted = self.pane.contact_id in self.acted_on & scopes
        self.contacts.rows_changed(settle=acted)
        if acted and self.contacts.highlighted is None and not self.pane.is_on_screen:
            self.contacts.step(1)  # what keys are for must be in sight
        self.acted_on -= scopes
        if self.pane.contact_id is None:
            self._fill_pane()
        elif everything or "settings" in scopes or self.pane.contact_id in scopes:
            self.pane.contact_changed()
            self._show_card()
            self.show_voice()
            self.show_unsent()
        self._count()

    def _grow_old(self) -> None:
        self.contacts.refresh_rows()
        self.pane.show_header()
        self.tell_team()

    @work(group="count", exit_on_error=False, description="count the views")
    async def _count(self) -> None:
        await self._counting.run()

    async def _count_once(self) -> None:
        self._counts, self._unsent = await asyncio.to_thread(self._read_counts)
        self._say_what_is_held_back()
        self._say_why_empty()
        self.show_title()
        self.post_message(NewCounted(self._counts[View.NEW]))

    def _read_counts(self) -> tuple[dict[View, int], tuple[int, int]]:
        unsent = self._inbox.unsent(), self.not_sent.count()
        return {view: self._inbox.contacts.view(view).count() for view in View}, unsent

    def show_title(self) -> None:
        """Write the title line."""
        unsent, refused = self._unsent
        self.query_one(TitleBar).shown = Title(
            workspace=self._inbox.workspace.name,
            user=f"{self._inbox.me.name}{self._state_words()}",
            company=f"with {there}" if (there := self.company.there()) else "",
            state=sync_words(self.status, now_ms(), own=self.own_server),
            trouble=is_trouble(self.status),
            unsent=unsent,
            refused=refused,
        )

    def _state_words(self) -> str:
        state = self.availability
        return "" if self.announce is None or state is Availability.ONLINE else f" ({state})"

    def sync_moved(self, status: SyncStatus) -> None:
        """Say how things stand with the server."""
        self.status = status
        self.show_title()
        self._say_why_empty()

    @on(TitleBar.UnsentClicked)
    def _on_unsent_clicked(self) -> None:
        self.action_next_unsent()

    @on(ContactList.Stirred)
    def _on_stirred(self) -> None:
        self._say_what_is_held_back()
        if self.pane.contact_id is None and self.contacts.highlighted is not None:
            self._fill_pane()

    def _say_what_is_held_back(self) -> None:
        self.query_one(ViewTabs).show(
            self.view, self._counts, self.sorts[self.view], held_back=self.contacts.holds_back
        )

    # Panes

    def on_screen_resume(self, event: ScreenResume) -> None:
        """Leave the terminal's cursor where the keys go again, after a dialog had it."""
        # The first time all styles were found a moment before, when everything was mounted.
        event.refresh_styles, self._styled = event.refresh_styles and self._styled, True
        self.call_after_refresh(self._park_cursor)

    def _park_cursor(self) -> None:
        match self.focused:
            case LineList() | Timeline() | ContactPanel() | PlainInput() | PlainArea() as focused:
                focused.park_cursor()

    def on_resize(self) -> None:
        """Keep the focus on something that can be seen when the panes change."""
        self.call_after_refresh(self._mend_focus)

    def _mend_focus(self) -> None:
        if self.focused is None or (isinstance(self.focused, ContactPanel) and not self.focused.display):
            self.action_show_list()
        elif not self.focused.is_on_screen:
            self.remove_class("-card")
            self.set_class(self.focused is not self.contacts, "-conversation")

    # The rest

    async def action_help(self) -> None:
        """Show every key."""
        from ismsg_tui.screens.help_screen import HelpScreen

        await self.app.push_screen(HelpScreen())

    async def action_tour(self) -> None:
        """Walk over the desk in a minute."""
        from ismsg_tui.screens.tour import Tour

        if self.has_class("-card"):
            self.leave_card()
        await self.app.push_screen(Tour(self))

    @work(group="act", exit_on_error=False, description="choose a theme")
    async def action_choose_theme(self) -> None:
        """Choose the colours."""
        from ismsg_tui.screens.theme_picker import ThemePicker

        themes = sorted(self.app.available_themes.values(), key=lambda theme: theme.name)
        chosen = await self.app.push_screen_wait(ThemePicker(themes, self.app.theme))
        if chosen is not None:
            self.notify(f'To keep it, write theme = "{chosen}" into {config_file()}', timeout=6, markup=False)

    def action_toggle_notifications(self) -> None:
        """Ring and announce messages, or not."""
        self.post_message(NotificationsToggled())

    @work(group="act", exit_on_error=False, description="find a command")
    async def action_command_palette(self) -> None:
        """Find a command by name, and do it."""
        from ismsg_tui.screens.command_picker import CommandPicker

        chosen = await self.app.push_screen_wait(CommandPicker())
        if chosen is not None:
            await self.run_action(chosen)

    def action_quit(self) -> None:
        """Leave; what is typed is kept."""
        self.pane.save_draft()
        self.app.exit()
