"""The server that consoles synchronise with: it decides what is true in a workspace that a team shares."""

from __future__ import annotations
