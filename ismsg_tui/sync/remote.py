"""A server as the authority: the port of `sync.authority` over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from http import HTTPStatus
from pathlib import Path

import msgspec

from ismsg_tui.domain.changes import Answer, Page
from ismsg_tui.domain.commands import Issued
from ismsg_tui.domain.packing import unpack
from ismsg_tui.domain.state import Refusal
from ismsg_tui.domain.wire import LARGEST_BODY, MOST_COMMANDS, Hello, PresenceNote, Results, answer_of
from ismsg_tui.files.handling import Cancelled, Progress
from ismsg_tui.sync.authority import AnewError, OnPresence, Snapshot, Standing, UnreachableError
from ismsg_tui.sync.credentials import Credentials
from ismsg_tui.sync.http import READ, Http, ProblemError, decoded, json_body
from ismsg_tui.sync.live import Live, Query
from ismsg_tui.sync.pages import read_page
from ismsg_tui.sync.remote_files import RemoteFiles
from ismsg_tui.sync.remote_snapshot import fetch_snapshot

_NEVER = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY})
"""Answers to a command that will be the same however often it is sent."""


class RemoteAuthority:
    """A workspace on a server, for the user who is signed in; implements `sync.authority.Authority`."""

    def __init__(self, base_url: str, credentials: Credentials, *, patience: float = READ) -> None:
        """Asks nothing yet; `patience` in seconds of silence. Raises ClientError for an account that can't be read."""
        self._workspace_id = credentials.account.workspace_id
        self._path = f"/v1/w/{self._workspace_id}"
        self._http = Http(base_url, credentials, patience=patience)
        self._files = RemoteFiles(self._http, self._path, credentials.folder / "uploads")
        self._standing: Standing | None = None
        self._reached: int | None = None
        """The revision up to which pages have been given out."""
        self._begun = 0
        """The newest revision as the taking of all rows began, while that lasts."""
        self._live: Live | None = None

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    # Rows and commands

    def meet(self) -> Standing:
        """How things stand."""
        hello = decoded(self._http.ask("GET", f"{self._path}/hello").body, Hello)
        self._standing = Standing(
            hello.epoch, hello.sight, hello.head, hello.rows, hello.user_id, self._workspace_id, hello.now
        )
        return self._standing

    def push(self, commands: Sequence[Issued]) -> list[Answer]:
        """Carry out commands in order; those that the server will never take are answered with a refusal.

        Raises AnewError where it was restored since the last meeting: what it lost by that has to come first.
        """
        answers: list[Answer] = []
        for batch in batches(commands):
            try:
                answers += self._push(batch)
            except (UnreachableError, AnewError):
                if not answers:
                    raise
                return answers  # these are settled; the others are sent again
        return answers

    def _push(self, batch: Sequence[bytes]) -> list[Answer]:
        body = b'{"commands":[' + b",".join(batch) + b"]}"
        try:
            reply = self._http.ask(
                "POST",
                f"{self._path}/commands",
                params={"epoch": self._standing.epoch} if self._standing else {},
                content=body,
                headers={"Content-Type": "application/json"},
            )
        except ProblemError as error:
            if error.problem.status not in _NEVER:
                raise
            if len(batch) > 1:  # one of them is the one
                return [answer for command in batch for answer in self._push([command])]
            command_id = unpack(batch[0], Issued).id
            return [Answer(command_id, refusal=Refusal(error.problem.code, str(error)))]
        return [answer_of(result) for result in decoded(reply.body, Results).results]

    def changes(self, since: int, limit: int, begun: int = 0) -> Page:
        """The rows that changed after revision `since`: those that came by themselves, else asked for."""
        self._begun = begun
        page = self._live.ahead.take(since) if self._live else None
        if page is None:
            query = {**self._query(since), "limit": limit}
            page = read_page(self._http.ask("GET", f"{self._path}/changes", params=query).body)
        self._reached = page.to
        return page

    def get_snapshot(self, to: Path, schema: int, progress: Progress, cancelled: Cancelled) -> Snapshot:
        """Fetch all rows as one file, going on behind what is there."""
        return fetch_snapshot(self._http, f"{self._path}/snapshot", to, schema, progress, cancelled)

    def _query(self, since: int) -> Query:
        standing = self._standing or self.meet()
        return {"since": since, "epoch": standing.epoch, "sight": standing.sight, "begun": self._begun}

    # What the server and teammates say

    def watch(self, hint: Callable[[], None], on_presence: OnPresence) -> Callable[[], None]:
        """Have `hint` and `on_presence` called when the server says something; returns what ends it."""
        live = self._live = Live(self._http, self._path, self._place, hint, on_presence)
        live.start()

        def end() -> None:
            self._live = None
            live.stop()

        return end

    def _place(self) -> Query | None:
        """Where news are wanted from; None before the first page."""
        reached = self._reached
        return None if reached is None or self._standing is None else self._query(reached)

    def announce(self, note: PresenceNote) -> None:
        """Tell the teammates what the user does."""
        self._http.ask("POST", f"{self._path}/presence", **json_body(note))

    # Files

    def has_blob(self, sha256: str) -> bool:
        """Whether the server has the bytes of a file that the user may see."""
        return self._files.has(sha256)

    def put_blob(self, sha256: str, path: Path, progress: Progress, cancelled: Cancelled) -> None:
        """Send the bytes of a file, going on where an earlier attempt ended."""
        self._files.put(sha256, path, progress, cancelled)

    def get_blob(self, sha256: str, to: Path, progress: Progress, cancelled: Cancelled) -> None:
        """Fetch the bytes of a file, going on behind what is there."""
        self._files.get(sha256, to, progress, cancelled)


def batches(commands: Iterable[Issued]) -> Iterator[list[bytes]]:
    """Commands as they travel, divided into what one request may carry."""
    batch: list[bytes] = []
    size = 0
    for issued in commands:
        packed = msgspec.json.encode(issued)
        if batch and (len(batch) >= MOST_COMMANDS or size + len(packed) + 1 > LARGEST_BODY - 64):
            yield batch
            batch, size = [], 0
        batch.append(packed)
        size += len(packed) + 1
    if batch:
        yield batch
