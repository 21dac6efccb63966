"""Which folders the agent took files from and put files in."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ismsg_tui.desktop.folders import shortened


@dataclass
class FileHabits:
    """What is remembered while the console is open: the folders last used."""

    attach_from: Path | None = None
    save_in: Path | None = None

    @property
    def save_folder(self) -> str:
        """Where to save unless something else is typed; it can be gone on from."""
        downloads = Path.home() / "Downloads"
        folder = self.save_in or (downloads if downloads.is_dir() else Path.home())
        return shortened(os.path.join(folder, ""))  # noqa: PTH118 - Path would drop the last separator
