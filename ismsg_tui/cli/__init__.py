"""The command line, the second front end: everything the console does, for scripts and quick hands.

Textual is loaded by nothing here but the commands that open the console.
"""

from __future__ import annotations

from ismsg_tui.cli.root import main

__all__ = ["main"]
