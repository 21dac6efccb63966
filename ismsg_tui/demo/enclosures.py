"""The files that guests send: small ones that ship beside this module, in `files/`."""

from __future__ import annotations

from functools import cache
from hashlib import sha256

from ismsg_tui.demo.content import CONTENT
from ismsg_tui.demo.scene import Enclosure
from ismsg_tui.domain.entities import Attachment, FileKind, Message
from ismsg_tui.domain.media import kind_of
from ismsg_tui.files.handling import media_type

_HEARD = {
    FileKind.FILE: "file",
    FileKind.IMAGE: "picture",
    FileKind.AUDIO: "sound",
    FileKind.VIDEO: "video",
    FileKind.VOICE: "voice message",
}


@cache
def attachment(file: Enclosure) -> Attachment:
    """A file of a scene as it goes with a message."""
    content = content_of(file.name)
    mime = media_type(content[:16], file.name)
    return Attachment(
        name=file.name,
        kind=kind_of(mime) if file.seconds is None else FileKind.VOICE,
        mime=mime if file.seconds is None else f"{mime}; codecs=opus",
        size=len(content),
        sha256=sha256(content).hexdigest(),
        duration=None if file.seconds is None else round(file.seconds * 1000),
        peaks=file.peaks,
    )


def heard(message: Message) -> str:
    """What somebody makes of a message: its words, and what came with it."""
    files = [f"attached: {_HEARD[file.kind]} {file.name}" for file in message.attachments]
    return "\n".join(filter(None, (message.text, *files)))


def content_of(name: str) -> bytes:
    """The content of a file of the demo. Raises OSError."""
    return (CONTENT / "files" / name).read_bytes()
