"""Voice notes: memory and processor while recording, speed of encoding, time until something is heard."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmarks.measure import Result
from ismsg_tui.audio.devices import BLOCKS_PER_SECOND, LATENCY, PortAudioMicrophone, PortAudioSpeaker, library
from ismsg_tui.audio.encoding import SoundFormat, encode
from ismsg_tui.audio.player import Player
from ismsg_tui.audio.ports import FRAME, RATE
from ismsg_tui.audio.recorder import LIMIT, Progress, Recorder
from ismsg_tui.audio.sounds import BLOCK, sound_file
from tests.fake_sound import FakeMicrophone, a_take, speech
from tests.sound import SPEAKER, NoSoundError, SoundServer, running_server

SECONDS = 60.0
"""Length of the take that is encoded."""
LISTEN = 10.0
"""Seconds of recording that the processor is watched for."""
RUNS = 5


def measure() -> Iterator[Result]:
    """One result each; those that need a sound server are skipped where there can't be one."""
    yield _memory()
    for form in SoundFormat:
        yield _encoding(form)
    try:
        with running_server() as server:
            yield _processor()
            yield _first_sound(server)
    except NoSoundError as error:
        yield Result.skipped("voice: real sound", str(error))


def _memory() -> Result:
    """Growth of the process over a take of five minutes, against the samples of such a take. Aim: 4 MiB."""
    command = [sys.executable, "-c", "from benchmarks.voice import grow; print(grow())"]
    grown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return Result("voice: memory of a take", float(grown) / 2**20, LIMIT * RATE * FRAME / 2**20, "MiB")


def grow() -> int:
    """Bytes by which this process is larger during the fifth minute of a take than in its first second."""
    block = speech(1 / BLOCKS_PER_SECOND).tobytes()
    sizes: list[int] = []
    taken = threading.Semaphore(0)

    def note(progress: Progress) -> None:
        if progress.seconds % 1 == 0:
            sizes.append(_resident())
        taken.release()

    microphone = FakeMicrophone()
    with tempfile.TemporaryDirectory() as folder:
        recorder = Recorder(Path(folder), microphone, on_change=note)
        recorder.start()
        microphone.is_open.wait()
        for _ in range(round(LIMIT * BLOCKS_PER_SECOND)):
            microphone.hear(bytes(bytearray(block)), False)
            taken.acquire()
        recorder.wait()
    return max(sizes) - sizes[0]


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _encoding(form: SoundFormat) -> Result:
    """Seconds of sound encoded in a second, against libsndfile alone with samples at hand. Aim: 0.8."""
    samples = speech(SECONDS)
    with tempfile.TemporaryDirectory() as folder:
        take = a_take(Path(folder), samples)
        path = Path(folder) / "note"
        ours = bare = float("inf")
        for _ in range(RUNS):
            bare = min(bare, _timed(lambda: _write_bare(form, path, samples)))
            ours = min(ours, _timed(lambda: encode(take, form, path)))
    name = f"voice: encode {form.name.lower()}"
    return Result(name, SECONDS / ours, SECONDS / bare, "x real time")


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _write_bare(form: SoundFormat, path: Path, samples: np.typing.NDArray[np.int16]) -> None:
    codec = form.value
    with sound_file().SoundFile(
        path, "w", RATE, 1, codec.codec, format=codec.container, compression_level=codec.compression
    ) as file:
        for start in range(0, len(samples), BLOCK):
            file.write(samples[start : start + BLOCK])


def _processor() -> Result:
    """Share of a core while recording, against a stream that drops what it hears. Aim: 3 %."""
    heard = threading.Event()

    def drop(_samples: object, _frames: int, _time: object, _flags: object) -> None:
        heard.set()

    block = RATE // BLOCKS_PER_SECOND
    with library().RawInputStream(RATE, block, channels=1, dtype="int16", latency=LATENCY, callback=drop):
        heard.wait()
        bare = _share_of_core()
    with tempfile.TemporaryDirectory() as folder:
        started = threading.Event()
        recorder = Recorder(Path(folder), PortAudioMicrophone(), on_change=lambda _: started.set())
        recorder.start()
        started.wait()
        ours = _share_of_core()
        recorder.stop()
        recorder.wait()
    return Result("voice: processor while recording", 100 * ours, 100 * bare, "% of a core")


def _share_of_core() -> float:
    before = time.process_time()
    time.sleep(LISTEN)
    return (time.process_time() - before) / LISTEN


def _first_sound(server: SoundServer) -> Result:
    """From `play` to the first sample that leaves the speaker, against a bare stream; the median of some runs."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "note.ogg"
        if encode(a_take(Path(folder), speech(5.0)), SoundFormat.VOICE, path) is None:
            raise AssertionError("nobody cancels it")
        player = Player(PortAudioSpeaker())

        def play() -> Callable[[], object]:
            player.play(path)

            def end() -> None:
                player.stop()
                player.wait()

            return end

        times = sorted((_until_heard(server, play), _until_heard(server, _play_bare)) for _ in range(RUNS))
    ours, bare = (sorted(column)[RUNS // 2] for column in zip(*times, strict=True))
    return Result("voice: first sound after play", 1000 * ours, 1000 * bare, "ms")


def _play_bare() -> Callable[[], object]:
    sound = speech(1 / BLOCKS_PER_SECOND).tobytes()

    def fill(samples: memoryview, _frames: int, _time: object, _flags: object) -> None:
        samples[:] = sound

    stream = library().RawOutputStream(
        RATE, RATE // BLOCKS_PER_SECOND, channels=1, dtype="int16", latency=LATENCY, callback=fill
    )
    stream.start()

    def end() -> None:
        stream.close()

    return end


def _until_heard(server: SoundServer, play: Callable[[], Callable[[], object]]) -> float:
    """Seconds from `play` to the first sample that isn't silence at the speaker's monitor."""
    options = ("--raw", "--format=s16le", "--channels=1", f"--rate={RATE}", "--latency-msec=10")
    ear = subprocess.Popen(
        ["parec", *options, f"--device={SPEAKER}.monitor"], env=server.environment, stdout=subprocess.PIPE
    )
    try:
        if ear.stdout is None:
            raise AssertionError("it is a pipe")
        listener = ear.stdout.fileno()
        while any(os.read(listener, 960)):
            pass
        start = time.perf_counter()
        end = play()
        while not any(os.read(listener, 960)):
            pass
        seconds = time.perf_counter() - start
        end()
        return seconds
    finally:
        ear.terminate()
        ear.wait()
