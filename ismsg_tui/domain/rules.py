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
from ismsg_tui.domain.conversation_rules import assign_by_command, close, open_by_hand, snooze, wake_by_command
from ismsg_tui.domain.deed import Deed
from ismsg_tui.domain.ids import Part, derived_id
from ismsg_tui.domain.message_rules import comment, receive, send, set_delivery
from ismsg_tui.domain.rights import UNKNOWN_CONTACT, may
from ismsg_tui.domain.snippet_rules import decide_snippet
from ismsg_tui.domain.state import Outcome, Refusal, State


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
            return receive(deed, command)
        case SendMessage():
            return send(deed, command)
        case SetDelivery():
            return set_delivery(deed, command)
        case AddComment():
            return comment(deed, command)
        case OpenConversation():
            return open_by_hand(deed)
        case CloseConversation():
            return close(deed, command)
        case SnoozeConversation():
            return snooze(deed, command)
        case WakeConversation():
            return wake_by_command(deed)
        case AssignContact():
            return assign_by_command(deed, command)
        case MarkRead():
            return _mark_read(deed, command)
        case MarkUnread():
            return _mark_unread(deed)
        case CreateContact():
            raise TypeError("a contact is created before there is anything to carry out on it")
        case _:
            assert_never(command)


def _mark_read(deed: Deed, command: MarkRead) -> Refusal | None:
    if deed.actor.user_id is not None:
        deed.mark(deed.actor.user_id, at=command.up_to, flagged=False)
    return None


def _mark_unread(deed: Deed) -> Refusal | None:
    if deed.actor.user_id is not None:
        deed.mark(deed.actor.user_id, flagged=True)
    return None
