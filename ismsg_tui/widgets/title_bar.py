"""The top line: which workspace, who works in it, how things stand with the server and with what was written."""

from __future__ import annotations

from typing import NamedTuple

from rich.cells import cell_len
from textual.content import Content
from textual.events import Click
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from ismsg_tui.widgets.segments import MUTED, fit, shown_line

NAME = " ismsg"
LEAST_WORKSPACE = 8
"""Cells of the workspace's name that are worth more than the longest words about the server."""


class Title(NamedTuple):
    """What the title says."""

    workspace: str = ""
    user: str = ""
    """The agent and what the agent is: a name, or a name and “busy”."""
    company: str = ""
    """Which teammates are there."""
    state: tuple[str, ...] = ("",)
    """How things stand with the server, the longest words first."""
    trouble: bool = False
    """Whether the agent should notice how things stand."""
    unsent: int = 0
    """Messages that no server has taken yet."""
    refused: int = 0
    """What was not sent and waits for the agent."""


class TitleBar(Widget):
    """One line that fits every width; all of it in words, so that it needs no colour."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    TitleBar { height: 1; }
    """

    shown: reactive[Title] = reactive(Title())

    class UnsentClicked(Message):
        """The agent clicked what was not sent."""

    class StateClicked(Message):
        """The agent clicked how things stand with the server."""

    def render(self) -> Content:
        """The line: what matters most keeps its place, other things make room."""
        width = self.size.width
        right = Content(" · ").join(Content.styled(text, style) for text, style in self._right_parts(width))
        name = NAME if cell_len(NAME) + right.cell_length + 2 <= width else ""
        room = width - right.cell_length - cell_len(name) - 2 - len(" · ")
        workspace = shown_line(self.shown.workspace, 60)
        if cell_len(workspace) > room:
            workspace = fit(workspace, room).rstrip() if room > 3 else ""
        left = f" · {workspace}" if workspace else ""
        space = max(1, width - cell_len(name) - cell_len(left) - right.cell_length - 1)
        return Content.assemble((name, "$text-primary bold"), left, " " * space, right, " ")

    def _right_parts(self, width: int) -> list[tuple[str, str]]:
        """What stands right, with styles: as much of it as leaves room for the workspace, else as there is room for."""
        title = self.shown
        counts = [(f"{title.unsent:,} unsent", "$text-warning")] if title.unsent else []
        counts += [(f"✗ {title.refused:,} not sent", "bold $text-error")] if title.refused else []
        colour = "$text-warning" if title.trouble else MUTED
        user, company = shown_line(title.user, 30), shown_line(title.company, 40)
        beside = [[user, company], [user], []] if company else [[user], []]
        least = min(cell_len(title.workspace), LEAST_WORKSPACE) + 3
        for left in (cell_len(NAME) + least, cell_len(NAME)):
            for state in title.state:
                for people in beside:
                    parts = [(name, MUTED) for name in people if name]
                    parts += [(state, colour)] if state else []
                    parts += counts
                    if sum(cell_len(text) + 3 for text, _ in parts) - 3 + left + 2 <= width:
                        return parts
        return [(title.state[-1], colour), *counts]

    def on_click(self, event: Click) -> None:
        """A click on what was not sent goes there; one on the state tells that it was clicked."""
        start = self.size.width - 1
        for number, (text, _) in enumerate(reversed(self._right_parts(self.size.width))):
            end, start = start, start - cell_len(text)
            if start <= event.x <= end:
                if number == 0 and self.shown.refused:
                    self.post_message(self.UnsentClicked())
                elif text in self.shown.state:
                    self.post_message(self.StateClicked())
                return
            start -= len(" · ")
