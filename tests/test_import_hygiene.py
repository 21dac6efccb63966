from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli_desk import environment

_PROBE = """
import sys
from click.testing import CliRunner
from ismsg_tui.cli import main
for arguments in {commands!r}:
    result = CliRunner().invoke(main, arguments, input="")
    assert result.exit_code in (0, 1), (arguments, result.output)
print(*sorted({heavy!r} & set(sys.modules)))
"""
COMMANDS = [
    ["ls"],
    ["ls", "--json"],
    ["show", "nobody"],
    ["send", "nobody", "hello"],
    ["comment", "nobody", "hello"],
    ["assign", "nobody", "me"],
    ["open", "nobody"],
    ["close", "nobody"],
    ["snooze", "nobody", "1h"],
    ["wake", "nobody"],
    ["search", "hello"],
    ["snippets", "ls"],
    ["snippets", "add", "hi", "hello"],
    ["snippets", "rm", "hi"],
    ["snippets", "import", "nowhere.jsonl"],
    ["import", "nowhere.jsonl"],
    ["doctor"],
    ["export", "nobody"],
    ["--plain"],
    ["completion", "bash"],
    ["demo", "--help"],
    ["--help"],
    [],
]


def loaded(folder: Path, commands: list[list[str]], heavy: set[str]) -> list[str]:
    """Which of the heavy modules a fresh Python has loaded after running the commands."""
    result = subprocess.run(
        [sys.executable, "-c", _PROBE.format(commands=commands, heavy=heavy)],
        env={**os.environ, **environment(folder)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.split()


def test_no_command_but_the_console_loads_textual(tmp_path: Path) -> None:
    assert loaded(tmp_path, COMMANDS, {"textual"}) == []


@pytest.mark.parametrize("heavy", ["rich", "emoji", "sqlite_utils", "asyncio"])
def test_a_command_for_a_script_loads_nothing_heavy(tmp_path: Path, heavy: str) -> None:
    assert loaded(tmp_path, [["ls", "--json"]], {"ismsg_tui"}) == ["ismsg_tui"]  # and the store is there from now on
    assert loaded(tmp_path, [["ls", "--json"], ["search", "hello", "--json"]], {heavy}) == []


def test_a_server_on_sqlite_loads_nothing_of_postgresql(tmp_path: Path) -> None:
    dialects = {"sqlalchemy.dialects.sqlite", "sqlalchemy.dialects.postgresql"}
    loaded(tmp_path, [["server", "init", "--workspace", "Harbour"]], set())  # alembic loads both
    assert loaded(tmp_path, [["server", "user", "ls", "--json"]], dialects) == ["sqlalchemy.dialects.sqlite"]
