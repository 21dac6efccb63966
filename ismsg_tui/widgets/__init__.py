"""The widgets of the console, one a file."""

from __future__ import annotations
