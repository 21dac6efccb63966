"""Stored replies: `snippets ls`, `add`, `import`, `rm`."""

from __future__ import annotations

from pathlib import Path

import click

from ismsg_tui.cli.files import file_objects, file_words, taken_in
from ismsg_tui.cli.importing import files_argument, left_out, print_problem
from ismsg_tui.cli.output import json_option, lines_table, print_json, print_lines
from ismsg_tui.cli.session import Session, pass_session, text_of
from ismsg_tui.clock import new_id
from ismsg_tui.domain.entities import Snippet
from ismsg_tui.domain.text import one_line
from ismsg_tui.importer.snippets import import_snippets


@click.group("snippets")
def snippets() -> None:
    """Stored replies: list, add, import and remove them."""


@snippets.command("ls")
@json_option
@pass_session
def list_snippets(session: Session, as_json: bool) -> None:
    """List every snippet by name."""
    found = session.inbox.snippets.all()
    if as_json:
        for snippet in found:
            print_json(
                {
                    "name": snippet.name,
                    "topic": snippet.topic,
                    "language": snippet.language,
                    "text": snippet.text,
                    "uses": snippet.uses,
                    "attachments": file_objects(session.inbox, snippet.attachments),
                }
            )
    elif found:
        _print_snippets(found)
    else:
        click.echo("There are no snippets yet: “ismsg snippets add” and “ismsg snippets import” make some.")


def _print_snippets(found: list[Snippet]) -> None:
    from rich.text import Text

    table = lines_table("Name", "Topic", "Language", "Uses", "Text")
    for item in found:
        cells = (one_line(item.topic), one_line(item.language), f"{item.uses:,}" if item.uses else "")
        words = " ".join([*map(file_words, item.attachments), *filter(None, [one_line(item.text)])])
        table.add_row(Text(one_line(item.name), "bold"), *(Text(cell, "dim") for cell in cells), Text(words))
    print_lines(table)


@snippets.command("add")
@click.argument("name")
@click.argument("text")
@click.option("--topic", default="", help="What it is filed under.")
@click.option("--language", default="", help="The language it is written in, such as en.")
@click.option(
    "--attach",
    "attached",
    type=click.Path(path_type=Path),
    metavar="FILE",
    multiple=True,
    help="Keep this file with it, to be sent along; may be given several times. TEXT may then be empty.",
)
@pass_session
def add(session: Session, name: str, text: str, topic: str, language: str, attached: tuple[Path, ...]) -> None:
    """Add a snippet; “-” reads its text from standard input. Variables such as $contact.firstname are filled in.

    What stands in double braces, such as {{date}}, is a blank: the agent fills it in before it is sent.
    """
    files = taken_in(session.inbox, None, attached)
    snippet = Snippet(id=new_id(), name=name, text=text_of(text), topic=topic, language=language, attachments=files)
    session.inbox.snippets.save(snippet)
    click.echo(f"Snippet “{one_line(name, 128)}” added.")


@snippets.command("rm")
@click.argument("name")
@pass_session
def remove(session: Session, name: str) -> None:
    """Take a snippet out of use."""
    snippet = session.snippet(name)
    session.inbox.snippets.delete(snippet.id)
    click.echo(f"Snippet “{one_line(snippet.name)}” removed.")


@snippets.command("import")
@files_argument
@pass_session
def import_(session: Session, files: tuple[Path, ...]) -> None:
    """Bring snippets in from JSON Lines or CSV; one that is known by its name takes the new text."""
    tally = import_snippets(session.inbox, files, print_problem)
    click.echo(f"{tally.added:,} added, {tally.changed:,} changed, {tally.same:,} as they were.")
    if tally.problems:
        raise left_out(tally.problems, rest=tally.added + tally.changed + tally.same)
