"""The half of the conversation pane that deals with files: choosing, copying them in, showing those of the contact."""

from __future__ import annotations

import asyncio
import logging
import os
import tempfile
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from msgspec.structs import replace
from textual import on, work
from textual.containers import Vertical
from textual.timer import Timer

from ismsg_tui import times
from ismsg_tui.clock import new_id, now_ms
from ismsg_tui.desktop.clipboard_picture import NoPictureError, picture_on_clipboard
from ismsg_tui.desktop.folders import Look, look_at
from ismsg_tui.desktop.opener import Opener, open_by_system
from ismsg_tui.desktop.recent_files import RecentFiles
from ismsg_tui.domain.entities import Attachment, Channel
from ismsg_tui.domain.media import check_attachment, fitted_to
from ismsg_tui.domain.text import file_name
from ismsg_tui.inbox import Inbox, RefusedError
from ismsg_tui.screens.faults import TellsFaults
from ismsg_tui.screens.file_habits import FileHabits
from ismsg_tui.screens.writing import Writing
from ismsg_tui.store.blobs import FileCancelledError, FileError, examine
from ismsg_tui.store.connection import DatabaseError
from ismsg_tui.store.timeline import ContactCard
from ismsg_tui.widgets.attachments import NAME_WIDTH, Chip
from ismsg_tui.widgets.composer import Composer
from ismsg_tui.widgets.composer_area import ComposerArea
from ismsg_tui.widgets.file_lines import fit_name

log = logging.getLogger(__name__)

PROGRESS = 0.1
"""Seconds between two looks at how far a copy has come."""


class Adding:
    """A file that is being copied into the store, for one contact."""

    def __init__(self, contact_id: str, path: Path) -> None:
        self.key = new_id()
        self.contact_id = contact_id
        self.path = path
        self.done = self.total = 0
        self.stopped = threading.Event()

    def moved(self, done: int, total: int) -> None:
        """So many bytes are copied; called on the copying thread."""
        self.done, self.total = done, total

    @property
    def chip(self) -> Chip:
        """The file with its progress."""
        share = f"{100 * self.done // self.total} %" if self.total else "…"
        return Chip(self.key, f"{fit_name(self.path.name, NAME_WIDTH)} {share}")


class FileActs(Vertical, TellsFaults):
    """What an agent does with files in a conversation."""

    def __init__(self, inbox: Inbox, writing: Writing, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._inbox = inbox
        self._writing = writing
        self.card: ContactCard | None = None
        self.habits = FileHabits()
        self.recent = RecentFiles(inbox.store.path.parent)
        self.opener: Opener = open_by_system
        self._adding: list[Adding] = []
        self._progress: Timer | None = None

    @property
    def contact_id(self) -> str | None:
        """The contact that is shown."""
        return self.card.contact.id if self.card else None

    def save_draft(self) -> None:
        """Hand what is typed to the store."""
        raise NotImplementedError

    def channel(self) -> Channel | None:
        """The channel through which the contact is answered."""
        return self._inbox.channels.get(self.card.contact.channel_id or "") if self.card else None

    # Choosing

    @work(group="picker", exit_on_error=False, description="choose files")
    async def choose_files(self) -> None:
        """Pick files and attach them."""
        if self.card is None:
            return
        from ismsg_tui.screens.attach_picker import AttachPicker

        contact_id = self.card.contact.id
        chosen = await self.app.push_screen_wait(AttachPicker(self.recent.there, self.habits.attach_from))
        if chosen:
            self._add_used(contact_id, chosen)
            if self.contact_id == contact_id:
                self.query_one(Composer).focus_text()

    @work(group="paste", exclusive=True, exit_on_error=False, description="paste a picture")
    async def paste_picture(self) -> None:
        """Attach the picture that is on the clipboard, after a question that shows it."""
        contact_id = self.contact_id
        if contact_id is None:
            return
        try:
            data, ending = await picture_on_clipboard(os.environ)
        except NoPictureError as error:
            self.notify(str(error), severity="warning", timeout=8, markup=False)
            return
        from ismsg_tui.screens.file_dialogs import PictureQuestion

        with tempfile.TemporaryDirectory(prefix="ismsg-") as folder:
            path = Path(folder) / f"Picture {times.local(now_ms()):%Y-%m-%d %H.%M.%S}{ending}"
            await asyncio.to_thread(path.write_bytes, data)
            look = await asyncio.to_thread(look_at, str(path))
            if await self.app.push_screen_wait(PictureQuestion(look)):
                await self._add_all([Adding(contact_id, path)]).wait()
                if self.contact_id == contact_id:
                    self.query_one(Composer).focus_text()

    @on(ComposerArea.PathsPasted)
    async def _on_paths_pasted(self, event: ComposerArea.PathsPasted) -> None:
        event.stop()
        if self.contact_id is None:
            return
        if self.query_one(Composer).comment:  # which carries no files
            self.query_one(Composer).insert(event.text)
            return
        looks = [await asyncio.to_thread(look_at, path) for path in event.paths]
        self._ask(self.contact_id, event, looks)

    @work(group="picker", exit_on_error=False, description="ask about pasted paths")
    async def _ask(self, contact_id: str, pasted: ComposerArea.PathsPasted, looks: Sequence[Look]) -> None:
        from ismsg_tui.screens.file_dialogs import AttachQuestion

        if await self.app.push_screen_wait(AttachQuestion(looks)):
            self._add_used(contact_id, [Path(path) for path in pasted.paths])
        else:
            self.query_one(Composer).insert(pasted.text)

    # Adding

    def _add_used(self, contact_id: str, paths: Sequence[Path]) -> None:
        self.habits.attach_from = paths[-1].parent
        self._add_all([Adding(contact_id, path) for path in paths], used=paths)

    @work(group="attach", exit_on_error=False, description="attach files")
    async def _add_all(self, addings: Sequence[Adding], used: Sequence[Path] = ()) -> None:
        """Copy files in; those `used` are offered first the next time."""
        self._adding += addings
        if self._progress is None:
            self._progress = self.set_interval(PROGRESS, self.show_adding)
        self.show_adding()
        try:
            if used:
                await asyncio.to_thread(self.recent.add, used)
            for adding in addings:
                await self._add(adding)
        finally:
            for adding in addings:
                adding.stopped.set()  # where the console is left: the copying thread would keep it from ending
            self._adding = [adding for adding in self._adding if adding not in addings]
            if not self._adding and self._progress is not None:
                self._progress.stop()
                self._progress = None
            if self.is_attached:
                self.show_adding()

    async def _add(self, adding: Adding) -> None:
        """Check a file against the contact's channel, copy it in and put it into the draft; what fails is told."""
        try:
            attachment = await self._copy(adding)
        except FileCancelledError:
            attachment = None
        except FileError as error:
            attachment = None
            self.notify(str(error), severity="warning", markup=False)
        except DatabaseError as error:
            attachment = None
            log.exception("a file could not be noted")
            self.notify(f"Not attached: {error}.", severity="error", markup=False)
        self._adding.remove(adding)
        if attachment is not None and not adding.stopped.is_set():
            await self._put_into_draft(adding.contact_id, attachment)
        self.show_adding()

    def _channel_of(self, contact_id: str) -> Channel | None:
        card = self._inbox.contacts.card(contact_id)
        return self._inbox.channels.get(card.contact.channel_id or "") if card else None

    async def _copy(self, adding: Adding) -> Attachment:
        """Raises FileError, also for a file that the channel does not take."""
        found = await asyncio.to_thread(examine, adding.path)
        channel = self._channel_of(adding.contact_id)
        if channel is None:
            raise FileError(f"{file_name(adding.path.name)} can't be sent: the contact has no channel.")
        if (refusal := check_attachment(channel, found)) is not None:
            raise FileError(refusal.reason)
        kind = fitted_to(channel, found)
        add = partial(self._inbox.blobs.add, adding.path, kind=kind, mime=found.mime)
        return await asyncio.to_thread(add, progress=adding.moved, cancelled=adding.stopped.is_set)

    async def attach_kept(self, contact_id: str, files: Sequence[Attachment]) -> None:
        """Put files that the store holds into the draft; one that the contact's channel does not take is told."""
        channel = self._channel_of(contact_id)
        for file in files:
            try:
                attachment = await asyncio.to_thread(self._inbox.snippets.fitted, file, channel)
            except RefusedError as error:
                self.notify(str(error), severity="warning", markup=False)
            except DatabaseError as error:
                log.exception("a file could not be asked for")
                self.notify(f"Not attached: {error}.", severity="error", markup=False)
            else:
                await self._put_into_draft(contact_id, attachment)

    async def _put_into_draft(self, contact_id: str, attachment: Attachment) -> None:
        composer = self.query_one(Composer)
        if self.contact_id != contact_id:
            await self._writing.run(self._add_to_stored, contact_id, attachment)
        if self.contact_id == contact_id:
            composer.attach(attachment)
            self.save_draft()

    def _add_to_stored(self, contact_id: str, attachment: Attachment) -> None:
        """Add a file to a draft that is not shown; on the store's thread, where no other change comes between."""
        draft = self._inbox.drafts.read(contact_id)
        if attachment not in draft.attachments:
            self._inbox.drafts.save(contact_id, replace(draft, attachments=(*draft.attachments, attachment)))

    def show_adding(self) -> None:
        """Show how far the copies for this contact have come."""
        mine = [adding.chip for adding in self._adding if adding.contact_id == self.contact_id]
        self.query_one(Composer).show_adding(tuple(mine))

    @on(Composer.AddingStopped)
    def _stop_adding(self, event: Composer.AddingStopped) -> None:
        event.stop()
        for adding in self._adding:
            if adding.key == event.key:
                adding.stopped.set()

    # Files of the conversation

    async def show_files(self) -> None:
        """Show the contact's files, to open and save them."""
        card = self.card
        if card is None:
            return
        from ismsg_tui.screens.files_screen import FilesScreen

        messages = await asyncio.to_thread(self._inbox.messages_with_files, card.contact.id)
        if not messages:
            self.notify("There are no files in this conversation.", timeout=3)
            return
        screen = FilesScreen(self._inbox, self._writing, card.contact.name, messages, self.habits, self.opener)
        _ = self.app.push_screen(screen)  # awaited by nobody: the keys wait for it already
