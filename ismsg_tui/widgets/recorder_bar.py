"""The recorder bar over the composer: what is recorded, waits to be sent, or is played; it does nothing itself."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.events import Click, Key
from textual.geometry import Offset
from textual.message import Message
from textual.reactive import reactive, var
from textual.widget import Widget
from textual.widgets import Static

from ismsg_tui.actions import Scope, action, bindings, key_label
from ismsg_tui.widgets.key_line import Key as KeyShown
from ismsg_tui.widgets.key_line import KeyLine
from ismsg_tui.widgets.status_line import StatusLine
from ismsg_tui.widgets.voice_lines import BarView, running, whole

_WIDEST = 96
"""Cells of the widest waveform."""


class _Wave(Widget):
    """Sign, clock and waveform in one line; a click on the waveform goes there."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {"wave--sign", "wave--live", "wave--heard", "wave--rest"}
    DEFAULT_CSS = """
    _Wave {
        height: 1;
        margin: 0 2;
        & .wave--live { color: $text-error; text-style: bold; }
        & .wave--heard { color: $text-primary; }
        & .wave--rest { color: $text-muted; }
        & .wave--sign { color: $text-primary; text-style: bold; }
    }
    """

    line: reactive[tuple[bool, str, str, tuple[int, ...], float]] = reactive((False, "", "", (), 0.0))
    """What of a `BarView` this line shows: live, sign, clock, levels, share."""

    class Clicked(Message):
        """The waveform was clicked at a share of its length."""

        def __init__(self, share: float) -> None:
            super().__init__()
            self.share = share

    def _place(self) -> tuple[int, int]:
        """The first cell of the waveform, and how many it has."""
        start = 2 + len(self.line[2]) + 2
        return start, max(0, min(self.size.width - start, _WIDEST))

    def render(self) -> Content:
        """The line."""
        live, sign, clock, levels, share = self.line
        _, width = self._place()
        styles = {name: self.get_visual_style(f"wave--{name}") for name in ("sign", "live", "heard", "rest")}
        mark = Content.styled(f"{sign} ", styles["live" if live else "sign"])
        if live:
            return Content.assemble(mark, clock, "  ", Content.styled(running(levels, width), styles["heard"]))
        wave, heard = whole(levels, width), round(share * width)
        return Content.assemble(
            mark,
            clock,
            "  ",
            Content.styled(wave[:heard], styles["heard"]),
            Content.styled(wave[heard:], styles["rest"]),
        )

    def on_click(self, event: Click) -> None:
        """Ask for the place."""
        start, width = self._place()
        at = event.get_content_offset_capture(self).x - start
        if not self.line[0] and 0 <= at < width:
            self.post_message(self.Clicked(at / width))


class RecorderBar(Vertical, can_focus=True):
    """Title, waveform, what there is to say, keys; not there while there is nothing to show."""

    # The keys are others once it has the focus: a click must not reach one that was not under it.
    FOCUS_ON_CLICK: ClassVar[bool] = False
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.VOICE)]
    DEFAULT_CSS = """
    RecorderBar {
        display: none;
        height: auto;
        background: $surface;
        & Static { height: auto; max-height: 4; margin: 0 2; color: $text-warning; }
        & KeyLine { margin: 0 2; }
        &:focus StatusLine { color: $text-primary; }
        &.-live StatusLine { color: $text-error; }
    }
    """

    view: var[BarView | None] = var(None)
    """What is shown; the lines draw themselves where something in them changes."""

    class Asked(Message):
        """A key or the mouse asks for an action on what is shown."""

        def __init__(self, action_id: str) -> None:
            super().__init__()
            self.action_id = action_id

    class SeekWanted(Message):
        """The mouse asks for a place, as a share of the whole."""

        def __init__(self, share: float) -> None:
            super().__init__()
            self.share = share

    class Disarmed(Message):
        """Another key or place than the one that would have confirmed."""

    def compose(self) -> ComposeResult:
        """The lines."""
        yield StatusLine()
        yield _Wave()
        yield Static(markup=False)
        yield KeyLine()

    def watch_view(self, view: BarView | None) -> None:
        """Show it; a line in which nothing has changed is not drawn again."""
        self.display = view is not None
        if view is None or not self.is_mounted:
            return
        status, words = self.query_one(StatusLine), self.query_one(Static)
        status.left, status.right = view.title, view.note
        status.alarm = "bold $text-warning" if view.alarm else ""
        status.rule = "━" if self.has_focus else "─"
        self.set_class(view.live, "-live")
        self.query_one(_Wave).line = (view.live, view.sign, view.clock, view.levels, view.share)
        if words.display != bool(view.words) or words.content != view.words:
            words.display = bool(view.words)
            words.update(view.words)
        self.query_one(KeyLine).keys = tuple(
            KeyShown(key_label(action(action_id).current_keys[0]), word, action_id)
            for action_id, word in (view.keys if self.has_focus else view.keys_elsewhere)
        )

    def on_mount(self) -> None:
        """Show what came before the lines were there."""
        self.watch_view(self.view)

    def on_focus(self) -> None:
        """Show that keys come here, and park the terminal's cursor."""
        self.watch_view(self.view)
        # It may have come into being with the key that brought the focus: where it stands is not known yet.
        self.call_after_refresh(self._park_cursor)

    def on_resize(self) -> None:
        """Keep the terminal's cursor here."""
        self._park_cursor()

    def _park_cursor(self) -> None:
        if self.has_focus:
            region = self.query_one(_Wave).region
            self.app.cursor_position = Offset(region.x, region.y)
            self.query_one(_Wave).refresh()

    def on_blur(self) -> None:
        """Show that keys go elsewhere."""
        self.watch_view(self.view)
        self.post_message(self.Disarmed())

    def on_key(self, event: Key) -> None:
        """Whatever is not a confirmation is none."""
        if event.key not in (*action("drop_voice").current_keys, *action("record_again").current_keys):
            self.post_message(self.Disarmed())

    @on(KeyLine.Pressed)
    async def _press(self, event: KeyLine.Pressed) -> None:
        event.stop()
        await self.run_action(event.action)

    @on(_Wave.Clicked)
    def _seek(self, event: _Wave.Clicked) -> None:
        event.stop()
        self.post_message(self.SeekWanted(event.share))

    def action_record(self) -> None:
        """Stop the recording, or go to it, by the mouse."""
        self.post_message(self.Asked("record"))

    def action_play_voice(self) -> None:
        """Play or pause, by the mouse."""
        self.post_message(self.Asked("pause_voice"))

    def action_finish_voice(self) -> None:
        """Stop the recording, or send it."""
        self.post_message(self.Asked("finish_voice"))

    def action_pause_voice(self) -> None:
        """Play, or pause."""
        self.post_message(self.Asked("pause_voice"))

    def action_voice_back(self) -> None:
        """Go some seconds back."""
        self.post_message(self.Asked("voice_back"))

    def action_voice_forward(self) -> None:
        """Go some seconds on."""
        self.post_message(self.Asked("voice_forward"))

    def action_voice_speed(self) -> None:
        """Play at another speed."""
        self.post_message(self.Asked("voice_speed"))

    def action_record_again(self) -> None:
        """Delete the recording and begin anew."""
        self.post_message(self.Asked("record_again"))

    def action_drop_voice(self) -> None:
        """Delete the recording, or stop playing."""
        self.post_message(self.Asked("drop_voice"))
