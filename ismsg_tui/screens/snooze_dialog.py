"""Hiding a conversation until a time: four usual ones, and any other in the agent's own words."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.events import Key as KeyEvent
from textual.message import Message
from textual.widgets import Input, Static

from ismsg_tui.domain.snooze_times import moment_words, parse_snooze, presets
from ismsg_tui.key_names import key_label
from ismsg_tui.screens.dialog import Dialog
from ismsg_tui.widgets.choice_list import Choice, ChoiceList
from ismsg_tui.widgets.key_line import Key
from ismsg_tui.widgets.text_fields import PlainInput


class _Presets(ChoiceList[datetime]):
    """The usual times; a digit takes one, going down from the last leads on."""

    class Left(Message):
        """The agent went down from the last row."""

    def on_key(self, event: KeyEvent) -> None:
        """Take the preset of that number."""
        if event.character and event.character in "123456789" and int(event.character) <= self.row_count:
            event.stop()
            self.move_to(int(event.character) - 1)
            self.post_message(self.Taken())

    def action_cursor_down(self) -> None:
        """Go to the next row, or below the list."""
        if self.cursor == self.row_count - 1:
            self.post_message(self.Left())
        super().action_cursor_down()


class SnoozeDialog(Dialog[datetime]):
    """Presets by number and a field for any other time; its result is the moment, in the time zone of `now`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab,shift+tab", "switch", "Other time", show=False),
        Binding("up", "switch", "Up", show=False),
    ]
    DEFAULT_CSS = """
    SnoozeDialog {
        & > Vertical { max-width: 60; }
        & ChoiceList { height: auto; max-height: 5; }
        & .label { color: $text-muted; }
        & PlainInput { padding: 0 1; background: $panel; }
        & #meaning { height: 2; padding: 0 1; color: $text; }
        & #meaning.-wrong { color: $text-warning; }
        &.-high ChoiceList { margin-bottom: 1; }
        &.-low ChoiceList { max-height: 2; }
        &.-low .label { display: none; }
        &.-low #meaning { height: 1; }
    }
    """

    def __init__(self, name: str, now: datetime, snoozed_until: datetime | None) -> None:
        """`name` is the contact's; `now` is aware and in the agent's time zone."""
        self._presets = [
            Choice(end, name, moment_words(end, now), mark="now" if end == snoozed_until else "")
            for name, end in presets(now)
        ]
        super().__init__(
            f"Snooze · {name}",
            [
                Key(f"1–{len(self._presets)}", "Choose", ""),
                Key(key_label("enter"), "Snooze", "take"),
                Key("Tab", "Other time", "switch"),
                Key(key_label("escape"), "Back", "cancel"),
            ],
        )
        self._now, self._until = now, snoozed_until

    def body(self) -> ComposeResult:
        """The presets, then the field with what it means."""
        if self._until is not None:
            until = moment_words(self._until.astimezone(self._now.tzinfo), self._now)
            yield Static(f"Snoozed until {until} now.", classes="label", markup=False)
        yield _Presets(numbered=True, id="presets")
        yield Static("Another time", classes="label", markup=False)
        yield PlainInput(placeholder="30m  2h  16:30  fri 9:00  2026-12-24 10:00")
        yield Static(id="meaning", markup=False)

    def on_mount(self) -> None:
        """Start on the first preset."""
        rows = self.query_one("#presets", _Presets)
        rows.show_choices(self._presets)
        self.set_focus(rows)
        self.call_after_refresh(rows.park_cursor)

    @on(Input.Changed)
    def _explain(self, event: Input.Changed) -> None:
        words = ""
        wrong = False
        if event.value.strip():
            try:
                moment = parse_snooze(event.value, self._now)
                words = f"Until {moment_words(moment, self._now)}."
            except ValueError as error:
                words, wrong = str(error), True
        meaning = self.query_one("#meaning", Static)
        meaning.update(words)
        meaning.set_class(wrong, "-wrong")

    @on(Input.Submitted)
    def _submit(self) -> None:
        field = self.query_one(PlainInput)
        try:
            self.leave(parse_snooze(field.value, self._now))
        except ValueError as error:
            meaning = self.query_one("#meaning", Static)
            meaning.update(str(error))
            meaning.add_class("-wrong")

    @on(ChoiceList.Taken)
    @on(ChoiceList.Selected)
    def _take_preset(self) -> None:
        choice = self.query_one("#presets", _Presets).highlighted
        if choice is not None:
            self.leave(choice.value)

    @on(_Presets.Left)
    def action_switch(self) -> None:
        """Go from the presets to the field or back."""
        field = self.query_one(PlainInput)
        self.set_focus(self.query_one("#presets", _Presets) if field.has_focus else field)

    def action_take(self) -> None:
        """Take what has the focus."""
        if self.query_one(PlainInput).has_focus:
            self._submit()
        else:
            self._take_preset()
