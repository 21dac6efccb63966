"""The questions about files: attach what was pasted, or the picture on the clipboard, and where to save."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Input, Static

from ismsg_tui.desktop.folders import Entry, Look, completed, entries_for, whole_path
from ismsg_tui.domain.media import size_words
from ismsg_tui.domain.text import one_line
from ismsg_tui.key_names import key_label
from ismsg_tui.screens.dialog import Dialog
from ismsg_tui.screens.faults import TellsFaults
from ismsg_tui.widgets.choice_list import Choice, ChoiceList
from ismsg_tui.widgets.file_lines import fit_name
from ismsg_tui.widgets.key_line import Key
from ismsg_tui.widgets.picture_view import PictureView
from ismsg_tui.widgets.text_fields import PlainInput

NAME_WIDTH = 48
FOLDERS = 8
"""So many folders are shown while one types."""
_BEGUN_ANEW = re.compile(r".*/(?=/|~/)")
"""What stands before a whole path that was typed behind the folder on offer."""


class AttachQuestion(Dialog[bool]):
    """Whether pasted paths are files to attach; whatever else is answered, they are text."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,Y,enter", "attach", "Attach", show=False),
        Binding("n,N", "cancel", "Paste as text", show=False),
    ]
    DEFAULT_CSS = """
    AttachQuestion VerticalScroll { height: auto; max-height: 12; scrollbar-size-vertical: 1; }
    AttachQuestion VerticalScroll { scrollbar-background: $surface; }
    """
    TITLE_LIMIT = 68

    def __init__(self, looks: Sequence[Look]) -> None:
        """`looks` are the files."""
        self._lines = [f"{_name(look)} ({size_words(look.size)})" for look in looks]
        many = f"{len(looks)} files ({size_words(sum(look.size for look in looks))})"
        super().__init__(
            f"Attach {self._lines[0] if len(looks) == 1 else many}?",
            [Key(f"y {key_label('enter')}", "Attach", "attach"), Key("n", "Paste as text", "cancel")],
        )

    def body(self) -> ComposeResult:
        """What would be attached."""
        with VerticalScroll(can_focus=False):
            yield Static("\n".join(self._lines), markup=False)

    def action_attach(self) -> None:
        """They are files."""
        self.leave(True)

    def action_cancel(self) -> None:
        """They are text."""
        self.leave(False)


class PictureQuestion(Dialog[bool]):
    """Whether to attach the picture that is on the clipboard; it is shown."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,Y,enter", "attach", "Attach", show=False),
        Binding("n,N", "cancel", "Leave it", show=False),
    ]
    DEFAULT_CSS = """
    PictureQuestion {
        & > Vertical { height: 30; }
        & VerticalScroll { height: 1fr; scrollbar-size-vertical: 1; scrollbar-background: $surface; }
        &.-low PictureView { display: none; }
    }
    """

    def __init__(self, look: Look) -> None:
        """`look` is the picture's file."""
        self._look = look
        super().__init__(
            "Attach the picture from the clipboard?",
            [Key(f"y {key_label('enter')}", "Attach", "attach"), Key("n", "Leave it", "cancel")],
        )

    def body(self) -> ComposeResult:
        """Name and size, and the picture."""
        look = self._look
        pixels = f" · {look.pixels[0]:,} × {look.pixels[1]:,}" if look.pixels else ""
        with VerticalScroll(can_focus=False):
            yield Static(f"{_name(look)}\n{look.mime} · {size_words(look.size)}{pixels}", markup=False)
            yield PictureView()

    def on_mount(self) -> None:
        """Show it."""
        super().on_mount()
        self.call_after_refresh(self.query_one(PictureView).show, Path(self._look.path))

    def action_attach(self) -> None:
        """It is wanted."""
        self.leave(True)


def _name(look: Look) -> str:
    return fit_name(os.path.basename(look.path), NAME_WIDTH)  # noqa: PTH119 - may be no name that Path would keep


class SaveDialog(Dialog[Path], TellsFaults):
    """In which folder to save a file; typing is completed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "complete", "Complete", show=False, priority=True),
        Binding("down,ctrl+n", "move(1)", "Down", show=False),
        Binding("up,ctrl+p", "move(-1)", "Up", show=False),
    ]
    DEFAULT_CSS = f"SaveDialog ChoiceList {{ height: {FOLDERS}; }}"

    def __init__(self, name: str, folder: str) -> None:
        """`folder` is what to begin with."""
        super().__init__(
            f"Save {fit_name(name, NAME_WIDTH)} in",
            [
                Key(key_label("enter"), "Save", "save"),
                Key(key_label("tab"), "Complete", "complete"),
                Key(key_label("escape"), "Back", "cancel"),
            ],
        )
        self._folder = folder

    def body(self) -> ComposeResult:
        """The folder, and those that it may go on to."""
        yield PlainInput(self._folder, placeholder="A folder; it is made if it is missing")
        yield ChoiceList[Entry]()

    def on_mount(self) -> None:
        """Type at once."""
        super().on_mount()
        rows = self.query_one(ChoiceList)
        rows.can_focus = False
        rows.show_choices(())
        self.set_focus(self.query_one(PlainInput))
        self._list()

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        field = self.query_one(PlainInput)
        if begun := _BEGUN_ANEW.match(field.value):
            field.value = field.value[begun.end() :]
            field.cursor_position = len(field.value)
        self._list()

    @work(group="list", exclusive=True, exit_on_error=False, description="list folders")
    async def _list(self) -> None:
        typed = self.query_one(PlainInput).value
        entries = await asyncio.to_thread(entries_for, typed, Path.cwd(), folders_only=True)
        names = [one_line(Path(entry.path).name, 100) + os.sep for entry in entries]
        choices = [Choice(entry, name) for entry, name in zip(entries, names, strict=True)]
        rows = self.query_one(ChoiceList)
        there = await asyncio.to_thread(os.path.isdir, whole_path(typed, Path.cwd()))
        rows.empty_words = "No folders in it." if there else "This folder is not there yet: it will be made."
        rows.show_choices(choices)

    def action_complete(self) -> None:
        """Go on as far as the folders agree, then into the one under the cursor."""
        field, rows = self.query_one(PlainInput), self.query_one(ChoiceList)
        longer = completed(field.value, [choice.value for choice in rows.choices])
        if longer == field.value and rows.highlighted is not None:
            longer = completed(field.value, [rows.highlighted.value])
        field.value = longer
        field.cursor_position = len(longer)

    @on(ChoiceList.Taken)
    def _click(self, event: ChoiceList.Taken) -> None:
        event.stop()
        self.action_complete()

    @on(Input.Submitted)
    def _submit(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_save()

    def action_save(self) -> None:
        """Save there."""
        typed = self.query_one(PlainInput).value.strip()
        if typed:
            self.leave(Path(whole_path(typed, Path.cwd())))

    def action_move(self, step: int) -> None:
        """Move the cursor by some rows."""
        rows = self.query_one(ChoiceList)
        rows.move_to(rows.cursor + step)
