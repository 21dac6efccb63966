"""Every key with what it does."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import ClassVar

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, VerticalScroll
from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from ismsg_tui.actions import ACTIONS, Action, Group, Scope
from ismsg_tui.key_names import key_label
from ismsg_tui.screens.dialog import Dialog
from ismsg_tui.widgets.key_line import Key

_SIDES = ((Group.ANSWER, Group.CONVERSATION, Group.FILES, Group.VOICE), (Group.MOVE, Group.DESK))
_KEYS = 12
"""Cells for the keys of an action; where they need more, they go on below one another."""
_WHERE = {Scope.LIST, Scope.TIMELINE, Scope.COMPOSER, Scope.CHIPS, Scope.FILES, Scope.VOICE, Scope.UNSENT}


class _KeyTable(Widget):
    """Some groups of actions below one another, the words of each wrapped beside its keys."""

    DEFAULT_CSS = "_KeyTable { height: auto; width: 1fr; }"

    def __init__(self, groups: Sequence[Group]) -> None:
        super().__init__()
        self._groups = groups

    def _lines(self, width: int) -> list[Content]:
        lines: list[Content] = []
        longest = max(cell_len(key) for item in ACTIONS if item.group in self._groups for key in _keys(item).split())
        column = max(_KEYS, longest) + 2
        for group in self._groups:
            of_group = [item for item in ACTIONS if item.group is group]
            scopes = dict.fromkeys(item.scope if item.scope in _WHERE else None for item in of_group)
            for scope in sorted(scopes, key=lambda scope: scope is not None):
                title = group.value + (f" · {scope.value}" if scope else "")
                shown = [item for item in of_group if (item.scope if item.scope in _WHERE else None) is scope]
                lines += [Content.styled(title, "bold $text-primary")]
                for item in shown:
                    lines += _row(item, column, width)
                lines.append(Content(""))
        return lines

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        """One row a line."""
        return len(self._lines(width))

    def render(self) -> Content:
        """The table at the present width."""
        return Content("\n").join(self._lines(self.size.width))


def _keys(item: Action) -> str:
    return "  ".join(key_label(key) for key in item.current_keys if key)


def _row(item: Action, column: int, width: int) -> list[Content]:
    keys = Content(_keys(item)).wrap(column - 2)
    words = Content(item.help).wrap(max(4, width - column))
    return [
        Content.assemble((f"{key.plain.strip():<{column}}", "bold $footer-key-foreground"), word.plain)
        for key, word in zip_longest(keys, words, fillvalue=Content(""))
    ]


class HelpScreen(Dialog[None]):
    """All actions by group, side by side where there is room."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,question_mark,f1", "cancel", "Close", show=False),
        Binding("j,down", "scroll('scroll_down')", "Down", show=False),
        Binding("k,up", "scroll('scroll_up')", "Up", show=False),
        Binding("space,pagedown,ctrl+d", "scroll('scroll_page_down')", "Page down", show=False),
        Binding("pageup,ctrl+u", "scroll('scroll_page_up')", "Page up", show=False),
        Binding("g,home", "scroll('scroll_home')", "First", show=False),
        Binding("G,end", "scroll('scroll_end')", "Last", show=False),
    ]
    DEFAULT_CSS = """
    HelpScreen {
        & > Vertical { max-width: 90; height: 90%; }
        &.-wide > Vertical { max-width: 130; }
        & VerticalScroll { height: 1fr; scrollbar-size-vertical: 1; scrollbar-background: $surface; }
        & Container { height: auto; layout: vertical; }
        &.-wide Container { layout: horizontal; }
        &.-wide _KeyTable { margin-right: 3; }
    }
    """

    def __init__(self) -> None:
        super().__init__(
            "Keys",
            [
                Key(f"{key_label('up')}{key_label('down')}", "Scroll", ""),
                Key(key_label("escape"), "Close", "cancel"),
            ],
        )

    def body(self) -> ComposeResult:
        """The tables in one scrolling pane."""
        with VerticalScroll(can_focus=False), Container():
            for groups in _SIDES:
                yield _KeyTable(groups)

    def action_scroll(self, how: str) -> None:
        """Scroll the tables."""
        pane = self.query_one(VerticalScroll)
        moves = {
            "scroll_down": pane.scroll_down,
            "scroll_up": pane.scroll_up,
            "scroll_page_down": pane.scroll_page_down,
            "scroll_page_up": pane.scroll_page_up,
            "scroll_home": pane.scroll_home,
            "scroll_end": pane.scroll_end,
        }
        moves[how](animate=False)
