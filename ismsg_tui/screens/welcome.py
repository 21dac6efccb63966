"""The first thing that ismsg shows where it has no data yet: try the demo, work alone, or sign in to a server."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Static

from ismsg_tui import __version__
from ismsg_tui.config import Config
from ismsg_tui.desktop.folders import shortened
from ismsg_tui.key_names import key_label
from ismsg_tui.screens.dialog import Dialog
from ismsg_tui.screens.dressed import DressedApp
from ismsg_tui.screens.faults import TellsFaults
from ismsg_tui.screens.sign_in_dialog import Ask, SignInDialog
from ismsg_tui.signing import Signed, sign_in
from ismsg_tui.widgets.choice_list import Choice, ChoiceList
from ismsg_tui.widgets.key_line import Key
from ismsg_tui.widgets.line_list import LineList


class Start(StrEnum):
    """How to begin."""

    DEMO = "demo"
    ALONE = "alone"
    SIGN_IN = "sign in"


_TITLES = {Start.DEMO: "Try the demo", Start.ALONE: "Work alone", Start.SIGN_IN: "Sign in to a server"}


class Welcome(Dialog[Start]):
    """Three ways to begin, each with what it means."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q,q", "cancel", "Leave", show=False),
        *(Binding(str(number), f"take({number})", "Take", show=False) for number in range(1, len(Start) + 1)),
    ]
    DEFAULT_CSS = """
    Welcome {
        & > Vertical { max-width: 72; }
        & Static { height: auto; }
        & ChoiceList { height: 3; margin: 1 0; }
        & #about { color: $text-muted; height: 4; }
        &.-low ChoiceList { margin: 0; }
    }
    """

    def __init__(self, folder: Path) -> None:
        """`folder` is where the data of an inbox of one's own would lie."""
        super().__init__(
            f"ismsg {__version__}",
            (
                Key(key_label("enter"), "Begin", "choose"),
                Key(f"{key_label('up')}{key_label('down')}", "Move", ""),
                Key(key_label("escape"), "Leave", "cancel"),
            ),
        )
        self._about = {
            Start.DEMO: "An invented hotel whose guests write in and answer you. Nothing of it leaves this "
            "machine, and it is gone when you close it.",
            Start.ALONE: "An inbox of your own on this machine, without an account. “ismsg import” brings "
            f"conversations in. Everything is kept in {shortened(str(folder))}.",
            Start.SIGN_IN: "Your team's inbox. You need the address of its server, your e-mail and your password.",
        }
        self._choices = ChoiceList[Start](numbered=True)

    def body(self) -> ComposeResult:
        """What this is, the ways to begin, and what the one under the cursor means."""
        yield Static("An agent's desk in the terminal: answer the people who write to you.", markup=False)
        yield self._choices
        yield Static(id="about", markup=False)

    def on_mount(self) -> None:
        """Begin with the demo."""
        super().on_mount()
        self._choices.show_choices([Choice(start, title) for start, title in _TITLES.items()])
        self.set_focus(self._choices)
        self._tell()

    @on(LineList.Highlighted)
    def _tell(self) -> None:
        marked = self._choices.highlighted
        self.query_one("#about", Static).update(self._about[marked.value] if marked else "")

    @on(LineList.Selected)
    @on(ChoiceList.Taken)
    def action_choose(self) -> None:
        """Take the one under the cursor."""
        marked = self._choices.highlighted
        if marked is not None:
            self.leave(marked.value)

    def action_take(self, number: int) -> None:
        """Take one by its number."""
        self.leave(list(Start)[number - 1])


class WelcomeApp(DressedApp, TellsFaults):
    """Asks how to begin, and signs in where that is wanted."""

    def __init__(self, config: Config, folder: Path, *, ask: Ask = sign_in) -> None:
        super().__init__(config)
        self._folder = folder
        self._sign_in = ask
        self.start: Start | None = None
        """What was chosen, if that was no sign-in; None for leaving."""
        self.signed: Signed | None = None
        """The sign-in."""

    def get_default_screen(self) -> Screen[None]:
        """Nothing but what the dialogs lie on."""
        return Screen()

    def on_mount(self) -> None:
        """Ask."""
        self._begin()

    @work(group="begin", exit_on_error=False, description="begin")
    async def _begin(self) -> None:
        while True:
            start = await self.push_screen_wait(Welcome(self._folder))
            if start is not Start.SIGN_IN:
                self.start = start
                break
            self.signed = await self.push_screen_wait(SignInDialog(ask=self._sign_in))
            if self.signed is not None:
                break
        self.exit()
