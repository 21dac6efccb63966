"""What ismsg runs on and how its store is: every finding with a level, and advice where it is not fine."""

from __future__ import annotations

import locale
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from contextlib import closing
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path

from msgspec import Struct

from ismsg_tui import __version__
from ismsg_tui.config import Config, ConfigError, config_file, load_config
from ismsg_tui.domain.text import one_line
from ismsg_tui.store.connection import SQLITE_VERSION, Connection, Error, open_reader, wal_is_safe
from ismsg_tui.store.migrations import SCHEMA_VERSION
from ismsg_tui.store.store import FILE_NAME

LITTLE_SPACE = 200_000_000
"""Bytes of free disk below which it is time to make room."""

SMALLEST = (80, 24)
"""The smallest terminal, in columns and rows, in which the console shows everything."""


class Level(StrEnum):
    """How good a finding is."""

    OK = "ok"
    WARN = "warn"
    BAD = "bad"


class Finding(Struct, frozen=True):
    """One thing that was looked at."""

    area: str
    """`version`, `terminal`, `settings`, `store` or `sound`."""
    name: str
    level: Level
    value: str
    advice: str = ""


def examine(folder: Path, *, try_sound: bool = False) -> list[Finding]:
    """Look at everything; the data lies in `folder`. Changes nothing, and creates nothing.

    With `try_sound` the microphone listens for some seconds and the speaker plays what was heard.
    """
    found = [*_versions(), *_terminal(), _settings(), *_store(folder), *_sound(try_sound)]
    return [
        Finding(item.area, item.name, item.level, one_line(item.value, 1_000), one_line(item.advice, 1_000))
        for item in found
    ]


def _versions() -> Iterator[Finding]:
    yield Finding("version", "ismsg", Level.OK, __version__)
    yield Finding("version", "python", Level.OK, f"{platform.python_version()} on {platform.system()}")
    yield Finding("version", "textual", Level.OK, version("textual"))
    sqlite = ".".join(map(str, SQLITE_VERSION))
    if wal_is_safe():
        yield Finding("version", "sqlite", Level.OK, sqlite)
    else:
        yield Finding(
            "version",
            "sqlite",
            Level.WARN,
            f"{sqlite}, in which two programs that write at the same moment can damage a store",
            "Run one ismsg at a time, or use a Python whose SQLite is 3.51.3 or later.",
        )


def _terminal() -> Iterator[Finding]:
    term = os.environ.get("TERM", "")
    if not sys.stdout.isatty():
        yield Finding("terminal", "terminal", Level.OK, "none: the output goes elsewhere")
    elif term in ("", "dumb"):
        advice = "The console needs a terminal that can place its text; set TERM to what yours is."
        yield Finding("terminal", "terminal", Level.WARN, f"TERM is {term or 'not set'}", advice)
    else:
        size = shutil.get_terminal_size()
        small = size.columns < SMALLEST[0] or size.lines < SMALLEST[1]
        advice = f"Below {SMALLEST[0]}x{SMALLEST[1]} the console leaves things out." if small else ""
        level = Level.WARN if small else Level.OK
        yield Finding("terminal", "terminal", level, f"{term}, {size.columns}x{size.lines}", advice)
    yield _colours()
    encoding = (sys.stdout.encoding or locale.getpreferredencoding(do_setlocale=False)).lower().replace("-", "")
    if encoding in ("utf8", "cp65001"):
        yield Finding("terminal", "encoding", Level.OK, "UTF-8")
    else:
        advice = "Set LANG to one that ends in UTF-8, such as C.UTF-8: other alphabets and emoji need it."
        yield Finding("terminal", "encoding", Level.WARN, encoding, advice)
    around = [
        name for name, sign in (("tmux", "TMUX"), ("screen", "STY"), ("ssh", "SSH_CONNECTION")) if sign in os.environ
    ]
    yield Finding("terminal", "inside", Level.OK, " and ".join(around) or "neither tmux nor ssh")


def _colours() -> Finding:
    depth = os.environ.get("COLORTERM", "")
    if "NO_COLOR" in os.environ:
        return Finding("terminal", "colours", Level.OK, "off (NO_COLOR is set)")
    if depth in ("truecolor", "24bit"):
        return Finding("terminal", "colours", Level.OK, "16 million")
    few = "256" if "256" in os.environ.get("TERM", "") else "16"
    advice = "If your terminal can show more, set COLORTERM to truecolor."
    return Finding("terminal", "colours", Level.OK, f"{few}, as COLORTERM is {depth or 'not set'}", advice)


def _settings() -> Finding:
    path = config_file()
    try:
        load_config(path)
    except ConfigError as error:
        return Finding("settings", "settings", Level.BAD, str(error))
    return Finding(
        "settings", "settings", Level.OK, str(path) if path.exists() else f"{path}: not there, so all defaults"
    )


def _store(folder: Path) -> Iterator[Finding]:
    path = folder / FILE_NAME
    yield from _disk(folder)
    if not path.exists():
        yield Finding("store", "store", Level.OK, f"{path}: not there yet; the first command or the console makes it")
        return
    writable = os.access(path, os.W_OK) and os.access(folder, os.W_OK)
    yield Finding(
        "store",
        "store",
        Level.OK if writable else Level.BAD,
        f"{path}, {path.stat().st_size / 1e6:,.1f} MB",
        "" if writable else "You may not write there: change its owner, or choose another folder with --data.",
    )
    try:
        with closing(open_reader(path)) as connection:
            yield from _inside(connection)
    except (Error, OSError) as error:
        advice = "Keep the file, and put a copy of it from before in its place, or choose another folder with --data."
        yield Finding("store", "integrity", Level.BAD, f"can't be read: {error}", advice)


def _disk(folder: Path) -> Iterator[Finding]:
    there = next((place for place in (folder, *folder.parents) if place.exists()), folder)
    if not there.is_dir():
        advice = "Choose another folder with --data, or move the file away."
        yield Finding("store", "folder", Level.BAD, f"{there} is not a folder", advice)
        return
    free = shutil.disk_usage(there).free
    little = free < LITTLE_SPACE
    advice = "Make room: without it nothing can be kept." if little else ""
    yield Finding("store", "free disk", Level.BAD if little else Level.OK, f"{free / 1e9:,.1f} GB", advice)


def _inside(connection: Connection) -> Iterator[Finding]:
    schema: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if schema > SCHEMA_VERSION:
        advice = "Upgrade ismsg, or choose another folder with --data."
        yield Finding("store", "schema", Level.BAD, f"{schema}, written by a later ismsg than this one", advice)
        return
    later = "" if schema == SCHEMA_VERSION else f"; the next start brings it to {SCHEMA_VERSION}"
    yield Finding("store", "schema", Level.OK, f"{schema}{later}")
    found = [row[0] for row in connection.execute("PRAGMA quick_check(5)")]
    if found != ["ok"]:
        advice = "Keep a copy of the file, then put one from before in its place."
        yield Finding("store", "integrity", Level.BAD, "; ".join(found), advice)
        return
    yield Finding("store", "integrity", Level.OK, "sound")
    if schema == SCHEMA_VERSION:
        contacts, messages, snippets, users, unsent = connection.execute(
            "SELECT (SELECT count(*) FROM contact), (SELECT count(*) FROM message), "
            "(SELECT count(*) FROM snippet WHERE deleted = 0), (SELECT count(*) FROM user), "
            "(SELECT count(*) FROM outbox WHERE state IN ('pending', 'sending'))"
        ).fetchone()
        counts = f"{contacts:,} contacts, {messages:,} lines, {snippets:,} snippets, {users:,} users"
        yield Finding("store", "holds", Level.OK, counts)
        yield Finding("store", "unsent", Level.OK, f"{unsent:,} commands wait to be sent")


def _sound(try_it: bool) -> Iterator[Finding]:
    from ismsg_tui.audio.shell import sound_findings

    try:
        config = load_config()
    except ConfigError:
        config = Config()
    for found in sound_findings(try_it, microphone=config.microphone or None, speaker=config.speaker or None):
        # Who only writes needs no sound.
        level = Level.WARN if found.level == "bad" and not try_it else Level(found.level)
        yield Finding("sound", "sound", level, found.title, found.advice)
