"""Who may do what, and whom he may see: asked by the rules, so that a console knows the answer before a server does."""

from __future__ import annotations

from typing import Protocol

from ismsg_tui.domain.commands import (
    CreateContact,
    DeleteSnippet,
    Issued,
    ReceiveMessage,
    SaveSnippet,
    SetDelivery,
    SnippetCommand,
)
from ismsg_tui.domain.entities import Role, Source, User, Visibility
from ismsg_tui.domain.state import Refusal, State

UNKNOWN_CONTACT = Refusal("unknown-contact", "There is no such contact any more.")
"""The answer about a contact that does not exist, and about one that somebody may not see: they can't be told apart."""


class Looking(Protocol):
    """What says how much somebody sees: a user, or whoever asks for one."""

    @property
    def role(self) -> Role:
        """What he is in the workspace."""

    @property
    def visibility(self) -> Visibility:
        """How much an agent sees."""


def sees_all(viewer: Looking) -> bool:
    """Whether a user sees every contact: owners and managers always do."""
    return viewer.role is not Role.AGENT or viewer.visibility is Visibility.ALL


def sees(viewer: User, assignee: User | None) -> bool:
    """Whether a user may see a contact that `assignee` holds; contacts that nobody holds are for those who see all."""
    if sees_all(viewer):
        return True
    if assignee is None:
        return False
    if assignee.id == viewer.id:
        return True
    return viewer.visibility is Visibility.TEAM and bool(viewer.team) and viewer.team == assignee.team


def sees_contact(state: State, viewer: User) -> bool:
    """Whether a user may see the contact of a state."""
    return state.contact is not None and sees(viewer, state.users.get(state.contact.assignee_id or ""))


def may(state: State, issued: Issued) -> Refusal | None:
    """Why the acting user may not give this command, None if he may. Channels, timers and imports always may."""
    command, actor = issued.command, issued.actor
    if actor.source is not Source.USER:
        return None
    user = state.users.get(actor.user_id or "")
    if user is None or not user.active:
        return Refusal("unknown-user", "You are not an active user of this workspace.")
    if not isinstance(command, SnippetCommand | CreateContact) and not sees_contact(state, user):
        return UNKNOWN_CONTACT
    if isinstance(command, CreateContact | ReceiveMessage | SetDelivery):
        return Refusal("not-allowed", "Only a channel can say what a contact wrote, and what became of a message.")
    if isinstance(command, SaveSnippet | DeleteSnippet) and user.role is Role.AGENT:
        return Refusal("not-allowed", "Only owners and managers change snippets: ask one of them.")
    return None
