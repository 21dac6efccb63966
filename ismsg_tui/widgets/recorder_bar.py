"""The recorder bar over the composer: what is recorded, waits to be sent, or is played; it does nothing itself."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.events import Click
from textual.message import Message
from textual.reactive import reactive, var
from textual.widget import Widget
from textual.widgets import Static

from ismsg_tui.actions import Scope
from ismsg_tui.widgets.bar import Bar, asking
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


class RecorderBar(Bar):
    """Title, waveform, what there is to say, keys; not there while there is nothing to show."""

    BINDINGS: ClassVar[list[BindingType]] = asking(Scope.VOICE)
    CONFIRMED_BY: ClassVar[tuple[str, ...]] = ("drop_voice", "record_again")
    DEFAULT_CSS = """
    RecorderBar {
        & Static { height: auto; max-height: 4; margin: 0 2; color: $text-warning; }
        &:focus StatusLine { color: $text-primary; }
        &.-live StatusLine { color: $text-error; }
    }
    """

    view: var[BarView | None] = var(None)
    """What is shown; the lines draw themselves where something in them changes."""

    class Asked(Bar.Asked):
        """A key or the mouse asks for an action on what is recorded or played."""

    class SeekWanted(Message):
        """The mouse asks for a place, as a share of the whole."""

        def __init__(self, share: float) -> None:
            super().__init__()
            self.share = share

    class Disarmed(Bar.Disarmed):
        """What asked to be confirmed is not."""

    def compose(self) -> ComposeResult:
        """The lines."""
        yield StatusLine()
        yield _Wave()
        yield Static(markup=False)
        yield KeyLine()

    def draw(self) -> None:
        """Show things as they stand; a line in which nothing has changed is not drawn again."""
        view = self.view
        self.display = view is not None
        if view is None or not self.is_mounted:
            return
        self.show_status(view.title, view.note, alarm=view.alarm)
        self.set_class(view.live, "-live")
        self.query_one(_Wave).line = (view.live, view.sign, view.clock, view.levels, view.share)
        words = self.query_one(Static)
        if words.display != bool(view.words) or words.content != view.words:
            words.display = bool(view.words)
            words.update(view.words)
        self.show_keys(view.keys if self.has_focus else view.keys_elsewhere)

    def cursor_line(self) -> Widget:
        """The waveform."""
        return self.query_one(_Wave)

    @on(_Wave.Clicked)
    def _seek(self, event: _Wave.Clicked) -> None:
        event.stop()
        self.post_message(self.SeekWanted(event.share))
