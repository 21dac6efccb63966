"""The store as a replica: rows of an authority under the commands that it has not confirmed, rewound and replayed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from msgspec.structs import replace

from ismsg_tui.domain.changes import Page
from ismsg_tui.domain.commands import Issued, MarkRead, MarkUnread, scope_of
from ismsg_tui.domain.entities import Entity
from ismsg_tui.domain.ids import Part, derived_id
from ismsg_tui.domain.rules import decide
from ismsg_tui.domain.state import Refusal
from ismsg_tui.store import departures, outbox
from ismsg_tui.store.connection import Connection
from ismsg_tui.store.loading import load_state
from ismsg_tui.store.outbox import OutboxEntry, OutboxState
from ismsg_tui.store.replica import (
    Place,
    begin_generation,
    disown,
    drop_stale,
    find_stale,
    forget_contact,
    move_cursor,
    read_replica,
)
from ismsg_tui.store.store_file import StoreFile
from ismsg_tui.store.writing import SETTINGS, refresh_inbox, restore_images, scope_of_row, take_images, write_rows


class CursorError(Exception):
    """A page does not continue where this store stands."""

    def __init__(self, page: Page, cursor: int) -> None:
        super().__init__(f"A page from {page.since} to {page.to} does not continue revision {cursor}.")


NOT_VISIBLE = Refusal("not-visible", "This contact is out of your sight now: somebody else looks after it.")
"""Why commands are refused whose contact the user may not see any more."""


class FollowingStore(StoreFile):
    """A store that follows an authority."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._swept: Place = (0, "")
        """How far `sweep` has come in this process."""

    def adopt(self, rows: Sequence[Entity]) -> None:
        """Write rows that are true here without an authority: the workspace's set-up, imported history."""
        with self._transaction() as changed:
            changed.update(self._take_in([(0, row) for row in rows]))
            self._writer.execute("UPDATE replica SET adopted = adopted + 1")

    def disown(self) -> None:
        """No authority knows the rows any more: all of them count as adopted here."""
        with self._transaction():
            disown(self._writer)

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
        self._expect(many=page.more)
        with self._transaction() as changed:
            return self._apply(page, changed)

    def begin_anew(self, epoch: str, sight: int, head: int, *, at: int | None = None, send_again: bool = False) -> None:
        """Take every page again from the first, in the history `epoch`, that is at revision `head`, with that `sight`.

        Rows that are here stay in sight until all have come; `sweep` then drops what did not come. With `send_again`
        the authority may have lost what it took: every command that is still known leaves once more. `at` is when,
        where nobody has asked for it.
        """
        with self._transaction():
            begin_generation(self._writer, epoch, sight, head, at)
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
        if departures.any_old(self.reader, now, age):
            self.change(lambda writer: departures.ask_about_old(writer, now, age))

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

    def _apply(self, page: Page, changed: set[str]) -> list[Issued]:
        place = read_replica(self._writer)
        if page.since > place.cursor:
            raise CursorError(page, place.cursor)
        if page.to < place.cursor or (page.to == place.cursor and not place.rebuilding):
            return []
        confirmed = self._confirmed_by(page.to)
        refused: list[Issued] = []
        for contact_id in page.gone:
            refused += self._lose_sight(contact_id)
            changed.add(contact_id)
        changed.update(self._take_in([(place.base + rev, row) for rev, row in page.rows], confirmed))
        move_cursor(self._writer, page.to, complete=not page.more)
        return refused

    def _confirmed_by(self, revision: int) -> list[OutboxEntry]:
        """The commands whose truth has come with the rows up to a revision."""
        acknowledged = outbox.entries(self._writer, OutboxState.ACKNOWLEDGED)
        return [entry for entry in acknowledged if entry.seq is not None and entry.seq <= revision]

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
