"""Files to send out of takes, and the waveform."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from ismsg_tui.audio.encoding import Encoded, SoundFormat, encode
from ismsg_tui.audio.ports import RATE, AudioError
from ismsg_tui.audio.sounds import BLOCK, as_bytes, blocks, open_sound, peaks, resampled
from ismsg_tui.audio.take import Take
from tests.fake_sound import Samples, a_file, a_take, loudness_per, pitch, silence, speech, tone

FORMS = pytest.mark.parametrize("form", list(SoundFormat))


def encoded(take: Take, form: SoundFormat, path: Path) -> Encoded:
    written = encode(take, form, path)
    assert written is not None
    return written


def decoded(path: Path) -> tuple[Samples, int]:
    samples, rate = soundfile.read(path, dtype="int16")
    return samples, rate


@FORMS
@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 44_100, 48_000, 96_000])
def test_a_note_is_as_long_and_as_high_as_the_take_whatever_its_rate(
    tmp_path: Path, form: SoundFormat, rate: int
) -> None:
    take = a_take(tmp_path, tone(440, 2.0, rate), rate)
    written = encoded(take, form, tmp_path / f"note{form.suffix}")
    samples, now = decoded(written.path)
    assert abs(len(samples) / now - 2.0) < 0.05
    assert abs(pitch(samples, now) - 440) < 2
    assert loudness_per(10, samples, now)[5:-5].min() > 5_000


def test_a_voice_note_is_ogg_with_opus(tmp_path: Path) -> None:
    written = encoded(a_take(tmp_path, speech(1.0)), SoundFormat.VOICE, tmp_path / "note.ogg")
    info = soundfile.info(written.path)
    assert (info.format, info.subtype, info.channels) == ("OGG", "OPUS", 1)
    assert written.mime == "audio/ogg; codecs=opus"
    assert written.size == written.path.stat().st_size
    assert written.seconds == 1.0


def test_other_channels_get_mp3(tmp_path: Path) -> None:
    written = encoded(a_take(tmp_path, speech(1.0)), SoundFormat.MP3, tmp_path / "note.mp3")
    assert soundfile.info(written.path).format == "MP3"
    assert written.mime == "audio/mpeg"


def test_nothing_is_ever_sent_as_wav() -> None:
    assert all("wav" not in form.mime and form.suffix != ".wav" for form in SoundFormat)


@FORMS
def test_five_minutes_fit_through_every_channel(tmp_path: Path, form: SoundFormat) -> None:
    take = a_take(tmp_path, speech(30.0))
    assert encoded(take, form, tmp_path / "note").size * 10 < 4_000_000


@FORMS
def test_a_cancelled_note_leaves_the_take_and_nothing_else(tmp_path: Path, form: SoundFormat) -> None:
    take = a_take(tmp_path, tone(440, 3.0))
    shares: list[float] = []
    path = tmp_path / "out" / "note"
    assert encode(take, form, path, progress=shares.append, cancelled=lambda: len(shares) > 3) is None
    assert list(path.parent.iterdir()) == []
    assert take.seconds == 3.0


def test_progress_rises_to_the_whole(tmp_path: Path) -> None:
    shares: list[float] = []
    encode(a_take(tmp_path, tone(440, 3.0)), SoundFormat.VOICE, tmp_path / "note", progress=shares.append)
    assert shares == sorted(shares)
    assert len(shares) > 30
    assert shares[-1] == 1.0


FULL_DISK = """
import resource, sys
from pathlib import Path
from ismsg_tui.audio.encoding import SoundFormat, encode
from ismsg_tui.audio.ports import AudioError
from ismsg_tui.audio.take import Take

take = Take(Path(sys.argv[1]), 48_000)
size = int(sys.argv[3])
resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
try:
    encode(take, SoundFormat[sys.argv[2]], take.path.with_name("note"))
except AudioError as error:
    print(error)
"""


@FORMS
@pytest.mark.parametrize("missing", [1, 50_000])
def test_a_full_disk_while_encoding_keeps_the_take_and_leaves_no_half_note(
    tmp_path: Path, form: SoundFormat, missing: int
) -> None:
    take = a_take(tmp_path, speech(20.0))
    room = encoded(take, form, tmp_path / "note").size - missing
    (tmp_path / "note").unlink()
    arguments = [sys.executable, "-c", FULL_DISK, str(take.path), form.name, str(room)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"The disk of {tmp_path} is full: make room and send again.")
    assert [path.name for path in tmp_path.iterdir()] == [take.path.name]


def test_a_take_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=r"lost\.pcm is not there"):
        encode(Take(tmp_path / "lost.pcm", RATE), SoundFormat.VOICE, tmp_path / "note")


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.ogg", "OPUS"),
        ("a.ogg", "VORBIS"),
        ("a.mp3", None),
        ("a.wav", "PCM_16"),
        ("a.wav", "FLOAT"),
        ("a.flac", None),
    ],
)
def test_the_usual_formats_can_be_read(tmp_path: Path, name: str, codec: str | None) -> None:
    with open_sound(a_file(tmp_path / name, tone(440, 1.0), codec=codec)) as file:
        assert sum(len(block) for block in blocks(file)) == RATE


def test_channels_are_mixed_into_one(tmp_path: Path) -> None:
    both = np.stack([tone(440, 1.0), -tone(440, 1.0)], axis=1)
    soundfile.write(tmp_path / "a.wav", both, RATE)
    with open_sound(tmp_path / "a.wav") as file:
        assert all(not block.any() for block in blocks(file))


def test_other_formats_are_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "note.m4a").write_bytes(b"\x00\x00\x00\x1cftypM4A " * 100)
    with pytest.raises(AudioError, match=r"note\.m4a is in a format that ismsg can't play: open it"):
        open_sound(tmp_path / "note.m4a")
    with pytest.raises(AudioError, match=r"gone\.ogg is not there"):
        open_sound(tmp_path / "gone.ogg")


def test_a_sound_of_the_store_is_not_called_by_its_sha256(tmp_path: Path) -> None:
    blob = tmp_path / ("0f" * 32)
    blob.write_bytes(b"no sound at all")
    with pytest.raises(AudioError, match=r"^This sound is in a format that ismsg can't play"):
        open_sound(blob)


@given(cut=st.integers(0, 6_000), at=st.integers(0, 6_000), wrong=st.binary(max_size=40))
def test_damaged_notes_end_in_a_sentence_at_worst(
    tmp_path_factory: pytest.TempPathFactory, cut: int, at: int, wrong: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "whole.ogg"
    if not path.exists():
        a_file(path, speech(1.0), codec="OPUS")
    data = path.read_bytes()
    broken = path.with_name("broken.ogg")
    broken.write_bytes((data[:at] + wrong + data[at + len(wrong) :])[: len(data) - cut])
    problem = ""
    try:
        with open_sound(broken) as file:
            assert all(len(block) <= BLOCK for block in blocks(file))
    except AudioError as error:
        problem = str(error)
    assert not problem or problem.startswith("broken.ogg is")


def test_the_waveform_follows_the_sound(tmp_path: Path) -> None:
    sound = np.concatenate([silence(1.0), tone(440, 1.0, height=5_000), tone(440, 2.0), silence(4.0)])
    wave = peaks(a_take(tmp_path, sound))
    assert wave == [0] * 8 + [50] * 8 + [100] * 16 + [0] * 32


@given(frames=st.integers(0, 40_000), count=st.integers(1, 100))
def test_a_waveform_has_as_many_values_as_asked_for(
    tmp_path_factory: pytest.TempPathFactory, frames: int, count: int
) -> None:
    wave = peaks(a_take(tmp_path_factory.getbasetemp(), speech(1.0)[:frames]), count)
    assert len(wave) == count
    assert max(wave) == (100 if frames > 10 else max(wave))


def test_resampling_keeps_length_and_pitch(tmp_path: Path) -> None:
    with open_sound(a_take(tmp_path, tone(440, 2.0, 44_100), 44_100)) as file:
        heard = np.concatenate(list(resampled(blocks(file), 44_100, 48_000)))
    assert abs(len(heard) - 96_000) <= 1
    assert abs(pitch(heard, 48_000) - 440) < 1


def test_samples_too_loud_are_clipped_not_wrapped() -> None:
    assert np.frombuffer(as_bytes(np.array([2.0, -2.0, 0.0], np.float32)), "<i2").tolist() == [32_767, -32_767, 0]
