"""What comes in through channels: who it is from, whether it was seen before, and what it becomes in the workspace.

A text is carried out at once. What brings a file waits in a table until the file has been fetched, and so does what
the same contact says after it; so everything is there in the order in which it was said, and a server that dies
meanwhile goes on where it was.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, delete, exists, select, update

from ismsg_tui.clock import new_id, now_ms
from ismsg_tui.domain.commands import Actor, CreateContact, Issued, ReceiveMessage, SendMessage
from ismsg_tui.domain.entities import Attachment, Contact, FileKind, Source
from ismsg_tui.domain.ids import Part, command_of, derived_id
from ismsg_tui.domain.media import kind_of
from ismsg_tui.domain.packing import decoder
from ismsg_tui.domain.text import one_line
from ismsg_tui.server.backoff import backoff
from ismsg_tui.server.blobs import Blobs
from ismsg_tui.server.channels.adapter import Account, Arrived, Inbound, RemoteFile
from ismsg_tui.server.channels.fetch import Fetcher, FetchError
from ismsg_tui.server.channels.registry import Registry
from ismsg_tui.server.channels.reports import Reports
from ismsg_tui.server.database import Database
from ismsg_tui.server.errors import ProblemError
from ismsg_tui.server.ledger import Ledger, Within
from ismsg_tui.server.rows import insert_missing
from ismsg_tui.server.tables import arrival, channel_message, contact_channel

log = logging.getLogger(__name__)

MOST_ATTEMPTS = 4
FIRST_RETRY, LONGEST_RETRY = 2.0, 30.0
"""How often a file is tried to be fetched, and the seconds between."""
LEASE = 180_000
"""Milliseconds after which who fetches a file is held to be dead; a fetch is cut off much earlier."""

_GUEST = Actor(None, Source.CONTACT)
_ECHO = Actor(None, Source.ECHO)
_BODY = decoder(Arrived)


class _SeenError(Exception):
    """Somebody else has carried out the same; nothing of it is to be done twice."""


class Reception:
    """Takes in what channels tell; any thread, and any process on the same database, may call."""

    def __init__(
        self,
        database: Database,
        ledger: Ledger,
        registry: Registry,
        blobs: Blobs,
        reports: Reports,
        fetcher: Fetcher,
        *,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._registry = registry
        self._blobs = blobs
        self._reports = reports
        self._fetcher = fetcher
        self._clock = clock
        self.on_waiting: Callable[[], None] = lambda: None
        """Told when something has to be fetched."""

    def take(self, account: Account, body: bytes) -> None:
        """Take what a channel has posted; what was taken before is not taken again.

        Raises ProblemError: 400 or 422 for what can't be understood, and then nothing of it is taken.
        """
        inbound = self._registry.adapter(account.kind).receive(account, body)
        for event in inbound.events:
            if isinstance(event, Arrived):
                if not self._is_known(account, event.external_id):
                    self._arrive(account, self._contact(account, inbound), event)
            else:
                self._reports.take(account, self._known_contact(account, inbound.contact), event)

    # Who it is

    def _contact(self, account: Account, inbound: Inbound) -> str:
        """The contact who writes, created where nobody has met him."""
        known = self._known_contact(account, inbound.contact)
        if known is not None:
            return known
        profile = inbound.profile
        contact = Contact(
            id=new_id(),
            first_name=profile.first_name,
            last_name=profile.last_name,
            phone=profile.phone,
            email=profile.email,
            country=profile.country,
            language=profile.language,
            channel_id=account.channel_id,
        )
        values = {"channel_id": account.channel_id, "external_id": inbound.contact, "contact_id": contact.id}

        def note(connection: Connection) -> None:
            insert_missing(connection, contact_channel, [values])
            found = connection.scalar(select(contact_channel.c.contact_id).where(_contact_is(account, inbound.contact)))
            if found != contact.id:
                raise _SeenError

        try:
            self._submit(account.workspace_id, Issued(new_id(), CreateContact(contact), _GUEST, self._clock()), note)
        except _SeenError:
            return self._contact(account, inbound)
        return contact.id

    def introduce(self, account: Account, external_id: str, contact_id: str) -> None:
        """Tell which of the known contacts somebody on a channel is, before he writes or is written to."""
        values = {"channel_id": account.channel_id, "external_id": external_id, "contact_id": contact_id}
        with self._database.write() as connection:
            insert_missing(connection, contact_channel, [values])

    def _known_contact(self, account: Account, external_id: str) -> str | None:
        with self._database.read() as connection:
            return connection.scalar(select(contact_channel.c.contact_id).where(_contact_is(account, external_id)))

    # What it is

    def _is_known(self, account: Account, external_id: str) -> bool:
        with self._database.read() as connection:
            return connection.scalar(select(exists().where(_message_is(account, external_id)))) is True

    def _arrive(self, account: Account, contact_id: str, event: Arrived) -> None:
        if event.echo and self._reports.take_echo(account, contact_id, event.external_id, event.answers, event.text):
            return
        command_id = new_id()
        waits = event.file is not None or self._is_waited_for(contact_id)

        def note(connection: Connection) -> None:
            values = {
                "channel_id": account.channel_id,
                "external_id": event.external_id,
                "contact_id": contact_id,
                "message_id": derived_id(command_id, Part.MAIN),
                "whole": True,
            }
            insert_missing(connection, channel_message, [values])
            mine = select(channel_message.c.message_id).where(_message_is(account, event.external_id))
            if connection.scalar(mine) != values["message_id"]:
                raise _SeenError
            if waits:
                connection.execute(arrival.insert().values(**_waiting(account, contact_id, event, self._clock())))

        try:
            if waits:
                with self._database.write() as connection:
                    note(connection)
                self.on_waiting()
            else:
                self._carry_out(account, contact_id, command_id, event, (), note)
        except _SeenError:
            log.info("a channel has told the same twice at a time")

    def _is_waited_for(self, contact_id: str) -> bool:
        with self._database.read() as connection:
            return connection.scalar(select(exists().where(arrival.c.contact_id == contact_id))) is True

    def _carry_out(
        self,
        account: Account,
        contact_id: str,
        command_id: str,
        event: Arrived,
        files: tuple[Attachment, ...],
        within: Within,
    ) -> None:
        actor, kind = (_ECHO, SendMessage) if event.echo else (_GUEST, ReceiveMessage)
        command = kind(contact_id, event.text, account.channel_id, files)
        self._submit(account.workspace_id, Issued(command_id, command, actor, self._clock()), within)

    def _submit(self, workspace_id: str, issued: Issued, within: Within) -> None:
        result = self._ledger.submit(workspace_id, issued, within=within)
        if result.refusal is not None:
            raise ProblemError(422, result.refusal.code, result.refusal.reason)

    # What waits for a file

    def step(self) -> bool:
        """Go on with one event that waits; whether there was one."""
        now = self._clock()
        earlier = arrival.alias()
        behind = exists().where(earlier.c.contact_id == arrival.c.contact_id, earlier.c.came_at < arrival.c.came_at)
        with self._database.read() as connection:
            found = connection.execute(
                select(arrival).where(arrival.c.due_at <= now, ~behind).order_by(arrival.c.came_at).limit(1)
            ).one_or_none()
        if found is None:
            return False
        mine = and_(arrival.c.channel_id == found.channel_id, arrival.c.external_id == found.external_id)
        with self._database.write() as connection:
            taken = connection.execute(
                update(arrival)
                .where(mine, arrival.c.due_at == found.due_at)
                .values(due_at=now + LEASE, attempts=found.attempts + 1)
            ).rowcount
            message_id = connection.scalar(
                select(channel_message.c.message_id).where(
                    channel_message.c.channel_id == found.channel_id,
                    channel_message.c.external_id == found.external_id,
                )
            )
        # What was taken in stays, also where the channel has been removed since.
        account = self._registry.by_id(found.channel_id, removed=True)
        if taken and account is not None and message_id is not None:
            self._finish(account, found.contact_id, message_id, _BODY.decode(found.body), found.attempts + 1, mine)
        return True

    def _finish(
        self,
        account: Account,
        contact_id: str,
        message_id: str,
        event: Arrived,
        attempts: int,
        mine: ColumnElement[bool],
    ) -> None:
        """Fetch the file of an event and carry it out; without the file where that can't be had."""
        files: tuple[Attachment, ...] = ()
        if event.file is not None:
            try:
                files = (self._fetch(account, event.file),)
            except FetchError as error:
                if error.again and attempts < MOST_ATTEMPTS:
                    wait = backoff(attempts, FIRST_RETRY, LONGEST_RETRY)
                    with self._database.write() as connection:
                        connection.execute(update(arrival).where(mine).values(due_at=self._clock() + wait))
                    return
                event = msgspec.structs.replace(event, text=_without(event, event.file, error))

        def note(connection: Connection) -> None:
            if not connection.execute(delete(arrival).where(mine)).rowcount:
                raise _SeenError

        try:
            self._carry_out(account, contact_id, command_of(message_id, Part.MAIN), event, files, note)
        except _SeenError:
            log.info("two processes have fetched the same file")

    def _fetch(self, account: Account, file: RemoteFile) -> Attachment:
        """Raises FetchError."""
        try:
            with self._blobs.receive(account.workspace_id, self._blobs.limits.largest) as incoming:
                fetched = self._fetcher.fetch(file.url, incoming.write, name=file.name, own=account.base_url)
                sha256 = incoming.close()
                with self._database.write() as connection:
                    self._blobs.keep(connection, account.workspace_id, sha256, incoming.path, incoming.size)
                size = incoming.size
        except ProblemError as error:
            if error.status == 503:
                raise
            raise FetchError(error.detail) from error
        kind = kind_of(fetched.mime)
        if file.voice and kind is FileKind.AUDIO:
            kind = FileKind.VOICE
        return Attachment(
            name=fetched.name,
            kind=kind,
            mime=fetched.mime,
            size=size,
            sha256=sha256,
            duration=file.duration,
            peaks=file.peaks,
        )


def _without(event: Arrived, file: RemoteFile, error: FetchError) -> str:
    """What stands for a message whose file can't be had."""
    name = one_line(file.name, 100) or "A file"
    line = f"({name} could not be fetched: {error} {one_line(file.url, 1_000)})"
    return f"{event.text}\n{line}" if event.text.strip() else line


def _waiting(account: Account, contact_id: str, event: Arrived, now: int) -> dict[str, object]:
    return {
        "channel_id": account.channel_id,
        "external_id": event.external_id,
        "contact_id": contact_id,
        "came_at": time.time_ns(),
        "body": msgspec.json.encode(event).decode(),
        "attempts": 0,
        "due_at": now,
    }


def _contact_is(account: Account, external_id: str) -> ColumnElement[bool]:
    return and_(contact_channel.c.channel_id == account.channel_id, contact_channel.c.external_id == external_id)


def _message_is(account: Account, external_id: str) -> ColumnElement[bool]:
    return and_(channel_message.c.channel_id == account.channel_id, channel_message.c.external_id == external_id)
