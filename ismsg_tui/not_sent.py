"""What an agent can do about something that was not sent: have it sent after all, take its words back, or let it go."""

from __future__ import annotations

from ismsg_tui.clock import now_ms
from ismsg_tui.domain.commands import Issued
from ismsg_tui.domain.entities import Message, MessageKind
from ismsg_tui.inbox import Inbox
from ismsg_tui.store.drafts import Draft
from ismsg_tui.store.unsent import Trouble, Unsent, unsent, unsent_count


class NotSent:
    """Everything of the user's that was refused, has failed, or is asked about before it leaves."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    def count(self) -> int:
        """How much there is of it."""
        return unsent_count(self._inbox.store.reader, self._inbox.user_id, now_ms())

    def none_words(self) -> str:
        """What to say where there is nothing of it: something may still be on its way."""
        left = self._inbox.unsent()
        return f"{left:,} not left yet; nothing was refused." if left else "Everything was sent."

    def items(self, contact_id: str | None = None) -> list[Unsent]:
        """All of it, or that of one contact, in order of time."""
        return unsent(self._inbox.store.reader, self._inbox.user_id, now_ms(), contact_id)

    def send(self, item: Unsent, *, seen_at: int | None = None) -> Issued | None:
        """Send it after all: anew, or now where the agent was asked. A closing counts what is seen by now.

        Raises RefusedError; it waits on then.
        """
        inbox, message, contact_id = self._inbox, item.message, item.message.contact_id
        if item.trouble is Trouble.ASKING:
            inbox.store.confirm(item.command_id, now_ms())
            return None
        match message.kind:
            case MessageKind.COMMENT:
                return inbox.comment(contact_id, message.text, settles=item.id)
            case MessageKind.EVENT:
                category, summary = closing_note(message)
                return inbox.close(contact_id, category=category, summary=summary, seen_at=seen_at, settles=item.id)
            case _:
                quoted, files = message.reply_to, message.attachments
                return inbox.reply(contact_id, message.text, files, reply_to=quoted, settles=item.id)

    def drop(self, item: Unsent) -> None:
        """Let it go for good; a message that failed on its channel stays in the timeline as what it is."""
        self._inbox.store.settle(item.message.contact_id, item.id, now_ms())

    def take_back(self, item: Unsent) -> None:
        """Put what it said into the draft, above what is typed there."""
        inbox, draft = self._inbox, draft_of(item.message)
        inbox.store.settle(item.message.contact_id, item.id, now_ms(), user_id=inbox.user_id, draft=draft)


def draft_of(message: Message) -> Draft:
    """A message or comment that was not sent, as a draft."""
    if message.kind is MessageKind.COMMENT:
        return Draft(message.text, comment=True)
    return Draft(message.text, attachments=message.attachments, reply_to=message.reply_to)


def closing_note(message: Message) -> tuple[str, str]:
    """Category and summary of a closing."""
    event = message.event
    return (event.category or "", event.summary or "") if event else ("", "")
