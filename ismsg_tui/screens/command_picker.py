"""Finding any command by its name, or by a word of what it does."""

from __future__ import annotations

from ismsg_tui.actions import ACTIONS, Action
from ismsg_tui.key_names import key_label
from ismsg_tui.screens.picker import Picker
from ismsg_tui.widgets.choice_list import Choice


class CommandPicker(Picker[str, str]):
    """Every action of the registry that can be asked for by name; its result is the action's id."""

    DEFAULT_CSS = "CommandPicker > Vertical { max-width: 100; }"

    def __init__(self) -> None:
        super().__init__("Commands", [_choice(item) for item in ACTIONS if item.palette], take="Run", what="command")

    def result(self, value: str) -> str:
        """The id itself."""
        return value


def _choice(item: Action) -> Choice[str]:
    key = item.current_keys[0]
    return Choice(item.id, item.title, key_label(key) if key else "", item.help)
