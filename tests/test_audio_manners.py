"""What sound must not do to the rest: cost its start, break without a library, write on the screen."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.waiting import PATIENCE

SOUND = ("sounddevice", "soundfile", "numpy", "soxr", "python_stretch")
AUDIO = ("devices", "encoding", "player", "ports", "quiet", "recorder", "shell", "sounds", "take", "tempo")


def run(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)


def test_sound_libraries_are_not_loaded_before_sound_is_wanted() -> None:
    modules = ["ismsg_tui.cli", "ismsg_tui.app", *(f"ismsg_tui.audio.{name}" for name in AUDIO)]
    loaded = run(f"import sys, {', '.join(modules)}; print(*sys.modules)").stdout.split()
    assert set(modules) <= set(loaded)
    assert not [name for name in SOUND if name in loaded]


def test_every_module_of_sound_is_looked_at() -> None:
    folder = Path(__file__).parents[1] / "ismsg_tui" / "audio"
    assert sorted(path.stem for path in folder.glob("*.py") if path.stem != "__init__") == sorted(AUDIO)


NOISE = """
import os, sys
from ismsg_tui.audio.quiet import terminal_kept_clean

os.write(2, b"before ")
with terminal_kept_clean():
    os.write(2, b"noise of a library ")
    sys.__stderr__.write("screen ")
    sys.stderr.write("and words ")
    sys.__stderr__.flush()
os.write(2, b"after ")
sys.stderr.write("all")
"""


def test_libraries_cannot_write_on_the_screen_while_a_console_is_open() -> None:
    assert run(NOISE).stderr == "before screen and words after all"


def test_a_terminal_kept_clean_is_given_back_after_an_error() -> None:
    script = (
        "import os\nfrom ismsg_tui.audio.quiet import terminal_kept_clean\n"
        "try:\n    with terminal_kept_clean():\n        raise KeyError\nexcept KeyError:\n    os.write(2, b'after')"
    )
    assert run(script).stderr == "after"


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="pseudo-terminals are of Unix")
def test_textual_draws_on_a_terminal_kept_clean_as_ever() -> None:
    script = (
        "import os\nfrom textual.app import App\nfrom ismsg_tui.audio.quiet import terminal_kept_clean\n"
        "class Empty(App):\n    def on_mount(self):\n        os.write(2, b'NOISE')\n        self.exit()\n"
        "with terminal_kept_clean():\n    Empty().run()\n"
    )
    ours, theirs = os.openpty()
    drawing = subprocess.Popen(
        [sys.executable, "-c", script], stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, "TERM": "xterm"}
    )
    os.close(theirs)
    drawn = b""
    try:
        while data := os.read(ours, 4096):
            drawn += data
    except OSError:
        # Linux says so at the end of a pseudo-terminal.
        pass
    os.close(ours)
    assert drawing.wait() == 0
    assert b"\x1b[?1049h" in drawn
    assert b"\x1b[?1049l" in drawn
    assert b"NOISE" not in drawn


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="pseudo-terminals are of Unix")
def test_who_writes_on_a_terminal_that_is_gone_goes_on() -> None:
    script = (
        "import sys\nfrom ismsg_tui.audio.quiet import terminal_kept_clean\nsys.stdin.readline()\n"
        "with terminal_kept_clean():\n    for _ in range(1_000):\n"
        "        sys.__stderr__.write('picture\\n' * 100)\n        sys.__stderr__.flush()\n"
        "print('went on')"
    )
    ours, theirs = os.openpty()
    drawing = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=theirs, text=True
    )
    os.close(theirs)
    os.close(ours)
    assert drawing.communicate("now\n", timeout=PATIENCE)[0] == "went on\n"
