"""The Textual application: wiring, nothing else."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.binding import BindingType
from textual.events import Event, InputEvent
from textual.notifications import SeverityLevel
from textual.theme import Theme

from ismsg_tui.actions import action
from ismsg_tui.audio.devices import PortAudioMicrophone, PortAudioSpeaker
from ismsg_tui.audio.ports import Microphone, Speaker
from ismsg_tui.audio.quiet import terminal_kept_clean
from ismsg_tui.clock import now_ms
from ismsg_tui.config import Config, data_folder
from ismsg_tui.desktop.clipboard import Way, copy
from ismsg_tui.domain.wire import Presence
from ismsg_tui.firsts import TOUR, first_time
from ismsg_tui.inbox import Inbox
from ismsg_tui.key_names import key_label
from ismsg_tui.logs import FILE_NAME, start_log
from ismsg_tui.messages import (
    EVERYTHING,
    CommandRefused,
    NewCounted,
    NotificationsToggled,
    PresenceMoved,
    StoreChanged,
    SyncMoved,
)
from ismsg_tui.notifier import Notifier
from ismsg_tui.own_server import OwnAuthority
from ismsg_tui.screens.desk import Desk
from ismsg_tui.screens.dressed import DressedApp
from ismsg_tui.screens.faults import TellsFaults
from ismsg_tui.screens.voice import Voice
from ismsg_tui.screens.welcome import Start, WelcomeApp
from ismsg_tui.screens.writing import Writing
from ismsg_tui.signing import Signed
from ismsg_tui.store.connection import DatabaseError
from ismsg_tui.store.unsent import Written, untold
from ismsg_tui.store.unused_blobs import clear_unused
from ismsg_tui.sync.authority import Authority
from ismsg_tui.sync.engine import Refused, Sync, SyncStatus
from ismsg_tui.themes import needs_edges
from ismsg_tui.widgets.graphics import Graphics, Pixels, cell_size, graphics_for
from ismsg_tui.widgets.segments import shown_line

log = logging.getLogger(__name__)

REPAINT_DELAY = 0.03
"""Seconds within which changes of the store are painted together."""
TIDY_AFTER = 30.0
"""Seconds after the start until files that nothing refers to are cleared away."""
SYNC_AFTER = 0.2
"""Seconds after the first picture until synchronising begins: what it loads would hold up the first keys."""
LOOK_AROUND = 1.0
"""Seconds between looks at what other processes wrote."""
WAKE_AFTER = 5.0
"""Seconds at most for which a snooze that is over goes on."""
HAND_OVER = 0.001
"""Seconds after which a thread that works lets the one that paints go on; Python's own 5 ms are felt in the keys."""
NOTICE_LIMIT = 500
"""The longest notice, in characters."""


class IsmsgApp(DressedApp, TellsFaults):
    """The console."""

    # Of a default screen Textual does not load the styles by itself.
    CSS_PATH: ClassVar[list[str]] = ["app.tcss", "screens/desk.tcss"]  # type: ignore[assignment]
    BINDINGS: ClassVar[list[BindingType]] = []

    def __init__(
        self,
        inbox: Inbox,
        config: Config,
        *,
        authority: Authority | None = None,
        microphone: Microphone | None = None,
        speaker: Speaker | None = None,
    ) -> None:
        """Sound comes from and goes to the devices that the settings name, unless others are given."""
        super().__init__(config)
        self.inbox = inbox
        self.writing = Writing()
        self.voice = Voice(
            inbox,
            microphone or PortAudioMicrophone(config.microphone or None),
            speaker or PortAudioSpeaker(config.speaker or None),
        )
        self.desk = Desk(inbox, self.writing, self.voice, suggestions=config.suggestions)
        self._sync = (
            Sync(
                inbox.store,
                authority,
                on_state=self._on_state,
                on_refused=self._on_refused,
                on_presence=self._on_presence,
                ask_after=round(config.ask_after_hours * 3_600_000),
            )
            if authority
            else None
        )
        self.desk.announce = self._sync.announce if self._sync else None
        self.desk.try_server = self._sync.try_now if self._sync else None
        self.desk.own_server = isinstance(authority, OwnAuthority)
        self._notifier = Notifier(inbox, self.to_terminal, os.environ, now_ms())
        self._notifier.enabled = config.notify
        self._graphics: Graphics | None = None
        self.tour_first = False
        """Whether the desk is explained before anything else."""
        self._changed: set[str] = set()
        self._changed_lock = threading.Lock()
        self._foreign_version = 0

    def get_default_screen(self) -> Desk:
        """The desk is where everything happens."""
        return self.desk

    def _draw_edges(self, theme: Theme) -> None:
        """Draw lines between the panes where colours don't part them."""
        self.desk.set_class(self.no_color or needs_edges(theme), "-edges")

    async def graphics(self) -> tuple[Graphics, Pixels | None]:
        """How pictures are drawn here, and the size of a cell in pixels, if that is known."""
        cell = cell_size()
        if self._graphics is None:
            setting = "blocks" if self.is_headless and self.config.pictures != "off" else self.config.pictures
            self._graphics = await graphics_for(setting, os.environ, cell)
            if self._graphics is Graphics.KITTY and (
                not self.any_character or self.console.color_system != "truecolor"
            ):
                # kitty is told the number of a picture as a colour, and its pieces in characters beyond most encodings.
                self._graphics = Graphics.BLOCKS
        return self._graphics, cell

    def to_terminal(self, sequence: str) -> None:
        """Write a raw sequence to the terminal, in its turn after what is painted."""
        if self._driver is not None and not self.is_headless:
            self._driver.write(sequence)

    def copy_to_clipboard(self, text: str) -> None:
        """Put a text on the clipboard, off the loop, and say how it went."""
        self._clipboard = text
        self._copy(text)

    @work(group="copy", exit_on_error=False, description="copy")
    async def _copy(self, text: str) -> None:
        copied = await copy(text, self.to_terminal, os.environ)
        failed = copied.way is Way.NONE
        self.notify(copied.words, severity="warning" if failed else "information", timeout=4, markup=False)

    async def on_event(self, event: Event) -> None:
        """Note that the agent is there."""
        if isinstance(event, InputEvent):
            self.desk.touched()
        await super().on_event(event)

    def on_app_focus(self) -> None:
        """The agent looks here again."""
        self._notifier.looked(now_ms())

    def on_app_blur(self) -> None:
        """The agent looks elsewhere."""
        self._notifier.focused = False

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,  # noqa: ARG002 - nobody's words are ever markup
    ) -> None:
        """Tell the agent something in a corner, as plain text on one line; what is told again stands there once."""
        text, heading = shown_line(message, NOTICE_LIMIT), shown_line(title)
        for told in [notice for notice in self._notifications if (notice.message, notice.title) == (text, heading)]:
            self._unnotify(told, refresh=False)
        super().notify(text, title=heading, severity=severity, timeout=timeout, markup=False)

    def on_mount(self) -> None:
        """Listen to the store and begin to synchronise."""
        self.theme_changed_signal.subscribe(self, self._draw_edges)
        self._draw_edges(self.current_theme)
        self._notifier.start()
        self._leave_on_signals()
        for problem in self.problems:
            self.notify(problem, title="config.toml", severity="warning", timeout=15, markup=False)
        self._foreign_version = self.inbox.store.foreign_version
        self._unlisten = self.inbox.store.listen(self._note_change)
        self.set_interval(LOOK_AROUND, self._look_around)
        self.set_interval(WAKE_AFTER, lambda: self.writing.later(self.inbox.wake_due))
        self.set_timer(TIDY_AFTER, self._tidy)
        for issued, refusal in untold(self.inbox.store.reader):
            self.post_message(CommandRefused(Refused(issued, refusal)))

    async def on_ready(self) -> None:
        """Begin what would have held up the first picture; what is there by now, no collection of garbage looks at."""
        if self._sync is not None:
            self.set_timer(SYNC_AFTER, self._sync.start)
        if self.tour_first:
            await self.desk.action_tour()
        if not gc.isenabled():
            gc.freeze()
            gc.enable()

    def on_unmount(self) -> None:
        """End the threads; what was typed is written first."""
        self._notifier.stop()
        self._unlisten()
        self.voice.close()
        if self._sync is not None:
            self._sync.stop()
        self.writing.close()

    def _leave_on_signals(self) -> None:
        """Leave in order, the terminal restored and the draft kept, when the system or a closed window says so."""
        loop = asyncio.get_running_loop()
        for name in ("SIGTERM", "SIGHUP"):
            if hasattr(signal, name) and threading.current_thread() is threading.main_thread():
                loop.add_signal_handler(getattr(signal, name), self._leave)

    async def action_quit(self) -> None:
        """Leave, once the keys that were pressed before are taken; Textual's own way would not keep the draft."""
        (self.screen.focused or self).call_later(self._leave)

    def _leave(self) -> None:
        self.desk.pane.save_draft()
        self.exit()

    def _fatal_error(self) -> None:
        """End after a fault of the program: say where everything is, and keep what anybody wrote out of it."""
        log.critical("the console stopped", exc_info=self._exception)
        folder = self.inbox.store.path.parent
        words = (
            "ismsg has stopped because of a fault of its own. Nothing is lost: messages and drafts are kept in "
            f"{folder} and are there when you start again. Where it happened is written in {folder / FILE_NAME}."
        )
        self._exit_renderables.append(Text(words))
        self._close_messages_no_wait()

    # Other threads

    def _note_change(self, scopes: frozenset[str]) -> None:
        with self._changed_lock:
            first = not self._changed
            self._changed |= scopes
        if first:
            self.post_message(StoreChanged(scopes))

    @on(StoreChanged)
    def _repaint_soon(self) -> None:
        self.set_timer(REPAINT_DELAY, self.repaint_changes)

    def repaint_changes(self) -> None:
        """Paint what was written since the last time."""
        with self._changed_lock:
            scopes, self._changed = frozenset(self._changed), set()
        if scopes:
            self.desk.changed(scopes)
            self._notifier.changed(None if EVERYTHING in scopes else scopes, now_ms())

    @work(group="tidy", exit_on_error=False, description="clear files away")
    async def _tidy(self) -> None:
        try:
            await asyncio.to_thread(clear_unused, self.inbox.store, time.time())
        except DatabaseError:
            log.exception("files could not be cleared away")

    def _look_around(self) -> None:
        version = self.inbox.store.foreign_version
        if version != self._foreign_version:
            self._foreign_version = version
            self._note_change(frozenset({EVERYTHING}))
        self._notifier.tell(now_ms())

    def _on_state(self, status: SyncStatus) -> None:
        self.post_message(SyncMoved(status))

    def _on_presence(self, presence: tuple[Presence, ...]) -> None:
        self.post_message(PresenceMoved(presence))

    def _on_refused(self, refused: Refused) -> None:
        self.post_message(CommandRefused(refused))

    @on(NotificationsToggled)
    def _toggle_notifications(self) -> None:
        self._notifier.enabled = not self._notifier.enabled
        words = "Messages ring while you look elsewhere." if self._notifier.enabled else "Messages come in quietly."
        self.notify(words, timeout=3)

    @on(NewCounted)
    def _count_in_title(self, event: NewCounted) -> None:
        self._notifier.title(event.count)

    @on(SyncMoved)
    def _show_state(self, event: SyncMoved) -> None:
        self.desk.sync_moved(event.status)

    @on(PresenceMoved)
    def _show_presence(self, event: PresenceMoved) -> None:
        self.desk.presence_moved(event.presence)

    @on(CommandRefused)
    def _tell_refusal(self, event: CommandRefused) -> None:
        issued, reason = event.refused.issued, event.refused.refusal.reason
        title = "Not done"
        if isinstance(issued.command, Written):
            key = key_label(action("next_unsent").current_keys[0])
            title, reason = "Not sent", f"{reason} Nothing is lost: {key} goes there."
        else:
            self.writing.later(self.inbox.store.forget, issued.id)
        self.notify(reason, title=title, severity="warning", timeout=10, markup=False)


def run_welcome(folder: Path, config: Config) -> Start | Signed | None:
    """Ask how to begin where there are no data yet: a way without a server, a sign-in, or None for leaving again."""
    start_log(folder)
    app = WelcomeApp(config, folder)
    with terminal_kept_clean():
        app.run()
    return app.signed or app.start


def run_console(inbox: Inbox, config: Config, *, authority: Authority | None = None) -> int:
    """Open the console and stay until the agent leaves; returns the exit code."""
    sys.setswitchinterval(HAND_OVER)
    start_log(inbox.store.path.parent)
    app = IsmsgApp(inbox, config, authority=authority)
    app.tour_first = first_time(TOUR, data_folder())
    with terminal_kept_clean():
        app.run()
    return app.return_code or 0


__all__ = ["IsmsgApp", "Start", "run_console", "run_welcome"]
