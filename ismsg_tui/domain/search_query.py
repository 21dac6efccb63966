"""What is typed into the search: words, and filters such as `from:mai in:open before:2026-01-31`."""

from __future__ import annotations

from datetime import date, datetime

from msgspec import Struct

from ismsg_tui.domain.views import View

FILTERS = (
    ("from:", "who wrote it: a contact, a teammate, or me", "from:mai"),
    ("in:", "a view: new, open, assigned, closed, snoozed", "in:open"),
    ("assignee:", "whose contact it is: a teammate, me or none", "assignee:me"),
    ("has:", "messages with a file", "has:file"),
    ("after:", "that day or later", "after:2026-01-01"),
    ("before:", "earlier than that day", "before:2026-02-01"),
)
"""Each filter with what it means and an example; a value with a space stands in quotes."""


class SearchError(ValueError):
    """A filter can't be understood; the message says which and what it takes."""


class SearchQuery(Struct, frozen=True):
    """A search taken apart; empty or None where nothing was said."""

    words: str = ""
    author: str = ""
    view: View | None = None
    assignee: str = ""
    has_file: bool = False
    after: date | None = None
    before: date | None = None

    @property
    def says_nothing(self) -> bool:
        """Whether there is nothing to look for."""
        return self == SearchQuery()


def parse_search(text: str) -> SearchQuery:
    """Take apart what was typed. A filter still without a value is left out. Raises SearchError."""
    words: list[str] = []
    found: dict[str, str] = {}
    names = [name for name, _, _ in FILTERS]
    for token in _tokens(text):
        name = next((name for name in names if token.casefold().startswith(name)), None)
        if name is None:
            words.append(token)
        elif value := token[len(name) :].strip('"').strip():
            found[name] = value
    return SearchQuery(
        words=" ".join(words),
        author=found.get("from:", ""),
        view=_view(found.get("in:")),
        assignee=found.get("assignee:", ""),
        has_file=_has_file(found.get("has:")),
        after=_day("after:", found.get("after:")),
        before=_day("before:", found.get("before:")),
    )


def _tokens(text: str) -> list[str]:
    """Split at spaces outside of double quotes; an open quote reaches to the end."""
    tokens: list[str] = []
    token, quoted = "", False
    for character in text:
        if character == '"':
            quoted = not quoted
        if character.isspace() and not quoted:
            tokens.append(token)
            token = ""
        else:
            token += character
    return [part for part in (*tokens, token) if part]


def _view(value: str | None) -> View | None:
    if value is None:
        return None
    try:
        return View(value.casefold())
    except ValueError:
        raise SearchError(f"in: takes {', '.join(view.value for view in View)}; not “{value}”.") from None


def _has_file(value: str | None) -> bool:
    if value is not None and value.casefold() != "file":
        raise SearchError(f"has: takes file; not “{value}”.")
    return value is not None


def _day(name: str, value: str | None) -> date | None:
    if value is None:
        return None
    try:
        return datetime.strptime(value, "%Y-%m-%d").date()  # noqa: DTZ007 - a day of the agent's own calendar
    except ValueError:
        raise SearchError(f"{name} takes a day such as 2026-01-31; not “{value}”.") from None
