"""A screen that takes only the newest of the sizes that it is told."""

from __future__ import annotations

from textual.events import Resize
from textual.screen import Screen


class NewestSize:
    """Mixed into a screen, before its own base.

    Textual's screen answers every size with a layout, which tells it that size again. So two sizes that come in one
    moment, as from a terminal that has none yet at its start, would follow each other for ever.
    """

    async def _on_resize(self, event: Resize) -> None:
        """Leave out a size that is not that of the terminal any more."""
        if isinstance(self, Screen) and event.size != self.app.size:
            event.stop()
            event.prevent_default()
