"""An application that looks and listens as the agent has set it: colours, what lines are drawn with, keys."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from textual.filter import LineFilter

from ismsg_tui.actions import keymap, remap
from ismsg_tui.config import Config
from ismsg_tui.screens.type_ahead import TypeAhead
from ismsg_tui.themes import THEMES, readable
from ismsg_tui.widgets.filters import Encodable, last_filters, set_scrollbars, wants_ascii
from ismsg_tui.widgets.segments import show_emoji_in_words


class DressedApp(TypeAhead):
    """The base of every application of ismsg."""

    TITLE = "ismsg"
    ENABLE_COMMAND_PALETTE = False  # the desk has a picker of its own

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        # An empty variable asks for nothing; Textual only looks whether there is one.
        self.no_color = bool(os.environ.get("NO_COLOR"))
        ascii_only = wants_ascii(config.borders)
        self._last_filters = last_filters(ascii_only=ascii_only, no_colours=self.no_color, file=sys.__stderr__)
        show_emoji_in_words(config.emoji == "text")
        set_scrollbars(ascii_only=ascii_only, no_colours=self.no_color)
        for theme in THEMES:
            self.register_theme(theme)
        self.problems = remap(config.key_set, config.keys)
        """What of the settings could not be done as asked, a sentence each."""
        if config.theme in self.available_themes:
            self.theme = config.theme
        else:
            self.theme = THEMES[0].name
            self.problems.append(f"There is no theme “{config.theme}”; “T” shows them all.")
        self.set_keymap(keymap())
        self.animation_level = "none"

    def get_css_variables(self) -> dict[str, str]:
        """The colours of the theme, so that everything can be read."""
        self.theme_variables = readable(super().get_css_variables(), self.current_theme)
        return self.theme_variables

    def get_line_filters(self) -> Sequence[LineFilter]:
        """What every painted line goes through."""
        first = () if self.no_color else super().get_line_filters()
        return (*first, *self._last_filters)

    @property
    def any_character(self) -> bool:
        """Whether the terminal is sent any character that there is, and not only those of some encoding."""
        return not any(isinstance(item, Encodable) for item in self._last_filters)
