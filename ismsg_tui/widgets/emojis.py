"""Emoji by their English names: for completion while typing and for the picker."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from ismsg_tui.domain.matching import LETTERS, Query
from ismsg_tui.domain.search_text import search_form

_TONE = "skin tone"
_FIRST_PICTURE = "\u2300"
"""What comes before is a letter or a sign unless it is followed by the selector that makes it a picture."""
_USUAL = [
    "thumbs_up",
    "folded_hands",
    "slightly_smiling_face",
    "smiling_face_with_smiling_eyes",
    "red_heart",
    "party_popper",
    "waving_hand",
    "clapping_hands",
    "OK_hand",
    "check_mark_button",
    "cross_mark",
    "warning",
    "raising_hands",
    "handshake",
    "sparkles",
    "rocket",
    "star",
    "fire",
    "thinking_face",
    "crying_face",
    "grinning_face_with_sweat",
    "pleading_face",
    "person_shrugging",
    "hourglass_not_done",
    "calendar",
    "telephone_receiver",
    "e-mail",
    "airplane",
    "hot_beverage",
    "wrapped_gift",
]


@dataclass(frozen=True, slots=True)
class Emoji:
    """One emoji with its names, written as between the colons of `:thumbs_up:`."""

    char: str
    name: str
    aliases: tuple[str, ...]
    forms: tuple[str, ...]
    """The names in their search form."""

    @property
    def toned(self) -> bool:
        """Whether this is the variant of another in a skin tone."""
        return _TONE in self.forms[0]


@cache
def all_emojis() -> tuple[Emoji, ...]:
    """Every emoji once, those people use most first, skin tones last."""
    # Its data takes a while to load, and a start needs none of it.
    import emoji

    found: list[Emoji] = []
    for char, data in emoji.EMOJI_DATA.items():
        if data["status"] == emoji.STATUS["fully_qualified"]:
            names = [name.strip(":") for name in (data["en"], *data.get("alias", ()))]
            forms = tuple(search_form(name.replace("_", " ")) for name in names)
            found.append(Emoji(char, names[0], tuple(names[1:]), forms))
    usual = {name: place for place, name in enumerate(_USUAL)}
    found.sort(key=lambda item: (item.toned, usual.get(item.name, len(usual)), len(item.name)))
    return tuple(found)


@cache
def _by_name() -> dict[str, str]:
    names = {name.casefold(): item.char for item in all_emojis() for name in item.aliases}
    return names | {item.name.casefold(): item.char for item in all_emojis()}


@cache
def _by_char() -> dict[str, Emoji]:
    return {item.char: item for item in all_emojis()}


def named(name: str) -> str | None:
    """The emoji of exactly that name or alias; case makes no difference."""
    return _by_name().get(name.casefold())


def describe(char: str) -> Emoji | None:
    """What is known of an emoji; None if the text is none."""
    return _by_char().get(char)


def search(query: str, limit: int = 50, *, worst: int = LETTERS) -> list[Emoji]:
    """The emoji that fit a query best, at most `limit`; the usual ones if nothing was typed.

    Skin tones are found by a query that says "tone" or "skin"; `worst` is the worst grade of `matching` to take.
    """
    wanted = Query(query.replace("_", " "))
    if not wanted:
        return list(all_emojis()[: min(limit, len(_USUAL))])
    toned = "tone" in query or "skin" in query
    candidates = [item for item in all_emojis() if toned or not item.toned]
    best = wanted.rank(((item.forms, "") for item in candidates), worst=worst)
    return [candidates[place] for place in best[:limit]]


def in_words(text: str) -> str:
    """The text with its emoji as names between colons: `:thumbs_up:`.

    Signs that are emoji only in name, such as ©, ™ and arrows, stay unless they are asked to look like one.
    """
    if text.isascii():
        return text
    import emoji

    def name_of(char: str, data: dict[str, str]) -> str:
        return char if char < _FIRST_PICTURE and len(char) == 1 else data["en"]

    return emoji.replace_emoji(text, name_of)
