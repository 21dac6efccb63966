"""What a rule may look at, and how rows change it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from ismsg_tui.domain.entities import (
    Channel,
    Contact,
    Conversation,
    ConversationStatus,
    Entity,
    Message,
    ReadMark,
    Snippet,
    User,
    Workspace,
)


class Refusal(Struct, frozen=True):
    """Why a command is not carried out."""

    code: str
    """Stable, for programs."""
    reason: str
    """A sentence for the agent."""


def newness(conversation: Conversation) -> tuple[bool, int, str]:
    """By what a contact's conversations are ordered, the newest last: an open one is newer than any closed one."""
    return conversation.status is ConversationStatus.OPEN, conversation.opened_at, conversation.id


Outcome = list[Entity] | Refusal
"""What a rule decides: rows to write, newest state of each, in timeline order, none where nothing changes."""


class Settings(Struct, frozen=True):
    """Workspace, users and channels: what every decision needs and what rarely changes."""

    workspace: Workspace
    users: Mapping[str, User]
    channels: Mapping[str, Channel]


class State(Struct, frozen=True, kw_only=True):
    """The part of the workspace that one command is decided on; whoever loads it leaves out the rest."""

    workspace: Workspace
    users: Mapping[str, User]
    channels: Mapping[str, Channel]
    contact: Contact | None = None
    conversation: Conversation | None = None
    """The contact's newest."""
    messages: Mapping[str, Message] = field(default_factory=dict)
    """Timeline lines by id: those that the command speaks of or would make."""
    marks: Mapping[str, ReadMark] = field(default_factory=dict)
    """The contact's read marks by user id."""
    snippets: Mapping[str, Snippet] = field(default_factory=dict)

    @property
    def open_conversation(self) -> Conversation | None:
        """The contact's open conversation, snoozed or not."""
        conversation = self.conversation
        return conversation if conversation and conversation.status is ConversationStatus.OPEN else None

    def after(self, rows: Iterable[Entity]) -> State:
        """The state once `rows` are written; rows of other contacts must not be among them."""
        contact, conversation = self.contact, self.conversation
        messages, marks, snippets = dict(self.messages), dict(self.marks), dict(self.snippets)
        for row in rows:
            match row:
                case Contact():
                    contact = row
                case Conversation():
                    if conversation is None or row.id == conversation.id or newness(row) > newness(conversation):
                        conversation = row
                case Message():
                    messages[row.id] = row
                case ReadMark():
                    marks[row.user_id] = row
                case Snippet():
                    snippets[row.id] = row
                case _:
                    raise TypeError(f"no rule writes a {type(row).__name__}")
        return replace(
            self, contact=contact, conversation=conversation, messages=messages, marks=marks, snippets=snippets
        )
