"""Bringing in what was kept elsewhere: conversations and snippets from files, however large or broken."""

from __future__ import annotations
