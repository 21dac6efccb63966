"""Which files a channel takes."""

from __future__ import annotations

from ismsg_tui.domain.entities import Attachment, Channel, FileKind, MediaRule
from ismsg_tui.domain.state import Refusal

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
        MediaRule(FileKind.AUDIO, ("audio/mp4", "audio/mpeg"), 10 * MB),
    ),
    "sms": (),
}
"""What is known of the platforms; their documents name these types and sizes."""
OTHER_MEDIA = tuple(
    MediaRule(kind, ANY_TYPE, 25 * MB) for kind in (FileKind.IMAGE, FileKind.VIDEO, FileKind.AUDIO, FileKind.FILE)
)
"""What e-mail, web pages and channels of one's own are taken to carry."""


def media_of(kind: str) -> tuple[MediaRule, ...]:
    """The files that a new channel of this kind takes."""
    return CHANNEL_MEDIA.get(kind, OTHER_MEDIA)


def takes_voice(channel: Channel) -> bool:
    """Whether recordings arrive as voice notes."""
    return any(rule.kind is FileKind.VOICE for rule in channel.media)


def rule_for(channel: Channel, kind: FileKind, mime: str) -> MediaRule | None:
    """The rule by which a channel takes such a file: that of its kind, else it goes as a plain file."""
    for wanted in (kind, FileKind.FILE):
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
    """Whether a channel takes a file; the reason names the limit."""
    if not channel.media:
        return Refusal("no-files", f"{channel.name} takes no files.")
    rule = rule_for(channel, attachment.kind, attachment.mime)
    if rule is None:
        types = ", ".join(sorted({kind for item in channel.media for kind in item.types}))
        return Refusal("file-type", f"{channel.name} does not take {attachment.mime}; it takes {types}.")
    if attachment.size == 0:
        return Refusal("empty-file", f"{attachment.name} is empty: there is nothing to send.")
    if attachment.size > rule.limit:
        return Refusal(
            "file-too-large",
            f"{attachment.name} has {size_words(attachment.size)}; {channel.name} takes {rule.kind} files up to "
            f"{size_words(rule.limit)}.",
        )
    return None


def size_words(size: int) -> str:
    """A size in bytes as people read it: `512 B`, `3.4 kB`, `16 MB`."""
    if size < 1_000:
        return f"{size} B"
    for unit, factor in (("kB", 1_000), ("MB", MB), ("GB", 1_000 * MB)):
        value = size / factor
        if value < 999.5 or unit == "GB":
            return f"{value:.1f} {unit}" if value < 10 and value != int(value) else f"{value:,.0f} {unit}"
    raise AssertionError("unreachable")
