"""Putting text on the clipboard, near and far: by the desktop's own helper program, by tmux, or by the terminal.

A terminal is asked with the escape sequence OSC 52, which crosses SSH and says nothing about whether it was obeyed; the
clipboard is never read that way. Of text it is never read at all, and of pictures only where the agent asks for one.
"""

from __future__ import annotations

import shutil
import sys
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from ismsg_tui.desktop.helper_programs import HelperError, give, is_remote
from ismsg_tui.domain.text import clean

TIME_LIMIT = 1.5
"""Seconds that a helper may take."""

LONGEST = 74_994
"""The most bytes of base64 sent in one OSC 52 sequence; many terminals drop longer ones without a word."""

SCREEN_CHUNK = 700
"""Bytes of a sequence that GNU screen hands on in one piece; it prints what goes beyond 768 on the screen."""

_WITHOUT_OSC = ("", "dumb", "linux")
_PACKAGES = {"wl-copy": "wl-clipboard", "xclip": "xclip"}
_MAC = {"LC_CTYPE": "UTF-8"} if sys.platform == "darwin" else {}  # else pbcopy takes UTF-8 for Mac Roman


class Way(StrEnum):
    """How a text reached the clipboard."""

    HELPER = "helper"
    """The desktop's own program took it."""
    TMUX = "tmux"
    """tmux has it and has told the terminal."""
    TERMINAL = "terminal"
    """The terminal was asked; whether it obeyed can't be known."""
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Copied:
    """What became of a copy: the way it took, and a sentence for the agent."""

    way: Way
    words: str


@dataclass(frozen=True, slots=True)
class Helper:
    """A program that takes a text on its standard input."""

    argv: tuple[str, ...]
    encoding: str = "utf-8"

    @property
    def name(self) -> str:
        """The name to show."""
        return self.argv[0]


class RunHelper(Protocol):
    """The port to helper programs: returns "" where the helper took the text, else what went wrong."""

    async def __call__(self, helper: Helper, text: str, env: Mapping[str, str]) -> str:
        """Hand a text to a helper."""


async def run_helper(helper: Helper, text: str, env: Mapping[str, str]) -> str:
    """Run a helper for at most TIME_LIMIT seconds; returns "" or what went wrong, as part of a sentence."""
    try:
        await give(helper.argv, text.encode(helper.encoding, "replace"), {**env, **_MAC}, TIME_LIMIT)
    except HelperError as error:
        return str(error)
    return ""


async def copy(
    text: str, write: Callable[[str], None], env: Mapping[str, str], *, run: RunHelper = run_helper
) -> Copied:
    """Put `text`, sanitised, on the clipboard in every way that may work, and say which one did.

    `write` writes a raw sequence to the terminal; `env` is the environment, which tells where the agent sits.
    """
    text = clean(text)
    if not text:
        return Copied(Way.NONE, "There is nothing to copy.")
    why_not = _why_not_osc52(text, env)
    if not why_not:
        write(wrapped(osc52(text), env))
    problems = []
    for helper, way, words in _helpers(env):
        problem = await run(helper, text, env)
        if not problem:
            return Copied(way, words)
        problems.append(problem)
    if why_not:
        return Copied(Way.NONE, f"Could not copy: {'; '.join([why_not, *problems])}.{_advice(env)}")
    return Copied(Way.TERMINAL, f"{'; '.join(['Copied through the terminal (OSC 52)', *problems])}.{_advice(env)}")


def _why_not_osc52(text: str, env: Mapping[str, str]) -> str:
    """Why the terminal can't be asked, as part of a sentence; "" if it can."""
    if env.get("TERM", "") in _WITHOUT_OSC:
        return "this terminal has no clipboard"
    if 4 * (-(-len(text.encode()) // 3)) > LONGEST:
        return f"{len(text):,} characters are more than the terminal takes at once (OSC 52)"
    return ""


def osc52(text: str) -> str:
    """The sequence that asks a terminal to put `text` on its clipboard."""
    return f"\x1b]52;c;{b64encode(text.encode()).decode('ascii')}\x07"


def wrapped(sequence: str, env: Mapping[str, str]) -> str:
    """A sequence for the outermost terminal, as it has to be written inside tmux or GNU screen.

    tmux takes it bare where its `set-clipboard` is on, and wrapped where its `allow-passthrough` is: it is given both
    and ignores what is not allowed.
    """
    term = env.get("TERM", "")
    if "TMUX" in env or term.startswith("tmux"):
        return sequence + "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + "\x1b\\"
    if "STY" in env or term.startswith("screen"):
        chunks = (sequence[at : at + SCREEN_CHUNK] for at in range(0, len(sequence), SCREEN_CHUNK))
        return "".join(f"\x1bP{chunk}\x1b\\" for chunk in chunks)
    return sequence


def _helpers(env: Mapping[str, str]) -> list[tuple[Helper, Way, str]]:
    """The helpers that are here, in the order in which to try them, with what to say where one works."""
    found: list[tuple[Helper, Way, str]] = []
    native = _installed(env)
    if native is not None:
        found.append((native, Way.HELPER, "Copied."))
    if "TMUX" in env:
        # Works with every setting of tmux, unlike escape sequences; those before 3.2 refuse the -w.
        found.append((Helper(("tmux", "load-buffer", "-w", "-")), Way.TMUX, "Copied through tmux."))
    return found


def _installed(env: Mapping[str, str]) -> Helper | None:
    return next((helper for helper in _native(env) if shutil.which(helper.name, path=env.get("PATH"))), None)


def _native(env: Mapping[str, str]) -> Sequence[Helper]:
    """The desktop's helpers, the best first; none where there is no desktop, or the agent sits at another machine."""
    if is_remote(env):
        return ()
    if sys.platform == "win32":
        return (Helper(("clip",), "utf-16-le"),)
    if sys.platform == "darwin":
        return (Helper(("pbcopy",)),)
    helpers: list[Helper] = []
    if env.get("WAYLAND_DISPLAY"):
        helpers.append(Helper(("wl-copy", "--type", "text/plain")))
    if env.get("DISPLAY"):
        helpers += [Helper(("xclip", "-selection", "clipboard")), Helper(("xsel", "--clipboard", "--input"))]
    if "WSL_DISTRO_NAME" in env:
        helpers.append(Helper(("clip.exe",), "utf-16-le"))
    return helpers


def _advice(env: Mapping[str, str]) -> str:
    """What to install where a desktop has no helper, as a sentence with a space before it."""
    package = next((_PACKAGES[helper.name] for helper in _native(env) if helper.name in _PACKAGES), "")
    return f" Install {package} for a surer way." if package and _installed(env) is None else ""
