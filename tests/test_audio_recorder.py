"""Recording and what is kept of it, with a microphone that does what the test wants."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ismsg_tui.audio.ports import FRAME, RATE, AudioError
from ismsg_tui.audio.recorder import Progress, Recorder, RecorderState, loudness
from ismsg_tui.audio.take import Spool, claim, kept_takes
from tests.fake_sound import FakeMicrophone, a_take, silence, tone
from tests.waiting import until

SECOND = tone(440, 1.0).tobytes()


def record(folder: Path, microphone: FakeMicrophone, *, limit: float = 300.0, warn_at: float = 270.0) -> Recorder:
    """Record until the microphone or the limit ends it."""
    recorder = Recorder(folder, microphone, limit=limit, warn_at=warn_at)
    recorder.start("contact")
    recorder.wait(20)
    return recorder


def test_at_the_limit_recording_stops_and_keeps_everything(tmp_path: Path) -> None:
    microphone = FakeMicrophone(*[SECOND] * 320)
    recorder = record(tmp_path, microphone)
    assert recorder.take is not None
    assert recorder.take.seconds == 300.0
    assert recorder.take.path.read_bytes() == SECOND * 300
    assert recorder.progress.error is None
    assert microphone.stream.is_closed


def test_the_warning_comes_thirty_seconds_before_the_end(tmp_path: Path) -> None:
    heard: list[Progress] = []
    recorder = Recorder(tmp_path, FakeMicrophone(*[SECOND] * 300), on_change=heard.append)
    recorder.start()
    recorder.wait(20)
    assert next(progress.seconds for progress in heard if progress.warning) == 270.0


@given(
    sizes=st.lists(st.integers(0, 700), max_size=30), limit=st.integers(1, 5_000), rate=st.sampled_from([8_000, 44_100])
)
def test_whatever_the_blocks_the_take_is_what_was_heard_up_to_the_limit(
    sizes: list[int], limit: int, rate: int
) -> None:
    noise = np.random.default_rng(1).integers(-30_000, 30_000, sum(sizes), dtype=np.int16).tobytes()
    edges = np.cumsum([0, *sizes])
    blocks = [noise[a * FRAME : b * FRAME] for a, b in pairwise(edges)]
    with tempfile.TemporaryDirectory() as folder:
        recorder = record(Path(folder), FakeMicrophone(*blocks, rate=rate, ends=True), limit=limit / rate)
        take = recorder.take
        kept = take.path.read_bytes() if take else b""
    assert kept == noise[: limit * FRAME]
    assert recorder.progress.seconds == len(kept) / FRAME / rate


def test_the_clock_stands_until_the_first_sample_and_counts_samples(tmp_path: Path) -> None:
    microphone = FakeMicrophone()
    recorder = Recorder(tmp_path, microphone)
    recorder.start()
    assert microphone.is_open.wait(20)
    assert recorder.progress == Progress(RecorderState.STARTING, 0.0)
    microphone.hear(SECOND, False)
    until(lambda: recorder.progress.state is RecorderState.RECORDING)
    assert recorder.progress.seconds == 1.0
    recorder.stop()
    assert recorder.wait(20) is not None
    assert recorder.progress.state is RecorderState.STOPPED


def test_stopping_before_the_first_sample_leaves_nothing_behind(tmp_path: Path) -> None:
    microphone = FakeMicrophone()
    recorder = Recorder(tmp_path, microphone)
    recorder.start()
    recorder.stop()
    assert recorder.wait(20) is None
    assert recorder.progress.error is None
    assert not list(tmp_path.iterdir())
    assert microphone.stream.is_closed


def test_lost_samples_are_counted(tmp_path: Path) -> None:
    assert record(tmp_path, FakeMicrophone(*[SECOND] * 5, lost=3, ends=True)).progress.overflows == 3


def test_a_muted_microphone_is_noticed(tmp_path: Path) -> None:
    mute = silence(1.0).tobytes()
    assert record(tmp_path / "mute", FakeMicrophone(mute, mute, ends=True)).progress.silent
    assert not record(tmp_path / "open", FakeMicrophone(mute, SECOND, mute, ends=True)).progress.silent


def test_the_meter_goes_from_nothing_to_the_loudest() -> None:
    quiet, loud = loudness(tone(440, 0.1, height=100).tobytes()), loudness(tone(440, 0.1, height=32_767).tobytes())
    assert loudness(b"") == loudness(silence(0.1).tobytes()) == 0.0
    assert 0.0 < quiet < loudness(SECOND) < loud
    assert loud > 0.999
    assert loudness(np.array([-32_768], np.int16).tobytes()) == 1.0


def test_a_device_that_stops_keeps_the_take_and_says_so(tmp_path: Path) -> None:
    recorder = record(tmp_path, FakeMicrophone(SECOND, SECOND, ends=True))
    assert recorder.take is not None
    assert recorder.take.seconds == 2.0
    assert "unplugged" in str(recorder.progress.error)
    assert "is kept" in str(recorder.progress.error)


def test_a_microphone_that_never_delivers_is_given_up(tmp_path: Path) -> None:
    recorder = record(tmp_path, FakeMicrophone(ends=True))
    assert recorder.take is None
    assert "check that it is plugged in" in str(recorder.progress.error)


def test_a_microphone_that_cannot_be_opened_says_why(tmp_path: Path) -> None:
    error = AudioError("No microphone was found: plug one in.")
    recorder = record(tmp_path, FakeMicrophone(error=error))
    assert recorder.progress.error is error
    assert recorder.progress.state is RecorderState.STOPPED


def test_a_listener_that_fails_costs_nothing(tmp_path: Path) -> None:
    def fail(progress: Progress) -> None:
        raise ValueError(progress)

    recorder = Recorder(tmp_path, FakeMicrophone(SECOND, ends=True), on_change=fail)
    recorder.start()
    take = recorder.wait(20)
    assert take is not None
    assert take.seconds == 1.0


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    recorder = record(tmp_path / "file", FakeMicrophone(SECOND))
    assert recorder.take is None
    assert "nothing was recorded" in str(recorder.progress.error)
    assert str(tmp_path / "file") in str(recorder.progress.error)


FULL_DISK = """
import resource, sys
from itertools import pairwise
from pathlib import Path
from ismsg_tui.audio.recorder import Recorder
from tests.fake_sound import FakeMicrophone, tone

resource.setrlimit(resource.RLIMIT_FSIZE, (250_001, 250_001))
recorder = Recorder(Path(sys.argv[1]), FakeMicrophone(*[tone(440, 1.0).tobytes()] * 5))
recorder.start("contact")
take = recorder.wait(20)
print(take.frames, recorder.progress.seconds, recorder.progress.error)
"""


def test_a_full_disk_ends_the_recording_and_keeps_what_fitted(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FULL_DISK, str(tmp_path)], capture_output=True, text=True, check=True)
    frames, seconds, error = done.stdout.split(maxsplit=2)
    assert int(frames) == 125_000
    assert float(seconds) == 125_000 / RATE
    assert "disk is full; what was recorded until then is kept" in error
    (take,) = kept_takes(tmp_path)
    assert take.path.read_bytes()[: 125_000 * FRAME] == (SECOND * 3)[: 125_000 * FRAME]


def test_a_take_is_found_again_with_its_label(tmp_path: Path) -> None:
    recorder = record(tmp_path, FakeMicrophone(SECOND, rate=16_000, ends=True))
    (take,) = kept_takes(tmp_path)
    assert take == recorder.take
    assert (take.rate, take.tag, take.seconds) == (16_000, "contact", 3.0)
    assert take.started > 0


def test_takes_are_found_in_the_order_of_their_making(tmp_path: Path) -> None:
    made = [record(tmp_path, FakeMicrophone(SECOND, ends=True)).take for _ in range(3)]
    assert kept_takes(tmp_path) == made


def test_a_take_that_is_being_recorded_is_not_offered(tmp_path: Path) -> None:
    spool = Spool(tmp_path, RATE, "contact")
    spool.write(SECOND)
    assert kept_takes(tmp_path) == []
    spool.close()
    assert kept_takes(tmp_path) == [spool.take]


CLAIM = """
import sys
from pathlib import Path
from ismsg_tui.audio.take import Take, claim

held = claim(Take(Path(sys.argv[1]), 48_000))
print(held is not None, flush=True)
sys.stdin.read()
"""


def test_a_take_is_claimed_by_one_process_until_that_ends(tmp_path: Path) -> None:
    take = a_take(tmp_path, tone(440, 1.0))

    def rival() -> subprocess.Popen[str]:
        command = [sys.executable, "-c", CLAIM, str(take.path)]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    with rival() as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        assert (kept_takes(tmp_path), claim(take)) == ([], None)
        other.kill()
    held = claim(take)
    assert held is not None
    with rival() as other:
        assert other.communicate("")[0] == "False\n"
    held.release()
    assert [kept.path for kept in kept_takes(tmp_path)] == [take.path]
    held = claim(take)
    assert held is not None
    held.discard()
    assert (kept_takes(tmp_path), claim(take)) == ([], None)


def test_a_take_whose_label_is_damaged_is_offered_all_the_same(tmp_path: Path) -> None:
    take = a_take(tmp_path, tone(440, 1.0))
    take.path.with_suffix(".json").write_text("{")
    (found,) = kept_takes(tmp_path)
    assert (found.path, found.rate, found.seconds) == (take.path, RATE, 1.0)


def test_half_a_sample_at_the_end_is_left_out(tmp_path: Path) -> None:
    take = a_take(tmp_path, tone(440, 1.0))
    with take.path.open("ab") as file:
        file.write(b"\x01")
    assert take.frames == RATE


def test_a_discarded_take_is_gone(tmp_path: Path) -> None:
    take = record(tmp_path, FakeMicrophone(SECOND, ends=True)).take
    assert take is not None
    take.discard()
    assert not list(tmp_path.iterdir())
    take.discard()


def test_takes_are_for_the_eyes_of_their_owner(tmp_path: Path) -> None:
    record(tmp_path / "takes", FakeMicrophone(SECOND, ends=True))
    assert (tmp_path / "takes").stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "takes").iterdir())
