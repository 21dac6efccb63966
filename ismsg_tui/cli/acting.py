"""Working the inbox: `send`, `comment`, `assign`, `open`, `close`, `snooze`, `wake`."""

from __future__ import annotations

from pathlib import Path

import click

from ismsg_tui.cli.errors import FailedError
from ismsg_tui.cli.files import taken_in
from ismsg_tui.cli.session import Session, pass_session, text_of
from ismsg_tui.cli.sound import spoken_in
from ismsg_tui.clock import now_ms
from ismsg_tui.domain.entities import Contact, Snippet
from ismsg_tui.domain.snippets import fill, values_for
from ismsg_tui.domain.snooze_times import EXAMPLES, parse_snooze
from ismsg_tui.domain.text import one_line
from ismsg_tui.domain.words import user_name
from ismsg_tui.times import local, when

_NOBODY = "none"


def _tell(contact: Contact, words: str) -> None:
    click.echo(f"{one_line(contact.name)}: {words}")


@click.command("send")
@click.argument("contact")
@click.argument("text", required=False)
@click.option(
    "--snippet", "snippet_name", metavar="NAME", help="Send this snippet and its files, TEXT below it if there is one."
)
@click.option(
    "--attach",
    "attached",
    type=click.Path(path_type=Path),
    metavar="FILE",
    multiple=True,
    help="Send this file along; may be given several times.",
)
@click.option(
    "--voice",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Send this sound file as a voice note, or as an MP3 where the channel knows none.",
)
@click.option("--reply-to", metavar="ID", help="Quote this message of the contact's; “ismsg show --json” gives ids.")
@click.option("--allow-missing", is_flag=True, help="Send a snippet's variables as they are where a value is missing.")
@pass_session
def send(
    session: Session,
    contact: str,
    text: str | None,
    snippet_name: str | None,
    attached: tuple[Path, ...],
    voice: Path | None,
    reply_to: str | None,
    allow_missing: bool,
) -> None:
    """Send a message, files or both; “-” reads it from standard input. An unassigned contact becomes yours."""
    if text is None and snippet_name is None and not attached and voice is None:
        raise click.UsageError(
            "Say what to send: TEXT, - for standard input, --snippet NAME, --attach FILE, or --voice FILE."
        )
    inbox, to = session.inbox, session.contact(contact)
    snippet = session.snippet(snippet_name) if snippet_name is not None else None
    parts = [_filled(session, snippet, to, allow_missing)] if snippet else []
    if text is not None:
        parts.append(text_of(text))
    channel = inbox.channels.get(to.channel_id or "")
    spoken = (spoken_in(inbox, channel, voice),) if voice else ()
    kept = [inbox.snippets.fitted(file, channel) for file in snippet.attachments] if snippet else []
    files = dict.fromkeys((*kept, *taken_in(inbox, channel, attached), *spoken))
    inbox.reply(to.id, "\n\n".join(filter(None, parts)), tuple(files), reply_to=reply_to)
    if snippet:
        inbox.snippets.use(snippet.id)
    _tell(to, f"waiting to be sent{f' through {one_line(channel.name)}' if channel else ''}.")


def _filled(session: Session, snippet: Snippet, to: Contact, allow_missing: bool) -> str:
    assignee = session.inbox.users.get(to.assignee_id or "") or session.inbox.me
    filled = fill(snippet.text, values_for(to, assignee, local(now_ms())))
    if filled.missing and not allow_missing:
        raise FailedError(
            f"There is no value for {', '.join(filled.missing)} of {to.name}: nothing was sent. "
            "--allow-missing sends the variables as they are."
        )
    return filled.text


@click.command("comment")
@click.argument("contact")
@click.argument("text")
@pass_session
def comment(session: Session, contact: str, text: str) -> None:
    """Write a comment that only the team sees; “-” reads it from standard input, @name tells a teammate."""
    about = session.contact(contact)
    session.inbox.comment(about.id, text_of(text))
    _tell(about, "comment kept.")


@click.command("assign")
@click.argument("contact")
@click.argument("user", metavar="USER|me|none")
@pass_session
def assign(session: Session, contact: str, user: str) -> None:
    """Give a contact to a user, to yourself, or to nobody."""
    inbox, whom = session.inbox, session.contact(contact)
    to = None if user.casefold() == _NOBODY else session.teammate(user)
    done = inbox.assign(whom.id, to.id if to else None)
    words = f"assigned to {user_name(to.id, inbox.users)}" if to else "assigned to nobody"
    _tell(whom, f"{words}." if done else f"{words} already.")


@click.command("open")
@click.argument("contact")
@pass_session
def open_conversation(session: Session, contact: str) -> None:
    """Open a conversation with a contact."""
    whom = session.contact(contact)
    session.inbox.open_conversation(whom.id)
    _tell(whom, "conversation opened.")


@click.command("close")
@click.argument("contact")
@click.option("--category", default="", help="What it was about.")
@click.option("--summary", default="", help="What was said and done.")
@pass_session
def close(session: Session, contact: str, category: str, summary: str) -> None:
    """Close the open conversation with a contact."""
    whom = session.contact(contact)
    session.inbox.close(whom.id, category=category, summary=summary)
    _tell(whom, "conversation closed.")


@click.command("snooze", epilog=f"UNTIL is for instance {EXAMPLES}, tomorrow or monday (09:00, local time).")
@click.argument("contact")
@click.argument("until")
@pass_session
def snooze(session: Session, contact: str, until: str) -> None:
    """Hide a conversation until a time, or until the contact writes."""
    try:
        end = parse_snooze(until, local(now_ms()))
    except ValueError as error:
        raise click.BadParameter(one_line(str(error)), param_hint="UNTIL") from error
    whom = session.contact(contact)
    at = int(end.timestamp() * 1000)
    session.inbox.snooze(whom.id, at)
    _tell(whom, f"snoozed until {when(at)}.")


@click.command("wake")
@click.argument("contact")
@pass_session
def wake(session: Session, contact: str) -> None:
    """End a snooze."""
    whom = session.contact(contact)
    done = session.inbox.wake(whom.id)
    _tell(whom, "awake." if done else "was not snoozed.")
