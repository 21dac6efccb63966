"""Taking a picture from the clipboard, by the desktop's own helper program; a terminal hands out text only."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ismsg_tui.desktop.helper_programs import HelperError, is_remote, take
from ismsg_tui.files.handling import media_type

MOST = 30_000_000
"""Bytes of the largest picture that is taken."""
PATIENCE = 10.0
"""Seconds that a helper may take: some must turn the picture into another format first."""

ENDINGS = {"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp", "image/gif": ".gif", "image/bmp": ".bmp"}
"""The formats that are taken, the best first, with the endings of their names."""
_EMPTY = "The clipboard holds no picture."
_POWERSHELL = (
    "Add-Type -AssemblyName System.Windows.Forms,System.Drawing;"
    "$i=[Windows.Forms.Clipboard]::GetImage();"
    "if(!$i){[Console]::Error.Write('no picture');exit 1};"
    "$m=New-Object IO.MemoryStream;$i.Save($m,[Drawing.Imaging.ImageFormat]::Png);"
    "$o=[Console]::OpenStandardOutput();$o.Write($m.ToArray(),0,$m.Length);$o.Flush()"
)
_APPLE_DATA = re.compile(rb"\xc2\xabdata PNGf([0-9A-Fa-f]*)\xc2\xbb\s*")
"""How AppleScript writes the bytes of a picture."""


class NoPictureError(Exception):
    """There is no picture to be had; the sentence says why and what to do."""


@dataclass(frozen=True, slots=True)
class Source:
    """A helper that hands out pictures."""

    get: tuple[str, ...]
    """The command; the media type goes in the place of TYPE."""
    types: tuple[str, ...] = ()
    """The command that lists the types on offer, one a line; none where the helper makes a PNG of any picture."""
    package: str = ""
    """What to install to have it."""


_TYPE = "TYPE"
_X = ("xclip", "-selection", "clipboard", "-o", "-t")
_WAYLAND = Source(("wl-paste", "--no-newline", "--type", _TYPE), ("wl-paste", "--list-types"), "wl-clipboard")
_X11 = Source((*_X, _TYPE), (*_X, "TARGETS"), "xclip")
_PNGPASTE = Source(("pngpaste", "-"))
_APPLESCRIPT = Source(("osascript", "-e", "the clipboard as «class PNGf»"))
_WINDOWS = Source(("powershell.exe", "-NoProfile", "-NonInteractive", "-STA", "-Command", _POWERSHELL))


async def picture_on_clipboard(env: Mapping[str, str]) -> tuple[bytes, str]:
    """The picture on the clipboard, and the ending that its name should have. Raises NoPictureError.

    `env` is the environment, which tells where the agent sits.
    """
    source = _source(env)
    try:
        data = await _bytes_from(source, env)
    except HelperError as error:
        raise NoPictureError(f"No picture was taken from the clipboard: {error}.") from error
    mime = media_type(data[:16], "")
    if mime not in ENDINGS:
        raise NoPictureError("What the clipboard holds is no picture of a kind that can be sent.")
    return data, ENDINGS[mime]


def _source(env: Mapping[str, str]) -> Source:
    if is_remote(env):
        raise NoPictureError(
            "Over SSH the clipboard of your own machine can't be asked for a picture, since a terminal hands out text "
            "only: save it as a file, copy that to this machine and attach it."
        )
    known = _sources(env)
    if not known:
        raise NoPictureError("There is no desktop here whose clipboard could hold a picture: attach a file instead.")
    for source in known:
        if shutil.which(source.get[0], path=env.get("PATH")):
            return source
    package = next((source.package for source in known if source.package), "")
    raise NoPictureError(
        f"No program is here that takes a picture from the clipboard: install {package or known[0].get[0]}."
    )


def _sources(env: Mapping[str, str]) -> Sequence[Source]:
    """The helpers of this desktop, the best first."""
    if sys.platform == "win32":
        return (_WINDOWS,)
    if sys.platform == "darwin":
        return (_PNGPASTE, _APPLESCRIPT)
    known = [(_WAYLAND, "WAYLAND_DISPLAY"), (_X11, "DISPLAY"), (_WINDOWS, "WSL_DISTRO_NAME")]
    return [source for source, name in known if env.get(name)]


async def _bytes_from(source: Source, env: Mapping[str, str]) -> bytes:
    """Raises HelperError, also for an empty clipboard, which most helpers tell as a failure; NoPictureError."""
    mime = ""
    if source.types:
        offered = set((await take(source.types, env, PATIENCE, MOST)).decode("utf-8", "replace").split())
        mime = next((mime for mime in ENDINGS if mime in offered), "")
        if not mime:
            raise NoPictureError(_EMPTY)
    command = [mime if word == _TYPE else word for word in source.get]
    # In hexadecimal digits a picture is twice as long.
    data = await take(command, env, PATIENCE, 2 * MOST + 100 if source is _APPLESCRIPT else MOST)
    if source is _APPLESCRIPT and (written := _APPLE_DATA.fullmatch(data)):
        data = bytes.fromhex(written[1].decode("ascii"))
    if not data:
        raise NoPictureError(_EMPTY)
    return data
