"""Which files a channel takes."""

from __future__ import annotations

from ismsg_tui.domain.entities import Attachment, Channel, FileKind, MediaRule
from ismsg_tui.domain.state import Refusal
from ismsg_tui.domain.text import file_name, one_line

MB = 1_000_000
ANY_TYPE = ("*/*",)
_IMAGES = ("image/jpeg", "image/png")
_VIDEOS = ("video/mp4", "video/3gpp")

CHANNEL_MEDIA: dict[str, tuple[MediaRule, ...]] = {
    "whatsapp": (
        MediaRule(FileKind.VOICE, ("audio/ogg",), 16 * MB),
        MediaRule(FileKind.IMAGE, _IMAGES, 5 * MB),
        MediaRule(FileKind.VIDEO, _VIDEOS, 16 * MB),
        MediaRule(FileKind.AUDIO, ("audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"), 16 * MB),
        MediaRule(FileKind.FILE, ANY_TYPE, 100 * MB),
    ),
    "telegram": (
        MediaRule(FileKind.VOICE, ("audio/ogg",), 50 * MB),
        MediaRule(FileKind.IMAGE, ("image/*",), 10 * MB),
        MediaRule(FileKind.VIDEO, ("video/*",), 50 * MB),
        MediaRule(FileKind.AUDIO, ("audio/mpeg", "audio/mp4", "audio/ogg"), 50 * MB),
        MediaRule(FileKind.FILE, ANY_TYPE, 50 * MB),
    ),
    "messenger": (
        MediaRule(FileKind.IMAGE, ("image/*",), 25 * MB),
        MediaRule(FileKind.VIDEO, ("video/*",), 25 * MB),
        MediaRule(FileKind.AUDIO, ("audio/mpeg", "audio/ogg", "audio/wav"), 25 * MB),
        MediaRule(FileKind.FILE, ANY_TYPE, 25 * MB),
    ),
    "viber": (
        MediaRule(FileKind.IMAGE, ("image/jpeg", "image/png", "image/gif"), 1 * MB),
        MediaRule(FileKind.VIDEO, ("video/mp4",), 26 * MB),
        MediaRule(FileKind.FILE, ANY_TYPE, 50 * MB),
    ),
    "line": (
        MediaRule(FileKind.IMAGE, _IMAGES, 10 * MB),
        MediaRule(FileKind.VIDEO, ("video/mp4",), 200 * MB),
        MediaRule(FileKind.AUDIO, ("audio/mp4",), 10 * MB),
    ),
    "instagram": (
        MediaRule(FileKind.IMAGE, ("image/*",), 25 * MB),
        MediaRule(FileKind.VIDEO, ("video/*",), 25 * MB),
    ),
    "sms": (),
}
"""What is known of the platforms; their documents name these types and sizes."""
# Providers between us and WhatsApp know no voice notes, and MP3 is the one sound that all of them take.
_RELAYED_WHATSAPP = tuple(
    MediaRule(rule.kind, ("audio/mpeg",), rule.limit) if rule.kind is FileKind.AUDIO else rule
    for rule in CHANNEL_MEDIA["whatsapp"]
    if rule.kind is not FileKind.VOICE
)
_ALIASES = {
    "facebook": "messenger",
    "whatsapp_cloud": "whatsapp",
    "twilio": "sms",
    "message_bird": "sms",
    "nexmo": "sms",
}
OTHER_MEDIA = tuple(
    MediaRule(kind, ANY_TYPE, 25 * MB) for kind in (FileKind.IMAGE, FileKind.VIDEO, FileKind.AUDIO, FileKind.FILE)
)
"""What e-mail, web pages and channels of one's own are taken to carry."""


def media_of(kind: str) -> tuple[MediaRule, ...]:
    """The files that a new channel of this kind takes."""
    name = kind.casefold()
    if name.endswith("_whatsapp"):
        return _RELAYED_WHATSAPP
    return CHANNEL_MEDIA.get(_ALIASES.get(name, name), OTHER_MEDIA)


def takes_voice(channel: Channel) -> bool:
    """Whether recordings arrive as voice notes."""
    return any(rule.kind is FileKind.VOICE for rule in channel.media)


def rule_for(channel: Channel, kind: FileKind, mime: str) -> MediaRule | None:
    """The rule by which a channel takes such a file: that of its kind, else it goes as a plain file.

    A voice note goes as sound where there are none.
    """
    kinds = (kind, FileKind.AUDIO, FileKind.FILE) if kind is FileKind.VOICE else (kind, FileKind.FILE)
    for wanted in kinds:
        for rule in channel.media:
            if rule.kind is wanted and any(_fits(mime, pattern) for pattern in rule.types):
                return rule
    return None


def _fits(mime: str, pattern: str) -> bool:
    plain = mime.partition(";")[0].strip().casefold()
    if pattern == "*/*":
        return True
    return plain.startswith(pattern[:-1]) if pattern.endswith("/*") else plain == pattern


def kind_of(mime: str) -> FileKind:
    """What a file of this media type is to people; never a voice note, which only a recorder makes."""
    top = mime.partition("/")[0].casefold()
    return {"image": FileKind.IMAGE, "audio": FileKind.AUDIO, "video": FileKind.VIDEO}.get(top, FileKind.FILE)


def fitted_to(channel: Channel, attachment: Attachment) -> FileKind | None:
    """As what a channel takes a file, None if it does not."""
    rule = rule_for(channel, attachment.kind, attachment.mime)
    return None if rule is None else rule.kind


def check_attachment(channel: Channel, attachment: Attachment) -> Refusal | None:
    """Whether a channel takes a file; the reason names the limit, or what the channel takes instead."""
    name, via = file_name(attachment.name), one_line(channel.name)
    if not channel.media:
        return Refusal("no-files", f"{via} takes no files: send a link instead.")
    rule = rule_for(channel, attachment.kind, attachment.mime)
    if rule is None:
        kinds = ", ".join(_kind_words(item) for item in channel.media)
        return Refusal("file-type", f"{via} does not take {name}: it takes {kinds}. Send it as a link instead.")
    if attachment.size == 0:
        return Refusal("empty-file", f"{name} is empty: there is nothing to send.")
    if attachment.size > rule.limit:
        size, limit = size_words(attachment.size), size_words(rule.limit)
        if size == limit:
            size, limit = f"{attachment.size:,} bytes", f"{rule.limit:,} bytes"
        return Refusal("file-too-large", f"{name} has {size}; {via} takes {_KINDS[rule.kind]} up to {limit}.")
    return None


_KINDS = {
    FileKind.FILE: "files",
    FileKind.IMAGE: "pictures",
    FileKind.AUDIO: "sound files",
    FileKind.VIDEO: "videos",
    FileKind.VOICE: "voice notes",
}


def _kind_words(rule: MediaRule) -> str:
    """What a rule lets through: `pictures (jpeg, png)`."""
    types = [kind.partition("/")[2] for kind in rule.types if not kind.endswith("/*")]
    return f"{_KINDS[rule.kind]} ({', '.join(types)})" if types else _KINDS[rule.kind]


def size_words(size: int) -> str:
    """A size in bytes as people read it: `512 B`, `3.4 kB`, `16 MB`."""
    if size < 1_000:
        return f"{size} B"
    for unit, factor in (("kB", 1_000), ("MB", MB), ("GB", 1_000 * MB)):
        value = size / factor
        if value < 999.5 or unit == "GB":
            number = f"{value:.1f}".removesuffix(".0") if value < 10 else f"{value:,.0f}"
            return f"{number} {unit}"
    raise AssertionError("unreachable")
