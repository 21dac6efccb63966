"""The contact's card: fields, tags, assignee and earlier conversations with their closing notes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.message import Message

from ismsg_tui import times
from ismsg_tui.actions import Scope, bindings
from ismsg_tui.clock import now_ms
from ismsg_tui.domain.entities import Channel, Contact, Conversation, ConversationStatus, User
from ismsg_tui.domain.words import span_words, user_name
from ismsg_tui.store.timeline import ContactCard
from ismsg_tui.widgets.segments import MUTED, fit, shown, shown_line, wrapped
from ismsg_tui.widgets.words import Words

_Piece = Content | tuple[str, str]
_LABEL = 9
"""Cells for what a fact is called; a longer name has a line of its own."""
_INDENT = " " * (_LABEL + 1)


class ContactPanel(VerticalScroll):
    """Everything known about the contact on one card; the keys of the conversation scroll it while it has them."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.TIMELINE)]

    DEFAULT_CSS = """
    ContactPanel { scrollbar-gutter: stable; }
    """

    class Left(Message):
        """The agent goes back from the card."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._shown: tuple[ContactCard | None, Mapping[str, User], Mapping[str, Channel], str] = (None, {}, {}, "")

    def compose(self) -> ComposeResult:
        """One text; the card is short enough to lay out whole."""
        yield Words(id="card")

    def show(
        self, card: ContactCard | None, users: Mapping[str, User], channels: Mapping[str, Channel], user_id: str
    ) -> None:
        """Show a contact's card, or an empty one."""
        self._shown = card, users, channels, user_id
        self._write()

    def action_line_down(self) -> None:
        """Scroll a line down."""
        self.scroll_down(animate=False)

    def action_line_up(self) -> None:
        """Scroll a line up."""
        self.scroll_up(animate=False)

    def action_newer(self) -> None:
        """Scroll a page down."""
        self.scroll_page_down(animate=False)

    def action_older(self) -> None:
        """Scroll a page up."""
        self.scroll_page_up(animate=False)

    def action_oldest(self) -> None:
        """Scroll to the name."""
        self.scroll_home(animate=False)

    def action_newest(self) -> None:
        """Scroll to the end."""
        self.scroll_end(animate=False)

    def action_show_list(self) -> None:
        """Go back."""
        self.post_message(self.Left())

    async def action_write(self) -> None:
        """Start to write to the contact, before the next key is looked at."""
        await self.screen.run_action("reply")

    def on_focus(self) -> None:
        """Park the terminal's cursor once the card has a place."""
        self.call_after_refresh(self.park_cursor)

    def park_cursor(self) -> None:
        """Leave the terminal's cursor at the top of the card."""
        if self.has_focus:
            self.app.cursor_position = self.content_region.offset

    def on_resize(self) -> None:
        """Fold what is long anew."""
        self._write()

    def _write(self) -> None:
        if not self.size.width:
            return  # out of sight, or not laid out yet: how it folds is not known
        card, users, channels, user_id = self._shown
        body = self.query_one("#card", Words)
        if card is None:
            body.update(Content.styled("No contact chosen.", MUTED))
            return
        contact = card.contact
        pieces: list[_Piece] = [(shown_line(contact.name, 80) + "\n", "bold")]
        if contact.tags:
            pieces.append(("  ".join(f"#{shown_line(tag, 40)}" for tag in contact.tags) + "\n", "$text-accent"))
        pieces.append(("\n", ""))
        room = self.scrollable_content_region.width - len(_INDENT)
        for label, value in _facts(contact, users, channels, user_id):
            pieces += _fact(shown_line(label, 24), shown_line(value, 200), room)
        earlier = [item for item in card.conversations if item.status is ConversationStatus.CLOSED]
        pieces.append((f"\nEarlier conversations {len(earlier) or ''}\n", f"bold {MUTED}"))
        if not earlier:
            pieces.append(("none yet\n", MUTED))
        for conversation in earlier:
            pieces += _conversation(conversation, users)
        body.update(Content.assemble(*pieces))


def _fact(label: str, value: str, room: int) -> list[_Piece]:
    """What is told stands in a column of its own, `room` cells wide, however many lines it takes."""
    named = f"{label}\n{_INDENT}" if cell_len(label) > _LABEL else fit(label, len(_INDENT))
    lines = [line.strip() for line in wrapped(value, max(1, room))]
    return [(named, MUTED), (f"\n{_INDENT}".join(lines) + "\n", "")]


def _facts(
    contact: Contact, users: Mapping[str, User], channels: Mapping[str, Channel], user_id: str
) -> list[tuple[str, str]]:
    channel = channels.get(contact.channel_id or "")
    assignee = user_name(contact.assignee_id, users) if contact.assignee_id else "nobody"
    facts = [
        ("channel", channel.name if channel else ""),
        ("phone", contact.phone),
        ("email", contact.email),
        ("language", contact.language),
        ("country", contact.country),
        ("assignee", "you" if contact.assignee_id == user_id else assignee),
        ("blocked", "yes" if contact.blocked else ""),
        *contact.fields.items(),
    ]
    return [(label, value) for label, value in facts if value]


def _conversation(conversation: Conversation, users: Mapping[str, User]) -> list[_Piece]:
    today = times.local(now_ms()).date()
    closed_at = conversation.closed_at or conversation.opened_at
    lasted = span_words(closed_at - conversation.opened_at)
    by = user_name(conversation.closed_by, users) if conversation.closed_by else "automation"
    pieces: list[_Piece] = [
        (times.day(closed_at, today), "bold"),
        (f" · {'at once' if lasted == 'now' else lasted} · {shown_line(by)}\n", MUTED),
    ]
    if conversation.category:
        pieces.append((f"{shown_line(conversation.category, 128)}\n", "$text-accent"))
    if conversation.summary:
        pieces.append((f"{shown(conversation.summary).strip()}\n", ""))
    pieces.append(("\n", ""))
    return pieces
