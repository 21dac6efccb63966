"""The line is cut after every byte of a request and of its answer: each command is done once, whatever was heard."""

from __future__ import annotations

import logging
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ismsg_tui.clock import new_id, now_ms
from ismsg_tui.domain.commands import Actor, AddComment, Issued, SendMessage, UseSnippet
from ismsg_tui.domain.entities import Snippet
from ismsg_tui.domain.ids import Part, derived_id
from ismsg_tui.sync.authority import UnreachableError
from ismsg_tui.sync.credentials import Credentials
from ismsg_tui.sync.remote import RemoteAuthority
from tests.factories import ANA, MAI, WORKSPACE, examples
from tests.fault_proxy import Asked, Blow, Fault, FaultProxy
from tests.team import NoVault, Team, a_team

CUTS = examples(120)
"""Places in the request, and as many in the answer, spread evenly from the first byte to the last."""
WELCOME = Snippet(id=new_id(), name="Welcome", text="Welcome!")


class Pusher:
    """A console's line to a team's server, cut where it is told."""

    def __init__(self, team: Team, folder: Path) -> None:
        self.team = team
        self.cut: Blow | None = None
        """What is to happen to the next commands."""
        self.proxy = FaultProxy(self._plan, [team.address])
        credentials = Credentials(folder, NoVault())
        session = team.server.accounts.issue_local(WORKSPACE.id, ANA.id, "test")
        credentials.sign_in(self.proxy.address, ANA.email, session)
        self.authority = RemoteAuthority(self.proxy.address, credentials)
        self.done: list[Issued] = []
        self.lies = 0
        """How often it was said that nothing had arrived although it had."""

    def _plan(self, number: int, asked: Asked) -> Blow:
        if asked.path.endswith("/commands") and self.cut is not None:
            blow, self.cut = self.cut, None
            return blow
        return Blow(Fault.NONE)

    def give(self, cut: Blow | None) -> bool | None:
        """Send two commands over a line that is cut, and again until they are answered.

        Returns whether they were done when the line was cut; None where it held.
        """
        text = f"text {len(self.done):06}"
        line = SendMessage(MAI.id, text) if len(self.done) % 4 else AddComment(MAI.id, text)
        commands = [Issued(new_id(), command, Actor(ANA.id), now_ms()) for command in (line, UseSnippet(WELCOME.id))]
        self.done += commands
        self.cut, before = cut, None
        try:
            answers = self.authority.push(commands)
        except UnreachableError as error:
            line_id = derived_id(commands[0].id, Part.MAIN)
            before = self.team.server.ledger.read(WORKSPACE.id, "message", line_id) is not None
            self.lies += before and not error.arrived
            answers = self.authority.push(commands)
        assert [(answer.command_id, answer.refusal) for answer in answers] == [(one.id, None) for one in commands]
        return before

    def close(self) -> None:
        self.authority.close()
        self.proxy.close()


@pytest.fixture
def pusher(tmp_path: Path) -> Iterator[Pusher]:
    with a_team(tmp_path / "team") as team:
        team.server.ledger.seed(WORKSPACE.id, [WELCOME])
        with closing(Pusher(team, tmp_path / "console")) as pusher:
            yield pusher


def places(size: int, dice: random.Random) -> list[int]:
    """Numbers of bytes after which to cut, none and all of them among those."""
    step = max(1, -(-size // CUTS))
    return sorted({0, size, *range(dice.randrange(step), size, step)})


def test_whichever_byte_is_the_last_one_to_pass_each_command_is_done_once(
    pusher: Pusher, caplog: pytest.LogCaptureFixture
) -> None:
    assert pusher.give(None) is None
    assert pusher.proxy.latest is not None
    request, reply = pusher.proxy.latest.size, pusher.proxy.passed
    dice = random.Random()
    cut_off = [pusher.give(Blow(Fault.CUT_REQUEST, at)) for at in places(request, dice)]
    unheard = [pusher.give(Blow(Fault.CUT_REPLY, at)) for at in places(reply - 1, dice)]
    assert pusher.lies == 0
    assert cut_off[:-1] == [False] * (len(cut_off) - 1)
    assert unheard == [True] * len(unheard)
    assert pusher.proxy.done == Counter({Fault.CUT_REQUEST: len(cut_off), Fault.CUT_REPLY: len(unheard)})
    console = pusher.team.console("fresh")
    console.sync.exchange()
    rows = console.store.reader.execute("SELECT id, text FROM message WHERE text LIKE 'text %'").fetchall()
    said = Counter(row["text"] for row in rows)
    lines = [issued.command for issued in pusher.done if not isinstance(issued.command, UseSnippet)]
    assert said == Counter(line.text for line in lines if isinstance(line, SendMessage | AddComment))
    assert set(said.values()) == {1}
    assert {row["id"] for row in rows} == {derived_id(issued.id, Part.MAIN) for issued in pusher.done[::2]}
    snippet = pusher.team.server.ledger.read(WORKSPACE.id, "snippet", WELCOME.id)
    assert isinstance(snippet, Snippet)
    assert snippet.uses == len(lines)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]  # a cut is no fault of a server
