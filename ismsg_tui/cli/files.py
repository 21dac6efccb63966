"""The files of conversations on the shell: what goes with `send`, what `show` says, and `files`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from ismsg_tui.cli.errors import FailedError, say
from ismsg_tui.cli.importing import many
from ismsg_tui.cli.output import json_option, print_json
from ismsg_tui.cli.session import Session, pass_session
from ismsg_tui.domain.entities import Attachment, Channel
from ismsg_tui.domain.media import check_attachment, size_words
from ismsg_tui.domain.text import file_name, one_line
from ismsg_tui.export.documents import every_line
from ismsg_tui.export.objects import attachment_object
from ismsg_tui.files.handling import FileError, examine, sha256_of
from ismsg_tui.inbox import Inbox


def taken_in(inbox: Inbox, channel: Channel | None, paths: Sequence[Path]) -> tuple[Attachment, ...]:
    """The files at `paths` as attachments; all of them are looked at before the first is copied.

    Raises FileError, and FailedError where the channel does not take one of them.
    """
    for path in paths:
        found = examine(path)
        refusal = check_attachment(channel, found) if channel else None
        if refusal is not None:
            raise FailedError(refusal.reason)
    return tuple(inbox.blobs.add(path) for path in paths)


def file_objects(inbox: Inbox, files: Sequence[Attachment]) -> list[dict[str, object]]:
    """Files for programs, with where their bytes are."""
    states = inbox.blobs.states([file.sha256 for file in files])
    return [{**attachment_object(file), "state": states[file.sha256].word} for file in files]


def file_words(file: Attachment) -> str:
    """A file in a line for people: `[image cat.png 34 kB]`."""
    return f"[{file.kind.value} {file_name(file.name)} {size_words(file.size)}]"


@click.command("files")
@click.argument("contact")
@click.option("--to", type=click.Path(path_type=Path), metavar="DIR", help="Save them there; else they are listed.")
@json_option
@pass_session
def files(session: Session, contact: str, to: Path | None, as_json: bool) -> None:
    """List the files of a conversation, or save them all; nothing is overwritten.

    Files that are not here yet are asked for, and arrive while a console is open and connected.
    """
    inbox, about = session.inbox, session.contact(contact)
    lines = every_line(inbox, about.id)
    found = list(dict.fromkeys(file for line in lines for file in line.message.attachments))
    if to is None:
        _list(inbox, found, as_json)
        return
    saved, problems = 0, 0
    for file in found:
        try:
            place = _saved(inbox, file, to)
        except FileError as error:
            problems += 1
            say(one_line(str(error), 1_000))
            inbox.blobs.want(file.sha256, file.size)
            continue
        saved += 1
        if as_json:
            print_json({**attachment_object(file), "path": str(place)})
    if not as_json:
        click.echo(f"{one_line(about.name)}: {many(saved, 'file')} in {one_line(str(to), 1_000)}.")
    if problems:
        raise FailedError(f"{many(problems, 'file')} could not be saved.")


def _saved(inbox: Inbox, file: Attachment, folder: Path) -> Path:
    """Where a file lies in the folder, saved now or the last time. Raises FileError."""
    before = folder / file_name(file.name)
    try:
        if before.is_file() and before.stat().st_size == file.size and sha256_of(before).sha256 == file.sha256:
            return before
    except OSError:  # then it is another file, and ours gets another name
        pass
    return inbox.blobs.save(file, folder)


def _list(inbox: Inbox, found: Sequence[Attachment], as_json: bool) -> None:
    for thing, file in zip(file_objects(inbox, found), found, strict=True):
        if as_json:
            print_json(thing)
        else:
            click.echo(file_words(file) + ("" if thing["state"] == "here" else f" {thing['state']}"))
    if not found and not as_json:
        click.echo("No files were sent.")
