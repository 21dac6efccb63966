"""A conversation as a document to keep or hand on: Markdown, JSON or HTML, made piece by piece.

Nothing that somebody wrote becomes more than text in it: no heading, link or picture in Markdown, no element in HTML.
"""

from __future__ import annotations

from ismsg_tui.export.documents import Format, document, every_line
from ismsg_tui.export.objects import json_text, line_object

__all__ = ["Format", "document", "every_line", "json_text", "line_object"]
