"""The command palette: every action of the registry by name."""

from __future__ import annotations

from collections.abc import Coroutine
from functools import partial
from typing import Any

from textual.command import DiscoveryHit, Hit, Hits, Provider

from ismsg_tui.actions import ACTIONS, Action, key_label


class DeskCommands(Provider):
    """Finds the actions of the desk."""

    async def discover(self) -> Hits:
        """Every command, in the order of the help screen."""
        for action in ACTIONS:
            if action.palette:
                yield DiscoveryHit(_words(action), self._run(action), text=action.title, help=action.help)

    async def search(self, query: str) -> Hits:
        """The commands whose name or explanation fits."""
        matcher = self.matcher(query)
        for action in ACTIONS:
            if not action.palette:
                continue
            score = max(matcher.match(_words(action)), matcher.match(action.help) * 0.8)
            if score > 0:
                yield Hit(score, matcher.highlight(_words(action)), self._run(action), help=action.help)

    def _run(self, action: Action) -> partial[Coroutine[Any, Any, None]]:
        return partial(self.screen.run_action, action.id)


def _words(action: Action) -> str:
    key = action.current_keys[0]
    return f"{action.title} ({key_label(key)})" if key else action.title
