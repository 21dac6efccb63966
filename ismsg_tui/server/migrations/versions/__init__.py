"""The steps, in the order that they name themselves."""

from __future__ import annotations
