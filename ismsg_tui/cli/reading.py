"""Looking at the inbox: `ls`, `show`, `search`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING

import click

from ismsg_tui.cli.files import file_objects, file_words
from ismsg_tui.cli.output import (
    console,
    json_option,
    limit_option,
    lines_table,
    print_json,
    print_lines,
)
from ismsg_tui.cli.session import Session, pass_session
from ismsg_tui.clock import now_ms
from ismsg_tui.domain.entities import Delivery, MessageKind
from ismsg_tui.domain.search_text import find_spans
from ismsg_tui.domain.text import clean, one_line
from ismsg_tui.domain.views import View
from ismsg_tui.domain.words import (
    QUOTE_SIGN,
    author_words,
    delivery_words,
    event_words,
    quote_words,
    span_words,
    undone_words,
    user_name,
)
from ismsg_tui.export import line_object
from ismsg_tui.inbox import Inbox
from ismsg_tui.store.lists import UNREAD_CAP, ListRow
from ismsg_tui.store.outbox import OutboxState
from ismsg_tui.store.search import Hit
from ismsg_tui.store.timeline import ContactCard, Line
from ismsg_tui.times import local, rfc3339, when

if TYPE_CHECKING:
    from rich.text import Text

_EMPTY = {
    View.NEW: "Nobody is waiting.",
    View.OPEN: "No conversation is open.",
    View.ASSIGNED: "Nobody is assigned to you.",
    View.CLOSED: "No conversation has been closed yet.",
    View.SNOOZED: "No conversation is snoozed.",
    View.ALL: "There are no contacts yet: “ismsg import FILE” brings some in, “ismsg demo” invents some.",
}
_KINDS = {MessageKind.OUTGOING: "message", MessageKind.COMMENT: "comment", MessageKind.EVENT: "closing"}
_DIRECTION = {MessageKind.INCOMING: "in", MessageKind.OUTGOING: "out"}
_BAD = (Delivery.FAILED, Delivery.UNCERTAIN)
_WORTH_SAYING = (Delivery.PENDING, *_BAD)


@click.command("ls")
@click.option(
    "--view",
    type=click.Choice([view.value for view in View]),
    default=View.NEW.value,
    show_default=True,
    help="Which contacts.",
)
@limit_option(50)
@json_option
@pass_session
def list_contacts(session: Session, view: str, limit: int, as_json: bool) -> None:
    """List the contacts of a view, who has waited longest first."""
    inbox, chosen = session.inbox, View(view)
    rows = inbox.contacts.view(chosen).page(limit=limit).rows
    if as_json:
        for row in rows:
            print_json(_row_object(inbox, row))
        return
    if not rows:
        click.echo(_EMPTY[chosen])
        return
    _print_rows(inbox, rows)
    more = inbox.contacts.view(chosen).count() - len(rows)
    if more > 0:
        click.echo(f"… and {more:,} more: --limit shows them.")


def _row_object(inbox: Inbox, row: ListRow) -> dict[str, object]:
    channel = inbox.channels.get(row.channel_id or "")
    last = None
    if row.last_kind is not None:
        last = {
            "direction": _DIRECTION.get(row.last_kind),
            "text": row.last_text,
            "at": rfc3339(row.last_at),
            "state": row.last_status.value if row.last_status else None,
        }
    not_sent = None
    if row.unsent is not None and row.unsent_kind is not None:
        not_sent = {"kind": _KINDS[row.unsent_kind], "state": row.unsent.value, "text": row.unsent_text}
    return {
        "id": row.contact_id,
        "name": row.name,
        "channel": channel.name if channel else None,
        "assignee": user_name(row.assignee_id, inbox.users) if row.assignee_id else None,
        "assignee_id": row.assignee_id,
        "status": row.status.value,
        "unread": row.unread,
        "waiting_since": rfc3339(row.waiting_since),
        "snoozed_until": rfc3339(row.snoozed_until),
        "closed_at": rfc3339(row.closed_at),
        "last_message": last,
        "not_sent": not_sent,
    }


def _print_rows(inbox: Inbox, rows: list[ListRow]) -> None:
    from rich.text import Text

    now, users, channels = now_ms(), inbox.users, inbox.channels
    table = lines_table("", "Contact", "Channel", "Waiting", "Assignee", "Last message")
    for row in rows:
        unread = f"{UNREAD_CAP - 1}+" if row.unread >= UNREAD_CAP else str(row.unread or "")
        channel = channels.get(row.channel_id or "")
        if row.unsent is not None and row.unsent_kind is not None:
            words = undone_words(row.unsent_kind, asking=row.unsent is OutboxState.ASKING)
            last = f"{words}: {row.unsent_text or ''}"
        elif row.draft:
            last = f"draft: {row.draft}"
        else:
            last = ("↩ " if row.last_kind is MessageKind.OUTGOING else "") + (row.last_text or "")
        table.add_row(
            Text(unread or ("•" if row.flagged else ""), "bold green"),
            Text(one_line(row.name), "bold" if row.unread or row.flagged else ""),
            Text(one_line(channel.name) if channel else "", "dim"),
            Text(_waiting(row, now)),
            Text(user_name(row.assignee_id, users) if row.assignee_id else "", "dim"),
            Text(one_line(last)),
        )
    print_lines(table)


def _waiting(row: ListRow, now: int) -> str:
    if row.snoozed_until is not None:
        return f"until {when(row.snoozed_until)}"
    if row.closed_at is not None:
        return "closed"
    return span_words(now - row.waiting_since) if row.waiting_since is not None else ""


@click.command("show")
@click.argument("contact")
@limit_option(50)
@json_option
@pass_session
def show(session: Session, contact: str, limit: int, as_json: bool) -> None:
    """Show the newest lines of a contact's timeline, the oldest of them first."""
    inbox = session.inbox
    found = session.contact(contact)
    timeline = inbox.timeline(found.id, limit=limit)
    if as_json:
        for line in timeline:
            thing = line_object(line.message, inbox.users, found.name)
            reason = line.problem or line.message.error or None
            files = file_objects(inbox, line.message.attachments)
            print_json({**thing, "attachments": files, "state": line.state, "reason": reason})
        return
    card = inbox.contacts.card(found.id)
    if card is not None:
        console().print(_heading(inbox, card))
    if not timeline:
        click.echo("Nothing has been written yet.")
    for day, lines in groupby(timeline, key=lambda line: local(line.message.at).date()):
        click.echo(f"\n{day:%A} {day.day} {day:%B %Y}")
        _print_day(inbox, list(lines), found.name)


def _heading(inbox: Inbox, card: ContactCard) -> Text:
    from rich.text import Text

    contact, current = card.contact, card.current
    channel = inbox.channels.get(contact.channel_id or "")
    row = inbox.contacts.row(contact.id)
    status = row.status.value if row else "none"
    parts = [
        channel.name if channel else "",
        "no conversation" if status == "none" else status,
        f"until {when(current.snoozed_until)}" if current and current.snoozed_until is not None else "",
        f"assigned to {user_name(contact.assignee_id, inbox.users)}" if contact.assignee_id else "unassigned",
        "blocked" if contact.blocked else "",
        contact.phone,
        contact.email,
    ]
    details = "".join(f" · {one_line(part)}" for part in parts if part)
    return Text.assemble((one_line(contact.name), "bold"), details)


def _print_day(inbox: Inbox, lines: list[Line], name: str) -> None:
    from rich.cells import cell_len
    from rich.table import Table
    from rich.text import Text

    users = inbox.users
    authors = [author_words(line.message, users, name) for line in lines]
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="dim")
    table.add_column(no_wrap=True, overflow="ellipsis", max_width=min(20, max(cell_len(author) for author in authors)))
    table.add_column(overflow="fold")
    for line, author in zip(lines, authors, strict=True):
        message = line.message
        at = f"{local(message.at):%H:%M}"
        if message.event is not None:
            happened = event_words(message, users, name, when)
            words = Text(_trouble(line) or f"· {happened}", "red" if line.problem else "dim italic")
            table.add_row(at, "", words)
            continue
        words = Text("\n".join([*filter(None, [clean(message.text)]), *map(file_words, message.attachments)]))
        if message.kind is MessageKind.COMMENT:
            words = Text.assemble(("comment: ", "yellow"), words)
        if trouble := _trouble(line):
            words.append(f"  ({trouble})", "red")
        elif message.status in _WORTH_SAYING:
            words.append(f"  ({delivery_words(message.status)})", "red" if message.status in _BAD else "dim")
        if message.reply_to is not None:
            words = Text.assemble((f"{QUOTE_SIGN}{quote_words(line.quoted, users, name)}\n", "dim"), words)
        incoming = message.kind is MessageKind.INCOMING
        table.add_row(at, Text(author, "bold green" if incoming else "bold"), words)
    print_lines(table)


def _trouble(line: Line) -> str:
    """Why a line is not what it looks like: refused, or not sent before the agent says so; "" for all others."""
    if line.outbox not in (OutboxState.REFUSED, OutboxState.ASKING):
        return ""
    words = undone_words(line.message.kind, asking=line.outbox is OutboxState.ASKING)
    event = line.message.event
    note = [one_line(part) for part in (event.category, event.summary) if part] if event else []
    return " · ".join([": ".join(filter(None, (words, one_line(line.problem)))), *note])


@click.command("search")
@click.argument("query")
@limit_option(50)
@json_option
@pass_session
def search(session: Session, query: str, limit: int, as_json: bool) -> None:
    """Find messages and comments that hold every word of QUERY, the newest first."""
    hits = session.inbox.search(query, limit)
    if as_json:
        for hit in hits:
            print_json(
                {
                    "contact_id": hit.contact_id,
                    "contact": hit.contact,
                    "message_id": hit.message_id,
                    "at": rfc3339(hit.at),
                    "text": hit.text,
                }
            )
    elif hits:
        _print_hits(hits, query)
    else:
        click.echo(f"Nothing holds “{one_line(query, 80)}”.")


def _print_hits(hits: list[Hit], query: str) -> None:
    from rich.text import Text

    table = lines_table("When", "Contact", "Text")
    for hit in hits:
        words = Text(_around(hit.words, query))
        for start, end in find_spans(words.plain, query):
            words.stylize("bold reverse", start, end)
        table.add_row(Text(when(hit.at), "dim"), Text(one_line(hit.contact)), words)
    print_lines(table)


def _around(text: str, query: str) -> str:
    """The line of a text in which the search finds its first word, from a little before it on."""
    line = one_line(text, 10_000)
    spans: Iterator[tuple[int, int]] = iter(find_spans(line, query))
    start = next(spans, (0, 0))[0]
    if start <= 30:
        return one_line(line)
    begin = line.rfind(" ", 0, start - 15) + 1 or start - 15
    return "…" + one_line(line[begin:])
