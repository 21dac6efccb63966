"""The rules of snippets: who may be called what, and how many there are."""

from __future__ import annotations

from msgspec.structs import replace

from ismsg_tui.domain.commands import SaveSnippet, SnippetCommand, UseSnippet
from ismsg_tui.domain.state import Outcome, Refusal, State

SNIPPET_NAME_LIMIT = 128
SNIPPET_TEXT_LIMIT = 25_000
SNIPPETS_LIMIT = 5_000


def decide_snippet(state: State, command: SnippetCommand) -> Outcome:
    """What a command about snippets changes."""
    if isinstance(command, SaveSnippet):
        return _save_snippet(state, command)
    snippet = state.snippets.get(command.snippet_id)
    if snippet is None or snippet.deleted:
        return Refusal("unknown-snippet", "There is no such snippet any more.")
    if isinstance(command, UseSnippet):
        return [replace(snippet, uses=snippet.uses + 1)]
    return [replace(snippet, deleted=True, text="", attachments=())]


def _save_snippet(state: State, command: SaveSnippet) -> Outcome:
    snippet = command.snippet
    name = snippet.name.strip()
    if not name or len(name) > SNIPPET_NAME_LIMIT:
        return Refusal("bad-name", f"A snippet needs a name of 1 to {SNIPPET_NAME_LIMIT} characters.")
    if not (snippet.text.strip() or snippet.attachments) or len(snippet.text) > SNIPPET_TEXT_LIMIT:
        return Refusal("bad-text", f"A snippet needs a text of 1 to {SNIPPET_TEXT_LIMIT:,} characters, or a file.")
    if any(not file.size for file in snippet.attachments):
        return Refusal("empty-file", "A file of the snippet is empty: there is nothing to send.")
    others = [other for other in state.snippets.values() if not other.deleted and other.id != snippet.id]
    if any(other.name.casefold() == name.casefold() for other in others):
        return Refusal("name-taken", f"There is already a snippet named “{name}”.")
    if len(others) >= SNIPPETS_LIMIT:
        return Refusal("too-many", f"A workspace holds {SNIPPETS_LIMIT:,} snippets; delete some first.")
    old = state.snippets.get(snippet.id)
    saved = replace(snippet, name=name, uses=old.uses if old else snippet.uses, deleted=False)
    return [saved] if saved != old else []
