"""The one door between the front ends and everything below: what an agent can see and do in the inbox.

Contacts, drafts and snippets are parts of their own, which `Inbox` holds. Reading methods are indexed and bounded, and
may be called on any thread. Acting methods write one transaction each and belong on a thread that may wait for a disk.
"""

from __future__ import annotations

from pathlib import Path

from ismsg_tui.clock import new_id, now_ms
from ismsg_tui.domain.commands import (
    Actor,
    AddComment,
    AssignContact,
    CloseConversation,
    Command,
    Issued,
    MarkRead,
    MarkUnread,
    OpenConversation,
    SendMessage,
    SnoozeConversation,
    WakeConversation,
)
from ismsg_tui.domain.entities import Attachment, Channel, Message, Role, Source, User, Workspace
from ismsg_tui.domain.ids import content_id
from ismsg_tui.domain.mentions import mentioned
from ismsg_tui.domain.state import Refusal
from ismsg_tui.domain.text import clean, file_name
from ismsg_tui.inbox.contacts import Contacts
from ismsg_tui.inbox.drafts import Drafts
from ismsg_tui.inbox.snippets import Snippets
from ismsg_tui.store import outbox
from ismsg_tui.store.lists import due_to_wake
from ismsg_tui.store.loading import load_ids
from ismsg_tui.store.rows import MESSAGE
from ismsg_tui.store.search import Hit, search_messages
from ismsg_tui.store.store import RefusedError, Store
from ismsg_tui.store.timeline import Line, Place, messages_with_files, timeline_page

TIMER = Actor(None, Source.TIMER)


class Inbox:
    """A workspace as one user sees and works it."""

    def __init__(self, store: Store, user_id: str, *, hold: int = 0) -> None:
        """`hold` is how long, in milliseconds, a message and a closing wait before they leave and can be undone."""
        self.store = store
        self.user_id = user_id
        self.hold = hold
        self.blobs = store.blobs
        self.contacts = Contacts(store, user_id)
        self.drafts = Drafts(store, user_id)
        self.snippets = Snippets(store, self.act)
        self._undoable: list[Issued] = []

    @classmethod
    def open(cls, folder: Path, user: str) -> Inbox:
        """Open the local workspace in `folder` as the user of that name, email or id; both are created if missing."""
        store = Store(folder)
        return cls(store, enter_workspace(store, user).id)

    def close_store(self) -> None:
        """Close the files; the inbox can't be used afterwards."""
        self.store.close()

    # Who and where

    @property
    def workspace(self) -> Workspace:
        """The workspace and its rules."""
        return self.store.settings.workspace

    @property
    def users(self) -> dict[str, User]:
        """Everybody in the workspace by id, in order of name."""
        return dict(self.store.settings.users)

    @property
    def me(self) -> User:
        """The user who acts."""
        return self.store.settings.users[self.user_id]

    @property
    def channels(self) -> dict[str, Channel]:
        """The connected channels by id."""
        return dict(self.store.settings.channels)

    # Reading

    def timeline(
        self, contact_id: str, *, before: Place | None = None, after: Place | None = None, limit: int = 50
    ) -> list[Line]:
        """Lines of a contact's timeline in order of time; see `store.timeline.timeline_page`."""
        return timeline_page(self.store.reader, contact_id, before=before, after=after, limit=limit)

    def message(self, message_id: str) -> Message | None:
        """One message, if it is here."""
        return next(iter(load_ids(self.store.reader, MESSAGE, [message_id])), None)

    def messages_with_files(self, contact_id: str) -> list[Message]:
        """The contact's newest messages that hold files, the newest first; may take a moment."""
        return messages_with_files(self.store.reader, contact_id)

    def search(self, query: str, limit: int = 50) -> list[Hit]:
        """The newest messages and comments that hold every word of `query` and pass its filters. Raises SearchError."""
        return search_messages(self.store.reader, query, limit, user_id=self.user_id, users=self.store.settings.users)

    def unsent(self) -> int:
        """How many messages no server has taken yet."""
        return outbox.unsent_messages(self.store.reader)

    # Acting

    def act(self, command: Command, *, hold: int = 0, drop_draft: bool = False, settles: str = "") -> Issued | None:
        """Carry out a command as the user; None if it changes nothing. Raises RefusedError.

        `settles` is the id of a line that was not sent and that this sends anew, here and in what follows.
        """
        issued = Issued(new_id(), command, Actor(self.user_id), now_ms())
        until = issued.at + hold if hold else 0
        entry = self.store.execute(issued, hold_until=until, drop_draft=drop_draft, settles=settles)
        return issued if entry else None

    def _act_undoably(
        self, command: Command, *, hold: int = 0, drop_draft: bool = False, settles: str = ""
    ) -> Issued | None:
        issued = self.act(command, hold=hold, drop_draft=drop_draft, settles=settles)
        if issued is not None:
            self._undoable.append(issued)
        return issued

    def reply(
        self,
        contact_id: str,
        text: str,
        attachments: tuple[Attachment, ...] = (),
        *,
        reply_to: str | None = None,
        drop_draft: bool = False,
        settles: str = "",
    ) -> Issued | None:
        """Send a message; an unassigned contact becomes the user's. It leaves once its files are with the authority.

        `reply_to` is the id of the message that it quotes. Raises RefusedError.
        """
        for attachment in attachments:
            if self.blobs.path(attachment.sha256) is None:
                name = file_name(attachment.name)
                raise RefusedError(Refusal("file-gone", f"{name} is not here any more: attach it again."))
        command = SendMessage(contact_id, clean(text), attachments=attachments, reply_to=reply_to)
        return self._act_undoably(command, hold=self.hold, drop_draft=drop_draft, settles=settles)

    def comment(self, contact_id: str, text: str, *, drop_draft: bool = False, settles: str = "") -> Issued | None:
        """Write an internal comment; whom it mentions by `@name` is told. Raises RefusedError."""
        text = clean(text)
        command = AddComment(contact_id, text, mentioned(text, self.users.values()))
        return self.act(command, drop_draft=drop_draft, settles=settles)

    def assign(self, contact_id: str, user_id: str | None) -> Issued | None:
        """Give a contact to a user or to nobody. Raises RefusedError."""
        card = self.contacts.card(contact_id)
        current = card.contact.assignee_id if card else None
        return self._act_undoably(AssignContact(contact_id, user_id, expected_id=current))

    def open_conversation(self, contact_id: str) -> Issued | None:
        """Open a conversation by hand. Raises RefusedError."""
        return self.act(OpenConversation(contact_id))

    def close(
        self,
        contact_id: str,
        *,
        category: str = "",
        summary: str = "",
        seen_at: int | None = None,
        settles: str = "",
    ) -> Issued | None:
        """Close the open conversation; `seen_at` is the newest incoming message on screen. Raises RefusedError."""
        command = CloseConversation(contact_id, clean(category).strip(), clean(summary).strip(), seen_at)
        return self._act_undoably(command, hold=self.hold, settles=settles)

    def snooze(self, contact_id: str, until: int) -> Issued | None:
        """Hide the open conversation until a time in milliseconds, or until the contact writes. Raises RefusedError."""
        return self._act_undoably(SnoozeConversation(contact_id, until))

    def wake(self, contact_id: str) -> Issued | None:
        """End a snooze. Raises RefusedError."""
        return self.act(WakeConversation(contact_id))

    def wake_due(self) -> int:
        """Wake every conversation whose snooze has ended; returns how many."""
        due = due_to_wake(self.store.reader, now_ms())
        for contact_id in due:
            self.store.execute(Issued(new_id(), WakeConversation(contact_id), TIMER, now_ms()))
        return len(due)

    def mark_read(self, contact_id: str, up_to: int) -> Issued | None:
        """Note that the user has read everything up to a time in milliseconds."""
        return self.act(MarkRead(contact_id, up_to))

    def mark_unread(self, contact_id: str) -> Issued | None:
        """Mark a contact for later."""
        return self.act(MarkUnread(contact_id))

    def undo(self) -> Issued | None:
        """Take back the user's last message, closing, snooze or assignment of this run; returns what was undone.

        What has not left is withdrawn as if it had never been; an assignment that has left is set back, and a snooze
        ended. Returns None if there is nothing to undo, or only what can't be undone any more.
        """
        while self._undoable:
            issued = self._undoable.pop()
            if self.store.withdraw(issued.id, now_ms()) is not None:
                return issued
            match issued.command:
                case AssignContact(contact_id=contact, assignee_id=assigned, expected_id=before):
                    return self.act(AssignContact(contact, before, expected_id=assigned)) and issued
                case SnoozeConversation(contact_id=contact):
                    return self.act(WakeConversation(contact)) and issued
            return None
        return None


def enter_workspace(store: Store, user: str) -> User:
    """The user whom `user` means by id, name or email; a workspace or user that is missing is created.

    Whoever creates the workspace is its owner. Ids follow from names: processes that begin at the same time create them
    once.
    """
    wanted = clean(user).strip() or "Agent"
    settings = store.settings
    for known in settings.users.values():
        if wanted in (known.id, known.email) or wanted.casefold() == known.name.casefold():
            return known
    rows: list[Workspace | User] = []
    role = Role.AGENT
    if not settings.workspace.id:
        rows.append(Workspace(id=content_id(0, "workspace"), name="Local inbox"))
        role = Role.OWNER
    created = User(id=content_id(0, "user", wanted), name=wanted, role=role)
    store.adopt([*rows, created])
    return created
