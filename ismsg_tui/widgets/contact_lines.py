"""The two lines of a contact in a list, in pieces of text with the names of their styles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from rich.cells import cell_len

from ismsg_tui import times
from ismsg_tui.clock import now_ms
from ismsg_tui.domain.entities import Channel, Delivery, MessageKind, User
from ismsg_tui.domain.text import one_line
from ismsg_tui.domain.views import ContactStatus, Sort
from ismsg_tui.domain.words import span_words, undone_words
from ismsg_tui.store.lists import UNREAD_CAP, ListRow
from ismsg_tui.store.outbox import OutboxState
from ismsg_tui.widgets.segments import fit, shown_line

CHANNEL_CODES = {
    "whatsapp": "WA",
    "telegram": "TG",
    "messenger": "FB",
    "instagram": "IG",
    "line": "LN",
    "viber": "VB",
    "wechat": "WC",
    "sms": "SMS",
    "email": "@",
    "web": "WEB",
    "import": "IMP",
}

Piece = tuple[str, tuple[str, ...]]
"""A text and the component classes that it is painted in, over those of the whole row."""
_PLAIN, _DIM, _NEW, _FAILED = (), ("list--dim",), ("list--new",), ("list--failed",)


class Around(NamedTuple):
    """What all rows of a list are seen by."""

    users: Mapping[str, User] = {}
    channels: Mapping[str, Channel] = {}
    user_id: str = ""


def contact_lines(
    row: ListRow, width: int, around: Around, *, mark: str, company: str, sort: Sort
) -> tuple[list[Piece], list[Piece]]:
    """Name, channel and time above; direction, last message or draft, assignee and unread count below.

    `mark` stands before the name; `company` says in words what teammates do with the contact.
    """
    return _first_line(row, width, around, mark, sort), _second_line(row, width, around, company)


def _first_line(row: ListRow, width: int, around: Around, mark: str, sort: Sort) -> list[Piece]:
    is_new = row.unread or row.flagged
    code = _channel_code(around.channels.get(row.channel_id or ""))
    tail = f" {code}  {_time(row, sort):>6} "
    name = _DIM if row.status is ContactStatus.SNOOZED else _NEW if is_new else ("list--name",)
    return [
        (mark, ("list--mark",)),
        (fit(row.name, width - cell_len(mark) - cell_len(tail)), name),
        (tail, _NEW if is_new else _DIM),
    ]


def _second_line(row: ListRow, width: int, around: Around, company: str) -> list[Piece]:
    user = around.users.get(row.assignee_id or "")
    owner = "" if user is None else "you" if user.id == around.user_id else _initials(user.name)
    badge = _badge(row)
    tail = f" {owner}{' ' if owner and badge else ''}"
    room = width - 2 - cell_len(tail) - cell_len(badge) - 1
    words, names = _preview(row)
    beside = " " + fit(company, min(room - 1, cell_len(shown_line(company)))) if company else ""
    return [
        ("  ", _PLAIN),
        (fit(words, room - cell_len(beside)), names),
        (beside, ("list--company",)),
        (tail, _DIM),
        (fit(badge, cell_len(badge)), _NEW),
        (" ", _PLAIN),
    ]


def _channel_code(channel: Channel | None) -> str:
    """A channel in at most three letters."""
    return CHANNEL_CODES.get(channel.kind) or one_line(channel.kind, 3).upper() if channel else ""


def _initials(name: str) -> str:
    """The first letters of the first and last word of a name."""
    words = shown_line(name).split()
    return "".join(one_line(word, 1) for word in (words[:1] + words[1:][-1:])).upper()


def _time(row: ListRow, sort: Sort) -> str:
    today = times.local(now_ms()).date()
    if row.status is ContactStatus.SNOOZED and row.snoozed_until is not None:
        return "z" + times.short(row.snoozed_until, today)
    if sort is Sort.WAITING and row.waiting_since is not None:
        return span_words(now_ms() - row.waiting_since)
    return times.short(row.last_at, today)


def _badge(row: ListRow) -> str:
    if row.unread >= UNREAD_CAP:
        return f"{UNREAD_CAP - 1}+"
    return str(row.unread) if row.unread else "•" if row.flagged else ""


def _preview(row: ListRow) -> Piece:
    if row.unsent is not None and row.unsent_kind is not None:
        asking = row.unsent is OutboxState.ASKING
        words = f"{'?' if asking else '✗'} {undone_words(row.unsent_kind, asking=asking)}"
        return f"{words}: {row.unsent_text or ''}", _FAILED
    if row.draft:
        return f"✎ {'comment' if row.draft_is_comment else 'draft'}: {row.draft}", ("list--draft",)
    if row.last_status is Delivery.FAILED:
        return f"✗ not sent: {row.last_text}", _FAILED
    if row.last_status is Delivery.UNCERTAIN:
        return f"? perhaps not sent: {row.last_text}", _FAILED
    if row.last_text is None:
        return "no message yet", _DIM
    if row.last_kind is MessageKind.OUTGOING:
        return f"→ {row.last_text}", _DIM
    return row.last_text, _PLAIN if row.unread else _DIM
