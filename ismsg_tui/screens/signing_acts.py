"""Signing in again where the server does not know the console any more; what was not sent waits and leaves then."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from textual import on, work

from ismsg_tui.screens.contact_acts import ContactActs
from ismsg_tui.signing import Signed, StoreInUseError, take_over
from ismsg_tui.sync.authority import ClientError
from ismsg_tui.sync.credentials import read_account
from ismsg_tui.sync.status import SyncState, SyncStatus
from ismsg_tui.widgets.title_bar import TitleBar

if TYPE_CHECKING:
    from ismsg_tui.screens.sign_in_dialog import SignInDialog

log = logging.getLogger(__name__)


class SigningActs(ContactActs):
    """The part of the desk that deals with the sign-in."""

    status: SyncStatus | None = None
    """How things stand with the server; None where there is none."""
    try_server: Callable[[], None] | None = None
    """Has the server asked at once; None where there is none."""

    @on(TitleBar.StateClicked)
    async def _on_state_clicked(self) -> None:
        if self.status is not None and self.status.state is SyncState.SIGNED_OUT:
            await self.action_sign_in()

    async def action_sign_in(self) -> None:
        """Sign in again."""
        try:
            account = await asyncio.to_thread(read_account, self._inbox.store.path.parent)
        except ClientError as error:
            self.notify(str(error), severity="warning", timeout=8, markup=False)
            return
        if account is None:
            self.notify("This inbox is your own. “ismsg login” joins that of a team.", timeout=6)
        elif self.status is None or self.status.state is not SyncState.SIGNED_OUT:
            self.notify("You are signed in.", timeout=3)
        else:
            from ismsg_tui.screens.sign_in_dialog import SignInDialog

            self._sign_in(SignInDialog(account.url, account.email, again=True))

    @work(group="sign in again", exclusive=True, exit_on_error=False, description="sign in again")
    async def _sign_in(self, dialog: SignInDialog) -> None:
        signed = await self.app.push_screen_wait(dialog)
        if signed is not None:
            await self._go_on_as(signed)

    async def _go_on_as(self, signed: Signed) -> None:
        try:
            await asyncio.to_thread(take_over, self._inbox.store, signed)
        except StoreInUseError:
            self.notify("That is somebody else's account: this inbox stays as it is.", severity="warning", timeout=8)
        except OSError as error:
            log.warning("the sign-in could not be kept: %s", error)
            self.notify(f"The sign-in can't be kept: {error.strerror or error}.", severity="error", timeout=8)
        else:
            self.notify("Signed in. What waited leaves now.", timeout=4)
            if self.try_server is not None:
                self.try_server()
