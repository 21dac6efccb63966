"""One exchange with an authority: what may leave leaves, what there is comes in, in an order that loses nothing."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from msgspec import Struct

from ismsg_tui.clock import now_ms
from ismsg_tui.domain.changes import Answer, Page
from ismsg_tui.domain.commands import Issued, SaveSnippet, SendMessage
from ismsg_tui.domain.entities import Contact
from ismsg_tui.domain.state import Refusal
from ismsg_tui.domain.wire import MOST_ROWS
from ismsg_tui.store import departures, outbox
from ismsg_tui.store.replica import SHAPE
from ismsg_tui.store.store import NOT_VISIBLE, Store
from ismsg_tui.store.writing import scope_of_row
from ismsg_tui.sync.authority import (
    FILE_MISSING,
    AnewError,
    Authority,
    BusyError,
    ClientError,
    SignedOutError,
    Standing,
    UnreachableError,
)
from ismsg_tui.sync.next_page import NextPage
from ismsg_tui.sync.shortcut import MANY_ROWS, Shortcut
from ismsg_tui.sync.status import Meter, Progress
from ismsg_tui.sync.transfers import want_new, want_recent

log = logging.getLogger(__name__)

PAGE_ROWS = MOST_ROWS
"""Rows of the first page: large ones cost less a row. Those after it shrink and grow with the time that they take."""
QUICK, SLOW = 0.15, 0.6
"""Seconds: a page that takes less may be larger, one that takes more is to be smaller."""
MOST_PAGES = 40
MOST_ROWS_AT_ONCE = 20_000
"""Pages, and rows of them, that are taken in at once, at most."""
BATCH = 100
HOUR = 3_600_000
ANEW_GAP = HOUR
"""A store is filled anew by itself no more than once in so many milliseconds: more often would be a loop."""
MOVED_GAP = 60_000
"""The same where the history or the user's sight is another one and the last filling was complete.

The first backup that is restored may be the wrong one.
"""
KEPT = 30 * 24 * HOUR
"""For so long, in milliseconds, a confirmed command is kept for an authority that turns out to have lost it."""
ASK_AFTER = 12 * HOUR

_STUCK = (
    "The server does not know the place of this store any more ({reason}), and its rows were all fetched anew not long "
    "ago: “ismsg sync --anew” does it once more."
)

T = TypeVar("T")


class StuckError(ClientError):
    """The store would have to be filled anew and was so only just; the words are a sentence for the agent."""


class Refused(Struct, frozen=True):
    """A command that was refused, for the agent to be told."""

    issued: Issued
    refusal: Refusal


def tell(listener: Callable[[T], None], what: T) -> None:
    """Call a listener, who must not be able to end the synchronising."""
    try:
        listener(what)
    except Exception:
        log.exception("a listener failed")


class Exchange:
    """Pushes the outbox and pulls rows each time it is asked; one thread at a time."""

    def __init__(
        self,
        store: Store,
        authority: Authority,
        *,
        on_refused: Callable[[Refused], None] = lambda _: None,
        on_progress: Callable[[Progress], None] = lambda _: None,
        stopping: Callable[[], bool] = lambda: False,
        ask_after: int = ASK_AFTER,
        many_rows: int = MANY_ROWS,
    ) -> None:
        """Where `many_rows` are missing they come by a snapshot, if there is one to be had."""
        self._store = store
        self._authority = authority
        self._on_refused = on_refused
        self._on_progress = on_progress
        self._stopping = stopping
        self._ask_after = ask_after
        self._shortcut = Shortcut(
            store,
            authority,
            on_progress=lambda progress: tell(self._on_progress, progress),
            stopping=stopping,
            many=many_rows,
        )
        self._next = NextPage(authority)
        self._limit = 0
        self._sent_again = False
        self.standing: Standing | None = None
        """How things stood at the last meeting; None where the next exchange is to begin with one."""
        self.skew = 0
        """How much the authority's clock was ahead then, in milliseconds."""

    def meet(self) -> None:
        """Learn how things stand, where that is not known. Raises whatever the authority raises."""
        if self.standing is None:
            standing = self._authority.meet()
            self._check_identity(standing)
            self.skew = standing.now - now_ms() if standing.now else 0
            self._store.prune(now_ms() - KEPT)
            self.standing = standing

    def run(self) -> None:
        """Push everything that may leave and pull everything there is.

        Raises whatever the authority raises but AnewError, and StuckError.
        """
        self._once()
        if self._sent_again:  # what the authority turned out to have lost is to leave only now
            self._sent_again = False
            self._once()

    def _once(self) -> None:
        self.meet()
        failure: Exception | None = None
        try:
            self._begin_anew_where_needed()
        except StuckError as error:
            failure = error
        try:
            self.push()
        except AnewError:
            pass  # pulling is told the same and begins anew; then it leaves, behind what the authority has lost
        except BusyError as error:
            failure = failure or error
        except (UnreachableError, SignedOutError):
            raise
        except Exception as error:  # a command that can't be pushed must not keep the customers' messages away
            failure = failure or error
        if not isinstance(failure, StuckError):
            self.pull()
        if failure is not None:
            raise failure

    # Out

    def push(self) -> None:
        """Push everything that may leave."""
        store = self._store
        store.ask_about_old(now_ms(), self._ask_after)
        while not self._stopping() and (entries := departures.ready(store.reader, now_ms(), BATCH)):
            leaving = store.mark_sending(entries)
            if not leaving:
                continue
            try:
                answers = self._authority.push([entry.issued for entry in leaving])
            except (UnreachableError, AnewError) as error:
                if isinstance(error, AnewError) or not error.arrived:
                    store.unmark_sending(leaving)
                raise
            self._take(answers)
            if not {answer.command_id for answer in answers} & {entry.issued.id for entry in leaving}:
                raise UnreachableError("The server answers no command.")

    def _take(self, answers: Sequence[Answer]) -> None:
        place = self._store.replica
        # Of another history no revision is here yet, however small its number.
        here = 0 if self.standing is None or self.standing.epoch == place.epoch else place.cursor + 1
        for answer in answers:
            if answer.refusal is None:
                self._store.acknowledge(answer.command_id, max(answer.seq, here))
            elif (issued := self._store.refuse(answer.command_id, answer.refusal)) is not None:
                self._note_missing(issued, answer.refusal)
                tell(self._on_refused, Refused(issued, answer.refusal))

    def _note_missing(self, issued: Issued, refusal: Refusal) -> None:
        """Where the authority has lost files that it had, or that the user may see no more, they are to be sent."""
        command = issued.command
        if refusal.code == FILE_MISSING and isinstance(command, SendMessage | SaveSnippet):
            source = command.snippet if isinstance(command, SaveSnippet) else command
            for attachment in source.attachments:
                self._store.blobs.set_there(attachment.sha256, there=False)

    # In

    def pull(self) -> None:
        """Take in rows up to the newest; where the place means nothing any more, all of them anew."""
        try:
            self._pull_all()
        except AnewError as error:
            self.standing = None
            self.meet()
            self._begin_anew(error.reason)
            try:
                self._pull_all()
            except AnewError as again:  # even the first page is refused
                raise StuckError(_STUCK.format(reason=again.reason)) from again

    def _pull_all(self) -> None:
        try:
            self._pull_pages()
        finally:
            self._next.drop(patient=not self._stopping())
        while not self._stopping() and self._store.sweep():
            pass

    def _pull_pages(self) -> None:
        """Take in rows: by a snapshot where many are missing, and page by page, the next being fetched meanwhile."""
        store = self._store
        meter = Meter(self._missing())
        more = True
        while more and not self._stopping():
            taken = self._take_shortcut(meter.left if store.replica.rebuilding else 0)
            page, meter = taken or (None, meter)
            if page is None:
                started = time.monotonic()
                place = store.replica
                page = None if self._stopping() else self._read_on(place.cursor, meter, place.rebuilding, apart=True)
                if page is None or (page.more and self._stopping()):
                    return
                if page.more:
                    self._next.begin(page.to, self._limit or PAGE_ROWS, place.rebuilding)
                self._tell(store.apply(page))
                self._adapt(len(page.rows), time.monotonic() - started)
                want_new(store, (row for _, row in page.rows), now_ms())
            more = page.more

    def _missing(self) -> int:
        """How many rows are still to come while the store is being filled, about, also after a restart; else 0."""
        place = self._store.replica
        if self.standing is None or not place.rebuilding:
            return 0
        return self.standing.rows * max(0, place.rebuilding - place.cursor) // place.rebuilding

    def _take_shortcut(self, missing: int) -> tuple[Page, Meter] | None:
        """Take in a snapshot and the page after it, where that is worth it and goes well; with how far that is."""
        if self.standing is None:
            return None
        in_all = self.standing.rows
        meter = Meter(in_all)

        def read_on(revision: int, rows: int) -> Page:
            nonlocal meter
            meter = Meter(in_all, rows)
            return self._read_on(revision, meter)

        taken = self._shortcut.take(self.standing, missing, read_on)
        if taken is None:
            return None
        page, refused = taken
        self._tell(refused)
        want_recent(self._store, now_ms())
        return page, meter

    def _read_on(self, since: int, meter: Meter, begun: int = 0, *, apart: bool = False) -> Page:
        """The pages after a revision as one, up to the newest or until they are many; with `apart` one if possible.

        `begun` is the newest revision as the store began to be filled, where it still is.

        A page that is not the last leaves out rows that changed again later. Where own commands wait for their truth
        to arrive, part of it must not replace them: a message just sent would be gone until the next page.
        """
        gathered: list[Page] = []
        while True:
            page = self._next.get(since, self._limit or PAGE_ROWS, begun)
            if page.since != since or page.to < since or (page.more and page.to == since):
                raise ClientError("The server's rows do not continue those that are here.")
            gathered.append(page)
            since = page.to
            meter.count(len(page.rows))
            if page.more or meter.pages > 1:
                tell(self._on_progress, meter.progress)
            if not page.more or _are_many(gathered) or self._stopping():
                return joined(gathered)
            if apart and not outbox.any_in_play(self._store.reader):
                return joined(gathered)

    def _tell(self, refused: Sequence[Issued]) -> None:
        for issued in refused:
            tell(self._on_refused, Refused(issued, NOT_VISIBLE))

    def _adapt(self, rows: int, seconds: float) -> None:
        limit = self._limit or PAGE_ROWS
        if seconds > SLOW:
            self._limit = max(limit // 2, min(PAGE_ROWS, 100))
        elif seconds < QUICK and rows >= limit:
            self._limit = min(2 * limit, MOST_ROWS)

    # Anew

    def _begin_anew_where_needed(self) -> None:
        place, standing = self._store.replica, self.standing
        if standing is None:
            return
        if place.epoch != standing.epoch:
            self._begin_anew("cursor-epoch")
        elif place.sight != standing.sight:
            self._begin_anew("cursor-sight")
        elif place.anew_wanted:
            self._begin_anew("asked")
        elif place.epoch and place.shape != SHAPE:
            self._begin_anew("upgraded")

    def _begin_anew(self, reason: str) -> None:
        """Fill the store anew, unless that was done only just and nobody asks for it. Raises StuckError."""
        place, standing, now = self._store.replica, self.standing, now_ms()
        if standing is None:
            return
        first, same = not place.epoch, place.epoch == standing.epoch
        free = first or place.anew_wanted or place.shape != SHAPE
        if not free:
            moved = (standing.epoch, standing.sight) != (place.epoch, place.sight) and not place.rebuilding
            if abs(now - place.anew_at) < (MOVED_GAP if moved else ANEW_GAP):
                raise StuckError(_STUCK.format(reason=reason))
            log.warning("all rows are taken anew: %s", reason)
        at = None if free else now
        lost = not first and (not same or reason == "cursor-ahead")
        self._sent_again = self._sent_again or lost
        self._shortcut.allow()
        self._store.begin_anew(standing.epoch, standing.sight, standing.head, at=at, send_again=lost)

    def _check_identity(self, standing: Standing) -> None:
        """Keep what belongs to one user of one workspace from another. Raises ClientError."""
        place, workspace = self._store.replica, self._store.settings.workspace
        if place.user_id and (
            standing.user_id != place.user_id or (workspace.id and standing.workspace_id != workspace.id)
        ):
            raise ClientError("The server takes you for somebody else than this store belongs to: sign in again.")


def joined(pages: Sequence[Page]) -> Page:
    """Consecutive pages as one; a contact that goes out of sight in one and comes back in a later one stays."""
    rows = list(pages[0].rows)
    gone = set(pages[0].gone)
    for page in pages[1:]:
        rows = [found for found in rows if scope_of_row(found[1]) not in page.gone] + list(page.rows)
        gone = (gone | set(page.gone)) - {row.id for _, row in page.rows if isinstance(row, Contact)}
    return Page(pages[0].since, pages[-1].to, tuple(rows), pages[-1].more, tuple(sorted(gone)))


def _are_many(pages: Sequence[Page]) -> bool:
    return len(pages) >= MOST_PAGES or sum(len(page.rows) for page in pages) >= MOST_ROWS_AT_ONCE
