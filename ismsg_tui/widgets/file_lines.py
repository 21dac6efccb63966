"""How a file of a message looks: one line that says what it is and where its bytes are, a second while they move.

Pure functions, as those of `timeline_entries`, which put these lines into a conversation.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto
from itertools import pairwise
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size

from ismsg_tui.desktop.opener import can_run
from ismsg_tui.domain.entities import Attachment, FileKind
from ismsg_tui.domain.media import size_words
from ismsg_tui.domain.text import file_name
from ismsg_tui.store.blobs import BlobState
from ismsg_tui.widgets.segments import ELLIPSIS, fit, shown_line

LEVELS = "▁▂▃▄▅▆▇█"
WAVE = 24
"""The widest waveform, in cells."""
_LEAST_WAVE = 8
_BAR = 24
_LEAST_NAME, _NAME = 8, 28
"""What a name gets where there is little room, and where there is some, before what follows it is cut."""

_KIND = {
    FileKind.FILE: "file",
    FileKind.IMAGE: "image",
    FileKind.AUDIO: "audio",
    FileKind.VIDEO: "video",
    FileKind.VOICE: "voice note",
}


class Tone(Enum):
    """How loud a piece of a line is."""

    NAME = auto()
    FACT = auto()
    TROUBLE = auto()


class Piece(NamedTuple):
    """A piece of a line."""

    text: str
    tone: Tone


def kind_word(attachment: Attachment) -> str:
    """What a file is, in a word or two; what may run when opened is called a program whatever it says it is."""
    return "program" if can_run(file_name(attachment.name)) else _KIND[attachment.kind]


def fit_name(name: str, width: int) -> str:
    """A file's name in at most `width` cells: it is cut before its extension, which tells what it really is."""
    safe = shown_line(file_name(name))
    if cell_len(safe) <= width:
        return safe
    stem, dot, extension = safe.rpartition(".")
    ending = f"{ELLIPSIS}{dot}{extension}" if stem else ""
    room = width - cell_len(ending)
    if not stem or room < 1:
        return fit(safe, width).rstrip()
    return set_cell_size(stem, room).rstrip() + ending


def clock(milliseconds: int) -> str:
    """A length of time as players show it: `0:07`, `12:30`, `1:02:03`."""
    minutes, seconds = divmod(max(milliseconds, 0) // 1_000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def waveform(peaks: Sequence[int], columns: int) -> str:
    """Loudness from 0 to 100 as `columns` blocks of eight heights, each as high as the loudest that falls on it."""
    if not peaks or columns < 1:
        return ""
    columns = min(columns, len(peaks))
    edges = [index * len(peaks) // columns for index in range(columns + 1)]
    loudest = (max(peaks[start:end]) for start, end in pairwise(edges))
    return "".join(LEVELS[max(0, min(peak, 100)) * (len(LEVELS) - 1) // 100] for peak in loudest)


def state_words(state: BlobState, *, mine: bool) -> str:
    """Where a file's bytes are; `mine` for one that goes out."""
    if state.total:
        share = 100 * min(state.done, state.total) // state.total
        return f"{'uploading' if state.here else 'fetching'} {share} %"
    if state.error:
        return f"failed: {state.error.rstrip('.')}"
    if not state.here:
        return "being fetched" if state.wanted else "not here yet"
    return "not uploaded yet" if mine and not state.there else "here"


def facts(attachment: Attachment) -> str:
    """Length and size, as far as they are known."""
    length = clock(attachment.duration) if attachment.duration else ""
    return " · ".join(part for part in (length, size_words(attachment.size)) if part)


def file_lines(attachment: Attachment, state: BlobState, width: int, *, mine: bool) -> list[list[Piece]]:
    """The one or two lines of a file, at most `width` cells wide."""
    kind = kind_word(attachment)
    words = state_words(state, mine=mine)
    tail = f"{facts(attachment)} · {words}"
    room = width - cell_len(kind) - 2
    name = fit_name(attachment.name, max(_LEAST_NAME, room - cell_len(tail) - 2, min(_NAME, room // 2)))
    columns = min(WAVE, room - cell_len(name) - cell_len(tail) - 4)
    wave = waveform(attachment.peaks, columns) if columns >= _LEAST_WAVE else ""
    middle = [kind, *([wave] if wave else [])]
    line = [
        Piece(f"{'  '.join(middle)}  ", Tone.FACT),
        Piece(name, Tone.NAME),
        Piece(f"  {tail}", Tone.TROUBLE if state.error and not state.total else Tone.FACT),
    ]
    lines = [_cut(line, width)]
    if state.total:
        done = min(state.done, state.total)
        bar = min(_BAR, max(4, width - 24))
        full = bar * done // state.total
        moved = f"{size_words(done)} of {size_words(state.total)}"
        lines.append(_cut([Piece(f"{'━' * full}{'╌' * (bar - full)}  {moved}", Tone.FACT)], width))
    return lines


def _cut(line: list[Piece], width: int) -> list[Piece]:
    kept: list[Piece] = []
    for text, tone in line:
        size = cell_len(text)
        if size > width:
            gap = len(text) - len(text.lstrip())  # which `fit` would take away
            cut = (text[:gap] + fit(text[gap:], width - gap))[:width] if gap else fit(text, width)
            return [*kept, Piece(cut, tone)] if width > 0 else kept
        kept.append(Piece(text, tone))
        width -= size
    return kept
