"""Which contacts were looked at, for going back and forward among them as among pages."""

from __future__ import annotations

MOST = 100
"""How many are remembered."""


class Visits:
    """The contacts of one sitting, by id; the one that is looked at now is the newest."""

    def __init__(self) -> None:
        self._past: list[str] = []
        self._ahead: list[str] = []

    @property
    def newest_first(self) -> list[str]:
        """Where the agent was, the last place first."""
        return self._past[::-1]

    def visit(self, contact_id: str) -> None:
        """The agent looks at a contact."""
        if not self._past or self._past[-1] != contact_id:
            self._past = [*self._past, contact_id][-MOST:]
            self._ahead.clear()

    def back(self, shown: str | None) -> str | None:
        """Go back from the contact that is shown, visited or not; None where there is nobody before."""
        if self._past and self._past[-1] == shown:
            self._ahead.append(self._past.pop())
        elif shown is not None:
            self._ahead.append(shown)
        if not self._past:
            self._past, self._ahead = self._ahead[-1:], self._ahead[:-1]
            return None
        return self._past[-1]

    def forward(self) -> str | None:
        """Go forward again; None where there is nowhere to."""
        if not self._ahead:
            return None
        self._past.append(self._ahead.pop())
        return self._past[-1]
