"""One command being carried out: what it has changed so far."""

from __future__ import annotations

from ismsg_tui.domain.commands import Issued
from ismsg_tui.domain.entities import (
    Attachment,
    Contact,
    Conversation,
    ConversationStatus,
    Delivery,
    Entity,
    Event,
    Message,
    MessageKind,
    ReadMark,
    Source,
    read_mark_id,
)
from ismsg_tui.domain.ids import Part, derived_id
from ismsg_tui.domain.state import State


class Deed:
    """One command being carried out: the state as changed so far, and the rows that did it."""

    def __init__(self, state: State, issued: Issued) -> None:
        self.before = state
        self.id, self.actor, self.at = issued.id, issued.actor, _moment(issued.at, state.conversation)
        self._contact, self._conversation = state.contact, state.conversation
        self._lines: list[Message] = []
        self._marks: dict[str, ReadMark] = {}

    @property
    def contact(self) -> Contact:
        """The contact, which `decide` has made sure of."""
        if self._contact is None:
            raise LookupError("the command has no contact")
        return self._contact

    @contact.setter
    def contact(self, contact: Contact) -> None:
        self._contact = contact

    @property
    def conversation(self) -> Conversation | None:
        """The open conversation, if there is one."""
        conversation = self._conversation
        return conversation if conversation and conversation.status is ConversationStatus.OPEN else None

    @conversation.setter
    def conversation(self, conversation: Conversation) -> None:
        self._conversation = conversation

    @property
    def by_person(self) -> bool:
        """Whether a user acts, and not automation."""
        return self.actor.source is Source.USER and self.actor.user_id is not None

    def line(  # noqa: PLR0913 - the fields of a message
        self,
        part: Part,
        kind: MessageKind,
        *,
        text: str = "",
        channel_id: str | None = None,
        source: Source | None = None,
        status: Delivery | None = None,
        event: Event | None = None,
        mentions: tuple[str, ...] = (),
        attachments: tuple[Attachment, ...] = (),
        reply_to: str | None = None,
    ) -> None:
        """Add a line to the timeline, in the open conversation or the one that this command closes."""
        conversation = self._conversation
        touched = conversation is not None and (
            conversation.status is ConversationStatus.OPEN or conversation is not self.before.conversation
        )
        line = Message(
            id=derived_id(self.id, part),
            contact_id=self.contact.id,
            conversation_id=conversation.id if conversation and touched else None,
            kind=kind,
            at=self.at,
            text=text,
            channel_id=channel_id,
            author_id=self.actor.user_id,
            source=source or self.actor.source,
            status=status,
            event=event,
            mentions=mentions,
            attachments=attachments,
            reply_to=reply_to,
        )
        self._lines.append(line)

    def event(self, part: Part, event: Event) -> None:
        """Add an event line to the timeline."""
        self.line(part, MessageKind.EVENT, event=event, source=event.source)

    def amend(self, message: Message) -> None:
        """Change a line that is already in the timeline."""
        self._lines.append(message)

    def mark(self, user_id: str, *, at: int | None = None, flagged: bool) -> None:
        """Set how far a user has read the contact; the time never goes back."""
        old = self._marks.get(user_id) or self.before.marks.get(user_id)
        read_to = old.at if old else 0
        self._marks[user_id] = ReadMark(
            id=read_mark_id(user_id, self.contact.id),
            user_id=user_id,
            contact_id=self.contact.id,
            at=read_to if at is None else max(read_to, at),
            flagged=flagged,
        )

    def rows(self) -> list[Entity]:
        """Every row that the command changed."""
        rows: list[Entity] = []
        if self._contact is not None and self._contact != self.before.contact:
            rows.append(self._contact)
        if self._conversation is not None and self._conversation != self.before.conversation:
            rows.append(self._conversation)
        rows += self._lines
        if self._marks:
            rows += [mark for user, mark in self._marks.items() if mark != self.before.marks.get(user)]
        return rows


def _moment(at: int, newest: Conversation | None) -> int:
    """When a command counts as carried out: after what it follows.

    Clocks differ, and a command may travel late. A reply must not stand above the message that it answers, no wait may
    be negative, and a new conversation must be the newest.
    """
    if newest is None:
        return at
    for known in (newest.opened_at, newest.last_incoming_at, newest.last_assigned_at, newest.closed_at):
        if known is not None and known >= at:
            at = known + 1
    return at
