"""What travels from an authority to a replica: pages of rows, and answers to commands."""

from __future__ import annotations

from msgspec import Struct

from ismsg_tui.domain.entities import Entity
from ismsg_tui.domain.state import Refusal


class Page(Struct, frozen=True):
    """Every row that changed after revision `since`, up to and with revision `to`.

    Rows come as (revision, row), the newest state of each once, in ascending order of revision; the rows of one
    revision are never split over two pages.
    """

    since: int
    to: int
    rows: tuple[tuple[int, Entity], ...]
    more: bool = False
    gone: tuple[str, ...] = ()
    """Contacts that the user may not see any more; a contact that is gone has no rows in the page."""


class Answer(Struct, frozen=True):
    """What an authority made of one command: the revision of its effect, or a refusal."""

    command_id: str
    seq: int = 0
    refusal: Refusal | None = None
