"""Sound on the shell: `record`, `play`."""

from __future__ import annotations

from pathlib import Path

import click

from ismsg_tui.cli.errors import FailedError
from ismsg_tui.cli.session import Session, pass_session
from ismsg_tui.domain.entities import Attachment, Channel
from ismsg_tui.domain.text import file_name
from ismsg_tui.files.handling import examine
from ismsg_tui.inbox import Inbox


def spoken_in(inbox: Inbox, channel: Channel | None, path: Path) -> Attachment:
    """A sound file as what the channel takes of recordings. Raises FileError, FailedError."""
    from ismsg_tui.audio.ports import AudioError, UnknownSoundError
    from ismsg_tui.voice_notes import attachment_of_file, way_of

    way = way_of(channel)
    if way.form is None:
        raise FailedError(way.words)
    examine(path)
    try:
        return attachment_of_file(inbox, path, way)
    except UnknownSoundError as error:
        raise FailedError(f"{file_name(path.name)} is no sound that ismsg knows: send it with --attach.") from error
    except AudioError as error:
        raise FailedError(str(error)) from error


@click.command("record")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--seconds", type=click.FloatRange(min=0, min_open=True), metavar="N", help="End by itself after so many seconds."
)
@click.option("--device", metavar="NAME", help="The microphone, by a part of its name; else that of the settings.")
@click.option("--force", is_flag=True, help="Replace FILE if it is there already.")
@pass_session
@click.pass_context
def record(
    ctx: click.Context, session: Session, file: Path, seconds: float | None, device: str | None, force: bool
) -> None:
    """Record into FILE, an .ogg or .mp3, until Ctrl-C or for five minutes at most.

    What an earlier recording into the same FILE left behind when it was killed is written beside it first.
    """
    from ismsg_tui.audio.shell import record_to_file

    ctx.exit(record_to_file(file, seconds, device or session.config.microphone or None, force=force))


@click.command("play")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--device", metavar="NAME", help="The speaker, by a part of its name; else that of the settings.")
@pass_session
@click.pass_context
def play(ctx: click.Context, session: Session, file: Path, device: str | None) -> None:
    """Play a sound file (OGG, MP3, WAV, FLAC) until its end or Ctrl-C."""
    from ismsg_tui.audio.shell import play_file

    ctx.exit(play_file(file, device or session.config.speaker or None))
