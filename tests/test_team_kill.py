"""kill -9 of the server while agents work: nothing is lost, nothing is there twice."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ismsg_tui.domain.commands import AddComment, CloseConversation, SendMessage
from ismsg_tui.store.store import RefusedError
from ismsg_tui.sync import engine, live
from tests.cli_desk import environment
from tests.factories import ANA, BEN, MAI, examples
from tests.team import OMAR, Console, Team, in_step
from tests.waiting import listening_to

KILLS = examples(4)


@contextmanager
def serving(team: Team) -> Iterator[subprocess.Popen[bytes]]:
    """The server as a process of its own, where the team's was; killed in the end."""
    arguments = [sys.executable, "-m", "ismsg_tui", "serve", "--data", str(team.folder), "--port", str(team.port)]
    with subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment(team.folder / "env")
    ) as process:
        assert process.stdout is not None
        try:
            with listening_to(process):
                assert process.stdout.readline().startswith(b"Ready"), "the server does not begin"
            yield process
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()


def work(console: Console, dice: random.Random, round_: int) -> list[str]:
    """Do this and that; returns what was written."""
    written = []
    for number in range(dice.randint(3, 8)):
        contact = dice.choice([MAI, OMAR])
        text = f"{console.user.name} {round_}.{number}"
        try:
            match dice.randint(0, 5):
                case 0:
                    console.act(AddComment(contact.id, text))
                case 1:
                    console.act(CloseConversation(contact.id, summary=text))
                    continue
                case 2:
                    console.inbox.assign(contact.id, dice.choice([ANA, BEN]).id)
                    continue
                case _:
                    console.act(SendMessage(contact.id, text))
        except RefusedError:
            continue
        written.append(text)
    return written


def test_killing_the_server_at_any_moment_loses_and_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (engine, live):
        monkeypatch.setattr(module, "FIRST_RETRY", 0.01)
        monkeypatch.setattr(module, "LONGEST_RETRY", 0.1)
    dice = random.Random()
    team = Team(tmp_path / "team")
    written: list[str] = []
    try:
        consoles = [team.console(user.name, user) for user in (ANA, BEN)]
        in_step(*consoles)
        team.stop()
        for console in consoles:
            console.sync.start()
        for round_ in range(KILLS):
            with serving(team) as process:
                for console in consoles:
                    written += work(console, dice, round_)
                killer = threading.Timer(dice.uniform(0, 0.5), process.kill)
                killer.start()
                killer.join()
        left = consoles
        consoles = [console.again() for console in left]  # what was stopped exchanges no more
        team.start()
        in_step(*consoles)
        refused = {text for console in (*left, *consoles) for text in texts_refused(console)}
        shown = Counter(text for contact in (MAI, OMAR) for text in consoles[0].texts(contact))
        assert {text: shown[text] for text in written if text not in refused} == dict.fromkeys(
            (text for text in written if text not in refused), 1
        )
    finally:
        team.close()


def texts_refused(console: Console) -> list[str]:
    """What the server said no to, and the agent was told so."""
    commands = [told.issued.command for told in console.refused]
    return [command.text for command in commands if isinstance(command, SendMessage | AddComment)]
