"""Microphones and speakers of this machine, through PortAudio."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Literal

from ismsg_tui.audio.ports import FRAME, RATE, AudioError, Deliver
from ismsg_tui.domain.text import one_line

if TYPE_CHECKING:
    from sounddevice import CallbackFlags

log = logging.getLogger(__name__)

Kind = Literal["input", "output"]

LATENCY = 0.2
"""Seconds that the device keeps for us: longer than the interpreter is ever busy, shorter than anybody waits."""
BLOCKS_PER_SECOND = 20
"""How often samples arrive: seldom enough to cost little, often enough for a meter."""

LONGEST_NAME = 80
"""Characters of a device's name; it comes from outside, from a headset for instance."""

NAMES: dict[Kind, str] = {"input": "microphone", "output": "speaker"}
# PaErrorCode of portaudio.h.
_INVALID_SAMPLE_RATE = -9997
_DEVICE_UNAVAILABLE = -9985

_lock = threading.RLock()
_in_use: set[int] = set()


@dataclass(frozen=True)
class Device:
    """A microphone or a speaker; `number` is what PortAudio calls it until the devices change."""

    number: int
    name: str
    is_default: bool


def library() -> ModuleType:
    """PortAudio's Python side, loaded when first asked for. Raises AudioError if it can't be."""
    try:
        sounddevice = import_module("sounddevice")
    except OSError as error:
        raise AudioError(f"Sound needs the PortAudio library, which is not installed. {_how_to_install()}") from error
    except ImportError as error:
        raise AudioError("Sound needs the Python package sounddevice: install ismsg anew.") from error
    return sounddevice


def _how_to_install() -> str:
    if sys.platform != "linux":
        return "It comes with the Python package sounddevice: install that anew."
    return (
        "Install it: apt install libportaudio2 (Debian, Ubuntu), dnf install portaudio (Fedora), "
        "pacman -S portaudio (Arch)."
    )


def rescan() -> None:
    """Look for devices anew: PortAudio sees those that were there when it started, and none while one is in use."""
    sound = library()
    with _lock:
        if not _in_use:
            # PortAudio has no other way, and sounddevice no public name for this one.
            sound._terminate()
            sound._initialize()


def devices(kind: Kind) -> list[Device]:
    """The devices there are now, the default among them. Raises AudioError without PortAudio."""
    rescan()
    return _known(kind)


def _known(kind: Kind) -> list[Device]:
    sound = library()
    with _lock:
        default = sound.default.device[kind]
        return [
            Device(number, one_line(str(info["name"]), LONGEST_NAME), number == default)
            for number, info in enumerate(sound.query_devices())
            if info[f"max_{kind}_channels"] > 0
        ]


def find_device(kind: Kind, wanted: str | None) -> Device:
    """The default device, or the one whose number or part of whose name is `wanted`. Raises AudioError."""
    known = _known(kind)
    for device in known:
        if device.is_default if wanted is None else _is_called(device, wanted):
            return device
    there_are = (
        f"there are {', '.join(f'{device.number} {device.name}' for device in known)}" if known else "there is none"
    )
    if wanted is not None:
        raise AudioError(f"No {NAMES[kind]} is called {wanted!r}: {there_are}.")
    hint = f"choose one, {there_are}" if known else "plug one in or switch it on"
    raise AudioError(f"No {NAMES[kind]} was found: {hint}, then try again.")


def _is_called(device: Device, wanted: str) -> bool:
    return wanted == str(device.number) or wanted.casefold() in device.name.casefold()


class PortAudioMicrophone:
    """The chosen microphone, or the system's default if `device` is None."""

    def __init__(self, device: str | None = None, *, rate: int = RATE) -> None:
        self.device = device
        self.rate = rate

    def open(self, deliver: Deliver, ended: Callable[[], None]) -> _Stream:
        """Prepare to hear, with the device's own rate if it can't do ours."""

        # PortAudio's thread waits for nobody: copy and be gone.
        def heard(samples: memoryview, _frames: int, _time: object, flags: CallbackFlags) -> None:
            deliver(bytes(samples), bool(flags.input_overflow))

        return _open("input", self.device, self.rate, heard, ended)


class PortAudioSpeaker:
    """The chosen speaker, or the system's default if `device` is None."""

    def __init__(self, device: str | None = None) -> None:
        self.device = device

    def open(self, rate: int, fill: Callable[[int], bytes], ended: Callable[[], None]) -> _Stream:
        """Prepare to play, with the device's own rate if it can't do `rate`."""

        def wanted(samples: memoryview, frames: int, _time: object, _flags: CallbackFlags) -> None:
            sound = fill(frames)
            samples[: len(sound)] = sound
            samples[len(sound) :] = bytes(frames * FRAME - len(sound))

        return _open("output", self.device, rate, wanted, ended)


Callback = Callable[[memoryview, int, object, "CallbackFlags"], None]


class _Stream:
    """A PortAudio stream."""

    def __init__(self, kind: Kind, device: Device, rate: int, callback: Callback, ended: Callable[[], None]) -> None:
        sound = library()
        self._name = device.name
        self._kind: Kind = kind
        self._closing = False
        self.rate = rate
        self._stream = (sound.RawInputStream if kind == "input" else sound.RawOutputStream)(
            samplerate=rate,
            blocksize=rate // BLOCKS_PER_SECOND,
            device=device.number,
            channels=1,
            dtype="int16",
            latency=LATENCY,
            callback=callback,
            finished_callback=lambda: None if self._closing else ended(),
        )
        # What PortAudio says leaves out the two blocks that it fetches ahead.
        ahead = 2 / BLOCKS_PER_SECOND if kind == "output" else 0.0
        self.latency = float(self._stream.latency) + ahead
        _in_use.add(id(self))

    def start(self) -> None:
        """Let it run."""
        try:
            self._stream.start()
        except library().PortAudioError as error:
            raise AudioError(explain(self._kind, self._name, error)) from error

    def close(self) -> None:
        """Stop at once and let go of the device."""
        with _lock:
            self._closing = True
            _in_use.discard(id(self))
            self._stream.abort(ignore_errors=True)
            self._stream.close(ignore_errors=True)


def _open(kind: Kind, wanted: str | None, rate: int, callback: Callback, ended: Callable[[], None]) -> _Stream:
    with _lock:
        try:
            return _open_known(kind, wanted, rate, callback, ended)
        except AudioError:
            # What was plugged in since the last look is not known yet.
            rescan()
            return _open_known(kind, wanted, rate, callback, ended)


def _open_known(kind: Kind, wanted: str | None, rate: int, callback: Callback, ended: Callable[[], None]) -> _Stream:
    sound = library()
    device = find_device(kind, wanted)
    own = int(sound.query_devices(device.number)["default_samplerate"])
    for attempt in (rate, own):
        try:
            return _Stream(kind, device, attempt, callback, ended)
        except sound.PortAudioError as error:
            if attempt == own or _code(error) != _INVALID_SAMPLE_RATE:
                raise AudioError(explain(kind, device.name, error)) from error
        log.info("the %s refuses %d Hz; %d Hz is tried", NAMES[kind], rate, own)
    raise AssertionError("the last attempt returns or raises")


def _code(error: Exception) -> int:
    """The PaErrorCode of sounddevice's PortAudioError, 0 if it has none."""
    return int(error.args[1]) if len(error.args) > 1 else 0


def explain(kind: Kind, name: str, error: Exception) -> str:
    """A PortAudioError as a sentence."""
    device = f"The {NAMES[kind]} {name!r}"
    match _code(error):
        case code if code == _DEVICE_UNAVAILABLE:
            return f"{device} is busy or was unplugged: close the other program that uses it, or choose another."
        case code if code == _INVALID_SAMPLE_RATE:
            return f"{device} offers no rate that ismsg can use: choose another."
        case _:
            reason = one_line(str(error.args[0]), LONGEST_NAME) if error.args else "no reason given"
            return f"{device} can't be opened ({reason}): check the system's sound settings, or choose another."
