"""Handing conversations on: `export`."""

from __future__ import annotations

import io
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import click

from ismsg_tui.cli.errors import FailedError, say
from ismsg_tui.cli.session import Session, pass_session
from ismsg_tui.domain.text import one_line
from ismsg_tui.export import Format, document, every_line

_ENDINGS = {".md": Format.MARKDOWN, ".markdown": Format.MARKDOWN, ".json": Format.JSON}
_ENDINGS |= {".html": Format.HTML, ".htm": Format.HTML}


@click.command("export")
@click.argument("contact")
@click.option(
    "--format",
    "form",
    type=click.Choice([form.value for form in Format]),
    help="What to write; else what the file's name ends in, or md.",
)
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE", help="Write there; else to standard output.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@pass_session
def export(session: Session, contact: str, form: str | None, output: Path | None, force: bool) -> None:
    """Write the whole conversation with a contact as Markdown, JSON or HTML, comments and events included."""
    if force and output is None:
        raise click.UsageError("--force is about a file: say which with --output FILE.")
    chosen = Format(form) if form else _format_of(output)
    inbox, about = session.inbox, session.contact(contact)
    card = inbox.contacts.card(about.id)
    if card is None:
        raise FailedError(f"There is no contact “{one_line(contact, 80)}”.")
    pieces = document(chosen, card, every_line(inbox, about.id), inbox.users, inbox.channels)
    if output is None:
        if isinstance(sys.stdout, io.TextIOWrapper) and not sys.stdout.isatty():
            sys.stdout.reconfigure(encoding="utf-8", newline="\n")  # as a file would have it
        sys.stdout.writelines(pieces)
        return
    with _new_file(output, force=force) as file:
        file.writelines(pieces)
    say(f"{one_line(about.name)}: written to {output}.")


def _format_of(output: Path | None) -> Format:
    if output is None:
        return Format.MARKDOWN
    found = _ENDINGS.get(output.suffix.lower())
    if found is None:
        raise click.UsageError(f"“{output.name}” does not say what to write: add --format md, json or html.")
    return found


@contextmanager
def _new_file(path: Path, *, force: bool) -> Iterator[TextIO]:
    """A file that appears whole or not at all, readable by its owner alone, over another one only with `force`."""
    path = path.resolve()
    taken = f"{path} is there already: choose another name, or replace it with --force."
    if path.exists() and not path.is_file():
        raise FailedError(f"{path} is not a file that can be replaced: choose another name.")
    if path.exists() and not force:
        raise FailedError(taken)
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.")
    except OSError as error:
        raise FailedError(f"Can't write into {path.parent}: {error.strerror}.") from error
    part = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            yield file
        if not force:
            try:
                path.open("x").close()  # nobody else may have taken the name in the meantime
            except FileExistsError as error:
                raise FailedError(taken) from error
        part.replace(path)
    except OSError as error:
        raise FailedError(f"Can't write {path}: {error.strerror}.") from error
    finally:
        part.unlink(missing_ok=True)
