"""The words of the line mode for what was not sent: unsent, retry, edit, discard."""

from __future__ import annotations

from ismsg_tui.clock import now_ms
from ismsg_tui.domain.entities import MessageKind
from ismsg_tui.domain.text import one_line
from ismsg_tui.domain.words import NAME_LIMIT, attachment_words, span_words, undone_words
from ismsg_tui.finding import NotFoundError
from ismsg_tui.not_sent import NotSent, closing_note
from ismsg_tui.plain.desk import MisreadError, PlainDesk
from ismsg_tui.plain.talk import Role
from ismsg_tui.store.unsent import Trouble, Unsent
from ismsg_tui.times import when


def unsent(desk: PlainDesk, rest: str) -> None:
    """Say what was not sent and why, with numbers."""
    if rest.strip():
        raise MisreadError("“unsent” stands alone.")
    not_sent = NotSent(desk.inbox)
    desk.unsent = not_sent.items()
    for number, item in enumerate(desk.unsent, 1):
        desk.say(f"{Role.UNSENT} {number}", _words(desk, item))
    if not desk.unsent:
        desk.say(Role.NOTICE, not_sent.none_words())
    else:
        desk.say(Role.NOTICE, "retry, edit or discard, then a number, deals with one.")


def _words(desk: PlainDesk, item: Unsent) -> str:
    """To whom, when, what and why, as one line."""
    message = item.message
    said = [one_line(part) for part in (message.text, *closing_note(message)) if part]
    what = ", ".join([*said, *map(attachment_words, message.attachments)])
    match item.trouble:
        case Trouble.ASKING:
            why = f"written {span_words(now_ms() - item.written_at)} ago, retry sends it now"
        case Trouble.UNCERTAIN:
            why = "not known whether it was sent"
        case _:
            why = undone_words(message.kind)
    reason = f", {one_line(item.reason).rstrip('.')}" if item.reason else ""
    return f"{_name(desk, item)}, {when(item.written_at)}, {why}{reason}: {what}"


def _name(desk: PlainDesk, item: Unsent) -> str:
    card = desk.inbox.contacts.card(item.message.contact_id)
    return one_line(card.contact.name, NAME_LIMIT) if card else "a contact who is gone"


def retry(desk: PlainDesk, rest: str) -> None:
    """Send it again, or now where the agent was asked."""
    item = _item(desk, rest, "retry")
    closing = item.message.kind is MessageKind.EVENT
    seen_at = desk.seen_at if item.message.contact_id == desk.reading else item.message.at
    NotSent(desk.inbox).send(item, seen_at=seen_at)
    desk.say(Role.DONE, f"The conversation with {_name(desk, item)} is closed." if closing else _sent(desk, item))


def _sent(desk: PlainDesk, item: Unsent) -> str:
    if item.message.kind is MessageKind.COMMENT:
        return f"Comment on {_name(desk, item)} kept, for the team alone."
    return f"Message to {_name(desk, item)} is sent again."


def edit(desk: PlainDesk, rest: str) -> None:
    """Make a draft of it, above what is typed for the contact."""
    item = _item(desk, rest, "edit")
    if item.message.kind is MessageKind.EVENT:
        raise MisreadError("A closing is not edited: say close, a category and a summary, then discard this one.")
    if desk.inbox.contacts.card(item.message.contact_id) is None:
        raise NotFoundError("The contact is gone, and a draft would go with it: unsent says what you wrote.")
    NotSent(desk.inbox).take_back(item)
    desk.reading, desk.seen_at = item.message.contact_id, None
    word = "comment" if item.message.kind is MessageKind.COMMENT else "reply"
    desk.say(Role.DONE, f"It is the draft for {_name(desk, item)} now: {word} goes on with it.")


def discard(desk: PlainDesk, rest: str) -> None:
    """Let it go, after a question."""
    item = _item(desk, rest, "discard")
    if desk.talk.agrees(f"Discard what was not sent to {_name(desk, item)}?"):
        NotSent(desk.inbox).drop(item)
        desk.say(Role.DONE, "Discarded.")
    else:
        desk.say(Role.NOTICE, "It stays.")


def _item(desk: PlainDesk, rest: str, word: str) -> Unsent:
    """The one that a number means, if it still waits. Raises MisreadError and NotFoundError."""
    wanted = rest.strip()
    if not (wanted.isascii() and wanted.isdigit() and len(wanted) <= 4):
        raise MisreadError(f"Say {word} and a number: unsent gives numbers.")
    if not 1 <= int(wanted) <= len(desk.unsent):
        said = f"the last number was {len(desk.unsent)}" if desk.unsent else "unsent gives numbers"
        raise NotFoundError(f"There is no number {wanted}: {said}.")
    item = desk.unsent[int(wanted) - 1]
    if item not in NotSent(desk.inbox).items(item.message.contact_id):
        raise NotFoundError("That does not wait any more: unsent says what does.")
    return item
