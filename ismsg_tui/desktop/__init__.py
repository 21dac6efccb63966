"""The machine that the console runs on: its clipboard, its folders, the editor, and what opens files and links."""

from __future__ import annotations
