"""Running small programs of the desktop: none may hang, print over the screen, or stay behind after its time.

They are run here and not by a library, because one that fails, hangs or prints must be noticed, stopped and kept off
the screen.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import IO, TypeVar

from ismsg_tui.domain.text import one_line

T = TypeVar("T")

REMOTE = ("SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY")  # not SSH_AUTH_SOCK and its like, which desktops set as well
PIECE = 1 << 16


class HelperError(Exception):
    """A helper did not do what it was asked; the message is part of a sentence."""


def is_remote(env: Mapping[str, str]) -> bool:
    """Whether the agent sits at another machine than this one."""
    return any(name in env for name in REMOTE)


async def give(argv: Sequence[str], data: bytes, env: Mapping[str, str], seconds: float) -> None:
    """Run a program with `data` on its standard input. Raises HelperError.

    Input and complaints go through files: a helper that stays behind to serve the clipboard keeps pipes open.
    """
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as said:
        given.write(data)
        given.seek(0)
        process = await _start(argv, env, given, DEVNULL, said)
        code = await _within(seconds, process, argv[0], process.wait())
        _check(code, argv[0], said)


async def take(argv: Sequence[str], env: Mapping[str, str], seconds: float, most: int) -> bytes:
    """Run a program and return what it writes, at most `most` bytes. Raises HelperError."""
    with tempfile.TemporaryFile() as said:
        process = await _start(argv, env, DEVNULL, PIPE, said)
        data, code = await _within(seconds, process, argv[0], _output(process, argv[0], most))
        _check(code, argv[0], said)
        return data


async def _start(
    argv: Sequence[str], env: Mapping[str, str], given: IO[bytes] | int, out: int, said: IO[bytes]
) -> Process:
    try:
        return await asyncio.create_subprocess_exec(
            *argv, stdin=given, stdout=out, stderr=said, env=env, start_new_session=True
        )
    except OSError as error:
        raise HelperError(f"{argv[0]} can't be run ({error.strerror})") from error


async def _within(seconds: float, process: Process, name: str, work: Coroutine[object, object, T]) -> T:
    """Do some work with a process; whatever ends it but its own success, the process and its children end too."""
    try:
        return await asyncio.wait_for(work, seconds)
    except BaseException as error:
        _stop(process)
        with suppress(TimeoutError):  # what has left its group may keep the pipe open
            await asyncio.wait_for(process.communicate(), seconds)
        if isinstance(error, TimeoutError):
            raise HelperError(f"{name} did not answer") from error
        raise


async def _output(process: Process, name: str, most: int) -> tuple[bytes, int]:
    data = bytearray()
    while process.stdout is not None and (piece := await process.stdout.read(PIECE)):
        data += piece
        if len(data) > most:
            raise HelperError(f"{name} brought more than {most // 1_000_000} MB")
    return bytes(data), await process.wait()


def _stop(process: Process) -> None:
    """Kill a helper with everything that it has started."""
    with suppress(ProcessLookupError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)


def _check(code: int, name: str, said: IO[bytes]) -> None:
    if code:
        said.seek(0)
        complaint = one_line(said.read(2_000).decode("utf-8", "replace"), 120).rstrip(".")
        raise HelperError(f"{name} failed ({complaint or f'exit code {code}'})")
