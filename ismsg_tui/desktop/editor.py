"""Writing in the editor that the agent is used to: which one that is, and what becomes of the text.

Nothing that was written is lost: where the text can't be taken back, it stays in its file and the agent is told where.
"""

from __future__ import annotations

import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from ismsg_tui.domain.text import clean, one_line

USUAL = ("nano", "vi")
"""What is tried where the environment names no editor."""
_FILE = "message.txt"
_SIGNALS = ("SIGINT", "SIGQUIT")
"""What a terminal sends to everybody in it, and is meant for the editor while there is one."""


class EditorError(Exception):
    """The text was not taken from an editor; the message says why, and where it is if any was written."""


def editor_command(environment: Mapping[str, str]) -> list[str]:
    """The editor that the environment names, as program and arguments, or a usual one. Raises EditorError."""
    for name in ("VISUAL", "EDITOR"):
        try:
            command = shlex.split(environment.get(name, ""))
        except ValueError as error:
            raise EditorError(f"${name} can't be understood: {error}.") from error
        if command:
            return command
    for name in USUAL:
        if shutil.which(name, path=environment.get("PATH")):
            return [name]
    raise EditorError("There is no editor here: set EDITOR to the one you like, for instance EDITOR=nano.")


def edited(text: str, command: Sequence[str], folder: Path, limit: int) -> str:
    """`text` as it comes back from an editor, which has the terminal meanwhile; waits until the editor has ended.

    The text lies in a file in `folder` that nobody else can read, and for no longer than it is edited. Raises
    EditorError, also for what is longer than `limit` characters.
    """
    try:
        private = Path(tempfile.mkdtemp(prefix="edit-", dir=folder))
        path = private / _FILE
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise EditorError(f"The text can't be put into a file: {error.strerror}.") from error
    try:
        taken = _through(path, text, command, limit)
    except EditorError as error:
        if _unchanged(path, text):
            _remove(private)
            raise
        raise EditorError(f"{error} What was written is in {path}.") from error
    _remove(private)
    return taken


def _through(path: Path, text: str, command: Sequence[str], limit: int) -> str:
    name = one_line(Path(command[0]).name, 40)
    try:
        with _signals_left_to_it():
            code = subprocess.run(  # noqa: S603 - it is the agent's own command
                [*command, str(path)], stdin=sys.__stdin__, stdout=sys.__stdout__, stderr=sys.__stderr__, check=False
            ).returncode
    except OSError as error:
        raise EditorError(f"{name} can't be started: {error.strerror}. $EDITOR names the editor.") from error
    if code:
        raise EditorError(f"{name} ended with an error ({code}): the draft is as it was.")
    try:
        raw = path.read_bytes()
        written = clean(raw.decode("utf-8-sig"))
    except OSError as error:
        raise EditorError(f"{name} left no text: {error.strerror}. The draft is as it was.") from error
    except UnicodeDecodeError as error:
        raise EditorError(f"{name} left what is no UTF-8: the draft is as it was.") from error
    if not text.endswith("\n"):
        written = written.removesuffix("\n")  # which editors add
    if len(written) > limit:
        raise EditorError(f"{len(written):,} characters are far too many: the draft is as it was.")
    return written


def _unchanged(path: Path, text: str) -> bool:
    try:
        return path.read_bytes() == text.encode()
    except OSError:
        return True


def _remove(folder: Path) -> None:
    """With the copies that editors leave beside a file."""
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _signals_left_to_it() -> Iterator[None]:
    # A handler, and not SIG_IGN, which the editor would inherit.
    names = [name for name in _SIGNALS if hasattr(signal, name)]
    if threading.current_thread() is not threading.main_thread():
        names = []
    before = [signal.signal(getattr(signal, name), lambda *_: None) for name in names]
    try:
        yield
    finally:
        for name, handler in zip(names, before, strict=True):
            signal.signal(getattr(signal, name), handler)
