"""What reaches the application: from other threads, and from its screen."""

from __future__ import annotations

from textual.message import Message

from ismsg_tui.domain.wire import Presence
from ismsg_tui.sync.engine import Refused, SyncStatus


class StoreChanged(Message):
    """Rows were written; `scopes` are contact ids, `snippets`, `settings`, or `EVERYTHING`."""

    def __init__(self, scopes: frozenset[str]) -> None:
        super().__init__()
        self.scopes = scopes


class SyncMoved(Message):
    """Things stand differently with the server."""

    def __init__(self, status: SyncStatus) -> None:
        super().__init__()
        self.status = status


class PresenceMoved(Message):
    """Teammates came, went, or do something else."""

    def __init__(self, presence: tuple[Presence, ...]) -> None:
        super().__init__()
        self.presence = presence


class CommandRefused(Message):
    """The server refused what the agent did; what was written waits in the timeline."""

    def __init__(self, refused: Refused) -> None:
        super().__init__()
        self.refused = refused


class NotificationsToggled(Message):
    """The agent wants to hear of new messages, or no longer."""


class NewCounted(Message):
    """So many new customers wait."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count


EVERYTHING = "*"
"""The scope of a change by another process, which does not say what it wrote."""
