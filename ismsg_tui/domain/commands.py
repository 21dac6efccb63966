"""What somebody wants to happen: one struct per command, tagged with its name on the wire."""

from __future__ import annotations

from msgspec import Struct

from ismsg_tui.domain.entities import Attachment, Contact, Delivery, Snippet, Source


class Actor(Struct, frozen=True):
    """Who acts: a user, or a source without one."""

    user_id: str | None = None
    source: Source = Source.USER


class CreateContact(Struct, frozen=True, tag="contact.create"):
    """A channel or an import has met somebody new."""

    contact: Contact

    @property
    def contact_id(self) -> str:
        """The contact that the command is about."""
        return self.contact.id


class ReceiveMessage(Struct, frozen=True, tag="message.receive"):
    """The contact wrote."""

    contact_id: str
    text: str
    channel_id: str | None = None
    attachments: tuple[Attachment, ...] = ()


class SendMessage(Struct, frozen=True, tag="message.send"):
    """Answer the contact with a text, files or both; without a channel through the one last used."""

    contact_id: str
    text: str
    channel_id: str | None = None
    attachments: tuple[Attachment, ...] = ()
    reply_to: str | None = None
    """The id of the contact's message, or of one sent to the contact, that is quoted."""


class SetDelivery(Struct, frozen=True, tag="message.status"):
    """A channel reports how far an outgoing message has come."""

    contact_id: str
    message_id: str
    status: Delivery
    error: str = ""


class AddComment(Struct, frozen=True, tag="comment.add"):
    """Write an internal comment; `mentions` are user ids."""

    contact_id: str
    text: str
    mentions: tuple[str, ...] = ()


class OpenConversation(Struct, frozen=True, tag="conversation.open"):
    """Open a conversation by hand."""

    contact_id: str


class CloseConversation(Struct, frozen=True, tag="conversation.close"):
    """Close the open conversation with a closing note."""

    contact_id: str
    category: str = ""
    summary: str = ""
    seen_at: int | None = None
    """The newest incoming message that the closer has seen; a newer one refuses the closing."""


class SnoozeConversation(Struct, frozen=True, tag="conversation.snooze"):
    """Hide the open conversation until a time, or until the contact writes."""

    contact_id: str
    until: int


class WakeConversation(Struct, frozen=True, tag="conversation.wake"):
    """End a snooze."""

    contact_id: str


class AssignContact(Struct, frozen=True, tag="contact.assign"):
    """Give the contact to a user, or to nobody."""

    contact_id: str
    assignee_id: str | None
    expected_id: str | None = None
    """The assignee that the one who decides has before his eyes."""


class MarkRead(Struct, frozen=True, tag="read.mark"):
    """The acting user has read everything up to `up_to`."""

    contact_id: str
    up_to: int


class MarkUnread(Struct, frozen=True, tag="read.unmark"):
    """The acting user wants to be reminded of the contact."""

    contact_id: str


class SaveSnippet(Struct, frozen=True, tag="snippet.save"):
    """Create a snippet or replace one."""

    snippet: Snippet


class DeleteSnippet(Struct, frozen=True, tag="snippet.delete"):
    """Take a snippet out of use."""

    snippet_id: str


class UseSnippet(Struct, frozen=True, tag="snippet.use"):
    """Count that a snippet was taken."""

    snippet_id: str


ContactCommand = (
    CreateContact
    | ReceiveMessage
    | SendMessage
    | SetDelivery
    | AddComment
    | OpenConversation
    | CloseConversation
    | SnoozeConversation
    | WakeConversation
    | AssignContact
    | MarkRead
    | MarkUnread
)
"""Commands about one contact: they change rows of that contact and no other."""

SnippetCommand = SaveSnippet | DeleteSnippet | UseSnippet
Command = ContactCommand | SnippetCommand

SNIPPETS = "snippets"
"""The scope of every snippet command."""


class Issued(Struct, frozen=True):
    """A command with its id, who gave it and when: what travels from a console to a server."""

    id: str
    command: Command
    actor: Actor
    at: int


def scope_of(command: Command) -> str:
    """The part of the workspace that a command reads and writes: a contact's id, or the snippets."""
    return SNIPPETS if isinstance(command, SnippetCommand) else command.contact_id
