"""Voice notes in the console: recorded, reviewed, sent, kept over a crash, played."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile
from msgspec.structs import replace
from textual.pilot import Pilot

from ismsg_tui.app import IsmsgApp
from ismsg_tui.audio.devices import PortAudioMicrophone, PortAudioSpeaker
from ismsg_tui.audio.player import PlayerState
from ismsg_tui.audio.ports import RATE, AudioError, Microphone, Speaker
from ismsg_tui.audio.recorder import RecorderState
from ismsg_tui.audio.take import Spool, kept_takes
from ismsg_tui.clock import new_id, now_ms
from ismsg_tui.config import Config
from ismsg_tui.domain.commands import Issued, ReceiveMessage
from ismsg_tui.domain.entities import Attachment, FileKind, MessageKind
from ismsg_tui.domain.media import media_of
from ismsg_tui.inbox import Inbox
from ismsg_tui.screens.voice import Voice
from ismsg_tui.widgets.composer_area import ComposerArea
from ismsg_tui.widgets.contact_list import ContactList
from ismsg_tui.widgets.recorder_bar import RecorderBar
from tests.desk_setup import (
    CHANNEL,
    GUEST,
    contact_named,
    on_screen,
    open_inbox,
    press,
    seen_by,
    settle,
    shown_by,
    write,
)
from tests.factories import ANA
from tests.fake_sound import FakeMicrophone, FakeSpeaker, a_file, loudness_per, pitch, silence, tone
from tests.sound import SoundServer, played_in, sound_server
from tests.terminal import Terminal
from tests.waiting import turn_until

__all__ = ["sound_server"]

SAID = tone(440, 1.5)
"""What is said into the fake microphone."""


@asynccontextmanager
async def desk(
    inbox: Inbox,
    microphone: Microphone | None = None,
    speaker: Speaker | None = None,
    size: tuple[int, int] = (120, 36),
    limit: float = 300.0,
) -> AsyncIterator[Pilot[int]]:
    """The console with these devices."""
    mouth, ear = speaker or FakeSpeaker(), microphone or FakeMicrophone(SAID.tobytes())
    app = IsmsgApp(inbox, Config(), microphone=ear, speaker=mouth)
    app.voice = app.desk.voice = Voice(inbox, ear, mouth, limit=limit, warn_at=limit * 0.9)
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        yield pilot


def voice_of(pilot: Pilot[int]) -> Voice:
    assert isinstance(pilot.app, IsmsgApp)
    return pilot.app.voice


async def until(pilot: Pilot[int], condition: Callable[[], bool]) -> None:
    """Wait for what threads bring about."""
    app = pilot.app
    assert isinstance(app, IsmsgApp)

    def looked_at() -> bool:
        app.desk.look_at_voice()
        return condition()

    await turn_until(lambda: pilot.pause(0.005), looked_at, lambda: seen_by(pilot))
    await settle(pilot)


def bar(pilot: Pilot[int]) -> str:
    """What the recorder bar shows."""
    return "\n".join(shown_by(pilot, RecorderBar)) if pilot.app.screen.query_one(RecorderBar).display else ""


def hears(pilot: Pilot[int]) -> bool:
    recording = voice_of(pilot).recording
    return recording is not None and recording.recorder.progress.state is RecorderState.RECORDING


def told(pilot: Pilot[int]) -> str:
    """What was notified."""
    return "\n".join(note.message for note in pilot.app._notifications)


async def record(pilot: Pilot[int]) -> None:
    """Record what the microphone has to say, up to the review."""
    await press(pilot, "ctrl+r")
    await until(pilot, lambda: hears(pilot))
    await press(pilot, "ctrl+r")
    await until(pilot, lambda: voice_of(pilot).recording is None)


def takes_in(folder: Path) -> list[Path]:
    """The takes that are kept, whoever offers them."""
    return list((folder / "takes").glob("*.pcm"))


def plays_on(pilot: Pilot[int], speaker: FakeSpeaker, shown: str) -> Callable[[], bool]:
    """Whether the bar shows something, the speaker taking a little more before each look."""

    def look() -> bool:
        if shown in bar(pilot):
            return True
        speaker.fill(RATE // 50)
        return False

    return look


def spoken(inbox: Inbox, name: str = "Mai Tran") -> list[Attachment]:
    """The files of the messages that were sent to a contact."""
    lines = inbox.timeline(contact_named(inbox, name))
    sent = [line.message for line in lines if line.message.kind is MessageKind.OUTGOING]
    return [file for message in sent for file in message.attachments]


def other_channel(inbox: Inbox, kind: str, name: str) -> None:
    """Let the channel of all contacts be of another kind."""
    inbox.store.adopt([replace(CHANNEL, kind=kind, name=name, media=media_of(kind))])


def note_from(inbox: Inbox, name: str, path: Path, *, here: bool = True, peaks: tuple[int, ...] = ()) -> Attachment:
    """A contact sends a voice note."""
    note = inbox.blobs.add(path, kind=FileKind.VOICE, mime="audio/ogg", duration=2000, peaks=peaks)
    if not here:
        note = replace(note, sha256="0" * 63 + "1")
    command = ReceiveMessage(contact_named(inbox, name), "", CHANNEL.id, attachments=(note,))
    inbox.store.execute(Issued(new_id(), command, GUEST, now_ms()))
    return note


# Recording


async def test_a_key_starts_a_recording_and_the_same_key_ends_it(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    async with desk(inbox) as pilot:
        assert bar(pilot) == ""
        await press(pilot, "ctrl+r")
        await until(pilot, lambda: hears(pilot))
        assert "Recording" in bar(pilot)
        assert "0:01 / 5:00" in bar(pilot)
        await press(pilot, "ctrl+r")
        await until(pilot, lambda: voice_of(pilot).recording is None)
        assert "goes as a voice note (OGG/Opus)" in bar(pilot)
        assert "0:00 / 0:01" in bar(pilot)


async def test_until_the_first_sample_the_bar_says_that_it_is_starting(tmp_path: Path) -> None:
    microphone = FakeMicrophone()
    async with desk(open_inbox(tmp_path), microphone) as pilot:
        await press(pilot, "ctrl+r")
        assert "starting…" in bar(pilot)
        await until(pilot, microphone.is_open.is_set)
        microphone.hear(SAID.tobytes(), False)
        await until(pilot, lambda: hears(pilot))
        assert "starting" not in bar(pilot)


async def test_who_is_writing_goes_on_writing_while_it_records(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    async with desk(inbox) as pilot:
        await press(pilot, "r")
        await write(pilot, "one ")
        before = pilot.app.cursor_position
        await press(pilot, "ctrl+r")
        await until(pilot, lambda: hears(pilot))
        assert isinstance(pilot.app.focused, ComposerArea)
        assert pilot.app.cursor_position == before
        await write(pilot, "two")
        assert "one two" in on_screen(pilot)
        # Only keys that would come here are promised.
        assert "Esc Delete" not in bar(pilot)


async def test_the_mouse_starts_a_recording_from_the_composer(tmp_path: Path) -> None:
    async with desk(open_inbox(tmp_path)) as pilot:
        await press(pilot, "r")
        row = next(y for y, line in enumerate(on_screen(pilot).splitlines()) if "Ctrl+R Record" in line)
        column = on_screen(pilot).splitlines()[row].index("Ctrl+R Record")
        await pilot.click(offset=(column + 8, row))
        await until(pilot, lambda: hears(pilot))
        assert "● 0:01" in bar(pilot)


async def test_a_recording_goes_on_while_another_contact_is_looked_at_and_waits_for_its_own(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    async with desk(inbox) as pilot:
        await press(pilot, "ctrl+r")
        await until(pilot, lambda: hears(pilot))
        app = pilot.app
        assert isinstance(app, IsmsgApp)
        app.desk.show_contact(contact_named(inbox, "Omar Haddad"))
        await settle(pilot)
        assert "Recording for Mai Tran" in bar(pilot)
        await press(pilot, "ctrl+r")
        await until(pilot, lambda: voice_of(pilot).recording is None)
        assert bar(pilot) == ""
        assert "A recording waits to be sent: open Mai Tran." in told(pilot)
        app.desk.show_contact(contact_named(inbox, "Mai Tran"))
        await settle(pilot)
        assert "0:00 / 0:01" in bar(pilot)


async def test_near_the_end_a_warning_in_words_and_at_the_end_the_take_is_kept(tmp_path: Path) -> None:
    microphone = FakeMicrophone(tone(440, 1.9).tobytes())
    async with desk(open_inbox(tmp_path), microphone, limit=2.0) as pilot:
        await press(pilot, "ctrl+r")
        await until(pilot, lambda: hears(pilot))
        assert "it ends in 0:01 and is kept" in bar(pilot)
        microphone.hear(tone(440, 1.0).tobytes(), False)
        await until(pilot, lambda: voice_of(pilot).recording is None)
        assert "0:00 / 0:02" in bar(pilot)


async def test_a_muted_microphone_is_noticed(tmp_path: Path) -> None:
    async with desk(open_inbox(tmp_path), FakeMicrophone(silence(2.5).tobytes())) as pilot:
        await press(pilot, "ctrl+r")
        await until(pilot, lambda: hears(pilot))
        assert "is the microphone muted?" in bar(pilot)


async def test_what_is_wrong_with_the_microphone_is_said_and_text_works_on(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    async with desk(inbox, FakeMicrophone(error=AudioError("No microphone was found: plug one in."))) as pilot:
        await press(pilot, "ctrl+r")
        await until(pilot, lambda: voice_of(pilot).recording is None)
        await until(pilot, lambda: "No microphone was found" in told(pilot))
        assert bar(pilot) == ""
        await press(pilot, "r")
        await write(pilot, "hello")
        await press(pilot, "enter")
        (sent,) = [
            line.message.text
            for line in inbox.timeline(contact_named(inbox, "Mai Tran"))
            if line.message.kind is MessageKind.OUTGOING
        ]
        assert sent == "hello"


async def test_what_was_heard_before_the_microphone_was_unplugged_is_kept(tmp_path: Path) -> None:
    async with desk(open_inbox(tmp_path), FakeMicrophone(SAID.tobytes(), ends=True)) as pilot:
        await press(pilot, "ctrl+r")
        await until(pilot, lambda: voice_of(pilot).recording is None)
        await until(pilot, lambda: "unplugged" in told(pilot))
        assert "0:00 / 0:01" in bar(pilot)


# Review


async def test_deleting_takes_two_presses_and_another_key_takes_back_the_first(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    async with desk(inbox) as pilot:
        await record(pilot)
        await press(pilot, "escape")
        assert "once more deletes it" in bar(pilot)
        await press(pilot, "x")
        assert "once more" not in bar(pilot)
        await press(pilot, "escape")
        assert len(takes_in(tmp_path)) == 1
        await press(pilot, "escape")
        assert bar(pilot) == ""
        assert takes_in(tmp_path) == []


async def test_however_often_the_desk_looks_the_keys_go_back_to_where_they_were(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    async with desk(inbox) as pilot:
        app = pilot.app
        assert isinstance(app, IsmsgApp)
        assert isinstance(app.focused, ContactList)
        await record(pilot)
        assert isinstance(app.focused, RecorderBar)
        waiting = app.voice.waiting_for(contact_named(inbox, "Mai Tran"))
        assert waiting is not None
        app.voice.forget(waiting)
        app.desk.show_voice()
        await settle(pilot)
        # A bar that has much to do hears late that it has lost the keys.
        app.desk.bar.set_reactive(RecorderBar.has_focus, True)
        app.desk.show_voice()
        await settle(pilot)
        assert isinstance(app.focused, ContactList)


async def test_a_running_recording_can_be_deleted_too(tmp_path: Path) -> None:
    async with desk(open_inbox(tmp_path)) as pilot:
        await press(pilot, "ctrl+r")
        await until(pilot, lambda: hears(pilot))
        await press(pilot, "escape", "escape")
        await until(pilot, lambda: voice_of(pilot).recording is None)
        assert bar(pilot) == ""
        assert list((tmp_path / "takes").iterdir()) == []


async def test_recording_again_replaces_the_take_after_a_second_press(tmp_path: Path) -> None:
    async with desk(open_inbox(tmp_path)) as pilot:
        await record(pilot)
        (first,) = takes_in(tmp_path)
        await press(pilot, "R")
        assert "deletes it and records anew" in bar(pilot)
        await press(pilot, "R")
        await until(pilot, lambda: hears(pilot))
        await press(pilot, "enter")
        await until(pilot, lambda: voice_of(pilot).recording is None)
        (second,) = takes_in(tmp_path)
        assert second != first


async def test_recording_again_without_a_microphone_keeps_the_take(tmp_path: Path) -> None:
    microphone = FakeMicrophone(SAID.tobytes())
    async with desk(open_inbox(tmp_path), microphone) as pilot:
        await record(pilot)
        (first,) = takes_in(tmp_path)
        microphone.error = AudioError("No microphone was found: plug one in.")
        await press(pilot, "R", "R")
        await until(pilot, lambda: "No microphone was found" in told(pilot))
        assert takes_in(tmp_path) == [first]
        assert "0:00 / 0:01" in bar(pilot)


async def test_lost_samples_are_counted_while_it_records_and_when_it_is_reviewed(tmp_path: Path) -> None:
    async with desk(open_inbox(tmp_path), FakeMicrophone(SAID.tobytes(), SAID.tobytes(), lost=2)) as pilot:
        await press(pilot, "ctrl+r")
        await until(pilot, lambda: "2 gaps: this machine was too busy" in bar(pilot))
        await press(pilot, "ctrl+r")
        await until(pilot, lambda: voice_of(pilot).recording is None)
        assert "Recording with 2 gaps" in bar(pilot)


async def test_a_take_that_is_played_pauses_when_another_contact_is_looked_at(tmp_path: Path) -> None:
    inbox, speaker = open_inbox(tmp_path), FakeSpeaker()
    async with desk(inbox, FakeMicrophone(tone(440, 6.0).tobytes()), speaker) as pilot:
        await record(pilot)
        await press(pilot, "space")
        await until(pilot, lambda: voice_of(pilot).player.is_busy)
        app = pilot.app
        assert isinstance(app, IsmsgApp)
        app.desk.show_contact(contact_named(inbox, "Omar Haddad"))
        await until(pilot, lambda: voice_of(pilot).player.playback.state is PlayerState.PAUSED)
        assert bar(pilot) == ""


async def test_a_take_is_heard_paused_and_moved_in(tmp_path: Path) -> None:
    speaker = FakeSpeaker()
    said = np.concatenate([tone(440, 6.0), tone(880, 6.0)])
    async with desk(open_inbox(tmp_path), FakeMicrophone(said.tobytes()), speaker) as pilot:
        await record(pilot)
        await press(pilot, "space")
        await until(pilot, lambda: len(speaker.streams) == 1)
        assert abs(pitch(speaker.drink(RATE), RATE) - 440) < 2
        await until(pilot, plays_on(pilot, speaker, "▶ 0:01 / 0:12"))
        await press(pilot, "space")
        assert "‖ 0:01 / 0:12" in bar(pilot)
        await press(pilot, "right")
        assert "0:06 / 0:12" in bar(pilot)
        await press(pilot, "left", "right", "right", "space")
        await until(pilot, lambda: len(speaker.streams) == 2)
        assert abs(pitch(speaker.drink(RATE // 2), RATE) - 880) < 3


async def test_the_speed_changes_and_comes_round(tmp_path: Path) -> None:
    async with desk(open_inbox(tmp_path)) as pilot:
        await record(pilot)
        known = voice_of(pilot).speeds
        if len(known) == 1:
            pytest.skip("there is one speed here")
        for speed in (*known[1:], known[0]):
            await press(pilot, "x")
            assert voice_of(pilot).player.playback.speed == speed
            assert (f"{speed:g}x" in bar(pilot)) == (speed != 1.0)


async def test_a_click_on_the_waveform_goes_there(tmp_path: Path) -> None:
    speaker = FakeSpeaker()
    async with desk(open_inbox(tmp_path), FakeMicrophone(tone(440, 12.0).tobytes()), speaker) as pilot:
        await record(pilot)
        await press(pilot, "space")
        await until(pilot, lambda: len(speaker.streams) == 1)
        await press(pilot, "space")
        region = pilot.app.screen.query_one(RecorderBar).region
        line = shown_by(pilot, RecorderBar)[1]
        start, end = line.index("0:12") + 6, len(line.rstrip())
        await pilot.click(offset=(region.x + (start + end) // 2, region.y + 1))
        await settle(pilot)
        assert "0:06 / 0:12" in bar(pilot) or "0:05 / 0:12" in bar(pilot)


# Sending


async def test_a_recording_is_sent_as_a_voice_note_and_then_forgotten(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    async with desk(inbox) as pilot:
        await record(pilot)
        await press(pilot, "enter")
        await until(pilot, lambda: bar(pilot) == "")
        (note,) = spoken(inbox)
        assert (note.kind, note.mime) == (FileKind.VOICE, "audio/ogg; codecs=opus")
        assert note.duration == 1500
        assert len(note.peaks) == 64
        path = inbox.blobs.path(note.sha256)
        assert path is not None
        info = soundfile.info(path)
        assert (info.format, info.subtype) == ("OGG", "OPUS")
        await until(pilot, lambda: list((tmp_path / "takes").iterdir()) == [])


async def test_a_text_that_is_being_written_stays_when_a_recording_is_sent(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    async with desk(inbox) as pilot:
        await press(pilot, "r")
        await write(pilot, "half a sentence")
        await record(pilot)
        await press(pilot, "enter")
        await until(pilot, lambda: bar(pilot) == "")
        assert "half a sentence" in on_screen(pilot)
        assert isinstance(pilot.app.focused, ComposerArea)
        assert len(spoken(inbox)) == 1


@pytest.mark.parametrize(
    ("kind", "name", "fits"), [("messenger", "Messenger", FileKind.AUDIO), ("viber", "Viber", FileKind.FILE)]
)
async def test_where_there_are_no_voice_notes_it_goes_as_mp3_and_that_is_said_before(
    tmp_path: Path, kind: str, name: str, fits: FileKind
) -> None:
    inbox = open_inbox(tmp_path)
    other_channel(inbox, kind, name)
    async with desk(inbox) as pilot:
        await record(pilot)
        assert f"{name} does not take voice notes: goes as an MP3 file" in bar(pilot)
        await press(pilot, "enter")
        await until(pilot, lambda: bar(pilot) == "")
        (note,) = spoken(inbox)
        assert (note.kind, note.mime) == (fits, "audio/mpeg")
        path = inbox.blobs.path(note.sha256)
        assert path is not None
        assert soundfile.info(path).format == "MP3"


async def test_a_channel_without_files_is_not_recorded_for_and_says_why(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    other_channel(inbox, "sms", "SMS")
    async with desk(inbox) as pilot:
        await press(pilot, "ctrl+r")
        await until(pilot, lambda: "SMS takes no files" in told(pilot))
        assert voice_of(pilot).recording is None


async def test_a_take_whose_channel_changed_meanwhile_is_kept_and_not_sent(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    async with desk(inbox) as pilot:
        await record(pilot)
        other_channel(inbox, "sms", "SMS")
        await settle(pilot)
        assert "SMS takes no files" in bar(pilot)
        await press(pilot, "enter")
        assert spoken(inbox) == []
        assert len(takes_in(tmp_path)) == 1


async def test_a_voice_note_that_is_taken_back_is_a_file_of_the_draft(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path, hold=60_000)
    async with desk(inbox) as pilot:
        await record(pilot)
        await press(pilot, "enter")
        await until(pilot, lambda: bar(pilot) == "")
        (note,) = spoken(inbox)
        pilot.app.screen.query_one(ContactList).focus()
        await press(pilot, "z")
        assert spoken(inbox) == []
        assert inbox.drafts.read(contact_named(inbox, "Mai Tran")).attachments == (note,)
        assert "voice note" in on_screen(pilot)


# After a crash


def left_behind(inbox: Inbox, name: str, seconds: float) -> None:
    """What a console that was killed leaves."""
    spool = Spool(inbox.store.path.parent / "takes", RATE, contact_named(inbox, name) if name else "")
    spool.write(tone(440, seconds).tobytes())
    spool.close()


async def test_a_recording_that_a_crash_left_is_offered_when_its_contact_is_opened(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    left_behind(inbox, "Omar Haddad", 42.0)
    async with desk(inbox) as pilot:
        assert bar(pilot) == ""
        await press(pilot, "j")
        await until(pilot, lambda: bar(pilot) != "")
        assert "A recording of 0:42 was kept" in bar(pilot)
        await press(pilot, "ctrl+r", "enter")
        await until(pilot, lambda: bar(pilot) == "")
        (note,) = spoken(inbox, "Omar Haddad")
        assert note.duration == 42_000


async def test_a_recording_that_was_sent_before_a_crash_is_not_offered_again(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    async with desk(inbox) as pilot:
        await record(pilot)
        kept = {path: path.read_bytes() for path in (tmp_path / "takes").iterdir()}
        await press(pilot, "enter")
        await until(pilot, lambda: bar(pilot) == "" and takes_in(tmp_path) == [])
    for path, data in kept.items():
        path.write_bytes(data)
    left_behind(inbox, "Mai Tran", 2.0)
    async with desk(inbox) as pilot:
        await until(pilot, lambda: "A recording waits" in told(pilot))
        assert len(takes_in(tmp_path)) == 1
        assert len(spoken(inbox)) == 1


async def test_whose_recordings_a_crash_left_is_said_at_the_start(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    left_behind(inbox, "Omar Haddad", 4.0)
    left_behind(inbox, "Omar Haddad", 2.0)
    left_behind(inbox, "", 2.0)
    async with desk(inbox) as pilot:
        await until(pilot, lambda: "A recording waits to be sent: open Omar Haddad." in told(pilot))


async def test_a_recording_under_way_is_kept_when_the_console_is_left(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    async with desk(inbox) as pilot:
        await press(pilot, "ctrl+r")
        await until(pilot, lambda: hears(pilot))
    (take,) = kept_takes(tmp_path / "takes")
    assert take.seconds == 1.5
    assert take.tag == contact_named(inbox, "Mai Tran")


async def test_what_one_console_offers_no_other_does(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    left_behind(inbox, "Omar Haddad", 42.0)
    other = Voice(inbox, FakeMicrophone(), FakeSpeaker())
    async with desk(inbox) as pilot:
        await press(pilot, "j")
        await until(pilot, lambda: "kept" in bar(pilot))
        await press(pilot, "k")
        await record(pilot)
        assert len(takes_in(tmp_path)) == 2
        assert other.find_kept() == []
        await press(pilot, "enter")
        await until(pilot, lambda: len(takes_in(tmp_path)) == 1)
    assert [waiting.take.tag for waiting in other.find_kept()] == [contact_named(inbox, "Omar Haddad")]
    other.close()


# Playing


async def test_the_newest_voice_note_is_played_and_paused(tmp_path: Path) -> None:
    inbox, speaker = open_inbox(tmp_path), FakeSpeaker()
    note_from(inbox, "Mai Tran", a_file(tmp_path / "old.ogg", tone(300, 2.0), codec="OPUS"))
    note_from(inbox, "Mai Tran", a_file(tmp_path / "new.ogg", tone(660, 2.0), codec="OPUS"))
    async with desk(inbox, speaker=speaker) as pilot:
        await press(pilot, "space")
        await until(pilot, lambda: len(speaker.streams) == 1)
        assert abs(pitch(speaker.drink(RATE), RATE) - 660) < 2
        await until(pilot, plays_on(pilot, speaker, "▶ 0:01 / 0:02"))
        assert "Voice note · Mai Tran" in bar(pilot)
        await press(pilot, "space")
        assert voice_of(pilot).player.playback.state is PlayerState.PAUSED
        await press(pilot, "escape")
        assert bar(pilot) == ""


async def test_the_voice_note_of_a_picked_message_is_played(tmp_path: Path) -> None:
    inbox, speaker = open_inbox(tmp_path), FakeSpeaker()
    older = note_from(inbox, "Mai Tran", a_file(tmp_path / "old.ogg", tone(440, 2.0), codec="OPUS"))
    newer = note_from(inbox, "Mai Tran", a_file(tmp_path / "new.ogg", tone(660, 2.0), codec="OPUS"))

    def plays(file: Attachment) -> bool:
        return voice_of(pilot).player.playback.sound == inbox.blobs.path(file.sha256)

    async with desk(inbox, speaker=speaker) as pilot:
        await press(pilot, "space")
        await until(pilot, lambda: plays(newer))
        await press(pilot, "left_parenthesis", "left_parenthesis", "space")
        await until(pilot, lambda: plays(older))
        await press(pilot, "space")
        await until(pilot, lambda: voice_of(pilot).player.playback.state is PlayerState.PAUSED)
        assert plays(older)


async def test_after_its_end_a_note_leaves_the_screen_and_the_keys_are_where_they_were(tmp_path: Path) -> None:
    inbox, speaker = open_inbox(tmp_path), FakeSpeaker()
    note_from(inbox, "Mai Tran", a_file(tmp_path / "new.ogg", tone(660, 0.5), codec="OPUS"))
    async with desk(inbox, speaker=speaker) as pilot:
        before = pilot.app.focused
        await press(pilot, "space")
        await until(pilot, lambda: len(speaker.streams) == 1)

        def over() -> bool:
            speaker.fill(RATE // 20)
            return bar(pilot) == ""

        await until(pilot, over)
        assert pilot.app.focused is before


async def test_a_note_that_is_not_here_is_asked_for(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    note = note_from(inbox, "Mai Tran", a_file(tmp_path / "new.ogg", tone(660, 0.5), codec="OPUS"), here=False)
    async with desk(inbox) as pilot:
        await press(pilot, "space")
        await until(pilot, lambda: "being fetched" in told(pilot))
        await until(pilot, lambda: inbox.blobs.state(note.sha256).wanted)


async def test_without_a_voice_note_that_is_said(tmp_path: Path) -> None:
    async with desk(open_inbox(tmp_path)) as pilot:
        await press(pilot, "space")
        await until(pilot, lambda: "no voice note in this conversation" in told(pilot))


async def test_what_is_wrong_with_the_speaker_is_said(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    note_from(inbox, "Mai Tran", a_file(tmp_path / "new.ogg", tone(660, 0.5), codec="OPUS"))
    speaker = FakeSpeaker(error=AudioError("No speaker was found: plug one in."))
    async with desk(inbox, speaker=speaker) as pilot:
        await press(pilot, "space")
        await until(pilot, lambda: "No speaker was found" in told(pilot))
        assert bar(pilot) == ""


async def test_nothing_is_played_into_a_recording(tmp_path: Path) -> None:
    inbox, speaker = open_inbox(tmp_path), FakeSpeaker()
    note_from(inbox, "Mai Tran", a_file(tmp_path / "new.ogg", tone(660, 0.5), codec="OPUS"))
    async with desk(inbox, speaker=speaker) as pilot:
        await press(pilot, "ctrl+r")
        await until(pilot, lambda: hears(pilot))
        pilot.app.screen.query_one(ContactList).focus()
        await press(pilot, "space")
        await until(pilot, lambda: "End the recording first" in told(pilot))
        assert speaker.streams == []


@pytest.mark.parametrize("size", [(80, 24), (60, 20), (40, 12), (20, 5)])
async def test_the_bar_fits_every_screen(tmp_path: Path, size: tuple[int, int]) -> None:
    async with desk(open_inbox(tmp_path), size=size) as pilot:
        await record(pilot)
        assert "0:00" in on_screen(pilot) or size[1] < 12
        assert "Esc Delete" in bar(pilot) or size[0] < 60
        for line in on_screen(pilot).splitlines():
            assert len(line) <= size[0]


# With real sound


async def test_what_is_said_at_the_desk_arrives_and_what_comes_in_is_heard(
    sound_server: SoundServer, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    inbox = open_inbox(tmp_path)
    async with desk(inbox, PortAudioMicrophone(), PortAudioSpeaker()) as pilot:
        await press(pilot, "ctrl+r")
        await until(pilot, lambda: hears(pilot))
        await asyncio.to_thread(sound_server.feed, tone(550, 1.0))
        await press(pilot, "ctrl+r")
        await until(pilot, lambda: voice_of(pilot).recording is None)
        await press(pilot, "enter")
        await until(pilot, lambda: bar(pilot) == "" and isinstance(pilot.app.focused, ContactList))
        (note,) = spoken(inbox)
        path = inbox.blobs.path(note.sha256)
        assert path is not None
        samples, rate = soundfile.read(path, dtype="int16")
        assert note.duration is not None
        assert abs(len(samples) / rate - note.duration / 1000) < 0.05
        sounding = np.flatnonzero(np.abs(samples) > 100)
        heard = samples[sounding[0] : sounding[-1] + 1]
        assert abs(len(heard) / rate - 1.0) < 0.05
        assert abs(pitch(heard, rate) - 550) < 2

        note_from(inbox, "Mai Tran", a_file(tmp_path / "in.ogg", tone(770, 1.0), codec="OPUS"))
        await settle(pilot)
        with sound_server.captured() as captured:
            await press(pilot, "l", "space")
            await until(pilot, lambda: bool(np.any(np.abs(np.fromfile(captured, "<i2")) > 100)))
            await until(pilot, lambda: bar(pilot) == "")
        played = played_in(np.fromfile(captured, "<i2"), capfd.readouterr().err)
        assert abs(len(played) / RATE - 1.0) < 0.1
        assert abs(pitch(played, RATE) - 770) < 2
        assert loudness_per(10, played, RATE)[1:-1].min() > 500


def test_a_killed_console_keeps_the_recording_and_while_it_records_only_one_line_is_drawn(
    sound_server: SoundServer, tmp_path: Path
) -> None:
    open_inbox(tmp_path).close_store()
    # A width that stands in the environment, as the test runner's workers have it, would count for more than the pty's.
    inherited = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    environment = {
        **inherited,
        "ISMSG_DATA": str(tmp_path),
        "ISMSG_USER": ANA.name,
        "ISMSG_CONFIG": str(tmp_path / "config.toml"),
        "TERM": "xterm-256color",
    }
    command = [sys.executable, "-m", "ismsg_tui"]
    with Terminal(command, environment, (120, 36)) as terminal:
        terminal.wait_for("Reply to Mai Tran")
        terminal.send("r")
        terminal.wait_for(lambda: "Reply to" in terminal.cursor_line)
        terminal.send("soon")
        terminal.wait_for(lambda: "soon" in terminal.cursor_line)
        terminal.send("\x12")
        terminal.wait_for("muted?")
        (wave,) = (number for number, line in enumerate(terminal.lines, 1) if "● 0:" in line)
        drawn = len(terminal.output)
        terminal.wait_for(lambda: any(int(shown) >= 4 for shown in re.findall(r"● 0:(\d\d)", terminal.text)))
        frames = terminal.output[drawn:]
        assert "soon" in terminal.cursor_line
        terminal.kill(signal.SIGKILL)
    rows = {int(row) for row in re.findall(r"\x1b\[(\d+);\d+H", frames)}
    assert wave in rows
    assert not rows & {wave - 1, wave + 1}
    with Terminal(command, environment, (120, 36)) as terminal:
        terminal.wait_for("was kept")
        assert "A recording of 0:" in terminal.text
