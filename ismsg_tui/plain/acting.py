"""The words of the line mode for working a conversation: assign, close, snooze, wake, open, unread, undo."""

from __future__ import annotations

from collections.abc import Sequence

from ismsg_tui.clock import now_ms
from ismsg_tui.domain.commands import AssignContact, CloseConversation, SendMessage, SnoozeConversation, scope_of
from ismsg_tui.domain.conversation_rules import CATEGORY_LIMIT
from ismsg_tui.domain.entities import Category, ClosingNotes
from ismsg_tui.domain.snooze_times import EXAMPLES, parse_snooze
from ismsg_tui.domain.text import one_line
from ismsg_tui.domain.words import NAME_LIMIT, user_name
from ismsg_tui.finding import find_teammate
from ismsg_tui.plain.desk import MisreadError, PlainDesk
from ismsg_tui.plain.talk import Role
from ismsg_tui.times import local, when

_NOBODY = "none"


def assign(desk: PlainDesk, rest: str) -> None:
    """Give the contact to a teammate, to oneself or to nobody."""
    contact, wanted = desk.contact(), rest.strip()
    if not wanted:
        raise MisreadError("Say to whom: assign and a name, me or none.")
    to = None if wanted.casefold() == _NOBODY else find_teammate(desk.inbox, wanted)
    done = desk.inbox.assign(contact.id, to.id if to else None)
    whom = "you" if to and to.id == desk.inbox.user_id else user_name(to.id, desk.inbox.users) if to else "nobody"
    desk.say(Role.DONE, f"{desk.name()} is assigned to {whom}{'' if done else ' already'}.")


def close(desk: PlainDesk, rest: str) -> None:
    """Close the conversation; what the workspace needs for it and was not said is asked for."""
    contact, workspace = desk.contact(), desk.inbox.workspace
    category, summary = _note(rest.strip(), workspace.categories)
    mode = workspace.closing_notes
    if not category and mode in (ClosingNotes.CATEGORY, ClosingNotes.FULL):
        category = _ask_category(desk, workspace.categories)
    if category and not summary and mode is ClosingNotes.FULL:
        summary = desk.talk.ask("Summary of the conversation").strip()
    done = desk.inbox.close(contact.id, category=category, summary=summary, seen_at=desk.seen_at)
    if done:
        desk.say(Role.DONE, f"The conversation with {desk.name()} is closed; undo opens it again.")


def _note(text: str, categories: Sequence[Category]) -> tuple[str, str]:
    """Category and summary of what was typed; the category is one of the workspace's, else the first word."""
    if not categories or not text:
        category, _, summary = text.partition(" ")
        return category, summary.strip()
    for category in sorted((item.name for item in categories), key=len, reverse=True):
        summary = text[len(category) :]
        if text[: len(category)].casefold() == category.casefold() and not summary[:1].isalnum():
            return category, summary.lstrip(" ,:;")
    raise MisreadError(f"Begin with a category: {', '.join(one_line(item.name) for item in categories)}.")


def _ask_category(desk: PlainDesk, categories: Sequence[Category]) -> str:
    for number, item in enumerate(categories, 1):
        words = ", ".join(filter(None, (one_line(item.name, CATEGORY_LIMIT), one_line(item.description))))
        desk.say(f"{Role.CATEGORY} {number}", words)
    typed = desk.talk.ask("Category, its number or name" if categories else "Category").strip()
    if typed.isascii() and typed.isdigit() and 1 <= int(typed[:4]) <= len(categories):
        return categories[int(typed[:4]) - 1].name
    return _note(typed, categories)[0] if categories else typed


def snooze(desk: PlainDesk, rest: str) -> None:
    """Hide the conversation until a time, or until the contact writes."""
    contact = desk.contact()
    if not rest.strip():
        raise MisreadError(f"Say until when: {EXAMPLES}.")
    try:
        end = parse_snooze(rest, local(now_ms()))
    except ValueError as error:
        raise MisreadError(str(error)) from error
    at = int(end.timestamp() * 1000)
    desk.inbox.snooze(contact.id, at)
    desk.say(Role.DONE, f"{desk.name()} is snoozed until {when(at)}.")


def wake(desk: PlainDesk, rest: str) -> None:
    """End the snooze."""
    done = _alone(desk, rest) and desk.inbox.wake(desk.contact().id)
    desk.say(Role.DONE, f"{desk.name()} is awake." if done else f"{desk.name()} was not snoozed.")


def open_conversation(desk: PlainDesk, rest: str) -> None:
    """Open a conversation by hand."""
    if _alone(desk, rest):
        desk.inbox.open_conversation(desk.contact().id)
        desk.say(Role.DONE, f"A conversation with {desk.name()} is open.")


def mark_unread(desk: PlainDesk, rest: str) -> None:
    """Mark the contact for later."""
    if _alone(desk, rest):
        desk.inbox.mark_unread(desk.contact().id)
        desk.say(Role.DONE, f"{desk.name()} is marked unread.")


def _alone(desk: PlainDesk, rest: str) -> bool:
    """True if nothing follows the word, so that it means the contact who is read. Raises MisreadError."""
    if rest.strip():
        raise MisreadError(f"This applies to {desk.name()}, who is read now: the word stands alone.")
    return True


def undo(desk: PlainDesk, rest: str) -> None:
    """Take back the last message, closing, snooze or assignment."""
    if rest.strip():
        raise MisreadError("“undo” stands alone: it takes back what was done last.")
    undone = desk.inbox.undo()
    if undone is None:
        desk.say(Role.NOTICE, "There is nothing to take back, or it has left already.")
        return
    card = desk.inbox.contacts.card(scope_of(undone.command))
    name = one_line(card.contact.name, NAME_LIMIT) if card else "the contact"
    match undone.command:
        case SendMessage():
            words = f"The message to {name} is not sent; its text is a draft again."
        case CloseConversation():
            words = f"The conversation with {name} is open again."
        case SnoozeConversation():
            words = f"{name} is not snoozed any more."
        case AssignContact():
            words = f"{name} is assigned as before."
        case _:
            words = "Taken back."
    desk.say(Role.DONE, words)
