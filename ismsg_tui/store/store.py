"""The agent's local store: one SQLite file that carries out commands, replays them over an authority's truth, and
answers every question of the screens.

One connection writes, under a lock, each change in one immediate transaction; every thread that reads has a connection
of its own that cannot write.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from pathlib import Path

from msgspec.structs import replace

from ismsg_tui.domain.changes import Page
from ismsg_tui.domain.commands import AddComment, Issued, MarkRead, MarkUnread, SendMessage, scope_of
from ismsg_tui.domain.entities import Entity
from ismsg_tui.domain.ids import Part, command_of, derived_id
from ismsg_tui.domain.rules import decide
from ismsg_tui.domain.state import Refusal, Settings
from ismsg_tui.store import outbox
from ismsg_tui.store.blobs import Blobs
from ismsg_tui.store.connection import Connection, open_reader, open_writer
from ismsg_tui.store.drafts import Draft, put_back, write_draft
from ismsg_tui.store.loading import load_settings, load_state
from ismsg_tui.store.migrations import migrate
from ismsg_tui.store.outbox import OutboxEntry, OutboxState
from ismsg_tui.store.replica import (
    Place,
    Replica,
    begin_generation,
    drop_stale,
    find_stale,
    forget_contact,
    move_cursor,
    read_replica,
)
from ismsg_tui.store.unsent import settle
from ismsg_tui.store.writing import (
    SETTINGS,
    refresh_inbox,
    restore_images,
    scope_of_row,
    take_images,
    write_rows,
)

log = logging.getLogger(__name__)

FILE_NAME = "ismsg.db"

Listener = Callable[[frozenset[str]], None]
"""Told after each commit which scopes changed: contact ids, `snippets`, `settings`, `blob:` and a SHA-256.

Called on the writing thread, or on that of a transfer.
"""


class RefusedError(Exception):
    """A rule refused a command; nothing was changed."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.reason)
        self.refusal = refusal


class CursorError(Exception):
    """A page does not continue where this store stands."""

    def __init__(self, page: Page, cursor: int) -> None:
        super().__init__(f"A page from {page.since} to {page.to} does not continue revision {cursor}.")


NOT_VISIBLE = Refusal("not-visible", "This contact is out of your sight now: somebody else looks after it.")
"""Why commands are refused whose contact the user may not see any more."""


class Store:
    """The local store in a folder; created and migrated as needed."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE_NAME
        self._lock = threading.RLock()
        self._writer = open_writer(self.path)
        try:
            migrate(self._writer)
        except BaseException:
            self._writer.close()
            raise
        self._readers = threading.local()
        self._open_readers: list[Connection] = []
        self._foreign_version = 0
        self._settings: Settings | None = None
        self._settings_version = -1
        self._listeners: list[Listener] = []
        self._swept: Place = (0, "")
        """How far `sweep` has come in this process."""
        self.blobs = Blobs(self)
        """The bytes of attachments."""

    def close(self) -> None:
        """Close every connection; the store can't be used afterwards."""
        with self._lock:
            for connection in (*self._open_readers, self._writer):
                connection.close()
            self._open_readers.clear()

    @property
    def reader(self) -> Connection:
        """This thread's reading connection."""
        connection: Connection | None = getattr(self._readers, "connection", None)
        if connection is None:
            connection = open_reader(self.path)
            self._readers.connection = connection
            self._open_readers.append(connection)
        return connection

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Hear of every change made through this object; returns what ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def tell(self, scopes: AbstractSet[str]) -> None:
        """Tell listeners of changes."""
        for listener in tuple(self._listeners) if scopes else ():
            try:
                listener(frozenset(scopes))
            except Exception:  # it is committed: whoever gave the command must not take it for failed
                log.exception("a listener failed")

    def change(self, write: Callable[[Connection], Iterable[str]]) -> None:
        """Write what is no row of the workspace, in a transaction; `write` returns the scopes that changed."""
        with self._transaction() as changed:
            changed.update(write(self._writer))

    @property
    def data_version(self) -> int:
        """A number that changes with every commit, of this process or another; ask on one thread only."""
        version: int = self.reader.execute("PRAGMA data_version").fetchone()[0]
        return version

    @property
    def foreign_version(self) -> int:
        """A number that changes when another process has written; while this one writes, the last one known."""
        # The writer's own commits do not count for it, as they would for a reader.
        if self._lock.acquire(blocking=False):
            try:
                self._foreign_version = self._writer.execute("PRAGMA data_version").fetchone()[0]
            finally:
                self._lock.release()
        return self._foreign_version

    @property
    def settings(self) -> Settings:
        """Workspace, users and channels as they are now; never waits for a writer."""
        version = self.data_version
        known: tuple[int, Settings] | None = getattr(self._readers, "settings", None)
        if known is None or known[0] != version:
            known = self._readers.settings = version, load_settings(self.reader)
        return known[1]

    @property
    def replica(self) -> Replica:
        """Where this store stands with its authority."""
        return read_replica(self.reader)

    @property
    def cursor(self) -> int:
        """The revision up to which this store holds the authority's rows; 0 before the first page."""
        return self.replica.cursor

    # Commands of the agent

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

    # Rows of an authority

    def adopt(self, rows: Sequence[Entity]) -> None:
        """Write rows that are true here without an authority: the workspace's set-up, imported history."""
        with self._transaction() as changed:
            changed.update(self._take_in([(0, row) for row in rows]))
            self._writer.execute("UPDATE replica SET adopted = adopted + 1")

    def given(self, adopted: int) -> None:
        """An authority was given every row that was adopted up to `adopted` times."""
        with self._transaction():
            self._writer.execute("UPDATE replica SET adopted = 0 WHERE adopted = ?", (adopted,))

    def apply(self, page: Page) -> list[Issued]:
        """Take in a page of the authority's rows: rewind unconfirmed commands, write, replay, move the cursor.

        A command that was acknowledged at or before the page's end is confirmed. So where any is unconfirmed the page
        should reach the newest revision; one that does not (`more`) lacks the rows that have changed again since.
        Only the commands of contacts that the page touches are rewound, since no rule looks at another contact. A
        page that was seen already is ignored. Returns the commands that are refused because their contact has gone
        out of sight. Raises CursorError for a page that leaves a gap.
        """
        with self._transaction() as changed:
            place = read_replica(self._writer)
            if page.since > place.cursor:
                raise CursorError(page, place.cursor)
            if page.to < place.cursor or (page.to == place.cursor and not place.rebuilding):
                return []
            confirmed = [
                entry
                for entry in outbox.entries(self._writer, OutboxState.ACKNOWLEDGED)
                if entry.seq is not None and entry.seq <= page.to
            ]
            refused: list[Issued] = []
            for contact_id in page.gone:
                refused += self._lose_sight(contact_id)
                changed.add(contact_id)
            changed.update(self._take_in([(place.base + rev, row) for rev, row in page.rows], confirmed))
            move_cursor(self._writer, page.to, complete=not page.more)
            return refused

    def begin_anew(self, epoch: str, sight: int, *, at: int | None = None, send_again: bool = False) -> None:
        """Take every page again from the first, in the history `epoch` and with that `sight`.

        Rows that are here stay in sight until all have come; `sweep` then drops what did not come. With `send_again`
        the authority may have lost what it took: every command that is still known leaves once more. `at` is when,
        where nobody has asked for it.
        """
        with self._transaction():
            begin_generation(self._writer, epoch, sight, at)
            if send_again:
                outbox.send_all_again(self._writer)
            self._swept = (0, "")

    def sweep(self, limit: int = 1_000) -> bool:
        """Drop some of the rows that did not come again; returns whether there may be more of them.

        Rows that were adopted and that the authority has not been given yet can't have come again: they are waited for.
        """
        place = self.replica
        if not place.sweeping or place.adopted:
            return False
        stale = find_stale(self.reader, place.base, self._swept, limit)
        with self._transaction() as changed:
            now = read_replica(self._writer)
            if now.base != place.base or now.adopted:
                return False
            if stale is None:
                self._writer.execute("UPDATE replica SET sweeping = 0")
                return False
            scopes = outbox.scopes_in_play(self._writer, stale.scopes)
            for scope in scopes:
                changed.update(self._rewind(scope))
            drop_stale(self._writer, stale, place.base)
            changed.update(stale.scopes)
            refresh_inbox(self._writer, changed)
            for scope in scopes:
                changed.update(self._replay(scope))
            self._swept = stale.last
        return True

    def mark_sending(self, entries: Iterable[OutboxEntry]) -> list[OutboxEntry]:
        """Note that commands are on their way: from here on they can't be withdrawn.

        Returns those that may leave; any other has been withdrawn since it was looked up.
        """
        with self._transaction():
            found = [outbox.find(self._writer, entry.issued.id) for entry in entries]
            leaving = [entry for entry in found if entry and entry.state in (OutboxState.PENDING, OutboxState.SENDING)]
            for entry in leaving:
                outbox.set_state(self._writer, entry.n, OutboxState.SENDING)
            return leaving

    def unmark_sending(self, entries: Iterable[OutboxEntry]) -> None:
        """Commands that were `mark_sending` surely have not left: those that waited can be withdrawn again."""
        with self._transaction():
            for entry in entries:
                found = outbox.find(self._writer, entry.issued.id)
                if found and (found.state, entry.state) == (OutboxState.SENDING, OutboxState.PENDING):
                    outbox.set_state(self._writer, entry.n, OutboxState.PENDING)

    def ask_about_old(self, now: int, age: int) -> None:
        """Have the agent asked about messages that wait for longer than `age`, in milliseconds."""
        if outbox.any_old(self.reader, now, age):
            self.change(lambda writer: outbox.ask_about_old(writer, now, age))

    def prune(self, before: int) -> None:
        """Forget the confirmed commands that were given before a time."""
        if outbox.any_confirmed(self.reader, before):
            self.change(lambda writer: outbox.prune(writer, before))

    def want_anew(self) -> None:
        """Ask whoever keeps this store in sync to fill it anew."""

        def ask(writer: Connection) -> set[str]:
            writer.execute("UPDATE replica SET anew_wanted = 1")
            return {SETTINGS}

        self.change(ask)

    def acknowledge(self, command_id: str, seq: int) -> None:
        """The authority carried a command out as revision `seq`; its effect here goes when the truth has come."""
        with self._transaction() as changed:
            entry = outbox.find(self._writer, command_id)
            if entry is None or entry.state is OutboxState.REFUSED:
                return
            cursor: int = self._writer.execute("SELECT cursor FROM replica").fetchone()[0]
            if seq > cursor:
                outbox.set_state(self._writer, entry.n, OutboxState.ACKNOWLEDGED, seq=seq)
                changed.add(scope_of(entry.issued.command))
                return
            changed.update(self._take_out(entry))
            outbox.confirm(self._writer, entry.n)

    def refuse(self, command_id: str, refusal: Refusal) -> Issued | None:
        """The authority refused a command: its effect goes, what it said is kept with the reason (`store.unsent`)."""
        with self._transaction() as changed:
            entry = outbox.find(self._writer, command_id)
            if entry is None or entry.state is OutboxState.REFUSED:
                return None
            line_id = derived_id(command_id, Part.MAIN)
            row = self._writer.execute("SELECT at FROM message WHERE id = ?", (line_id,)).fetchone()
            changed.update(self._take_out(entry))
            issued = replace(entry.issued, at=row["at"]) if row else entry.issued
            outbox.set_refused(self._writer, entry.n, issued, refusal)
            return entry.issued

    def forget(self, command_id: str) -> None:
        """Drop a refused command that the agent has seen."""
        with self._transaction():
            entry = outbox.find(self._writer, command_id)
            if entry is not None and entry.state is OutboxState.REFUSED:
                outbox.remove(self._writer, entry.n)

    def _take_in(self, rows: Sequence[tuple[int, Entity]], confirmed: Sequence[OutboxEntry] = ()) -> set[str]:
        """Write true rows, with their revisions, under the commands that are still unconfirmed."""
        touched = {scope_of_row(row) for _, row in rows} | {scope_of(entry.issued.command) for entry in confirmed}
        scopes = outbox.scopes_in_play(self._writer, touched)
        changed = set(touched)
        for scope in scopes:
            changed.update(self._rewind(scope))
        for entry in confirmed:
            outbox.confirm(self._writer, entry.n)
        changed.update(write_rows(self._writer, [row for _, row in rows], [rev for rev, _ in rows]))
        if SETTINGS in changed:
            self._settings = None
        for scope in scopes:
            changed.update(self._replay(scope))
        return changed

    def _lose_sight(self, contact_id: str) -> list[Issued]:
        """Forget a contact; what has surely not left for it is refused, what may have left waits for its answer."""
        waiting = outbox.played(self._writer, contact_id)
        self._rewind(contact_id)
        forget_contact(self._writer, contact_id)
        refresh_inbox(self._writer, [contact_id])
        refused = []
        for entry in waiting:
            outbox.write_images(self._writer, entry.n, [])
            if entry.state not in (OutboxState.PENDING, OutboxState.ASKING):
                continue
            if isinstance(entry.issued.command, MarkRead | MarkUnread):
                outbox.remove(self._writer, entry.n)
                continue
            outbox.set_refused(self._writer, entry.n, entry.issued, NOT_VISIBLE)
            refused.append(entry.issued)
        return refused

    def _take_out(self, entry: OutboxEntry) -> set[str]:
        """Undo one command's effect under those that came after it."""
        scope = scope_of(entry.issued.command)
        changed = self._rewind(scope, since=entry.n)
        outbox.write_images(self._writer, entry.n, [])
        return changed | self._replay(scope, since=entry.n + 1)

    def _rewind(self, scope: str, since: int = 0) -> set[str]:
        changed = {scope}
        for entry in reversed(outbox.played(self._writer, scope, since)):
            changed.update(restore_images(self._writer, outbox.read_images(self._writer, entry.n)))
        refresh_inbox(self._writer, changed)
        return changed

    def _replay(self, scope: str, since: int = 0) -> set[str]:
        changed = {scope}
        for entry in outbox.played(self._writer, scope, since):
            outcome = decide(load_state(self._writer, self._current_settings(), entry.issued), entry.issued)
            rows = [] if isinstance(outcome, Refusal) else outcome
            outbox.write_images(self._writer, entry.n, take_images(self._writer, rows))
            changed.update(write_rows(self._writer, rows))
        return changed

    def _return_text(self, issued: Issued, now: int) -> None:
        command, user_id = issued.command, issued.actor.user_id
        if user_id is not None and isinstance(command, SendMessage | AddComment):
            draft = Draft(command.text, comment=True)
            if isinstance(command, SendMessage):
                draft = Draft(command.text, attachments=command.attachments, reply_to=command.reply_to)
            put_back(self._writer, user_id, command.contact_id, draft, now)

    # Plumbing

    def _current_settings(self) -> Settings:
        version: int = self._writer.execute("PRAGMA data_version").fetchone()[0]
        if self._settings is None or version != self._settings_version:
            self._settings, self._settings_version = load_settings(self._writer), version
        return self._settings

    @contextmanager
    def _transaction(self) -> Iterator[set[str]]:
        """One immediate transaction; yields the set of changed scopes, which listeners hear of after the commit."""
        changed: set[str] = set()
        with self._lock:
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield changed
                self._writer.execute("COMMIT")
            except BaseException:
                self._settings = None
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise
            if SETTINGS in changed:
                self._settings = None
        self.tell(changed)
