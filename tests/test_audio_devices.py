"""Real sound: through PulseAudio and PortAudio to the disk, into a note, and out of a speaker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ismsg_tui.audio.devices import PortAudioMicrophone, PortAudioSpeaker, devices, explain
from ismsg_tui.audio.encoding import SoundFormat, encode
from ismsg_tui.audio.player import Player, PlayerState
from ismsg_tui.audio.ports import FRAME, RATE
from ismsg_tui.audio.recorder import Recorder, RecorderState
from ismsg_tui.audio.shell import SoundFinding, play_file, record_to_file, sound_findings
from ismsg_tui.audio.take import Take, kept_takes
from tests.fake_sound import Samples, a_file, loudness_per, pitch, speech, tone
from tests.sound import OTHER, SoundServer, played_in, sound_server
from tests.waiting import PATIENCE, until

__all__ = ["sound_server"]

SAID = np.concatenate([tone(440, 0.6), speech(0.8), tone(880, 0.6)])
"""What is said into the microphone."""


def record(server: SoundServer, folder: Path, said: Samples = SAID) -> Take:
    """Record all that is said."""
    recorder = Recorder(folder, PortAudioMicrophone())
    recorder.start("contact")
    until(lambda: recorder.progress.state is RecorderState.RECORDING)
    server.feed(said)
    recorder.stop()
    take = recorder.wait(PATIENCE)
    assert take is not None
    assert recorder.progress.error is None
    assert recorder.progress.overflows == 0
    return take


def heard_in(samples: Samples) -> Samples:
    """The part that is not silent."""
    sounding = np.flatnonzero(np.abs(samples) > 100)
    return samples[sounding[0] : sounding[-1] + 1]


def starts_with(kept: Samples, said: Samples) -> bool:
    """Whether what is kept has, after some silence, every sample of what was said."""
    begin = np.flatnonzero(kept)[0] - np.flatnonzero(said)[0]
    return np.array_equal(kept[begin : begin + len(said)], said)


@pytest.mark.parametrize("form", list(SoundFormat))
def test_the_note_that_arrives_is_every_sample_that_was_said(
    sound_server: SoundServer, tmp_path: Path, form: SoundFormat
) -> None:
    take = record(sound_server, tmp_path)
    assert starts_with(np.fromfile(take.path, "<i2"), SAID)
    assert encode(take, form, tmp_path / "note") is not None
    note, rate = soundfile.read(tmp_path / "note", dtype="int16")
    assert abs(len(note) / rate - take.seconds) < 0.05
    heard = heard_in(note)
    assert abs(len(heard) / rate - len(SAID) / RATE) < 0.05
    assert abs(pitch(heard[rate // 10 : rate // 2], rate) - 440) < 3
    assert abs(pitch(heard[-rate // 2 : -rate // 10], rate) - 880) < 3
    assert loudness_per(10, heard, rate)[2:-2].min() > 500


def test_what_is_played_is_heard(sound_server: SoundServer, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    note = a_file(tmp_path / "note.ogg", tone(660, 1.5), codec="OPUS")
    player = Player(PortAudioSpeaker())
    with sound_server.captured() as path:
        player.play(note)
        assert player.wait(PATIENCE).error is None
    heard = played_in(np.fromfile(path, "<i2"), capfd.readouterr().err)
    assert abs(len(heard) / RATE - 1.5) < 0.05
    assert abs(pitch(heard, RATE) - 660) < 2
    assert loudness_per(10, heard, RATE)[1:-1].min() > 5_000


def test_after_a_seek_only_the_rest_is_heard(sound_server: SoundServer, tmp_path: Path) -> None:
    note = a_file(tmp_path / "note.mp3", np.concatenate([tone(440, 3.0), tone(880, 1.0)]))
    player = Player(PortAudioSpeaker())
    with sound_server.captured() as path:
        player.play(note)
        until(lambda: player.playback.state is PlayerState.PLAYING)
        player.pause()
        player.seek(3.0)
        player.resume()
        assert player.wait(PATIENCE).error is None
    heard = heard_in(np.fromfile(path, "<i2"))[-RATE * 9 // 10 :]
    assert abs(pitch(heard, RATE) - 880) < 2


def test_microphones_are_listed_and_one_can_be_chosen(sound_server: SoundServer, tmp_path: Path) -> None:
    listed = devices("input")
    assert {device.name for device in listed} == {"default", OTHER}
    assert [device.name for device in listed if device.is_default] == ["default"]
    recorder = Recorder(tmp_path, PortAudioMicrophone("OTHER"))
    recorder.start()
    until(lambda: recorder.progress.state is RecorderState.RECORDING)
    sound_server.feed(tone(550, 0.5), sink=OTHER)
    recorder.stop()
    take = recorder.wait(PATIENCE)
    assert take is not None
    assert abs(pitch(heard_in(np.fromfile(take.path, "<i2")), RATE) - 550) < 4


def test_a_microphone_nobody_knows_is_refused_with_those_there_are(sound_server: SoundServer, tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, PortAudioMicrophone("telephone"))
    recorder.start()
    assert recorder.wait(PATIENCE) is None
    assert "No microphone is called 'telephone': there are" in str(recorder.progress.error)
    assert OTHER in str(recorder.progress.error)


def test_a_rate_that_the_device_refuses_gives_way_to_its_own(sound_server: SoundServer, tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, PortAudioMicrophone(rate=3_000_000), limit=0.5)
    recorder.start()
    take = recorder.wait(PATIENCE)
    assert take is not None
    assert recorder.progress.error is None
    assert take.rate == 44_100
    assert take.seconds == 0.5


def test_an_unplugged_microphone_leaves_the_take(sound_server: SoundServer, tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, PortAudioMicrophone())
    recorder.start()
    until(lambda: recorder.progress.seconds > 0.3)
    sound_server.remove_devices()
    try:
        take = recorder.wait(PATIENCE)
        assert "unplugged" in str(recorder.progress.error)
        assert take is not None
        assert take.seconds > 0.3
        assert kept_takes(tmp_path) == [take]
    finally:
        sound_server.restore_devices()


def test_an_unplugged_speaker_ends_the_playing(sound_server: SoundServer, tmp_path: Path) -> None:
    player = Player(PortAudioSpeaker())
    player.play(a_file(tmp_path / "note.wav", tone(440, 30.0)))
    until(lambda: player.playback.seconds > 0.2)
    sound_server.remove_devices()
    try:
        assert "speaker has stopped" in str(player.wait(PATIENCE).error)
    finally:
        sound_server.restore_devices()


KILLED = """
import os, sys, time
from pathlib import Path
from ismsg_tui.audio.devices import PortAudioMicrophone
from ismsg_tui.audio.recorder import Recorder

class Counted(PortAudioMicrophone):
    def open(self, deliver, ended):
        def count(samples, lost):
            os.write(1, samples)
            deliver(samples, lost)
        return super().open(count, ended)

recorder = Recorder(Path(sys.argv[1]), Counted())
recorder.start("contact 7")
recorder.wait(60)
"""


def test_a_recording_that_is_killed_is_offered_again(sound_server: SoundServer, tmp_path: Path) -> None:
    heard = tmp_path / "heard"
    with heard.open("wb") as file:
        killed = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(tmp_path)],
            stdout=file,
            env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        )
        until(lambda: heard.stat().st_size > RATE * FRAME)
        assert kept_takes(tmp_path) == []
        os.kill(killed.pid, signal.SIGKILL)
        killed.wait()
    (take,) = kept_takes(tmp_path)
    delivered = heard.read_bytes()
    kept = take.path.read_bytes()
    assert take.tag == "contact 7"
    assert delivered.startswith(kept)
    assert len(delivered) - len(kept) <= 0.1 * RATE * FRAME


def test_the_doctor_tries_the_sound(sound_server: SoundServer) -> None:
    findings = sound_findings(test=True)
    assert [finding.title for finding in findings if finding.level == "bad"] == []
    # Nobody speaks into this microphone.
    assert [finding.title for finding in findings if finding.level == "warn"] == [
        "The microphone is silent: muted, or not permitted"
    ]
    assert findings[-1] == SoundFinding("ok", "The speaker took a tone: you should have heard it", "")


def test_the_command_line_records_and_plays(sound_server: SoundServer, tmp_path: Path) -> None:
    path = tmp_path / "note.mp3"
    assert record_to_file(path, 0.5, None) == 0
    assert abs(soundfile.info(path).duration - 0.5) < 0.05
    assert [left.name for left in tmp_path.iterdir()] == ["note.mp3"]
    assert play_file(path) == 0


def test_the_command_line_ends_a_recording_at_ctrl_c_and_keeps_it(sound_server: SoundServer, tmp_path: Path) -> None:
    path = tmp_path / "note.ogg"
    script = (
        "import sys; from pathlib import Path; from ismsg_tui.audio.shell import record_to_file; "
        "sys.exit(record_to_file(Path(sys.argv[1]), None, None))"
    )
    running = subprocess.Popen([sys.executable, "-c", script, str(path)], stderr=subprocess.PIPE, text=True)
    until(lambda: any(take.stat().st_size > RATE for take in tmp_path.glob("*.takes/*.pcm")))
    running.send_signal(signal.SIGINT)
    said = running.communicate(timeout=30)[1]
    assert running.returncode == 0, said
    assert soundfile.info(path).duration > 0.5
    assert "silent" in said


def test_the_command_line_rescues_what_an_earlier_recording_left(sound_server: SoundServer, tmp_path: Path) -> None:
    folder = tmp_path / "note.ogg.takes"
    folder.mkdir()
    (folder / "left.pcm").write_bytes(tone(440, 1.0).tobytes())
    assert record_to_file(tmp_path / "note.ogg", 0.2, None) == 0
    assert soundfile.info(tmp_path / "note-1.ogg").duration == 1.0
    assert sorted(left.name for left in tmp_path.iterdir()) == ["note-1.ogg", "note.ogg"]


@pytest.mark.skipif(not os.environ.get("ISMSG_SLOW_TESTS"), reason="five minutes long: set ISMSG_SLOW_TESTS=1")
def test_five_real_minutes_are_kept_and_have_no_gap(sound_server: SoundServer, tmp_path: Path) -> None:
    said = speech(299.0)
    recorder = Recorder(tmp_path, PortAudioMicrophone())
    recorder.start()
    until(lambda: recorder.progress.state is RecorderState.RECORDING)
    began = time.monotonic()
    sound_server.feed(said)
    take = recorder.wait(60)
    assert take is not None
    assert take.seconds == 300.0
    assert recorder.progress.warning
    assert (recorder.progress.error, recorder.progress.overflows) == (None, 0)
    assert abs(time.monotonic() - began - 300.0) < 2.0
    assert starts_with(np.fromfile(take.path, "<i2"), said)
    written = encode(take, SoundFormat.VOICE, tmp_path / "note.ogg")
    assert written is not None
    assert abs(soundfile.info(written.path).duration - 300.0) < 0.05
    assert written.size < 4_000_000


# Without a server, in a process of its own: PortAudio remembers what it found.

WITHOUT = """
import sys
from pathlib import Path
{before}
from ismsg_tui.audio.devices import PortAudioMicrophone, PortAudioSpeaker
from ismsg_tui.audio.player import Player
from ismsg_tui.audio.recorder import Recorder
from ismsg_tui.audio.shell import sound_findings
from tests.fake_sound import a_take, speech
from tests.waiting import PATIENCE

folder = Path(sys.argv[1])
recorder = Recorder(folder / "takes", PortAudioMicrophone())
recorder.start()
print(recorder.wait(PATIENCE), recorder.progress.error)
player = Player(PortAudioSpeaker())
player.play(a_take(folder, speech(0.1)))
print(player.wait(PATIENCE).error)
for finding in sound_findings(True):
    print(*finding)
"""


def told_without(folder: Path, before: str = "", **environment: str) -> str:
    """What is said where something is missing."""
    return subprocess.run(
        [sys.executable, "-c", WITHOUT.format(before=before), str(folder)],
        env={**os.environ, "PYTHONPATH": str(Path.cwd()), **environment},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_without_portaudio_the_package_is_named(tmp_path: Path) -> None:
    said = told_without(tmp_path, "import ctypes.util; ctypes.util.find_library = lambda name: None")
    lines = said.splitlines()
    assert lines[0].startswith("None Sound needs the PortAudio library, which is not installed.")
    assert lines[1].startswith("Sound needs the PortAudio library")
    assert lines[2].startswith("bad No PortAudio")
    for package in ("apt install libportaudio2", "dnf install portaudio", "pacman -S portaudio"):
        assert all(package in line for line in lines)


def test_without_any_device_the_agent_is_told_to_plug_one_in(sound_server: SoundServer, tmp_path: Path) -> None:
    config = tmp_path / "nothing.conf"
    config.write_text("pcm.nothing { type hw card 9 }\n")
    lines = told_without(tmp_path, ALSA_CONFIG_PATH=str(config)).splitlines()
    assert lines[0] == "None No microphone was found: plug one in or switch it on, then try again."
    assert lines[1] == "No speaker was found: plug one in or switch it on, then try again."
    assert any(line.startswith("warn No microphone") for line in lines)
    assert any(line.startswith("bad The microphone could not be used") for line in lines)


def test_a_sound_server_that_is_gone_is_noticed(sound_server: SoundServer, tmp_path: Path) -> None:
    config = tmp_path / "gone.conf"
    config.write_text(f'pcm.!default {{ type pulse server "unix:{tmp_path}/nobody" }}\n')
    lines = told_without(tmp_path, ALSA_CONFIG_PATH=str(config)).splitlines()
    assert lines[0].startswith("None No microphone was found")
    assert lines[1].startswith("No speaker was found")


class PortAudioRefusal(Exception):
    """What sounddevice raises: words and PortAudio's code."""


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        (
            -9985,
            "The microphone 'USB' is busy or was unplugged: close the other program that uses it, or choose another.",
        ),
        (-9997, "The microphone 'USB' offers no rate that ismsg can use: choose another."),
        (
            -9999,
            "The microphone 'USB' can't be opened (Unanticipated host error): check the system's sound settings, "
            "or choose another.",
        ),
    ],
)
def test_what_portaudio_refuses_becomes_a_sentence(code: int, sentence: str) -> None:
    assert explain("input", "USB", PortAudioRefusal("Unanticipated host error", code)) == sentence
