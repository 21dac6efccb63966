"""Finding whom or what typed words mean: a contact, a teammate, a snippet."""

from __future__ import annotations

from collections.abc import Sequence

from ismsg_tui.domain.entities import Contact, Snippet, User
from ismsg_tui.domain.text import clean, one_line
from ismsg_tui.inbox import Inbox
from ismsg_tui.times import when

SUGGESTIONS = 20
"""How many candidates are named where a name is not unique or not known."""


class NotFoundError(Exception):
    """Words mean nobody or nothing, or more than one; the message is a sentence for whoever typed them."""

    def __init__(self, sentence: str, details: Sequence[str] = (), contacts: Sequence[Contact] = ()) -> None:
        """`details` are lines by which to tell the candidates apart, `contacts` the contacts among them in order."""
        super().__init__(sentence)
        self.details = details
        self.contacts = contacts


def find_contact(inbox: Inbox, wanted: str) -> Contact:
    """The one contact that `wanted` means. Raises NotFoundError with whom else it may mean."""
    found = inbox.contacts.resolve(wanted)
    if len(found) == 1:
        return found[0]
    shown = one_line(wanted, 80)
    if found:
        raise _with_cards(inbox, f"“{shown}” may be any of these; say which by id:", found)
    near = inbox.contacts.search(wanted, SUGGESTIONS)
    if near:
        raise _with_cards(inbox, f"No contact is called “{shown}”. Perhaps one of these:", near)
    raise NotFoundError(f"There is no contact “{shown}”.")


def _with_cards(inbox: Inbox, sentence: str, contacts: list[Contact]) -> NotFoundError:
    """The error with a line for each contact by which people tell them apart."""
    cards = []
    for contact in contacts:
        row = inbox.contacts.row(contact.id)
        parts = [contact.name, contact.phone, contact.email, when(row.last_at) if row and row.last_at else ""]
        cards.append(" · ".join([contact.id, *(part for part in parts if part)]))
    return NotFoundError(sentence, cards, contacts)


def find_teammate(inbox: Inbox, wanted: str) -> User:
    """The active user that `wanted` means by id, name, email, a first name that nobody shares, or `me`.

    Raises NotFoundError.
    """
    if wanted.casefold() == "me":
        return inbox.me
    active = [user for user in inbox.users.values() if user.active]
    folded = clean(wanted).strip().casefold()
    exact = [user for user in active if folded in (user.id, user.name.casefold(), user.email.casefold())]
    found = exact or [user for user in active if folded == user.name.partition(" ")[0].casefold()]
    if folded and len(found) == 1:
        return found[0]
    shown = one_line(wanted, 80)
    problem = f"“{shown}” may be several users" if found else f"There is no user “{shown}”"
    people = [f"{user.name} · {user.email or user.id}" for user in found or active]
    raise NotFoundError(f"{problem}; say who by name, email or id:", people[:SUGGESTIONS])


def find_snippet(inbox: Inbox, name: str) -> Snippet:
    """The snippet of that name or id. Raises NotFoundError."""
    wanted = clean(name).strip()
    for snippet in inbox.snippets.all():
        if wanted in (snippet.id, snippet.name) or snippet.name.casefold() == wanted.casefold():
            return snippet
    raise NotFoundError(f"There is no snippet “{one_line(name, 80)}”: “ismsg snippets ls” shows them.")
