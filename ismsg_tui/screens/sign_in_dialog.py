"""Signing in to a team's server: address, e-mail, password, and the workspace where there are several."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.events import DescendantFocus
from textual.widgets import Static

from ismsg_tui.key_names import key_label
from ismsg_tui.screens.dialog import Dialog
from ismsg_tui.screens.faults import TellsFaults
from ismsg_tui.screens.picker import Picker
from ismsg_tui.signing import Signed, WhichWorkspaceError, give_back, sign_in
from ismsg_tui.sync.authority import ClientError, SignedOutError, UnreachableError
from ismsg_tui.sync.credentials import AddressError, check_address
from ismsg_tui.widgets.choice_list import Choice
from ismsg_tui.widgets.key_line import Key, KeyLine
from ismsg_tui.widgets.segments import shown_line
from ismsg_tui.widgets.text_fields import PlainInput

Ask = Callable[[str, str, str, str], Signed]
"""Signs in with address, e-mail, password and workspace; see `signing.sign_in`."""

_FIELDS = ("address", "email", "password")
_LABELS = {"address": "Server", "email": "E-mail", "password": "Password"}
_HINTS = {"address": "https://desk.example.org", "email": "you@example.org", "password": ""}


class WorkspacePicker(Picker[str, str]):
    """In which workspace to sign in, by name."""

    def __init__(self, workspaces: Sequence[tuple[str, str]]) -> None:
        """`workspaces`: id and name of each."""
        choices = [Choice(id_, shown_line(name, 60) or id_) for id_, name in workspaces]
        super().__init__("In which workspace?", choices, take="Sign in", what="workspace")

    def result(self, value: str) -> str:
        """The workspace's id."""
        return value


class SignInDialog(Dialog[Signed], TellsFaults):
    """Three fields and what became of it, in words; its result is a sign-in that nothing here belongs to yet."""

    BINDINGS: ClassVar[list[BindingType]] = [
        # With priority, so that what is typed in one burst with them goes into the field that they lead to.
        Binding("enter", "go_on", "Next", show=False, priority=True),
        Binding("tab,down", "app.focus_next", "Next", show=False, priority=True),
        Binding("shift+tab,up", "app.focus_previous", "Previous", show=False, priority=True),
    ]
    DEFAULT_CSS = """
    SignInDialog {
        & > Vertical { max-width: 72; }
        & .label { height: 1; color: $text-muted; }
        & PlainInput { background: $panel; padding: 0 1; }
        &.-high PlainInput { margin-bottom: 1; }
        & #said { height: auto; max-height: 4; }
        & #said.-wrong { color: $text-warning; text-style: bold; }
    }
    """

    def __init__(self, address: str = "", email: str = "", *, ask: Ask = sign_in, again: bool = False) -> None:
        """`ask` signs in, on a thread of its own, and raises what `signing.sign_in` raises.

        Whoever signs in `again` does so at the same server.
        """
        super().__init__("Sign in again" if again else "Sign in to a server", ())
        self._fixed = ("address",) if again else ()
        self._values = {"address": address, "email": email, "password": ""}
        self._ask = ask
        self._attempt = 0
        self._busy = False

    def body(self) -> ComposeResult:
        """The fields, and what there is to say."""
        for name in _FIELDS:
            yield Static(_LABELS[name], classes="label", markup=False)
            field = PlainInput(self._values[name], placeholder=_HINTS[name], id=name)
            field.password = name == "password"
            field.disabled = name in self._fixed
            yield field
        yield Static(id="said", markup=False)

    def on_mount(self) -> None:
        """Begin with the first field that is empty."""
        super().on_mount()
        self._say(
            "The server does not know this console any more. Nothing is lost: what was not sent leaves afterwards."
            if self._fixed
            else "Whoever runs the server tells you its address, and gives you an account with a password."
        )
        self._to_empty()

    def _to_empty(self) -> bool:
        """Go to the first empty field; returns whether there is one."""
        empty = next((name for name in _FIELDS if not self._value(name)), None)
        self.set_focus(self._field(empty or "password"))
        return empty is not None

    def _field(self, name: str) -> PlainInput:
        return self.query_one(f"#{name}", PlainInput)

    def _value(self, name: str) -> str:
        value = self._field(name).value
        return value if name == "password" else value.strip()

    def _say(self, words: str, *, wrong: bool = False) -> None:
        said = self.query_one("#said", Static)
        said.update(words)
        said.set_class(wrong, "-wrong")

    @on(DescendantFocus)
    def _show_keys(self) -> None:
        enter = Key(key_label("enter"), "Sign in" if self._field("password").has_focus else "Next", "go_on")
        keys = () if self._busy else (enter, Key("Tab", "Next field", "app.focus_next"))
        back = Key(key_label("escape"), "Stop" if self._busy else "Back", "cancel")
        self.query_one(KeyLine).keys = (*keys, back)

    def action_go_on(self) -> None:
        """Go to the next field, from the last one sign in."""
        if self._busy:
            return
        focused, password = self.focused, self._field("password")
        if isinstance(focused, PlainInput) and focused is not password:
            self.set_focus(self._field(_FIELDS[_FIELDS.index(focused.id or "") + 1]))
        else:
            password.call_later(self._try)  # once the field has taken the keys before this one

    def _try(self) -> None:
        if self._busy:
            return
        if self._to_empty():
            self._say("Server, e-mail and password are needed.", wrong=True)
        else:
            self._sign_in("")

    def action_cancel(self) -> None:
        """Stop what is under way, else leave."""
        if self._busy:
            self._attempt += 1
            self._rest("Stopped.")
        else:
            self.leave(None)

    def _rest(self, words: str, *, wrong: bool = False) -> None:
        self._busy = False
        for name in _FIELDS:
            self._field(name).disabled = name in self._fixed
        self._say(words, wrong=wrong)
        self.set_focus(self._field("password"))
        self._show_keys()

    @work(group="sign in", exit_on_error=False, description="sign in")
    async def _sign_in(self, workspace: str) -> None:
        values = {name: self._value(name) for name in _FIELDS}
        try:
            address = check_address(values["address"])
        except AddressError as error:
            self._say(str(error), wrong=True)
            self.set_focus(self._field("address"))
            return
        self._attempt += 1
        attempt = self._attempt
        self._busy = True
        for name in _FIELDS:
            self._field(name).disabled = True
        self._say(f"Signing in to {shown_line(address)}…")
        self._show_keys()

        def wanted() -> bool:
            return attempt == self._attempt and self.is_mounted

        def ask() -> Signed:
            return self._ask(address, values["email"], values["password"], workspace)

        try:
            signed = await _on_a_thread(ask, wanted)
        except WhichWorkspaceError as error:
            if wanted():
                await self._choose_workspace(error.workspaces)
        except (UnreachableError, ClientError, SignedOutError) as error:
            if wanted():
                self._rest(str(error), wrong=True)
        except Exception:
            if wanted():
                self._rest("That went wrong; the log says where.", wrong=True)
            raise
        else:
            if wanted():
                self.leave(signed)

    async def _choose_workspace(self, workspaces: Sequence[tuple[str, str]]) -> None:
        chosen = await self.app.push_screen_wait(WorkspacePicker(workspaces))
        self._rest("Choose a workspace to sign in.")
        if chosen is not None:
            self._sign_in(chosen)


async def _on_a_thread(call: Callable[[], Signed], wanted: Callable[[], bool]) -> Signed:
    """Run a call that may take long on a thread that keeps nobody from leaving; what is unwanted then is given back."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Signed] = loop.create_future()

    def settle(result: Signed | None, error: BaseException | None) -> None:
        if done.cancelled():
            return
        if error is not None:
            done.set_exception(error)
        elif result is not None:
            done.set_result(result)

    def run() -> None:
        result, failure = None, None
        try:
            result = call()
        except BaseException as error:
            failure = error
        if result is not None and not wanted():
            give_back(result)
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(settle, result, failure)

    threading.Thread(target=run, name="sign in", daemon=True).start()
    return await done
