"""The list holds still while the agent moves in it: what would move its rows goes in once the keys rest."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from ismsg_tui.inbox import Inbox
from ismsg_tui.widgets import contact_list
from ismsg_tui.widgets.contact_list import ContactList
from tests.desk_setup import console, contact_named, open_inbox, press, receive, settle, settle_until, shown_by
from tests.factories import BEN

NEVER, SOON = 3600.0, 0.01
"""Seconds until keys count as resting."""


@pytest.fixture(params=[NEVER])
def rest(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> float:
    """How soon keys rest."""
    monkeypatch.setattr(contact_list, "REST", request.param)
    return float(request.param)


soon = pytest.mark.parametrize("rest", [SOON], indirect=True)


def contacts(pilot: Pilot[int]) -> ContactList:
    return pilot.app.screen.query_one(ContactList)


def names(pilot: Pilot[int]) -> list[str]:
    """The first names in the list, in the order in which they are seen."""
    found = (name for line in shown_by(pilot, ContactList) for name in ("Mai", "Omar", "Lena") if f" {name} " in line)
    return list(dict.fromkeys(found))


def under_cursor(pilot: Pilot[int]) -> str:
    row = contacts(pilot).highlighted
    return row.name.partition(" ")[0] if row else ""


def taken_by_a_teammate(inbox: Inbox, name: str) -> None:
    inbox.assign(contact_named(inbox, name), BEN.id)


@pytest.mark.usefixtures("rest")
async def test_what_arrives_moves_no_row_while_keys_are_pressed(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    async with console(inbox) as pilot:
        await press(pilot, "6")
        assert names(pilot) == ["Lena", "Omar", "Mai"]
        receive(inbox.store, contact_named(inbox, "Mai Tran"), "one more thing")
        await settle_until(pilot, lambda: contacts(pilot).holds_back)
        seen = []
        for _ in range(2):
            await press(pilot, "j")
            seen.append(under_cursor(pilot))
            assert names(pilot) == ["Lena", "Omar", "Mai"]
        assert seen == ["Omar", "Mai"]


@soon
@pytest.mark.usefixtures("rest")
async def test_once_the_keys_rest_it_goes_in_and_the_cursor_stays_on_its_contact(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    async with console(inbox) as pilot:
        await press(pilot, "6")
        receive(inbox.store, contact_named(inbox, "Mai Tran"), "one more thing")
        await settle_until(pilot, lambda: contacts(pilot).holds_back)
        assert names(pilot) == ["Lena", "Omar", "Mai"]
        await press(pilot, "j")
        await settle_until(pilot, lambda: names(pilot) == ["Mai", "Lena", "Omar"])
        assert under_cursor(pilot) == "Omar"
        assert not contacts(pilot).holds_back


@soon
@pytest.mark.usefixtures("rest")
async def test_a_contact_that_leaves_the_list_under_the_cursor_stays_until_the_agent_goes_on(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    async with console(inbox) as pilot:
        await press(pilot, "j")
        assert under_cursor(pilot) == "Omar"
        taken_by_a_teammate(inbox, "Omar Haddad")
        await settle_until(pilot, lambda: contacts(pilot).holds_back)
        contacts(pilot)._on_rest()  # as after a key that came just before
        await settle(pilot)
        assert (names(pilot), under_cursor(pilot)) == (["Mai", "Omar", "Lena"], "Omar")
        await press(pilot, "j")
        assert under_cursor(pilot) == "Lena"
        await settle_until(pilot, lambda: names(pilot) == ["Mai", "Lena"])
        assert under_cursor(pilot) == "Lena"


@pytest.mark.usefixtures("rest")
async def test_at_the_end_of_the_list_a_key_lets_in_what_waits_at_once(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path, ("Mai Tran",))
    async with console(inbox) as pilot:
        taken_by_a_teammate(inbox, "Mai Tran")
        await settle_until(pilot, lambda: contacts(pilot).holds_back)
        assert under_cursor(pilot) == "Mai"
        await press(pilot, "j")
        assert names(pilot) == []
