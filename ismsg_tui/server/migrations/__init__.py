"""The history of the server's schema, one file a step; a step that was released is never edited."""

from __future__ import annotations

HEAD = "0001"
"""The last step."""
