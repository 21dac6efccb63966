"""Two agents on a real server: they see each other, and who is second loses nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from msgspec.structs import replace
from textual.pilot import Pilot

from ismsg_tui.app import IsmsgApp
from ismsg_tui.config import Config
from ismsg_tui.domain.commands import AssignContact, SendMessage
from ismsg_tui.domain.entities import Role, Visibility
from ismsg_tui.domain.state import Refusal
from ismsg_tui.domain.wire import Availability, PresenceNote
from ismsg_tui.store import outbox
from ismsg_tui.store.outbox import OutboxState
from tests.bad_line import BadLine, Rule
from tests.desk_setup import on_screen, press, settle, write
from tests.factories import ANA, BEN, MAI
from tests.team import Console, Team, a_team
from tests.waiting import turn_until


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Team]:
    with a_team(tmp_path / "server") as team:
        team.hear("is my room ready?")
        yield team


@asynccontextmanager
async def desk(console: Console) -> AsyncIterator[Pilot[int]]:
    """The console of somebody who is signed in, headless."""
    app = IsmsgApp(console.inbox, Config(), authority=console.authority)
    async with app.run_test(size=(120, 36)) as pilot:
        await seen(pilot, "online")
        await settle(pilot)
        yield pilot


async def seen(pilot: Pilot[int], words: str) -> None:
    """Wait until the screen shows something."""
    await until(lambda: words in on_screen(pilot), pilot)


async def until(done: Callable[[], bool], pilot: Pilot[int]) -> None:
    """Wait until something is so."""
    await turn_until(lambda: pilot.pause(0.02), done, lambda: on_screen(pilot))


async def test_a_teammate_is_seen_with_a_contact_and_typing(team: Team) -> None:
    ana, ben = team.console("ana"), team.console("ben", BEN)
    ben.sync.exchange()
    ben.sync.start()
    async with desk(ana) as pilot:
        await seen(pilot, "is my room ready?")
        ben.sync.announce(PresenceNote(Availability.ONLINE, MAI.id))
        await seen(pilot, "Ben is here")
        ben.sync.announce(PresenceNote(Availability.BUSY, MAI.id, typing=True))
        await seen(pilot, "Ben is typing an answer")
        assert "with Ben (busy)" in on_screen(pilot).split("\n")[0]


async def test_teammates_see_what_the_agent_looks_at_and_types(team: Team) -> None:
    ana, ben = team.console("ana"), team.console("ben", BEN)
    ben.sync.exchange()
    ben.sync.start()
    async with desk(ana) as pilot:
        await seen(pilot, "is my room ready?")
        await press(pilot, "enter")
        await write(pilot, "yes")
        await until(lambda: any(one.typing and one.viewing == MAI.id for one in ben.presence), pilot)
        await press(pilot, "escape", "X")
        await until(lambda: any(one.state is Availability.BUSY for one in ben.presence), pilot)


async def test_who_is_second_hears_who_was_quicker_and_loses_no_text(team: Team) -> None:
    ana, ben = team.console("ana"), team.console("ben", BEN)
    for console in (ana, ben):
        console.sync.exchange()
    ben.act(AssignContact(MAI.id, BEN.id))
    ana.act(AssignContact(MAI.id, ANA.id))
    ben.sync.exchange()
    async with desk(ana) as pilot:
        await press(pilot, "2", "enter")
        await write(pilot, "my answer")
        await until(lambda: any("quicker" in note.message for note in pilot.app._notifications), pilot)
        await seen(pilot, "Ben Okoye took the contact")
        assert "my answer" in on_screen(pilot)
        assert outbox.entries(ana.store.reader, OutboxState.REFUSED) == []


async def test_what_the_server_refuses_waits_at_its_place_and_goes_out_on_a_retry(team: Team) -> None:
    ana = team.console("ana")
    ana.sync.exchange()
    sent = ana.act(SendMessage(MAI.id, "yes, it is"))
    ana.store.refuse(sent, Refusal("contact-blocked", "Mai Tran is blocked."))
    async with desk(ana) as pilot:
        await seen(pilot, "✗ 1 not sent")
        await press(pilot, "exclamation_mark")
        assert "Mai Tran is blocked." in on_screen(pilot)
        await press(pilot, "enter")
        await until(lambda: "not sent" not in on_screen(pilot), pilot)
        await until(lambda: ana.counts.unsent == 0, pilot)


async def test_an_empty_view_says_that_not_everybody_is_here_until_the_server_has_told(team: Team) -> None:
    team.change(replace(BEN, role=Role.AGENT, visibility=Visibility.OWN))
    line = BadLine(team.address)
    line.rules = [Rule("GET ", cut_request=0)]
    ben = team.console("ben", BEN, address=line.address)
    app = IsmsgApp(ben.inbox, Config(), authority=ben.authority)
    with closing(line):
        async with app.run_test(size=(120, 36)) as pilot:
            await seen(pilot, "offline")
            await seen(pilot, "Not everybody is here yet.")
            assert "Nobody is waiting." not in on_screen(pilot)
            line.rules = []
            await seen(pilot, "Nobody is waiting.")
            assert "Not everybody" not in on_screen(pilot)


async def test_who_sees_only_his_own_is_not_told_to_import_and_keeps_his_words_when_a_contact_is_taken(
    team: Team,
) -> None:
    team.change(replace(BEN, role=Role.AGENT, visibility=Visibility.OWN))
    ana, ben = team.console("ana"), team.console("ben", BEN)
    ana.sync.exchange()
    async with desk(ben) as pilot:
        await press(pilot, "6")
        assert "No contacts yet" in on_screen(pilot)
        assert "import" not in on_screen(pilot)
        ana.act(AssignContact(MAI.id, BEN.id))
        ana.sync.exchange()
        await seen(pilot, "is my room ready?")
        await press(pilot, "enter")
        await write(pilot, "my answer")
        ana.act(AssignContact(MAI.id, ANA.id, BEN.id))
        ana.sync.exchange()
        await until(lambda: any("is out of sight" in note.message for note in pilot.app._notifications), pilot)
        await press(pilot, "enter")
        assert "my answer" in on_screen(pilot)
