"""The rules of conversations: how they open, sleep, change hands and close."""

from __future__ import annotations

from msgspec.structs import replace

from ismsg_tui.domain.commands import AssignContact, CloseConversation, SnoozeConversation
from ismsg_tui.domain.deed import Deed
from ismsg_tui.domain.entities import ClosingNotes, Conversation, ConversationStatus, Event, EventType, Source
from ismsg_tui.domain.ids import Part, derived_id
from ismsg_tui.domain.state import Refusal, State

CATEGORY_LIMIT = 128
SUMMARY_LIMIT = 512


def open_by_hand(deed: Deed) -> Refusal | None:
    """Open a conversation because somebody asks for it."""
    if deed.contact.blocked:
        return Refusal("contact-blocked", f"{deed.contact.name} is blocked.")
    if deed.conversation is not None:
        return Refusal("already-open", f"{deed.contact.name} already has an open conversation.")
    open_conversation(deed, deed.actor.source, deed.contact.channel_id, part=Part.MAIN)
    return None


def open_conversation(deed: Deed, source: Source, channel_id: str | None, part: Part = Part.OPENED) -> None:
    """Open a conversation as part of what the command does."""
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


def close(deed: Deed, command: CloseConversation) -> Refusal | None:
    """Close the open conversation with the closing note that the workspace asks for."""
    conversation = deed.conversation
    if conversation is None:
        return Refusal("not-open", f"{deed.contact.name} has no open conversation.")
    if deed.contact.blocked:
        return Refusal("contact-blocked", f"{deed.contact.name} is blocked.")
    refusal = _check_closing_note(deed.before, command, manual=deed.by_person)
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
        assign(deed, Part.UNASSIGNED, None, Source.CLOSE_LEGACY)
    return None


def _check_closing_note(state: State, command: CloseConversation, *, manual: bool) -> Refusal | None:
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


def snooze(deed: Deed, command: SnoozeConversation) -> Refusal | None:
    """Hide the open conversation until a time in the future."""
    conversation = deed.conversation
    if conversation is None:
        return Refusal("not-open", f"{deed.contact.name} has no open conversation to snooze.")
    if command.until <= deed.at:
        return Refusal("past-time", "A snooze must end in the future.")
    deed.conversation = replace(conversation, snoozed_until=command.until)
    deed.event(Part.MAIN, Event(type=EventType.SNOOZED, source=deed.actor.source, until=command.until))
    return None


def wake_by_command(deed: Deed) -> Refusal | None:
    """End a snooze because somebody asks for it, or because its time has come."""
    conversation = deed.conversation
    if conversation is None or conversation.snoozed_until is None:
        return None
    # A timer that went off for a snooze which was prolonged meanwhile wakes nobody.
    if deed.actor.source is not Source.TIMER or conversation.snoozed_until <= deed.at:
        wake(deed, deed.actor.source, part=Part.MAIN)
    return None


def wake(deed: Deed, source: Source, part: Part = Part.WOKEN) -> None:
    """End a snooze as part of what the command does."""
    if deed.conversation is not None:
        deed.conversation = replace(deed.conversation, snoozed_until=None)
        deed.event(part, Event(type=EventType.WOKEN, source=source))


def assign_by_command(deed: Deed, command: AssignContact) -> Refusal | None:
    """Give the contact to somebody, unless somebody else was quicker."""
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
    assign(deed, Part.MAIN, wanted, deed.actor.source)
    if wanted is not None and wanted != deed.actor.user_id:
        deed.mark(wanted, flagged=True)
    return None


def assign(deed: Deed, part: Part, user_id: str | None, source: Source) -> None:
    """Change the assignee as part of what the command does."""
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
