"""Signing in and out on the command line, and bringing both sides together."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from ismsg_tui.cli import main
from ismsg_tui.domain.commands import AssignContact
from ismsg_tui.store.connection import lock_file
from ismsg_tui.store.store import Store
from ismsg_tui.sync.engine import LOCK_FILE
from tests.cli_desk import environment
from tests.factories import ANA, BEN, MAI, WORKSPACE
from tests.team import PASSWORD, Team, a_team

STATUS = {"server", "user", "online", "cursor", "unsent", "refused"}


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    with a_team(tmp_path_factory.mktemp("team")) as team:
        team.hear("hello")
        yield team


class Shell:
    """The command line in a folder of its own."""

    def __init__(self, folder: Path, team: Team) -> None:
        self.folder = folder
        self.team = team

    def run(self, *arguments: str, input: str | None = None) -> Result:
        nothing = {"ISMSG_USER": "", "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
        return CliRunner(env={**environment(self.folder), **nothing}).invoke(main, arguments, input=input)

    def good(self, *arguments: str, input: str | None = None) -> str:
        result = self.run(*arguments, input=input)
        assert result.exit_code == 0, (result.output, result.exception)
        return result.stdout

    def refused(self, *arguments: str, code: int = 1, input: str | None = None) -> str:
        result = self.run(*arguments, input=input)
        assert result.exit_code == code, (result.output, result.exception)
        assert isinstance(result.exception, SystemExit)
        return result.stderr

    def login(self, email: str = ANA.email, password: str = PASSWORD, *more: str) -> Result:
        arguments = ("login", self.team.address, "--email", email, "--password-stdin", *more)
        return self.run(*arguments, input=f"{password}\n")

    @property
    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.good("status", "--json"))
        return found


@pytest.fixture
def shell(tmp_path: Path, team: Team) -> Shell:
    return Shell(tmp_path / "desk", team)


@pytest.fixture
def signed(shell: Shell) -> Shell:
    assert shell.login().exit_code == 0
    shell.good("sync")
    return shell


def test_who_signs_in_fetches_and_sees_the_teams_contacts(shell: Shell) -> None:
    result = shell.login()
    assert result.exit_code == 0, result.output
    assert "Signed in to Hotel" in result.stdout
    assert PASSWORD not in result.output
    assert "In sync with Hotel" in shell.good("sync")
    assert "Mai" in shell.good("ls")
    status = shell.status
    assert status.keys() >= STATUS
    assert (status["server"], status["user"], status["online"]) == (shell.team.address, ANA.name, True)
    assert (status["unsent"], status["refused"]) == (0, 0)
    assert status["cursor"] > 0
    assert all(word in shell.good("status") for word in (ANA.name, "online", "Hotel"))


def test_a_password_can_be_typed_unseen(shell: Shell) -> None:
    result = shell.run("login", shell.team.address, input=f"{ANA.email}\n{PASSWORD}\n")
    assert result.exit_code == 0, result.output
    assert PASSWORD not in result.output


def test_what_is_sent_leaves_with_the_next_sync_and_a_teammate_gets_it(signed: Shell, tmp_path: Path) -> None:
    signed.good("send", MAI.id, "from the shell")
    assert signed.status["unsent"] == 1
    signed.good("sync")
    assert signed.status["unsent"] == 0
    ben = Shell(tmp_path / "ben", signed.team)
    assert ben.login(BEN.email).exit_code == 0
    ben.good("sync")
    assert "from the shell" in ben.good("show", MAI.id)


def test_what_is_refused_is_said_and_makes_the_exchange_fail(signed: Shell, tmp_path: Path) -> None:
    ben = signed.team.console("quicker ben", BEN)
    ben.sync.exchange()
    card = ben.inbox.contacts.card(MAI.id)
    assert card is not None
    holder = card.contact.assignee_id
    other = ANA if holder != ANA.id else BEN
    ben.act(AssignContact(MAI.id, other.id, expected_id=holder))
    signed.good("assign", MAI.id, "none" if holder else BEN.name)
    ben.sync.exchange()
    said = signed.refused("sync")
    assert "Not everything was done" in said
    assert len(said.splitlines()) == 2


@pytest.mark.parametrize(
    ("email", "password"), [(ANA.email, "wrong"), ("nobody@example.org", PASSWORD), ("", ""), (ANA.email, "")]
)
def test_a_wrong_password_is_said_to_be_and_leaves_nothing_behind(shell: Shell, email: str, password: str) -> None:
    result = shell.login(email, password)
    assert result.exit_code == 1
    assert result.stderr.strip().endswith(".")
    assert not shell.folder.exists()


def test_a_password_does_not_travel_in_the_open(shell: Shell) -> None:
    said = shell.refused("login", "http://desk.example.org", "--email", "a@b.c", "--password-stdin", code=2, input="x")
    assert "https" in said
    assert not shell.folder.exists()


def test_an_address_where_nobody_answers_is_said_to_be_one(shell: Shell) -> None:
    said = shell.refused("login", "http://127.0.0.1:1", "--email", "a@b.c", "--password-stdin", input="x")
    assert "can't be reached" in said


def test_an_address_at_which_something_else_answers_is_said_to_be_one(shell: Shell) -> None:
    said = shell.refused("login", f"{shell.team.address}/desk", "--email", "a@b.c", "--password-stdin", input="x")
    assert "No server of ismsg answers there" in said
    assert not shell.folder.exists()


def test_who_is_in_several_workspaces_is_asked_which(shell: Shell) -> None:
    other = replace(WORKSPACE, id=shell.team.console("for an id").credentials.account.device_id, name="Annex")
    shell.team.admin.create_workspace(other)
    shell.team.admin.add_user(
        other.id, replace(BEN, id=other.id[:-1] + ("0" if other.id[-1] != "0" else "1")), PASSWORD
    )
    result = shell.login(BEN.email)
    assert result.exit_code == 1
    assert "--workspace" in result.stderr
    assert "Annex" in result.stderr
    assert shell.login(BEN.email, PASSWORD, "--workspace", "annex").exit_code == 0
    assert shell.status["workspace"] == "Annex"


def test_an_inbox_that_holds_something_is_not_given_to_a_team(shell: Shell) -> None:
    shell.good("snippets", "add", "hi", "Hello!")
    result = shell.login()
    assert result.exit_code == 1
    assert "--data" in result.stderr
    assert shell.status["server"] == "own"
    assert "Hello!" in shell.good("snippets", "ls")


def test_an_unused_inbox_becomes_the_teams(shell: Shell) -> None:
    shell.good("ls")
    assert shell.login().exit_code == 0
    assert shell.status["workspace"] == "Hotel"


def test_another_user_needs_another_folder(signed: Shell) -> None:
    result = signed.login(BEN.email, PASSWORD, "--workspace", WORKSPACE.id)
    assert result.exit_code == 1
    assert "another folder" in result.stderr
    assert signed.status["user"] == ANA.name


def test_the_same_user_may_sign_in_again(signed: Shell) -> None:
    assert signed.login().exit_code == 0
    signed.good("sync")


def test_nobody_acts_as_somebody_else_than_is_signed_in(signed: Shell) -> None:
    assert ANA.name in signed.refused("--user", "Ben Okoye", "ls")
    signed.good("--user", ANA.name.upper(), "ls")
    signed.good("--user", ANA.email, "ls")


def test_who_signs_out_keeps_everything_and_can_read_it(signed: Shell) -> None:
    signed.good("logout")
    status = signed.status
    assert (status["online"], status["user"]) == (False, ANA.name)
    assert "ismsg login" in status["reason"]
    signed.good("search", "Mai", "--json")
    assert "ismsg login" in signed.refused("sync")
    assert signed.login().exit_code == 0
    signed.good("sync")


def test_who_signs_out_with_something_unsent_is_told_and_it_waits(signed: Shell) -> None:
    signed.good("comment", MAI.id, "not yet there")
    said = signed.refused("logout")
    assert "1 of your changes" in said
    assert "--yes" in said
    signed.good("logout", "--yes")
    assert signed.status["unsent"] == 1
    assert signed.login().exit_code == 0
    signed.good("sync")
    assert signed.status["unsent"] == 0


def test_who_never_signed_in_can_not_sign_out(shell: Shell) -> None:
    assert "your own" in shell.refused("logout")


def test_a_server_that_is_away_is_a_sentence_and_keeps_what_was_given(tmp_path: Path) -> None:
    with a_team(tmp_path / "team") as team:
        shell = Shell(tmp_path / "desk", team)
        assert shell.login().exit_code == 0
        shell.good("sync")
        team.stop()
        shell.good("send", MAI.id, "patience")
        assert "can't be reached" in shell.refused("sync")
        status = shell.status
        assert (status["online"], status["unsent"]) == (False, 1)
        result = shell.run("logout", "--yes")
        assert result.exit_code == 0
        assert "was not told" in result.stderr
        team.start()


def test_everything_can_be_fetched_anew(signed: Shell) -> None:
    def generation() -> int:
        store = Store(signed.folder)
        found = store.replica.generation
        store.close()
        return found

    before = generation()
    signed.good("sync", "--anew")
    assert generation() == before + 1
    signed.good("sync")
    assert generation() == before + 1


def test_what_another_process_keeps_in_sync_is_left_to_it(signed: Shell) -> None:
    with lock_file(signed.folder / LOCK_FILE) as alone:
        assert alone
        assert "In sync" in signed.good("sync")


def test_conversations_are_not_imported_past_the_server(signed: Shell, tmp_path: Path) -> None:
    file = tmp_path / "some.jsonl"
    file.write_text("{}\n", encoding="utf-8")
    assert "ismsg server import" in signed.refused("import", str(file))


def test_an_inbox_of_ones_own_is_in_sync_with_its_own_server(shell: Shell) -> None:
    shell.good("snippets", "add", "hi", "Hello!")
    assert shell.status["unsent"] == 1
    shell.good("sync")
    status = shell.status
    assert status.keys() >= STATUS
    assert (status["server"], status["online"], status["unsent"]) == ("own", True, 0)
