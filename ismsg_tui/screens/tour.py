"""A minute's walk over the desk: what is where, and by which keys; what is spoken of is bright, the rest is dim."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Key as KeyEvent
from textual.screen import Screen
from textual.widgets import Static

from ismsg_tui.actions import action
from ismsg_tui.key_names import key_label
from ismsg_tui.screens.dialog import Dialog
from ismsg_tui.widgets.key_line import Key, KeyLine

_PARTS = ("#title", "#views", "#left", "#contact-header", "#timeline", "#composer", "#panel", "#keys")
_CONVERSATION = ("#contact-header", "#timeline", "#composer")


@dataclass(frozen=True)
class Step:
    """One stop of the tour."""

    title: str
    words: str
    """What there is to say; the keys of an action stand for its id in braces."""
    place: str
    """Where the words lie, so that they leave free what they speak of: `middle`, `right` or `top`."""
    bright: Sequence[str] = _PARTS
    conversation: bool = False
    """Whether the conversation is in sight where there is one pane."""


STEPS = (
    Step(
        "Your desk",
        "Everybody who writes to you is here, with all that was said. A minute, and you know your way around.\n\n"
        "Any other key works as ever, and ends the tour.",
        "middle",
    ),
    Step(
        "Who waits",
        "Everybody who has written is in the list; bold, with a number, is what you have not read. "
        "{cursor_down} and {cursor_up} move, {next_waiting} goes to who has waited longest.\n\n"
        "{view_new} to {view_all} choose what the list shows: New holds those whom nobody has taken.",
        "right",
        ("#views", "#left"),
    ),
    Step(
        "Answering",
        "{select} on a contact begins an answer, {reply} anywhere does the same; {send} sends it, and the contact is "
        "yours.\n\n{leave_composer} leaves, and what you typed is kept; {undo} then takes back what was sent, for a "
        "few seconds.",
        "top",
        _CONVERSATION,
        conversation=True,
    ),
    Step(
        "Writing less",
        "While you write, / brings a stored reply, and : with a name an emoji. {attach} adds files, {record} records "
        "your voice.\n\n{comment} writes a comment that only your team sees; @ and a name tells a teammate.",
        "top",
        ("#composer",),
        conversation=True,
    ),
    Step(
        "When it is done",
        "{assign} gives a contact to a teammate, {snooze} hides it until a time, and {close} closes the conversation "
        "with a note of what it was about.\n\n{toggle_panel} shows what is known of the contact, and what was before.",
        "top",
        (*_CONVERSATION, "#panel"),
        conversation=True,
    ),
    Step(
        "Finding",
        "{switch} jumps to anybody by a few letters, {search} searches every message, {back} goes back.\n\n"
        "{help} shows every key, and {command_palette} finds every command by its name; “Tour” brings this back.",
        "middle",
        ("#keys",),
    ),
)

_KEY = re.compile(r"\{(\w+)\}")


def words_of(step: Step) -> Content:
    """What a step says, with the keys as the agent has set them."""
    parts: list[Content | tuple[str, str] | str] = []
    done = 0
    for found in _KEY.finditer(step.words):
        parts += [step.words[done : found.start()], (_key(found[1]), "bold $footer-key-foreground")]
        done = found.end()
    return Content.assemble(*parts, step.words[done:])


def _key(action_id: str) -> str:
    """The key of an action, else how it is found without one."""
    item = action(action_id)
    if item.current_keys[0]:
        return key_label(item.current_keys[0])
    return f"“{item.title}” by {key_label(action('command_palette').current_keys[0] or 'ctrl+p')}"


class Tour(Dialog[None]):
    """The steps, one after the other, over the desk itself, which goes on living below."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,right", "next", "Next", show=False),
        Binding("left", "previous", "Back", show=False),
    ]
    DEFAULT_CSS = """
    Tour {
        background: transparent;
        & > Vertical { width: 64; max-width: 94%; padding: 0 1; }
        & Static { height: auto; margin: 1 0; }
        &.-right { align: right middle; }
        &.-top { align: right top; }
        &.-right > Vertical, &.-top > Vertical { margin: 3 2 0 2; }
        &.-low Static { margin: 0; height: 1fr; }
        &.-low > Vertical { margin: 0; }
    }
    """

    def __init__(self, desk: Screen[None]) -> None:
        super().__init__(STEPS[0].title, ())
        self._desk = desk
        self._at = 0
        self._in_conversation = desk.has_class("-conversation")
        self._focused = desk.focused
        self._ended = False

    def body(self) -> ComposeResult:
        """What is said."""
        yield Static(id="words", markup=False)

    def on_mount(self) -> None:
        """Begin."""
        super().on_mount()
        self._show()

    def on_unmount(self) -> None:
        """Leave the desk as it was found."""
        for part in _PARTS:
            self._desk.query(part).remove_class("-aside")

    def _show(self) -> None:
        step = STEPS[self._at]
        for part in _PARTS:
            self._desk.query(part).set_class(part not in step.bright, "-aside")
        self._desk.set_class(step.conversation or (self._at == 0 and self._in_conversation), "-conversation")
        for place in ("middle", "right", "top"):
            self.set_class(place == step.place, f"-{place}")
        self.query_one("#words", Static).update(words_of(step))
        frame = self.query_one("#frame")
        frame.border_title = Content(step.title)
        self.say_below(f"{self._at + 1} of {len(STEPS)}")
        last = self._at == len(STEPS) - 1
        back = [Key(key_label("left"), "Back", "previous")] if self._at else []
        self.query_one(KeyLine).keys = (
            Key(f"{key_label('enter')} {key_label('right')}", "Begin" if last else "Next", "next"),
            *back,
            Key(key_label("escape"), "End", "cancel"),
        )

    def action_next(self) -> None:
        """Go on, and from the last step to the desk."""
        if self._at == len(STEPS) - 1:
            self.action_cancel()
        else:
            self._at += 1
            self._show()

    def action_previous(self) -> None:
        """Go back a step."""
        self._at = max(0, self._at - 1)
        self._show()

    def action_cancel(self) -> None:
        """End, the list or the conversation in sight as before."""
        self._end()

    def _end(self) -> None:
        if not self._ended:
            self._ended = True
            self._desk.set_class(self._in_conversation, "-conversation")
            self._desk.set_focus(self._focused)  # which a pane that was out of sight has lost
            self.leave(None)

    def on_key(self, event: KeyEvent) -> None:
        """Hand every key but the tour's own on to the desk, which is what it was meant for."""
        if event.key in ("enter", "right", "left", "escape"):
            return
        event.stop()
        event.prevent_default()
        self._end()
        self.app.post_message(KeyEvent(event.key, event.character))
