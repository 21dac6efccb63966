"""A PulseAudio server of our own: what is fed is heard by the microphone, what the speaker plays is captured."""

from __future__ import annotations

import atexit
import faulthandler
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from ismsg_tui.audio import devices
from ismsg_tui.audio.ports import AudioError
from tests.fake_sound import Samples, a_file, silence
from tests.waiting import PATIENCE, until

MICROPHONE = "ismsg_mic"
"""The sink whose monitor is the default microphone."""
SPEAKER = "ismsg_speaker"
"""The sink that is the default speaker."""
OTHER = "other_mic"
"""A second microphone, which PortAudio knows by this name."""
LEAD = 0.3
"""Seconds of silence before what is fed: the server swallows up to 0.1 s when somebody begins to play."""
SHORTEST_GAP = 24
"""Samples: no sound is nothing at all for so long."""
SINKS = (MICROPHONE, SPEAKER, OTHER)
PROGRAMS = ("pulseaudio", "pactl", "paplay", "parec")
ENVIRONMENT = ("PULSE_SERVER", "ALSA_CONFIG_PATH")


class SoundServer:
    """The server, and what can be done to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = f"unix:{folder}/native"
        self.config = folder / "asound.conf"
        self.config.write_text(
            f'pcm.!default {{ type pulse server "{self.address}" }}\n'
            f'pcm.{OTHER} {{ type pulse server "{self.address}" device "{OTHER}.monitor" }}\n'
        )
        script = folder / "start.pa"
        script.write_text(
            f"load-module module-native-protocol-unix auth-anonymous=1 socket={folder}/native\n"
            + "".join(f"load-module {' '.join(_module(sink))}\n" for sink in SINKS)
            + f"set-default-source {MICROPHONE}.monitor\nset-default-sink {SPEAKER}\n"
        )
        options = ("--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "--disable-shm=true")
        self.environment = {
            **os.environ,
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder),
            "PULSE_SERVER": self.address,
            "ALSA_CONFIG_PATH": str(self.config),
        }
        self.process = subprocess.Popen(
            ["pulseaudio", "-n", *options, "-F", str(script)],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            until(self._is_ready)
        except BaseException:
            self.close()
            raise

    def _is_ready(self) -> bool:
        assert self.process.poll() is None, "pulseaudio did not start"
        listed = self._run("pactl", "list", "short", "sinks", check=False)
        return listed.count("\n") == len(SINKS)

    def _run(self, *command: str, check: bool = True, seconds: float = PATIENCE) -> str:
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=check, timeout=seconds
        )
        return done.stdout

    def feed(self, samples: Samples, rate: int = 48_000, sink: str = MICROPHONE) -> None:
        """Let the microphone hear samples, from the first to the last; returns when they are played."""
        path = a_file(self.folder / "feed.wav", np.concatenate([silence(LEAD, rate), samples]), rate)
        command = ("paplay", "--latency-msec=300", f"--device={sink}", str(path))
        self._run(*command, seconds=PATIENCE + len(samples) / rate)

    @contextmanager
    def captured(self, rate: int = 48_000) -> Iterator[Path]:
        """Everything that the speaker plays meanwhile, as samples without a header."""
        path = self.folder / "heard.raw"
        options = ("--raw", "--format=s16le", "--channels=1", f"--rate={rate}", "--latency-msec=20")
        with path.open("wb") as file:
            command = ["parec", *options, f"--device={SPEAKER}.monitor"]
            ear = subprocess.Popen(command, env=self.environment, stdout=file)
            try:
                until(lambda: path.stat().st_size > 0)
                yield path
                size = path.stat().st_size
                # What is on its way comes before the next tenth of a second.
                until(lambda: path.stat().st_size > size + rate // 5)
            finally:
                end(ear)

    def remove_devices(self) -> None:
        """Unplug everything."""
        self._run("pactl", "unload-module", "module-null-sink")

    def restore_devices(self) -> None:
        """Plug everything in again."""
        for sink in SINKS:
            self._run("pactl", "load-module", *_module(sink))
        self._run("pactl", "set-default-source", f"{MICROPHONE}.monitor")
        self._run("pactl", "set-default-sink", SPEAKER)

    def close(self) -> None:
        """End the server, and nothing else."""
        end(self.process)


def played_in(samples: Samples, said: str) -> Samples:
    """The part of what was heard that is not silent.

    `said` is what libraries wrote to descriptor 2. Where ALSA says there that the machine was too busy to play in time,
    the silence in between is left out: it is nobody's fault, and no sample gets lost by it.
    """
    sounding = np.flatnonzero(np.abs(samples) > 100)
    played = samples[sounding[0] : sounding[-1] + 1]
    if "underrun occurred" not in said:
        return played
    edges = np.flatnonzero(np.diff(np.concatenate([[False], played == 0, [False]]).astype(np.int8)))
    kept = np.ones(len(played), np.bool_)
    for start, stop in edges.reshape(-1, 2):
        kept[start:stop] = stop - start < SHORTEST_GAP
    return played[kept]


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process, by force if it takes its time."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(PATIENCE)


def let_go() -> None:
    """Have PortAudio forget the server, while that is still there to take its leave. Raises AssertionError.

    A stream that never closes keeps the lock of the devices for good: it is waited for on a thread that may be left.
    """
    letting_go = threading.Thread(target=devices.rescan, name="let go of the sound server", daemon=True)
    letting_go.start()
    letting_go.join(PATIENCE)
    if letting_go.is_alive():
        faulthandler.dump_traceback(all_threads=True)
        atexit.unregister(devices.library()._exit_handler)  # which would wait for the same
        raise AssertionError("PortAudio does not let go of the sound server: the threads above say where it waits")


def _module(sink: str) -> tuple[str, ...]:
    return ("module-null-sink", f"sink_name={sink}", "rate=48000", "channels=1")


class NoSoundError(Exception):
    """There can't be a sound server here; says why."""


@contextmanager
def running_server() -> Iterator[SoundServer]:
    """A server that everything in this process hears and speaks to. Raises NoSoundError."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        raise NoSoundError(f"{', '.join(missing)} missing: apt install pulseaudio pulseaudio-utils libasound2-plugins")
    try:
        devices.library()
    except AudioError as error:
        raise NoSoundError(str(error)) from error
    # The path of a socket is short.
    with tempfile.TemporaryDirectory(prefix="sound", dir="/tmp") as folder:
        server = SoundServer(Path(folder))
        before = {name: os.environ.get(name) for name in ENVIRONMENT}
        os.environ.update({name: server.environment[name] for name in ENVIRONMENT})
        try:
            if not devices.devices("input"):
                raise NoSoundError("PortAudio finds no PulseAudio: apt install libasound2-plugins")
            yield server
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value
            try:
                let_go()
            finally:
                server.close()


@pytest.fixture(scope="session")
def sound_server() -> Iterator[SoundServer]:
    """Real sound for everybody who asks for it."""
    try:
        with running_server() as server:
            yield server
    except NoSoundError as error:
        pytest.skip(str(error))
