"""What an agent does with sound at the desk: record, listen to it, send it, hear what came in."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from textual import on, work
from textual.timer import Timer

from ismsg_tui.audio.ports import AudioError
from ismsg_tui.audio.sounds import peaks
from ismsg_tui.domain.entities import Attachment, Channel, FileKind, Message
from ismsg_tui.domain.text import one_line
from ismsg_tui.domain.words import NAME_LIMIT, author_words
from ismsg_tui.files.handling import FileError
from ismsg_tui.inbox import RefusedError
from ismsg_tui.screens.contact_acts import ContactActs
from ismsg_tui.screens.voice import STEP, Confirm, Note, Voice, Waiting
from ismsg_tui.screens.voice_view import bar_view
from ismsg_tui.store.blobs import SCOPE
from ismsg_tui.store.connection import DatabaseError
from ismsg_tui.voice_notes import way_of
from ismsg_tui.widgets.composer import Composer
from ismsg_tui.widgets.recorder_bar import RecorderBar

log = logging.getLogger(__name__)

LOOK_EVERY = 0.1
"""Seconds between two looks at what is recorded or played, and so between two drawings of the bar."""
_NAMED = 3
"""So many contacts whose recordings wait are named."""


class VoiceActs(ContactActs):
    """The sounding part of the desk."""

    voice: Voice
    _voice_timer: Timer | None = None
    _wanted_note: tuple[str, Message, Attachment] | None = None
    """What is to be played once its bytes are here."""

    @property
    def bar(self) -> RecorderBar:
        """The recorder bar."""
        return self.query_one(RecorderBar)

    def on_mount(self) -> None:
        """Find what an earlier console left."""
        self._find_kept()

    @work(group="voice", exit_on_error=False, description="find kept recordings")
    async def _find_kept(self) -> None:
        kept = await asyncio.to_thread(self.voice.find_kept)
        self.voice.offer(kept)
        self.show_voice()
        self._tell_of_takes([waiting.take.tag for waiting in kept])

    def _tell_of_takes(self, contact_ids: Sequence[str]) -> None:
        """Say whose recordings wait, but for the contact that is looked at, whose bar shows it."""
        elsewhere = [contact_id for contact_id in dict.fromkeys(contact_ids) if contact_id != self.pane.contact_id]
        cards = [card for contact_id in elsewhere if (card := self._inbox.contacts.card(contact_id))]
        if cards:
            names = ", ".join(one_line(card.contact.name, NAME_LIMIT) for card in cards[:_NAMED])
            more = f" and {len(cards) - _NAMED} more" if len(cards) > _NAMED else ""
            what = "Recordings wait" if len(cards) > 1 else "A recording waits"
            self.notify(f"{what} to be sent: open {names}{more}.", timeout=8, markup=False)

    # What is shown

    def show_voice(self) -> None:
        """Draw the bar as things stand, for the contact that is looked at."""
        bar, contact_id, waiting = self.bar, self.pane.contact_id, self._waiting
        self.voice.hush(waiting)
        view = bar_view(self.voice, contact_id, self._channel_of(contact_id))
        if view is None and self.focused is bar:
            self.leave_bar()
        bar.view = view
        self._look_on(self.voice.is_active)
        if waiting is not None and waiting.peaks is None:
            self._find_peaks(waiting)

    def _look_on(self, active: bool) -> None:
        if active and self._voice_timer is None:
            self._voice_timer = self.set_interval(LOOK_EVERY, self.look_at_voice)
        elif not active and self._voice_timer is not None:
            self._voice_timer.stop()
            self._voice_timer = None

    @work(group="peaks", exclusive=True, exit_on_error=False, description="find a waveform")
    async def _find_peaks(self, waiting: Waiting) -> None:
        await asyncio.to_thread(waiting.find_peaks)
        self.show_voice()

    def look_at_voice(self) -> None:
        """Notice what the threads of sound have brought about."""
        news = self.voice.look()
        for error in news.errors:
            self.notify(str(error), severity="error", timeout=12, markup=False)
        if news.ended_for is not None:
            self.voice.confirm = None
            if self.voice.waiting_for(news.ended_for) is not None:
                self._tell_of_takes([news.ended_for])
        self.show_voice()

    @property
    def _waiting(self) -> Waiting | None:
        return self.voice.waiting_for(self.pane.contact_id)

    def _channel_of(self, contact_id: str | None) -> Channel | None:
        card = self.pane.card if contact_id == self.pane.contact_id else self._inbox.contacts.card(contact_id or "")
        return self._inbox.channels.get(card.contact.channel_id or "") if card else None

    # Recording

    def action_record(self) -> None:
        """Record for the contact; end a recording; or go to the one that waits."""
        voice = self.voice
        if voice.recording is not None:
            voice.stop()
            if voice.recording.contact_id == self.pane.contact_id:
                self.enter_bar(self.bar)
        elif self._waiting is not None:
            if self.focused is not self.bar:
                self.enter_bar(self.bar)
            else:
                self.notify("This recording waits: send it, delete it, or record it again.", timeout=4)
        elif card := self.chosen():
            self._start(card.contact.id, card.contact.name)

    def _start(self, contact_id: str, name: str, *, instead_of: Waiting | None = None) -> None:
        way = way_of(self._channel_of(contact_id))
        if way.form is None:
            self.notify(way.words, severity="warning", timeout=10, markup=False)
            return
        self.voice.start(contact_id, one_line(name, NAME_LIMIT), instead_of=instead_of)
        self.show_conversation()
        self.show_voice()
        # Who is writing goes on writing.
        if self.focused is None or self.pane.query_one(Composer) not in self.focused.ancestors:
            self.enter_bar(self.bar)

    # Playing

    @work(group="play", exclusive=True, exit_on_error=False, description="find a voice note")
    async def action_play_voice(self) -> None:
        """Play the picked message's voice note, or the newest; pause or go on with what is played."""
        message, note = self.pane.picked, self.voice.note
        picked = next(filter(is_sound, message.attachments), None) if message is not None else None
        if note is not None and (picked is None or self._inbox.blobs.path(picked.sha256) == note.path):
            self.voice.toggle(None)
            self.show_voice()
            return
        card = self.chosen()
        if card is None:
            return
        if message is not None and picked is not None:
            self.play(card.contact.id, message, picked)
            return
        messages = await asyncio.to_thread(self._inbox.messages_with_files, card.contact.id)
        found = next(((message, file) for message in messages for file in message.attachments if is_sound(file)), None)
        if found is None:
            self.notify("There is no voice note in this conversation.", timeout=3)
        else:
            self.play(card.contact.id, *found)

    def play(self, contact_id: str, message: Message, file: Attachment) -> None:
        """Play a sound of a conversation, once its bytes are here."""
        if self.voice.recording is not None:
            self.notify("End the recording first, or it would record what is played.", timeout=4)
            return
        path = self._inbox.blobs.path(file.sha256)
        if path is None:
            self._wanted_note = contact_id, message, file
            self._writing.later(self._inbox.blobs.want, file.sha256, file.size)
            self.notify("The voice note is not here yet: it is being fetched, and plays when it is here.", timeout=6)
            return
        self._wanted_note = None
        name = self.pane.card.contact.name if self.pane.card else ""
        who = author_words(message, self._inbox.users, name)
        word = "Voice note" if file.kind is FileKind.VOICE else f"Sound “{one_line(file.name, NAME_LIMIT)}”"
        note = Note(contact_id, f"{word} · {one_line(who, NAME_LIMIT)}", path, file.peaks)
        self.voice.play_note(note)
        self.show_voice()
        self.enter_bar(self.bar)
        if not note.peaks:
            self._find_note_peaks(note)

    @work(group="peaks", exit_on_error=False, description="find a waveform")
    async def _find_note_peaks(self, note: Note) -> None:
        try:
            found = tuple(await asyncio.to_thread(peaks, note.path))
        except AudioError:
            return
        if self.voice.note is note:
            self.voice.note = Note(note.contact_id, note.title, note.path, found)

    def files_moved(self, scopes: frozenset[str]) -> None:
        """Play what was waited for, if it has come while its contact is looked at; say why it has not."""
        if self._wanted_note is None:
            return
        contact_id, message, file = self._wanted_note
        if contact_id != self.pane.contact_id:
            self._wanted_note = None
        elif SCOPE + file.sha256 in scopes:
            state = self._inbox.blobs.state(file.sha256)
            if state.here:
                self.play(contact_id, message, file)
            elif state.error:
                self._wanted_note = None
                self.notify(f"The voice note can't be fetched: {state.error}", severity="warning", markup=False)

    # On the bar

    @on(RecorderBar.Disarmed)
    def _disarm(self) -> None:
        if self.voice.confirm is not None:
            self.voice.confirm = None
            self.show_voice()

    @on(RecorderBar.SeekWanted)
    def _seek(self, event: RecorderBar.SeekWanted) -> None:
        self.voice.seek(self._waiting, share=event.share)
        self.show_voice()

    @on(RecorderBar.Asked)
    def _asked(self, event: RecorderBar.Asked) -> None:
        voice, waiting = self.voice, self._waiting
        if event.action_id == "record" and voice.recording is None:
            self.enter_bar(self.bar)
        elif voice.recording is not None:
            self._asked_while_recording(event.action_id)
        elif event.action_id == "drop_voice":
            self._drop(waiting)
        elif voice.note is None and waiting is not None and waiting.sending:
            return
        elif event.action_id in ("pause_voice", "play_voice"):
            voice.toggle(waiting)
        elif event.action_id in ("voice_back", "voice_forward"):
            voice.seek(waiting, by=STEP if event.action_id == "voice_forward" else -STEP)
        elif event.action_id == "voice_speed":
            voice.next_speed()
        elif voice.note is None and waiting is not None:
            self._asked_of_take(event.action_id, waiting)
        self.show_voice()

    def _asked_while_recording(self, action_id: str) -> None:
        voice = self.voice
        if action_id in ("finish_voice", "record"):
            voice.stop()
        elif action_id == "drop_voice" and self._confirmed(Confirm.DELETE):
            voice.drop_recording()

    def _asked_of_take(self, action_id: str, waiting: Waiting) -> None:
        if action_id == "finish_voice":
            self._send_take(waiting)
        elif action_id == "record_again" and (card := self.pane.card) and self._confirmed(Confirm.AGAIN):
            self._start(card.contact.id, card.contact.name, instead_of=waiting)

    def _drop(self, waiting: Waiting | None) -> None:
        if self.voice.note is not None:
            self.voice.close_note()
        elif waiting is not None and waiting.sending:
            waiting.sending.cancelled.set()
        elif waiting is not None and self._confirmed(Confirm.DELETE):
            self._delete(waiting)

    def _confirmed(self, confirm: Confirm) -> bool:
        """Whether this is the second time that the agent asks for something that can't be undone."""
        sure = self.voice.confirm is confirm
        self.voice.confirm = None if sure else confirm
        return sure

    def _delete(self, waiting: Waiting) -> None:
        self.voice.forget(waiting)
        self._writing.later(waiting.claim.discard)

    # Sending

    @work(group="send voice", exit_on_error=False, description="send a recording")
    async def _send_take(self, waiting: Waiting) -> None:
        contact_id = self.pane.contact_id
        if contact_id is None:
            return
        sending = self.voice.begin_sending(waiting, self._channel_of(contact_id))
        if sending.way.form is None:
            waiting.sending = None
            self.notify(sending.way.words, severity="warning", timeout=10, markup=False)
            return
        self.show_voice()
        try:
            attachment = await asyncio.to_thread(self.voice.prepare, waiting.take, sending)
            if attachment is not None:
                self.acted_on.add(contact_id)
                await self._writing.run(self._inbox.reply, contact_id, "", (attachment,))
                self._delete(waiting)
        except (AudioError, FileError, RefusedError) as error:
            self.notify(str(error), severity="warning", timeout=10, markup=False)
        except DatabaseError as error:
            log.exception("a recording could not be stored")
            self.notify(f"Not stored: {error}. The recording is kept.", severity="error", timeout=10, markup=False)
        finally:
            waiting.sending = None
            self.show_voice()


def is_sound(file: Attachment) -> bool:
    """Whether a file is there to be heard."""
    return file.kind in (FileKind.VOICE, FileKind.AUDIO) or file.mime.startswith("audio/")
