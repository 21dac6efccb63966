"""Text from outside: made safe for a terminal, cut to one line, turned into file names.

Pure functions that never raise; whatever they return can be encoded as UTF-8.
"""

from __future__ import annotations

import re
import unicodedata

MAX_MARKS = 8
"""The most combining marks and joiners that may follow one character."""

MAX_FILE_NAME = 200
"""The longest file name in characters; in UTF-8 it is at most `_MAX_FILE_NAME_BYTES` long."""

_MAX_FILE_NAME_BYTES = 240  # file systems allow 255; room is left for " (2)" and ".part"
_MAX_EXTENSION = 16
_MAX_PATH = 4_096
_MAX_HEAD = 65_536
_MAX_GRAPHEME = 64

_SELECTORS = "\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef"
_NONCHARACTERS = "\ufdd0-\ufdef" + "".join(chr(plane << 16 | low) for plane in range(17) for low in (0xFFFE, 0xFFFF))

# Two quick looks tell that there is nothing to do. The second takes in all of the planes 3 and up that hold no letters:
# few ranges there are what makes it quick.
_UNSAFE_ASCII = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_UNSAFE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u200b\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufdd0-\ufdef\ufeff\ufff9-\ufffb"
    r"\ufffe\uffff\U0001d173-\U0001d17a\U0001fffe\U0001ffff\U0002fffe\U0002ffff\U0003fffe-\U0010ffff]"
)
_REPEATED_SELECTOR = re.compile(f"([{_SELECTORS}])[{_SELECTORS}]+")
# Every mark and joiner is among these, and few other characters come in such runs.
_MARK_RUN = re.compile(rf"[^\w\s\x00-\x7f]{{{MAX_MARKS + 1},}}")

_SURROGATE = re.compile(r"[\ud800-\udfff]")
_LINE_END = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_NONCHARACTER = re.compile(f"[{_NONCHARACTERS}]")
_TO_LINE_END = r"[^\n\r\x0b\x0c\x85\u2028\u2029"
_ESCAPE = re.compile(
    # OSC, ended by BEL or ST; without an end it takes the rest of the line, up to the next escape.
    rf"\x1b\]{_TO_LINE_END}\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
    # DCS, SOS, PM and APC, which may hold an ESC of their own (tmux passes sequences through so).
    rf"|\x1b[PX^_](?:{_TO_LINE_END}\x1b\x9c]|\x1b(?!\\))*(?:\x1b\\|\x9c)?"
    # The same strings begun by one C1 character, only if ended too: unended ones come from text read in the wrong
    # encoding, which is to lose a character and not a line.
    r"|[\x90\x98\x9d-\x9f][^\x00-\x1f\x7f-\x9f\u2028\u2029]*(?:\x07|\x1b\\|\x9c)"
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|\x1b[ -/]*[0-~]?"
)
# The flags of England, Scotland and Wales are the only use of tag characters; elsewhere these hide text.
_UNSEEN = re.compile(
    "(\U0001f3f4(?:\U000e0067\U000e0062(?:\U000e0065\U000e006e\U000e0067|\U000e0073\U000e0063\U000e0074"
    "|\U000e0077\U000e006c\U000e0073)\U000e007f))"
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u200b\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U0001d173-\U0001d17a"
    "\U000e0000-\U000e007f]"
)

# The later parts of a Hangul syllable, the voicing marks of half-width kana, skin tones.
_CONTINUATION = re.compile("[\u1160-\u11ff\uff9e\uff9f\U0001f3fb-\U0001f3ff]")
_BLANK_LETTERS = dict.fromkeys(map(ord, "\u115f\u1160\u2800\u3164\uffa0"), " ")
_INVISIBLE = " \u061c\u200c\u200d\u200e\u200f\ufe0e\ufe0f"
_LAST_EXTENSION = re.compile(rf"\.[A-Za-z0-9]{{1,{_MAX_EXTENSION}}}\Z")
_DIRECTION_MARKS = dict.fromkeys(map(ord, "\u061c\u200e\u200f"))
_RESERVED_NAME = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)", re.IGNORECASE)


def clean(text: str) -> str:
    """Make `text` safe to write to a terminal, keeping its words, line breaks and tabs, in NFC.

    Whole escape sequences, other control characters, bidirectional overrides and isolates, and characters that are
    never seen (zero-width spaces, soft hyphens, tags) go; what is no character becomes U+FFFD; every kind of line end
    becomes a newline; stacks of marks are cut to `MAX_MARKS`. Joiners and direction marks stay, as Persian, emoji and
    Hebrew need them. Text that is fine is returned as the same object.
    """
    if text.isascii():
        return _scrub(text) if not text.isprintable() and _UNSAFE_ASCII.search(text) else text
    cleaned = _scrub(text) if _UNSAFE.search(text) else text
    if _REPEATED_SELECTOR.search(cleaned):
        cleaned = _REPEATED_SELECTOR.sub(r"\1", cleaned)
    if not unicodedata.is_normalized("NFC", cleaned):
        cleaned = unicodedata.normalize("NFC", cleaned)
    if _MARK_RUN.search(cleaned):
        cleaned = _MARK_RUN.sub(_limit_marks, cleaned)
    return text if cleaned == text else cleaned


def one_line(text: str, limit: int = 200) -> str:
    """The beginning of `text`, cleaned, as one line of at most `limit` characters that ends with a whole grapheme.

    White space is folded to single spaces; text that shows nothing becomes "". Only as much of `text` is read as is
    needed, and never more than its first 65,536 characters.
    """
    size = 4 * limit + 64
    while True:
        line = clean(text[:size])
        if not line.isascii():
            line = line.translate(_BLANK_LETTERS)
        line = " ".join(line.split())
        if len(line) > limit or size >= min(len(text), _MAX_HEAD):
            break
        size = min(8 * size, _MAX_HEAD)
    line = _cut(line, limit).rstrip()
    return line if line.strip(_INVISIBLE) else ""


def file_name(name: str) -> str:
    """A name to show and to save a file under: the last part of the path `name`, never empty, hidden or reserved.

    At most `MAX_FILE_NAME` characters and 240 bytes of UTF-8 long; a long name keeps its extension. A name of which
    nothing is left becomes "file".
    """
    line = one_line(name[-_MAX_PATH:].translate(_DIRECTION_MARKS), _MAX_PATH)
    if (last := _LAST_EXTENSION.search(name)) and not line.endswith(last[0]):
        # A sequence that has no end has swallowed it; what a file really is must be seen all the same.
        line = (line or "file") + last[0]
    parts = [part for part in re.split(r"[/\\]", line) if part.strip(" .")]
    safe = re.sub(r'[<>:"|?*]+', "_", parts[-1]) if parts else ""
    safe = safe.lstrip(" .-~").rstrip(" .")
    if _RESERVED_NAME.match(safe):
        safe = f"_{safe}"
    stem, dot, extension = safe.rpartition(".")
    if not stem or not extension.isalnum() or len(extension) > _MAX_EXTENSION:
        stem, dot, extension = safe, "", ""
    ending = dot + extension
    room = stem.encode()[: _MAX_FILE_NAME_BYTES - len(ending.encode())].decode(errors="ignore")
    stem = _cut(stem, min(len(room), MAX_FILE_NAME - len(ending))).rstrip(" .")
    return stem + ending if stem.strip(_INVISIBLE) else f"file{ending}"


def _scrub(text: str) -> str:
    """Take away what must not reach a terminal; the slow half of `clean`."""
    if _SURROGATE.search(text):
        # Halves that meet become the character they were cut from.
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    text = _LINE_END.sub("\n", _ESCAPE.sub("", text))
    text = _UNSEEN.sub(lambda match: match[1] or "", text)
    return _NONCHARACTER.sub("\ufffd", text)


def _limit_marks(match: re.Match[str]) -> str:
    kept = []
    marks = 0
    for char in match[0]:
        marks = marks + 1 if _is_mark(char) else 0
        if marks <= MAX_MARKS:
            kept.append(char)
    return "".join(kept)


def _is_mark(char: str) -> bool:
    """Whether `char` is drawn with the character before it, or not at all."""
    return unicodedata.category(char) in ("Mn", "Mc", "Me", "Cf")


def _cut(text: str, limit: int) -> str:
    """The first `limit` characters of `text`, or fewer where a grapheme would be split."""
    if len(text) <= limit:
        return text
    for at in range(limit, max(limit - _MAX_GRAPHEME, 0), -1):
        if not joins(text, at):
            return text[:at]
    return text[: max(limit, 0)]


def joins(text: str, at: int) -> bool:
    """Whether the characters before and after the place `at` belong together."""
    after = text[at]
    if after < "\u0300":
        return False
    if _is_mark(after) or text[at - 1] == "\u200d" or _CONTINUATION.match(after):
        return True
    indicators = at
    while indicators > 0 and "🇦" <= text[indicators - 1] <= "🇿" and at - indicators < _MAX_GRAPHEME:
        indicators -= 1
    return "🇦" <= after <= "🇿" and (at - indicators) % 2 == 1
