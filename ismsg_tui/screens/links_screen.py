"""The links of messages: where each of them really leads, before it is opened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content

from ismsg_tui.domain.targets import Target
from ismsg_tui.domain.text import one_line
from ismsg_tui.key_names import key_label
from ismsg_tui.screens.picker import Picker
from ismsg_tui.widgets.choice_list import Choice
from ismsg_tui.widgets.key_line import Key

_KINDS = {"mailto": "mail", "tel": "telephone", "http": "web, open to all", "https": "web"}


class LinksScreen(Picker[Target, str]):
    """Targets in the given order; its result is the one to open. What has to be looked at is asked for twice."""

    HAS_PREVIEW: ClassVar[bool] = True
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+y", "copy", "Copy", show=False)]
    DEFAULT_CSS = """
    LinksScreen {
        &.-narrow #preview { height: 60%; }
        &.-low #preview { display: block; height: 70%; border-top: none; }
    }
    """

    def __init__(self, name: str, targets: Sequence[Target]) -> None:
        """`name` is the contact's."""
        super().__init__(f"Links · {name}", [_choice(target) for target in targets], take="Open", what="link")
        self._keys = [
            Key(key_label("enter"), "Open", "take"),
            Key(key_label("ctrl+y"), "Copy", "copy"),
            Key(f"{key_label('up')}{key_label('down')}", "Move", ""),
            Key(key_label("escape"), "Back", "cancel"),
        ]
        self._asked: Target | None = None

    def preview(self, value: Target) -> Content:
        """Where it leads in full, and what is to be said of it."""
        parts: list[tuple[str, str]] = [(f"{value.place}\n", "bold"), (f"{value.url or value.written}\n", "")]
        parts += [(f"\n! {words}\n", "$text-warning") for words in value.warnings]
        if value.refusal:
            parts.append((f"\n✗ {value.refusal}\n", "$text-error"))
        return Content.assemble(*parts)

    def highlight(self, value: Target | None) -> None:
        """Forget what was asked for of another."""
        if value is not self._asked:
            self._asked = None

    def result(self, value: Target) -> str:
        """What the system is asked to open."""
        return value.url

    def take(self, value: Target) -> None:
        """Open it, if it may be opened and nothing speaks against it, or it is asked for once more."""
        if value.refusal:
            self.notify(value.refusal, severity="warning", timeout=6, markup=False)
        elif value.warnings and self._asked is not value:
            self._asked = value
            self.notify(f"Look where it leads: {value.place}. Enter opens it all the same.", severity="warning")
        else:
            super().take(value)

    def action_copy(self) -> None:
        """Copy the link as it would be opened."""
        choice = self._chooser.highlighted
        if choice is not None:
            self.app.copy_to_clipboard(choice.value.url or choice.value.written)


def _choice(target: Target) -> Choice[Target]:
    kind = _KINDS.get(target.url.partition(":")[0], "not opened")
    mark = "!" if target.warnings else "✗" if target.refusal else ""
    return Choice(target, one_line(target.place, 80) or "?", kind, one_line(target.written, 200), mark=mark)
