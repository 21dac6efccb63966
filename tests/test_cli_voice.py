"""Sound on the command line: record, play, send a recording, try the sound."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile
from msgspec.structs import replace

from ismsg_tui.audio.ports import FRAME, RATE
from ismsg_tui.domain.entities import Attachment, FileKind, MessageKind
from ismsg_tui.domain.media import media_of
from tests.cli_desk import PHONE, Desk, environment
from tests.fake_sound import a_file, pitch, tone
from tests.sound import SoundServer, sound_server
from tests.waiting import until

__all__ = ["sound_server"]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def channel(desk: Desk, kind: str, name: str) -> None:
    """Let the desk's channel be of another kind."""
    inbox = desk.open()
    inbox.store.adopt([replace(PHONE, kind=kind, name=name, media=media_of(kind))])
    inbox.close_store()


def sent(desk: Desk, contact_id: str) -> tuple[list[Attachment], list[soundfile.SoundFile]]:
    """The files that were sent to a contact, and what they are."""
    inbox = desk.open()
    lines = inbox.timeline(contact_id)
    files = [file for line in lines if line.message.kind is MessageKind.OUTGOING for file in line.message.attachments]
    sounds = [soundfile.info(inbox.blobs.path(file.sha256)) for file in files]
    inbox.close_store()
    return files, sounds


def test_a_sound_file_is_sent_as_a_voice_note(desk: Desk, tmp_path: Path) -> None:
    mai = desk.contact("Mai", "Tran", "hello")
    path = a_file(tmp_path / "said.wav", tone(440, 1.5))
    assert "waiting to be sent through WhatsApp" in desk.good("send", "Mai Tran", "--voice", str(path))
    (note,), (sound,) = sent(desk, mai.id)
    assert (note.kind, note.duration, len(note.peaks)) == (FileKind.VOICE, 1500, 64)
    assert (sound.format, sound.subtype) == ("OGG", "OPUS")
    assert abs(sound.duration - 1.5) < 0.05


def test_a_file_that_is_a_voice_note_already_is_sent_as_it_is(desk: Desk, tmp_path: Path) -> None:
    mai = desk.contact("Mai", "Tran", "hello")
    path = a_file(tmp_path / "said.ogg", tone(440, 1.5), codec="OPUS")
    desk.good("send", "Mai Tran", "Listen:", "--voice", str(path))
    (note,), _ = sent(desk, mai.id)
    assert note.size == path.stat().st_size
    assert note.kind is FileKind.VOICE


def test_where_there_are_no_voice_notes_it_goes_as_mp3(desk: Desk, tmp_path: Path) -> None:
    channel(desk, "messenger", "Messenger")
    mai = desk.contact("Mai", "Tran", "hello")
    desk.good("send", "Mai Tran", "--voice", str(a_file(tmp_path / "said.wav", tone(440, 1.5))))
    (note,), (sound,) = sent(desk, mai.id)
    assert (note.kind, sound.format) == (FileKind.AUDIO, "MP3")


def test_a_channel_that_takes_no_sound_says_so_and_nothing_is_sent(desk: Desk, tmp_path: Path) -> None:
    channel(desk, "sms", "SMS")
    mai = desk.contact("Mai", "Tran", "hello")
    path = a_file(tmp_path / "said.wav", tone(440, 1.5))
    assert "SMS takes no files" in desk.refused("send", "Mai Tran", "--voice", str(path))
    assert sent(desk, mai.id) == ([], [])


def test_what_is_no_sound_is_refused_with_its_name(desk: Desk, tmp_path: Path) -> None:
    desk.contact("Mai", "Tran", "hello")
    path = tmp_path / "letter.txt"
    path.write_text("no sound at all")
    refused = desk.refused("send", "Mai Tran", "--voice", str(path))
    assert "letter.txt is no sound that ismsg knows: send it with --attach." in refused
    assert "nowhere.wav" in desk.refused("send", "Mai Tran", "--voice", str(tmp_path / "nowhere.wav"))


def test_a_recording_needs_a_name_that_says_its_format(desk: Desk, tmp_path: Path) -> None:
    assert ".ogg or .mp3" in desk.refused("record", str(tmp_path / "said.txt"), code=2)


def test_a_file_that_is_there_is_not_recorded_over_unless_that_is_wanted(
    sound_server: SoundServer, desk: Desk, tmp_path: Path
) -> None:
    path = tmp_path / "said.ogg"
    path.write_text("what was said before")
    assert "is there already" in desk.refused("record", str(path), "--seconds", "0.2")
    assert path.read_text() == "what was said before"
    desk.good("record", str(path), "--seconds", "0.2", "--force")
    assert soundfile.info(path).format == "OGG"


def test_what_is_recorded_can_be_played(sound_server: SoundServer, desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "said.ogg"
    desk.good("record", str(path), "--seconds", "0.5")
    assert abs(soundfile.info(path).duration - 0.5) < 0.05
    with sound_server.captured() as heard:
        desk.good("play", str(a_file(tmp_path / "tone.mp3", tone(660, 1.0))))
    samples = soundfile.SoundFile(heard, samplerate=RATE, channels=1, format="RAW", subtype="PCM_16").read(
        dtype="int16"
    )
    loud = samples[abs(samples) > 100]
    assert abs(pitch(loud, RATE) - 660) < 5


def test_devices_come_from_the_settings_unless_they_are_named(sound_server: SoundServer, desk: Desk) -> None:
    (desk.folder / "config.toml").write_text('microphone = "no such thing"\nspeaker = "nor this"\n')
    path = desk.folder / "said.ogg"
    assert "no such thing" in desk.refused("record", str(path), "--seconds", "0.2")
    assert "no such thing" in desk.good("doctor")
    desk.good("record", str(path), "--seconds", "0.2", "--device", "other_mic")
    assert "nor this" in desk.refused("play", str(path))


def test_the_doctor_tries_the_sound_where_it_is_asked_to(sound_server: SoundServer, desk: Desk) -> None:
    output = desk.good("doctor", "--sound")
    assert "microphone: default" in output
    assert "The microphone is silent" in output
    assert "The speaker took a tone" in output
    assert "The speaker took" not in desk.good("doctor")


def test_a_recording_that_is_killed_is_there_at_the_next(sound_server: SoundServer, tmp_path: Path) -> None:
    path = tmp_path / "said.ogg"
    killed = subprocess.Popen(
        [sys.executable, "-m", "ismsg_tui", "record", str(path)], env={**os.environ, **environment(tmp_path)}
    )
    takes = tmp_path / "said.ogg.takes"
    until(lambda: any(take.stat().st_size > RATE * FRAME for take in takes.glob("*.pcm")))
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    Desk(tmp_path).good("record", str(path), "--seconds", "0.2")
    assert soundfile.info(tmp_path / "said-1.ogg").duration >= 1.0
    assert not takes.exists()
