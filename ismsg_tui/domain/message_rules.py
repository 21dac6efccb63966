"""The rules of messages: what one that arrives or leaves does, what became of it on its way, and comments."""

from __future__ import annotations

from msgspec.structs import replace

from ismsg_tui.domain.commands import AddComment, ReceiveMessage, SendMessage, SetDelivery
from ismsg_tui.domain.conversation_rules import assign, open_conversation, wake
from ismsg_tui.domain.deed import Deed
from ismsg_tui.domain.entities import Delivery, MessageKind, Source
from ismsg_tui.domain.ids import Part
from ismsg_tui.domain.media import check_attachment
from ismsg_tui.domain.state import Refusal

COMMENT_LIMIT = 1_000

_FORWARD = {
    Delivery.PENDING: 0,
    Delivery.UNCERTAIN: 1,
    Delivery.SENT: 2,
    Delivery.DELIVERED: 3,
    Delivery.READ: 4,
}


def receive(deed: Deed, command: ReceiveMessage) -> Refusal | None:
    """Take in a message of the contact: it opens a conversation or ends its snooze."""
    if not deed.contact.blocked:
        if deed.conversation is None:
            open_conversation(deed, Source.CONTACT, command.channel_id)
        elif deed.conversation.snoozed_until is not None:
            wake(deed, Source.CONTACT)
    conversation = deed.conversation
    if conversation is not None:
        # Who was written to first waits for an answer from his own first message on, not from the opening.
        waiting_since = conversation.waiting_since if conversation.last_incoming_at is not None else None
        deed.conversation = replace(
            conversation,
            incoming_count=conversation.incoming_count + 1,
            waiting_since=deed.at if waiting_since is None else waiting_since,
            last_incoming_at=deed.at,
        )
    if command.channel_id is not None and command.channel_id != deed.contact.channel_id:
        deed.contact = replace(deed.contact, channel_id=command.channel_id)
    deed.line(
        Part.MAIN,
        MessageKind.INCOMING,
        text=command.text,
        channel_id=command.channel_id or deed.contact.channel_id,
        source=Source.CONTACT,
        attachments=command.attachments,
    )
    return None


def send(deed: Deed, command: SendMessage) -> Refusal | None:
    """Send a message; an unassigned contact becomes the one of the user who writes."""
    channel_id = command.channel_id or deed.contact.channel_id
    echoed = deed.actor.source is Source.ECHO
    # What another app has already sent is only to be written down.
    refusal = None if echoed else _check_sending(deed, command, channel_id)
    if refusal is not None:
        return refusal
    if deed.conversation is None and not deed.contact.blocked:
        open_conversation(deed, deed.actor.source, channel_id)
    if deed.by_person:
        if deed.contact.assignee_id is None:
            assign(deed, Part.ASSIGNED, deed.actor.user_id, deed.actor.source)
        _count_response(deed)
        deed.mark(deed.actor.user_id or "", at=deed.at, flagged=False)
    conversation = deed.conversation
    if conversation is not None:
        deed.conversation = replace(conversation, outgoing_count=conversation.outgoing_count + 1)
    if channel_id != deed.contact.channel_id:
        deed.contact = replace(deed.contact, channel_id=channel_id)
    deed.line(
        Part.MAIN,
        MessageKind.OUTGOING,
        text=command.text,
        channel_id=channel_id,
        status=Delivery.SENT if echoed else Delivery.PENDING,
        attachments=command.attachments,
        reply_to=command.reply_to,
    )
    return None


def _check_sending(deed: Deed, command: SendMessage, channel_id: str | None) -> Refusal | None:
    if not command.text.strip() and not command.attachments:
        return Refusal("empty-text", "There is nothing to send: the message is empty.")
    channel = deed.before.channels.get(channel_id or "")
    if channel is None:
        return Refusal("no-channel", f"{deed.contact.name} has no channel to be reached through.")
    if len(command.text) > channel.text_limit:
        over = len(command.text) - channel.text_limit
        return Refusal(
            "text-too-long",
            f"{channel.name} takes {channel.text_limit:,} characters; the message is {over:,} too long.",
        )
    for attachment in command.attachments:
        if (refusal := check_attachment(channel, attachment)) is not None:
            return refusal
    if command.reply_to is not None and not _may_quote(deed, command.reply_to):
        return Refusal("unknown-message", "The message to be quoted is not there any more: send without the quote.")
    if deed.contact.blocked:
        return Refusal("contact-blocked", f"{deed.contact.name} is blocked.")
    return None


def _may_quote(deed: Deed, message_id: str) -> bool:
    """Whether a message is one between the contact and the workspace; a comment must never reach the contact."""
    message = deed.before.messages.get(message_id)
    if message is None or message.contact_id != deed.contact.id:
        return False
    return message.kind in (MessageKind.INCOMING, MessageKind.OUTGOING)


def _count_response(deed: Deed) -> None:
    conversation = deed.conversation
    if conversation is None:
        return
    waited = conversation.waiting_since if conversation.last_incoming_at is not None else None
    deed.conversation = replace(
        conversation,
        first_response_at=conversation.first_response_at or deed.at,
        first_response_by=conversation.first_response_by or deed.actor.user_id,
        assigned_response_at=conversation.assigned_response_at or deed.at,
        response_count=conversation.response_count + (waited is not None),
        reply_count=conversation.reply_count + 1,
        response_wait=conversation.response_wait + (deed.at - waited if waited is not None else 0),
        waiting_since=None,
    )


def set_delivery(deed: Deed, command: SetDelivery) -> Refusal | None:
    """Note what became of an outgoing message."""
    message = deed.before.messages.get(command.message_id)
    if message is None or message.status is None or message.contact_id != deed.contact.id:
        return Refusal("unknown-message", "There is no such outgoing message.")
    if not may_become(message.status, command.status):
        return None
    deed.amend(replace(message, status=command.status, error=command.error))
    return None


def may_become(status: Delivery, new: Delivery) -> bool:
    """Whether a message's delivery may go from `status` to `new`: forward only, failed only before it arrived."""
    if status is Delivery.FAILED:
        return False
    if new is Delivery.FAILED:
        return status in (Delivery.PENDING, Delivery.UNCERTAIN, Delivery.SENT)
    return _FORWARD[new] > _FORWARD[status]


def comment(deed: Deed, command: AddComment) -> Refusal | None:
    """Write an internal comment; whom it mentions finds the contact unread."""
    if not command.text.strip():
        return Refusal("empty-text", "The comment is empty.")
    if len(command.text) > COMMENT_LIMIT:
        return Refusal("text-too-long", f"A comment takes {COMMENT_LIMIT:,} characters; this is {len(command.text):,}.")
    for user_id in command.mentions:
        if user_id not in deed.before.users:
            return Refusal("unknown-user", "The comment mentions somebody who is not in the workspace.")
        if user_id != deed.actor.user_id:
            deed.mark(user_id, flagged=True)
    deed.line(Part.MAIN, MessageKind.COMMENT, text=command.text, mentions=command.mentions)
    return None
