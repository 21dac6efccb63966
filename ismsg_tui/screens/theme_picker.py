"""Choosing the colours; each is put on while the cursor is on it."""

from __future__ import annotations

from collections.abc import Sequence

from textual.theme import Theme

from ismsg_tui.screens.picker import Picker
from ismsg_tui.widgets.choice_list import Choice


class ThemePicker(Picker[str, str]):
    """Themes by name; its result is the name, and without one the colours are as before."""

    def __init__(self, themes: Sequence[Theme], current: str) -> None:
        choices = [
            Choice(
                theme.name, theme.name, "dark" if theme.dark else "light", mark="now" if theme.name == current else ""
            )
            for theme in themes
        ]
        names = [theme.name for theme in themes]
        cursor = names.index(current) if current in names else 0
        super().__init__("Theme", choices, take="Keep", what="theme", cursor=cursor)
        self._before = current

    def highlight(self, value: str | None) -> None:
        """Put the theme on."""
        if value is not None and value != self.app.theme:
            self.app.theme = value

    def result(self, value: str) -> str:
        """The name itself."""
        return value

    def action_cancel(self) -> None:
        """Put the old theme on again."""
        self.app.theme = self._before
        super().action_cancel()
