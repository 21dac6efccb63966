"""What an agent can see and do: `Inbox`, and its parts for contacts, drafts and snippets."""

from __future__ import annotations

from ismsg_tui.inbox.inbox import Inbox, enter_workspace
from ismsg_tui.store.store import RefusedError

__all__ = ["Inbox", "RefusedError", "enter_workspace"]
