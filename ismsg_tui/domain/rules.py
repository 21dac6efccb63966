"""The behaviour of the inbox: `decide` turns a state and a command into rows to write or a refusal.

Pure functions: the console, its replay of unsent commands, imports and every authority run exactly these, so that all
of them agree. A rule never looks at rows of another contact, which is what lets a replica rewind one contact alone.
"""

from __future__ import annotations

from typing import assert_never

from msgspec.structs import replace

from ismsg_tui.domain.commands import (
    AddComment,
    AssignContact,
    CloseConversation,
    ContactCommand,
    CreateContact,
    Issued,
    MarkRead,
    MarkUnread,
    OpenConversation,
    ReceiveMessage,
    SendMessage,
    SetDelivery,
    SnippetCommand,
    SnoozeConversation,
    WakeConversation,
)
from ismsg_tui.domain.deed import Deed
from ismsg_tui.domain.entities import (
    ClosingNotes,
    Conversation,
    ConversationStatus,
    Delivery,
    Event,
    EventType,
    MessageKind,
    Source,
)
from ismsg_tui.domain.ids import Part, derived_id
from ismsg_tui.domain.media import check_attachment
from ismsg_tui.domain.rights import UNKNOWN_CONTACT, may
from ismsg_tui.domain.snippet_rules import decide_snippet
from ismsg_tui.domain.state import Outcome, Refusal, State

CATEGORY_LIMIT = 128
SUMMARY_LIMIT = 512
COMMENT_LIMIT = 1_000

_FORWARD = {
    Delivery.PENDING: 0,
    Delivery.UNCERTAIN: 1,
    Delivery.SENT: 2,
    Delivery.DELIVERED: 3,
    Delivery.READ: 4,
}


def decide(state: State, issued: Issued) -> Outcome:
    """What `issued` does to `state`: rows to write, nothing if it is already so, or a refusal.

    A command that was carried out before changes nothing. Only the use of a snippet leaves no trace to tell that by:
    whoever keeps a list of commands has to leave out the second.
    """
    command = issued.command
    if not isinstance(command, SnippetCommand | CreateContact):
        if state.contact is None:
            return UNKNOWN_CONTACT
        if state.messages and derived_id(issued.id, Part.MAIN) in state.messages:
            return []
    if (refusal := may(state, issued)) is not None:
        return refusal
    if isinstance(command, SnippetCommand):
        return decide_snippet(state, command)
    if isinstance(command, CreateContact):
        if state.contact is not None:
            return []
        return [replace(command.contact, created_at=issued.at, assignee_id=None)]
    deed = Deed(state, issued)
    return _carry_out(deed, command) or deed.rows()


def _carry_out(deed: Deed, command: ContactCommand) -> Refusal | None:
    match command:
        case ReceiveMessage():
            return _receive(deed, command)
        case SendMessage():
            return _send(deed, command)
        case SetDelivery():
            return _set_delivery(deed, command)
        case AddComment():
            return _comment(deed, command)
        case OpenConversation():
            return _open_by_hand(deed)
        case CloseConversation():
            return _close(deed, command)
        case SnoozeConversation():
            return _snooze(deed, command)
        case WakeConversation():
            return _wake_by_command(deed)
        case AssignContact():
            return _assign_by_command(deed, command)
        case MarkRead():
            return _mark_read(deed, command)
        case MarkUnread():
            return _mark_unread(deed)
        case CreateContact():
            raise TypeError("a contact is created before there is anything to carry out on it")
        case _:
            assert_never(command)


def _receive(deed: Deed, command: ReceiveMessage) -> Refusal | None:
    if not deed.contact.blocked:
        if deed.conversation is None:
            _open(deed, Source.CONTACT, command.channel_id)
        elif deed.conversation.snoozed_until is not None:
            _wake(deed, Source.CONTACT)
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


def _send(deed: Deed, command: SendMessage) -> Refusal | None:
    channel_id = command.channel_id or deed.contact.channel_id
    echoed = deed.actor.source is Source.ECHO
    # What another app has already sent is only to be written down.
    refusal = None if echoed else _check_sending(deed, command, channel_id)
    if refusal is not None:
        return refusal
    if deed.conversation is None and not deed.contact.blocked:
        _open(deed, deed.actor.source, channel_id)
    if deed.by_person:
        if deed.contact.assignee_id is None:
            _assign(deed, Part.ASSIGNED, deed.actor.user_id, deed.actor.source)
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


def _set_delivery(deed: Deed, command: SetDelivery) -> Refusal | None:
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


def _comment(deed: Deed, command: AddComment) -> Refusal | None:
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


def _open_by_hand(deed: Deed) -> Refusal | None:
    if deed.contact.blocked:
        return Refusal("contact-blocked", f"{deed.contact.name} is blocked.")
    if deed.conversation is not None:
        return Refusal("already-open", f"{deed.contact.name} already has an open conversation.")
    _open(deed, deed.actor.source, deed.contact.channel_id, part=Part.MAIN)
    return None


def _open(deed: Deed, source: Source, channel_id: str | None, part: Part = Part.OPENED) -> None:
    contact = deed.contact
    assigned_at = deed.at if contact.assignee_id else None
    deed.conversation = Conversation(
        id=derived_id(deed.id, Part.CONVERSATION),
        contact_id=contact.id,
        waiting_since=deed.at,
        opened_at=deed.at,
        opened_source=source,
        opened_by=deed.actor.user_id,
        opened_channel=channel_id,
        first_assignee=contact.assignee_id,
        first_assigned_at=assigned_at,
        last_assignee=contact.assignee_id,
        last_assigned_at=assigned_at,
    )
    deed.event(part, Event(type=EventType.OPENED, source=source))


def _close(deed: Deed, command: CloseConversation) -> Refusal | None:
    conversation = deed.conversation
    if conversation is None:
        return Refusal("not-open", f"{deed.contact.name} has no open conversation.")
    if deed.contact.blocked:
        return Refusal("contact-blocked", f"{deed.contact.name} is blocked.")
    refusal = check_closing_note(deed.before, command, manual=deed.by_person)
    if refusal is not None:
        return refusal
    seen, newest = command.seen_at, conversation.last_incoming_at
    if seen is not None and newest is not None and newest > seen:
        return Refusal("newer-message", f"{deed.contact.name} has just written again: read it before closing.")
    actor = deed.actor
    closer = deed.before.users.get(actor.user_id or "")
    deed.conversation = replace(
        conversation,
        status=ConversationStatus.CLOSED,
        snoozed_until=None,
        waiting_since=None,
        closed_at=deed.at,
        closed_source=actor.source,
        closed_by=actor.user_id,
        closed_by_team=closer.team or None if closer else None,
        category=command.category or None,
        summary=command.summary or None,
    )
    note = Event(
        type=EventType.CLOSED,
        source=actor.source,
        category=command.category or None,
        summary=command.summary or None,
    )
    deed.event(Part.MAIN, note)
    if deed.before.workspace.unassign_on_close and deed.by_person and deed.contact.assignee_id is not None:
        _assign(deed, Part.UNASSIGNED, None, Source.CLOSE_LEGACY)
    return None


def check_closing_note(state: State, command: CloseConversation, *, manual: bool) -> Refusal | None:
    """Whether the closing note is what the workspace asks for; automation may close without one."""
    workspace = state.workspace
    if len(command.category) > CATEGORY_LIMIT:
        return Refusal("text-too-long", f"A category takes {CATEGORY_LIMIT} characters.")
    if len(command.summary) > SUMMARY_LIMIT:
        over = len(command.summary) - SUMMARY_LIMIT
        return Refusal("text-too-long", f"A summary takes {SUMMARY_LIMIT} characters; this is {over} too long.")
    names = [category.name for category in workspace.categories]
    if command.category and names and command.category not in names:
        return Refusal("unknown-category", f"There is no category “{command.category}”; there are {', '.join(names)}.")
    if not manual or workspace.closing_notes in (ClosingNotes.OFF, ClosingNotes.OPTIONAL):
        return None
    if not command.category.strip():
        return Refusal("category-needed", f"Closing needs a category: {', '.join(names) or 'any'}.")
    if workspace.closing_notes is ClosingNotes.FULL and not command.summary.strip():
        return Refusal("summary-needed", "Closing needs a summary of the conversation.")
    return None


def _snooze(deed: Deed, command: SnoozeConversation) -> Refusal | None:
    conversation = deed.conversation
    if conversation is None:
        return Refusal("not-open", f"{deed.contact.name} has no open conversation to snooze.")
    if command.until <= deed.at:
        return Refusal("past-time", "A snooze must end in the future.")
    deed.conversation = replace(conversation, snoozed_until=command.until)
    deed.event(Part.MAIN, Event(type=EventType.SNOOZED, source=deed.actor.source, until=command.until))
    return None


def _wake_by_command(deed: Deed) -> Refusal | None:
    conversation = deed.conversation
    if conversation is None or conversation.snoozed_until is None:
        return None
    # A timer that went off for a snooze which was prolonged meanwhile wakes nobody.
    if deed.actor.source is not Source.TIMER or conversation.snoozed_until <= deed.at:
        _wake(deed, deed.actor.source, part=Part.MAIN)
    return None


def _wake(deed: Deed, source: Source, part: Part = Part.WOKEN) -> None:
    if deed.conversation is not None:
        deed.conversation = replace(deed.conversation, snoozed_until=None)
        deed.event(part, Event(type=EventType.WOKEN, source=source))


def _assign_by_command(deed: Deed, command: AssignContact) -> Refusal | None:
    current, wanted = deed.contact.assignee_id, command.assignee_id
    if current == wanted:
        return None
    if current != command.expected_id:
        holder = deed.before.users.get(current or "")
        who = f"{holder.name} has {deed.contact.name} now" if holder else f"{deed.contact.name} is unassigned now"
        return Refusal("assignment-conflict", f"Somebody else was quicker: {who}.")
    if wanted is not None:
        user = deed.before.users.get(wanted)
        if user is None or not user.active:
            return Refusal("unknown-user", "There is no such active user to assign to.")
    _assign(deed, Part.MAIN, wanted, deed.actor.source)
    if wanted is not None and wanted != deed.actor.user_id:
        deed.mark(wanted, flagged=True)
    return None


def _assign(deed: Deed, part: Part, user_id: str | None, source: Source) -> None:
    previous = deed.contact.assignee_id
    deed.contact = replace(deed.contact, assignee_id=user_id)
    conversation = deed.conversation
    if conversation is not None and user_id is not None:
        deed.conversation = replace(
            conversation,
            first_assignee=conversation.first_assignee or user_id,
            first_assigned_at=conversation.first_assigned_at or deed.at,
            last_assignee=user_id,
            last_assigned_at=deed.at,
            assigned_response_at=None,
        )
    kind = EventType.ASSIGNED if user_id is not None else EventType.UNASSIGNED
    deed.event(part, Event(type=kind, source=source, assignee_id=user_id, previous_id=previous))


def _mark_read(deed: Deed, command: MarkRead) -> Refusal | None:
    if deed.actor.user_id is not None:
        deed.mark(deed.actor.user_id, at=command.up_to, flagged=False)
    return None


def _mark_unread(deed: Deed) -> Refusal | None:
    if deed.actor.user_id is not None:
        deed.mark(deed.actor.user_id, flagged=True)
    return None
