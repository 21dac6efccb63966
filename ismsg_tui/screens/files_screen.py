"""The files of a conversation: opened by the system's programs, saved, fetched, stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.message import Message as Heard

from ismsg_tui import times
from ismsg_tui.actions import action
from ismsg_tui.clock import now_ms
from ismsg_tui.desktop.folders import shortened
from ismsg_tui.desktop.opener import Opener, OpenError, check_harmless, copy_for_opening
from ismsg_tui.domain.entities import Attachment, FileKind, Message, MessageKind
from ismsg_tui.domain.media import size_words
from ismsg_tui.domain.text import clean, file_name
from ismsg_tui.domain.words import author_words
from ismsg_tui.inbox import Inbox
from ismsg_tui.key_names import key_label
from ismsg_tui.screens.faults import TellsFaults
from ismsg_tui.screens.file_dialogs import SaveDialog
from ismsg_tui.screens.file_habits import FileHabits
from ismsg_tui.screens.picker import Picker
from ismsg_tui.screens.writing import Writing
from ismsg_tui.store.blobs import SCOPE, BlobState, FileError
from ismsg_tui.widgets.choice_list import Choice
from ismsg_tui.widgets.file_lines import facts, fit_name, kind_word, state_words
from ismsg_tui.widgets.key_line import Key
from ismsg_tui.widgets.picture_view import PictureView
from ismsg_tui.widgets.segments import MUTED, shown_line

NAME_WIDTH = 32
OPENED = "opened"
"""The folder beside the store for copies that programs are shown."""


@dataclass(frozen=True, slots=True)
class FileOf:
    """A file and the message that it came with."""

    message: Message = field(hash=False)
    attachment: Attachment


class FilesScreen(Picker[FileOf, None], TellsFaults):
    """The newest file first; what is done with one leaves the list open."""

    HAS_PREVIEW: ClassVar[bool] = True
    BINDINGS: ClassVar[list[BindingType]] = [
        action(name).binding for name in ("save_file", "copy_path", "stop_transfer")
    ]

    class Moved(Heard):
        """A transfer has come further."""

    def __init__(
        self, inbox: Inbox, writing: Writing, name: str, messages: Sequence[Message], habits: FileHabits, opener: Opener
    ) -> None:
        """`messages` are those of the contact `name` that hold files, the newest first."""
        self._inbox, self._writing, self._habits, self._opener = inbox, writing, habits, opener
        self._contact = name
        self._all = [FileOf(message, file) for message in messages for file in message.attachments]
        self._states: dict[str, BlobState] = {}
        self._picture = PictureView()
        super().__init__(f"Files · {name}", self._choices(), take="Open", what="file")
        self._keys = [
            Key(key_label("enter"), "Open", "take"),
            *(
                Key(key_label(item.current_keys[0]), item.title, item.id)
                for item in map(action, ("save_file", "copy_path", "stop_transfer"))
                if item.current_keys[0]
            ),
            Key(key_label("escape"), "Back", "cancel"),
        ]

    def on_mount(self) -> None:
        """Hear of transfers while the list is shown."""
        super().on_mount()
        self._unlisten = self._inbox.store.listen(self._hear)

    def on_unmount(self) -> None:
        """Hear no more."""
        self._unlisten()

    def result(self, value: FileOf) -> None:  # noqa: ARG002
        """Nothing is taken out of this list."""
        return

    def _hear(self, scopes: frozenset[str]) -> None:
        if any(scope.startswith(SCOPE) for scope in scopes):
            self.post_message(self.Moved())

    @on(Moved)
    def _repaint(self, event: Moved) -> None:
        event.stop()
        self._chooser.renew(self._choices())

    def _choices(self) -> list[Choice[FileOf]]:
        self._states = self._inbox.blobs.states(item.attachment.sha256 for item in self._all)
        today = times.local(now_ms()).date()
        return [self._choice(item, times.short(item.message.at, today)) for item in self._all]

    def _choice(self, item: FileOf, at: str) -> Choice[FileOf]:
        attachment = item.attachment
        return Choice(
            item,
            fit_name(attachment.name, NAME_WIDTH),
            note=kind_word(attachment),
            detail=f"{size_words(attachment.size)} · {self._state_words(item)}",
            body=f"{file_name(attachment.name)} {self._author(item.message)}",
            mark=at,
        )

    def _state(self, item: FileOf) -> BlobState:
        return self._states.get(item.attachment.sha256, BlobState())

    def _state_words(self, item: FileOf) -> str:
        return state_words(self._state(item), mine=item.message.kind is MessageKind.OUTGOING)

    def _author(self, message: Message) -> str:
        return author_words(message, self._inbox.users, self._contact)

    def preview(self, value: FileOf) -> Content:
        """Everything that is known of a file, its name in full."""
        attachment, message = value.attachment, value.message
        rows = [
            f"{kind_word(attachment)} · {facts(attachment)}",
            self._state_words(value),
            clean(attachment.mime),
            f"from {shown_line(self._author(message))}, {times.moment(message.at, times.local(now_ms()).date())}",
        ]
        return Content.assemble((f"{shown_line(file_name(attachment.name))}\n", "bold"), ("\n".join(rows), MUTED))

    def below_preview(self) -> ComposeResult:
        """The picture itself."""
        yield self._picture

    def highlight(self, value: FileOf | None) -> None:
        """Show the picture below, where the file is one and is here."""
        is_picture = value is not None and value.attachment.kind is FileKind.IMAGE
        self._picture.show(self._inbox.blobs.path(value.attachment.sha256) if value and is_picture else None)

    # What can be done

    def take(self, value: FileOf) -> None:
        """Open a file."""
        self._open(value.attachment)

    @property
    def _chosen(self) -> Attachment | None:
        choice = self._chooser.highlighted
        return choice.value.attachment if choice else None

    def _here(self, attachment: Attachment) -> Path | None:
        """Where the bytes lie; where they are missing, they are asked for."""
        place = self._inbox.blobs.path(attachment.sha256)
        if place is None:
            self._writing.later(self._inbox.blobs.want, attachment.sha256, attachment.size)
            name = fit_name(attachment.name, NAME_WIDTH)
            self.notify(f"{name} is not here yet: it is fetched as soon as the server can be reached.", markup=False)
        return place

    @work(group="open", exit_on_error=False, description="open a file")
    async def _open(self, attachment: Attachment) -> None:
        place = self._here(attachment)
        if place is None:
            return
        folder = self._inbox.store.path.parent / OPENED
        try:
            await asyncio.to_thread(check_harmless, place, file_name(attachment.name))
            copy = await asyncio.to_thread(copy_for_opening, place, folder, attachment.name)
            self.notify(f"Opening {fit_name(attachment.name, NAME_WIDTH)}…", timeout=2, markup=False)
            await asyncio.to_thread(self._opener, copy)
        except OpenError as error:
            self.notify(str(error), severity="warning", markup=False)

    @work(group="save", exit_on_error=False, description="save a file")
    async def action_save_file(self) -> None:
        """Ask for a folder and save the file there."""
        attachment = self._chosen
        if attachment is None or self._here(attachment) is None:
            return
        dialog = SaveDialog(attachment.name, self._habits.save_folder)
        folder = await self.app.push_screen_wait(dialog)
        if folder is None:
            return
        try:
            saved = await asyncio.to_thread(self._inbox.blobs.save, attachment, folder)
        except FileError as error:
            self.notify(str(error), severity="warning", markup=False)
            return
        self._habits.save_in = folder
        self.notify(f"Saved as {clean(shortened(str(saved)))}", timeout=6, markup=False)

    def action_copy_path(self) -> None:
        """Copy where the file lies."""
        attachment = self._chosen
        place = self._here(attachment) if attachment else None
        if place is not None:
            self.app.copy_to_clipboard(str(place.absolute()))

    def action_stop_transfer(self) -> None:
        """Stop sending or fetching the file; where that was done before, or it has failed, go on with it."""
        attachment = self._chosen
        if attachment is None:
            return
        state = self._inbox.blobs.state(attachment.sha256)
        if state.total or state.wanted or (state.here and not state.there and not state.error):
            self._writing.later(self._inbox.blobs.cancel, attachment.sha256)
        elif state.error:
            self._writing.later(self._inbox.blobs.want, attachment.sha256, attachment.size)
        else:
            self.notify("Nothing is being sent or fetched here.", timeout=3)
