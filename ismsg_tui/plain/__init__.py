"""The line mode: the inbox as a conversation of lines, for screen readers, simple terminals and scripts.

Nothing is drawn. Every line starts with a word that says what it is, and nothing is written while somebody types.
"""

from __future__ import annotations

from ismsg_tui.plain.run import run_plain

__all__ = ["run_plain"]
