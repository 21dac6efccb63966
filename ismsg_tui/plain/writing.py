"""The words of the line mode for writing: reply, comment, snippet."""

from __future__ import annotations

from msgspec.structs import replace

from ismsg_tui.clock import now_ms
from ismsg_tui.domain.commands import Issued
from ismsg_tui.domain.entities import MessageKind, Snippet
from ismsg_tui.domain.matching import Query
from ismsg_tui.domain.media import size_words
from ismsg_tui.domain.search_text import search_form
from ismsg_tui.domain.snippets import fill, values_for
from ismsg_tui.domain.text import clean, file_name, one_line
from ismsg_tui.inbox import RefusedError
from ismsg_tui.plain.desk import MisreadError, PlainDesk
from ismsg_tui.plain.talk import Role
from ismsg_tui.store.drafts import Draft
from ismsg_tui.times import local

END = "."
"""The line that ends a text."""
NONE = "none"
"""What takes the quote away."""
QUOTABLE = 200
"""How many of the newest lines are looked through for a message to quote."""
CHOICES = 9
"""Snippets that are said at once."""


def reply(desk: PlainDesk, rest: str) -> None:
    """Send a message: what follows, or else the lines up to a single full stop."""
    _write(desk, rest, comment=False)


def comment(desk: PlainDesk, rest: str) -> None:
    """Write a comment that only the team sees, in the same two ways."""
    _write(desk, rest, comment=True)


def _write(desk: PlainDesk, text: str, *, comment: bool) -> None:
    contact_id = desk.contact().id
    if not text.strip():
        _compose(desk, contact_id, comment=comment)
        return
    before = desk.inbox.drafts.read(contact_id)
    try:
        _send(desk, contact_id, Draft(text, comment, reply_to=before.reply_to))
        if not comment:
            _quoted(desk, contact_id, before)
    except RefusedError:
        whole = f"{before.text}\n\n{text}" if before.text else text
        desk.inbox.drafts.save(contact_id, replace(before, text=whole, comment=comment or before.comment))
        desk.say(Role.NOTICE, "The text is kept as a draft.")
        raise


def _quoted(desk: PlainDesk, contact_id: str, draft: Draft) -> None:
    """The quote of a draft has gone with a message that was no part of it."""
    if draft.reply_to is not None:
        desk.inbox.drafts.save(contact_id, replace(draft, reply_to=None))


def _send(desk: PlainDesk, contact_id: str, draft: Draft, *, drop_draft: bool = False) -> None:
    if draft.comment:
        desk.inbox.comment(contact_id, draft.text, drop_draft=drop_draft)
        left = Draft(attachments=draft.attachments, reply_to=draft.reply_to)
        if drop_draft and left != Draft():  # files and quote wait for the reply
            desk.inbox.drafts.save(contact_id, left)
        desk.say(Role.DONE, f"Comment on {desk.name()} kept, for the team alone.")
        return
    desk.inbox.reply(contact_id, draft.text, draft.attachments, reply_to=draft.reply_to, drop_draft=drop_draft)
    say_sent(desk)


def say_sent(desk: PlainDesk) -> None:
    """Say where a message went and whether it can be taken back."""
    channel = desk.inbox.channels.get(desk.contact().channel_id or "")
    through = f" through {one_line(channel.name)}" if channel else ""
    seconds = desk.inbox.hold / 1000
    back = f" It leaves in {seconds:g} seconds; undo takes it back." if seconds else ""
    desk.say(Role.DONE, f"Message to {desk.name()}{through}.{back}")


def _compose(desk: PlainDesk, contact_id: str, *, comment: bool) -> None:
    """Take lines until the single full stop; what is there is kept as the draft after each."""
    draft = _begin(desk, contact_id, comment=comment)
    if draft is None:
        return
    lines = draft.text.split("\n") if draft.text else []
    what = "Comment on" if comment else "Message to"
    does = "keeps it" if comment else "sends it"
    desk.say(Role.NOTICE, f"{what} {desk.name()}, line by line. A full stop alone {does}, Ctrl+C leaves it as a draft.")
    try:
        while (line := desk.talk.ask(f"Line {len(lines) + 1}")) != END:
            lines.append(line)
            desk.inbox.drafts.save(contact_id, replace(draft, text="\n".join(lines)))
    except (EOFError, KeyboardInterrupt) as stop:
        desk.say(Role.NOTICE, "Not sent: it is kept as a draft." if lines else "Not sent.")
        if isinstance(stop, EOFError) or not desk.talk.interactive:
            raise
        return
    text = "\n".join(lines).strip()
    if not text and not draft.attachments:
        desk.inbox.drafts.save(contact_id, Draft(reply_to=draft.reply_to))
        desk.say(Role.NOTICE, "Nothing was written, and nothing sent.")
        return
    try:
        _send(desk, contact_id, replace(draft, text=text), drop_draft=True)
    except RefusedError:
        desk.say(Role.NOTICE, "The text is kept as a draft.")
        raise


def _begin(desk: PlainDesk, contact_id: str, *, comment: bool) -> Draft | None:
    """The draft to go on with, an empty one to start anew, or None to let it be."""
    draft = desk.inbox.drafts.read(contact_id)
    empty = Draft(comment=comment, reply_to=draft.reply_to)
    if draft.blank:
        return empty
    desk.say(Role.DRAFT, draft.text)
    desk.say_files(draft.attachments)
    if draft.comment is not comment:
        what, word = ("a comment", "comment") if draft.comment else ("a message", "reply")
        if desk.talk.agrees(f"This is an unfinished draft of {what}. Throw it away?"):
            return empty
        desk.say(Role.NOTICE, f"It stays: {word} goes on with it.")
        return None
    return draft if desk.talk.agrees("Go on with this draft? No throws it away.") else empty


def quote(desk: PlainDesk, rest: str) -> None:
    """Have the next reply quote a message: the contact's newest, or the newest that holds the words."""
    contact_id, wanted = desk.contact().id, rest.strip()
    draft = desk.inbox.drafts.read(contact_id)
    if wanted.casefold() == NONE:
        desk.inbox.drafts.save(contact_id, replace(draft, reply_to=None))
        desk.say(Role.DONE, "The reply quotes nothing." if draft.reply_to else "The reply quoted nothing.")
        return
    form = search_form(wanted).strip()
    if wanted and not form:
        raise MisreadError("Say quote alone, quote and words of the message, or quote none.")
    kinds = (MessageKind.INCOMING, MessageKind.OUTGOING) if form else (MessageKind.INCOMING,)
    lines = desk.inbox.timeline(contact_id, limit=QUOTABLE)
    said = [line.message for line in reversed(lines) if line.message.kind in kinds]
    found = next((message for message in said if form in search_form(message.text)), None)
    if found is None:
        holds = f" that holds “{one_line(wanted, 80)}”" if form else ""
        desk.say(Role.NOTICE, f"There is no message{holds} to quote.")
        return
    desk.inbox.drafts.save(contact_id, replace(draft, reply_to=found.id))
    desk.say_quote(found.id)


def snippet(desk: PlainDesk, rest: str) -> None:
    """Choose a stored reply, hear what it will say, and send it."""
    contact = desk.contact()
    chosen = _chosen_snippet(desk, contact.id, rest)
    if chosen is None:
        return
    assignee = desk.inbox.users.get(contact.assignee_id or "") or desk.inbox.me
    filled = fill(clean(chosen.text), values_for(contact, assignee, local(now_ms())))
    channel = desk.inbox.channels.get(contact.channel_id or "")
    files = tuple(desk.inbox.snippets.fitted(file, channel) for file in chosen.attachments)
    if filled.text:
        desk.say(Role.TEXT, filled.text)
    for file in files:
        desk.say(Role.NOTICE, f"With it goes {file_name(file.name)}, {size_words(file.size)}.")
    if filled.missing:
        desk.say(Role.NOTICE, f"No value for {', '.join(filled.missing)}: it would be sent as it stands.")
    if not desk.talk.agrees(f"Send this to {desk.name()}?"):
        desk.say(Role.NOTICE, "Not sent.")
        return
    draft = desk.inbox.drafts.read(contact.id)
    issued: Issued | None = desk.inbox.reply(contact.id, filled.text, files, reply_to=draft.reply_to)
    _quoted(desk, contact.id, draft)
    if issued is not None:
        desk.inbox.snippets.use(chosen.id)
    say_sent(desk)


def _chosen_snippet(desk: PlainDesk, contact_id: str, rest: str) -> Snippet | None:
    """The snippet that the agent chooses among those that hold the words."""
    found = desk.inbox.snippets.ranked(contact_id)
    query = Query(rest)
    if query:
        forms = (([search_form(item.name)], search_form(f"{item.topic} {item.text}")) for item in found)
        found = [found[index] for index in query.rank(forms)]
    if not found:
        what = f"No snippet holds “{one_line(rest, 80)}”." if query else "There are no snippets yet."
        desk.say(Role.NOTICE, what)
        return None
    for number, item in enumerate(found[:CHOICES], 1):
        topic = f", {one_line(item.topic)}" if item.topic else ""
        words = one_line(item.text) or ", ".join(file_name(file.name) for file in item.attachments)
        desk.say(f"{Role.SNIPPET} {number}", f"{one_line(item.name, 128)}{topic}: {words}")
    if len(found) > CHOICES:
        desk.say(Role.NOTICE, f"{len(found) - CHOICES} others: say snippet and a word of the one you want.")
    typed = desk.talk.ask("Number of the snippet").strip()
    if not typed:
        desk.say(Role.NOTICE, "None was taken.")
        return None
    if not (typed.isascii() and typed.isdigit() and 1 <= int(typed[:4]) <= min(len(found), CHOICES)):
        raise MisreadError(f"There is no snippet {one_line(typed, 20)} among these.")
    return found[int(typed) - 1]
