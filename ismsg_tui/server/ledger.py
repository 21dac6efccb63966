"""The ledger of every workspace: carries commands out, one transaction each, and tells what changed since a revision.

A transaction takes its locks in one order: what the command is about, then the counter of the workspace. So revisions
have no holes, and whoever has seen one has seen all before it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence

import sqlalchemy as sa
from msgspec.structs import replace
from sqlalchemy.exc import IntegrityError

from ismsg_tui.clock import now_ms
from ismsg_tui.domain import wire
from ismsg_tui.domain.commands import (
    SNIPPETS,
    Actor,
    CreateContact,
    Issued,
    SaveSnippet,
    SendMessage,
    WakeConversation,
    scope_of,
)
from ismsg_tui.domain.entities import Attachment, Entity, Message, Source
from ismsg_tui.domain.rights import UNKNOWN_CONTACT, sees_all, sees_contact
from ismsg_tui.domain.rules import decide
from ismsg_tui.domain.state import Outcome, Refusal, Settings, State
from ismsg_tui.domain.text import file_name
from ismsg_tui.server import tables
from ismsg_tui.server.accounts import Viewer
from ismsg_tui.server.checks import faults
from ismsg_tui.server.database import Database
from ismsg_tui.server.errors import ProblemError
from ismsg_tui.server.feed import Reader, SharedPages, contacts_in_sight, count_rows, reader_of
from ismsg_tui.server.receipts import digest, find_receipt, keep_receipt
from ismsg_tui.server.restored import hold_in_doubt
from ismsg_tui.server.rows import read_row, write_rows
from ismsg_tui.server.seeding import SEED_ROWS, seed_rows
from ismsg_tui.server.states import (
    SettingsCache,
    Standing,
    count_up,
    load_state,
    lock_scope,
    read_standing,
)

FILE_MISSING = "file-missing"
"""The code of the refusal of a command whose files have not arrived; it leaves no receipt, so it may come again."""

log = logging.getLogger(__name__)

Within = Callable[[sa.Connection], None]
Hook = Callable[[sa.Connection, str, int, Issued | None, Sequence[Entity]], None]
BlobCheck = Callable[[sa.Connection, str, str, Reader | None], bool]

_RESTORED = "The workspace was restored from a backup."
_SIGHT = sa.select(tables.member.c.sight).where(
    tables.member.c.ws == sa.bindparam("ws"), tables.member.c.user_id == sa.bindparam("user")
)


class Ledger:
    """What is true in the workspaces of a database. Any thread, and any process on the same database, may call."""

    def __init__(self, database: Database, clock: Callable[[], int] = now_ms) -> None:
        """`clock` says when a command happens, in milliseconds; what the command says itself is not asked."""
        self._db = database
        self._clock = clock
        self._settings = SettingsCache()
        self._pages = SharedPages()
        self._listeners: list[Callable[[str, int], None]] = []
        self.after_effects: list[Hook] = []
        """Called in the transaction, after rows are written: connection, workspace, revision, command, rows.

        The command is None for rows that were seeded.
        """
        self.blob_check: BlobCheck | None = None
        """Says, in the transaction, whether a workspace has the bytes of a file, and whoever refers to it may.

        Nobody in particular, who may, is a channel, a timer or an import.
        """

    def on_commit(self, listener: Callable[[str, int], None]) -> None:
        """Have `listener` told workspace and revision after each commit, on the thread that made it."""
        self._listeners.append(listener)

    # Commands

    def push(self, viewer: Viewer, commands: Sequence[Issued], epoch: str = "") -> wire.Results:
        """Carry out a user's commands in order; one that was seen before is answered as then.

        Whoever names the `epoch` for which they are has none carried out in another history, in which others have to
        come first. Raises ProblemError: 410 for that, 422 for a command that can't be one, or another one under an id
        that was used, 503 where the database is busy. Where some commands were carried out before that, their results
        are returned.
        """
        if epoch not in ("", viewer.epoch):
            raise _begin_anew("cursor-epoch", _RESTORED)
        wrong = [
            wire.FieldError(f"/commands/{place}{fault.pointer}", fault.detail)
            for place, issued in enumerate(commands)
            for fault in faults(issued)
        ]
        if wrong:
            raise ProblemError(422, "malformed", "A command can't be understood.", errors=wrong)
        results: list[wire.Result] = []
        for issued in commands:
            try:
                results.append(self._carry_out(viewer.workspace_id, _by_user(viewer, issued), viewer))
            except ProblemError:
                if not results:
                    raise
                break
        return wire.Results(results, self.head(viewer.workspace_id))

    def submit(self, workspace_id: str, issued: Issued, *, within: Within | None = None) -> wire.Result:
        """Carry out a command of a channel, a timer or an import.

        `within` is called in the same transaction, after the effects and where nothing changed; not where the command
        was refused, nor where it was seen before. What it raises undoes everything. Raises ProblemError, 409
        `conflict` where a unique key stands against what `within` writes.
        """
        return self._carry_out(workspace_id, issued, within=within)

    def _carry_out(
        self, ws: str, issued: Issued, viewer: Viewer | None = None, within: Within | None = None
    ) -> wire.Result:
        for again in (True, False):
            try:
                result, changed = self._transact(ws, issued, viewer, within)
            except IntegrityError as error:
                # Somebody was quicker with the same command, or with a conversation for the same contact.
                if not again:
                    raise ProblemError(409, "conflict", "Something else was done at the same time.") from error
            else:
                if changed:
                    self._tell(ws, result.seq)
                break
        return result

    def _transact(
        self, ws: str, issued: Issued, viewer: Viewer | None, within: Within | None
    ) -> tuple[wire.Result, bool]:
        """Carry out a command in one transaction; returns its result and whether anything changed."""
        with self._db.write() as connection:
            fingerprint = digest(issued)
            known = find_receipt(connection, ws, issued.id, fingerprint)
            if known is not None:
                return known, False
            standing = read_standing(connection, ws)
            settings = self._settings.read(connection, standing)
            belated = viewer is not None and issued.at < standing.restored_at
            command = issued.command
            by_user = issued.actor.source is Source.USER
            create = scope_of(command) == SNIPPETS or (isinstance(command, CreateContact) and not by_user)
            scope = lock_scope(connection, ws, scope_of(command), create=create)
            issued = replace(issued, at=max(self._clock(), scope.last_at + 1 if scope else 0))
            outcome = self._decide(connection, ws, load_state(connection, ws, settings, scope, issued), issued, viewer)
            if isinstance(outcome, Refusal):
                result = wire.Result(issued.id, refusal=outcome)
            else:
                if outcome:
                    seq = self._write(connection, ws, issued, outcome)
                    if belated:
                        hold_in_doubt(connection, ws, [row.id for row in outcome if isinstance(row, Message)])
                else:
                    seq = read_standing(connection, ws).head
                if within is not None:
                    within(connection)
                result = wire.Result(issued.id, seq)
            if not isinstance(outcome, Refusal) or outcome.code != FILE_MISSING:
                device_id = viewer.device_id if viewer is not None else None
                keep_receipt(connection, ws, result, fingerprint, device_id, issued.at)
            return result, bool(outcome) and not isinstance(outcome, Refusal)

    def _decide(
        self, connection: sa.Connection, ws: str, state: State, issued: Issued, viewer: Viewer | None
    ) -> Outcome:
        if viewer is not None and issued.actor.user_id is None:
            # A timer of a console: it may see no more than the console's user.
            user = state.users.get(viewer.user_id)
            if user is None or not sees_contact(state, user):
                return UNKNOWN_CONTACT
        outcome = decide(state, issued)
        if outcome and not isinstance(outcome, Refusal) and self.blob_check is not None:
            reader = reader_of(state.users, viewer.user_id) if viewer is not None else None
            for attachment in _files_of(issued):
                if not self.blob_check(connection, ws, attachment.sha256, reader):
                    return Refusal(FILE_MISSING, f"{file_name(attachment.name)} has not arrived: send it again.")
        return outcome

    def _write(self, connection: sa.Connection, ws: str, issued: Issued, rows: Sequence[Entity]) -> int:
        seq = count_up(connection, ws)
        write_rows(connection, ws, rows, seq)
        for hook in self.after_effects:
            hook(connection, ws, seq, issued, rows)
        return seq

    # Rows that no rule makes

    def seed(self, workspace_id: str, rows: Sequence[Entity], *, past: bool = False) -> int:
        """Write settings, or history from elsewhere; returns the newest revision.

        Rows that are the same as before are left out, others replaced. A thousand rows are one revision and one
        transaction. Those of the `past` are kept from the hooks: nobody is to be told of them.
        """
        hooks = [] if past else self.after_effects
        for start in range(0, len(rows), SEED_ROWS):
            with self._db.write() as connection:
                settings = self._settings.read(connection, read_standing(connection, workspace_id))
                written = seed_rows(connection, workspace_id, rows[start : start + SEED_ROWS], settings.users)
                for hook in hooks if written.rows else ():
                    hook(connection, workspace_id, written.seq, None, written.rows)
            if written.rows:
                self._tell(workspace_id, written.seq)
        return self.head(workspace_id)

    # Reading

    def changes(self, viewer: Viewer, since: int, epoch: str, sight: int, limit: int, begun: int = 0) -> wire.PageBody:
        """What a user may see of the changes after revision `since`, about `limit` rows.

        `epoch` and `sight` are what `hello` said when `since` began to count, and `begun`, where all rows are being
        taken and `since` has not come so far, is the newest revision that it told of then. Raises ProblemError 410
        where the page would not continue what the console holds: it has to begin anew.
        """
        with self._db.read() as connection:
            standing, settings, now_sight = self._look(connection, viewer)
            _check_cursor(standing, since, epoch, sight, now_sight, begun)
            holders = reader_of(settings.users, viewer.user_id).holders
            return self._pages.read(connection, standing, holders, since, limit)

    def hello(self, viewer: Viewer) -> wire.Hello:
        """How things stand for a user."""
        with self._db.read() as connection:
            standing, settings, sight = self._look(connection, viewer)
            rows = count_rows(connection, standing.id, reader_of(settings.users, viewer.user_id).holders)
        return wire.Hello(standing.epoch, sight, standing.head, standing.floor, rows, viewer.user_id, self._clock())

    def head(self, workspace_id: str) -> int:
        """The newest revision."""
        with self._db.read() as connection:
            return read_standing(connection, workspace_id).head

    def read(self, workspace_id: str, kind: str, id: str) -> Entity | None:
        """One row as it is now, None if it is not there."""
        with self._db.read() as connection:
            return read_row(connection, workspace_id, kind, id)

    def settings(self, workspace_id: str) -> Settings:
        """Workspace, users and channels as they are now. Raises ProblemError 404."""
        with self._db.read() as connection:
            return self._settings.read(connection, read_standing(connection, workspace_id))

    def in_sight(self, viewer: Viewer, contact_ids: Collection[str]) -> Collection[str]:
        """Those of some contacts that a user may see; to whoever sees all every id is one, without a look."""
        if not contact_ids or sees_all(viewer):
            return contact_ids
        with self._db.read() as connection:
            settings = self._settings.read(connection, read_standing(connection, viewer.workspace_id))
            holders = reader_of(settings.users, viewer.user_id).holders
            if holders is None:  # since a moment ago
                return contact_ids
            return contacts_in_sight(connection, viewer.workspace_id, holders, contact_ids)

    def _look(self, connection: sa.Connection, viewer: Viewer) -> tuple[Standing, Settings, int]:
        """How the workspace stands, its settings, and how often what the user sees has changed."""
        standing = read_standing(connection, viewer.workspace_id)
        sight = connection.execute(_SIGHT, {"ws": viewer.workspace_id, "user": viewer.user_id}).scalar_one()
        return standing, self._settings.read(connection, standing), int(sight)

    def _tell(self, workspace_id: str, seq: int) -> None:
        for listener in tuple(self._listeners):
            try:
                listener(workspace_id, seq)
            except Exception:  # it is committed: whoever gave the command must not take it for failed
                log.exception("a listener failed")


def _by_user(viewer: Viewer, issued: Issued) -> Issued:
    """The command as given by whoever is signed in; only a snooze is ended by the timer of a console."""
    timer = isinstance(issued.command, WakeConversation) and issued.actor.source is Source.TIMER
    return replace(issued, actor=Actor(None, Source.TIMER) if timer else Actor(viewer.user_id))


def _files_of(issued: Issued) -> tuple[Attachment, ...]:
    match issued.command:
        case SendMessage(attachments=files):
            return files
        case SaveSnippet(snippet=snippet):
            return snippet.attachments
        case _:
            return ()


def _check_cursor(standing: Standing, since: int, epoch: str, sight: int, now_sight: int, begun: int) -> None:
    """Raises ProblemError 410 where a cursor does not stand in the history of a workspace as a user sees it now."""
    # Who takes all rows never had what was gone as he began.
    knows_of = max(since, begun)
    if epoch != standing.epoch:
        code, reason = "cursor-epoch", _RESTORED
    elif sight != now_sight:
        code, reason = "cursor-sight", "What you may see in the workspace has changed."
    elif since > standing.head:
        code, reason = "cursor-ahead", "The workspace has not come so far."
    elif since and knows_of < standing.floor:
        code, reason = "cursor-too-old", "Changes so long ago are not known any more."
    else:
        return
    raise _begin_anew(code, reason)


def _begin_anew(code: str, reason: str) -> ProblemError:
    return ProblemError(410, code, f"{reason} Begin anew from revision 0.")
