"""Choosing files to send: by letters of their names, or by typing a path that is completed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.events import Key as KeyEvent
from textual.message import Message
from textual.widgets import Input, Static

from ismsg_tui import times
from ismsg_tui.actions import action
from ismsg_tui.clock import now_ms
from ismsg_tui.desktop.file_finder import NAME_LIMIT, FileFinder, Walked
from ismsg_tui.desktop.folders import Entry, Look, completed, is_typed_path, look_at, shortened
from ismsg_tui.domain.matching import Query
from ismsg_tui.domain.media import size_words
from ismsg_tui.domain.text import one_line
from ismsg_tui.key_names import key_label
from ismsg_tui.screens.dialog import Dialog
from ismsg_tui.screens.faults import TellsFaults
from ismsg_tui.widgets.choice_list import Choice, ChoiceList
from ismsg_tui.widgets.key_line import Key
from ismsg_tui.widgets.line_list import LineList
from ismsg_tui.widgets.picture_view import PictureView
from ismsg_tui.widgets.segments import MUTED
from ismsg_tui.widgets.text_fields import PlainInput


class _Field(PlainInput):
    """Where one types; a space in the empty field is no text."""

    class Space(Message):
        """A space was typed where there is nothing yet."""

    def on_key(self, event: KeyEvent) -> None:
        """Tell the space that marks from the one between words."""
        if event.key == "space" and not self.value:
            event.stop()
            event.prevent_default()
            self.post_message(self.Space())


class AttachPicker(Dialog[tuple[Path, ...]], TellsFaults):
    """Files used before come first, then those of the folder that was used last and of the working folder."""

    BINDINGS: ClassVar[list[BindingType]] = [
        action("mark_file").binding,
        Binding("down,ctrl+n", "move(1)", "Down", show=False),
        Binding("up,ctrl+p", "move(-1)", "Up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
    ]
    DEFAULT_CSS = """
    AttachPicker {
        & > Vertical { max-width: 124; height: 30; max-height: 90%; }
        & #field { height: 1; }
        & #field > Static { width: 2; color: $text-muted; }
        & Container { height: 1fr; layout: horizontal; }
        & #list { width: 3fr; }
        & #preview { height: 100%; width: 2fr; padding: 0 1; scrollbar-size-vertical: 1; }
        & #preview { scrollbar-background: $surface; border-left: solid $border-blurred; }
        &.-narrow Container { layout: vertical; }
        &.-narrow #list { width: 100%; height: 1fr; }
        &.-narrow #preview { width: 100%; height: 10; padding: 0; border-left: none; }
        &.-narrow #preview { border-top: solid $border-blurred; }
        &.-low #preview { display: none; }
    }
    """

    class Found(Message):
        """More files were walked over; none when the walk is over."""

        def __init__(self, files: Walked) -> None:
            super().__init__()
            self.files = files

    def __init__(self, recent: Callable[[], Sequence[str]], folder: Path | None = None) -> None:
        """As `FileFinder` takes them."""
        super().__init__(
            "Attach files",
            [
                Key(key_label("enter"), "Attach", "take"),
                Key(key_label(action("mark_file").current_keys[0] or "tab"), "Mark, complete a path", "mark_file"),
                Key(f"{key_label('up')}{key_label('down')}", "Move", ""),
                Key(key_label("escape"), "Back", "cancel"),
            ],
        )
        self._finder = FileFinder(recent, folder)
        self._over = Event()
        self._marked: dict[str, None] = {}
        self._shown_for: str | None = None

    def body(self) -> ComposeResult:
        """The field above the files, and what the file under the cursor is beside or below them."""
        with Horizontal(id="field"):
            yield Static("› ", markup=False)
            yield _Field(placeholder="Letters of a name, or a path such as ~/ or ./")
        with Container():
            with Vertical(id="list"):
                yield ChoiceList[Entry]()
            with VerticalScroll(id="preview", can_focus=False):
                yield Static(id="preview-text", markup=False)
                yield PictureView()

    def on_mount(self) -> None:
        """Begin to look for files, and to type at once."""
        super().on_mount()
        self.rows.can_focus = False
        self.rows.set_active(True)
        self.rows.empty_words = "Looking for files…"
        self.rows.show_choices(())
        self.set_focus(self.query_one(PlainInput))
        # No thread of the pool: one that hangs on a dead network folder must not keep the program from ending.
        Thread(target=self._walk, name="files", daemon=True).start()
        self._refresh()

    def on_unmount(self) -> None:
        """End the walk."""
        self._over.set()

    @property
    def rows(self) -> ChoiceList[Entry]:
        """The list."""
        return self.query_one(ChoiceList)

    @property
    def _typed(self) -> str:
        return self.query_one(PlainInput).value

    # Finding

    def _walk(self) -> None:
        with suppress(RuntimeError):  # the loop has ended
            for files in self._finder.walk(self._over.is_set):
                self.post_message(self.Found(files))

    @on(Found)
    def _take_in(self, event: Found) -> None:
        event.stop()
        self._finder.take_in(event.files)
        if not is_typed_path(self._typed):
            self._refresh()

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        self._refresh()

    @work(group="find", exclusive=True, exit_on_error=False, description="look for files")
    async def _refresh(self) -> None:
        await self._find()

    async def _find(self) -> None:
        typed, rows = self._typed, self.rows
        is_path = is_typed_path(typed)
        found = await asyncio.to_thread(self._finder.find, typed)
        choices = [_choice(*file, base=None if is_path else self._finder.base) for file in found]
        query = Query(os.path.split(typed)[1] if is_path else typed)
        same = self._shown_for == typed
        rows.empty_words = "Looking for files…" if self._finder.walking and not typed else self._nothing(typed)
        kept = rows.highlighted.value if same and rows.highlighted else None
        cursor = next((index for index, choice in enumerate(choices) if choice.value == kept), 0)
        rows.show_choices(choices, query, cursor=cursor)
        self._shown_for = typed
        self._say()
        self._look()

    def _nothing(self, typed: str) -> str:
        if is_typed_path(typed):
            return "Nothing there by that name."
        return f"No file fits “{one_line(typed, 40)}”. A path finds others: ~/ or /." if typed else "No files here."

    def _say(self) -> None:
        if self._marked:
            self.say_below(f"{len(self._marked)} marked")
        else:
            self.say_below(f"{self._finder.count:,} files{' so far' if self._finder.walking else ''}")

    # Looking

    @on(LineList.Highlighted)
    def _highlighted(self, event: LineList.Highlighted) -> None:
        event.stop()
        self._look()

    @work(group="look", exclusive=True, exit_on_error=False, description="look at a file")
    async def _look(self) -> None:
        choice = self.rows.highlighted
        shown, picture = Content(""), None
        if choice is not None:
            entry = choice.value
            shown = Content("A folder: Enter goes into it.")
            if not entry.folder:
                look = await asyncio.to_thread(look_at, entry.path)
                shown, picture = _look_words(look), Path(entry.path) if look.mime.startswith("image/") else None
        self.query_one("#preview-text", Static).update(shown)
        self.query_one(PictureView).show(picture)
        self.query_one("#preview").scroll_home(animate=False)

    # Taking

    @on(_Field.Space)
    def _mark_by_space(self, event: _Field.Space) -> None:
        event.stop()
        self._mark()

    @work(group="take", exclusive=True, exit_on_error=False, description="mark a file")
    async def action_mark_file(self) -> None:
        """Complete what is typed of a path; where nothing is to be completed, mark the file."""
        await self._settled()
        typed = self._typed
        if is_typed_path(typed):
            longer = completed(typed, [choice.value for choice in self.rows.choices])
            if longer != typed:
                self._type(longer)
                return
        self._mark()

    def _mark(self) -> None:
        choice = self.rows.highlighted
        if choice is None:
            return
        if choice.value.folder:
            self._enter(choice.value)
            return
        path = choice.value.path
        if path in self._marked:
            del self._marked[path]
        else:
            self._marked[path] = None
        self.rows.ticked = {Entry(marked) for marked in self._marked}
        self.rows.refresh_rows()
        self.action_move(1)
        self._say()

    @on(ChoiceList.Taken)
    @on(Input.Submitted)
    def _submit(self, event: Message) -> None:
        event.stop()
        self.action_take()

    @work(group="take", exclusive=True, exit_on_error=False, description="attach files")
    async def action_take(self) -> None:
        """Go into the folder under the cursor, or attach what is marked, or the file under the cursor."""
        await self._settled()
        choice = self.rows.highlighted
        if choice is not None and choice.value.folder:
            self._enter(choice.value)
        elif self._marked:
            self.leave(tuple(map(Path, self._marked)))
        elif choice is not None:
            self.leave((Path(choice.value.path),))

    async def _settled(self) -> None:
        """Wait until the list fits what is typed: keys may be quicker than the disk."""
        if self._shown_for != self._typed:
            await self._find()

    def _enter(self, folder: Entry) -> None:
        self._type(shortened(folder.path).rstrip(os.sep) + os.sep)

    def _type(self, text: str) -> None:
        field = self.query_one(PlainInput)
        field.value = text
        field.cursor_position = len(text)

    def action_move(self, step: int) -> None:
        """Move the cursor by some rows."""
        self.rows.move_to(self.rows.cursor + step)

    def action_page(self, step: int) -> None:
        """Move the cursor by some pages."""
        self.action_move(step * self.rows.page_rows)


def _choice(entry: Entry, recent: bool, *, base: Path | None) -> Choice[Entry]:
    """A row of the list, with the place of the file as seen from `base`."""
    head, name = os.path.split(entry.path)
    where = shortened(head + os.sep, base).rstrip(os.sep) if base else ""
    return Choice(
        entry,
        one_line(name, NAME_LIMIT) + (os.sep if entry.folder else ""),
        detail=one_line(where, 200),
        mark="recent" if recent else "",
    )


def _look_words(look: Look) -> Content:
    """What a file is: name, type, size, time, and the beginning of a text or the dimensions of a picture."""
    name = one_line(os.path.basename(look.path), 400)  # noqa: PTH119 - may be no name that Path would keep
    if look.problem:
        return Content.assemble((f"{name}\n", "bold"), (look.problem, "$text-warning"))
    changed = times.moment(int(look.modified * 1_000), times.local(now_ms()).date())
    size = f" · {look.pixels[0]:,} × {look.pixels[1]:,}" if look.pixels else ""
    about = f"{look.mime} · {size_words(look.size)}{size}\nchanged {changed}\n"
    return Content.assemble((f"{name}\n", "bold"), (about, MUTED), f"\n{look.lines}" if look.lines else "")
