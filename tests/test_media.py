"""Which files a channel takes, and the sentence about one that it does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ismsg_tui.domain.entities import Attachment, Channel, FileKind
from ismsg_tui.domain.media import (
    CHANNEL_MEDIA,
    MB,
    check_attachment,
    fitted_to,
    kind_of,
    media_of,
    size_words,
    takes_voice,
)

KINDS = (*CHANNEL_MEDIA, "email", "web", "twilio_whatsapp")
TYPES = ("image/jpeg", "image/webp", "video/mp4", "audio/mpeg", "audio/ogg", "application/pdf", "text/plain")


def channel(kind: str) -> Channel:
    return Channel(id="1", kind=kind, name="Here", text_limit=1_000, media=media_of(kind))


def attachment(mime: str, size: int = 1_000, kind: FileKind | None = None, name: str = "a file") -> Attachment:
    return Attachment(name=name, kind=kind or kind_of(mime), mime=mime, size=size, sha256="0" * 64)


def reason(kind: str, file: Attachment) -> str:
    refusal = check_attachment(channel(kind), file)
    return refusal.reason if refusal else ""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mime", TYPES)
def test_a_file_is_taken_up_to_the_limit_and_not_one_byte_over_it(kind: str, mime: str) -> None:
    taken = fitted_to(channel(kind), attachment(mime))
    if taken is None:
        assert reason(kind, attachment(mime))
        return
    limit = max(rule.limit for rule in media_of(kind) if rule.kind is taken)
    assert check_attachment(channel(kind), attachment(mime, limit)) is None
    refusal = check_attachment(channel(kind), attachment(mime, limit + 1))
    assert refusal is not None
    assert refusal.code == "file-too-large"
    assert f"{limit:,} bytes" in refusal.reason


def test_the_sentence_names_size_and_limit() -> None:
    assert reason("whatsapp", attachment("image/png", 12_300_000, name="cat.png")) == (
        "cat.png has 12 MB; Here takes pictures up to 5 MB."
    )


def test_line_takes_no_plain_files_and_says_what_to_do() -> None:
    assert reason("line", attachment("application/pdf", name="invoice.pdf")) == (
        "Here does not take invoice.pdf: it takes pictures (jpeg, png), videos (mp4), sound files (mp4). "
        "Send it as a link instead."
    )


def test_sms_takes_no_files_at_all() -> None:
    assert reason("sms", attachment("image/png")) == "Here takes no files: send a link instead."


def test_an_empty_file_is_not_sent() -> None:
    assert "empty" in reason("web", attachment("text/plain", 0))


@pytest.mark.parametrize(
    ("kind", "sent_as"),
    [
        ("whatsapp", FileKind.VOICE),
        ("whatsapp_cloud", FileKind.VOICE),
        ("telegram", FileKind.VOICE),
        ("messenger", FileKind.AUDIO),
        ("facebook", FileKind.AUDIO),
        ("web", FileKind.AUDIO),
        ("twilio_whatsapp", FileKind.FILE),
        ("viber", FileKind.FILE),
        ("line", None),
        ("sms", None),
        ("twilio", None),
    ],
)
def test_a_recording_goes_as_the_best_that_the_channel_knows(kind: str, sent_as: FileKind | None) -> None:
    assert fitted_to(channel(kind), attachment("audio/ogg; codecs=opus", kind=FileKind.VOICE)) is sent_as
    assert takes_voice(channel(kind)) is (sent_as is FileKind.VOICE)


def test_names_from_outside_do_no_harm_in_a_sentence() -> None:
    assert "\x1b" not in reason("line", attachment("application/pdf", name="\x1b[2Jx.pdf"))


@given(st.integers(0, 10**13))
def test_sizes_are_short_and_have_a_unit(size: int) -> None:
    number, unit = size_words(size).split()
    assert float(number.replace(",", "")) >= 0
    assert unit in ("B", "kB", "MB", "GB")


def test_sizes_round_to_the_next_unit() -> None:
    assert [size_words(size) for size in (0, 999, 1_000, 3_400, 999_999, 16 * MB, 2_500 * MB)] == [
        "0 B",
        "999 B",
        "1 kB",
        "3.4 kB",
        "1 MB",
        "16 MB",
        "2.5 GB",
    ]
