"""A small inbox in a real store, and the console on it, for tests that press keys."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from textual.pilot import Pilot
from textual.widget import Widget

from ismsg_tui.app import IsmsgApp
from ismsg_tui.clock import new_id, now_ms
from ismsg_tui.config import Config
from ismsg_tui.domain.commands import Actor, Issued, ReceiveMessage
from ismsg_tui.domain.entities import Channel, ClosingNotes, Contact, Snippet, Source, Workspace
from ismsg_tui.domain.media import media_of
from ismsg_tui.domain.rules import decide
from ismsg_tui.domain.views import View
from ismsg_tui.inbox import Inbox
from ismsg_tui.store.loading import load_state
from ismsg_tui.store.store import Store
from tests.factories import ANA, BEN, CATEGORIES
from tests.waiting import ELSEWHERE, turn_until

GUEST = Actor(None, Source.CONTACT)
CHANNEL = Channel(id=new_id(), kind="whatsapp", name="WhatsApp", text_limit=4_096, media=media_of("whatsapp"))

TURNS = 10
"""After so many turns nobody waits any longer for a console that is never at rest."""


def open_inbox(
    folder: Path, names: tuple[str, ...] = ("Mai Tran", "Omar Haddad", "Lena Fischer"), *, hold: int = 0
) -> Inbox:
    """An inbox in `folder` worked by Ana; each of `names` has written and waits, the first named the longest."""
    store = Store(folder)
    if not store.settings.workspace.id:
        workspace = Workspace(
            id=new_id(), name="Harbour Hotel", categories=CATEGORIES, closing_notes=ClosingNotes.CATEGORY
        )
        store.adopt([workspace, ANA, BEN, CHANNEL])
        start = now_ms() - len(names) * 60_000
        for index, name in enumerate(names):
            first, _, last = name.partition(" ")
            contact = Contact(id=new_id(), first_name=first, last_name=last, channel_id=CHANNEL.id)
            store.adopt([contact])
            had_received(store, contact.id, f"hello, this is {first}", at=start + index * 60_000)
    return Inbox(store, ANA.id, hold=hold)


def receive(store: Store, contact_id: str, text: str, *, at: int | None = None) -> None:
    """Have a contact write, after all that the console has done so far."""
    store.execute(_said(contact_id, text, at))


def had_received(store: Store, contact_id: str, text: str, *, at: int | None = None) -> None:
    """Have a contact have written, as an authority tells it: no real one lets a console say what a contact wrote."""
    had_done(store, _said(contact_id, text, at))


def had_done(store: Store, issued: Issued) -> None:
    """Have somebody have done something, as an authority tells it: it stays whatever authority the console is given."""
    rows = decide(load_state(store.reader, store.settings, issued), issued)
    assert isinstance(rows, list)
    store.adopt(rows)


def _said(contact_id: str, text: str, at: int | None) -> Issued:
    return Issued(new_id(), ReceiveMessage(contact_id, text, CHANNEL.id), GUEST, at or now_ms())


def add_snippets(inbox: Inbox) -> None:
    """Two stored replies, one with a variable that has no value."""
    inbox.snippets.save(Snippet(id=new_id(), name="hello", text="Hello $contact.firstname, how can I help?"))
    inbox.snippets.save(Snippet(id=new_id(), name="city", text="We deliver to $contact.city."))


def contact_named(inbox: Inbox, name: str) -> str:
    """The id of the contact of that name."""
    (found,) = inbox.contacts.resolve(name)
    return found.id


def names_in(inbox: Inbox, view: View) -> list[str]:
    """The names that a view shows, in its order."""
    return [row.name for row in inbox.contacts.view(view).page().rows]


@asynccontextmanager
async def console(inbox: Inbox, size: tuple[int, int] = (120, 36)) -> AsyncIterator[Pilot[int]]:
    """The console on an inbox, headless."""
    app = IsmsgApp(inbox, Config())
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        yield pilot


async def settle(pilot: Pilot[int]) -> None:
    """Wait until what was asked for is read, stored and painted."""
    app = pilot.app
    assert isinstance(app, IsmsgApp)
    turns, quiet = 0, False
    while turns < TURNS and not (turns >= 3 and quiet):
        turns += 1
        await pilot.pause()
        quiet = await ELSEWHERE.at_rest()
        await app.writing.run(lambda: None)
        app.repaint_changes()
        await pilot.pause()


async def settle_until(pilot: Pilot[int], happened: Callable[[], object]) -> None:
    """Wait until something is so, and what was asked for meanwhile is stored and painted."""
    await settle(pilot)
    await turn_until(lambda: settle(pilot), happened, lambda: seen_by(pilot))


async def until_seen(pilot: Pilot[int], words: str) -> None:
    """Wait until the screen shows something, or something is notified."""
    await settle_until(pilot, lambda: words in seen_by(pilot))


def seen_by(pilot: Pilot[int]) -> str:
    """What the screen shows, and every notification as a whole."""
    return "\n".join([on_screen(pilot), *(note.message for note in pilot.app._notifications)])


async def press(pilot: Pilot[int], *keys: str) -> None:
    """Press keys and wait for what follows."""
    for key in keys:
        await pilot.press(key)
    await settle(pilot)


async def write(pilot: Pilot[int], text: str) -> None:
    """Type a text, key by key."""
    names = {" ": "space", "\n": "ctrl+j", "/": "slash", "@": "at", ":": "colon", ".": "full_stop", ",": "comma"}
    await press(pilot, *(names.get(character, character) for character in text))


def on_screen(pilot: Pilot[int]) -> str:
    """Everything that the screen shows, as text."""
    app = pilot.app
    width, _ = app.size
    strips = app.screen._compositor.render_strips()
    return "\n".join(strip.text[:width] for strip in strips)


def shown_by(pilot: Pilot[int], kind: type[Widget]) -> list[str]:
    """The lines that one widget shows, its scrollbar left out."""
    region = pilot.app.screen.query_one(kind).scrollable_content_region
    lines = pilot.app.screen._compositor.render_strips()[region.y : region.bottom]
    return [line.crop(region.x, region.right).text for line in lines]
