"""The files that will go with a message, as words in boxes above its text, each with a cross that takes it out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from rich.cells import cell_len
from textual.binding import BindingType
from textual.content import Content
from textual.events import Click
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from ismsg_tui.actions import Scope, action, bindings
from ismsg_tui.domain.entities import Attachment
from ismsg_tui.key_names import key_label
from ismsg_tui.widgets.file_lines import facts, fit_name, kind_word
from ismsg_tui.widgets.segments import style_of

NAME_WIDTH = 32
_CROSS = " ×"


class Chip(NamedTuple):
    """One file."""

    key: str
    """What it is called when it is to go."""
    words: str


def chip_of(attachment: Attachment) -> Chip:
    """A file that is ready to go."""
    return Chip(f"{attachment.sha256} {attachment.name}", file_words(attachment))


def file_words(attachment: Attachment) -> str:
    """A file in a few words: `image cat.png 34 kB`."""
    return f"{kind_word(attachment)} {fit_name(attachment.name, NAME_WIDTH)} {facts(attachment)}"


class AttachmentChips(Widget, can_focus=True):
    """The files side by side, on as many lines as they need; the keys move among them and take one out."""

    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.CHIPS)]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"chips--chip", "chips--cursor"}
    DEFAULT_CSS = """
    AttachmentChips {
        display: none;
        height: auto;
        max-height: 4;
        padding: 0 2;
        color: $text-muted;
        & .chips--chip { background: $panel; color: $text; }
        & .chips--cursor { background: $block-cursor-background; color: $block-cursor-foreground; text-style: bold; }
        &:nocolor .chips--cursor { text-style: reverse; }
    }
    """

    chips: reactive[tuple[Chip, ...]] = reactive((), layout=True)
    note: reactive[str] = reactive("", layout=True)
    """What is to be said of all of them."""
    cursor: reactive[int] = reactive(0)

    class Removed(Message):
        """A file is to be taken out."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    class Left(Message):
        """The agent goes back to the text."""

    def watch_chips(self, chips: Sequence[Chip]) -> None:
        """Show the widget only where there is something in it."""
        self.display = bool(chips)
        self.cursor = max(0, min(self.cursor, len(chips) - 1))
        if not chips and self.has_focus:
            self.post_message(self.Left())

    def _places(self, width: int) -> list[tuple[int, int, int]]:
        """Line, first cell and end of each chip."""
        places: list[tuple[int, int, int]] = []
        line = start = 0
        for chip in self.chips:
            size = min(width, cell_len(chip.words) + cell_len(_CROSS) + 2)
            if start and start + size > width:
                line, start = line + 1, 0
            places.append((line, start, start + size))
            start += size + 1
        return places

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        """As many lines as the chips take, and one for the note."""
        places = self._places(max(1, width))
        return (places[-1][0] + 1 if places else 0) + bool(self.note)

    def _shown(self, places: Sequence[tuple[int, int, int]]) -> range:
        """The lines of chips that there is room for: around the cursor, else those with the newest files."""
        lines, room = places[-1][0] + 1 if places else 0, max(1, self.size.height - bool(self.note))
        if lines <= room:
            return range(lines)
        room = max(1, room - 1)  # one goes to the words that say so
        first = min(places[self.cursor][0], lines - room) if self.has_focus else lines - room
        return range(first, first + room)

    def render(self) -> Content:
        """The chips; the one under the cursor also has a bar, to be seen without colour."""
        width = max(1, self.size.width)
        plain, marked = self.get_visual_style("chips--chip"), style_of(self, "chips--cursor")
        places = self._places(width)
        shown = self._shown(places)
        lines: list[Content] = [Content("")] * len(shown)
        for index, (chip, (line, start, end)) in enumerate(zip(self.chips, places, strict=True)):
            if line not in shown:
                continue
            here = self.has_focus and index == self.cursor
            room = max(0, end - start - 2 - cell_len(_CROSS))
            words = chip.words if cell_len(chip.words) <= room else fit_name(chip.words, room)
            box = Content.styled(f"{'▌' if here else ' '}{words}{_CROSS} ", marked if here else plain)
            row = line - shown.start
            lines[row] = Content.assemble(lines[row], " ", box) if start else box
        if places and len(shown) <= places[-1][0]:
            key = key_label(action("chips").current_keys[0])
            lines.append(Content(f"{len(places)} files in all{f'; {key} goes through them' if key else ''}"))
        if self.note:
            lines.append(Content(self.note))
        return Content("\n").join(lines)

    def on_focus(self) -> None:
        """Begin at the newest."""
        self.cursor = max(0, len(self.chips) - 1)
        self.refresh()

    def on_blur(self) -> None:
        """Show that keys go elsewhere."""
        self.refresh()

    def on_click(self, event: Click) -> None:
        """A click on a cross takes the file out, elsewhere it goes to the file."""
        at = event.get_content_offset(self)
        if at is None:
            return
        places = self._places(max(1, self.size.width))
        clicked = at.y + self._shown(places).start
        for index, (line, start, end) in enumerate(places):
            if clicked == line and start <= at.x < end:
                self.cursor = index
                if at.x >= end - 1 - cell_len(_CROSS):
                    self.action_remove_chip()

    def action_chip_left(self) -> None:
        """Go to the file before."""
        self.cursor = max(0, self.cursor - 1)

    def action_chip_right(self) -> None:
        """Go to the next file."""
        self.cursor = min(len(self.chips) - 1, self.cursor + 1)

    def action_remove_chip(self) -> None:
        """Take the file out."""
        if self.cursor < len(self.chips):
            self.post_message(self.Removed(self.chips[self.cursor].key))

    def action_leave_chips(self) -> None:
        """Go back to the text."""
        self.post_message(self.Left())
