"""Which files were attached last, for the next time: a small file beside the store, which its owner alone may read.

Everything here asks the file system and belongs on a thread. Nothing raises: what can't be remembered is forgotten.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ismsg_tui.desktop.folders import is_file

FILE_NAME = "recent-files"
MOST = 20
"""So many files are remembered."""
_LARGEST = MOST * 4_097
"""No path of any system is longer than 4,096 bytes."""


class RecentFiles:
    """The paths of the files that were attached last, whichever console on the store did it."""

    def __init__(self, folder: Path) -> None:
        """`folder` is that of the store."""
        self._path = folder / FILE_NAME

    def there(self) -> list[str]:
        """Those that are still there, the last one first."""
        return [path for path in self._read() if is_file(path)]

    def add(self, paths: Sequence[Path]) -> None:
        """Files were attached, the last one last."""
        newest = [os.path.abspath(path) for path in reversed(paths)]  # noqa: PTH100 - a path is kept as it was typed
        kept = list(dict.fromkeys([*newest, *self._read()]))[:MOST]
        with suppress(OSError):
            # Written beside it and renamed: whoever reads finds the old ones or the new ones.
            part = self._path.with_name(f"{FILE_NAME}.part")
            with open(part, "wb", opener=_private) as file:
                file.write(b"\0".join(map(os.fsencode, kept)))
            part.replace(self._path)

    def _read(self) -> list[str]:
        """What was written; names may be anything but NUL, which parts them."""
        try:
            with self._path.open("rb") as file:
                written = file.read(_LARGEST)
        except OSError:
            return []
        return [os.fsdecode(path) for path in written.split(b"\0") if path][:MOST]


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
