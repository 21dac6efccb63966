"""The console with its event loop watched: `python -m benchmarks.watched_console FILE` writes there how late it was."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from benchmarks.inbox_store import open_inbox
from benchmarks.lateness import Lateness
from ismsg_tui.app import IsmsgApp
from ismsg_tui.config import Config


def main(arguments: list[str]) -> None:
    """Show the console on the inbox in ISMSG_DATA until Ctrl+Q."""
    inbox = open_inbox(Path(os.environ["ISMSG_DATA"]))
    lateness = Lateness()
    IsmsgApp(inbox, Config()).run(auto_pilot=lateness.watch)
    inbox.close_store()
    lateness.write(Path(arguments[0]))


if __name__ == "__main__":
    main(sys.argv[1:])
