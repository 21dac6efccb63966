"""Moves changes between the store and a server."""

from __future__ import annotations
