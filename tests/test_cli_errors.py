from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from ismsg_tui import __version__
from ismsg_tui.cli import main
from ismsg_tui.inbox.contacts import ViewRows
from ismsg_tui.store.connection import open_writer
from tests.cli_desk import Desk, environment, process


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def refused(folder: Path, *arguments: str) -> str:
    """What is said on stderr, in one line."""
    result = CliRunner(env=environment(folder)).invoke(main, arguments)
    assert result.exit_code == 1, result.output
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert "Traceback" not in result.stderr
    return result.stderr


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("not a folder")
    assert f"Can't keep data in {path}: it is not a folder." in refused(path, "ls")
    assert path.read_text() == "not a folder"


def test_a_folder_below_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    assert "it is not a folder" in refused(tmp_path / "file" / "data", "ls")


def test_a_folder_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    folder = Path("/sys/ismsg") if os.geteuid() == 0 else tmp_path / "locked" / "data"  # root may write anywhere else
    if os.geteuid() == 0 and not Path("/sys").is_dir():
        pytest.skip("no folder here that root can't write to")
    if os.geteuid() != 0:
        folder.parent.mkdir(mode=0o500)
    assert f"Can't keep data in {folder}" in refused(folder, "ls")


def test_a_file_that_is_no_database_is_named_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ismsg.db"
    path.write_bytes(b"these are notes, not a database " * 100)
    before = path.read_bytes()
    assert f"{path} is not a store of ismsg" in refused(tmp_path, "ls")
    assert path.read_bytes() == before


def test_a_damaged_store_is_said_to_be_damaged(desk: Desk) -> None:
    mai = desk.contact("Mai", "Tran", *("hello " * 50 for _ in range(60)))
    path = desk.folder / "ismsg.db"
    content = bytearray(path.read_bytes())
    for page in range(4096, len(content), 4096):
        content[page : page + 64] = b"\xff" * 64
    path.write_bytes(content)
    result = desk.run("show", mai.id)
    assert result.exit_code == 1
    assert "ismsg.db is damaged" in result.stderr
    doctor = desk.run("doctor")
    assert doctor.exit_code == 1
    assert "bad" in doctor.stdout


def test_a_store_of_a_later_version_is_refused(desk: Desk) -> None:
    connection = open_writer(desk.folder / "ismsg.db")
    connection.execute("PRAGMA user_version = 999")
    connection.close()
    assert "Upgrade ismsg" in refused(desk.folder, "ls")
    doctor = desk.run("doctor")
    assert doctor.exit_code == 1
    assert "written by a later ismsg" in doctor.stdout


def test_wrong_settings_are_named_with_their_file(desk: Desk) -> None:
    (desk.folder / "config.toml").write_text("undo_seconds = 'soon'", encoding="utf-8")
    said = refused(desk.folder, "--user", "", "ls")
    assert "config.toml" in said
    assert "undo_seconds" in said
    assert desk.run("doctor").exit_code == 1


def test_a_full_disk_changes_nothing(desk: Desk) -> None:
    mai = desk.contact("Mai", "Tran", "hello")
    size = (desk.folder / "ismsg.db").stat().st_size

    def leave_no_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    result = process(desk.folder, "comment", mai.id, "x" * 900, preexec_fn=leave_no_room)
    for _ in range(300):
        if result.returncode:
            break
        result = process(desk.folder, "comment", mai.id, "x" * 900, preexec_fn=leave_no_room)
    assert result.returncode == 1
    assert result.stderr.count(b"\n") == 1
    assert b"ismsg.db" in result.stderr
    assert desk.good("show", mai.id)
    doctor = desk.run("doctor")
    assert "sound" in doctor.stdout


def test_an_unexpected_error_is_told_in_a_sentence_and_logged_without_anybodys_words(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.contact("Mai", "Tran", "hello")

    def fail(*arguments: object, **named: object) -> None:
        raise RuntimeError(f"my secret is {1200 + 34}")

    monkeypatch.setattr(ViewRows, "page", fail)
    said = refused(desk.folder, "ls")
    log = desk.folder / "ismsg.log"
    assert str(log) in said
    assert "1234" not in said
    written = log.read_text(encoding="utf-8")
    assert "RuntimeError" in written
    assert "reading.py" in written
    assert "1234" not in written


def test_words_that_are_no_text_do_no_harm(desk: Desk) -> None:
    result = process(desk.folder, "send", b"\xff\x1b[2J\xfe", b"\xc3\x28")
    assert result.returncode == 1
    assert b"There is no contact" in result.stderr
    assert b"\x1b" not in result.stderr
    assert b"Traceback" not in result.stderr


def test_an_encoding_that_knows_few_letters_is_no_reason_to_fail(desk: Desk) -> None:
    desk.contact("Mai", "Tran", "退款 🙏")
    result = subprocess.run(
        [sys.executable, "-m", "ismsg_tui", "ls"],
        env={**os.environ, **environment(desk.folder), "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert result.returncode == 0
    assert b"Mai Tran" in result.stdout


def test_a_reader_who_leaves_early_is_no_error(desk: Desk) -> None:
    for number in range(3):
        desk.contact(f"Contact {number}", "", "hello " * 60)
    command = f"{sys.executable} -m ismsg_tui ls --json | head -c 1"
    result = subprocess.run(
        command,
        shell=True,
        env={**os.environ, **environment(desk.folder)},
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert result.stdout == b"{"
    assert b"Traceback" not in result.stderr


def test_the_console_without_a_terminal_is_refused(desk: Desk) -> None:
    assert "needs a terminal" in refused(desk.folder)


def test_version_help_and_unknown_commands_are_as_everywhere(desk: Desk) -> None:
    assert desk.good("--version") == f"ismsg {__version__}\n"
    output = desk.good("--help")
    for name in main.list_commands(click.Context(main)):
        assert f"  {name} " in output
    assert "No such command" in desk.refused("frobnicate", code=2)
    assert desk.run("ls", "--view", "mine").exit_code == 2


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_printed_for_each_shell(desk: Desk, shell: str) -> None:
    assert "_ISMSG_COMPLETE" in desk.good("completion", shell)


def test_doctor_reports_on_every_area(desk: Desk) -> None:
    desk.contact("Mai", "Tran", "hello")
    desk.good("comment", "Mai Tran", "a guest")
    findings = desk.objects("doctor")
    assert {finding["area"] for finding in findings} == {"version", "terminal", "settings", "store", "sound"}
    by_name = {finding["name"]: finding for finding in findings}
    assert by_name["ismsg"]["value"] == __version__
    assert by_name["integrity"]["value"] == "sound"
    assert by_name["holds"]["value"].startswith("1 contacts, 3 lines")
    assert str(desk.folder) in by_name["store"]["value"]
    assert "1 commands" in by_name["unsent"]["value"]
    assert all(finding["level"] in ("ok", "warn", "bad") for finding in findings)
    assert all(finding["advice"] for finding in findings if finding["level"] != "ok")


def test_doctor_creates_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "nothing"
    result = CliRunner(env=environment(folder)).invoke(main, ["doctor"])
    assert result.exit_code == 0
    assert "not there yet" in " ".join(result.stdout.split())
    assert not folder.exists()


def test_doctor_says_that_a_file_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "ismsg.db").write_bytes(b"notes " * 2000)
    result = CliRunner(env=environment(tmp_path)).invoke(main, ["doctor"])
    assert result.exit_code == 1
    assert "can't be read" in result.stdout


def test_the_demo_names_the_folder_it_was_given(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("not a folder")
    assert f"Can't keep data in {path}: it is not a folder." in refused(tmp_path / "data", "demo", "--keep", str(path))
    missing = tmp_path / "nowhere.jsonl"
    assert str(missing) in refused(tmp_path / "data", "demo", "--replay", str(missing))
