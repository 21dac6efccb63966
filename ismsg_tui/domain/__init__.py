"""The words and rules of the inbox: pure Python, no I/O, no clock, no Textual."""

from __future__ import annotations
