"""From a recording to a file that a channel takes: as what it goes, and the work of making it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from ismsg_tui.audio.encoding import SoundFormat, encode
from ismsg_tui.audio.sounds import as_bytes, blocks, length, open_sound, peaks
from ismsg_tui.audio.take import Take
from ismsg_tui.clock import now_ms
from ismsg_tui.domain.entities import Attachment, Channel, FileKind, MessageKind
from ismsg_tui.domain.media import check_attachment, fitted_to, takes_voice
from ismsg_tui.domain.text import one_line
from ismsg_tui.inbox import Inbox
from ismsg_tui.times import local

ENCODING = 0.9
"""The share of the work of making a file that is encoding; the rest is copying it into the store."""


@dataclass(frozen=True)
class Way:
    """As what recordings go through a channel."""

    form: SoundFormat | None
    """None where they don't go at all."""
    kind: FileKind
    words: str
    """What will happen, or why nothing can, for the agent."""


def way_of(channel: Channel | None) -> Way:
    """As what recordings go through a channel: as voice notes where it knows them, else as sound, else not."""
    if channel is None:
        return Way(None, FileKind.FILE, "The contact has no channel to be reached through: nothing can be sent.")
    if takes_voice(channel):
        return Way(SoundFormat.VOICE, FileKind.VOICE, "goes as a voice note (OGG/Opus)")
    mime = SoundFormat.MP3.mime
    sound = Attachment(name="recording.mp3", kind=FileKind.AUDIO, mime=mime, size=1, sha256="")
    refusal, kind = check_attachment(channel, sound), fitted_to(channel, sound)
    if refusal is not None or kind is None:
        return Way(None, FileKind.FILE, refusal.reason if refusal else f"{one_line(channel.name)} takes no sound.")
    return Way(SoundFormat.MP3, kind, f"{one_line(channel.name)} does not take voice notes: goes as an MP3 file")


def make_attachment(
    inbox: Inbox,
    take: Take,
    way: Way,
    *,
    progress: Callable[[float], None] = lambda _share: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Attachment | None:
    """Make a file of a take and put it into the store; for a thread of its own. None if it was cancelled.

    `progress` is told the share done, 0 to 1. The take stays in any case. Raises AudioError, FileError, and ValueError
    for a way that leads nowhere.
    """
    if way.form is None:
        raise ValueError(way.words)
    path = take.path.with_suffix(way.form.suffix)
    try:
        encoded = encode(take, way.form, path, progress=lambda share: progress(share * ENCODING), cancelled=cancelled)
        if encoded is None or cancelled():
            return None
        return inbox.blobs.add(
            path,
            name=f"{_stem(take)}{way.form.suffix}",
            kind=way.kind,
            mime=encoded.mime,
            duration=round(encoded.seconds * 1000),
            peaks=tuple(encoded.peaks),
            progress=lambda done, total: progress(ENCODING + (1 - ENCODING) * done / max(total, 1)),
        )
    finally:
        path.unlink(missing_ok=True)


def _stem(take: Take) -> str:
    return f"voice-{local(take.started):%Y-%m-%d-%H%M%S}"


def was_sent(inbox: Inbox, take: Take) -> bool:
    """Whether a take has gone to its contact: a console that was killed may have had no time to delete it."""
    return any(
        Path(file.name).stem == _stem(take) and file.duration == round(take.seconds * 1000)
        for message in inbox.messages_with_files(take.tag)
        for file in message.attachments
        if message.kind is MessageKind.OUTGOING
    )


def attachment_of_file(inbox: Inbox, path: Path, way: Way) -> Attachment:
    """A sound file as a recording to send: as it is where the channel takes it so, else converted.

    Raises AudioError, FileError, OSError, and ValueError for a way that leads nowhere.
    """
    if way.form is None:
        raise ValueError(way.words)
    with open_sound(path) as file:
        kept = (
            file.format == "OGG" and file.subtype == "OPUS" if way.form is SoundFormat.VOICE else file.format == "MP3"
        )
        seconds = length(file)
    if kept:
        waveform, duration = tuple(peaks(path)), round(seconds * 1000)
        return inbox.blobs.add(path, kind=way.kind, mime=way.form.mime, duration=duration, peaks=waveform)
    with TemporaryDirectory(prefix="ismsg-") as folder:
        attachment = make_attachment(inbox, _as_take(path, Path(folder)), way)
    if attachment is None:
        raise AssertionError("nobody cancels this")
    return attachment


def _as_take(path: Path, folder: Path) -> Take:
    take = folder / "file.pcm"
    with open_sound(path) as file, take.open("wb") as target:
        rate: int = file.samplerate
        for block in blocks(file):
            target.write(as_bytes(block))
    return Take(take, rate, started=now_ms())
