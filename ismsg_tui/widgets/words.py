"""A text on the screen that costs nothing while it stays the same."""

from __future__ import annotations

from textual.content import Content
from textual.visual import VisualType
from textual.widgets import Static


class Words(Static):
    """Words that are said over and over; only a change of them is painted, as laying out the screen is dear."""

    def update(self, content: VisualType = "", *, layout: bool = True) -> None:
        """Show other words; `layout` where they may need another room than those before."""
        shown = self.content
        if isinstance(content, Content) and isinstance(shown, Content) and content.is_same(shown):
            return
        super().update(content, layout=layout)
