"""The pages of docs/ that the code writes: keys, commands and settings. `python -m ismsg_tui.docs [--check]`."""

from __future__ import annotations

import ast
import inspect
import json
import sys
from collections.abc import Iterator
from inspect import cleandoc
from itertools import pairwise
from pathlib import Path
from textwrap import dedent

import click

FOLDER = Path(__file__).parents[1] / "docs"

_WRITTEN = "<!-- Written by `make docs`; change {source} instead. -->"


def keys_page() -> str:
    """Every key of the console, by what it is for."""
    from ismsg_tui.actions import ACTIONS
    from ismsg_tui.key_names import key_label

    lines = ["# Keys", "", _WRITTEN.format(source="`ismsg_tui/actions.py`"), ""]
    lines += ["The footer shows the most important ones, `?` shows all, `Ctrl+P` finds any command by name."]
    lines += ["The last column is the name under which `[keys]` of `config.toml` gives an action other keys."]
    lines += ["In the composer and in lists of files, where text is typed, no character can be a key."]
    for group in dict.fromkeys(action.group for action in ACTIONS):
        lines += [
            "",
            f"## {group}",
            "",
            "| Keys | Name | Works | What it does | In the settings |",
            "|---|---|---|---|---|",
        ]
        for action in ACTIONS:
            if action.group is group:
                keys = " ".join(_code(key_label(key.strip())) for key in action.keys.split(","))
                about = f"{_cell(action.title)} | {_cell(action.scope)} | {_cell(action.help)}"
                lines.append(f"| {keys} | {about} | `{action.id}` |")
    return "\n".join(lines) + "\n"


def commands_page() -> str:
    """Every command with its arguments and options."""
    from ismsg_tui.cli import main

    lines = ["# Commands", "", _WRITTEN.format(source="`ismsg_tui/cli`")]
    for path, command in _commands("ismsg", main):
        context = click.Context(command, info_name=path)
        arguments = " ".join(command.collect_usage_pieces(context))
        lines += ["", f"## {path}", "", cleandoc(command.help or ""), "", "```", f"{path} {arguments}".strip(), "```"]
        options = [
            record
            for item in command.params
            if isinstance(item, click.Option) and (record := item.get_help_record(context)) is not None
        ]
        if options:
            lines += ["", "| Option | What it does |", "|---|---|"]
            lines += [f"| {_code(names)} | {_cell(words)} |" for names, words in options]
        if command.epilog:
            lines += [
                "",
                command.epilog.replace("\b\n", "```\n").rstrip() + ("\n```" if "\b" in command.epilog else ""),
            ]
    lines += [
        "",
        "## Exit codes",
        "",
        "0: done. 1: refused or failed; stderr says why. 2: the command line is not understood.",
    ]
    return "\n".join(lines) + "\n"


def _commands(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None:
                yield from _commands(f"{path} {name}", inner)


def _code(text: str) -> str:
    return f"`` {text} ``" if "`" in text else f"`{_cell(text)}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def settings_page() -> str:
    """Every setting with its default."""
    lines = ["# Settings", "", _WRITTEN.format(source="`ismsg_tui/config.py`"), ""]
    lines += ["They stand in `config.toml`, in your user's folder for settings or where `ISMSG_CONFIG` says."]
    lines += ["`ismsg doctor` says where that is and whether it can be read.", ""]
    lines += ["| Setting | If it is not set | What it does |", "|---|---|---|"]
    for name, default, words in _settings():
        lines.append(f"| `{name}` | {_code(default)} | {_cell(words)} |")
    lines += ["", "```toml", *_EXAMPLE, "```", ""]
    lines += ["`NO_COLOR` in the environment takes every colour away, whatever the theme."]
    return "\n".join(lines) + "\n"


_EXAMPLE = (
    'theme = "ismsg-contrast-dark"',
    "undo_seconds = 10",
    "",
    "[keys]",
    'assign = "t"',
)


def _settings() -> Iterator[tuple[str, str, str]]:
    """Name, default and explanation of each setting, as they stand in the source."""
    from ismsg_tui.config import Config

    classes = [node for node in ast.parse(dedent(inspect.getsource(Config))).body if isinstance(node, ast.ClassDef)]
    for field, words in pairwise(classes[0].body):
        match field, words:
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value), ast.Expr(value=ast.Constant(text)):
                yield name, json.dumps(ast.literal_eval(value)), " ".join(str(text).split())


PAGES = {"keys.md": keys_page, "commands.md": commands_page, "settings.md": settings_page}


def main(arguments: list[str]) -> int:
    """Write the pages, or with `--check` name those that are not as the code has it; returns the exit code."""
    stale = []
    for name, write in PAGES.items():
        path, page = FOLDER / name, write()
        if arguments == ["--check"]:
            if not path.exists() or path.read_text(encoding="utf-8") != page:
                stale.append(name)
        else:
            path.write_text(page, encoding="utf-8")
    if stale:
        print(f"docs/{', docs/'.join(stale)} differ from the code: make docs writes them anew.", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
