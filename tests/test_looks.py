"""What the console looks like, compared with pictures that somebody has looked at.

After a change that is meant to be seen: `pytest tests/test_looks.py --snapshot-update`, and look at the pictures.
"""

from __future__ import annotations

import importlib.metadata
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from pytest_textual_snapshot import SVGImageExtension  # type: ignore[import-untyped]
from textual.pilot import Pilot

from ismsg_tui.app import IsmsgApp
from ismsg_tui.clock import stand_still
from ismsg_tui.config import Config
from ismsg_tui.domain.commands import (
    Actor,
    AddComment,
    AssignContact,
    CloseConversation,
    Command,
    Issued,
    MarkRead,
    ReceiveMessage,
    SendMessage,
    SetDelivery,
    SnoozeConversation,
)
from ismsg_tui.domain.entities import ClosingNotes, Contact, Delivery, MessageKind, Snippet
from ismsg_tui.domain.views import View
from ismsg_tui.inbox import Inbox
from ismsg_tui.store.drafts import Draft
from ismsg_tui.store.store import Store
from tests.desk_setup import CHANNEL, contact_named, press, settle
from tests.factories import ANA, BEN, BY_ANA, BY_BEN, GUEST, HOUR, MINUTE, WORKSPACE, Book, uid

PYTHON = (3, 11)
"""The Python on which the pictures are drawn."""
NOON = 1_773_316_800_000
"""A Thursday in March 2026, in UTC."""
DRAWN_BY = ("textual", "rich")

HEARD = (
    ("Lena Fischer", 200, ["Is there parking at the house?"]),
    ("Omar Haddad", 75, ["السلام عليكم", "How do we get to you from the station?"]),
    ("晓雨 林", 55, ["你好，还有房间能看到海吗？", "我们一家四口，三晚。"]),
    ("Tyler Brooks", 48, ["the wifi drops every five minutes", "I have a call at 3 😬"]),
    ("Mai Trần", 24, ["Hello, we land at 14:00 with the little one.", "Is our room ready? 🙏"]),
    ("Margaret Ashdown-Featherstonehaugh of Little Wittering", 12, ["It may be on the hall table."]),
    ("Noor", 1.5, ["hi"]),
)
"""Who wrote how many minutes ago, a third of a minute between their messages."""
CARD: dict[str, Any] = {
    "phone": "+15550100",
    "language": "en",
    "tags": ("family", "late arrival"),
    "fields": {"room": "12", "arrival": "18 March"},
}
SNIPPETS = [
    Snippet(id=uid(), name=name, text=text, topic=topic)
    for name, topic, text in (
        ("check-in", "arrival", "Your room is ready from 15:00, $contact.firstname; we keep your luggage until then."),
        ("late arrival", "arrival", "The night porter lets you in: ring twice. Shall we leave supper in your room?"),
        ("cot", "rooms", "There is a cot in your room, $contact.firstname. Do you need a high chair at breakfast too?"),
        ("wifi", "rooms", "The network is HarbourGuest and the password is on the card in your room."),
        ("parking", "house", "There is parking behind the house, 12 € a night.\n\nThe gate opens with your room card."),
        ("delivery", "house", "We deliver to $contact.city."),
    )
]

Looks = Callable[..., bool]

# The plugin names the ending of its files as syrupy did before version 5.
SVGImageExtension.file_extension = "svg"


def locked(name: str) -> str:
    """The version of a package that the checkout is developed with."""
    packages = tomllib.loads((Path(__file__).parents[1] / "uv.lock").read_text())["package"]
    return next(str(package["version"]) for package in packages if package["name"] == name)


@pytest.fixture(autouse=True)
def same_everywhere(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One moment and one time zone; no comparison with what other versions draw, and no pictures of theirs."""
    for name in DRAWN_BY:
        if (here := importlib.metadata.version(name)) != (there := locked(name)):
            pytest.skip(f"the pictures were drawn by {name} {there}, not {here}")
    if request.config.getoption("update_snapshots") and sys.version_info[:2] != PYTHON:
        pytest.fail(f"The pictures are drawn on Python {PYTHON[0]}.{PYTHON[1]} only.")
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    # How long a test takes must not decide what counts as read.
    monkeypatch.setattr("ismsg_tui.screens.conversation_pane.READ_DELAY", 3_600)
    stand_still(NOON)
    yield
    stand_still(None)
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    """A day at the desk: who waits, who was answered, a comment, a draft, a snooze, something that failed."""
    book = Book([replace(WORKSPACE, name="Harbour Hotel", closing_notes=ClosingNotes.CATEGORY), ANA, BEN, CHANNEL])

    def happened(minutes: float, command: Command, actor: Actor = BY_ANA) -> None:
        book.carry_out(Issued(uid(), command, actor, NOON - round(minutes * MINUTE)))

    def sent(contact_id: str) -> str:
        return [line.id for line in book.lines(contact_id) if line.kind is MessageKind.OUTGOING][-1]

    people = {}
    for name, minutes, texts in HEARD:
        first, _, last = name.partition(" ")
        contact = Contact(id=uid(), first_name=first, last_name=last, channel_id=CHANNEL.id, **CARD)
        people[first] = contact.id
        book.write([contact])
        for number, text in enumerate(texts):
            happened(minutes - number / 3, ReceiveMessage(contact.id, text, CHANNEL.id), GUEST)
    mai, omar = people["Mai"], people["Omar"]
    happened(21, SendMessage(mai, "Good morning Mai! Nearly: the housekeeping is on its way up."))
    happened(20, SetDelivery(mai, sent(mai), Delivery.READ), GUEST)
    happened(19, AddComment(mai, "They come with a baby: @Ben Okoye, is there a cot left?", (BEN.id,)))
    happened(3, ReceiveMessage(mai, "thank you! 🙏 and is there a cot?", CHANNEL.id), GUEST)
    happened(60, SendMessage(omar, "The tram, line 4, every ten minutes."), BY_BEN)
    happened(59, SetDelivery(omar, sent(omar), Delivery.FAILED, "the number does not exist"), GUEST)
    happened(90, SnoozeConversation(people["Lena"], NOON + 5 * HOUR))
    happened(50, AssignContact(people["晓雨"], ANA.id))
    happened(40, CloseConversation(people["Tyler"], "Refund", "Two nights given back."))
    for contact_id in (people["Tyler"], people["Noor"], mai):
        happened(2, MarkRead(contact_id, NOON - 10 * MINUTE))
    store = Store(tmp_path)
    store.adopt([*book.rows.values(), *SNIPPETS])
    inbox = Inbox(store, ANA.id)
    inbox.reply(people["Noor"], "Good day Noor, what can we do for you?")
    inbox.drafts.save(mai, Draft("Yes, it is already in"))
    return inbox


async def answer(pilot: Pilot[int]) -> None:
    """Go to the contact whose conversation is the richest."""
    app = pilot.app
    assert isinstance(app, IsmsgApp)
    app.desk.show_view(View.OPEN, contact_named(app.inbox, "Mai Trần"))
    await settle(pilot)


def looks(snap_compare: Looks, inbox: Inbox, size: tuple[int, int], *keys: str, theme: str = "ismsg-dark") -> bool:
    """Whether the console looks as in its picture after some keys."""

    async def go(pilot: Pilot[int]) -> None:
        await settle(pilot)
        await answer(pilot)
        await press(pilot, *keys)

    return snap_compare(IsmsgApp(inbox, Config(theme=theme)), terminal_size=size, run_before=go)


def test_the_list_in_a_small_terminal(snap_compare: Looks, inbox: Inbox) -> None:
    assert looks(snap_compare, inbox, (80, 24))


def test_the_conversation_in_a_small_terminal(snap_compare: Looks, inbox: Inbox) -> None:
    assert looks(snap_compare, inbox, (80, 24), "l")


def test_the_desk(snap_compare: Looks, inbox: Inbox) -> None:
    assert looks(snap_compare, inbox, (120, 36))


def test_the_desk_with_the_contact_card(snap_compare: Looks, inbox: Inbox) -> None:
    assert looks(snap_compare, inbox, (160, 45))


def test_a_comment_in_the_light_theme(snap_compare: Looks, inbox: Inbox) -> None:
    assert looks(snap_compare, inbox, (120, 36), "m", theme="ismsg-light")


def test_the_snippet_picker(snap_compare: Looks, inbox: Inbox) -> None:
    assert looks(snap_compare, inbox, (120, 36), "f2", "down")


def test_the_close_dialog(snap_compare: Looks, inbox: Inbox) -> None:
    assert looks(snap_compare, inbox, (120, 36), "c")
