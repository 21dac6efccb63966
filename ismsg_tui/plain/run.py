"""The loop of the line mode: announce, ask, obey, until the agent leaves."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import NamedTuple

from ismsg_tui.domain.text import one_line
from ismsg_tui.domain.views import View
from ismsg_tui.finding import NotFoundError
from ismsg_tui.inbox import Inbox, RefusedError
from ismsg_tui.logs import start_log
from ismsg_tui.plain import acting, looking, unsent, writing
from ismsg_tui.plain.desk import MisreadError, PlainDesk
from ismsg_tui.plain.leaving import leaving_on_signals
from ismsg_tui.plain.lines import VIEW_WORDS
from ismsg_tui.plain.talk import Role, Talk
from ismsg_tui.store.connection import DatabaseError
from ismsg_tui.sync.authority import Authority
from ismsg_tui.sync.engine import Sync

log = logging.getLogger(__name__)

FAILED, MISREAD = 1, 2
"""What a script ends with where something was refused or failed, or was not understood."""


class Word(NamedTuple):
    """A word that the line mode obeys."""

    name: str
    takes: str
    help: str
    do: Callable[[PlainDesk, str], None]


WORDS = (
    Word("list", "view", "who is in a view, with numbers", looking.list_contacts),
    Word("next", "", "reads who has waited longest", looking.read_next),
    Word("read", "number or name", "reads a conversation; everything below applies to it", looking.read),
    Word("more", "", "what was written before, or the rest of a list", looking.more),
    Word("reply", "text", "sends the text, or the lines up to a single full stop", writing.reply),
    Word("comment", "text", "the same for the team alone; @name tells a teammate", writing.comment),
    Word("quote", "words or none", "has the next reply quote the newest message, or one with the words", writing.quote),
    Word("snippet", "words", "chooses a stored reply and sends it", writing.snippet),
    Word("assign", "name, me or none", "gives the contact to somebody", acting.assign),
    Word("close", "category summary", "closes the conversation", acting.close),
    Word("snooze", "when", "hides it until then, for instance 2h or fri 9:00", acting.snooze),
    Word("wake", "", "ends the snooze", acting.wake),
    Word("open", "", "opens a conversation", acting.open_conversation),
    Word("unread", "", "marks the contact unread", acting.mark_unread),
    Word("undo", "", "takes back the last message, closing, snooze or assignment", acting.undo),
    Word("unsent", "", "what was not sent and why, with numbers", unsent.unsent),
    Word("retry", "number", "sends what was not sent once more", unsent.retry),
    Word("edit", "number", "makes a draft of what was not sent", unsent.edit),
    Word("discard", "number", "discards what was not sent", unsent.discard),
    Word("search", "words", "finds contacts and messages, with numbers", looking.search),
    Word("views", "", "how many contacts each view shows", looking.views),
)
HELP, QUIT = "help", "quit"
_BY_NAME = {word.name: word for word in WORDS}


def run_plain(inbox: Inbox, *, authority: Authority | None = None, talk: Talk | None = None) -> int:
    """Work the inbox line by line until the agent leaves; returns the exit code.

    A script, which is what comes from a pipe, ends with 1 if something was refused or failed, and with 2 if something
    was not understood; somebody at a terminal was told and ends with 0.
    """
    start_log(inbox.store.path.parent)
    desk = PlainDesk(inbox, talk or Talk.standard())
    sync = Sync(inbox.store, authority, on_refused=desk.refused.append) if authority else None
    if sync is not None:
        sync.start()
    try:
        with leaving_on_signals():
            return _obey_all(desk)
    finally:
        if sync is not None:
            sync.stop()


def _obey_all(desk: PlainDesk) -> int:
    inbox = desk.inbox
    name, workspace = one_line(inbox.me.name), one_line(inbox.workspace.name)
    view_rows = inbox.contacts.view
    counts = ", ".join(f"{view_rows(view).count():,} {VIEW_WORDS[view]}" for view in (View.NEW, View.ASSIGNED))
    desk.say(Role.NOTICE, f"{workspace}, you are {name}. {counts}. {HELP} says what you can do.")
    code = 0
    while True:
        try:
            desk.announce()
            typed = desk.talk.ask(desk.prompt)
            if typed.strip().casefold() == QUIT:
                break
            code = max(code, obey(desk, typed))
        except EOFError:
            break
        except KeyboardInterrupt:
            if not desk.talk.interactive:
                raise
            desk.say(Role.NOTICE, "Cancelled.")
    return 0 if desk.talk.interactive else code


def obey(desk: PlainDesk, typed: str) -> int:
    """Do what a line says; returns 0, FAILED or MISREAD. Raises EOFError and KeyboardInterrupt from questions."""
    if not typed.strip():
        return 0
    name, rest = [*typed.split(maxsplit=1), ""][:2]
    try:
        if name.casefold() == HELP:
            _help(desk)
        elif name.casefold() in _BY_NAME:
            _BY_NAME[name.casefold()].do(desk, rest)
        else:
            raise MisreadError(f"“{one_line(name, 40)}” is no word here: {HELP} says those there are.")
    except MisreadError as error:
        desk.say(Role.ERROR, str(error))
        return MISREAD
    except NotFoundError as error:
        desk.say(Role.ERROR, str(error))
        desk.name_candidates(error)
        return FAILED
    except RefusedError as error:
        desk.say(Role.ERROR, str(error))
        return FAILED
    except DatabaseError as error:
        log.exception("a change could not be stored")
        desk.say(Role.ERROR, f"Not stored: {error}.")
        return FAILED
    return 0


def _help(desk: PlainDesk) -> None:
    for word in WORDS:
        desk.say(Role.WORD, f"{word.name}{f', then {word.takes}' if word.takes else ''}: {word.help}.")
    desk.say(Role.WORD, f"{QUIT}: leaves; so does the end of the input. Ctrl+C cancels what is being typed.")
