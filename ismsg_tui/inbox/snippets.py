"""The stored replies of a workspace, with the files that they hold."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from ismsg_tui.domain.commands import Command, DeleteSnippet, Issued, SaveSnippet, UseSnippet
from ismsg_tui.domain.entities import Attachment, Channel, MessageKind, Snippet
from ismsg_tui.domain.media import check_attachment, fitted_to
from ismsg_tui.domain.state import Refusal
from ismsg_tui.domain.text import clean, file_name
from ismsg_tui.store.loading import load_snippets
from ismsg_tui.store.search import rank_snippets
from ismsg_tui.store.store import RefusedError, Store
from ismsg_tui.store.timeline import timeline_page


class Snippets:
    """The snippets of a workspace; `act` carries out a command as the user."""

    def __init__(self, store: Store, act: Callable[[Command], Issued | None]) -> None:
        self._store, self._act = store, act

    def all(self) -> list[Snippet]:
        """Every snippet in use, however many, by name."""
        kept = (snippet for snippet in load_snippets(self._store.reader).values() if not snippet.deleted)
        return sorted(kept, key=lambda snippet: (snippet.name.casefold(), snippet.id))

    def ranked(self, contact_id: str) -> list[Snippet]:
        """Every snippet, those first that fit what the contact said last, then by use."""
        lines = timeline_page(self._store.reader, contact_id, limit=10)
        heard = [line.message.text for line in lines if line.message.kind is MessageKind.INCOMING]
        return rank_snippets(self._store.reader, "\n".join(heard[-3:]))

    def fitted(self, attachment: Attachment, channel: Channel | None) -> Attachment:
        """A file that was kept for later as it goes through a channel; one that is not here is asked for.

        Raises RefusedError.
        """
        name, blobs = file_name(attachment.name), self._store.blobs
        if channel is None:
            raise RefusedError(Refusal("no-channel", f"{name} can't be sent: the contact has no channel."))
        if (refusal := check_attachment(channel, attachment)) is not None:
            raise RefusedError(refusal)
        if blobs.path(attachment.sha256) is None:
            blobs.want(attachment.sha256, attachment.size)
            raise RefusedError(Refusal("file-gone", f"{name} is not here yet: it was asked for, try again soon."))
        return replace(attachment, kind=fitted_to(channel, attachment) or attachment.kind)

    def save(self, snippet: Snippet) -> Issued | None:
        """Create or change a snippet. Raises RefusedError."""
        cleaned = replace(
            snippet,
            name=clean(snippet.name),
            text=clean(snippet.text),
            topic=clean(snippet.topic),
            language=clean(snippet.language),
        )
        return self._act(SaveSnippet(cleaned))

    def delete(self, snippet_id: str) -> Issued | None:
        """Take a snippet out of use. Raises RefusedError."""
        return self._act(DeleteSnippet(snippet_id))

    def use(self, snippet_id: str) -> Issued | None:
        """Count that a snippet was taken. Raises RefusedError."""
        return self._act(UseSnippet(snippet_id))
