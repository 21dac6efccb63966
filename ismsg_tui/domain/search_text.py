"""The form in which text is searched. Pure functions that never raise.

The search form serves one SQLite FTS5 table with the *trigram* tokenizer (its default `detail=full`). Trigrams alone
miss words of one or two characters, which is most of Chinese or Thai; so each character of a script written without
spaces stands between middle dots, shared with its neighbour: `退款` is kept as ` ·退·款· `. One character is then the
trigram `·款·` and a pair of characters `退·款`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from ismsg_tui.domain.text import joins

MAX_QUERY_WORDS = 32
"""Words of a search beyond these are ignored."""

_MAX_QUERY = 500


_START, _END = "\x01", "\x02"
_EDGES = {_END + _START: "·", _START: " ·", _END: "· "}
_FOLDED_PIECE = re.compile(rf"{_END}{_START}|[\s\S]")

# Characters to be found one by one: of scripts without spaces, of Hangul (where a word is often a part of a longer
# one), and pictures. A Thai vowel or tone mark counts as a character, so that any part of what is written is found.
_APART = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u1950-\u19ff\u1a20-\u1aaf\u2e80-\u2fdf\u3005-\u3007"
    "\u3021-\u312f\u31a0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\ua980-\ua9ff\uaa60-\uaadf\uac00-\ud7ff"
    "\uf900-\ufaff\U0001b000-\U0001b16f\U00020000-\U0003fffd"
    "\u2300-\u23ff\u25a0-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff]"
)
# Apostrophes, Arabic stretching and skin tones: people write the same word with and without.
_SKIPPED = frozenset("'’‘ʹʻʼʽ\u0640🏻🏼🏽🏾🏿")
_ACCENTS = ("COMBINING", "ARABIC", "HEBREW", "VARIATION SELECTOR", "MONGOLIAN FREE VARIATION SELECTOR")
# Letters that do not fall apart into a letter and an accent, and Arabic ones that stand for each other.
_ALIKE = str.maketrans(
    {"đ": "d", "ħ": "h", "ı": "i", "ł": "l", "ø": "o", "æ": "ae", "œ": "oe"}
    | {"\u0649": "\u064a", "\u06cc": "\u064a", "\u06a9": "\u0643", "\u0629": "\u0647", "\u06c1": "\u0647"}
)


def search_form(text: str) -> str:
    """`text` as it is kept in the search index: without case, accents and punctuation, a space at either end.

    Characters of scripts without spaces, and emoji, stand between middle dots. Where nothing is left it is "".
    Meant for text that was cleaned.
    """
    folded = _fold(text)
    if not folded.isascii():
        folded = folded.replace(_END + _START, "·").replace(_START, " ·").replace(_END, "· ")
    form = " ".join(folded.split())
    return f" {form} " if form else ""


def match_query(text: str) -> str | None:
    """What somebody typed as an FTS5 MATCH expression over `search_form`; None if there is nothing to look for.

    All words have to be there, in any order. A word of three letters or more is found inside words too, one of two
    letters at the start or the end of a word, one character of Chinese, Thai and the like (or an emoji) anywhere.
    A single letter or digit counts only where nothing longer was typed. No input makes FTS5 report an error.
    """
    words = [" OR ".join(f'"{form}"' for form in forms) for forms in _query_words(text)]
    return " AND ".join(f"({word})" if " OR " in word else word for word in words) or None


def is_one_letter(text: str) -> bool:
    """Whether this is a lone letter or digit, which finds whole words alone: nothing yet to narrow a list by."""
    return len(search_form(text).strip()) == 1


def find_spans(text: str, query: str) -> list[tuple[int, int]]:
    """Where `text`, as shown, has the words of `query`: (start, end) in characters, sorted, not overlapping.

    Case and accents make no difference; a character is marked together with its combining marks.
    """
    quick = search_form(text)
    needles = {form for forms in _query_words(query) for form in forms if form in quick}
    if not needles:
        return []
    form, sources = _traced_form(text)
    found = set()
    for needle in needles:
        at = form.find(needle)
        while at >= 0:
            inside = [source for source in sources[at : at + len(needle)] if source]
            found.add((inside[0][0], inside[-1][1]))
            at = form.find(needle, at + 1)
    spans: list[tuple[int, int]] = []
    for start, end in sorted(found):
        if spans and start < spans[-1][1]:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((start, end))
    return spans


class _Folding(dict[int, str | None]):
    """What each character becomes in the search form, worked out when it is first met (for `str.translate`)."""

    def __missing__(self, code: int) -> str | None:
        folded = _fold_character(chr(code)) or None  # unlike "", None keeps ASCII on the quick way through translate
        if len(self) < 20_000:
            self[code] = folded
        return folded


_FOLDING = _Folding()


def _fold(text: str) -> str:
    """`text` folded character by character; `_START` and `_END` surround those that are found one by one."""
    if text.isascii():
        return text.encode().translate(_ASCII_FOLDING, _ASCII_SKIPPED).decode()
    return unicodedata.normalize("NFKC", text).translate(_FOLDING)


def _fold_character(char: str) -> str:
    kind = unicodedata.category(char)
    if char in _SKIPPED or kind == "Cf" or _is_accent(char):
        return ""
    if kind == "Nd":
        return str(unicodedata.decimal(char))
    seen = kind[0] in "LMN" and "FILLER" not in unicodedata.name(char, "")
    if _APART.match(char) and (seen or kind in ("So", "Cn")):  # Cn: newer than Python's tables
        return f"{_START}{char}{_END}"
    if not seen:
        return " "
    plain = "".join(part for part in unicodedata.normalize("NFKD", char.casefold()) if not _is_accent(part))
    return unicodedata.normalize("NFC", plain).translate(_ALIKE)


def _is_accent(char: str) -> bool:
    """Whether `char` is a mark that people leave out at will, unlike the vowels and tones of Indic and Thai writing."""
    if unicodedata.category(char) not in ("Mn", "Me"):
        return False
    name = unicodedata.name(char, "")
    return name.startswith(_ACCENTS) and "KATAKANA" not in name


_ASCII_SKIPPED = bytes(code for code in range(128) if not _fold_character(chr(code)))
_ASCII_FOLDING = bytes(ord(_fold_character(chr(code)) or " ") for code in range(128)) + bytes(128)
"""What each ASCII character becomes: always one of them, or nothing."""


def _query_words(text: str) -> list[tuple[str, ...]]:
    """The words of a search, each as the strings of the search form of which one has to be there."""
    words = dict.fromkeys(search_form(part).strip() for part in text[:_MAX_QUERY].split())
    kept = [word for word in words if word][:MAX_QUERY_WORDS]
    longer: list[tuple[str, ...]]
    longer = [(word,) if len(word) > 2 else (f" {word}", f"{word} ") for word in kept if len(word) > 1]
    return longer or [(f" {word} ",) for word in kept]


def _traced_form(text: str) -> tuple[str, list[tuple[int, int] | None]]:
    """The search form of `text` and, for each of its characters, the span it comes from (None for what is between)."""
    folded = ""
    origins: list[tuple[int, int]] = []
    for start, end in _graphemes(text):
        piece = _fold(text[start:end])
        folded += piece
        origins += [(start, end)] * len(piece)
    form = [" "]
    sources: list[tuple[int, int] | None] = [None]
    for match in _FOLDED_PIECE.finditer(f"{folded} "):
        for char in _EDGES.get(match[0], match[0]):
            if char != " " or form[-1] != " ":
                form.append(char)
                sources.append(None if char in " ·" else origins[match.start()])
    return "".join(form), sources


def _graphemes(text: str) -> Iterator[tuple[int, int]]:
    """The spans of `text` that are drawn as one."""
    start = 0
    for at in range(1, len(text) + 1):
        if at == len(text) or not joins(text, at):
            yield start, at
            start = at
