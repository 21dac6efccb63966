"""Copying: which way is taken where, and that no helper can hang, spoil the screen or be believed wrongly."""

from __future__ import annotations

import base64
import os
import re
import signal
from collections.abc import Mapping
from pathlib import Path

import pytest

from ismsg_tui.desktop import clipboard
from ismsg_tui.desktop.clipboard import Copied, Helper, Way, copy, osc52, run_helper, wrapped
from ismsg_tui.domain.text import clean
from tests.on_screen import HARD_TEXTS, needs_hard_texts
from tests.programs import XTERM, has_ended, on_linux, programs


class Terminal:
    """What was written to the terminal, and what it would put on its clipboard."""

    def __init__(self) -> None:
        self.written = ""

    def write(self, sequence: str) -> None:
        self.written += sequence

    @property
    def clipboard(self) -> str | None:
        found = re.fullmatch(r"\x1b\]52;c;([A-Za-z0-9+/=]*)\x07", self.written)
        return base64.b64decode(found[1]).decode() if found else None


class Helpers:
    """Stands in for the programs: notes what each is given, and answers as told."""

    def __init__(self, **answers: str) -> None:
        self.answers = answers
        self.given: list[tuple[str, str]] = []

    async def __call__(self, helper: Helper, text: str, env: Mapping[str, str]) -> str:
        self.given.append((helper.name, text))
        return self.answers.get(helper.name, "")


@on_linux
async def test_on_a_desktop_the_helper_and_the_terminal_are_both_given_the_text(tmp_path: Path) -> None:
    terminal, helpers = Terminal(), Helpers()
    env = programs(tmp_path, xclip="") | {"DISPLAY": ":0"}
    copied = await copy("Zürich 退款", terminal.write, env, run=helpers)
    assert copied == Copied(Way.HELPER, "Copied.")
    assert helpers.given == [("xclip", "Zürich 退款")]
    assert terminal.clipboard == "Zürich 退款"


@on_linux
@pytest.mark.parametrize("name", ["SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY"])
async def test_over_ssh_only_the_terminal_is_asked(tmp_path: Path, name: str) -> None:
    terminal, helpers = Terminal(), Helpers()
    env = programs(tmp_path, xclip="") | {"DISPLAY": "localhost:10.0", name: "x"}
    copied = await copy("hello", terminal.write, env, run=helpers)
    assert copied == Copied(Way.TERMINAL, "Copied through the terminal (OSC 52).")
    assert helpers.given == []
    assert terminal.clipboard == "hello"


@on_linux
async def test_an_ssh_agent_on_a_desktop_is_no_sign_of_a_remote_session(tmp_path: Path) -> None:
    env = programs(tmp_path, wl_copy="") | {"WAYLAND_DISPLAY": "wayland-0", "SSH_AUTH_SOCK": "/run/agent"}
    helpers = Helpers()
    assert (await copy("hello", Terminal().write, env, run=helpers)).way is Way.HELPER
    assert helpers.given == [("wl-copy", "hello")]


@on_linux
async def test_a_desktop_without_a_helper_is_told_which_to_install(tmp_path: Path) -> None:
    for display, package in (("DISPLAY", "xclip"), ("WAYLAND_DISPLAY", "wl-clipboard")):
        env = programs(tmp_path) | {"PATH": str(tmp_path), display: ":0"}
        terminal = Terminal()
        copied = await copy("hello", terminal.write, env, run=Helpers())
        assert copied.way is Way.TERMINAL
        assert terminal.clipboard == "hello"
        assert f"Install {package}" in copied.words


@on_linux
async def test_a_text_too_long_for_the_terminal_still_goes_through_the_helper(tmp_path: Path) -> None:
    terminal, helpers = Terminal(), Helpers()
    env = programs(tmp_path, xsel="") | {"DISPLAY": ":0"}
    assert (await copy("x" * 100_000, terminal.write, env, run=helpers)).way is Way.HELPER
    assert helpers.given == [("xsel", "x" * 100_000)]
    assert terminal.written == ""


async def test_a_text_too_long_for_the_only_way_is_refused_with_the_reason() -> None:
    terminal = Terminal()
    longest = clipboard.LONGEST // 4 * 3
    assert (await copy("x" * longest, terminal.write, XTERM)).way is Way.TERMINAL
    assert terminal.clipboard == "x" * longest
    terminal = Terminal()
    copied = await copy("x" * (longest + 1), terminal.write, XTERM)
    assert copied.way is Way.NONE
    assert terminal.written == ""
    assert copied.words.startswith(f"Could not copy: {longest + 1:,} characters are more than the terminal takes")


@pytest.mark.parametrize("env", [{}, {"TERM": "dumb"}, {"TERM": "linux"}])
async def test_a_terminal_that_would_print_the_sequence_is_not_asked(env: dict[str, str]) -> None:
    terminal = Terminal()
    copied = await copy("hello", terminal.write, env)
    assert copied == Copied(Way.NONE, "Could not copy: this terminal has no clipboard.")
    assert terminal.written == ""


@pytest.mark.parametrize("text", ["", "\x1b]52;c;aGVsbG8=\x07"])
async def test_nothing_does_not_empty_the_clipboard(text: str) -> None:
    terminal = Terminal()
    assert (await copy(text, terminal.write, XTERM)).way is Way.NONE
    assert terminal.written == ""


@needs_hard_texts
@pytest.mark.parametrize("name", HARD_TEXTS)
async def test_only_sanitised_text_is_copied(name: str) -> None:
    terminal = Terminal()
    await copy(HARD_TEXTS[name], terminal.write, XTERM)
    wanted = clean(HARD_TEXTS[name])
    if len(wanted.encode()) <= clipboard.LONGEST // 4 * 3:
        assert terminal.clipboard == (wanted or None)
    assert "?" not in terminal.written  # which would ask for the clipboard


def test_inside_tmux_the_sequence_is_written_bare_and_wrapped() -> None:
    bare = osc52("hello")
    for env in ({"TMUX": "/tmp/t,1,0", "TERM": "screen-256color"}, {"TERM": "tmux-256color"}):
        assert wrapped(bare, env) == bare + "\x1bPtmux;\x1b" + bare + "\x1b\\"


def test_inside_screen_the_sequence_is_cut_into_pieces_that_screen_can_hold() -> None:
    sequence = osc52("hello " * 1_000)
    for env in ({"STY": "1.x", "TERM": "screen"}, {"TERM": "screen.xterm-256color"}):
        text = wrapped(sequence, env)
        pieces = re.findall(r"\x1bP(.*?)\x1b\\", text, re.DOTALL)
        assert "".join(pieces) == sequence
        assert max(map(len, pieces)) < 768
        assert len(text) == len(sequence) + 4 * len(pieces)


@on_linux
async def test_tmux_itself_is_told_because_its_settings_may_forbid_the_sequence(tmp_path: Path) -> None:
    env = programs(tmp_path, tmux='echo "$@" > "$OUT"; cat >> "$OUT"') | {"TMUX": "/tmp/t,1,0", "SSH_TTY": "/dev/pts/1"}
    copied = await copy("hello", Terminal().write, env)
    assert copied == Copied(Way.TMUX, "Copied through tmux.")
    assert (tmp_path / "out").read_text() == "load-buffer -w -\nhello"


@on_linux
async def test_an_old_tmux_leaves_it_to_the_sequence(tmp_path: Path) -> None:
    env = programs(tmp_path, tmux='echo "usage: load-buffer [-b buffer-name] path" >&2; exit 1') | {"TMUX": "x"}
    terminal = Terminal()
    copied = await copy("hello", terminal.write, env)
    assert copied.way is Way.TERMINAL
    assert "tmux failed (usage" in copied.words
    assert terminal.written == wrapped(osc52("hello"), env)


@on_linux
async def test_a_helper_is_given_exactly_the_text(tmp_path: Path) -> None:
    text = "line one\n\tüber 👍🏽 " * 20_000
    env = programs(tmp_path, xclip='cat > "$OUT"; echo "$@" > "$OUT.args"') | {"DISPLAY": ":0"}
    assert (await copy(text, Terminal().write, env)).way is Way.HELPER
    assert (tmp_path / "out").read_text() == text
    assert (tmp_path / "out.args").read_text() == "-selection clipboard\n"


@on_linux
async def test_a_helper_that_fails_is_not_believed_and_its_complaint_is_told_in_one_safe_line(tmp_path: Path) -> None:
    script = "printf 'Error: \\033[31mno\\033[0m\\ndisplay :0.\\n' >&2; exit 1"
    env = programs(tmp_path, xclip=script) | {"DISPLAY": ":0"}
    terminal = Terminal()
    copied = await copy("hello", terminal.write, env)
    assert copied == Copied(Way.TERMINAL, "Copied through the terminal (OSC 52); xclip failed (Error: no display :0).")
    assert terminal.clipboard == "hello"


@on_linux
async def test_a_helper_that_hangs_is_stopped_with_its_children(tmp_path: Path) -> None:
    env = programs(tmp_path, xclip='sleep 600 & echo $! > "$OUT"; wait') | {"DISPLAY": ":0"}
    copied = await copy("hello", Terminal().write, env)
    assert copied.words == "Copied through the terminal (OSC 52); xclip did not answer."
    assert has_ended(int((tmp_path / "out").read_text()))


@on_linux
async def test_a_helper_that_stays_to_serve_the_clipboard_is_not_waited_for(tmp_path: Path) -> None:
    env = programs(tmp_path, xclip='cat > "$OUT"; sleep 600 & echo $! > "$OUT"') | {"DISPLAY": ":0"}
    assert (await copy("hello", Terminal().write, env)).way is Way.HELPER
    os.kill(int((tmp_path / "out").read_text()), signal.SIGKILL)


async def test_a_program_that_is_not_there_is_a_problem_and_no_error() -> None:
    assert "can't be run" in await run_helper(Helper(("no-such-helper",)), "hello", {"PATH": "/nowhere"})
