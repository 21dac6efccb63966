"""Opening a received file or a link with the program that the system has for it, never running the file itself.

What can run is refused by its name and by its first bytes: a double click on it is what a sender of malice hopes for.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from ismsg_tui.domain.text import file_name

TIME_LIMIT = 8.0
"""Seconds for which the opener may report a failure; one that takes longer is showing the file."""
KEPT = 24 * 3_600
"""Seconds after which a copy that was made for opening goes."""

# Programs, installers, scripts and what starts them; documents with macros; pages with scripts in them.
_ENDINGS = """
apk app appimage application appref-ms bash bat cmd com command cpl csh deb desktop dll dmg docm dotm elf exe fish
gadget hta htm html img inf ins iso jar jnlp js jse ksh lnk mht mhtml mjs mpkg msc msi msix msp mst ocx osx php
pif pkg pl potm ppam ppsm pptm ps1 psm1 py pyc pyw pyz rb reg rpm run scf scpt scr sct service sh shtml snap so svg
sys terminal tool url vb vbe vbs webloc workflow ws wsc wsf wsh xht xhtml xlam xlsm xltm xpi zsh
"""
_RUNS = frozenset(_ENDINGS.split())
_RUNNING_HEADS = (
    b"#!",
    b"\x7fELF",
    b"MZ",
    b"\xfe\xed\xfa",
    b"\xca\xfe\xba\xbe",
    b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
    b"[Desktop Entry]",
)
_AMR = b"#!AMR"
"""How sound of telephones begins, which is no script."""


class OpenError(Exception):
    """The file was not opened; the message is a sentence that says why and what to do."""


class Opener(Protocol):
    """The port to the system's opener; may block for TIME_LIMIT seconds, so call it on a thread."""

    def __call__(self, path: Path) -> None:
        """Show a file. Raises OpenError."""


def can_run(name: str) -> bool:
    """Whether a file of this name may be a program to some system."""
    return name.rpartition(".")[2].casefold().strip() in _RUNS if "." in name else False


def check_harmless(path: Path, name: str) -> None:
    """Raise OpenError for what may run instead of being shown."""
    try:
        with path.open("rb") as file:
            head = file.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()
    except OSError as error:
        raise OpenError(f"{name} can't be read: {error.strerror}.") from error
    runs = head.startswith(_RUNNING_HEADS) and not head.startswith(_AMR)
    if can_run(name) or runs:
        raise OpenError(f"{name} is a program or may run as one, so it is not opened. You can save it instead.")


def copy_for_opening(source: Path, folder: Path, name: str) -> Path:
    """A copy of a stored file below `folder` under its own name, only readable; older copies there go.

    Programs choose by the name how to show a file, and none of them may change what is stored. Raises OpenError.
    """
    safe = file_name(name)
    target = folder / source.name[:16] / safe
    try:
        _sweep(folder)
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not target.exists() or target.stat().st_size != source.stat().st_size:
            part = target.with_name(f"{safe}.part")
            shutil.copyfile(source, part)
            part.chmod(0o400)
            part.replace(target)
    except OSError as error:
        raise OpenError(f"{safe} can't be opened: {error.strerror}.") from error
    return target


def _sweep(folder: Path) -> None:
    with suppress(OSError):
        for kept in folder.iterdir():
            if kept.is_dir() and time.time() - kept.stat().st_mtime > KEPT:
                shutil.rmtree(kept, ignore_errors=True)


def open_by_system(path: Path) -> None:
    """Hand a file to the system's opener. Raises OpenError."""
    _hand_over(str(path.absolute()), path.name, "You can save it instead.")


_LINK = re.compile(r"(?:https?://|mailto:)[!-~]+|tel:\+?[0-9]+")


class LinkOpener(Protocol):
    """The port to the system's opener of links; may block for TIME_LIMIT seconds, so call it on a thread."""

    def __call__(self, url: str) -> None:
        """Show what a link leads to. Raises OpenError."""


def open_link_by_system(url: str) -> None:
    """Hand a link to the system's opener: http, https, mailto or tel, in ASCII. Raises OpenError for any other."""
    if not _LINK.fullmatch(url):
        raise OpenError("Only links of http, https, mailto and tel are opened.")
    _hand_over(url, "the link", "You can copy it instead.")


def _hand_over(what: str, name: str, advice: str) -> None:
    """Have the system open a path or a link. Raises OpenError."""
    if sys.platform == "win32":
        try:
            os.startfile(what)  # noqa: S606 - what may run was refused before
        except OSError as error:
            raise OpenError(f"{name} can't be opened: {error.strerror}.") from error
        return
    program = shutil.which("open" if sys.platform == "darwin" else "xdg-open")
    if program is None:
        raise OpenError(f"There is no program here to open things with (xdg-open). {advice}")
    try:
        process = subprocess.Popen(  # noqa: S603 - a program of the system with one path or one checked link
            [program, what],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        raise OpenError(f"{name} can't be opened: {error.strerror}.") from error
    try:
        code = process.wait(TIME_LIMIT)
    except subprocess.TimeoutExpired:
        threading.Thread(target=process.wait, name="opener", daemon=True).start()
        return
    if code:
        raise OpenError(f"No program was found that shows {name}. {advice}")
