from __future__ import annotations

from pathlib import Path

import click
import pytest

from ismsg_tui import docs
from ismsg_tui.actions import ACTIONS
from ismsg_tui.cli import main
from ismsg_tui.config import Config
from ismsg_tui.key_names import key_label


def test_the_pages_in_the_project_are_as_the_code_has_it() -> None:
    assert docs.main(["--check"]) == 0


def test_every_command_and_option_is_on_the_page() -> None:
    page = docs.commands_page()
    context = click.Context(main)
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        assert command is not None
        assert f"## ismsg {name}\n" in page
        for option in command.params:
            if option.param_type_name == "option":
                assert option.opts[0] in page
    assert "## ismsg snippets import\n" in page


def test_every_action_is_on_the_page() -> None:
    page = docs.keys_page()
    for action in ACTIONS:
        assert action.help.replace("|", "\\|") in page
        assert key_label(action.keys.split(",")[0]) in page


def test_every_setting_is_on_the_page_with_its_default() -> None:
    page = docs.settings_page()
    for name in Config.__struct_fields__:
        assert f"| `{name}` | `" in page
    assert '| `theme` | `"ismsg-dark"` |' in page
    assert "| `notify` | `true` |" in page
    assert "| `undo_seconds` | `5.0` |" in page


def test_a_page_that_differs_is_named_and_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(docs, "FOLDER", tmp_path)
    assert docs.main(["--check"]) == 1
    assert "docs/keys.md" in capsys.readouterr().err
    assert docs.main([]) == 0
    assert docs.main(["--check"]) == 0
    (tmp_path / "keys.md").write_text("other", encoding="utf-8")
    assert docs.main(["--check"]) == 1
