"""What an agent does at the desk about messages that were not sent: send them again, edit or discard them."""

from __future__ import annotations

from textual import on, work

from ismsg_tui import times
from ismsg_tui.clock import now_ms
from ismsg_tui.domain.entities import MessageKind
from ismsg_tui.domain.words import attachment_words, span_words, undone_words
from ismsg_tui.not_sent import NotSent, closing_note, draft_of
from ismsg_tui.screens.contact_acts import ContactActs
from ismsg_tui.store.unsent import Trouble, Unsent
from ismsg_tui.widgets.picking import PickingTimeline
from ismsg_tui.widgets.segments import shown_line
from ismsg_tui.widgets.unsent_bar import UnsentBar, UnsentView

LONGEST = 200
"""How much of a text the bar shows, in characters."""


class UnsentActs(ContactActs):
    """The part of the desk that deals with what was not sent."""

    _unsent_id = ""
    """The line that the bar shows; the contact's oldest where it is no more."""
    _armed = ""
    """The line that the next press of the key discards."""

    @property
    def unsent_bar(self) -> UnsentBar:
        """The bar over the composer."""
        return self.query_one(UnsentBar)

    @property
    def not_sent(self) -> NotSent:
        """What was not sent, and what can be done about it."""
        return NotSent(self._inbox)

    def go_to(self, contact_id: str) -> None:
        """Show a contact."""
        raise NotImplementedError

    def show_contact(self, contact_id: str | None) -> None:
        """Show a contact's conversation, or none."""
        raise NotImplementedError

    def show_unsent(self) -> None:
        """Draw the bar as things stand with the contact that is looked at."""
        bar, items = self.unsent_bar, self._unsent_here()
        if not items and self.focused is bar:
            self.leave_bar()
        item = self._shown_of(items)
        if item is None:
            bar.view = None
        else:
            armed, gone = item.id == self._armed, self._is_gone(item)
            bar.view = view_of(item, items.index(item), len(items), armed=armed, gone=gone)

    def _unsent_here(self) -> list[Unsent]:
        """What was not sent to the contact that is looked at; while there is none, to those who are out of sight."""
        contact_id = self.pane.contact_id
        if contact_id is not None:
            return self.not_sent.items(contact_id)
        return [item for item in self.not_sent.items() if self._is_gone(item)]

    def _is_gone(self, item: Unsent) -> bool:
        """Whether its contact is not to be seen any more, so that nothing can be written there."""
        return self._inbox.contacts.card(item.message.contact_id) is None

    def _shown_of(self, items: list[Unsent]) -> Unsent | None:
        return next((item for item in items if item.id == self._unsent_id), items[0] if items else None)

    def action_next_unsent(self) -> None:
        """Go to what was not sent: of the contact that is looked at first, then on to the next one."""
        here, everything = self._unsent_here(), self.not_sent.items()
        picked = self.query_one(PickingTimeline).picked
        if picked is not None and self.focused is not self.unsent_bar:
            self._unsent_id = picked.id
        shown = self._shown_of(here)
        if shown is None or self.focused is self.unsent_bar:
            after = [item for item in everything if shown and (item.message.at, item.id) > (shown.message.at, shown.id)]
            shown = next(iter([*after, *everything]), None)
        if shown is None:
            self.notify(self.not_sent.none_words(), timeout=3)
            return
        self._unsent_id = shown.id
        if shown.message.contact_id != self.pane.contact_id:
            if self._is_gone(shown):
                self.show_contact(None)
            else:
                self.go_to(shown.message.contact_id)
        self.show_unsent()
        self.enter_bar(self.unsent_bar)
        self.pane.show_line((shown.message.at, shown.id))

    @on(UnsentBar.Disarmed)
    def _disarm(self) -> None:
        if self._armed:
            self._armed = ""
            self.show_unsent()

    @on(UnsentBar.Asked)
    def _on_unsent_asked(self, event: UnsentBar.Asked) -> None:
        item = self._shown_of(self._unsent_here())
        if event.action_id == "next_unsent":
            self.action_next_unsent()
        elif event.action_id == "leave_unsent" or item is None:
            self.leave_bar()
        elif event.action_id == "send_again":
            self._send_again(item)
        elif event.action_id == "edit_unsent":
            self._edit_unsent(item)
        else:
            self._discard_unsent(item)

    @work(group="act", exit_on_error=False, description="send again")
    async def _send_again(self, item: Unsent) -> None:
        await self._write(self.not_sent.send, item, seen_at=self.pane.seen_at)

    def _edit_unsent(self, item: Unsent) -> None:
        if self._is_gone(item):
            # A draft for the contact could not be seen: the words would be lost with it.
            self.app.copy_to_clipboard("\n".join(_words(item)))
        elif item.message.kind is MessageKind.EVENT:
            category, summary = closing_note(item.message)
            self.close_conversation(category=category, summary=summary, settles=item.id)
        elif self.pane.take_up(draft_of(item.message)):
            # In this order: a crash between the two leaves the text in both places, never in none.
            self._writing.later(self.not_sent.drop, item)

    def _discard_unsent(self, item: Unsent) -> None:
        empty = not (item.message.text or item.message.attachments or any(closing_note(item.message)))
        if empty or self._armed == item.id:
            self._armed = ""
            self.contacts_may_move()
            self._writing.later(self.not_sent.drop, item)
        else:
            self._armed = item.id
            self.show_unsent()


def view_of(item: Unsent, index: int, count: int, *, armed: bool, gone: bool) -> UnsentView:
    """What the bar shows of something that was not sent, the `index`-th of `count`; `gone`: its contact is."""
    message, closing = item.message, item.message.kind is MessageKind.EVENT
    what, send = undone_words(message.kind).capitalize(), "Close again" if closing else "Send again"
    match item.trouble:
        case Trouble.ASKING:
            what, send = f"Written {_ago(item.written_at)}: send it now?", "Send"
        case Trouble.UNCERTAIN:
            what = "Nobody knows whether it was sent"
    written = times.moment(item.written_at, times.local(now_ms()).date())
    return UnsentView(
        title=f"{what} · {index + 1} of {count}" if count > 1 else what,
        note="once more discards it" if armed else written,
        words=_said(item),
        reason=shown_line(item.reason, LONGEST),
        keys=(
            *((("edit_unsent", "Copy"),) if gone else (("send_again", send), ("edit_unsent", "Edit"))),
            ("discard_unsent", "Discard"),
            ("next_unsent", "Next"),
            ("leave_unsent", "Back"),
        ),
        alarm=armed,
    )


def _ago(at: int) -> str:
    words = span_words(now_ms() - at)
    return "just now" if words == "now" else f"{words} ago"


def _said(item: Unsent) -> str:
    """What a message, comment or closing note said, as one line."""
    parts = [shown_line(part, LONGEST) for part in _words(item)]
    said = f"“{' · '.join(parts)}”" if parts else ""
    return ", ".join(filter(None, (said, *map(attachment_words, item.message.attachments))))


def _words(item: Unsent) -> list[str]:
    """What the agent wrote: a text, or the parts of a closing note."""
    return [part for part in (item.message.text, *closing_note(item.message)) if part]
