"""The top line: which workspace, who works in it, how things stand with the server."""

from __future__ import annotations

from textual.content import Content

from ismsg_tui.widgets.segments import MUTED, shown_line
from ismsg_tui.widgets.words import Words


class TitleBar(Words):
    """One line; the state in words, so that it needs no colour."""

    def show(self, workspace: str, user: str, state: str, unsent: int) -> None:
        """Say where we are; `unsent` counts what no server has taken yet."""
        waiting = f" · {unsent} unsent" if unsent else ""
        left = Content.assemble((" ismsg", "$text-primary bold"), (f" · {shown_line(workspace, 60)}", ""))
        right = Content.assemble((f"{shown_line(user, 40)} · {state}", MUTED), (waiting, "$text-warning"), " ")
        space = max(1, self.size.width - left.cell_length - right.cell_length)
        self.update(Content.assemble(left, " " * space, right), layout=False)
