"""Sound on the command line: record into a file, play a file, find out what is wrong with the sound."""

from __future__ import annotations

import math
import threading
import time
from array import array
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal, NamedTuple

import click

from ismsg_tui.audio.devices import NAMES, Kind, PortAudioMicrophone, PortAudioSpeaker, find_device, library
from ismsg_tui.audio.encoding import Encoded, SoundFormat, encode
from ismsg_tui.audio.player import Playback, Player
from ismsg_tui.audio.ports import RATE, AudioError, Microphone, Speaker
from ismsg_tui.audio.recorder import LIMIT, Progress, Recorder
from ismsg_tui.audio.sounds import sound_file
from ismsg_tui.audio.take import Take, kept_takes
from ismsg_tui.audio.tempo import speeds

if TYPE_CHECKING:
    from rich.live import Live

METER = 24
"""Cells of the meter."""
TONE = 0.4
"""Seconds of the tone that the test plays."""
LISTEN = 3.0
"""Seconds that the test listens."""


def record_to_file(path: Path, seconds: float | None, device: str | None, *, force: bool = False) -> int:
    """Record into an .ogg or .mp3 file until Ctrl-C, or for some seconds; returns the exit code.

    A file that is there already is replaced only with `force`. What an earlier recording into the same file left behind
    after a crash is written beside it first.
    """
    forms = {form.suffix: form for form in SoundFormat}
    form = forms.get(path.suffix.lower())
    if form is None:
        click.echo(f"A recording can be {' or '.join(forms)}: give the file such a name.", err=True)
        return 2
    folder = path.with_name(path.name + ".takes")
    try:
        for take in kept_takes(folder):
            rescued = _free_name(path)
            _keep(take, form, rescued)
            click.echo(f"An earlier recording was interrupted; it is in {rescued}.", err=True)
        if path.exists() and not force:
            raise AudioError(f"{path} is there already: choose another name, or replace it with --force.")
        recorder = _record(PortAudioMicrophone(device), folder, min(seconds or LIMIT, LIMIT))
        error = recorder.progress.error
        written = _keep(recorder.take, form, path) if recorder.take else None
    except AudioError as failure:
        error, written = failure, None
    finally:
        _remove_if_empty(folder)
    if written:
        click.echo(f"{path}: {clock(written.seconds)}, {written.size / 1000:,.0f} kB", err=True)
        if recorder.progress.silent:
            click.echo("It is silent: the microphone is muted, or ismsg is not permitted to use it.", err=True)
    if error:
        click.echo(str(error), err=True)
    return 0 if written and not error else 1


def _record(microphone: Microphone, folder: Path, limit: float) -> Recorder:
    recorder = Recorder(folder, microphone, limit=limit, warn_at=max(0.0, limit - 30))
    with _line() as line:
        recorder.start()
        try:
            while recorder.wait(0.1) is None and recorder.progress.error is None:
                line.update(meter(recorder.progress, limit))
        except KeyboardInterrupt:
            recorder.stop()
        recorder.wait()
    return recorder


def _keep(take: Take, form: SoundFormat, path: Path) -> Encoded | None:
    """Write a take as a file; the take goes once the file is whole."""
    written = encode(take, form, path)
    if written:
        take.discard()
    return written


def _free_name(path: Path) -> Path:
    number = 1
    while (free := path.with_name(f"{path.stem}-{number}{path.suffix}")).exists():
        number += 1
    return free


def _remove_if_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def play_file(path: Path, device: str | None = None) -> int:
    """Play a file until its end or Ctrl-C; returns the exit code."""
    player = Player(PortAudioSpeaker(device))
    player.play(path)
    with _line() as line:
        try:
            while player.is_busy:
                player.wait(0.1)
                line.update(position(player.playback))
        except KeyboardInterrupt:
            player.stop()
    if player.playback.error:
        click.echo(str(player.playback.error), err=True)
        return 1
    return 0


def _line() -> Live:
    """One line of a terminal that can be written anew; nothing at all where there is no terminal."""
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True, highlight=False, markup=False)
    return Live(console=console, transient=True, refresh_per_second=10, auto_refresh=console.is_terminal)


def clock(seconds: float) -> str:
    """Minutes and seconds, as 4:05."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def meter(progress: Progress, limit: float) -> str:
    """A recording in a line."""
    if not progress.seconds:
        return "The microphone starts ..."
    full = round(progress.level * METER)
    bar = "█" * full + "░" * (METER - full)
    left = f"{clock(limit - progress.seconds)} left" if progress.warning else "Ctrl-C ends it"
    lost = f"  {progress.overflows} gaps" if progress.overflows else ""
    return f"● {clock(progress.seconds)}  {bar}  {left}{lost}"


def position(playback: Playback) -> str:
    """A playback in a line."""
    share = playback.seconds / playback.duration if playback.duration else 0.0
    full = min(METER, round(share * METER))
    return f"▶ {clock(playback.seconds)} {'━' * full}{'─' * (METER - full)} {clock(playback.duration)}"


class SoundFinding(NamedTuple):
    """Something found out about the sound of this machine; `advice` is empty where all is well."""

    level: Literal["ok", "warn", "bad"]
    title: str
    advice: str


def sound_findings(test: bool, *, microphone: str | None = None, speaker: str | None = None) -> list[SoundFinding]:
    """What works and what doesn't, with these devices or the system's defaults.

    With `test` the microphone listens for three seconds and the speaker plays what it heard, or a tone.
    """
    try:
        version = library().get_portaudio_version()[1].split(",")[0]
    except AudioError as error:
        return [SoundFinding("bad", "No PortAudio: voice notes can't be recorded or played", str(error))]
    findings = [SoundFinding("ok", version, "")]
    wanted: dict[Kind, str | None] = {"input": microphone, "output": speaker}
    for kind, what in NAMES.items():
        try:
            findings.append(SoundFinding("ok", f"{what}: {find_device(kind, wanted[kind]).name}", ""))
        except AudioError as error:
            findings.append(SoundFinding("warn", f"No {what}", str(error)))
    findings += _files()
    if test:
        with TemporaryDirectory() as folder:
            found, heard = _try_microphone(PortAudioMicrophone(microphone), Path(folder))
            findings += [found, _try_speaker(PortAudioSpeaker(speaker), heard, Path(folder))]
    return findings


def _files() -> list[SoundFinding]:
    try:
        known = sound_file().available_subtypes("OGG"), sound_file().available_formats()
    except AudioError as error:
        return [SoundFinding("bad", "No libsndfile: voice notes can't be sent or played", str(error))]
    if "OPUS" not in known[0] or "MP3" not in known[1]:
        return [SoundFinding("bad", "libsndfile is too old for Opus and MP3", "Install libsndfile 1.2 or later.")]
    others = [f"{speed:g}x" for speed in speeds() if speed != 1.0]
    return [SoundFinding("ok", f"voice notes: Opus, MP3; playing at 1x{''.join(f', {other}' for other in others)}", "")]


def _try_microphone(microphone: Microphone, folder: Path) -> tuple[SoundFinding, Take | None]:
    """What is found out about it, and what it heard if that was anything."""
    began = time.monotonic()
    first: list[float] = []

    def note(progress: Progress) -> None:
        if not first and progress.seconds:
            first.append(time.monotonic() - began)

    recorder = Recorder(folder, microphone, limit=LISTEN, on_change=note)
    recorder.start()
    recorder.wait()
    progress = recorder.progress
    if progress.error:
        return SoundFinding("bad", "The microphone could not be used", str(progress.error)), None
    if progress.silent:
        advice = "Switch it on, or permit the terminal to use it, in the system's sound settings."
        return SoundFinding("warn", "The microphone is silent: muted, or not permitted", advice), None
    found = SoundFinding("ok", f"The microphone hears, {first[0]:.1f} s after it was asked", "")
    return found, recorder.take


def _try_speaker(speaker: Speaker, heard: Take | None, folder: Path) -> SoundFinding:
    sounded = threading.Event()
    player = Player(speaker, on_change=lambda playback: sounded.set() if playback.seconds else None)
    player.play(heard or _tone(folder))
    player.wait()
    error = player.playback.error
    if error or not sounded.is_set():
        return SoundFinding("bad", "The speaker could not be used", str(error or "It took no sound."))
    what = "what you said" if heard else "a tone"
    return SoundFinding("ok", f"The speaker took {what}: you should have heard it", "")


def _tone(folder: Path) -> Take:
    samples = array("h", (round(8000 * math.sin(n * math.tau * 440 / RATE)) for n in range(round(RATE * TONE))))
    tone = Take(folder / "tone.pcm", RATE)
    tone.path.write_bytes(samples.tobytes())
    return tone
