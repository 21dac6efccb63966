"""Channels: the ways in which contacts write and are written to. One module for each kind, the rest for all of them."""

from __future__ import annotations
