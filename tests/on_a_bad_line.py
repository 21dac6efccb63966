"""A team, and Ana's console on a line to it that can go wrong: fixtures for the tests of what comes over the line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bad_line import BadLine
from tests.team import Console, Team, a_team


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Team]:
    with a_team(tmp_path / "team") as team:
        yield team


@pytest.fixture
def line(team: Team) -> Iterator[BadLine]:
    line = BadLine(team.address)
    yield line
    line.close()


@pytest.fixture
def ana(team: Team, line: BadLine) -> Console:
    console = team.console("ana", address=line.address)
    console.sync.exchange()
    return console
