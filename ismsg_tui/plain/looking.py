"""The words of the line mode for looking: list, next, read, more, search, views."""

from __future__ import annotations

from ismsg_tui.clock import now_ms
from ismsg_tui.domain.search_query import SearchError
from ismsg_tui.domain.text import one_line
from ismsg_tui.domain.views import Sort, View
from ismsg_tui.domain.words import NAME_LIMIT
from ismsg_tui.finding import NotFoundError, find_contact
from ismsg_tui.plain.desk import MisreadError, PlainDesk
from ismsg_tui.plain.lines import VIEW_WORDS, day_words, heading, line_words, many, row_words
from ismsg_tui.plain.talk import Role
from ismsg_tui.store.lists import Position
from ismsg_tui.store.timeline import Line, Place
from ismsg_tui.times import when

ROWS = 10
"""Contacts of a list that are said at once."""
LINES = 8
"""Lines of a conversation that are said at once; more where more are unread."""
MOST_LINES = 50
HITS = 10


def list_contacts(desk: PlainDesk, rest: str) -> None:
    """Say who is in a view, the next to answer first."""
    wanted = rest.strip().casefold()
    if wanted and wanted not in list(View):
        raise MisreadError(f"There is no view “{one_line(rest, 40)}”: there are {', '.join(View)}.")
    desk.view = View(wanted) if wanted else desk.view
    desk.numbered = []
    desk.say(Role.VIEW, f"{VIEW_WORDS[desk.view]}, {many(desk.inbox.contacts.view(desk.view).count(), 'contact')}.")
    _list_rows(desk, desk.view, None)


def _list_rows(desk: PlainDesk, view: View, after: Position | None) -> None:
    inbox = desk.inbox
    page = inbox.contacts.view(view).page(after=after, limit=ROWS)
    users, channels, now = inbox.users, inbox.channels, now_ms()
    first = desk.number([row.contact_id for row in page.rows])
    for number, row in enumerate(page.rows, first):
        desk.say(f"{Role.CONTACT} {number}", row_words(row, users, channels, inbox.user_id, view, now))
    place = page.last
    desk.more = (lambda: _list_rows(desk, view, place)) if place and len(page.rows) == ROWS else None
    if desk.more and desk.inbox.contacts.view(view).page(after=place, limit=1).rows:
        desk.say(Role.NOTICE, "There are others: more says them.")
    else:
        desk.more = None


def read_next(desk: PlainDesk, rest: str) -> None:
    """Read who waits longest: among the new customers, then among the agent's own."""
    _takes_nothing(rest, "next")
    for view in (View.NEW, View.ASSIGNED):
        for row in desk.inbox.contacts.view(view, sort=Sort.WAITING).page(limit=2).rows:
            if row.contact_id != desk.reading and (view is View.NEW or row.waiting_since is not None):
                _read_contact(desk, row.contact_id)
                return
    desk.say(Role.NOTICE, "Nobody else is waiting.")


def read(desk: PlainDesk, rest: str) -> None:
    """Read a conversation, by number or name; without either the one that was read last, again."""
    wanted = rest.strip()
    contact_id = desk.contact().id if not wanted else None
    # From here on nothing may apply to somebody else than whom the agent has just named.
    desk.reading = desk.seen_at = None
    if wanted.isascii() and wanted.isdigit() and len(wanted) <= 4:
        if not 1 <= int(wanted) <= len(desk.numbered):
            said = f"the last number was {len(desk.numbered)}" if desk.numbered else "list gives numbers"
            raise NotFoundError(f"There is no number {wanted}: {said}.")
        contact_id = desk.numbered[int(wanted) - 1]
    _read_contact(desk, contact_id or find_contact(desk.inbox, wanted).id)


def _read_contact(desk: PlainDesk, contact_id: str) -> None:
    inbox = desk.inbox
    card, row = inbox.contacts.card(contact_id), inbox.contacts.row(contact_id)
    if card is None:
        raise NotFoundError("This contact is not there any more.")
    desk.reading, desk.seen_at, desk.more = contact_id, None, None
    desk.say(Role.CONTACT, heading(card, row, inbox.users, inbox.channels, inbox.user_id))
    unread = row.unread if row else 0
    limit = min(max(LINES, unread + 1), MOST_LINES)
    page = inbox.timeline(contact_id, limit=limit + 1)
    _say_lines(desk, contact_id, page, limit)
    if not page:
        desk.say(Role.NOTICE, "Nothing has been written yet.")
    else:
        desk.seen_at = page[-1].message.at
        if row and (row.unread or row.flagged):
            inbox.mark_read(contact_id, desk.seen_at)
    draft = inbox.drafts.read(contact_id)
    desk.say_quote(draft.reply_to)
    if not draft.blank:
        what, word = ("comment", "comment") if draft.comment else ("message", "reply")
        desk.say(Role.DRAFT, f"an unfinished {what}, {word} goes on with it: {draft.text}")
        desk.say_files(draft.attachments)


def _say_lines(desk: PlainDesk, contact_id: str, page: list[Line], limit: int) -> None:
    """Say the newest lines of a page that was read one longer than that, and note whether there are older ones."""
    shown = page[-limit:]
    place = shown[0].place if len(page) > limit else None
    desk.more = (lambda: _say_older(desk, contact_id, place)) if place else None
    if place:
        desk.say(Role.NOTICE, "There is more before this: more says it.")
    card = desk.inbox.contacts.card(contact_id)
    name = card.contact.name if card else ""
    users, user_id = desk.inbox.users, desk.inbox.user_id
    day = ""
    for line in shown:
        if (today := day_words(line.message.at)) != day:
            day = today
            desk.say(Role.DAY, day)
        for role, text in line_words(line, users, name, user_id):
            desk.say(role, text)


def _say_older(desk: PlainDesk, contact_id: str, before: Place) -> None:
    _say_lines(desk, contact_id, desk.inbox.timeline(contact_id, before=before, limit=LINES + 1), LINES)


def more(desk: PlainDesk, rest: str) -> None:
    """Go on with the list, or say what was written before."""
    _takes_nothing(rest, "more")
    if desk.more is None:
        desk.say(Role.NOTICE, "There is no more.")
    else:
        desk.more()


def search(desk: PlainDesk, rest: str) -> None:
    """Find contacts by name and messages by their words; read and a number reads one."""
    if not rest.strip():
        raise MisreadError("Say what to look for: search and some words.")
    try:
        hits = desk.inbox.search(rest, HITS)
    except SearchError as error:
        raise MisreadError(str(error)) from error
    people = desk.inbox.contacts.search(rest, HITS)
    desk.numbered, desk.more = [], None
    first = desk.number([contact.id for contact in people] + [hit.contact_id for hit in hits])
    for number, contact in enumerate(people, first):
        known = (one_line(part, NAME_LIMIT) for part in (contact.name, contact.phone, contact.email))
        desk.say(f"{Role.CONTACT} {number}", ", ".join(dict.fromkeys(part for part in known if part)))
    for number, hit in enumerate(hits, first + len(people)):
        words = f"{one_line(hit.contact, NAME_LIMIT)}, {when(hit.at)}: {one_line(hit.words)}"
        desk.say(f"{Role.FOUND} {number}", words)
    if not people and not hits:
        desk.say(Role.NOTICE, f"Nothing holds “{one_line(rest, 80)}”.")


def views(desk: PlainDesk, rest: str) -> None:
    """Say how many contacts each view shows."""
    _takes_nothing(rest, "views")
    for view in View:
        desk.say(Role.VIEW, f"{view}, {many(desk.inbox.contacts.view(view).count(), 'contact')}")


def _takes_nothing(rest: str, word: str) -> None:
    if rest.strip():
        raise MisreadError(f"“{word}” stands alone.")
