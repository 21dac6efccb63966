"""The views of the inbox, the orders that each one offers, and where a contact stands."""

from __future__ import annotations

from enum import StrEnum

from ismsg_tui.domain.entities import Conversation, ConversationStatus


class View(StrEnum):
    """The lists an agent chooses from."""

    NEW = "new"
    OPEN = "open"
    ASSIGNED = "assigned"
    CLOSED = "closed"
    SNOOZED = "snoozed"
    ALL = "all"


class Sort(StrEnum):
    """The orders of a view."""

    NEWEST = "newest"
    OLDEST = "oldest"
    WAITING = "waiting"
    """Longest waiting first; those who do not wait come last."""
    WAKING = "waking"
    """Next to wake first."""
    CLOSED = "closed"
    """Closed last comes first."""


SORTS: dict[View, tuple[Sort, ...]] = {
    View.NEW: (Sort.WAITING, Sort.NEWEST, Sort.OLDEST),
    View.OPEN: (Sort.NEWEST, Sort.OLDEST, Sort.WAITING),
    View.ASSIGNED: (Sort.NEWEST, Sort.OLDEST, Sort.WAITING),
    View.CLOSED: (Sort.CLOSED,),
    View.SNOOZED: (Sort.WAKING,),
    View.ALL: (Sort.NEWEST, Sort.OLDEST),
}
"""The orders each view offers, its default first."""


class ContactStatus(StrEnum):
    """Where a contact stands: the status that lists, filters and the command line show."""

    NONE = "none"
    OPEN = "open"
    SNOOZED = "snoozed"
    CLOSED = "closed"


def contact_status(newest: Conversation | None) -> ContactStatus:
    """Where a contact stands whose newest conversation is `newest`."""
    if newest is None:
        return ContactStatus.NONE
    if newest.status is ConversationStatus.CLOSED:
        return ContactStatus.CLOSED
    return ContactStatus.OPEN if newest.snoozed_until is None else ContactStatus.SNOOZED
