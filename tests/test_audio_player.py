"""Playback, with a speaker that takes samples when the test wants it to."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from ismsg_tui.audio.player import Playback, Player, PlayerState
from ismsg_tui.audio.ports import RATE, AudioError
from ismsg_tui.audio.sounds import blocks, open_sound
from ismsg_tui.audio.tempo import speeds, stretched
from tests.fake_sound import FakeSpeaker, a_file, a_take, loudness_per, pitch, speech, tone
from tests.waiting import until

FASTER = pytest.mark.skipif(len(speeds()) == 1, reason="python-stretch has no wheel for this platform")


def test_a_take_is_heard_sample_by_sample(tmp_path: Path) -> None:
    speaker, sound = FakeSpeaker(), speech(2.0)
    player = Player(speaker)
    player.play(a_take(tmp_path, sound))
    heard = speaker.drink_while(lambda: player.is_busy)
    assert len(heard) == len(sound)
    assert np.abs(heard.astype(int) - sound).max() <= 1
    assert player.playback.state is PlayerState.STOPPED
    assert player.playback.seconds == player.playback.duration == 2.0
    assert [stream.is_closed for stream in speaker.streams] == [True]


def test_a_note_that_came_in_is_played_like_a_take(tmp_path: Path) -> None:
    speaker = FakeSpeaker()
    player = Player(speaker)
    player.play(a_file(tmp_path / "note.ogg", tone(440, 1.0, 16_000), 16_000, "OPUS"))
    heard = speaker.drink_while(lambda: player.is_busy)
    assert speaker.streams[0].rate == 16_000
    assert len(heard) == 16_000
    assert abs(pitch(heard, 16_000) - 440) < 2


def test_a_speaker_with_a_rate_of_its_own_hears_the_right_pitch(tmp_path: Path) -> None:
    speaker = FakeSpeaker(rate=44_100)
    player = Player(speaker)
    player.play(a_take(tmp_path, tone(440, 1.0)))
    heard = speaker.drink_while(lambda: player.is_busy)
    assert abs(len(heard) - 44_100) <= 1
    assert abs(pitch(heard, 44_100) - 440) < 2


def test_after_a_pause_it_goes_on_where_it_was(tmp_path: Path) -> None:
    speaker, sound = FakeSpeaker(), speech(2.0)
    player = Player(speaker)
    player.play(a_take(tmp_path, sound))
    speaker.drink(RATE // 2)
    until(lambda: player.playback.seconds == 0.5)
    player.pause()
    player.wait(20)
    assert player.playback.state is PlayerState.PAUSED
    assert speaker.streams[0].is_closed
    player.resume()
    until(lambda: len(speaker.streams) == 2)
    heard = speaker.drink_while(lambda: player.is_busy)
    assert np.abs(heard.astype(int) - sound[RATE // 2 :]).max() <= 1


def test_seeking_while_it_plays_plays_on_from_there(tmp_path: Path) -> None:
    speaker, sound = FakeSpeaker(), speech(3.0)
    player = Player(speaker)
    player.play(a_take(tmp_path, sound))
    speaker.drink(RATE // 10)
    player.seek(2.0)
    until(lambda: len(speaker.streams) == 2)
    assert speaker.streams[0].is_closed
    heard = speaker.drink_while(lambda: player.is_busy)
    assert np.abs(heard.astype(int) - sound[2 * RATE :]).max() <= 1


def test_seeking_while_paused_stays_silent_until_resumed(tmp_path: Path) -> None:
    speaker, sound = FakeSpeaker(), speech(3.0)
    player = Player(speaker)
    player.play(a_take(tmp_path, sound))
    until(lambda: player.playback.duration == 3.0)
    player.pause()
    player.seek(99.0)
    assert (player.playback.state, player.playback.seconds) == (PlayerState.PAUSED, 3.0)
    player.seek(-1.0)
    assert player.playback.seconds == 0.0
    player.seek(1.0)
    player.wait(20)
    opened = len(speaker.streams)
    player.resume()
    until(lambda: len(speaker.streams) > opened)
    heard = speaker.drink_while(lambda: player.is_busy)
    assert np.abs(heard.astype(int) - sound[RATE:]).max() <= 1


def test_stopping_goes_back_to_the_beginning(tmp_path: Path) -> None:
    speaker = FakeSpeaker()
    player = Player(speaker)
    player.play(a_take(tmp_path, speech(2.0)))
    speaker.drink(RATE)
    player.stop()
    player.wait(20)
    assert (player.playback.state, player.playback.seconds) == (PlayerState.STOPPED, 0.0)
    assert speaker.streams[0].is_closed


def test_playing_another_sound_ends_the_first(tmp_path: Path) -> None:
    speaker = FakeSpeaker()
    player = Player(speaker)
    player.play(a_file(tmp_path / "first.wav", tone(440, 5.0)))
    speaker.drink(RATE // 2)
    player.play(a_file(tmp_path / "second.wav", tone(880, 1.0)))
    until(lambda: len(speaker.streams) == 2)
    assert speaker.streams[0].is_closed
    heard = speaker.drink_while(lambda: player.is_busy)
    assert abs(pitch(heard, RATE) - 880) < 2
    assert len(heard) == RATE
    assert player.playback.sound == tmp_path / "second.wav"


def test_a_finished_sound_can_be_played_again(tmp_path: Path) -> None:
    speaker, take = FakeSpeaker(), a_take(tmp_path, speech(0.5))
    player = Player(speaker)
    for _ in range(3):
        player.play(take)
        assert len(speaker.drink_while(lambda: player.is_busy)) == RATE // 2


def test_the_position_never_jumps_back(tmp_path: Path) -> None:
    news: list[Playback] = []
    speaker = FakeSpeaker()
    player = Player(speaker, on_change=news.append)
    player.play(a_take(tmp_path, speech(3.0)), at=0.5)
    speaker.drink_while(lambda: player.is_busy)
    assert [playback.state for playback in news[:1] + news[-1:]] == [PlayerState.STARTING, PlayerState.STOPPED]
    positions = [playback.seconds for playback in news]
    assert positions[0] == 0.5
    assert positions[-1] == 3.0
    assert all(before <= after for before, after in pairwise(positions))


def test_a_speaker_that_stops_says_so(tmp_path: Path) -> None:
    speaker = FakeSpeaker()
    player = Player(speaker)
    player.play(a_take(tmp_path, speech(3.0)))
    speaker.drink(RATE // 10)
    speaker.end()
    player.wait(20)
    assert player.playback.state is PlayerState.STOPPED
    assert "unplugged" in str(player.playback.error)
    assert speaker.streams[0].is_closed


def test_what_cannot_be_played_says_why(tmp_path: Path) -> None:
    player = Player(FakeSpeaker())
    (tmp_path / "note.amr").write_bytes(b"#!AMR\n" + bytes(100))
    player.play(tmp_path / "note.amr")
    assert "can't play" in str(player.wait(20).error)
    player = Player(FakeSpeaker(error=AudioError("No speaker was found: plug one in.")))
    player.play(a_take(tmp_path, speech(0.1)))
    assert str(player.wait(20).error) == "No speaker was found: plug one in."


def test_pausing_and_resuming_nothing_does_nothing() -> None:
    player = Player(FakeSpeaker())
    player.pause()
    player.resume()
    player.seek(3.0)
    player.stop()
    assert player.playback == Playback()


def test_a_speed_that_is_not_on_offer_is_refused() -> None:
    with pytest.raises(ValueError, match="can be played at 1"):
        Player(FakeSpeaker()).set_speed(1.25)


@FASTER
def test_the_speed_can_change_while_it_plays(tmp_path: Path) -> None:
    speaker = FakeSpeaker()
    player = Player(speaker)
    player.play(a_take(tmp_path, tone(440, 4.0)))
    speaker.drink(RATE)
    until(lambda: player.playback.seconds == 1.0)
    player.set_speed(1.5)
    until(lambda: len(speaker.streams) == 2)
    heard = speaker.drink_while(lambda: player.is_busy)
    assert abs(len(heard) / RATE - 2.0) < 0.03
    assert abs(pitch(heard, RATE) - 440) < 2
    assert abs(player.playback.seconds - 4.0) < 0.05


@FASTER
@pytest.mark.parametrize("speed", [1.5, 2.0])
@pytest.mark.parametrize("rate", [16_000, 48_000])
def test_faster_sound_is_shorter_as_high_as_before_and_without_seams(tmp_path: Path, speed: float, rate: int) -> None:
    for sound in (tone(440, 17.0, rate), speech(17.0, rate)):
        with open_sound(a_take(tmp_path, sound, rate)) as file:
            heard = np.concatenate(list(stretched(blocks(file), rate, speed)))
        assert abs(len(heard) / rate - 17.0 / speed) < 0.05
        before = loudness_per(20, sound, rate)
        after = loudness_per(20, np.asarray(heard * 32_767, np.int16), rate)[10:-10]
        assert after.min() > 0.6 * before.min()
        assert after.max() < 1.4 * before.max()
    with open_sound(a_take(tmp_path, tone(440, 17.0, rate), rate)) as file:
        assert abs(pitch(np.concatenate(list(stretched(blocks(file), rate, speed))), rate) - 440) < 1


@FASTER
@pytest.mark.parametrize("seconds", [0.0, 0.01, 0.3, 5.0, 5.1])
def test_short_sounds_can_be_played_faster_too(tmp_path: Path, seconds: float) -> None:
    with open_sound(a_take(tmp_path, speech(seconds))) as file:
        pieces = list(stretched(blocks(file), RATE, 2.0))
    assert abs(sum(map(len, pieces)) / RATE - seconds / 2) < 0.03
