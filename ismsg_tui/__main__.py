"""Lets `python -m ismsg_tui` do what the command `ismsg` does."""

from __future__ import annotations

from ismsg_tui.cli import main

if __name__ == "__main__":
    main(prog_name="ismsg")
