"""The agent's local store: one SQLite file that carries out commands, replays them over an authority's truth, and
answers every question of the screens.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ismsg_tui.domain.commands import AddComment, Issued, SendMessage, scope_of
from ismsg_tui.domain.ids import Part, command_of
from ismsg_tui.domain.rules import decide
from ismsg_tui.domain.state import Refusal
from ismsg_tui.store import outbox
from ismsg_tui.store.blobs import Blobs
from ismsg_tui.store.drafts import Draft, put_back, write_draft
from ismsg_tui.store.following import NOT_VISIBLE, CursorError
from ismsg_tui.store.loading import load_state
from ismsg_tui.store.outbox import OutboxEntry, OutboxState
from ismsg_tui.store.snapshot import TakingStore
from ismsg_tui.store.store_file import FILE_NAME, Listener
from ismsg_tui.store.unsent import settle
from ismsg_tui.store.writing import take_images, write_rows


class RefusedError(Exception):
    """A rule refused a command; nothing was changed."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.reason)
        self.refusal = refusal


class Store(TakingStore):
    """The local store in a folder; created and migrated as needed."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.blobs = Blobs(self)
        """The bytes of attachments."""

    def execute(
        self, issued: Issued, *, hold_until: int = 0, drop_draft: bool = False, settles: str = ""
    ) -> OutboxEntry | None:
        """Carry out a command and queue it for the authority, in one transaction.

        With `drop_draft` the acting user's draft for the contact goes in the same transaction; `settles` is the line
        that was not sent, and that this command sends anew. Returns None if the command changes nothing or is in the
        outbox already. Raises RefusedError.
        """
        scope = scope_of(issued.command)
        with self._transaction() as changed:
            if outbox.find(self._writer, issued.id) is not None:
                return None
            outcome = decide(load_state(self._writer, self._current_settings(), issued), issued)
            if isinstance(outcome, Refusal):
                raise RefusedError(outcome)
            if drop_draft and issued.actor.user_id is not None:
                write_draft(self._writer, issued.actor.user_id, scope, Draft(), issued.at)
                changed.add(scope)
            if settles:
                settle(self._writer, settles)
                changed.add(scope)
            if not outcome:
                return None
            images = take_images(self._writer, outcome)
            changed.update(write_rows(self._writer, outcome))
            return outbox.enqueue(self._writer, issued, scope, hold_until=hold_until, images=images)

    def execute_snippets(self, commands: Sequence[Issued]) -> None:
        """Carry out many snippet commands and queue them, all of them or, when one raises RefusedError, none."""
        if not commands:
            return
        with self._transaction() as changed:
            state = load_state(self._writer, self._current_settings(), commands[0])
            for issued in commands:
                outcome = decide(state, issued)
                if isinstance(outcome, Refusal):
                    raise RefusedError(outcome)
                state = state.after(outcome)
                images = take_images(self._writer, outcome)
                changed.update(write_rows(self._writer, outcome))
                outbox.enqueue(self._writer, issued, scope_of(issued.command), hold_until=0, images=images)

    def withdraw(self, command_id: str, now: int) -> Issued | None:
        """Take back a command that has not left: as if it had never been given, its text back in the draft.

        Returns None if it is too late.
        """
        with self._transaction() as changed:
            entry = outbox.find(self._writer, command_id)
            if entry is None or entry.state not in (OutboxState.PENDING, OutboxState.ASKING):
                return None
            changed.update(self._take_out(entry))
            outbox.remove(self._writer, entry.n)
            self._return_text(entry.issued, now)
            return entry.issued

    def confirm(self, command_id: str, now: int) -> None:
        """Let a command leave that the agent was asked about."""
        with self._transaction() as changed:
            entry = outbox.find(self._writer, command_id)
            if entry is not None and entry.state is OutboxState.ASKING:
                outbox.let_go(self._writer, entry.n, now)
                changed.add(scope_of(entry.issued.command))

    def settle(
        self, contact_id: str, message_id: str, now: int, *, user_id: str = "", draft: Draft | None = None
    ) -> None:
        """The agent has dealt with something that was not sent: it waits no longer, and one asked about is withdrawn.

        With `draft` what it said goes into the user's draft, above what is typed there.
        """
        with self._transaction() as changed:
            entry = outbox.find(self._writer, command_of(message_id, Part.MAIN))
            if entry is not None and entry.state is OutboxState.ASKING:
                changed.update(self._take_out(entry))
                outbox.remove(self._writer, entry.n)
            elif entry is not None and entry.state in (OutboxState.PENDING, OutboxState.SENDING):
                return
            else:
                settle(self._writer, message_id)
            if draft is not None:
                put_back(self._writer, user_id, contact_id, draft, now)
            changed.add(contact_id)

    def save_draft(self, user_id: str, contact_id: str, draft: Draft, now: int) -> None:
        """Keep what the user has typed for a contact."""
        with self._transaction() as changed:
            write_draft(self._writer, user_id, contact_id, draft, now)
            changed.add(contact_id)

    def _return_text(self, issued: Issued, now: int) -> None:
        command, user_id = issued.command, issued.actor.user_id
        if user_id is not None and isinstance(command, SendMessage | AddComment):
            draft = Draft(command.text, comment=True)
            if isinstance(command, SendMessage):
                draft = Draft(command.text, attachments=command.attachments, reply_to=command.reply_to)
            put_back(self._writer, user_id, command.contact_id, draft, now)


__all__ = ["FILE_NAME", "NOT_VISIBLE", "CursorError", "Listener", "RefusedError", "Store"]
