"""A desk full of texts that mean harm: each of them everywhere where text can stand."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from unittest import mock

from ismsg_tui.clock import now_ms
from ismsg_tui.domain.entities import (
    Attachment,
    Category,
    Channel,
    ClosingNotes,
    Contact,
    Conversation,
    ConversationStatus,
    Delivery,
    Entity,
    Event,
    EventType,
    FileKind,
    Message,
    MessageKind,
    Role,
    Snippet,
    Source,
    User,
    Workspace,
)
from ismsg_tui.domain.ids import content_id
from ismsg_tui.inbox import Inbox
from ismsg_tui.store.drafts import Draft
from ismsg_tui.store.store import Store
from tests.factories import examples
from tests.on_screen import HARD_TEXTS

OWN = {
    "colours": "\x1b[31;5mred\x1b[0m \x1b[38;5;9mred too\x1b[8m gone",
    "cursor": "\x1b[2J\x1b[77;77Hover there\x1b[1;1Hhome\x1b[9A\x1b[K",
    "modes": "\x1b[?1049l\x1b[?25h\x1b[?1000l\x1b[?2004l\x1b[?5h\x1b[4h\x1b[?7h",
    "clipboard": "copy \x1b]52;c;Y3VybCBldmlsIHwgc2g=\x07this \x1b]52;c;?\x1b\\and that",
    "title": "\x1b]0;owned\x07title \x1b]2;owned\x1b\\ \x1b]l owned\x1b\\",
    "link": "\x1b]8;;https://evil.example\x1b\\your invoice\x1b]8;;\x1b\\",
    "eight bits": "a\x9b31mb\x9d0;owned\x9cc\x90q\x9cd\x85e\x8df",
    "strings": "\x1bPq#0!200~\x1b\\\x1b_Gf=100;x\x1b\\\x1b^pm\x1b\\\x1bXsos\x1b\\ \x1bPtmux;\x1b\x1b]0;owned\x07\x1b\\",
    "unended": "before \x1b]0;owned and no end",
    "unended more": "before \x1b[38;2;1",
    "keyboard": "\x1b[>31u\x1b[<9u\x1b[c\x1b[5n\x1b[?2048h\x1b[201~\x1bc\x1b(0qqq\x0e",
    "controls": "a\x00b\x07c\x08\x08\x08d\x0be\x0cf\x1ag\x7fh\x05\rover\r\nnext",
    "directions": "\u202eevil\u202c \u2066hidden\u2069 \u200fmark\u200e \u061c",
    "unseen": "a\u200b\u2060\ufeff\u00adb\U000e0041\U000e0042\u2028c\u2029d",
    "halves": "\ud83d alone \ude00 and \udc9b31m surrogates",
    "marks": "Z" + "\u0335\u0301\u0327" * 60 + " calm",
    "markup": "[bold red]loud[/] [@click=app.quit]go[/] [link='https://evil.example']link[/] [/] [$error]x[/$error]",
    "broken markup": "[bold][[/bold]] [ \\[ [/nothing] [red on] [@click=app.bell()",
    "tabs": "one\ttwo\t\tfour\n\tindented\t\n\t",
    "variables": "$contact.name ${x} %s {0} {contact} :smile: &lt;b&gt;",
    "long": "all in one word " + "W" * 3_000,
    "wide": "家" * 500,
    "nothing": " \u200b\n \t\n",
    "links": "https://bank.example@evil.example\\ https://аррӏе.com/\u202egnp.exe javascript:x www.\x1b[31mx.com",
}
"""Texts for when there are no others, and those that all others stand for."""

TEXTS = OWN | HARD_TEXTS
MARK = "mark"
"""Begins a word that names the text, at the end of each conversation and in each snippet."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_NOW = now_ms()


def some(every: int) -> list[str]:
    """All texts of our own, and one in so many of the others; `ISMSG_TEST_EXAMPLES` multiplies how many."""
    return [*OWN.values(), *list(HARD_TEXTS.values())[:: max(1, every // examples(1))]]


class HostileDesk:
    """A store with a contact, a snippet, a tag, a field, a draft, a note and so on for each text."""

    def __init__(self, folder: Path, texts: Sequence[str], *, unclean: bool = False) -> None:
        """`unclean` leaves out the cleaning at the store's door, as if the texts had found another way in."""
        self.folder, self.texts = folder, texts
        self.ana = User(id=content_id(0, "ana"), name="Ana", email="ana@example.org", role=Role.AGENT)
        self.users = [
            User(id=content_id(0, "user", str(index)), name=text, team=text, email=text)
            for index, text in enumerate(texts)
        ]
        self.channels = [
            Channel(id=content_id(0, "channel", str(index)), kind=text, name=text, text_limit=50_000)
            for index, text in enumerate(texts)
        ]
        store = Store(folder)
        if unclean:
            with (
                mock.patch("ismsg_tui.store.rows.clean", _storable),
                mock.patch("ismsg_tui.store.drafts.clean", _storable),
            ):
                self._fill(store)
        else:
            self._fill(store)
        store.close()

    def _fill(self, store: Store) -> None:
        categories = tuple(Category(text, text) for text in self.texts[:40])
        workspace = Workspace(
            id=content_id(0, "workspace"),
            name=self.texts[0],
            categories=categories,
            closing_notes=ClosingNotes.OPTIONAL,
        )
        rows: list[Entity] = [workspace, self.ana, *self.users, *self.channels]
        for index in range(len(self.texts)):
            rows += self._contact(index)
        store.adopt(rows)
        inbox = Inbox(store, self.ana.id)
        for index, text in enumerate(self.texts):
            inbox.store.save_draft(self.ana.id, self.contact_id(index), Draft(text), _NOW)

    def contact_id(self, index: int) -> str:
        """The contact of a text."""
        return content_id(0, "contact", str(index))

    def _contact(self, index: int) -> Iterator[Entity]:
        """Everything about the contact of a text, the newest contact first."""
        text, contact_id = self.texts[index], self.contact_id(index)
        user, at = self.users[index], _NOW - (index + 1) * 60_000
        channel = self.channels[index].id
        talk = content_id(0, "talk", str(index))
        yield Contact(
            id=contact_id,
            first_name=text,
            phone=text,
            email=text,
            country=text,
            language=text,
            tags=(text, text),
            fields={text: text, "note": text},
            assignee_id=user.id,
            channel_id=channel,
        )
        for number, status in enumerate((ConversationStatus.CLOSED, ConversationStatus.OPEN)):
            yield Conversation(
                id=talk if number else content_id(0, "earlier talk", str(index)),
                contact_id=contact_id,
                status=status,
                opened_at=at - 30_000 + number,
                opened_source=Source.CONTACT,
                closed_at=None if number else at - 20_000,
                closed_by=user.id,
                closed_by_team=text,
                category=text,
                summary=text,
                waiting_since=at - 10_000 if number else None,
                last_incoming_at=at - 10_000,
            )
        said = [
            (MessageKind.INCOMING, Source.CONTACT, None, None),
            (MessageKind.OUTGOING, Source.USER, user.id, Delivery.READ),
            (MessageKind.COMMENT, Source.USER, user.id, None),
            (MessageKind.OUTGOING, Source.USER, user.id, Delivery.FAILED),
        ]
        happened = [
            Event(type=EventType.CLOSED, source=Source.USER, category=text, summary=text),
            Event(type=EventType.ASSIGNED, source=Source.USER, assignee_id=user.id, previous_id=user.id),
            Event(type=EventType.CLOSED, source=Source.TIMER, category=f"{MARK}{index:03}"),
        ]
        file = Attachment(name=text, kind=FileKind.FILE, mime=text, size=1_000 + index, sha256=f"{index:064x}")
        for number, (kind, source, author, delivery) in enumerate(said):
            yield Message(
                id=content_id(at, "message", str(index), str(number)),
                contact_id=contact_id,
                conversation_id=talk,
                kind=kind,
                at=at - 10_000 + number,
                text=text,
                channel_id=channel,
                author_id=author,
                source=source,
                status=delivery,
                error=text,
                attachments=(file,) if number == 1 else (),
                reply_to=content_id(at, "message", str(index), "0") if number == 1 else None,
            )
        for number, event in enumerate(happened):
            yield Message(
                id=content_id(at, "event", str(index), str(number)),
                contact_id=contact_id,
                conversation_id=talk,
                kind=MessageKind.EVENT,
                at=at - 5_000 + number,
                author_id=user.id if event.source is Source.USER else None,
                source=event.source,
                event=event,
            )
        yield Snippet(id=content_id(0, "snippet", str(index)), name=text, text=f"{MARK}{index:03} {text}", topic=text)


def _storable(text: str) -> str:
    """As little cleaning as SQLite asks for."""
    return _SURROGATE.sub("?", text)
